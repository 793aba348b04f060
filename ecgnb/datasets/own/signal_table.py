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
from ecgnb.datasets.own.clock import rate_of, seconds_of
from ecgnb.datasets.own.columns import Column, LooksLikeEcg
from ecgnb.datasets.own.header_lines import read_above
from ecgnb.datasets.own.recorded import Recording, as_recording
from ecgnb.datasets.own.table_form import TableForm, cells_of, first_lines
from ecgnb.datasets.own.text import EMPTY, is_number, lines_are_leads, read_head, read_lines_as_leads
from ecgnb.errors import DataError, plain_text

BLOCK = 2_000_000  # rows read at a time

BEHAVES = 60_000  # rows that tell what a column does

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
    layout = _layout(first_lines(path, head), path)
    form = layout.form
    found = [Column(form.names[column], layout.first_values[column]) for column in layout.signals]
    rate_to_judge = fs or layout.fs or _rate_of_sample(layout)
    position, why = _pick(found, lead, path.name, rate_to_judge, looks_like_ecg)
    column = layout.signals[position]
    clocks = [] if fs is not None or layout.fs is not None else layout.clocks
    signal, times = _read(path, layout, column, clocks)
    rate, how = (layout.fs, layout.said) if layout.fs else _rate_from(times, layout, path)
    notes = tuple(note for note in (*layout.notes, why) if note)
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


def _layout(form: TableForm, path: Path) -> Layout:
    """Find out which columns hold signals and which the time."""
    above = read_above(form.above, form.n_columns)
    if any(above.names):
        form = replace(form, names=above.names)
    numbers = [k for k, kind in enumerate(form.kinds) if kind == "number"]
    values = _first_values(path, form, numbers)
    skip, fs, note = _rows_that_are_no_samples(form, values, above.fs)
    values = {k: column[skip:] for k, column in values.items()}
    named = [k for k in numbers if choice.role(form.names[k])[0] == "time"]
    stamps = [k for k, kind in enumerate(form.kinds) if kind in ("clock", "date")]
    rising = [k for k in numbers if not form.names[k].strip() and _is_clock(values[k], k == 0 and len(numbers) > 1)]
    signals = [k for k in numbers if k not in named and k not in rising]
    if not signals:
        raise DataError(
            f"{path.name} has a column of time and no other that holds numbers"
            if named or rising or stamps
            else f"{path.name} holds no column of numbers"
        )
    said = (
        f"from the line {plain_text(above.said)!r}"
        if above.said
        else "from its header"
        if above.fs
        else "from its second row"
    )
    return Layout(
        form, signals, _likeliest_first([*named, *stamps, *rising], form), values, skip, fs, said,
        above.not_understood, (note,) if note else (), above.unit,
    )  # fmt: skip


def _likeliest_first(clocks: list[int], form: TableForm) -> list[int]:
    """Return columns of time in the order in which they are to be believed: a device's own before dates."""
    return sorted(clocks, key=lambda k: (form.kinds[k] != "number", not form.units[k], k))


def _is_clock(values: NDArray[np.float64], is_first: bool) -> bool:
    """Say whether an unnamed column is a clock: evenly rising and the first, or from some year on."""
    known = values[np.isfinite(values)]
    if len(known) < 5:
        return False
    steps = np.diff(known)
    if is_first and steps.min() > 0 and np.ptp(steps) < 0.5 * steps.mean():
        return True
    return bool(is_first and known[0] > UNIX and steps.min() >= 0 and known[-1] > known[0])


def _first_values(path: Path, form: TableForm, numbers: list[int]) -> dict[int, NDArray[np.float64]]:
    table = next(iter(_parts(path, form, numbers, [], BEHAVES)), None)
    if table is None:
        raise DataError(f"{path.name} holds no sample; expected one a line")
    return {k: table[k].to_numpy(np.float64) for k in numbers}


def _rows_that_are_no_samples(
    form: TableForm, values: dict[int, NDArray[np.float64]], fs: float | None
) -> tuple[int, float | None, str]:
    """Return how many rows come before the samples, the rate that they or the header say, and what to say of it."""
    first = np.array([column[:3] for column in values.values() if len(column) > 3])
    if not len(first) or not np.isfinite(first[:, :2]).all():
        return 0, fs, ""
    start, rate, _ = first.T
    of_rest = np.array(
        [np.nanmax(np.abs(column[2:])) if np.isfinite(column[2:]).any() else 0 for column in values.values()]
    )
    if (
        (np.ptp(start) == 0 and 1e9 < start[0] < 4e9)
        and np.ptp(rate) == 0
        and 1 <= rate[0] <= 5000
        and (of_rest < 1e9).all()
    ):
        return 2, fs or float(rate[0]), f"its first two rows are a time and the rate {rate[0]:g}, no samples"
    n_rows = len(next(iter(values.values())))
    counts = np.ptp(start) == 0 and start[0] == round(start[0]) and n_rows - 2 <= start[0] <= n_rows + 2
    if (
        any(line.strip().lower().endswith(("channels", "channel")) for line in form.above)
        and start[0] > 100
        and np.ptp(start) == 0
    ):
        counts = True
    if counts and n_rows > 100:
        return 1, fs, f"its first row, {start[0]:g}, is a number of samples and none itself"
    return 0, fs, ""


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
            skip_blank_lines=False,
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
