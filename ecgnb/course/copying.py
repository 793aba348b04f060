"""A copy of the lessons for who works on them: with figures, exercises, recorded results, and pages to read."""

from __future__ import annotations

import shutil
from pathlib import Path

from ecgnb.course.authoring.plain_pages import plain_page
from ecgnb.course.lessons import lessons_dir
from ecgnb.course.plain import brief
from ecgnb.errors import UsageError

# Of the book alone, or made anew where it is wanted.
NOT_COPIED = (
    "__pycache__",
    ".ipynb_checkpoints",
    "_*",
    "generated",
    "conf.py",
    "index.md",
    "ecgnb_*.py",
    "browser",
    "api*",
)


def copy_lessons(folder: str | Path) -> Path:
    """Copy the lessons, with their figures, exercises and recorded results, to a folder of one's own.

    The book's pages come as `plain_page` writes them; those of the package's API are made by the book alone.

    Parameters
    ----------
    folder : path
        A new one, or an empty one.

    Returns
    -------
    Path
        Where they are.

    Raises
    ------
    UsageError
        Where the folder holds something, lies inside the lessons or cannot be written, or a page names a number that
        no recorded run has.
    """
    source, target = lessons_dir(), Path(folder).expanduser().resolve()
    if target.is_relative_to(source):
        raise UsageError(f"{target} lies among the lessons themselves; expected a folder elsewhere")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is there already, and not an empty folder; expected a new one")
    pages = {path.name: plain_page(path) for path in source.glob("pages/*.md") if not path.match("api*")}
    try:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_COPIED), dirs_exist_ok=True)
        for name, text in pages.items():
            (target / "pages" / name).write_text(text, encoding="utf-8")
    except OSError as fault:  # of one file, or `shutil.Error` of many
        raise UsageError(f"cannot copy the lessons to {target}: {brief(str(fault))}") from None
    return target
