"""The table of points: its columns, how it is kept safe from what students write, and the sum of each student."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ecgnb.errors import UsageError, plain_text
from ecgnb.files import written_whole

FORMULA = ("=", "+", "-", "@")  # what a spreadsheet would compute

MOST_LISTED = 5  # similar submissions


@dataclass(frozen=True)
class Row:
    """One check of one submission; where a file could not be read, one row says so.

    Attributes
    ----------
    student, lesson, file : str
    exercise : int
        0: the whole submission.
    check : str
        Names that the check looks at.
    points, max : int
    status : str
        ok, failed, not solved, missing, error, syntax error, timeout, memory, killed, died; open: for a person to read;
        unreadable.
    message : str
    seconds : float
    similar_to : str
        Other students' submissions with their share of the same code, or the course's solution.
    """

    student: str
    lesson: str
    file: str
    exercise: int
    check: str
    points: int
    max: int
    status: str
    message: str
    seconds: float
    similar_to: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


def safe(value: object) -> str:
    """Return a value as a cell of a table: one line, no control characters, nothing that a spreadsheet computes."""
    text = plain_text(value, 1000)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


def write(rows: Iterable[Row], target: Path) -> None:
    """Write the table, whole or not at all."""
    with written_whole(target) as new, new.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows([safe(getattr(row, name)) for name in COLUMNS] for row in rows)


def check_target(target: Path) -> None:
    """Raise `UsageError` where a table cannot be written, or something else would be overwritten."""
    if target.suffix != ".csv":
        raise UsageError(f"{target.name} is no table; expected a name that ends in .csv")
    if target.is_dir() or not target.parent.is_dir():
        what = "it is a folder" if target.is_dir() else f"the folder {target.parent} does not exist"
        raise UsageError(f"{target} cannot be written: {what}")
    if target.exists():
        with target.open(encoding="utf-8", errors="replace") as stream:
            first = stream.readline(1000).strip()
        if first != ",".join(COLUMNS):
            raise UsageError(f"{target} is there and is no table of grades; give another name")


def with_likeness(rows: Sequence[Row], shares: dict[str, dict[str, float]], names: dict[str, str]) -> list[Row]:
    """Return rows in which each submission names those that are like it, the most alike first.

    Parameters
    ----------
    rows : sequence of Row
    shares : dict
        Of `similar.alike`, by file.
    names : dict of str to str
        Students by file.
    """
    found = []
    for row in rows:
        others = sorted(shares.get(row.file, {}).items(), key=lambda pair: -pair[1])
        others = [(file, share) for file, share in others if names[file] != row.student]
        told = [f"{names[file]} ({share:.0%})" for file, share in others[:MOST_LISTED]]
        told += [f"and {len(others) - MOST_LISTED} more"] * (len(others) > MOST_LISTED)
        found.append(replace(row, similar_to="; ".join([*filter(None, [row.similar_to]), *told])))
    return found


def sums(rows: Sequence[Row]) -> list[tuple[str, str, str, str, str]]:
    """Return student, lesson, points of all, what was not right, similar submissions: one line a submission."""
    found = []
    for file in dict.fromkeys(row.file for row in rows):
        own = [row for row in rows if row.file == file]
        wrong = [f"{row.exercise or 'file'}: {row.status}" for row in own if row.status != "ok"]
        points = f"{sum(row.points for row in own)}/{sum(row.max for row in own)}"
        likeness = "; ".join(dict.fromkeys(row.similar_to for row in own if row.similar_to))
        found.append((safe(own[0].student), own[0].lesson, points, ", ".join(wrong), likeness))
    return found
