"""Markdown and tables as HTML that loads nothing and runs nothing."""

from __future__ import annotations

import html
import re

from bs4 import BeautifulSoup
from markupsafe import Markup
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from ecgnb.course.lecture.outline import Table
from ecgnb.course.page import harmless

LARGE = 56  # letters of a row that may be written large


def as_html(text: str) -> Markup:
    """Return Markdown as HTML; links that lead to other pages of the book become their words."""
    page = BeautifulSoup(harmless(markdown2html_mistune(text)), features="html.parser")
    for link in page("a"):
        if not str(link.get("href", "")).startswith("https://"):
            link.unwrap()
    for unwanted in page(["img", "button", "input"]):
        unwanted.decompose()
    for heading in page(["h1", "h2", "h3", "h4"]):
        heading.name = "p"
    return Markup(re.sub(r"\$([^$\n]+)\$", r'<span class="math">\\(\1\\)</span>', str(page)))


def inline_html(text: str) -> Markup:
    """Return a sentence of Markdown as HTML without a paragraph around it."""
    found = as_html(" ".join(text.split())).strip()
    whole = re.fullmatch(r"<p>(.*)</p>", found, re.DOTALL)
    return Markup(whole[1] if whole and "<p>" not in whole[1] else found)


def table_html(table: Table) -> Markup:
    """Return a table; numbers stand at the right."""
    letters = sum(max(map(len, column)) for column in zip(*table.rows, strict=True))
    is_small = len(table.rows) <= 6 and letters + 2 * len(table.rows[0]) <= LARGE
    lines = ['<table class="large">' if is_small else "<table>"]
    for n, row in enumerate(table.rows):
        if n in (0, table.n_head):
            lines.append("<thead>" if n == 0 and table.n_head else "</thead><tbody>" if n else "<tbody>")
        cells = []
        for k, text in enumerate(row):
            is_name = k < table.n_names
            scope = "col" if n < table.n_head else "row"
            tag = "th" if (n < table.n_head or is_name) and text else "td"
            kind = f' scope="{scope}"' if tag == "th" else ""
            side = ' class="number"' if not is_name and is_number(table, k) else ""
            cells.append(f"<{tag}{kind}{side}>{html.escape(text)}</{tag}>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return Markup("".join([*lines, "</tbody></table>"]))


def is_number(table: Table, column: int) -> bool:
    """Say whether all of a column begins like a number."""
    return all(re.match(r"[-+−]?\d|NaN|–?$", row[column]) for row in table.rows[table.n_head :])
