"""The lessons as files: where they are, how they travel, how they are copied."""

import re
import subprocess
import tomllib

import pytest
from conftest import ROOT, ecgnb

from ecgnb.course import lessons as room
from ecgnb.course.authoring.plain_pages import plain_page
from ecgnb.course.copying import copy_lessons
from ecgnb.course.lessons import lessons, lessons_dir
from ecgnb.errors import UsageError


def test_the_wheel_takes_along_all_that_a_lesson_needs():
    files = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    taken = {path for globs in files.values() for one in globs for path in ROOT.glob(one)}
    listed = subprocess.run(["git", "ls-files", "notebooks"], cwd=ROOT, capture_output=True, text=True, check=True)
    of_the_book = ("notebooks/pages/_static/", "notebooks/pages/api/", "notebooks/browser/")
    needed = {ROOT / name for name in listed.stdout.split() if not name.startswith(of_the_book)}
    left = {path.name for path in needed - taken}
    left = {name for name in left if not name.startswith("ecgnb_")}  # extensions of Sphinx
    assert left <= {"conf.py", "index.md", "ruff.toml"}, "the book's own"
    for target, globs in files.items():
        folders = {path.parent.relative_to(ROOT).as_posix() for one in globs for path in ROOT.glob(one)}
        assert folders == {target.removeprefix("share/ecgnb/")}


def test_a_copy_is_whole_and_runs_from_there(tmp_path, monkeypatch):
    folder = copy_lessons(tmp_path / "mine")
    assert {path.name for path in folder.glob("[0-9]*")} == {
        file.name for one in lessons() for file in (one.script, one.notebook)
    }
    assert (folder / "images" / "01_hero.png").is_file() and (folder / "profiles" / "smoke.yaml").is_file()
    assert not list(folder.rglob("__pycache__")) and not (folder / "conf.py").exists()
    monkeypatch.setenv("ECGNB_LESSONS_DIR", str(folder))
    assert lessons_dir() == folder and [one.number for one in lessons()][:2] == ["01", "02"]


def test_a_copys_pages_need_no_book(tmp_path):
    folder = copy_lessons(tmp_path / "mine") / "pages"
    pages = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert {"instructors.md", "map.md", "glossary.md", "cards.md"} <= set(pages) and not [
        n for n in pages if "api" in n
    ]
    for name, text in pages.items():
        assert not re.search(r"\{\{|^`{3}\{|^:{3}|^: ", text, re.MULTILINE), (
            f"{name} holds what only the book understands"
        )
        assert text.count("<details>") == text.count("</details>")
        for address in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (folder / address).is_file(), f"{name} leads to {address}, which is not there"
    assert "<summary>Why does the bootstrap draw records and not beats?</summary>" in pages["instructors.md"]
    assert "| 09 | [Find several diagnoses" in pages["instructors.md"] and "builds on 01" in pages["map.md"]
    assert "### Model card: beat_sequence" in pages["cards.md"] and 'lesson: "03"' in pages["sweeps.md"]
    assert "**R peak**: The top of" in pages["glossary.md"]


def test_a_copys_page_says_what_it_lacks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```{include} ../../data/NONE.md\n:start-line: 2\n```\n\n```{include} generated/sweep.md\n```\n")
    assert plain_page(page) == (
        "*(This part is in the repository alone: `data/NONE.md`.)*\n\n*(This part is in the book alone.)*\n"
    )


def test_a_copy_overwrites_nothing(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        copy_lessons(tmp_path)
    with pytest.raises(UsageError, match="not an empty folder"):
        copy_lessons(tmp_path / "note.txt")
    with pytest.raises(UsageError, match="among the lessons"):
        copy_lessons(lessons_dir() / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
    done = ecgnb("lessons", "--copy", tmp_path / "new")
    assert done.returncode == 0 and "jupyter lab" in done.stdout


def test_without_a_checkout_they_are_where_they_were_installed(tmp_path, monkeypatch):
    monkeypatch.delenv("ECGNB_LESSONS_DIR", raising=False)
    monkeypatch.setattr(room, "checkout", lambda: None)
    monkeypatch.setattr(room.sysconfig, "get_path", lambda name, scheme: str(tmp_path))
    with pytest.raises(UsageError, match="ECGNB_LESSONS_DIR"):
        lessons()
    installed = tmp_path / "share" / "ecgnb" / "notebooks"
    installed.mkdir(parents=True)
    (installed / "01_x.py").write_text("# %%\n1\n")
    assert [one.name for one in lessons()] == ["01_x"]
