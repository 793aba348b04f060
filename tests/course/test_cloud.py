"""Links that run a lesson in the cloud, and the copies that they open."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from conftest import ROOT
from docutils import nodes
from docutils.utils import new_document

from ecgnb.course.authoring.cloud import cloud_copy, links, repository, write_copies
from ecgnb.course.lessons import find
from ecgnb.errors import UsageError

THERE = repository("https://github.com/heart/ecg-course.git/")


@pytest.mark.parametrize(
    "address", ["", "github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a", "https://github.com/a/b/tree/c"]
)
def test_only_an_address_of_github_is_taken(address):
    with pytest.raises(UsageError, match="expected https://github"):
        repository(address)


def test_each_service_gets_the_address_that_it_reads():
    found = links(THERE, "exercises/01_x")
    assert found == {
        "Colab": "https://colab.research.google.com/github/heart/ecg-course/blob/gh-pages/cloud/exercises/01_x.ipynb",
        "Kaggle": "https://kaggle.com/kernels/welcome?src=https://raw.githubusercontent.com/heart/ecg-course/gh-pages/"
        "cloud/exercises/01_x.ipynb",
        "Binder": "https://mybinder.org/v2/gh/heart/ecg-course/main?urlpath="
        "lab%2Ftree%2Fnotebooks%2Fexercises%2F01_x.ipynb",
    }
    elsewhere = repository("https://github.com/a/b", branch="a/b", book_branch="site")
    assert "/blob/site/cloud/" in links(elsewhere, "01_x")["Colab"]
    assert "/gh/a/b/a%2Fb?" in links(elsewhere, "01_x")["Binder"]


def test_a_copy_installs_first_and_is_the_lesson_otherwise():
    lesson = find("01")
    notebook = nbformat.read(lesson.notebook, as_version=4)
    copy = cloud_copy(notebook, lesson.name, THERE)
    nbformat.validate(copy)
    first, *rest = copy.cells
    assert "ecgnb[cloud] @ https://github.com/heart/ecg-course/archive/refs/heads/main.zip" in first.source
    compile(first.source, "first cell", "exec")
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in rest if cell.cell_type == "code"] == code
    assert not any(cell.get("outputs") for cell in copy.cells) and any(cell.get("outputs") for cell in notebook.cells)


def test_pictures_and_links_of_a_copy_lead_to_the_repository():
    text = "![a](images/a.png) [b](pages/b.md#c) [d](../02_d.ipynb) [e](https://e.org/) [f](#f)"
    cell = nbformat.v4.new_markdown_cell(text)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    there = "https://github.com/heart/ecg-course"
    assert cloud_copy(notebook, "01_x", THERE).cells[1].source == (
        f"![a]({there}/raw/main/notebooks/images/a.png) [b]({there}/blob/main/notebooks/pages/b.md#c) "
        f"[d]({there}/blob/main/02_d.ipynb) [e](https://e.org/) [f](#f)"
    )
    below = cloud_copy(notebook, "exercises/01_x", THERE).cells[1].source
    assert f"[d]({there}/blob/main/notebooks/02_d.ipynb)" in below


def test_copies_are_files_that_jupyter_reads(tmp_path: Path):
    lesson = find("01")
    write_copies({lesson.name: lesson.notebook, f"exercises/{lesson.name}": lesson.notebook}, tmp_path, THERE)
    assert len(list(tmp_path.rglob("*.ipynb"))) == 2
    nbformat.validate(nbformat.read(tmp_path / "exercises" / lesson.notebook.name, as_version=4))
    assert (tmp_path / lesson.notebook.name).stat().st_size < 200_000, "without outputs it opens at once"


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "notebooks" / "pages")
    return importlib.import_module("ecgnb_cloud")


def page_with_title():
    document = new_document("page")
    document += nodes.section("", nodes.title("", "A lesson"), nodes.paragraph("", "text"))
    return document


@pytest.mark.parametrize(("page", "n_links"), [("01_x", 3), ("exercises/01_x", 3), ("pages/map", 0), ("index", 0)])
def test_each_notebook_of_a_forks_book_has_the_links_under_its_title(extension, monkeypatch, page, n_links):
    app, document = SimpleNamespace(), page_with_title()
    monkeypatch.setenv("ECGNB_REPOSITORY", THERE.address)
    extension.find_repository(app)
    extension.add_links(app, document, page)
    found = [node["refuri"] for node in document.findall(nodes.reference)]
    assert found == list(links(THERE, page).values())[:n_links]
    assert not n_links or document[0].index(next(document.findall(nodes.paragraph))) == 1


@pytest.mark.parametrize("address", ["", "https://gitlab.com/a/b"])
def test_a_book_of_no_fork_has_no_links(extension, monkeypatch, capsys, address):
    app, document = SimpleNamespace(), page_with_title()
    monkeypatch.setenv("ECGNB_REPOSITORY", address)
    extension.find_repository(app)
    extension.add_links(app, document, "01_x")
    assert not list(document.findall(nodes.reference))
    assert ("built without links" in capsys.readouterr().err) == bool(address)
