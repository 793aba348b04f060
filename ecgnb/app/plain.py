"""What comes from a file, shown as plain text: no name, line or label of it is read as Markdown or HTML."""

from __future__ import annotations

import re

LONGEST = 300  # characters shown; a file can hold a name of a million

PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")  # in ASCII; Markdown gives a meaning to no other character

BECOMES_A_LINK = re.compile(r"(:|@|www)", re.IGNORECASE)  # Streamlit makes links and icons of plain text, too

WORD_JOINER = "\u2060"  # has no width


def one_line(text: object) -> str:
    """Return text in one line that ends somewhere; what has no glyph, or turns others around, becomes a �."""
    line = " ".join(str(text)[: 10 * LONGEST].split())
    if len(line) > LONGEST:
        line = line[: LONGEST - 1] + "…"
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)


def plain(text: object) -> str:
    """Return Markdown that shows text as it is: without image, link, formula, icon, colour or heading."""
    return BECOMES_A_LINK.sub(rf"\1{WORD_JOINER}", PUNCTUATION.sub(r"\\\1", one_line(text)))


def plain_in_figure(text: object) -> str:
    """Return text as plotly shows it as it is: plotly reads a few tags of HTML, links among them."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
