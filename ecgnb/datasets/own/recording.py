"""One lead of anybody's recording, read from what people have: WFDB files, tables of text, NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecgnb.datasets.own.limits import check_size, pick_lead
from ecgnb.datasets.own.signal_table import read_signal_table
from ecgnb.datasets.wfdb import IN_MV, check_header
from ecgnb.errors import DataError, UsageError

BLOCK = 2_000_000  # samples read at a time

BYTES_PER_SAMPLE = {"16": 2, "24": 3, "32": 4, "61": 2, "80": 1, "160": 2, "212": 1.5, "310": 4 / 3, "311": 4 / 3}


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
    path = Path(path)
    given = path.suffix.lower()
    if path.is_dir():
        check_size(path)
    if given in (".hea", ".dat") or (not path.is_file() and path.with_name(f"{path.name}.hea").is_file()):
        return _read_wfdb(path.with_suffix("") if given in (".hea", ".dat") else path, fs, lead)
    check_size(path)
    if given == ".npy":
        return _read_npy(path, fs, lead)
    signal, rate, name = read_signal_table(path, lead=lead, clock=fs is None)
    return Recording(path.stem, signal, rate if fs is None else fs, name)


def _read_wfdb(base: Path, fs: float | None, lead: str | None) -> Recording:
    """Read one lead in blocks: wfdb makes numbers of eight bytes on its way."""
    for ending in (".hea", ".dat"):
        if not base.with_name(base.name + ending).is_file():
            raise DataError(f"{base.name}{ending} is missing; a WFDB record needs {base.name}.hea and {base.name}.dat")
        check_size(base.with_name(base.name + ending))
    try:
        header = wfdb.rdheader(str(base))
        names = [name or f"signal {number}" for number, name in enumerate(header.sig_name or [], start=1)]
        position = pick_lead(names, lead, f"record {base.name}") if names else 0
        check_header(header, base.name, units=header.units[position : position + 1] if names else [])
        _check_signal_file(header, base)
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
    return Recording(base.name, signal, float(header.fs), names[position], "mV")


def _check_signal_file(header: Any, base: Path) -> None:
    """Refuse a header that points elsewhere, or promises more than its file holds."""
    if not header.sig_len:
        raise DataError(f"{base.name}.hea does not say how many samples there are; expected their number in line 1")
    if b"\xb5" in base.with_name(f"{base.name}.hea").read_bytes().replace(b"\xc2\xb5", b""):  # wfdb would read V
        raise DataError(f"{base.name}.hea is not in UTF-8, so that its unit cannot be read; write uV for microvolt")
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
    except Exception:  # NumPy raises whatever a file that is none happens to trip
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
