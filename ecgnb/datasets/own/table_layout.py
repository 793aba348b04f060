"""What of a table is what: which columns may hold a signal, which tell the time, and what is refused at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.own.columns import listed, only_rises, plain, role
from ecgnb.datasets.own.first_rows import rows_that_are_no_samples
from ecgnb.datasets.own.header_lines import read_above
from ecgnb.datasets.own.table_blocks import blocks, first_values
from ecgnb.datasets.own.table_form import TableForm
from ecgnb.errors import DataError, plain_text

GROUPS = ("lead", "leads", "record", "recording", "patient", "subject", "file", "id", "channel", "case", "session")

MOST_STACKED = 1000  # changes of such a column; one that changes more often says something else

MOST_IN_TURN, OFTEN = 16, 0.05  # kinds of rows that take turns, and in which share of the rows

UNITS_OF_TIME = ("s", "sec", "seconds", "ms", "us", "µs", "ns", "min", "minutes", "hours", "days")

UNIX = 1e8  # s; a column that rises from there on is a clock


@dataclass(frozen=True)
class Layout:
    """What of a table is what: the form it is written in, its columns of numbers, its clock.

    Parameters
    ----------
    form : TableForm
    signals : list of int
        Columns that may hold a signal.
    clocks : list of int
        Columns that may tell the time, the likeliest first.
    first_values : dict of int to (n,) float64 array
        Of each column of numbers.
    skip : int
        Rows at the start that are no samples, but a count, or a start and a rate.
    fs : float or None
        What is said above the table, or in those rows.
    notes : tuple of str
    unit : str
        Of a table's only signal, where a line above has it.
    """

    form: TableForm
    signals: list[int]
    clocks: list[int]
    first_values: dict[int, NDArray[np.float64]]
    skip: int
    fs: float | None
    said: str
    not_understood: str
    notes: tuple[str, ...]
    unit: str


def layout_of(form: TableForm, path: Path, fs_given: float | None) -> Layout:
    """Find out which columns hold signals and which the time.

    Raises
    ------
    DataError
        Where none holds a signal, or samples go on from column to column.
    """
    above = read_above(form.above, form.n_columns, sum(kind != "empty" for kind in form.kinds))
    if any(above.names):
        form = replace(form, names=above.names, units=list(above.units) or form.units)
    numbers = [k for k, kind in enumerate(form.kinds) if kind == "number"]
    values = first_values(path, form, numbers)
    skip, fs, note = rows_that_are_no_samples(form, values, above.fs or fs_given)
    values = {k: column[skip:] for k, column in values.items()}
    named = [k for k in numbers if role(form.names[k])[0] == "time" or _rises_in_seconds(form, k, values[k])]
    stamps = [k for k, kind in enumerate(form.kinds) if kind in ("clock", "date")]
    rising = [k for k in numbers[:1] if not form.names[k].strip() and len(numbers) > 1 and _is_clock(values[k])]
    signals = [k for k in numbers if k not in named and k not in rising]
    if not signals:
        raise DataError(f"{path.name}{_why_no_signal(form, bool(named or rising or stamps))}")
    _refuse_wrapped(form, [values[k] for k in signals], path.name)
    said = f"from the line {plain_text(above.said, 60)!r}" if above.said else "from its header"
    fs = above.fs if above.fs or fs == fs_given else fs
    return Layout(
        form, signals, _likeliest_first([*named, *stamps, *rising], form), values, skip, fs,
        said if above.fs else "from its second row", above.not_understood, (note,) if note else (), above.unit,
    )  # fmt: skip


def _rises_in_seconds(form: TableForm, column: int, values: NDArray[np.float64]) -> bool:
    return form.units[column].lower() in UNITS_OF_TIME and only_rises(values)


def _is_clock(values: NDArray[np.float64]) -> bool:
    """Say whether an unnamed first column is a clock: it rises from line to line, or counts from some year on."""
    known = values[np.isfinite(values)]
    if len(known) < 5:
        return False
    steps = np.diff(known)
    if steps.min() > 0 and steps.max() < 5 * np.median(steps):
        return True
    return bool(known[0] > UNIX and steps.min() >= 0 and known[-1] > known[0])


def _likeliest_first(clocks: list[int], form: TableForm) -> list[int]:
    """Return columns of time in the order in which they are to be believed: a device's own before dates."""
    return sorted(clocks, key=lambda k: (form.kinds[k] != "number", not form.units[k], k))


def _why_no_signal(form: TableForm, has_clock: bool) -> str:
    """Say why a table holds no signal, and what stands in the place of one."""
    texts = [k for k, kind in enumerate(form.kinds) if kind == "text"]
    shown = f" (column {texts[0] + 1} holds {plain_text(form.body[0][texts[0]], 20)!r})" if texts else ""
    what = "a column of time and no other that holds numbers" if has_clock else "no column of numbers"
    return f" has {what}{shown}; expected the signal, one sample a line"


def _refuse_wrapped(form: TableForm, columns: list[NDArray[np.float64]], name: str) -> None:
    """Raise `DataError` where the samples go on from column to column, as Fortran and some sensors write them."""
    if len(columns) < 4 or any(cell.strip() for cell in form.names) or not all(len(c) > 20 for c in columns):
        return
    block = np.stack([column[:2000] for column in columns], axis=1)
    flat = block.ravel()
    if np.isfinite(block).all() and np.abs(np.diff(flat)).mean() < 0.7 * np.abs(np.diff(block, axis=0)).mean():
        raise DataError(
            f"{name} has {len(columns)} columns, and its samples seem to go on from column to column; "
            "expected one sample a line: write it anew so"
        )


def refuse_stacked(path: Path, form: TableForm) -> None:
    """Raise `DataError` where several recordings, or leads, stand one under the other or take turns."""
    groups = [k for k, name in enumerate(form.names) if plain(name) in GROUPS and form.kinds[k] != "empty"]
    of_sensors = _kinds_of_rows(form)
    for k in sorted({*groups, *of_sensors}):
        found = [row[k] for row in form.body if len(row) > k]
        n_turns = sum(one != other for one, other in pairwise(found))
        kinds = sorted(set(found))
        if 1 < len(kinds) <= MOST_IN_TURN and n_turns > (max(len(kinds), OFTEN * len(found)) if k in groups else 0):
            raise DataError(
                f"{path.name} holds rows of {len(kinds)} kinds, as its column "
                f"{plain_text(form.names[k], 40) or repr(str(k + 1))} says ({listed(kinds)}); expected "
                "a column each: turn the table, or keep the rows of one"
            )
    for group in groups[:1]:
        changes, last, seen = 0, "", False
        for part in blocks(path, form, [], [group]):
            text = part[group].fillna("").to_numpy(dtype=str)
            changes += int((text[1:] != text[:-1]).sum()) + int(seen and text[0] != last)
            last, seen = text[-1], True
        if 0 < changes < MOST_STACKED:
            raise DataError(
                f"{path.name} holds {changes + 1} recordings one under the other, as its column "
                f"{plain_text(form.names[group], 40)!r} says; expected one: cut it apart"
            )


def _kinds_of_rows(form: TableForm) -> list[int]:
    """Return the columns of text that say of some rows, not of all, that they are an ECG's."""
    found = []
    for k, kind in enumerate(form.kinds):
        words = {row[k] for row in form.body if len(row) > k} if kind == "text" else set()
        is_ecg = [role(word)[0] == "ecg" and " " not in plain(word) for word in words][: MOST_IN_TURN + 1]
        if any(is_ecg) and len(is_ecg) <= MOST_IN_TURN:
            found.append(k)
    return found


def clocks_of(column: int, layout: Layout) -> list[int]:
    """Return the columns of time of a signal: where each signal has its own, the one that stands before it."""
    named = [k for k in layout.clocks if layout.form.kinds[k] == "number" and layout.form.names[k].strip()]
    before = [k for k in named if k < column]
    alike = len({plain(layout.form.names[k]) for k in named}) == 1 or len(layout.signals) == len(named)
    return [max(before)] if len(named) > 1 and before and alike else layout.clocks
