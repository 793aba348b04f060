"""Beats of mitdb that others have cut: the files mitbih_train.csv and mitbih_test.csv of many tutorials.

Kachuee, Fazeli and Sarrafzadeh 2018, ECG heartbeat classification: a deep transferable representation,
doi:10.1109/ICHI.2018.00092. Each row holds a window from one R peak on, scaled to 0 ... 1 and filled with zeros.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.datasets.beats import Beats, concatenate
from ecgnb.datasets.own.limits import check_size
from ecgnb.datasets.own.signal_table import first_lines
from ecgnb.datasets.splits import Split, beatwise_split
from ecgnb.datasets.store.unpack import file_sha256
from ecgnb.datasets.wfdb import CLASS_NAMES
from ecgnb.errors import DataError, UsageError

N_SAMPLES = 187


def load_heartbeat_csv(path: str | Path) -> Beats:
    """Read a file of pre-cut beats: 187 values and a class 0 to 4 (N, S, V, F, Q) a row, no header.

    Returns
    -------
    Beats
        `record` is empty text: the files do not say whose beat it is, so no patient-wise split can be made of them.

    Raises
    ------
    DataError
        Naming the file, the line and what was expected there.
    """
    path = Path(path).expanduser()
    expected = f"expected {N_SAMPLES} values and a class 0 to {len(CLASS_NAMES) - 1} a row, no header"
    try:
        table = pd.read_csv(path, header=None, dtype=np.float32, skip_blank_lines=False, compression=None).to_numpy()
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror or fault}; {expected}") from None
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty; {expected}") from None
    except ValueError:
        raise DataError(f"{path}{_first_fault(path)}; {expected}") from None
    while len(table) and np.isnan(table[-1]).all():  # a blank line at the end
        table = table[:-1]
    if table.shape[1] != N_SAMPLES + 1:
        raise DataError(f"{path} has {table.shape[1]} columns; {expected}")
    wrong = ~np.isfinite(table)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(f"{path}, line {row + 1}: value {column + 1} is missing or not finite; {expected}")
    label = table[:, N_SAMPLES]
    known = np.isin(label, range(len(CLASS_NAMES)))
    if not known.all():
        row = int(np.argmin(known))
        raise DataError(f"{path}, line {row + 1}: class {label[row]:g}; {expected}")
    return Beats(
        name="mitdb, cut by others",
        signal=np.ascontiguousarray(table[:, :N_SAMPLES]),
        label=label.astype(np.int64),
        class_names=CLASS_NAMES,
        record=np.full(len(table), ""),
        fs=125.0,
        unit="scaled to 0 ... 1",
        sha256={path.name: file_sha256(path)},
    )


class BeatTable(NamedTuple):
    """Beats that somebody has cut: `signal` (n_beats, n_samples) float32, and their classes where they are known."""

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
    table = first_lines(path)
    try:
        rows = pd.read_csv(
            path, header=None, sep=table.separator, decimal=table.decimal, skiprows=table.n_above, dtype=np.float32,
            compression=None, encoding="utf-8-sig", encoding_errors="replace",
        ).to_numpy()  # fmt: skip
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
    wrong = ~np.isfinite(rows)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(f"{path.name}, line {first + row}: value {column + 1} is missing or not finite; {expected}")
    if rows.shape[1] == n_samples:
        return BeatTable(np.ascontiguousarray(rows), None)
    known = np.isin(rows[:, -1], range(len(CLASS_NAMES)))
    if not known.all():
        row = int(np.argmin(known))
        raise DataError(f"{path.name}, line {first + row}: class {rows[row, -1]:g}; {expected}")
    return BeatTable(np.ascontiguousarray(rows[:, :-1]), np.array(CLASS_NAMES)[rows[:, -1].astype(int)])


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
