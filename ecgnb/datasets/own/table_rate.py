"""The sampling rate of a table: from its column of time, and else from what is said above it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.datasets.own.clock import NoUnitFitsError, rate_of, seconds_of
from ecgnb.datasets.own.table_form import TableForm
from ecgnb.datasets.own.table_layout import Layout
from ecgnb.errors import DataError


def table_rate(times: dict[int, NDArray[np.float64]], layout: Layout, path: Path) -> tuple[float | None, str, str]:
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


def rate_of_sample(layout: Layout) -> float | None:
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


def _quantum(form: TableForm, clock: int) -> float:
    """Return the smallest step that a column of time is written with."""
    digits = [
        cell.replace(",", ".").rpartition(".")[2]
        for row in form.body
        for cell in row[clock : clock + 1]
        if "." in cell.replace(",", ".")
    ]
    return 10.0 ** -max((sum(map(str.isdigit, part)) for part in digits), default=0)
