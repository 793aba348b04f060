"""The signals of PTB-XL's files: read, brought to millivolts and to a rate, kept where they were resampled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy
import wfdb
from numpy.typing import NDArray

from ecgnb.datasets.store.cache import cached_array
from ecgnb.datasets.twelve_leads import LEADS
from ecgnb.errors import DataError, plain_text

RECORDED_FS, SECONDS = 500, 10

NAMES = tuple(name.upper() for name in LEADS)

# A line of a header as PTB-XL writes them: 16 bits, and so many of them a millivolt.
PLAIN = ("16", "1000.0(0)/mV")

NO_VALUE = -(2**15)  # of 16 bits, as WFDB has it

VERSION = 1  # of what this file makes; another one leaves old caches behind


def read_signals(folder: Path, files: Sequence[str], fs: int, *, cache: bool = True) -> NDArray[np.float32]:
    """Return the signals of some records.

    Parameters
    ----------
    folder : path
    files : sequence of str
        Paths of records below it, without an ending.
    fs : int
        Hz; a whole part of 500.
    cache : bool
        Keep what was resampled in a file, under a key of the folder's files, and take it from there.

    Returns
    -------
    (n, 12, 10 fs) float32 array
        mV.

    Raises
    ------
    DataError
        Where a file is missing, damaged, or of another form.
    """
    missing = [name for name in files for end in (".hea", ".dat") if not (folder / f"{name}{end}").is_file()]
    if missing:
        n_missing = len(set(missing))
        raise DataError(
            f"{folder} lacks {plain_text(missing[0])} and the like, of {n_missing:,} of {len(files):,} records; "
            "expected records500 beside the table"
        )

    def build() -> NDArray[np.float32]:
        found = np.empty((len(files), len(LEADS), SECONDS * fs), np.float32)
        for place, name in enumerate(files):
            found[place] = resampled(read_signal(folder / name), RECORDED_FS, fs)
        return found

    if not cache or fs == RECORDED_FS:
        return build()
    return cached_array(dict(what="ptbxl", version=VERSION, fs=fs, files=_state(folder, files)), build)


def _state(folder: Path, files: Sequence[str]) -> str:
    """Return a hash over the files' names, sizes and times, which are read in no time."""
    digest = hashlib.sha256()
    for name in files:
        state = (folder / f"{name}.dat").stat()
        digest.update(json.dumps([str(folder.resolve()), name, state.st_size, state.st_mtime_ns]).encode())
    return digest.hexdigest()


def resampled(signal: NDArray[np.floating], fs: float, to: float) -> NDArray[np.float32]:
    """Return a signal at another rate; what the new rate cannot hold is filtered out, so that it does not fold down.

    Parameters
    ----------
    signal : (..., n_samples) float array
    fs, to : float
        Hz.

    Returns
    -------
    (..., n_new) float32 array
        By a linear-phase filter, which shifts no wave.
    """
    if fs == to:
        return np.asarray(signal, np.float32)
    ratio = Fraction(to / fs).limit_denominator(1000)
    whole = np.asarray(signal, np.float64)
    return scipy.signal.resample_poly(whole, ratio.numerator, ratio.denominator, axis=-1, padtype="line").astype(
        np.float32
    )


def read_signal(record: Path) -> NDArray[np.float32]:
    """Return a record of ten seconds at 500 Hz, (12, 5000), in mV.

    Raises
    ------
    DataError
        Where it is damaged, or of another form.
    """
    n_samples = RECORDED_FS * SECONDS
    try:
        header = record.with_name(f"{record.name}.hea").read_text("ascii", "replace")
        lines = list(_fields(header))
        if _is_plain(lines, record.name):
            whole = np.fromfile(record.with_name(f"{record.name}.dat"), "<i2")
            signal = whole.reshape(n_samples, len(LEADS)).T
            return np.where(signal == NO_VALUE, np.nan, signal / np.float32(1000)).astype(np.float32)
        found = wfdb.rdrecord(str(record))
        order = [[name.upper() for name in found.sig_name].index(name) for name in NAMES]
        if found.fs != RECORDED_FS or found.sig_len != n_samples or set(found.units) != {"mV"}:
            raise ValueError(f"{found.sig_len} samples at {found.fs} Hz in {found.units[0]}")
        return found.p_signal.T[order].astype(np.float32)
    except Exception as fault:  # wfdb raises whatever a damaged file happens to trip
        raise DataError(
            f"{record.name} is no record of twelve leads in mV, ten seconds at 500 Hz: {plain_text(str(fault), 100)}"
        ) from None


def _is_plain(lines: list[list[str]], name: str) -> bool:
    """Say whether a header is written as PTB-XL's are, so that its file can be read without wfdb: ten times faster."""
    first, *signals = lines
    right_size = first[1:4] == ["12", str(RECORDED_FS), str(RECORDED_FS * SECONDS)]
    usual = all(tuple(line[1:3]) == PLAIN and line[0] == f"{name}.dat" for line in signals)
    return right_size and usual and [line[-1] for line in signals] == list(NAMES)


def _fields(header: str) -> Iterator[list[str]]:
    return (line.split() for line in header.splitlines() if line.strip() and not line.startswith("#"))
