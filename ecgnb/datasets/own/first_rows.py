"""Rows at the start of a table that are no samples: counts, a start and a rate, numbers of the columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.own.table_form import TableForm

FAR = 50  # times as far from the middle as anything else: no sample


def rows_that_are_no_samples(
    form: TableForm, values: dict[int, NDArray[np.float64]], fs: float | None
) -> tuple[int, float | None, str]:
    """Return how many rows come before the samples, the rate that they say, and what is to be said of it.

    Parameters
    ----------
    form : TableForm
    values : dict of int to (n_rows,) float64 array
        First values of each column of numbers.
    fs : float or None
        What is known of the rate; returned where the rows do not say it.
    """
    n_rows = len(next(iter(values.values())))
    if n_rows < 5:
        return 0, fs, ""
    first = [column[:2] for column in values.values() if np.isfinite(column[0])]
    start = {float(row[0]) for row in first}
    rest = np.concatenate([column[2:200] for column in values.values()])
    rest = rest[np.isfinite(rest)]
    second = {float(row[1]) for row in first}
    if len(start) == 1 and 1e9 < min(start) < 4e9 and len(second) == 1 and len(rest) and np.abs(rest).max() < 1e9:
        rate = min(second)
        if 1 <= rate <= 5000:
            return 2, fs or rate, f"its first two rows are a time and the rate {rate:g}, no samples"
    if _numbers_the_columns(form, values):
        return 1, fs, "its first row numbers the columns, and is no sample"
    n_named = any(line.strip().lower().endswith(("channels", "channel")) for line in form.above)
    counts = len(start) == 1 and min(start) == round(min(start)) and n_rows - 3 <= min(start) <= n_rows + 2
    if n_rows > 100 and len(start) == 1 and (counts or (n_named and min(start) > 100)):
        more = _far_off({k: column[1:] for k, column in values.items()})
        return 1 + more, fs, f"its first row, {min(start):g}, is a number of samples and none itself"
    far = _far_off(values)
    return (
        far,
        fs,
        f"its first {'row lies' if far == 1 else 'rows lie'} far off the rest, and was left out" if far else "",
    )


def _numbers_the_columns(form: TableForm, values: dict[int, NDArray[np.float64]]) -> bool:
    """Say whether the first row is 0, 1, 2, ... as pandas names columns that have no name."""
    if any(form.names) or not form.body:
        return False
    cells = [cell for cell in form.body[0] if cell]
    if cells != [str(k) for k in range(len(cells))] or len(cells) < len(values) - 1:
        return False
    columns = list(values.values())[-len(cells) :]
    rest = [cell for row in form.body[1:50] for cell in row[-len(cells) :]]
    written = {len(cell.replace(",", ".").partition(".")[2]) for cell in rest}  # digits after the mark
    decimals = [min(written) > 0 and (len(cells) > 1 or len(written) == 1)] if written else [False]
    away = [_is_far(column[0], column[1:], 3) for column in columns]
    return bool(all(decimals) or all(away))


def _is_far(value: float, rest: NDArray[np.float64], times: float) -> bool:
    known = rest[np.isfinite(rest)]
    if len(known) < 20:
        return False
    middle = float(np.median(known))
    return bool(abs(value - middle) > times * max(np.abs(known - middle).max(), 1e-12))


def _far_off(values: dict[int, NDArray[np.float64]]) -> int:
    """Return how many of the first two rows lie far off all that follows, in each column that has them."""
    for n in (2, 1):
        rows = [[_is_far(value, column[n:2000], FAR) for value in column[:n]] for column in values.values()]
        if rows and all(all(row) for row in rows):
            return n
    return 0
