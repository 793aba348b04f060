"""A signal in a table of text: one column of it, its rate, its unit, and what is to be said about how it was read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.datasets.own import columns as choice
from ecgnb.datasets.own.clock import NoUnitFitsError, rate_of, seconds_of
from ecgnb.datasets.own.columns import Column, LooksLikeEcg
from ecgnb.datasets.own.first_rows import rows_that_are_no_samples
from ecgnb.datasets.own.header_lines import read_above
from ecgnb.datasets.own.recorded import Recording, as_recording
from ecgnb.datasets.own.table_form import TableForm, cells_of, first_lines
from ecgnb.datasets.own.text import EMPTY, is_number, lines_are_leads, read_head, read_lines_as_leads
from ecgnb.errors import DataError, plain_text

BLOCK = 2_000_000  # rows read at a time

BEHAVES = 60_000  # rows that tell what a column does

GROUPS = ("lead", "leads", "record", "recording", "patient", "subject", "file", "id", "channel", "case", "session")

MOST_STACKED = 1000  # changes of such a column; one that changes more often says something else

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


def read_signal_table(
    path: Path, *, fs: float | None = None, lead: str | None = None, looks_like_ecg: LooksLikeEcg | None = None
) -> Recording:
    """Read one column of a table.

    Parameters
    ----------
    path : path
    fs, lead, looks_like_ecg
        As for `recording.read_recording`.

    Raises
    ------
    DataError
        Naming the line where something is no number, or the times that are not even, or the columns to choose from.
    """
    head = read_head(path)
    if lines_are_leads(head):
        names, rows = read_lines_as_leads(path, head)
        leads = [Column(name, values) for name, values in zip(names, rows.T, strict=True)]
        position, why = _pick(leads, lead, f"{path.name} (each of its lines is a lead)", fs, looks_like_ecg)
        how = "each of its lines was read as a lead" if len(names) > 1 else "its one line was read as the samples"
        notes = tuple(note for note in (how, why) if note)
        return as_recording(
            path.stem,
            rows[:, position],
            fs,
            names[position],
            "",
            "given",
            notes,
            path.name,
            of=f"line {position + 1} of {len(names)}" if len(names) > 1 else "",
        )
    layout = _layout(first_lines(path, head), path, fs)
    form = layout.form
    found = [Column(form.names[column], layout.first_values[column]) for column in layout.signals]
    rate_to_judge = fs or layout.fs or _rate_of_sample(layout)
    position, why = _pick(found, lead, path.name, rate_to_judge, looks_like_ecg)
    column = layout.signals[position]
    _refuse_stacked(path, form)
    clocks = [] if fs is not None else _clocks_of(column, layout)
    signal, times = _read(path, layout, column, clocks)
    rate, how, doubt = _rate(times, layout, path)
    notes = tuple(note for note in (*layout.notes, why, doubt, _lost_at_the_end(layout, column, len(signal))) if note)
    if fs is not None and rate is not None and abs(fs - rate) > 0.01 * rate:
        notes += (f"the file says {rate:g} samples per second ({how}), and {fs:g} were given",)
    if fs is None and rate is None and layout.not_understood:
        notes += (f"the line {plain_text(layout.not_understood)!r} may say the rate, and is not understood",)
    name = form.names[column]
    unit = form.units[column] or (layout.unit if len(layout.signals) == 1 else "")
    return as_recording(
        path.stem, signal, fs or rate, name, unit, "given" if fs is not None else how, notes, path.name,
        of=f"column {column + 1} of {form.n_columns}" if form.n_columns > 1 else "",
    )  # fmt: skip


def _pick(
    found: Sequence[Column], lead: str | None, where: str, fs: float | None, looks_like_ecg: LooksLikeEcg | None
) -> tuple[int, str]:
    """Return which column to read, and what is to be said about it."""
    if lead is not None:
        return choice.pick_lead([column.name for column in found], lead, where), ""
    return choice.choose(found, where, fs, looks_like_ecg)


def _layout(form: TableForm, path: Path, fs_given: float | None) -> Layout:
    """Find out which columns hold signals and which the time."""
    above = read_above(form.above, form.n_columns)
    if any(above.names):
        form = replace(form, names=above.names, units=list(above.units) or form.units)
    numbers = [k for k, kind in enumerate(form.kinds) if kind == "number"]
    values = _first_values(path, form, numbers)
    skip, fs, note = rows_that_are_no_samples(form, values, above.fs or fs_given)
    values = {k: column[skip:] for k, column in values.items()}
    named = [k for k in numbers if choice.role(form.names[k])[0] == "time" or _rises_in_seconds(form, k, values[k])]
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


def _refuse_stacked(path: Path, form: TableForm) -> None:
    """Raise `DataError` where several recordings, or leads, stand one under the other."""
    groups = [k for k, name in enumerate(form.names) if choice.plain(name) in GROUPS and form.kinds[k] != "empty"]
    for group in groups[:1]:
        changes, last, seen = 0, "", False
        for part in _parts(path, form, [], [group], BLOCK):
            text = part[group].fillna("").to_numpy(dtype=str)
            changes += int((text[1:] != text[:-1]).sum()) + int(seen and text[0] != last)
            last, seen = text[-1], True
        if 0 < changes < MOST_STACKED:
            raise DataError(
                f"{path.name} holds {changes + 1} recordings one under the other, as its column "
                f"{plain_text(form.names[group], 40)!r} says; expected one: cut it apart"
            )


def _rises_in_seconds(form: TableForm, column: int, values: NDArray[np.float64]) -> bool:
    return form.units[column].lower() in ("s", "sec", "seconds", "ms", "us", "µs", "ns") and choice.only_rises(values)


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


def _likeliest_first(clocks: list[int], form: TableForm) -> list[int]:
    """Return columns of time in the order in which they are to be believed: a device's own before dates."""
    return sorted(clocks, key=lambda k: (form.kinds[k] != "number", not form.units[k], k))


def _is_clock(values: NDArray[np.float64]) -> bool:
    """Say whether an unnamed first column is a clock: it rises from line to line, or counts from some year on."""
    known = values[np.isfinite(values)]
    if len(known) < 5:
        return False
    steps = np.diff(known)
    if steps.min() > 0 and steps.max() < 5 * np.median(steps):
        return True
    return bool(known[0] > UNIX and steps.min() >= 0 and known[-1] > known[0])


def _first_values(path: Path, form: TableForm, numbers: list[int]) -> dict[int, NDArray[np.float64]]:
    table = next(iter(_parts(path, form, numbers, [], BEHAVES)), None)
    if table is None:
        raise DataError(f"{path.name} holds no sample; expected one a line")
    return {k: table[k].to_numpy(np.float64) for k in numbers}


def _rate_of_sample(layout: Layout) -> float | None:
    """Return the rate of the first rows, to judge columns by; None where no clock is easy to read."""
    for clock in layout.clocks:
        form = layout.form
        text = pd.Series([row[clock] for row in form.body if len(row) > clock])
        try:
            return rate_of(
                seconds_of(text, form.kinds[clock], form.decimal), _clock_name(form, clock), form.kinds[clock], 0.0, ""
            )[0]
        except DataError:
            continue
    return None


def _clock_name(form: TableForm, clock: int) -> str:
    name, unit = form.names[clock], form.units[clock]
    return f"{name} [{unit}]" if unit and unit not in name else name


def _clocks_of(column: int, layout: Layout) -> list[int]:
    """Return the columns of time of a signal: where each signal has its own, the one that stands before it."""
    named = [k for k in layout.clocks if layout.form.kinds[k] == "number" and layout.form.names[k].strip()]
    before = [k for k in named if k < column]
    alike = len({choice.plain(layout.form.names[k]) for k in named}) == 1 or len(layout.signals) == len(named)
    return [max(before)] if len(named) > 1 and before and alike else layout.clocks


def _rate(times: dict[int, NDArray[np.float64]], layout: Layout, path: Path) -> tuple[float | None, str, str]:
    """Return the rate, where it came from, and what is doubtful: a column of time counts more than a line above."""
    try:
        rate, how = _rate_from(times, layout, path)
    except NoUnitFitsError:
        if not layout.fs:
            raise
        rate, how = None, ""
    if rate is None:
        return layout.fs, layout.said if layout.fs else "", ""
    doubt = ""
    if layout.fs and abs(rate - layout.fs) > 0.02 * rate:
        doubt = f"{layout.said}: {layout.fs:g} Hz; its column of time says {rate:g}, and was believed"
    return rate, how, doubt


def _rate_from(times: dict[int, NDArray[np.float64]], layout: Layout, path: Path) -> tuple[float | None, str]:
    """Return the rate that the first believable column of time says."""
    fault: DataError | None = None
    for clock, time in times.items():
        form = layout.form
        try:
            rate, how = rate_of(time, _clock_name(form, clock), form.kinds[clock], _quantum(form, clock), path.name)
        except DataError as wrong:
            fault = fault or wrong
            continue
        if rate is not None:
            return rate, how
    if fault is not None:
        raise fault
    return None, ""


def _quantum(form: TableForm, clock: int) -> float:
    """Return the smallest step that a column of time is written with."""
    digits = [
        cell.replace(",", ".").rpartition(".")[2]
        for row in form.body
        for cell in row[clock : clock + 1]
        if "." in cell.replace(",", ".")
    ]
    return 10.0 ** -max((sum(map(str.isdigit, part)) for part in digits), default=0)


def _read(
    path: Path, layout: Layout, column: int, clocks: list[int]
) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float64]]]:
    """Read a column and those of time by blocks of rows; an offset too large for float32 goes first."""
    form, offset = layout.form, _offset(layout.first_values[column])
    signals: list[NDArray[np.float32]] = []
    times: dict[int, list[NDArray[np.float64]]] = {clock: [] for clock in clocks}
    skip = layout.skip
    numbers = [clock for clock in clocks if form.kinds[clock] == "number"]
    texts = [clock for clock in clocks if clock not in numbers]
    for part in _parts(path, form, [column, *numbers], texts, BLOCK):
        with np.errstate(over="ignore"):  # what single precision cannot hold is infinite
            signals.append((part[column].to_numpy(np.float64)[skip:] - offset).astype(np.float32))
        for clock in numbers:
            times[clock].append(part[clock].to_numpy(np.float64)[skip:])
        for clock in texts:
            times[clock].append(seconds_of(part[clock].iloc[skip:], form.kinds[clock], form.decimal))
        skip = 0
    signal = np.concatenate(signals)
    signals.clear()
    empty = np.isnan(signal)
    end = 0 if empty.all() else len(signal) - int(np.argmin(empty[::-1]))  # empty lines at the end are none
    if not end:
        raise DataError(f"{path.name} holds no sample in column {column + 1}; expected one a line")
    return signal[:end], {clock: np.concatenate(found)[:end] for clock, found in times.items()}


def _lost_at_the_end(layout: Layout, column: int, n_kept: int) -> str:
    """Say where a column ends long before the others: it may be of another rate than the clock."""
    first = layout.first_values[column]
    n_rows = max(len(values) for values in layout.first_values.values())
    if n_kept < 0.8 * n_rows and n_rows < BEHAVES and np.isnan(first[n_kept:]).all():
        return f"the column ends after {n_kept:,} of {n_rows:,} rows: is it of another rate than the column of time?"
    return ""


def _offset(values: NDArray[np.float64]) -> float:
    """Return what is to be taken off before a signal is kept in single precision; 0 where it does no harm."""
    known = values[np.isfinite(values)]
    if not len(known) or np.ptp(known) == 0:
        return 0.0
    middle = float(np.median(known))
    with np.errstate(over="ignore", invalid="ignore"):
        return middle if abs(middle) * 1e-7 > 1e-4 * known.std() else 0.0  # single precision has seven digits


def _parts(path: Path, form: TableForm, numbers: list[int], texts: list[int], size: int) -> Iterator[Any]:
    """Yield blocks of rows: some columns as numbers, others as text."""
    # A column that stands alone has nothing to divide, and its decimal comma must not.
    alone = form.n_columns == 1 and form.separator == r"\s+"
    with path.open("rb") as stream:
        quote = "'" if stream.read(1) == b"'" or any("'" in line[:1] for line in form.above[-1:]) else '"'
    types: dict[int, Any] = dict.fromkeys(numbers, np.float64) | dict.fromkeys(texts, str)
    try:
        yield from pd.read_csv(
            path, sep="\t" if alone else form.separator, decimal=form.decimal, header=None, skiprows=form.n_above,
            names=range(form.n_columns), usecols=[*numbers, *texts], dtype=types, index_col=False, compression=None,
            chunksize=size, encoding=form.encoding, encoding_errors="replace", na_values=list(EMPTY), quotechar=quote,
            skip_blank_lines=form.n_columns > 1,  # of a column that stands alone it is a sample without value
        )  # fmt: skip
    except (ValueError, pd.errors.ParserError, OverflowError, IndexError):
        raise DataError(f"{path.name}{_first_fault(path, form, numbers)}; expected a number") from None


def _first_fault(path: Path, form: TableForm, numbers: list[int]) -> str:
    """Return where a table first holds something else than numbers."""
    with path.open(encoding=form.encoding, errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if number <= form.n_above or not line.strip():
                continue
            cells = cells_of(line[:100_000], form.separator)
            if len(cells) > form.n_columns and any(cells[form.n_columns :]):
                return f", line {number}: {len(cells)} columns, where the first line has {form.n_columns}"
            for column in numbers:
                cell = cells[column] if column < len(cells) else ""
                if cell not in EMPTY and not is_number(cell, form.decimal):
                    return f", line {number}: {plain_text(cell[:20])!r} in column {column + 1}"
    return ": not a table of numbers"
