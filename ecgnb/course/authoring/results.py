"""The book's tables of results: every recorded run on real data, lesson by lesson, in words that a reader knows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from ecgnb.course.authoring.measures import MEASURES, Measure
from ecgnb.course.authoring.text import EARLIER, note_of_earlier, recorded
from ecgnb.course.lessons import Lesson, lessons

AS_BEFORE = "the same"  # a cell that would repeat the one to its left
NOTHING = "–"
SPACE = "\u00a0"  # at which no line breaks


def results_text() -> str:
    """Return the book's tables of all lessons' recorded runs."""
    return "\n".join(line for lesson in lessons() for line in _result_lines(lesson))


def _result_lines(lesson: Lesson) -> list[str]:
    """Return the tables of one lesson: what its real runs found, and the baselines."""
    runs = {profile: run for profile, run in recorded(lesson).items() if run["data"]["source"] == "real"}
    if not runs:
        return []
    names = [f"{profile}{note_of_earlier(lesson, run)}" for profile, run in runs.items()]
    found = [run["metrics"] for run in runs.values()]
    lines = [f"## Lesson {lesson.number}: {lesson.title}", ""]
    lines += [f"{found[0]['headline']} [Read the lesson.](../../{lesson.notebook.name})", ""]
    words = MEASURES.get(lesson.number, {})
    rows = {_words(words[key]): [_shown(one, key) for one in found] for key in words}
    lines += _table("what", names, rows)
    measure = str(found[0].get("baseline_measure", "AUROC"))
    baselines = found[0].get("baselines", {})
    rows = {name: [_baseline(one, name) for one in found] for name in baselines}
    lines += ["", *_table(f"baseline, by its {measure}", names, rows)]
    for name, one in zip(names, found, strict=True):
        if seeds := one.get("seeds"):
            values = [row["LSTM autoencoder"] for row in seeds]
            lines += ["", f"Over {len(seeds)} seeds, {name}: AUROC {min(values):.4f} to {max(values):.4f}."]
    training = "; ".join(
        f"{run['seconds']['train']:.0f} s ({name})" for name, run in zip(names, runs.values(), strict=True)
    )
    return [*lines, "", f"Measured on {_devices(runs)}; training {training}.", ""]


def _devices(runs: Mapping[str, dict[str, Any]]) -> str:
    """Return what the runs were made on, each by its name where they differ."""
    devices = {name: run["device"] for name, run in runs.items()}
    if len(set(devices.values())) == 1:
        return str(next(iter(devices.values())))
    return " and ".join(f"{device} ({name})" for name, device in devices.items())


def _table(what: str, names: list[str], rows: dict[str, list[str]]) -> list[str]:
    """Return a table in Markdown; columns that are the same throughout are one, and no cell repeats its neighbour."""
    rows = {name: cells for name, cells in rows.items() if set(cells) != {NOTHING}}
    if not rows:
        return []
    columns = list(zip(*rows.values(), strict=True))
    if len(set(columns)) == 1 and len(columns) > 1 and not any(EARLIER in name for name in names):
        names = [" and ".join(names)]
        columns = columns[:1]
    lines = [f"| {what} | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for name, cells in zip(rows, zip(*columns, strict=True), strict=True):
        told = [cells[0], *(AS_BEFORE if b == a != NOTHING else b for a, b in itertools.pairwise(cells))]
        lines.append(f"| {name} | {' | '.join(told)} |")
    return lines


def _words(measure: Measure) -> str:
    unit = f" ({measure.unit})" if measure.unit else ""
    return f"**{measure.name}**{unit}: {measure.meaning}"


def look_up(metrics: Mapping[str, Any], key: str) -> tuple[float, float | None, float | None] | None:
    """Return a recorded number and its interval, where it has one; None where this run has no such number.

    Parameters
    ----------
    metrics : mapping
        As a run records them.
    key : str
        Names from the outside inwards, with a slash between two: "models/trees/macro AUROC".
    """
    value: Any = metrics
    for name in key.split("/"):
        if isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, list) and len(value) == 3:
        return value[0], value[1], value[2]
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    low, high = metrics.get(f"{key}_interval") or (None, None)
    return value, low, high


def _shown(metrics: Mapping[str, Any], key: str) -> str:
    found = look_up(metrics, key)
    return _number(*found) if found else NOTHING


def _number(value: float, low: float | None = None, high: float | None = None) -> str:
    """Return a number and its interval in as many digits as its size needs: an error in mV² may be small."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if low is None and float(value).is_integer():
        return f"{value:.0f}"
    digits = 3 if value == 0 or abs(value) >= 0.01 else 5
    text = f"{value:.{digits}f}"
    interval = f"({low:.{digits}f} to {high:.{digits}f})" if low is not None else ""
    return f"{text} {interval.replace(' ', SPACE)}".rstrip()


def _baseline(metrics: Mapping[str, Any], name: str) -> str:
    value = metrics.get("baselines", {}).get(name)
    interval = metrics.get("baseline_intervals", {}).get(name) or ()
    return NOTHING if value is None else _number(value, *interval)
