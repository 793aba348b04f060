"""The generated parts of lessons and README: times, tables, parameters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jupytext

from ecgnb.course import sections
from ecgnb.course.lessons import PROFILES, Lesson, code_sha256, lessons, parameters, results_path
from ecgnb.paths import checkout

WORDS_PER_MINUTE = 130  # slow: a lesson is read beside its code and figures


def _results(lesson: Lesson) -> dict[str, dict[str, Any]]:
    """Return the recorded runs by profile; one made by older code has nothing to say and is left out."""
    paths = {profile: results_path(lesson, profile) for profile in PROFILES}
    found = {profile: json.loads(path.read_text()) for profile, path in paths.items() if path.is_file()}
    now = code_sha256(jupytext.read(lesson.script))
    return {profile: run for profile, run in found.items() if run.get("code_sha256") == now}


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
    results = _results(lesson)
    rows = results.get("full", {}).get("metrics", {}).get("search", [])
    text = _fill(text, "search", markdown_table(rows) if rows else [], "# ")  # first: its words are read, too
    prose = "\n".join(c.source for c in jupytext.reads(text, fmt="py:percent").cells if c.cell_type == "markdown")
    minutes = 5 * max(1, round(len(prose.split()) / WORDS_PER_MINUTE / 5))
    times = " · ".join(f"{profile} {_duration(found['seconds']['total'])}" for profile, found in results.items())
    devices = ", ".join(sorted({found["device"] for found in results.values()}))
    lines = [f"*Reading:* about {minutes} minutes. *Running*, as measured on {devices}: {times}."]
    return _fill(text, "times", lines, "# > ")


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


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def refresh_text(lesson: Lesson) -> None:
    """Write the generated passages into the lesson's source."""
    text = lesson_text(lesson)
    if text != lesson.script.read_text(encoding="utf-8"):
        lesson.script.write_text(text, encoding="utf-8")


def readme_text() -> str:
    """Return README.md with its course map, parameters and results filled in from lessons and recorded runs."""
    text = _readme().read_text(encoding="utf-8")
    course, results, options = ["| | lesson | default run |", "|---|---|---|"], [], []
    for lesson in lessons():
        found = _results(lesson)
        seconds = _duration(found["default"]["seconds"]["total"]) if "default" in found else "not run"
        course.append(f"| {lesson.number} | [{lesson.title}](notebooks/{lesson.notebook.name}) | {seconds} |")
        results += _result_lines(lesson, found)
        options += [f"**Lesson {lesson.number}**", "", "| name | type | default | meaning |", "|---|---|---|---|"]
        options += [f"| `{p.name}` | {p.type} | `{p.default!r}` | {p.help} |" for p in parameters(lesson).values()]
    for marker, lines in (("course", course), ("results", results), ("parameters", options)):
        text = _fill(text, marker, lines)
    return text


def _result_lines(lesson: Lesson, found: dict[str, dict[str, Any]]) -> list[str]:
    """Return the README's table of one lesson: every plain number of its real runs, and the baselines."""
    columns = {profile: run for profile, run in found.items() if run["data"]["source"] == "real"}
    if not columns:
        return []
    lines = [f"**Lesson {lesson.number}: {lesson.title}**", ""]
    lines += [next(iter(columns.values()))["metrics"]["headline"], ""]
    lines += [f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    names = [name for name, value in next(iter(columns.values()))["metrics"].items() if isinstance(value, float)]
    for name in names:
        cells = []
        for run in columns.values():
            low, high = run["metrics"].get(f"{name}_interval", (None, None))
            value = run["metrics"][name]
            digits = 5 if 0 < abs(value) < 0.01 else 3  # an error in mV² may be that small
            interval = f" ({low:.{digits}f} to {high:.{digits}f})" if low is not None else ""
            cells.append((f"{value:.{max(digits, 4)}f}" if abs(value) < 100 else f"{value:,.0f}") + interval)
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    for name in next(iter(columns.values()))["metrics"].get("baselines", {}):
        cells = []
        for run in columns.values():
            low, high = run["metrics"]["baseline_intervals"][name]
            cells.append(f"{run['metrics']['baselines'][name]:.4f} ({low:.3f} to {high:.3f})")
        measure = next(iter(columns.values()))["metrics"].get("baseline_measure", "auroc")
        lines.append(f"| baseline {name}: {measure} | {' | '.join(cells)} |")
    for name, run in columns.items():
        if seeds := run["metrics"].get("seeds"):
            values = [row["LSTM autoencoder"] for row in seeds]
            lines += ["", f"Over {len(seeds)} seeds ({name} profile), AUROC {min(values):.4f} to {max(values):.4f}."]
    training = "; ".join(f"{run['seconds']['train']:.0f} s ({name})" for name, run in columns.items())
    lines += ["", f"Measured on {next(iter(columns.values()))['device']}; training {training}.", ""]
    return lines


def _readme() -> Path:
    root = checkout()
    assert root is not None, "authoring is done in a checkout"
    return root / "README.md"


def update_readme() -> None:
    """Write the generated passages into README.md."""
    _readme().write_text(readme_text(), encoding="utf-8")
