"""One lead of anybody's recording, read from what people have: WFDB files, tables of text, NumPy arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import wfdb
from numpy.typing import NDArray

from ecgnb.datasets.records import IN_MV, check_header
from ecgnb.errors import DataError, UsageError

MAX_BYTES = 512 * 2**20  # more than a day at 360 Hz, as text
PREFERRED = ("MLII", "II", "ML2", "I", "V5")  # leads in which R stands upright in most people
MIN_RATE, MAX_RATE = 50, 5000  # Hz that a column without a name must rise by to be taken for seconds
BLOCK = 2_000_000  # rows or samples read at a time
BYTES_PER_SAMPLE = {
    "8": 1,
    "16": 2,
    "24": 3,
    "32": 4,
    "61": 2,
    "80": 1,
    "160": 2,
    "212": 1.5,
    "310": 4 / 3,
    "311": 4 / 3,
}
WHAT = "a WFDB record (.hea with its .dat), a table of numbers (.csv, .txt, .tsv) or a NumPy array (.npy)"


@dataclass(frozen=True, eq=False)
class Recording:
    """One lead of a recording, without any mark.

    Parameters
    ----------
    name : str
    signal : (n_samples,) float32 array
        NaN where there is no value.
    fs : float or None
        Samples per second; None where neither the file nor the caller says.
    lead : str
        Empty where nobody says.
    unit : str
        Empty where nobody says.
    """

    name: str
    signal: NDArray[np.float32]
    fs: float | None
    lead: str = ""
    unit: str = ""


def read_recording(path: str | Path, *, fs: float | None = None, lead: str | None = None) -> Recording:
    """Read one lead of a recording.

    Parameters
    ----------
    path : path
        A WFDB record (either of its files, or its name without an ending); a table of text, its columns divided by
        comma, semicolon, tab or spaces, with or without lines above that name them; or a ``.npy`` file of shape
        (n_samples,) or (n_samples, n_leads).
    fs : float, optional
        Samples per second. Where it is not given it comes from the WFDB header, from a line such as
        ``Sample Rate,512 hertz``, or from a column of time.
    lead : str, optional
        Name of a WFDB lead or of a column, or its number from 1 on. Where it is not given: one in which R usually
        stands upright, else the first.

    Raises
    ------
    DataError
        Where the file is absent, too large, empty, damaged, or holds no such lead; a line of text is named.
    """
    path = Path(path).expanduser()
    given = path.suffix.lower()
    if given in (".hea", ".dat") or (not path.is_file() and path.with_name(f"{path.name}.hea").is_file()):
        return _read_wfdb(path.with_suffix("") if given in (".hea", ".dat") else path, fs, lead)
    check_size(path)
    if given == ".npy":
        return _read_npy(path, fs, lead)
    return _read_text(path, fs, lead)


def check_size(path: Path) -> None:
    """Raise `DataError` for a file that is absent, empty or too large to be a recording."""
    try:
        n_bytes = path.stat().st_size
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror}; expected {WHAT}") from None
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected {WHAT}")
    if not n_bytes:
        raise DataError(f"{path.name} is empty; expected {WHAT}")
    if n_bytes > MAX_BYTES:
        raise DataError(
            f"{path.name} has {n_bytes / 2**20:,.0f} MB; expected at most {MAX_BYTES / 2**20:.0f} MB, a day of ECG; "
            "cut it into parts"
        )


def pick_lead(names: Sequence[str], lead: str | None, where: str) -> int:
    """Return the position of the lead asked for, by name or by number from 1 on.

    Raises
    ------
    DataError
        Where there is no such lead.
    """
    if lead is None:
        return next((names.index(name) for name in PREFERRED if name in names), 0)
    wanted = str(lead).strip().lower()
    for position, name in enumerate(names):
        if name.lower() == wanted:
            return position
    if wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise DataError(f"{where} has no lead {lead!r}; it has: {', '.join(names)}")


def _read_wfdb(base: Path, fs: float | None, lead: str | None) -> Recording:
    """Read one lead in blocks: wfdb makes numbers of eight bytes on its way."""
    for ending in (".hea", ".dat"):
        if not base.with_name(base.name + ending).is_file():
            raise DataError(f"{base.name}{ending} is missing; a WFDB record needs {base.name}.hea and {base.name}.dat")
        check_size(base.with_name(base.name + ending))
    try:
        header = wfdb.rdheader(str(base))
        check_header(header, base.name)
        _check_signal_file(header, base)
        position = pick_lead(header.sig_name, lead, f"record {base.name}")
        signal = np.empty(header.sig_len, dtype=np.float32)
        for start in range(0, header.sig_len, BLOCK):
            end = min(start + BLOCK, header.sig_len)
            part = wfdb.rdrecord(str(base), channels=[position], sampfrom=start, sampto=end, return_res=32)
            signal[start:end] = part.p_signal[:, 0] * IN_MV[header.units[position]]
    except DataError:
        raise
    except Exception as fault:  # wfdb raises whatever a damaged file happens to trip
        raise DataError(f"record {base.name} cannot be read: {' '.join(str(fault).split())[:120]}") from None
    if fs is not None and abs(fs - header.fs) > 1e-6:
        raise UsageError(f"fs={fs:g}, but {base.name}.hea says {header.fs:g} Hz; leave fs out for a WFDB record")
    return Recording(base.name, signal, float(header.fs), header.sig_name[position], "mV")


def _check_signal_file(header: Any, base: Path) -> None:
    """Refuse a header that points elsewhere, or promises more than its file holds."""
    if not header.sig_len:
        raise DataError(f"{base.name}.hea does not say how many samples there are; expected their number in line 1")
    names, formats = set(header.file_name), set(header.fmt)
    if names != {f"{base.name}.dat"}:
        raise DataError(f"{base.name}.hea names {', '.join(sorted(names))}; expected its signals in {base.name}.dat")
    if unknown := formats - set(BYTES_PER_SAMPLE):
        raise DataError(
            f"{base.name}.dat has the format {', '.join(unknown)}; expected one of {', '.join(BYTES_PER_SAMPLE)}"
        )
    needed = header.sig_len * sum(BYTES_PER_SAMPLE[fmt] for fmt in header.fmt)
    there = base.with_name(f"{base.name}.dat").stat().st_size
    if needed > there + 4:
        raise DataError(
            f"{base.name}.dat has {there:,} bytes, and its header promises {needed:,.0f}; the file looks cut off"
        )


def _read_npy(path: Path, fs: float | None, lead: str | None) -> Recording:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)  # mapped: a lying header takes no memory
    except (ValueError, OSError, EOFError, SyntaxError):
        raise DataError(f"{path.name} is no NumPy array of numbers; expected shape (n_samples,)") from None
    if not isinstance(array, np.ndarray):  # an archive of several, whatever it is called
        array.close()
        raise DataError(f"{path.name} is an archive of arrays; expected one array, as np.save writes it")
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu" or not array.size:
        raise DataError(
            f"{path.name} holds {array.dtype} of shape {array.shape}; "
            "expected numbers (n_samples,) or (n_samples, n_leads)"
        )
    if array.ndim == 2 and array.shape[0] < array.shape[1]:
        array = array.T  # a recording is longer than it has leads
    position = 0
    if array.ndim == 2:
        position = pick_lead([str(number + 1) for number in range(array.shape[1])], lead, path.name)
        array = array[:, position]
    return Recording(path.stem, np.array(array, dtype=np.float32), fs, f"lead {position + 1}")


@dataclass(frozen=True)
class TableForm:
    """How a table of text is written."""

    n_above: int  # lines before the first one of numbers
    names: list[str]
    separator: str
    decimal: str
    clock: int | None  # the column of time, or of the sample's number
    fs: float | None  # as a line above says
    n_first: int  # columns of the first line of numbers
    clock_tells: bool  # whether that column says the rate, and does not merely count


def _read_text(path: Path, fs: float | None, lead: str | None) -> Recording:
    table = first_lines(path)
    signals = [position for position in range(table.n_first) if position != table.clock]
    if not signals:
        raise DataError(f"{path.name} has a column of time and no other; expected the signal beside it")
    position = signals[pick_lead([table.names[p] for p in signals], lead, path.name)]
    from_clock = fs is None and table.fs is None and table.clock is not None and table.clock_tells
    columns = [position, table.clock] if from_clock and table.clock is not None else [position]
    parts = [part.to_numpy() for part in _chunks(path, table, columns)]
    signal = np.concatenate([part[:, 0] for part in parts]).astype(np.float32)
    if from_clock:
        fs = _rate_of(np.concatenate([part[:, 1] for part in parts]), table.names[columns[1]], path.name)
    name = table.names[position]
    return Recording(path.stem, signal, fs if fs is not None else table.fs, "" if name.isdigit() else name)


def first_lines(path: Path) -> TableForm:
    """Find out from the first lines what divides columns, what they are called, and which one is time."""
    with path.open("rb") as stream:
        head = stream.read(2**16)
    if b"\0" in head:
        raise DataError(f"{path.name} is no text; expected {WHAT}")
    try:
        text = head.decode("utf-8-sig", errors="ignore" if len(head) == 2**16 else "strict")
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is no text in UTF-8; expected {WHAT}") from None
    lines = text.splitlines()[: -1 if len(head) == 2**16 else None]
    n_above = next((k for k, line in enumerate(lines[:100]) if line.strip() and _form_of(line)), len(lines))
    numbers = [line for line in lines[n_above : n_above + 50] if line.strip()]
    form = _form_of(numbers[0], numbers[1:]) if numbers else None
    if form is None:
        first = next((line for line in lines if line.strip()), "")
        raise DataError(
            f"{path.name} has no line of numbers among its first {min(len(lines), 100)}; the first line is "
            f"{first.strip()[:40]!r}; expected one sample a line"
        )
    separator, decimal, cells = form
    above = [[cell.strip(" '\"") for cell in _split(line, separator)] for line in lines[:n_above] if line.strip()]
    titles = [row for row in above if len(row) == len(cells) and not row[0].startswith("#")]
    wanted = titles[0] if titles and (len(cells) > 1 or len(above) == 1) else []
    names = [wanted[p] if wanted and wanted[p] else str(p + 1) for p in range(len(cells))]
    clock = next(
        (p for p, name in enumerate(names) if re.match(r"(elapsed[ _]?)?time|t\b|seconds|timestamp", name, re.I)), None
    )
    rows = [_cells(line, separator)[0] for line in numbers]
    tells = clock is not None or ":" in cells[0]  # the rate; a column that merely counts samples does not
    if clock is None and len(cells) > 1 and (tells or (step := _even_step(rows, decimal))):
        clock = 0
        tells = tells or MIN_RATE <= 1 / step <= MAX_RATE
    rate = re.search(r"sampl\w*[ _](?:rate|frequency)\W+([\d.]+)", "\n".join(lines[:n_above]), re.I)
    return TableForm(n_above, names, separator, decimal, clock, float(rate[1]) if rate else None, len(cells), tells)


def _even_step(cells: list[str], decimal: str) -> float:
    """Return by how much a column rises from line to line, if always by as much; else 0."""
    numbers = pd.to_numeric(pd.Series(cells).str.replace(decimal, "."), errors="coerce").to_numpy(float)
    steps = np.diff(numbers) if np.isfinite(numbers).all() else np.zeros(1)
    even = len(steps) > 3 and steps.min() > 0 and np.ptp(steps) < 0.5 * steps.mean()
    return float(steps.mean()) if even else 0.0


def _form_of(line: str, next_lines: Sequence[str] = ()) -> tuple[str, str, list[str]] | None:
    """Return separator, decimal mark and cells of a line of numbers, fit for the next ones too; None for others."""
    found = None
    for decimal in (".", ","):
        for separator in ("\t", ";", ",", r"\s+"):
            cells = _cells(line, separator)
            if decimal == separator or not all(_is_number(cell, decimal) for cell in cells):
                continue
            if len(cells) == 1 and separator != r"\s+":
                continue
            found = found or (separator, decimal, cells)
            if all(_is_number(cell, decimal) for other in next_lines for cell in _cells(other, separator)):
                return separator, decimal, cells
    return found


def _cells(line: str, separator: str) -> list[str]:
    cells = [cell.strip(" '\"") for cell in _split(line, separator)]
    while len(cells) > 1 and not cells[-1]:  # a separator at the end of the line
        cells.pop()
    return cells


def _split(line: str, separator: str) -> list[str]:
    return line.split() if separator == r"\s+" else line.split(separator)


def _is_number(cell: str, decimal: str) -> bool:
    number = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)"
    return bool(
        re.fullmatch(rf"{number}|(\d+:)*\d+:\d+(\.\d+)?", cell.replace(decimal, ".") if decimal == "," else cell, re.I)
    )


def _chunks(path: Path, table: TableForm, columns: list[int]) -> Iterator[pd.DataFrame]:
    """Read some columns of a table, in the order given, a block of rows at a time."""
    # One column has nothing to divide, and a decimal comma must not divide it.
    separator = "\t" if table.n_first == 1 else table.separator
    clock_is_text = len(columns) == 2
    try:
        reader = pd.read_csv(
            path, sep=separator, decimal=table.decimal, header=None, skiprows=table.n_above, usecols=columns,
            names=range(table.n_first), index_col=False, compression=None, chunksize=BLOCK, encoding="utf-8-sig",
            dtype={columns[0]: np.float64, **({columns[1]: str} if clock_is_text else {})}, na_values=["-", "--"],
            quotechar="'" if _quoted(path) else '"', on_bad_lines="error",
        )  # fmt: skip
        n_rows = 0
        for part in reader:
            part = part[columns]
            if clock_is_text:
                part = part.assign(**{str(columns[1]): _seconds(part[columns[1]], table.decimal)})
                part = part[[columns[0], str(columns[1])]]
            n_rows += len(part)
            yield part
    except (ValueError, pd.errors.ParserError):
        raise DataError(f"{path.name}{_first_fault(path, table, columns[0])}; expected a number") from None
    if not n_rows:
        raise DataError(f"{path.name} holds no sample; expected one a line")


def _quoted(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(1) == b"'"


def _seconds(column: Any, decimal: str) -> NDArray[np.float64]:
    """Return times as seconds: plain numbers, or hh:mm:ss.sss."""
    text = column.astype(str).str.strip(" '\"")
    if ":" not in str(text.iloc[0]):
        return pd.to_numeric(text.str.replace(",", ".") if decimal == "," else text, errors="coerce").to_numpy(float)
    parts = text.str.split(":", expand=True).apply(pd.to_numeric, errors="coerce")
    return sum(parts[column] * 60.0 ** (parts.shape[1] - 1 - column) for column in parts).to_numpy(float)


def _rate_of(time: NDArray[np.float64], name: str, file: str) -> float:
    """Return the samples per second that a column of time says, in s or in ms."""
    if len(time) < 2 or not np.isfinite(time).all():
        line = "" if len(time) < 2 else f" in sample {np.argmin(np.isfinite(time)) + 1:,}"
        raise DataError(f"{file}: the column of time {name!r} lacks a value{line}; give fs, or mend the column")
    step = (time[-1] - time[0]) / (len(time) - 1)
    if not step > 0:
        raise DataError(f"{file}: the column of time {name!r} does not run forward; give fs, or mend the column")
    even = time[0] + step * np.arange(len(time))
    if (off := np.abs(time - even)).max() > 3 * step:
        raise DataError(
            f"{file}: the times in {name!r} are not even: sample {int(off.argmax()) + 1:,} is off by "
            f"{off.max() / step:.0f} samples; fill the gaps with empty values, or give fs if the times are wrong"
        )
    in_ms = bool(re.search(r"\bms\b|_ms|milli", name, re.I)) or 1 / step < 2
    rate = 1000 / step if in_ms else 1 / step
    return (
        float(round(rate)) if abs(rate - round(rate)) < 1e-5 * rate else rate
    )  # times are rounded as they are written


def _first_fault(path: Path, table: TableForm, column: int) -> str:
    """Return where a table first holds something else than numbers."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if number <= table.n_above or not line.strip():
                continue
            cells = _split(line.rstrip("\r\n"), table.separator) if table.n_first > 1 else [line]
            if len(cells) <= column:
                return f", line {number}: {len(cells)} columns, where the first line has {table.n_first}"
            cell = cells[column].strip(" '\"\r\n")
            if cell and not _is_number(cell, table.decimal):
                return f", line {number}: {cell[:20]!r} in column {column + 1}"
    return ": not a table of numbers"
