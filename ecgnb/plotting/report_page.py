"""A page of A4 that is written from top to bottom, in millimetres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import TextToPath

from ecgnb.plotting.ecg_paper import GREY, INK, MM_PER_INCH
from ecgnb.plotting.fonts import BASE, drawable, put

WIDE, HIGH = 210.0, 297.0  # mm

MM_PER_POINT = MM_PER_INCH / 72

LINE = 1.36  # height of a line, of the letters' size

_measure = TextToPath()


class Page:
    """A page of A4, and how far down it is written.

    Parameters
    ----------
    left, width : float
        Of the column that is written, mm.
    top : float
        Where the next line starts, mm from the upper edge.
    """

    def __init__(self, left: float = 12.5, width: float = 185.0, top: float = 11.0) -> None:
        self.figure = Figure(figsize=(WIDE / MM_PER_INCH, HIGH / MM_PER_INCH), facecolor="white")
        self.left, self.width, self.top = left, width, top

    @contextmanager
    def column(self, left: float, width: float) -> Iterator[None]:
        """Write to another column for a while."""
        before = self.left, self.width
        self.left, self.width = left, width
        yield
        self.left, self.width = before

    def skip(self, mm: float) -> None:
        """Leave some room."""
        self.top += mm

    def put(
        self, x: float, text: str, *, size: float, bold: bool = False, colour: str = INK, align: str = "left",
        alpha: float = 1.0,
    ) -> None:  # fmt: skip
        """Write one line at `x` mm, without going on to the next."""
        y = self.top + size * MM_PER_POINT
        how: dict[str, Any] = {"fontweight": "bold" if bold else "normal", "color": colour, "ha": align, "alpha": alpha}
        put(self.figure, x / WIDE, 1 - y / HIGH, text, fontsize=size, va="baseline", **how)

    def write(
        self, text: str, *, size: float, bold: bool = False, colour: str = INK, most_lines: int = 99, indent: float = 0
    ) -> None:
        """Write a paragraph, in lines as wide as the column; what does not fit ends in an ellipsis."""
        lines = wrapped(drawable(text, 2_000)[0], self.width - indent, size, bold)
        if len(lines) > most_lines:
            lines = [
                *lines[: most_lines - 1],
                shortened(" ".join(lines[most_lines - 1 :]), self.width - indent, size, bold),
            ]
        for line in lines:
            self.put(self.left + indent, line, size=size, bold=bold, colour=colour)
            self.skip(size * MM_PER_POINT * LINE)

    def heading(self, text: str, beside: str = "") -> None:
        """Write a heading, and beside it something quieter; below it, where that is too long."""
        left = mm_wide(text, 10, True) + 4
        fits = left + mm_wide(beside, 8) <= self.width
        if beside and fits:
            self.skip(0.5)
            self.put(self.left + left, beside, size=8, colour=GREY)
            self.skip(-0.5)
        self.write(text, size=10, bold=True, most_lines=1)
        self.skip(0.8)
        if not fits:
            self.write(beside, size=8, colour=GREY, most_lines=1)
            self.skip(0.8)

    def bullets(self, sentences: Sequence[str], most_lines: int) -> None:
        """Write one sentence an item."""
        for sentence in sentences:
            self.mark(self.left + 1, self.top + 1.75, "o", "#AAAAAA", size=2)
            self.write(sentence, size=8, most_lines=most_lines, indent=3.5)
            self.skip(0.5)

    def tiles(self, tiles: Sequence[tuple[str, str]]) -> None:
        """Write numbers side by side, what they are below each."""
        step = self.width / len(tiles)
        self.skip(2)
        for place, (number, what) in enumerate(tiles):
            with self.column(self.left + place * step, step - 3):
                self.put(self.left, number, size=14, bold=True)
                top = self.top
                self.skip(6.5)
                self.write(what, size=7.5, colour=GREY, most_lines=2)
                self.top = top
        self.skip(15.5)

    def rule(self) -> None:
        """Draw a line across the column."""
        x, y = [self.left / WIDE, (self.left + self.width) / WIDE], 1 - self.top / HIGH
        self.figure.add_artist(Line2D(x, [y, y], color="#CCCCCC", linewidth=0.6))

    def mark(self, x: float, y: float, marker: str, colour: str, alpha: float = 1.0, size: float = 4.5) -> None:
        """Draw a class's form at `x` and `y` mm."""
        self.figure.add_artist(
            Line2D([x / WIDE], [1 - y / HIGH], marker=marker, color=colour, alpha=alpha, markersize=size,
                   markeredgewidth=0, linestyle="")
        )  # fmt: skip

    def foot(self, text: str) -> None:
        """Write the last line of the page."""
        before, self.top = self.top, HIGH - 10
        self.write(text, size=6, colour=GREY, most_lines=1)
        self.top = before


def wrapped(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """Return text in lines of at most `width` mm; a word that is wider is cut."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if mm_wide(longer, size, bold) <= width:
            line = longer
            continue
        lines += [line] if line else []
        while mm_wide(word, size, bold) > width:
            n = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or mm_wide(word[:n], size, bold) <= width)
            lines.append(word[:n])
            word = word[n:]
        line = word
    return [*lines, line] if line or not lines else lines


def shortened(text: str, width: float, size: float, bold: bool = False) -> str:
    """Return text that ends in an ellipsis where it is wider than `width` mm."""
    if mm_wide(text, size, bold) <= width:
        return text
    while text and mm_wide(f"{text}…", size, bold) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def mm_wide(text: str, size: float, bold: bool = False) -> float:
    """Return how wide a line is, in mm."""
    return size * MM_PER_POINT * sum(_wide(sign, bold) for sign in text)


@lru_cache(maxsize=10_000)
def _wide(sign: str, bold: bool) -> float:
    """Return a sign's width, of the letters' size."""
    families = drawable(sign)[1]
    bold = bold and len(families) == 1
    font = FontProperties(family=families, weight="bold" if bold else "normal", size=100)
    return float(_measure.get_text_width_height_descent(f"{sign}|", font, False)[0] - _bar(bold)) / 100


@lru_cache(maxsize=2)
def _bar(bold: bool) -> float:
    font = FontProperties(family=[BASE], weight="bold" if bold else "normal", size=100)
    return float(_measure.get_text_width_height_descent("|", font, False)[0])
