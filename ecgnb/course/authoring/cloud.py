"""Notebooks to click: links to Colab, Kaggle and Binder, and copies of the lessons whose first cell installs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat

from ecgnb.errors import UsageError, plain_text

FOLDER = "cloud"  # of the book, and so of the branch that it is published on

INSTALL = """# The course, where it is missing. PyTorch stays as it is. About a minute; this cell is not of the lesson.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ecgnb") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", {source!r}], check=True)
    importlib.invalidate_caches()"""


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub: who has it, its name, the branch with the course and that with its published book."""

    owner: str
    name: str
    branch: str = "main"
    book_branch: str = "gh-pages"

    @property
    def address(self) -> str:
        """Where it is."""
        return f"https://github.com/{self.owner}/{self.name}"


def repository(address: str, **branches: str) -> Repository:
    """Return the repository of an address.

    Parameters
    ----------
    address : str
        ``https://github.com/OWNER/NAME``
    **branches : str
        `branch` and `book_branch`, where they are not ``main`` and ``gh-pages``.

    Raises
    ------
    UsageError
        Where it is none of GitHub's: Colab opens no other's notebooks.
    """
    found = re.fullmatch(r"https://github\.com/([\w-]+)/([\w.-]+?)(?:\.git)?/?", address)
    if found is None:
        raise UsageError(
            f"ECGNB_REPOSITORY is {plain_text(address)!r}; expected https://github.com/OWNER/NAME, from where Colab, "
            "Kaggle and Binder open notebooks"
        )
    return Repository(found[1], found[2], **branches)


def links(there: Repository, page: str) -> dict[str, str]:
    """Return the addresses that open a notebook, by the service's name.

    Parameters
    ----------
    there : Repository
    page : str
        Its path below ``notebooks/``, without an ending, such as ``exercises/01_ecg5000_anomaly_detection``.
    """
    copy = f"{there.book_branch}/{FOLDER}/{page}.ipynb"
    raw = f"https://raw.githubusercontent.com/{there.owner}/{there.name}/{copy}"
    binder = f"https://mybinder.org/v2/gh/{there.owner}/{there.name}/{quote(there.branch, safe='')}"
    return {
        "Colab": f"https://colab.research.google.com/github/{there.owner}/{there.name}/blob/{copy}",
        "Kaggle": f"https://kaggle.com/kernels/welcome?src={quote(raw, safe=':/')}",
        "Binder": f"{binder}?urlpath={quote(f'lab/tree/notebooks/{page}.ipynb', safe='')}",
    }


def cloud_copy(notebook: Any, page: str, there: Repository) -> Any:
    """Return a notebook as a service in the cloud needs it: a first cell that installs, no outputs, whole addresses.

    Parameters
    ----------
    notebook : NotebookNode
    page : str
        Its path below ``notebooks/``, without an ending.
    there : Repository
    """
    copy = nbformat.from_dict(json.loads(json.dumps(notebook)))
    source = f"ecgnb[cloud] @ {there.address}/archive/refs/heads/{there.branch}.zip"  # quicker than a clone
    folder = Path("notebooks", page).parent
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = _with_addresses(cell.source, folder, there)
    copy.cells.insert(0, nbformat.v4.new_code_cell(INSTALL.format(source=source), id="install"))
    copy.metadata = {"kernelspec": copy.metadata.get("kernelspec", {}), "language_info": {"name": "python"}}
    return copy


def _with_addresses(prose: str, folder: Path, there: Repository) -> str:
    """Let pictures and links of a text lead to the repository, since the folder beside it stays there."""

    def whole(found: re.Match[str]) -> str:
        path, hash_, place = found["target"].partition("#")
        parts: list[str] = []
        for part in (folder / path).parts:
            parts = parts[:-1] if part == ".." else [*parts, part]
        kind = "raw" if found["picture"] else "blob"
        return f"{found['head']}{there.address}/{kind}/{there.branch}/{'/'.join(parts)}{hash_}{place})"

    link = r"(?P<head>(?P<picture>!?)\[[^\]]*\]\()(?P<target>(?!\w+:|#)[^)\s]+)\)"
    return re.sub(link, whole, prose)


def write_copies(pages: dict[str, Path], folder: Path, there: Repository) -> None:
    """Write the copies of notebooks, by their page, into a folder."""
    for page, path in pages.items():
        target = folder / f"{page}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        target.write_text(nbformat.writes(cloud_copy(notebook, page, there)) + "\n", encoding="utf-8", newline="\n")
