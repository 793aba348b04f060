"""One recording with its annotations, read from WFDB files (.hea, .dat, .atr) and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecgnb.errors import DataError

CLASS_NAMES = ("N", "S", "V", "F", "Q")
# Beat symbols by AAMI class (ANSI/AAMI EC57). B, n, r and ? are WFDB's other beat symbols; mitdb has none of them.
AAMI = {
    symbol: CLASS_NAMES.index(name)
    for name, symbols in {"N": "NLRejB", "S": "AaJSn", "V": "VEr", "F": "F", "Q": "/fQ?"}.items()
    for symbol in symbols
}


@dataclass(frozen=True, eq=False)
class Record:
    """A recording and every annotation of it, beats and other marks alike.

    Parameters
    ----------
    name : str
    signal : (n_samples, n_leads) float32 array
        In mV; NaN where the recorder gave no value.
    leads : sequence of str
        Name of each column of `signal`.
    fs : float
        Samples per second.
    mark_sample : (n_marks,) int64 array
        Where each annotation stands; for a beat, its R peak.
    mark_symbol : (n_marks,) str array
        What it says: a beat's type, a change of rhythm ("+"), a change of signal quality ("~"), ...
    """

    name: str
    signal: NDArray[np.float32]
    leads: tuple[str, ...]
    fs: float
    mark_sample: NDArray[np.int64]
    mark_symbol: NDArray[np.str_]

    @property
    def is_beat(self) -> NDArray[np.bool_]:
        """Which annotations mark a beat, (n_marks,)."""
        return np.isin(self.mark_symbol, list(AAMI))

    @property
    def r_sample(self) -> NDArray[np.int64]:
        """Sample of each beat's R peak, (n_beats,)."""
        return self.mark_sample[self.is_beat]

    @property
    def label(self) -> NDArray[np.int64]:
        """AAMI class of each beat as an index into `CLASS_NAMES`, (n_beats,)."""
        return np.array([AAMI[symbol] for symbol in self.mark_symbol[self.is_beat]], dtype=np.int64)

    def lead(self, name: str) -> str:
        """Return the lead of that name, or the record's first lead where it has none of that name."""
        return name if name in self.leads else self.leads[0]


def read_record(folder: str | Path, name: str, *, annotator: str = "atr") -> Record:
    """Read one WFDB record with its annotations.

    Parameters
    ----------
    folder : path
    name : str
        Name of the record, without an ending.
    annotator : str
        Ending of the annotation file.

    Raises
    ------
    DataError
        Where a file is missing or damaged, a signal does not add up to the checksum in the header, or no annotation
        marks a beat.
    """
    base = Path(folder) / name
    for ending in ("hea", annotator):
        if not base.with_name(f"{name}.{ending}").is_file():
            raise DataError(f"record {name!r} in {folder} lacks {name}.{ending}; expected a header, a signal and marks")
    try:
        raw = wfdb.rdrecord(str(base), physical=False)
        marks = wfdb.rdann(str(base), annotator)
        signal = raw.dac(return_res=32)
    except FileNotFoundError as fault:
        raise DataError(f"record {name!r} in {folder} lacks {Path(str(fault.filename)).name}") from None
    except Exception as fault:  # wfdb raises whatever a damaged file happens to trip
        reason = " ".join(str(fault).split())[:120]
        raise DataError(f"record {name!r} in {folder} cannot be read: {reason}; fetch it anew") from None
    _check_sums(raw, name)
    record = Record(
        name=name,
        signal=signal,
        leads=tuple(raw.sig_name),
        fs=float(raw.fs),
        mark_sample=np.asarray(marks.sample, dtype=np.int64),
        mark_symbol=np.asarray(marks.symbol, dtype=np.str_),
    )
    if not record.is_beat.any():
        raise DataError(f"record {name!r} has no beat in {name}.{annotator}; expected one annotation a beat")
    outside = record.r_sample >= len(signal)
    if outside.any():
        raise DataError(
            f"record {name!r}: {outside.sum()} beats are marked after the signal's end ({len(signal)} samples); "
            "the signal looks cut off, or the marks belong to another record"
        )
    return record


def _check_sums(raw: wfdb.Record, name: str) -> None:
    """Compare each signal with the header's 16-bit checksum, which wfdb reads but does not use."""
    for lead, values, expected in zip(raw.sig_name, raw.d_signal.T, raw.checksum, strict=True):
        if expected is not None and (found := int(values.sum()) - int(expected)) % 65536:
            raise DataError(
                f"record {name!r}: lead {lead} is off its header's checksum {expected} by {found % 65536}; "
                "the signal is damaged, or belongs to another header"
            )
