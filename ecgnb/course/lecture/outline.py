"""An executed lesson as sections of what a reader sees: prose, folds, formulas, figures, tables, sentences."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup

from ecgnb.course.authoring.text import FOLDED
from ecgnb.course.lessons import Lesson
from ecgnb.errors import DataError

TAGS = ("slide", "skip-slide", "notes")  # of a cell: keep it at any rate, leave it out, say it and do not show it


@dataclass(frozen=True)
class Prose:
    """A paragraph or a list, in Markdown."""

    text: str
    tag: str = ""


@dataclass(frozen=True)
class Said:
    """What a cell says about its numbers, in Markdown."""

    text: str
    tag: str = ""


@dataclass(frozen=True)
class Fold:
    """What opens on click: often a guess and its answer."""

    summary: str
    text: str
    tag: str = ""


@dataclass(frozen=True)
class Formula:
    """TeX, without its dollars."""

    tex: str
    tag: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture, as an address that holds all of it, and its text for who cannot see it."""

    source: str
    alt: str
    tag: str = ""

    @property
    def ratio(self) -> float:
        """Its width over its height; a PNG says both in its first bytes."""
        first = base64.b64decode(self.source.partition(",")[2][:32])
        width, height = (int.from_bytes(first[n : n + 4], "big") for n in (16, 20))
        return width / height


@dataclass(frozen=True)
class Table:
    """Rows of texts; the first `n_head` rows and the first `n_names` columns are names."""

    rows: list[list[str]]
    n_head: int = 1
    n_names: int = 1
    tag: str = ""


@dataclass(frozen=True)
class Code:
    """A cell that a reader reads."""

    text: str
    tag: str = ""


Item = Prose | Said | Fold | Formula | Figure | Table | Code


@dataclass
class Section:
    """A heading (of level 1 to 3) and what stands below it, up to the next one."""

    title: str
    level: int
    items: list[Item] = field(default_factory=list)

    @property
    def prose(self) -> list[str]:
        """The paragraphs."""
        return [item.text for item in self.items if isinstance(item, Prose)]


@dataclass(frozen=True)
class Outline:
    """A lesson's sections, the first of which is that of its title.

    Attributes
    ----------
    lesson : Lesson
    sections : list of Section
    is_synthetic : bool
        Whether it was executed on synthetic data.
    """

    lesson: Lesson
    sections: list[Section]
    is_synthetic: bool

    def section(self, title: str) -> Section:
        """Return the section of that heading, an empty one where there is none."""
        return next((one for one in self.sections if one.title == title), Section(title, 2))


def read_outline(lesson: Lesson) -> Outline:
    """Read a lesson's executed notebook.

    Raises
    ------
    DataError
        Where there is none, or it was never executed.
    """
    notebook = _executed(lesson)
    sections: list[Section] = []
    for cell in notebook.cells:
        tag = next((tag for tag in TAGS if tag in cell.metadata.get("tags", [])), "")
        if cell.cell_type == "markdown":
            for block in _blocks(cell.source):
                if heading := re.match(r"(#{1,3}) (.+)$", block):
                    sections.append(Section(heading[2].strip(), len(heading[1])))
                elif sections:
                    sections[-1].items.append(_of_block(block, tag, lesson.script.parent))
        elif cell.cell_type == "code" and sections:
            if not FOLDED & set(cell.metadata.get("tags", [])):
                sections[-1].items.append(Code(cell.source, tag))
            for output in cell.outputs:
                sections[-1].items += _of_output(output, tag)
    source = notebook.metadata.get("ecgnb", {}).get("source", "")
    return Outline(lesson, sections, source != "real")


def _executed(lesson: Lesson) -> Any:
    try:
        notebook = nbformat.read(lesson.notebook, as_version=4)
    except FileNotFoundError:
        raise DataError(f"lesson {lesson.number} has no notebook {lesson.notebook.name}; run: make notebooks") from None
    except Exception as fault:  # of whichever reader
        raise DataError(
            f"{lesson.notebook.name} is no notebook ({type(fault).__name__}); run: make notebooks"
        ) from None
    if not any(cell.get("outputs") for cell in notebook.cells if cell.cell_type == "code"):
        raise DataError(f"lesson {lesson.number} was never executed; run: make notebooks")
    return notebook


FOLD = re.compile(r"<details[^>]*>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)


def _blocks(text: str) -> list[str]:
    """Return the blocks of a Markdown text: headings, paragraphs, lists, quotes, formulas, code, folds."""
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"^(?:> ?)?\*Starts from:.*?\*$\n?", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^(#{1,3} .+)$", r"\n\1\n", text, flags=re.MULTILINE)
    text = re.sub(r"(\$\$.+?\$\$)", r"\n\n\1\n\n", text, flags=re.DOTALL)
    kept: list[str] = []

    def put_away(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"\n\n\0{len(kept) - 1}\n\n"

    text = re.sub(r"^```.*?^```$", put_away, FOLD.sub(put_away, text), flags=re.DOTALL | re.MULTILINE)
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text) if block.strip()]
    return [kept[int(block[1:])] if block.startswith("\0") else block for block in blocks]


def _of_block(block: str, tag: str, folder: Path) -> Item:
    if fold := FOLD.fullmatch(block):
        return Fold(_plain(fold[1]), fold[2].strip(), tag)
    if formula := re.fullmatch(r"\$\$(.+)\$\$", block, re.DOTALL):
        return Formula(" ".join(formula[1].split()), tag)
    if picture := re.fullmatch(r"!\[([^\]]*)\]\(([^)]+)\)", block, re.DOTALL):
        path = folder / picture[2]
        if path.suffix != ".png" or not path.is_file():
            raise DataError(f"the text shows {picture[2]}, but there is no such PNG in {folder}")
        content = base64.b64encode(path.read_bytes()).decode()
        return Figure(f"data:image/png;base64,{content}", " ".join(picture[1].split()), tag)
    return Prose(block, tag)


def _of_output(output: Any, tag: str) -> list[Item]:
    data, about = output.get("data", {}), output.get("metadata", {})
    if "image/png" in data:
        alt = about.get("image/png", {}).get("alt", "")
        return [Figure(f"data:image/png;base64,{''.join(data['image/png'].split())}", alt, tag)]
    if "text/markdown" in data:
        return [Said(block, tag) for block in _blocks(data["text/markdown"])]
    if "<table" in data.get("text/html", "") and "ecgnb_source" not in about and "application/json" not in data:
        return [_of_table(data["text/html"], tag)]
    return []


def _of_table(html: str, tag: str) -> Table:
    """Return a table of pandas; the name of its index, in a row of its own, moves up."""
    table = BeautifulSoup(html, features="html.parser").table
    assert table is not None
    rows = [[_rounded(cell.get_text(" ", strip=True)) for cell in row(["th", "td"])] for row in table("tr")]
    n_columns = max(map(len, rows))
    rows = [
        [""] * (n_columns - len(row)) + row for row in rows
    ]  # a name that stands for several rows stands in the first
    n_head = len(table.thead("tr")) if table.thead else 0
    if n_head == 2 and not any(rows[1][1:]):
        rows[0][0] = rows[1][0] or rows[0][0]
        rows, n_head = [rows[0], *rows[2:]], 1
    body = table.tbody
    n_names = len(body.tr("th")) if body is not None and body.tr is not None else 0
    return Table(rows, n_head, n_names, tag)


def _rounded(text: str) -> str:
    """Round numbers of more than four decimals: nobody reads six of them from the last row."""
    return re.sub(r"\d+\.\d{5,}", lambda number: f"{float(number[0]):.4g}", text)


def _plain(html: str) -> str:
    return " ".join(BeautifulSoup(html, features="html.parser").get_text().split())
