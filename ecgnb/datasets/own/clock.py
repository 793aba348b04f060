"""The sampling rate from a column of time: seconds to nanoseconds, clocks, dates, stamps of packets."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.datasets.own.limits import HIGHEST_FS, LOWEST_FS
from ecgnb.errors import DataError, plain_text

LOWEST_PLAUSIBLE, HIGHEST_PLAUSIBLE = 30.0, 5000.0  # Hz, of a recording whose column of time names no unit

MOST_OFF = 3.0  # samples that a stamp may be off

DAY = 86_400.0  # s

UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}  # which a column without a unit may be in

LONG_UNITS = {"min": 60.0, "h": 3600.0, "days": DAY}

SERIAL = (20_000.0, 80_000.0)  # days since 1900, as spreadsheets count them: 1954 to 2119

NAMED = (
    ("ns", r"(?<![a-z])ns(?![a-z])|nanos|nsec"),
    ("µs", r"(?<![a-z])[uµμ]s(?![a-z])|micros|[uµμ]sec"),
    ("ms", r"(?<![a-z])ms(?![a-z])|millis|msec"),
    ("s", r"(?<![a-z])s(?![a-z])|(?<![a-z])secs?(?![a-z])|seconds?|sekunde"),
    ("min", r"(?<![a-z])min(?:s|ute[ns]?)?(?![a-z])"),
    ("h", r"(?<![a-z])h(?:rs?|ours?)?(?![a-z])|stunde"),
    ("days", r"(?<![a-z])days?(?![a-z])"),
)


class NoUnitFitsError(DataError):
    """A column of time that no unit makes a sampling rate of."""


def seconds_of(column: Any, kind: str, decimal: str) -> NDArray[np.float64]:
    """Return a column of time as numbers, in seconds where it is a clock or a date, else in its own unit.

    A date that is not written year first gives its clock alone: nobody knows whether day or month comes first.

    Parameters
    ----------
    column : Series of str
    kind : {"number", "clock", "date"}
    decimal : str
    """
    text = column.astype("string").str.strip(" '\"[]")
    if kind == "number":
        return pd.to_numeric(text.str.replace(decimal, "."), errors="coerce").to_numpy(float, na_value=np.nan)
    if kind == "clock":
        return _clocks(text)
    text = text.str.replace(r"^(\d{1,2}:[\d:.,]+) (\S+)$", r"\2 \1", regex=True)  # the clock first, as PhysioNet does
    first = next((value for value in text if isinstance(value, str)), "")
    if re.match(r"\d{4}", first):
        return _iso_dates(text)
    text = text.str.replace(r"^\d{1,2}[-/. ]\w{1,9}[-/. ]\d{2,4}(?:T| *)", "", regex=True)
    text = text.str.replace(r" ?(?:Z|UTC|[+-]\d{2}:?\d{2})$", "", regex=True).str.replace("^$", "0:00", regex=True)
    return _clocks(text.str.replace(r"^(\d{1,2}:\d{2})( ?[AaPp]|$)", r"\1:00\2", regex=True))


def _clocks(text: Any) -> NDArray[np.float64]:
    """Return mm:ss or hh:mm:ss as seconds, of the day where they say so; NaN where there is none."""
    half = text.str.extract(r"([AaPp])\.?[Mm]\.?$", expand=False).str.lower()
    text = text.str.replace(r" ?[AaPp]\.?[Mm]\.?$", "", regex=True).str.replace(",", ".")
    text = text.str.replace(r"^(\d+:\d+:\d+):(\d{3})$", r"\1.\2", regex=True)
    text = text.str.replace(r"^\d+ days? ", "", regex=True)
    seconds = np.zeros(len(text))
    for part in text.str.rsplit(":", n=2, expand=True).apply(pd.to_numeric, errors="coerce").to_numpy(float).T:
        seconds = np.where(np.isnan(part), seconds, 60 * seconds + part)
    if half.notna().any():
        seconds = np.where(half.notna(), seconds % (DAY / 2) + np.where(half == "p", DAY / 2, 0.0), seconds)
    return np.where(text.isna() | (text == ""), np.nan, seconds)


def _iso_dates(text: Any) -> NDArray[np.float64]:
    """Return dates that begin with the year as seconds since 1970; NaN where one is not understood."""
    text = text.str.replace(r"(:\d{2}),(\d)", r"\1.\2", regex=True)
    text = text.str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", r"\1-\2-\3", regex=True)
    try:
        stamps = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    except (ValueError, OverflowError):
        return np.full(len(text), np.nan)
    since = stamps - pd.Timestamp(0, tz="UTC").as_unit("s")  # in nanoseconds, a year 1 would be out of bounds
    return (since / pd.Timedelta(1, "s").as_unit("s")).to_numpy(float, na_value=np.nan)


def rate_of(time: NDArray[np.float64], name: str, kind: str, quantum: float, file: str) -> tuple[float | None, str]:
    """Return the samples per second that a column of time says, and in which unit it was read.

    Parameters
    ----------
    time : (n_samples,) float64 array
        As `seconds_of` gives it.
    name : str
        Of the column.
    kind : str
    quantum : float
        The smallest step that the times are written with, in their unit.
    file : str

    Returns
    -------
    fs : float or None
        None where the column merely counts.
    how : str

    Raises
    ------
    DataError
        Where times are missing, run backward, are not even, or cannot be a clock's.
    """
    called = f"the column of time {plain_text(name)!r}" if name else "the column of time"
    wrong = ~np.isfinite(time)
    if len(time) < 2 or wrong.any():
        line = f" in sample {int(np.argmax(wrong)) + 1:,}" if wrong.any() else ""
        many = (
            "holds dates or times that are not understood" if wrong.mean() > 0.5 and kind == "date" else "lacks a value"
        )
        raise DataError(f"{file}: {called} {many}{line}; give fs (--fs), or mend the column")
    if kind == "clock" or (kind == "date" and time.max() < DAY):
        time = time + DAY * np.cumsum(np.r_[0, np.diff(time) < -DAY / 2])  # past midnight
    at, stamp = _first_of_each(time)
    if len(at) < 2 or not stamp[-1] > stamp[0]:
        raise DataError(f"{file}: {called} does not run forward; give fs (--fs), or mend the column")
    step = (stamp[-1] - stamp[0]) / (at[-1] - at[0])
    _check_even(at, stamp, step, called, file)
    unit = "s" if kind in ("clock", "date") else next((u for u, words in NAMED if re.search(words, name, re.I)), "")
    if not unit and abs(step - 1) < 1e-9:
        return None, ""  # 0, 1, 2, ...: samples, or seconds, or ms; nobody can tell
    how = f"from the column {plain_text(name)!r}, in {unit}" if name else f"from the column of time, in {unit}"
    if not unit:
        plausible = [u for u, size in UNITS.items() if LOWEST_PLAUSIBLE <= 1 / (step * size) <= HIGHEST_PLAUSIBLE]
        if SERIAL[0] < stamp[0] < SERIAL[1] and LOWEST_PLAUSIBLE <= 1 / (step * DAY) <= HIGHEST_PLAUSIBLE:
            plausible = ["days"]
        if not plausible:
            raise NoUnitFitsError(
                f"{file}: {called} rises by {step:g} a sample: no unit makes a rate of that; give fs (--fs)"
            )
        unit = plausible[0]
        how = f"{how.removesuffix(', in ')}, which names no unit: read as {unit}"
    fs = 1 / (step * (UNITS | LONG_UNITS)[unit])
    if not LOWEST_FS <= fs <= HIGHEST_FS:
        raise DataError(
            f"{file}: {called}, in {unit}, says {fs:g} samples per second; give fs (--fs), or mend the column"
        )
    if len(at) < 0.9 * len(time):
        how += f", stamps of packets of {(at[-1] - at[0]) / (len(at) - 1):.3g} samples"
    rounded = max(1e-5, 3 * quantum / (stamp[-1] - stamp[0]))  # times are rounded where they are written
    return (float(round(fs)) if abs(fs - round(fs)) < rounded * fs else fs), how


def _first_of_each(time: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return where a new stamp stands, and the stamps: the samples of a packet may share one."""
    new = np.flatnonzero(np.diff(time) != 0) + 1  # the first packet may have lost its start
    if len(new) > 1 and len(new) < 0.9 * len(time):
        return new, time[new]
    return np.arange(len(time)), time


def _check_even(at: NDArray[np.int64], stamp: NDArray[np.float64], step: float, called: str, file: str) -> None:
    off = np.abs(stamp - stamp[0] - step * (at - at[0])) / step
    most = MOST_OFF * max(1.0, float(np.diff(at).max()))
    if (off > most).any():
        raise DataError(
            f"{file}: the times in {called.removeprefix('the column of time ')} are not even: sample "
            f"{at[int(off.argmax())] + 1:,} is off by {off.max():.0f} samples; put a line with no value for each "
            "sample that is missing, or give fs (--fs) if the times are wrong"
        )
