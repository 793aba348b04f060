"""What the pages for instructors and the map of the course take from lessons and recorded runs."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from html import escape
from typing import Any

import jupytext

from ecgnb.course.authoring.numbers import filled as put_in
from ecgnb.course.authoring.numbers import values
from ecgnb.course.authoring.text import duration, is_earlier, reading_minutes, recorded
from ecgnb.course.exercises import exercises
from ecgnb.course.lessons import PROFILES, Lesson, find, lessons
from ecgnb.errors import UsageError

# Where a lesson stands on the map, column and row, and what it is called there, in two lines.
PLACES = {
    "01": (1, 0, "Abnormal beats,", "an autoencoder"),
    "02": (1, 1, "Beat classes,", "new patients"),
    "03": (0, 2, "Reconstruct", "and classify"),
    "04": (1, 2, "Lightweight", "networks"),
    "05": (2, 2, "Your own ECG,", "raw to labels"),
    "06": (2, 3, "Patients", "never met"),
    "07": (2, 4, "When to say", "I don't know"),
    "08": (1, 4, "Explanations,", "tested"),
    "09": (0, 3, "Twelve leads,", "several labels"),
}
WIDTH, HEIGHT = 228, 112  # of a box
COLUMN, ROW = 246, 168  # from one to the next


def needs(lesson: Lesson) -> list[str]:
    """Return the numbers of the lessons that a lesson says it needs."""
    prose = "\n\n".join(c.source for c in _notebook(lesson).cells if c.cell_type == "markdown")
    found = re.search(r"\*\*You need\*\*(.+?)(?:\n\n|\Z)", prose, re.DOTALL)
    if found is None:
        raise UsageError(f"lesson {lesson.number} does not say what it needs; expected a paragraph **You need**")
    text = " ".join(line.lstrip("> ") for line in found[1].splitlines())
    known = {other.number for other in lessons()} - {lesson.number}
    return sorted(known & set(re.findall(r"\b\d\d\b", text)))


def all_needs() -> dict[str, list[str]]:
    """Return, for each lesson, those that it builds on directly: what one of them needs itself is left out."""
    direct = {lesson.number: needs(lesson) for lesson in lessons()}
    return {
        number: [one for one in wanted if not any(one in _behind(other, direct) for other in wanted)]
        for number, wanted in direct.items()
    }


def _behind(number: str, direct: dict[str, list[str]]) -> set[str]:
    """Return all that a lesson needs, through others too."""
    return {one for need in direct[number] for one in {need} | _behind(need, direct)}


def course_picture() -> str:
    """Return the map of the course as SVG: a box a lesson, which is a link, and an arrow to each that builds on it.

    Text and lines have the colour of the page's text, so that it is read by day and by night.
    """
    last_column, last_row = (max(places) for places in zip(*((x, y) for x, y, _, _ in PLACES.values()), strict=True))
    width, height = last_column * COLUMN + WIDTH + 8, last_row * ROW + HEIGHT + 8
    arrows = [_arrow(start, end) for end, wanted in all_needs().items() for start in wanted]
    boxes = [_box(lesson) for lesson in lessons()]
    return "\n".join(
        [
            f'<svg class="ecgnb-map" viewBox="0 0 {width} {height}" role="group" xmlns="http://www.w3.org/2000/svg" '
            'aria-label="Map of the course: which lesson builds on which; the same in words below" '
            'style="width: 100%; max-width: 46rem; height: auto; font-family: inherit">',
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" '
            'orient="auto"><path d="M0 0L10 5L0 10z" fill="currentColor"/></marker></defs>',
            *arrows,
            *boxes,
            "</svg>",
        ]
    )


def _corner(number: str) -> tuple[int, int]:
    column, row = PLACES[number][:2]
    return 4 + column * COLUMN, 4 + row * ROW


def _arrow(start: str, end: str) -> str:
    (x, y), (to_x, to_y) = _corner(start), _corner(end)
    aside = (to_x > x) - (to_x < x)  # leaves and arrives a little towards the other one
    points = f"M{x + WIDTH // 2 + 60 * aside} {y + HEIGHT} L{to_x + WIDTH // 2 - 40 * aside} {to_y - 3}"
    return (
        f'<path d="{points}" stroke="currentColor" stroke-width="2.5" fill="none" marker-end="url(#tip)" '
        f'data-from="{start}" data-to="{end}"/>'
    )


def _box(lesson: Lesson) -> str:
    x, y = _corner(lesson.number)
    first, second = (escape(line) for line in PLACES[lesson.number][2:])
    number = f'font-weight="700" x="{x + 16}" y="{y + 36}"'
    return (
        f'<a href="../{lesson.name}.html" style="text-decoration: none">'
        f"<title>{lesson.number} · {escape(lesson.title)}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="10" fill="none" stroke="currentColor" '
        f'stroke-width="2.5" pointer-events="all"/><g fill="currentColor" font-size="24">'
        f'<text {number}>{lesson.number}</text><text x="{x + 16}" y="{y + 67}">{first}</text>'
        f'<text x="{x + 16}" y="{y + 96}">{second}</text></g></a>'
    )


def course_in_words() -> str:
    """Return what the picture shows as a list, for who can't see it."""
    lines = []
    for number, wanted in all_needs().items():
        lesson = find(number)
        after = f"builds on {' and '.join(wanted)}" if wanted else "needs no other lesson"
        lines.append(f"- [{number} · {lesson.title}](../{lesson.name}) {after}.")
    return "\n".join(lines)


def times_table() -> str:
    """Return how long each lesson takes: to read, to read with its code, and each recorded run; its exercises."""
    head = f"| | lesson | text | with code | {' | '.join(f'run: {name}' for name in PROFILES)} | exercises |"
    lines = [head, "|---|---|---|---|---|" + "---|" * len(PROFILES)]
    for lesson in lessons():
        few, many = reading_minutes(_notebook(lesson))
        runs = recorded(lesson)
        times = [_time(lesson, runs.get(name)) for name in PROFILES]
        cells = [lesson.number, f"[{lesson.title}](../{lesson.name})"]
        numbers = (time.replace(" ", "\N{NO-BREAK SPACE}") for time in (f"{few} min", f"{many} min", *times))
        lines.append(f"| {' | '.join([*cells, *numbers, str(len(exercises(lesson)))])} |")
    return "\n".join(lines)


def _time(lesson: Lesson, run: dict[str, Any] | None) -> str:
    if run is None:
        return "not run"
    return duration(run["seconds"]["total"]) + (" (earlier code)" if is_earlier(lesson, run) else "")


def filled(text: str) -> str:
    """Return a text with its numbers put in.

    ``{{02.macro_f1:.2f}}`` is a metric of a lesson's recorded default run, by its path in the record and the format of
    the number; ``{{hours 01 02}}`` is how long text and code of lessons take together.

    Raises
    ------
    UsageError
        For a number that the run does not have.
    """
    text = re.sub(r"\{\{hours ((?:\d\d ?)+)\}\}", lambda found: _hours(found[1].split()), text)
    return re.sub(r"\{\{(\d\d)\.([^{}]+)\}\}", _number, text)


def _hours(numbers: list[str]) -> str:
    minutes = sum(reading_minutes(_notebook(find(number)))[1] for number in numbers)
    return f"{minutes / 60:.1f} hours"


def _number(found: re.Match[str]) -> str:
    number, term = found.groups()
    run = recorded(find(number)).get("default", {"metrics": {}, "parameters": {}})
    try:
        return put_in(f"{{{term}}}", values(run)).replace("-", "\N{MINUS SIGN}")
    except UsageError as fault:
        raise UsageError(f"the recorded default run of lesson {number}: {fault}") from None


def _notebook(lesson: Lesson) -> Any:
    """Return a lesson's cells."""
    return _parsed(lesson.script.read_text(encoding="utf-8"))


@functools.lru_cache
def _parsed(script: str) -> Any:
    """Return a script's cells; to part a long one takes a while."""
    return jupytext.reads(script, fmt="py:percent")


# What these pages include and is text, by its name.
PARTS_IN_WORDS: dict[str, Callable[[], str]] = {"map_words": course_in_words, "times": times_table}
