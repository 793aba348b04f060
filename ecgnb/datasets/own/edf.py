"""One signal of an EDF, EDF+ or BDF file, read by edfio."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.own import columns as choice
from ecgnb.datasets.own.columns import Column, LooksLikeEcg
from ecgnb.datasets.own.limits import BEHAVES
from ecgnb.datasets.own.recorded import Recording, as_recording
from ecgnb.errors import DataError, UsageError, plain_text

MOST_SIGNALS = 512


def is_edf(content: bytes) -> bool:
    """Say whether a file begins as EDF or BDF does."""
    return (content[:8] == b"0       " or content[:8] == b"\xffBIOSEMI") and content[184:192].strip().isdigit()


def read_edf_file(
    path: Path, fs: float | None, lead: str | None, looks_like_ecg: LooksLikeEcg | None = None
) -> Recording:
    """Read one signal.

    Raises
    ------
    UsageError
        Where edfio is not there.
    DataError
        Where the file is damaged, or no signal of it is known as an ECG.
    """
    signals, gaps = _signals(path)
    with _as_data_error(path):
        position = _pick(signals, lead, path.name, looks_like_ecg)
        signal = signals[position]
        size = _other_size(path)
        rate, unit, values = float(signal.sampling_frequency), str(signal.physical_dimension), _physical(signal)
    if fs is not None and abs(fs - rate) > 1e-6 * rate:
        raise UsageError(f"fs={fs:g}, but {path.name} says {rate:g} Hz; leave fs out for an EDF file")
    doubts = ("it has gaps in time, and was read as if it had none" if gaps else "", size)
    notes = tuple(doubt for doubt in doubts if doubt)
    return as_recording(
        path.stem, values, rate, signal.label, unit, "from its header", notes, path.name,
        of=f"signal {position + 1} of {len(signals)}",
    )  # fmt: skip


def signals_of_edf(path: Path) -> list[tuple[str, str]]:
    """Return name and unit of each signal; raises as `read_edf_file` does."""
    signals, _ = _signals(path)
    with _as_data_error(path):
        return [(str(signal.label), str(signal.physical_dimension)) for signal in signals]


def _signals(path: Path) -> tuple[list[Any], bool]:
    """Return a file's signals, and whether it has gaps in time."""
    try:
        import edfio
    except ImportError:
        raise UsageError("EDF and BDF files need edfio; get it with: pip install 'ecgnb[edf]'") from None
    with path.open("rb") as stream:
        start = stream.read(256)
    n_signals = start[252:256].strip()
    if not n_signals.isdigit() or not 0 < int(n_signals) <= MOST_SIGNALS:
        raise DataError(
            f"{path.name} promises {plain_text(n_signals.decode('latin-1'))} signals; expected 1 to {MOST_SIGNALS}"
        )
    with _as_data_error(path):
        reader = edfio.read_bdf if start[0] == 255 else edfio.read_edf
        return list(reader(path).signals), start[192:197] in (b"EDF+D", b"BDF+D")


def _other_size(path: Path) -> str:
    """Say where a file holds less than its header promises, or something where it promises nothing."""
    with path.open("rb") as stream:
        start = stream.read(256)
        n_signals = int(start[252:256])
        stream.seek(256 + 216 * n_signals)
        n_samples = sum(int(stream.read(8)) for _ in range(n_signals))
    promised = int(start[236:244])
    size = n_samples * (3 if start[0] == 255 else 2)
    there = (path.stat().st_size - 256 * (n_signals + 1)) // size if size else 0
    if promised == 0 < there:
        return f"its header promises nothing, and {there:,} blocks are there: the recorder had not ended"
    if promised <= there:  # -1 where the recorder had not ended
        return ""
    return f"the file is cut off: its header promises {promised:,} blocks, and {there:,} are there"


@contextmanager
def _as_data_error(path: Path) -> Iterator[None]:
    """Turn whatever edfio trips over in a damaged file into one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (DataError, UsageError):
        raise
    except Exception as fault:
        why = str(fault) if type(fault) is ValueError else "its header or its samples are damaged"
        raise DataError(f"{path.name} cannot be read as EDF: {plain_text(' '.join(why.split()))}") from None


def _physical(signal: Any) -> NDArray[np.float32]:
    """Return a signal in its unit, without numbers of eight bytes on the way."""
    gain = (signal.physical_max - signal.physical_min) / (signal.digital_max - signal.digital_min)
    digital = signal.digital
    return ((digital.astype(np.float32) - np.float32(signal.digital_min)) * np.float32(gain)) + np.float32(
        signal.physical_min
    )


def _pick(signals: list[Any], lead: str | None, name: str, looks_like_ecg: LooksLikeEcg | None) -> int:
    labels = [signal.label for signal in signals]
    if not signals:
        raise DataError(f"{name} holds marks alone; expected a signal")
    if lead is not None:
        return choice.pick_lead(labels, lead, name)
    first = [
        Column(signal.label, signal.digital[:BEHAVES].astype(np.float64), float(signal.sampling_frequency))
        for signal in signals
    ]
    return choice.choose(first, name, float(signals[0].sampling_frequency), looks_like_ecg)[0]
