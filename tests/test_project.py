"""The project's own files agree with each other."""

import re
import subprocess
import tomllib

import yaml
from conftest import ROOT

from ecgnb.course.authoring import text
from ecgnb.course.lessons import lessons
from ecgnb.datasets import DATASETS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def bounds(requirements):
    return {re.match(r"[A-Za-z0-9-]+", text).group(): text for text in requirements}


def test_environment_yml_has_the_bounds_of_pyproject():
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + [
        text for name in ("notebooks", "export", "edf", "sweep", "app") for text in extras[name]
    ]
    wanted = [re.sub(r"^[a-z-]+", lambda name: CONDA_NAMES.get(name.group(), name.group()), text) for text in wanted]
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in listed if isinstance(entry, dict))
    conda = [text for text in listed if isinstance(text, str) and text != "pip"]
    assert sorted(conda) == sorted([*wanted, f"python{PROJECT['requires-python']}"])
    assert sorted(pip) == sorted([*extras["arff"], "-e ."])


def test_constraints_name_what_we_require_but_torch():
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    extras = PROJECT["optional-dependencies"]
    wanted = bounds(PROJECT["dependencies"] + [text for name in extras if name != "arff" for text in extras[name]])
    assert {name.lower() for name in wanted} - {"torch"} <= pinned
    assert not any(name == "torch" or name.startswith("nvidia") for name in pinned)


def test_readme_numbers_come_from_the_committed_runs():
    assert text.readme_text() == (ROOT / "README.md").read_text(), "run: make readme"
    assert all(lesson.title in text.readme_text() for lesson in lessons())


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_data_readme_lists_the_data_sets():
    text = (ROOT / "data" / "README.md").read_text()
    assert all(f"| {name} |" in text for name in DATASETS)


def test_links_within_the_project_lead_somewhere():
    for page in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
            assert target.startswith("https://") or (ROOT / target).exists(), f"{page}: {target}"


def test_nothing_of_a_machine_is_committed():
    paths = r"/(home|root|work|tmp|Users)/[a-z]"  # matches no line of this file: the brackets part the words
    listed = subprocess.run(
        ["git", "grep", "-nIE", paths, "--", ".", ":!tests/test_*.py"], cwd=ROOT, capture_output=True, text=True
    )
    assert listed.returncode == 1, listed.stdout[:2000] + listed.stderr
