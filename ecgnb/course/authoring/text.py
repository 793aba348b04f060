"""What is generated from lessons and recorded runs: times in a lesson, README's map, the book's tables."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import jupytext

from ecgnb.course import sections
from ecgnb.course.authoring.numbers import values
from ecgnb.course.authoring.quiz import Question, quiz_lines, quiz_path, read_quiz, with_numbers
from ecgnb.course.lessons import PROFILES, Lesson, code_sha256, lessons, parameters, results_path
from ecgnb.paths import checkout

WORDS_PER_MINUTE = 200  # of the text alone
SECONDS_PER_LINE = 8  # of code that is read, not skimmed
FOLDED = {"parameters", "hide-input", "hide-cell"}  # tags of cells that nobody has to read
EARLIER = "recorded with an earlier version of this lesson"


def recorded(lesson: Lesson) -> dict[str, dict[str, Any]]:
    """Return the recorded runs by profile, as far as they may be shown.

    A default run of other code is left out. One of the other profiles, which take seconds or hours, is kept: whoever
    shows a number of it says `EARLIER`, as `is_earlier` tells.
    """
    paths = {profile: results_path(lesson, profile) for profile in PROFILES}
    found = {profile: json.loads(path.read_text(encoding="utf-8")) for profile, path in paths.items() if path.is_file()}
    return {profile: run for profile, run in found.items() if profile != "default" or not is_earlier(lesson, run)}


def is_earlier(lesson: Lesson, run: dict[str, Any]) -> bool:
    """Say whether a run was recorded before the lesson's code became what it is now."""
    return run.get("code_sha256") != _code(lesson.script.read_text(encoding="utf-8"))


@functools.lru_cache
def _code(script: str) -> str:
    """Return the SHA-256 of a script's code cells; to part a long lesson into cells takes a while."""
    return code_sha256(jupytext.reads(script, fmt="py:percent"))


def _fill(text: str, marker: str, lines: list[str], prefix: str = "") -> str:
    """Put lines between a pair of markers, each line behind the prefix that its surroundings have."""
    start, end = f"<!-- {marker}:start -->", f"<!-- {marker}:end -->"
    pattern = re.compile(f"({re.escape(prefix + start)}\n).*?({re.escape(prefix + end)})", re.DOTALL)
    if not pattern.search(text):
        return text
    body = "".join(f"{prefix}{line}".rstrip() + "\n" for line in lines)
    return pattern.sub(lambda found: found.group(1) + body + found.group(2), text)


def lesson_text(lesson: Lesson) -> str:
    """Return the lesson's source with its generated passages filled in from the recorded runs."""
    text = sections.with_lines(lesson.script.read_text(encoding="utf-8"), jupytext.read(lesson.script))
    runs = recorded(lesson)
    full = runs.get("full", {})
    table = markdown_table(rows) if (rows := full.get("metrics", {}).get("search", [])) else []
    if table and is_earlier(lesson, full):
        table += ["", f"*This table was {EARLIER}.*"]
    text = _fill(text, "search", table, "# ")  # first: its words are read, too
    if questions := recorded_quiz(lesson):
        text = _fill(text, "quiz", quiz_lines(questions), "# ")
    prose, everything = reading_minutes(jupytext.reads(text, fmt="py:percent"))
    lines = [f"*Reading:* about {prose} minutes, {everything} with every line of code."]
    if runs:
        lines.append(f"*Running*, as measured {_times(lesson, runs)}.")
    return _fill(text, "times", lines, "# > ")


def recorded_quiz(lesson: Lesson) -> list[Question]:
    """Return a lesson's quiz with the numbers of its recorded default run; nothing where there is no quiz or no run."""
    runs, path = recorded(lesson), quiz_path(lesson)
    return with_numbers(read_quiz(path), values(runs["default"])) if "default" in runs and path.is_file() else []


def reading_minutes(notebook: Any) -> tuple[int, int]:
    """Return how long the prose takes to read, and how long prose and code do, in steps of five minutes.

    Solutions, checks and cells that the book folds away do not count.
    """
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    n_words = len(re.sub(r"^```.*?^```", "", prose, flags=re.DOTALL | re.MULTILINE).split())
    shown = [c for c in notebook.cells if c.cell_type == "code" and not FOLDED & set(c.metadata.get("tags", []))]
    n_lines = sum(bool(line.strip()) for cell in shown for line in cell.source.splitlines())
    minutes = (n_words / WORDS_PER_MINUTE, n_words / WORDS_PER_MINUTE + n_lines * SECONDS_PER_LINE / 60)
    few, many = (5 * max(1, round(value / 5)) for value in minutes)
    return few, many


def _times(lesson: Lesson, runs: dict[str, Any]) -> str:
    """Say how long each profile took, by the machine that it ran on."""
    on: dict[str, list[str]] = {}
    for profile, run in runs.items():
        time = f"{profile} {duration(run['seconds']['total'])}{note_of_earlier(lesson, run)}"
        on.setdefault(run["device"], []).append(time)
    return "; ".join(f"on {device}: {' · '.join(times)}" for device, times in on.items())


def note_of_earlier(lesson: Lesson, run: dict[str, Any]) -> str:
    """Return what stands beside a number of a run of earlier code, or "" for one of the code as it is."""
    return f" ({EARLIER})" if is_earlier(lesson, run) else ""


def markdown_table(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows of equal keys as a Markdown table: settings as they are, results (after the first one) rounded."""
    measured = [name for name in rows[0] if any(len(f"{row[name]}") > 6 for row in rows)]
    lines = [f"| {' | '.join(name.replace('_', ' ') for name in rows[0])} |", "|---" * len(rows[0]) + "|"]
    for row in rows:
        cells = [
            f"{value:.4f}" if name in measured and isinstance(value, float) else f"{value}"
            for name, value in row.items()
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def duration(seconds: float) -> str:
    """Return a time as a reader takes it in."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def refresh_text(lesson: Lesson) -> None:
    """Write the generated passages into the lesson's source."""
    text = lesson_text(lesson)
    if text != lesson.script.read_text(encoding="utf-8"):
        lesson.script.write_text(text, encoding="utf-8")


def readme_text() -> str:
    """Return README.md with its course map filled in from lessons and recorded runs."""
    return _fill(_readme().read_text(encoding="utf-8"), "course", course_map())


def course_map() -> list[str]:
    """Return the table of all lessons: title, minutes to read, how long the default run took."""
    lines = ["| | lesson | text, and with code | default run |", "|---|---|---|---|"]
    for lesson in lessons():
        runs = recorded(lesson)
        seconds = duration(runs["default"]["seconds"]["total"]) if "default" in runs else "not run"
        few, many = reading_minutes(jupytext.read(lesson.script))
        title = f"[{lesson.title}](notebooks/{lesson.notebook.name})"
        lines.append(f"| {lesson.number} | {title} | {few} min, {many} min | {seconds} |")
    return lines


def parameters_text() -> str:
    """Return the book's tables of all lessons' parameters."""
    lines = []
    for lesson in lessons():
        lines += [f"## Lesson {lesson.number}: {lesson.title}", "", "| name | type | default | meaning |"]
        lines += ["|---|---|---|---|"]
        lines += [f"| `{p.name}` | {p.type} | `{p.default!r}` | {p.help} |" for p in parameters(lesson).values()]
        lines.append("")
    return "\n".join(lines)


def _readme() -> Path:
    root = checkout()
    assert root is not None, "authoring is done in a checkout"
    return root / "README.md"


def update_readme() -> None:
    """Write the generated passages into README.md."""
    _readme().write_text(readme_text(), encoding="utf-8")
