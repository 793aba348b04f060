"""A signal in a table of text, however it is written: what divides it, what names its columns, which one is time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.datasets.own.limits import WHAT, pick_lead
from ecgnb.errors import DataError

BLOCK = 2_000_000  # rows read at a time

LOOKED_AT = 2**18  # bytes at the start that tell how a table is written

MIN_RATE, MAX_RATE = 50, 5000  # Hz that a column without a name must rise by to be taken for seconds

CLOCK = re.compile(r"(elapsed[ _]?)?time|t\b|seconds|timestamp", re.I)

RATE = re.compile(r"sampl\w*[ _](?:rate|frequency)[^\d\n]*(\d+(?:[.,]\d+)*)", re.I)

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)|(\d+:)*\d+:\d+(\.\d+)?", re.I)


@dataclass(frozen=True)
class TableForm:
    """How a table of text is written.

    Parameters
    ----------
    n_above : int
        Lines before the first one of numbers.
    names : list of str
        Of the columns of numbers, but for that of time; their number from 1 on where nobody names them.
    columns : list of int
        Where those stand.
    separator, decimal : str
    clock : int or None
        The column of time, or of the sample's number.
    clock_name : str
    clock_tells : bool
        Whether that column says the rate, and does not merely count.
    fs : float or None
        Samples per second, as a line above says.
    n_columns : int
    n_fields : int
        Columns, and one more where each line ends with a separator.
    """

    n_above: int
    names: list[str]
    columns: list[int]
    separator: str
    decimal: str
    clock: int | None
    clock_name: str
    clock_tells: bool
    fs: float | None
    n_columns: int
    n_fields: int


def read_signal_table(
    path: Path, *, lead: str | None = None, clock: bool = True
) -> tuple[NDArray[np.float32], float | None, str]:
    """Read one column of a table.

    Parameters
    ----------
    path : path
    lead : str, optional
        As for `recording.read_recording`.
    clock : bool
        Find the sampling rate from a column of time, where there is one.

    Returns
    -------
    signal : (n_samples,) float32 array
        NaN where a line or a value is empty.
    fs : float or None
    name : str
        Of the column; empty where nobody names it.

    Raises
    ------
    DataError
        Naming the line where something is no number, or the times that are not even.
    """
    table = first_lines(path)
    if not table.columns:
        raise DataError(f"{path.name} has a column of time and no other; expected the signal beside it")
    position = pick_lead(table.names, lead, path.name)
    uses_clock = clock and table.fs is None and table.clock is not None and table.clock_tells
    signals: list[NDArray[np.float32]] = []
    times: list[NDArray[np.float64]] = []
    for values, time in _blocks(path, table, table.columns[position], table.clock if uses_clock else None):
        signals.append(values)
        times += [] if time is None else [time]
    signal = np.concatenate(signals)
    signals.clear()
    empty = np.isnan(signal)
    end = 0 if empty.all() else len(signal) - int(np.argmin(empty[::-1]))  # empty lines at the end are none
    if not end:
        raise DataError(f"{path.name} holds no sample; expected one a line")
    rate = _rate_of(np.concatenate(times)[:end], table.clock_name, path.name) if uses_clock else table.fs
    name = table.names[position]
    return signal[:end], rate, "" if name.isdigit() else name


def first_lines(path: Path) -> TableForm:
    """Find out from the first lines what divides columns, what they are called, and which one is time."""
    with path.open("rb") as stream:
        head = stream.read(LOOKED_AT)
    if b"\0" in head:
        raise DataError(f"{path.name} is no text; expected {WHAT}")
    lines = re.split(r"\r\n|\r|\n", head.decode("utf-8-sig", errors="replace"))
    lines = lines[:-1] if len(head) == LOOKED_AT and len(lines) > 1 else lines
    n_above = next((k for k, line in enumerate(lines[:100]) if _form_of(line)), len(lines))
    numbers = [line for line in lines[n_above : n_above + 50] if line.strip()]
    form = _form_of(numbers[0], numbers[1:]) if numbers else None
    if form is None:
        first = next((line for line in lines if line.strip()), "")
        raise DataError(
            f"{path.name} has no line of numbers among its first {min(len(lines), 100)}; the first line is "
            f"{first.strip()[:40]!r}; expected one sample a line"
        )
    separator, decimal, n_columns = form
    titles = _titles(lines[:n_above], separator, n_columns)
    clock = next((place for place, title in enumerate(titles) if CLOCK.match(title)), None)
    first_column = [_cells(line, separator)[0] for line in numbers]
    tells = clock is not None or ":" in first_column[0]
    if clock is None and n_columns > 1 and (tells or (step := _even_step(first_column, decimal))):
        clock = 0
        tells = tells or MIN_RATE <= 1 / step <= MAX_RATE
    columns = [place for place in range(n_columns) if place != clock]
    return TableForm(
        n_above=n_above,
        names=[titles[place] or str(number) for number, place in enumerate(columns, start=1)],
        columns=columns,
        separator=separator,
        decimal=decimal,
        clock=clock,
        clock_name=titles[clock] if clock is not None else "",
        clock_tells=tells,
        fs=_rate_above(lines[:n_above]),
        n_columns=n_columns,
        n_fields=len(_split(numbers[0].rstrip(), separator)),
    )


def _titles(above: list[str], separator: str, n_columns: int) -> list[str]:
    """Return what names the columns: the first line above that has as many cells; else empty text for each."""
    rows = [[cell.strip(" '\"") for cell in _split(line, separator)] for line in above if line.strip()]
    fitting = [row for row in rows if len(row) == n_columns and not row[0].startswith("#")]
    return fitting[0] if fitting and (n_columns > 1 or len(rows) == 1) else [""] * n_columns


def _rate_above(above: list[str]) -> float | None:
    found = RATE.search("\n".join(above))
    if not found:
        return None
    text = found[1]
    thousands = re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text)
    text = text.replace(",", "") if thousands else text.replace(",", ".")
    return float(text) if text.count(".") < 2 else None


def _form_of(line: str, next_lines: Sequence[str] = ()) -> tuple[str, str, int] | None:
    """Return separator, decimal mark and number of columns of a line of numbers, fit for the next ones; or None."""
    fits_first = None
    for decimal in (".", ","):
        for separator in ("\t", ";", ",", r"\s+"):
            n_columns = len(_cells(line, separator))
            divides = n_columns > 1 or separator == r"\s+" or line.rstrip().endswith(separator)
            if decimal == separator or not divides or not _all_numbers(line, separator, decimal):
                continue
            if decimal == "." and separator == "," and n_columns == 2 and _is_decimal_comma([line, *next_lines]):
                continue
            fits_first = fits_first or (separator, decimal, n_columns)
            if all(_all_numbers(other, separator, decimal) for other in next_lines):
                return separator, decimal, n_columns
    return fits_first


def _is_decimal_comma(lines: Sequence[str]) -> bool:
    """Say whether commas in lines such as -0,055 part a number and not two: a whole number has no leading zero."""
    pairs = [line.strip().partition(",") for line in lines]
    return any(first.strip() == "-0" or re.fullmatch(r"0\d+", second.strip()) for first, _, second in pairs)


def _all_numbers(line: str, separator: str, decimal: str) -> bool:
    """Say whether each cell is a number or empty, and not all are empty."""
    cells = [cell.replace(decimal, ".") for cell in _cells(line, separator) if cell]
    return bool(cells) and all(NUMBER.fullmatch(cell) for cell in cells)


def _cells(line: str, separator: str) -> list[str]:
    cells = [cell.strip(" '\"\r\n") for cell in _split(line, separator)]
    while len(cells) > 1 and not cells[-1]:  # a separator at the end of the line
        cells.pop()
    return cells


def _split(line: str, separator: str) -> list[str]:
    return line.split() if separator == r"\s+" else line.split(separator)


def _even_step(cells: list[str], decimal: str) -> float:
    """Return by how much a column rises from line to line, if always by as much; else 0."""
    numbers = pd.to_numeric(pd.Series(cells).str.replace(decimal, "."), errors="coerce").to_numpy(float)
    steps = np.diff(numbers) if np.isfinite(numbers).all() else np.zeros(1)
    even = len(steps) > 3 and steps.min() > 0 and np.ptp(steps) < 0.5 * steps.mean()
    return float(steps.mean()) if even else 0.0


def _blocks(
    path: Path, table: TableForm, column: int, clock: int | None
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float64] | None]]:
    """Read a column, and that of time where it is asked for, a block of rows at a time."""
    # A column that stands alone has nothing to divide, and its decimal comma must not; a last separator makes two.
    alone = table.n_columns == 1 and table.separator == r"\s+"
    with path.open("rb") as stream:
        quote = "'" if stream.read(1) == b"'" else '"'
    wanted = [column] if clock is None else [column, clock]
    types: dict[int, Any] = {column: np.float64} | ({} if clock is None else {clock: str})
    try:
        reader = pd.read_csv(
            path, sep="\t" if alone else table.separator, decimal=table.decimal, header=None, skiprows=table.n_above,
            names=range(table.n_fields), usecols=wanted, dtype=types, index_col=False,
            compression=None, chunksize=BLOCK, encoding="utf-8-sig", encoding_errors="replace", na_values=["-", "--"],
            quotechar=quote, skip_blank_lines=False,
        )  # fmt: skip
        for part in reader:
            time = None if clock is None else _seconds(part[clock], table.decimal)
            yield part[column].to_numpy(np.float32), time
    except (ValueError, pd.errors.ParserError):
        raise DataError(f"{path.name}{_first_fault(path, table, column)}; expected a number") from None


def _seconds(column: Any, decimal: str) -> NDArray[np.float64]:
    """Return times as seconds: plain numbers, or mm:ss.sss, which may go on as hh:mm:ss.sss."""
    text = column.astype("string").str.strip(" '\"").str.replace(decimal, ".")
    if not text.str.contains(":").any():
        return pd.to_numeric(text, errors="coerce").to_numpy(float, na_value=np.nan)
    seconds = np.zeros(len(text))
    for part in text.str.rsplit(":", n=2, expand=True).apply(pd.to_numeric, errors="coerce").to_numpy(float).T:
        seconds = np.where(np.isnan(part), seconds, 60 * seconds + part)
    return np.where(text.isna(), np.nan, seconds)


def _rate_of(time: NDArray[np.float64], name: str, file: str) -> float | None:
    """Return the samples per second that a column of time says, in s or in ms; None where it merely counts."""
    if len(time) < 2 or not np.isfinite(time).all():
        line = "" if len(time) < 2 else f" in sample {np.argmin(np.isfinite(time)) + 1:,}"
        raise DataError(f"{file}: the column of time {name!r} lacks a value{line}; give fs, or mend the column")
    step = (time[-1] - time[0]) / (len(time) - 1)
    if not step > 0:
        raise DataError(f"{file}: the column of time {name!r} does not run forward; give fs, or mend the column")
    for start in range(0, len(time), BLOCK):
        off = np.abs(time[start : start + BLOCK] - time[0] - step * np.arange(start, min(start + BLOCK, len(time))))
        if off.max() > 3 * step:
            raise DataError(
                f"{file}: the times in {name!r} are not even: sample {start + int(off.argmax()) + 1:,} is off by "
                f"{off.max() / step:.0f} samples; put a line with no value for each sample that is missing, or give fs "
                "if the times are wrong"
            )
    if abs(step - 1) < 1e-9:
        return None  # 0, 1, 2, ...: samples, or seconds, or ms; nobody can tell
    in_ms = bool(re.search(r"\bms\b|_ms|milli", name, re.I)) or 1 / step < 2
    rate = float(1000 / step if in_ms else 1 / step)
    return float(round(rate)) if abs(rate - round(rate)) < 1e-5 * rate else rate  # times are rounded where written


def _first_fault(path: Path, table: TableForm, column: int) -> str:
    """Return where a table first holds something else than numbers."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if number <= table.n_above or not line.strip():
                continue
            cells = _cells(line, table.separator)
            if len(cells) > table.n_columns:
                return f", line {number}: {len(cells)} columns, where the first line has {table.n_columns}"
            cell = cells[column] if column < len(cells) else ""
            if cell and not NUMBER.fullmatch(cell.replace(table.decimal, ".")):
                return f", line {number}: {cell[:20]!r} in column {column + 1}"
    return ": not a table of numbers"
