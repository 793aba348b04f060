"""Write the slides: a page for each lesson, one that lists them, and beside them the scripts that they need."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ecgnb.course.lecture.deck import deck
from ecgnb.course.lecture.markup import as_html, inline_html, table_html
from ecgnb.course.lecture.outline import Figure, Outline
from ecgnb.course.lecture.slide import Slide

HERE = Path(__file__).parent


def templates() -> Environment:
    """Return the templates of this room; what they are given is text, unless it says that it is HTML."""
    found = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.filters |= {"markdown": as_html, "inline": inline_html, "table": table_html}
    return found


def write_slides(outlines: Sequence[Outline], target: Path, reveal: Sequence[Path], mathjax: Path) -> None:
    """Write the slides of some lessons into a folder.

    Parameters
    ----------
    outlines : sequence of Outline
    target : path
        Made where it is not there.
    reveal : sequence of path
        Files of reveal.js, which are copied.
    mathjax : path
        The script that sets formulas, copied too.
    """
    target.mkdir(parents=True, exist_ok=True)
    for script in (*reveal, mathjax, HERE / "slides.css"):
        shutil.copyfile(script, target / ("reveal_licence.txt" if script.name == "LICENSE" else script.name))
    pages = templates()
    listed = []
    for outline in outlines:
        slides = deck(outline)
        text = pages.get_template("slides.html").render(
            lesson=outline.lesson, slides=slides, is_synthetic=outline.is_synthetic, has_formulas=_has_formulas(slides)
        )
        (target / f"{outline.lesson.name}.html").write_text(text, encoding="utf-8")
        listed.append((outline, hero(outline), len(slides)))
    index = pages.get_template("slides_index.html").render(decks=listed)
    (target / "index.html").write_text(index, encoding="utf-8")


def hero(outline: Outline) -> Figure | None:
    """Return a lesson's title figure."""
    return next((item for item in outline.sections[0].items if isinstance(item, Figure)), None)


def _has_formulas(slides: Sequence[Slide]) -> bool:
    return any(slide.formula or "$" in "".join([slide.body, slide.caption, *slide.notes]) for slide in slides)
