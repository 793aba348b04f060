"""What Sphinx does for who wants to run a lesson at once: links to Colab, Kaggle and Binder, and what they open.

A fork says where it is, in ``ECGNB_REPOSITORY``; its book then has them, and its copies of the notebooks in ``cloud/``.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from ecgnb.course.authoring.cloud import (
    FOLDER,
    Repository,
    links,
    repository,
    write_copies,
)
from ecgnb.errors import UsageError

NOTEBOOK = re.compile(r"^(?:exercises/)?\d\d_\w+$")
BUTTON = ["sd-sphinx-override", "sd-btn", "sd-btn-outline-primary", "sd-mb-1"]


def find_repository(app: Sphinx) -> None:
    """Take the repository from the environment; without one, or with one elsewhere than on GitHub, do nothing."""
    app.ecgnb_repository = None  # type: ignore[attr-defined]
    address = os.environ.get("ECGNB_REPOSITORY", "")
    branches = {
        "branch": os.environ.get("ECGNB_BRANCH", "main"),
        "book_branch": os.environ.get("ECGNB_BOOK_BRANCH", "gh-pages"),
    }
    if address:
        try:
            app.ecgnb_repository = repository(address, **branches)  # type: ignore[attr-defined]
        except UsageError as fault:
            print(
                f"book: built without links that run a lesson: {fault}", file=sys.stderr
            )


def add_links(app: Sphinx, document: nodes.document, page: str) -> None:
    """Put the links under a notebook's title."""
    there: Repository | None = app.ecgnb_repository  # type: ignore[attr-defined]
    title = next(document.findall(nodes.title), None)
    if there is None or title is None or not NOTEBOOK.match(page):
        return
    line = nodes.paragraph(classes=["ecgnb-cloud"])
    for service, address in links(there, page).items():
        words = f"Run on {service}"
        line += nodes.Text(" ")
        line += nodes.reference(
            "", words, refuri=address, internal=False, classes=BUTTON
        )
    title.parent.insert(title.parent.index(title) + 1, line)


def bring_copies(app: Sphinx, fault: Exception | None) -> None:
    """Put the copies into the book."""
    there: Repository | None = app.ecgnb_repository  # type: ignore[attr-defined]
    if fault is None and there is not None:
        source = Path(app.srcdir)
        pages = {
            page: source / f"{page}.ipynb"
            for page in app.env.found_docs
            if NOTEBOOK.match(page)
        }
        write_copies(pages, Path(app.outdir) / FOLDER, there)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("builder-inited", find_repository)
    app.connect("doctree-resolved", add_links)
    app.connect("build-finished", bring_copies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
