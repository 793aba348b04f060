"""What Sphinx does for who teaches or chooses: the picture of the course, the table of times, numbers of the runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from ecgnb.course.authoring import teaching

FILLED = ("pages/instructors", "pages/map")


def write_parts(app: Sphinx) -> None:
    """Write what those pages include."""
    folder = Path(app.srcdir) / "pages" / "generated"
    folder.mkdir(exist_ok=True)
    picture = f"```{{raw}} html\n{teaching.course_picture()}\n```\n"
    texts = {name: part() for name, part in teaching.PARTS_IN_WORDS.items()}
    parts = {"map_picture": picture, **texts}
    for name, text in parts.items():
        path = folder / f"{name}.md"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the numbers of the recorded runs into the pages that name them."""
    if page in FILLED:
        source[0] = teaching.filled(source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    parts = ("map_picture", *teaching.PARTS_IN_WORDS)
    app.config.exclude_patterns += [f"pages/generated/{name}.md" for name in parts]
    app.connect("builder-inited", write_parts)
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
