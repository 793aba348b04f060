"""The book's pages as Markdown that any reader shows: for a copy of the lessons, beside which there is no book."""

from __future__ import annotations

import re
from pathlib import Path

from ecgnb.course.authoring import teaching

PACKAGE = Path(__file__).resolve().parents[2]

INCLUDE = re.compile(r"^```\{(literalinclude|include)\} (\S+)\n((?::.*\n)*)```$", re.MULTILINE)
DROPDOWN = re.compile(r"^:::\{dropdown\} (.+?)\n(.*?)^:::$", re.MULTILINE | re.DOTALL)
GLOSSARY = re.compile(r"^```\{glossary\}\n(?::\w+:\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)
TERM = re.compile(r"^(\S.*)\n  (\S)", re.MULTILINE)
DEFINED = re.compile(r"^(\S.*)\n: ", re.MULTILINE)
OF_THE_BOOK = re.compile(r'\[([^\]]+)\]\((?:generated|api)[/.][^)]*\)|<a href="\.\./summaries/[^"]*">(.+?)</a>')
LESSON = re.compile(r"\]\(\.\./(\d\d_\w+)(#[\w-]+)?\)")


def plain_page(path: Path) -> str:
    """Return a page with its numbers put in, and nothing in it that only Sphinx understands.

    What another file holds stands in its place, what unfolds is HTML, a lesson is its notebook, and what the book
    alone has (a figure, a table of all runs) is a word without a link.

    Raises
    ------
    UsageError
        For a number that no recorded run has.
    """
    text = teaching.filled(path.read_text(encoding="utf-8"))
    text = INCLUDE.sub(lambda found: _part(path.parent, found), text)
    text = DROPDOWN.sub(r"<details><summary>\1</summary>\n\n\2\n</details>", text)
    text = GLOSSARY.sub(lambda found: TERM.sub(r"**\1**: \2", found[1]), text)
    text = DEFINED.sub(r"**\1**: ", text)
    text = OF_THE_BOOK.sub(lambda found: found[1] or found[2], text)
    return LESSON.sub(r"](../\1.ipynb\2)", text)


def _part(folder: Path, found: re.Match[str]) -> str:
    """Return what an include brings: a part made of lessons and runs, or a file of the course or of the package."""
    kind, name, options = found.groups()
    if name.startswith("generated/"):
        part = teaching.PARTS_IN_WORDS.get(Path(name).stem)
        return part() if part else "*(This part is in the book alone.)*"
    of_package = name.partition("../../ecgnb/")[2]
    path = PACKAGE / of_package if of_package else folder / name
    if not path.is_file():
        return f"*(This part is in the repository alone: `{name.replace('../', '')}`.)*"
    text = path.read_text(encoding="utf-8")
    if kind == "literalinclude":
        return f"```{path.suffix[1:]}\n{text}```"
    text = "\n".join(text.splitlines()[_option("start-line", options) :])
    return re.sub("^#", "#" * (1 + _option("heading-offset", options)), text, flags=re.MULTILINE)


def _option(name: str, options: str) -> int:
    found = re.search(rf"^:{name}: (\d+)$", options, re.MULTILINE)
    return int(found[1]) if found else 0
