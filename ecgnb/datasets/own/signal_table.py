"""A signal in a table of text: one column of it, its rate, its unit, and what is to be said about how it was read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.own import columns as choice
from ecgnb.datasets.own.clock import seconds_of
from ecgnb.datasets.own.columns import Column, LooksLikeEcg
from ecgnb.datasets.own.limits import BEHAVES
from ecgnb.datasets.own.recorded import Recording, as_recording, codes_in, of_codes, of_offset, offset_of
from ecgnb.datasets.own.table_blocks import blocks
from ecgnb.datasets.own.table_form import first_lines
from ecgnb.datasets.own.table_layout import Layout, clocks_of, layout_of, refuse_stacked
from ecgnb.datasets.own.table_rate import rate_of_sample, table_rate
from ecgnb.datasets.own.text import Head, lines_are_leads, read_head, read_lines_as_leads
from ecgnb.errors import DataError, plain_text

SPARSE = 0.2  # of the rows are empty, and of the steps from one value to the next: the rows of several sensors

FEW_ROWS = 50

MOST = 0.99  # of the steps


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
        return _read_lines_as_leads(path, head, fs, lead, looks_like_ecg)
    layout = layout_of(first_lines(path, head), path, fs)
    form = layout.form
    found = [Column(form.names[column], layout.first_values[column]) for column in layout.signals]
    rate_to_judge = fs or layout.fs or rate_of_sample(layout)
    position, why = _pick(found, lead, path.name, rate_to_judge, looks_like_ecg)
    column = layout.signals[position]
    refuse_stacked(path, form)
    clocks = [] if fs is not None else clocks_of(column, layout)
    signal, times = _read(path, layout, column, clocks)
    signal, times, thinned = _without_empty_rows(signal, times)
    rate, how, doubt = table_rate(times, layout, path)
    codes = codes_in(layout.first_values[column])
    off = of_offset(offset_of(_without(layout.first_values[column], codes)))
    ends = "" if thinned else _lost_at_the_end(layout, column, len(signal))
    notes = tuple(note for note in (*layout.notes, why, thinned, doubt, of_codes(codes), off, ends) if note)
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


def signals_of_table(path: Path) -> list[tuple[str, str]]:
    """Return name and unit of each column that may hold a signal; raises as `read_signal_table` does."""
    head = read_head(path)
    if lines_are_leads(head):
        return [(name, "") for name in read_lines_as_leads(path, head)[0]]
    layout = layout_of(first_lines(path, head), path, None)
    return [(layout.form.names[k], layout.form.units[k] or layout.unit) for k in layout.signals]


def _read_lines_as_leads(
    path: Path, head: Head, fs: float | None, lead: str | None, looks_like_ecg: LooksLikeEcg | None
) -> Recording:
    names, rows = read_lines_as_leads(path, head)
    leads = [Column(name, values) for name, values in zip(names, rows.T, strict=True)]
    position, why = _pick(leads, lead, f"{path.name} (each of its lines is a lead)", fs, looks_like_ecg)
    how = "each of its lines was read as a lead" if len(names) > 1 else "its one line was read as the samples"
    notes = tuple(note for note in (how, why) if note)
    of = f"line {position + 1} of {len(names)}" if len(names) > 1 else ""
    return as_recording(path.stem, rows[:, position], fs, names[position], "", "given", notes, path.name, of)


def _pick(
    found: Sequence[Column], lead: str | None, where: str, fs: float | None, looks_like_ecg: LooksLikeEcg | None
) -> tuple[int, str]:
    """Return which column to read, and what is to be said about it."""
    if lead is not None:
        return choice.pick_lead([column.name for column in found], lead, where), ""
    return choice.choose(found, where, fs, looks_like_ecg)


def _read(
    path: Path, layout: Layout, column: int, clocks: list[int]
) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float64]]]:
    """Read a column and those of time by blocks of rows; an offset too large for float32 goes first."""
    form, codes = layout.form, codes_in(layout.first_values[column])
    offset = offset_of(_without(layout.first_values[column], codes))
    signals: list[NDArray[np.float32]] = []
    times: dict[int, list[NDArray[np.float64]]] = {clock: [] for clock in clocks}
    skip = layout.skip
    numbers = [clock for clock in clocks if form.kinds[clock] == "number"]
    texts = [clock for clock in clocks if clock not in numbers]
    for part in blocks(path, form, [column, *numbers], texts):
        with np.errstate(over="ignore"):  # what single precision cannot hold is infinite
            values = _without(part[column].to_numpy(np.float64)[skip:], codes)
            signals.append((values - offset).astype(np.float32))
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


def _without_empty_rows(
    signal: NDArray[np.float32], times: dict[int, NDArray[np.float64]]
) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float64]], str]:
    """Leave out the rows in which only other columns have a value, where these lie all over the file; and say so.

    So tables of several sensors are joined. They are left out where each other row, each third or so has a value, or
    where the clock is that of several sensors, too. Where the clock is even, samples were lost; where there is none,
    nobody knows what is missing.
    """
    has_value = ~np.isnan(signal)
    if np.count_nonzero(has_value) > (1 - SPARSE) * len(signal):  # nearly always: a day of ECG needs no more memory
        return signal, times, ""
    at = np.flatnonzero(has_value)
    steps = np.diff(at)
    if len(at) < FEW_ROWS or len(at) > (1 - SPARSE) * (at[-1] - at[0] + 1) or not (steps > 1).any():
        return signal, times, ""
    usual = float(np.median(steps))
    in_turn = _even(steps, 0.0) or not all(_even(np.diff(time), 0.5) for time in times.values())
    if (steps > 1).mean() < SPARSE or not in_turn or steps.max() > 20 * max(usual, 2):
        return signal, times, ""
    note = f"{1 - len(at) / len(signal):.0%} of its rows have no value in this column, and were left out"
    return signal[at], {clock: time[at] for clock, time in times.items()}, note


def _even(steps: NDArray[Any], tolerance: float) -> bool:
    """Say whether nearly all steps are alike, within a share of the usual one."""
    usual = np.median(steps)
    return float((np.abs(steps - usual) <= tolerance * usual).mean()) > MOST


def _without(values: NDArray[np.float64], codes: list[float]) -> NDArray[np.float64]:
    return np.where(np.isin(values, codes), np.nan, values) if codes else values


def _lost_at_the_end(layout: Layout, column: int, n_kept: int) -> str:
    """Say where a column ends long before the others: it may be of another rate than the clock."""
    first = layout.first_values[column]
    n_rows = max(len(values) for values in layout.first_values.values())
    if n_kept < 0.8 * n_rows and n_rows < BEHAVES and np.isnan(first[n_kept:]).all():
        return f"the column ends after {n_kept:,} of {n_rows:,} rows: is it of another rate than the column of time?"
    return ""
