"""Beats of mitdb that others have cut: the files mitbih_train.csv and mitbih_test.csv of many tutorials.

Kachuee, Fazeli and Sarrafzadeh 2018, ECG heartbeat classification: a deep transferable representation,
doi:10.1109/ICHI.2018.00092. Each row holds a window from one R peak on, scaled to 0 ... 1 and filled with zeros.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.datasets.beats import Beats, concatenate
from ecgnb.datasets.own.limits import MAX_BYTES, check_size
from ecgnb.datasets.own.signal_table import first_lines
from ecgnb.datasets.splits import Split, beatwise_split
from ecgnb.datasets.store.unpack import file_sha256
from ecgnb.datasets.wfdb import CLASS_NAMES
from ecgnb.errors import DataError, UsageError

N_SAMPLES = 187

CHARACTERS = 40  # that a value may have, its separator included

MOST_BEATS = 400_000  # lines; the whole of mitdb has a quarter of them

LONGEST = 100  # characters of a single one

LONG_VALUE = re.compile(rf"[^,;\s]{{{LONGEST + 1}}}")

LOOKED_AT = 12  # columns behind the first one that tell whether the signal goes on from it


def load_heartbeat_csv(path: str | Path) -> Beats:
    """Read a file of pre-cut beats: 187 values and a class 0 to 4 (N, S, V, F, Q) a row, no header.

    Returns
    -------
    Beats
        `record` is empty text: the files do not say whose beat it is, so no patient-wise split can be made of them.

    Raises
    ------
    DataError
        Naming the file, the line and what was expected there; for a file whose classes are not these five.
    """
    path = Path(path).expanduser()
    expected = f"expected {N_SAMPLES} values and a class 0 to {len(CLASS_NAMES) - 1} a row, no header"
    first = _checked_text(path, str(path), N_SAMPLES + 1, expected)
    if first.count(",") != N_SAMPLES:
        raise DataError(f"{path} has {first.count(',') + 1} columns; {expected}")
    try:
        table = _numbers(path, skip_blank_lines=False)
    except ValueError:
        raise DataError(f"{path}{_first_fault(path)}; {expected}") from None
    while len(table) and np.isnan(table[-1]).all():  # a blank line at the end
        table = table[:-1]
    if not len(table):
        raise DataError(f"{path} holds no beat; {expected}")
    _check_finite(table, str(path), 1, expected)
    _check_first_column(table, str(path), expected)
    label = _checked_classes(table[:, N_SAMPLES], str(path), 1, expected)
    if label.max() == 1:
        raise DataError(
            f"{path} has no class above 1; as in ptbdb_*.csv, its 1 may mean abnormal and not S; expected the beats "
            f"of mitbih_*.csv, of {len(CLASS_NAMES)} classes"
        )
    return Beats(
        name="mitdb, cut by others",
        signal=np.ascontiguousarray(table[:, :N_SAMPLES]),
        label=label,
        class_names=CLASS_NAMES,
        record=np.full(len(table), ""),
        fs=125.0,
        unit="scaled to 0 ... 1",
        sha256={path.name: file_sha256(path)},
    )


class BeatTable(NamedTuple):
    """Beats that somebody has cut: `signal` (n_beats, n_samples) float32, and their classes where they are known.

    The classes are those that the numbers mean in ``mitbih_*.csv``. Where there is no class but N and S, the S may have
    meant something else: a 1 of ``ptbdb_*.csv`` is an abnormal beat of any kind.
    """

    signal: NDArray[np.float32]
    class_name: NDArray[np.str_] | None


def read_beats(path: str | Path, n_samples: int = N_SAMPLES) -> BeatTable:
    """Read beats to be named: one a row, without or with a class 0 to 4 (N, S, V, F, Q) as a last value.

    Parameters
    ----------
    path : path
        Values divided by commas, semicolons, tabs or spaces; a first line of names is passed over.
    n_samples : int
        Values of a beat.

    Raises
    ------
    DataError
        Naming the file, the line and what was expected there.
    """
    path = Path(path)
    expected = f"expected {n_samples} values a row, one beat each, and perhaps its class 0 to {len(CLASS_NAMES) - 1}"
    check_size(path)
    _checked_text(path, path.name, n_samples + 2, expected)  # a class behind them, a number before them
    table = first_lines(path)
    if table.n_columns > n_samples + 2:
        raise DataError(f"{path.name} has {table.n_columns:,} columns; {expected}")
    try:
        rows = _numbers(
            path, sep=table.separator, decimal=table.decimal, skiprows=table.n_above, encoding="utf-8-sig",
            encoding_errors="replace",
        )  # fmt: skip
    except ValueError:
        raise DataError(f"{path.name} is not a table of numbers with as many in each row; {expected}") from None
    while rows.shape[1] > n_samples and np.isnan(rows[:, -1]).all():  # a separator at the end of each line
        rows = rows[:, :-1]
    first = table.n_above + 1
    count = np.arange(rows.shape[1])  # 0, 1, 2, ... name the columns
    if len(rows) > 1 and ((rows[0] == count).all() or (np.isnan(rows[0, 0]) and (rows[0, 1:] == count[:-1]).all())):
        rows, first = rows[1:], first + 1
    if len(rows) > 2 and rows.shape[1] > n_samples and (rows[:, 0] == np.arange(len(rows))).all():  # or the rows
        rows = rows[:, 1:]
    if rows.shape[1] not in (n_samples, n_samples + 1):
        raise DataError(f"{path.name} has {rows.shape[1]} columns; {expected}")
    _check_finite(rows, path.name, first, expected)
    _check_first_column(rows, path.name, expected)
    if rows.shape[1] == n_samples:
        return BeatTable(np.ascontiguousarray(rows), None)
    label = _checked_classes(rows[:, -1], path.name, first, expected)
    return BeatTable(np.ascontiguousarray(rows[:, :-1]), np.array(CLASS_NAMES)[label])


def load_heartbeat_csvs(train_csv: str | Path, test_csv: str | Path, *, seed: int) -> tuple[Beats, Split]:
    """Read a pair of such files, and keep their own division; a twentieth of the first one is for validation.

    Raises
    ------
    UsageError
        Where only one of the two is named.
    DataError
        As `load_heartbeat_csv` does.
    """
    if not (str(train_csv) and str(test_csv)):
        raise UsageError(f"train_csv={str(train_csv)!r}, test_csv={str(test_csv)!r}; expected both files, or neither")
    first, second = load_heartbeat_csv(train_csv), load_heartbeat_csv(test_csv)
    (train_sha,), (test_sha,) = first.sha256.values(), second.sha256.values()
    if train_sha == test_sha:
        raise UsageError(f"{train_csv} and {test_csv} hold the same beats; expected one file to train on, one to test")
    if unknown := sorted(set(second.class_name) - set(first.class_name)):
        raise UsageError(f"class {', '.join(unknown)} is in {test_csv} and not in {train_csv}; expected it in both")
    rest = beatwise_split(first.label, seed=seed, test=0.05, val=0.0)
    tested = np.arange(len(first), len(first) + len(second))
    both = replace(concatenate([first, second]), sha256={"train_csv": train_sha, "test_csv": test_sha})
    return both, Split(rest.train, rest.test, tested).check(len(both))


def _checked_text(path: Path, shown: str, n_values: int, expected: str) -> str:
    """Return a file's first line, after its lines were proven to be no longer and no more than a table's of beats.

    A reader of tables takes a line of any length, and some ten million columns all memory.
    """
    most = CHARACTERS * n_values
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{shown} is no file; {expected}")
        if path.stat().st_size > MAX_BYTES:
            raise DataError(
                f"{shown} has {path.stat().st_size / 2**20:,.0f} MB; expected at most {MAX_BYTES / 2**20:.0f} MB"
            )
        with path.open(encoding="latin-1") as stream:
            number, first = 0, stream.readline(most + 1)
            line = first
            while line:
                number += 1
                if len(line) > most:
                    raise DataError(f"{shown}, line {number:,} has over {most:,} characters; {expected}")
                if number <= 200 and LONG_VALUE.search(line):  # these lines tell the form of the table
                    raise DataError(f"{shown}, line {number:,}: a value of over {LONGEST} characters; {expected}")
                if line.count('"') % 2:
                    raise DataError(f"{shown}, line {number:,}: a quotation mark is not closed; {expected}")
                line = stream.readline(most + 1)
    except OSError as fault:
        raise DataError(f"{shown} cannot be read: {fault.strerror or fault}; {expected}") from None
    if not number:
        raise DataError(f"{shown} is empty; {expected}")
    if number > MOST_BEATS:
        raise DataError(f"{shown} has {number:,} lines; expected at most {MOST_BEATS:,}: cut it into parts")
    return first


def _numbers(path: Path, **how: Any) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what single precision does not hold is infinite, which is refused with its line
        return pd.read_csv(path, header=None, dtype=np.float32, compression=None, **how).to_numpy()


def _check_finite(rows: NDArray[np.float32], shown: str, first: int, expected: str) -> None:
    wrong = ~np.isfinite(rows)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(f"{shown}, line {first + row}: value {column + 1} is missing or not finite; {expected}")


def _checked_classes(column: NDArray[np.float32], shown: str, first: int, expected: str) -> NDArray[np.int64]:
    known = np.isin(column, range(len(CLASS_NAMES)))
    if not known.all():
        row = int(np.argmin(known))
        raise DataError(f"{shown}, line {first + row}: class {column[row]:g}; {expected}")
    return column.astype(np.int64)


def _check_first_column(rows: NDArray[np.float32], shown: str, expected: str) -> None:
    if len(rows) and rows.shape[1] > LOOKED_AT and _is_no_sample(rows):
        few = ", ".join(f"{value:g}" for value in np.unique(rows[:, 0])[:5])
        raise DataError(
            f"{shown}: the first column holds nothing but whole numbers ({few}), as a class does, or the number of a "
            f"row, and no sample of a beat; {expected}, which stands last"
        )


def _is_no_sample(rows: NDArray[np.float32]) -> bool:
    """Say whether the first column is a class or a number of the row, as in files of the UCR archive."""
    whole = (rows == np.round(rows)).all(axis=0)
    same = (rows == rows[0]).all(axis=0)
    first = rows[:, 0]
    if not whole[0]:
        return False
    if not np.isin(first, (0, 1)).all():
        at_both_ends = (rows[0] == 0) | (rows[0] == 1)  # zeros behind a beat, a peak that is scaled to 1
        return not (whole & ~(same & at_both_ends))[1:-1].any()
    if not same[0] and len(rows) >= 10:  # by chance a few beats begin at 0 or at 1
        return True
    steps = np.abs(np.diff(rows[:, : LOOKED_AT + 1].astype(float), axis=1))
    return bool(np.mean(steps[:, 0] > 3 * steps[:, 1:].max(axis=1)) > 0.5)


def _first_fault(path: Path) -> str:
    """Return where a table that cannot be read as numbers first fails."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            cells = line.rstrip("\r\n").split(",")
            if len(cells) != N_SAMPLES + 1:
                return f", line {number}: {len(cells)} columns"
            for position, cell in enumerate(cells, start=1):
                try:
                    float(cell)
                except ValueError:
                    return f", line {number}: value {position} is {cell.strip()[:20]!r}, not a number"
    return ": not a table of numbers"
