"""One recording with its annotations, read from WFDB files (.hea, .dat, .atr) and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import ArrayLike, NDArray

from ecgnb.errors import DataError, UsageError

CLASS_NAMES = ("N", "S", "V", "F", "Q")

# Beat symbols by AAMI class (ANSI/AAMI EC57). B, n, r and ? are WFDB's other beat symbols; mitdb has none of them.
AAMI = {
    symbol: CLASS_NAMES.index(name)
    for name, symbols in {"N": "NLRejB", "S": "AaJSn", "V": "VEr", "F": "F", "Q": "/fQ?"}.items()
    for symbol in symbols
}

IN_MV = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "V": 1e3}


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
    source : {"real", "synthetic"}
    symbols : mapping of str to int
        Which symbols mark a beat, and the AAMI class of each as an index into `CLASS_NAMES`.
    stand_ins : mapping of str to str
        The lead to take for one that this record lacks, where its `Database` says so.
    moved : (n_marks,) int64 array, optional
        By how many samples each mark was moved to its R peak, for a database whose marks stand elsewhere.
    mark_note : (n_marks,) str array, optional
        What an annotation says besides; for a change of rhythm, which rhythm begins, such as "(AFIB".
    """

    name: str
    signal: NDArray[np.float32]
    leads: tuple[str, ...]
    fs: float
    mark_sample: NDArray[np.int64]
    mark_symbol: NDArray[np.str_]
    source: str = "real"
    symbols: Mapping[str, int] = field(default_factory=lambda: AAMI)
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    moved: NDArray[np.int64] | None = None
    mark_note: NDArray[np.str_] | None = None

    @property
    def is_beat(self) -> NDArray[np.bool_]:
        """Which annotations mark a beat, (n_marks,)."""
        return np.isin(self.mark_symbol, list(self.symbols))

    @property
    def r_sample(self) -> NDArray[np.int64]:
        """Sample of each beat's R peak, (n_beats,)."""
        return self.mark_sample[self.is_beat]

    @property
    def label(self) -> NDArray[np.int64]:
        """AAMI class of each beat as an index into `CLASS_NAMES`, (n_beats,)."""
        return np.array([self.symbols[symbol] for symbol in self.mark_symbol[self.is_beat]], dtype=np.int64)

    def lead(self, name: str) -> str:
        """Return the lead of that name, or the one that stands in for it in this record.

        Raises
        ------
        UsageError
            Where the record has neither; its leads are named.
        """
        if name in self.leads:
            return name
        if self.stand_ins.get(name) in self.leads:
            return self.stand_ins[name]
        raise UsageError(f"record {self.name!r} has no lead {name!r}; it has: {', '.join(self.leads)}")

    def wave(self, lead: str) -> NDArray[np.float32]:
        """Return one lead by its name, (n_samples,) in mV; `lead` says what is done where there is none."""
        return np.ascontiguousarray(self.signal[:, self.leads.index(self.lead(lead))])

    def rhythm_at(self, samples: ArrayLike) -> NDArray[np.str_]:
        """Return the rhythm at each of those samples, such as "N" or "AFIB"; "" where nobody has noted one.

        Parameters
        ----------
        samples : (n,) int array
        """
        notes = np.char.strip(
            np.full(len(self.mark_sample), "") if self.mark_note is None else self.mark_note, "\x00 ("
        )
        begins = np.flatnonzero((self.mark_symbol == "+") & (notes != ""))
        place = np.searchsorted(self.mark_sample[begins], np.asarray(samples), side="right")
        return np.r_[[""], notes[begins]][place]

    def outside_flutter(self, samples: ArrayLike) -> NDArray[np.int64]:
        """Return those samples that do not fall into ventricular flutter, where no beat is marked.

        Flutter runs from a mark "[" to the next "]", or to the end of the record.

        Parameters
        ----------
        samples : (n,) int array
            Such as the R peaks that a detector reports.
        """
        kept = np.asarray(samples, dtype=np.int64)
        ends = self.mark_sample[self.mark_symbol == "]"]
        for begin in self.mark_sample[self.mark_symbol == "["]:
            end = min(ends[ends >= begin], default=len(self.signal))
            kept = kept[(kept < begin) | (kept > end)]
        return kept


def read_record(
    folder: str | Path,
    name: str,
    *,
    annotator: str | None = "atr",
    source: str = "real",
    symbols: Mapping[str, int] = AAMI,
) -> Record:
    """Read one WFDB record with its annotations.

    Parameters
    ----------
    folder : path
    name : str
        Name of the record, without an ending.
    annotator : str or None
        Ending of the annotation file; None for a record that has none.
    source : {"real", "synthetic"}
    symbols : mapping of str to int
        As for `Record`.

    Raises
    ------
    DataError
        Where a file is missing or damaged, a signal does not add up to the checksum in the header, the header asks for
        more than this course reads (several segments, several rates, skew, other units), or no annotation marks a beat.
    """
    base = Path(folder) / name
    for ending in ("hea", *([annotator] if annotator else [])):
        if not base.with_name(f"{name}.{ending}").is_file():
            raise DataError(f"record {name!r} in {folder} lacks {name}.{ending}; expected a header, a signal and marks")
    try:
        header = wfdb.rdheader(str(base))
        check_header(header, name)
        raw = wfdb.rdrecord(str(base), physical=False)
        marks = wfdb.rdann(str(base), annotator) if annotator else None
        signal = raw.dac(return_res=32) * np.array([IN_MV[unit] for unit in raw.units], dtype=np.float32)
    except DataError:
        raise
    except FileNotFoundError as fault:
        raise DataError(f"record {name!r} in {folder} lacks {Path(str(fault.filename)).name}") from None
    except Exception as fault:  # wfdb raises whatever a damaged file happens to trip
        reason = " ".join(str(fault).split())[:120]
        raise DataError(f"record {name!r} in {folder} cannot be read: {reason}; fetch it anew") from None
    _check_sums(raw, name)
    record = Record(
        name=name,
        signal=signal,
        leads=tuple(lead or f"signal {position}" for position, lead in enumerate(raw.sig_name)),
        fs=float(raw.fs),
        mark_sample=np.asarray(marks.sample if marks else [], dtype=np.int64),
        mark_symbol=np.asarray(marks.symbol if marks else [], dtype=np.str_),
        mark_note=np.asarray(marks.aux_note if marks else [], dtype=np.str_),
        source=source,
        symbols=symbols,
    )
    if annotator:
        _check_beats(record, annotator)
    return record


def _check_beats(record: Record, annotator: str) -> None:
    """Refuse marks without a beat, out of order, or of a longer signal."""
    name = record.name
    if not record.is_beat.any():
        raise DataError(f"record {name!r} has no beat in {name}.{annotator}; expected one annotation a beat")
    r, end = record.r_sample, len(record.signal)
    if (np.diff(r) <= 0).any() or r[0] < 0:
        raise DataError(f"record {name!r}: its beats are not marked in order of time, each once; the marks are damaged")
    if (late := int((r >= end).sum())) > len(r) // 100:
        raise DataError(
            f"record {name!r}: {late} beats are marked after the signal's end ({end} samples); "
            "the signal looks cut off, or the marks belong to another record"
        )


def check_header(header: wfdb.Record | wfdb.MultiRecord, name: str, units: Sequence[str] | None = None) -> None:
    """Refuse what this course does not read, rather than read it wrongly; `units`: of the leads that matter."""
    if isinstance(header, wfdb.MultiRecord):
        raise DataError(f"record {name!r} has several segments; expected one signal from start to end")
    if not header.sig_name or not header.fs or header.fs <= 0:
        raise DataError(
            f"record {name!r} has {header.n_sig} signals at {header.fs} Hz; expected one or more, above 0 Hz"
        )
    if any((samples or 1) != 1 for samples in header.samps_per_frame) or any(header.skew):
        raise DataError(f"record {name!r} has signals of several rates, or shifted ones; expected one rate and no skew")
    if unknown := sorted({str(unit) for unit in (header.units if units is None else units) if unit not in IN_MV}):
        raise DataError(f"record {name!r} is in {', '.join(unknown)}; expected one of: {', '.join(IN_MV)}")


def _check_sums(raw: wfdb.Record, name: str) -> None:
    """Compare each signal with the header's 16-bit checksum, which wfdb reads but does not use."""
    for lead, values, expected in zip(raw.sig_name, raw.d_signal.T, raw.checksum, strict=True):
        if expected is not None and (found := int(values.sum()) - int(expected)) % 65536:
            raise DataError(
                f"record {name!r}: lead {lead} is off its header's checksum {expected} by {found % 65536}; "
                "the signal is damaged, or belongs to another header"
            )
