"""What Sphinx does for the lessons' summaries: a page each to print, and in each lesson the way to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from ecgnb.course.lecture.outline import read_outline
from ecgnb.course.lecture.summary import read_glossary, summarise, write_summaries
from ecgnb.course.lessons import lessons


def lead_to_summary(app: Sphinx, document: nodes.document) -> None:
    """Put a link to its page below a lesson's title."""
    numbers = {lesson.name: lesson.number for lesson in lessons()}
    number = numbers.get(app.env.docname)
    title = next(iter(document.findall(nodes.title)), None)
    if number and title is not None:
        link = f'<p class="summary"><a href="summaries/{number}.html">This lesson on one page, to print</a></p>'
        title.parent.insert(
            title.parent.index(title) + 1, nodes.raw("", link, format="html")
        )


def bring_summaries(app: Sphinx, fault: Exception | None) -> None:
    """Put the pages into the book."""
    if fault is None and app.builder.format == "html":
        glossary = read_glossary(Path(app.srcdir) / "pages" / "glossary.md")
        found = [summarise(read_outline(lesson), glossary) for lesson in lessons()]
        write_summaries(
            found,
            Path(app.outdir) / "summaries",
            "../_static/mathjax/tex-svg.js",
            "../",
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("doctree-read", lead_to_summary)
    app.connect("build-finished", bring_summaries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
