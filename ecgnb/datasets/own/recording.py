"""One lead of anybody's recording, read from what people have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ecgnb.datasets.own.columns import LooksLikeEcg
from ecgnb.datasets.own.edf import is_edf, read_edf_file
from ecgnb.datasets.own.foreign import refuse_foreign
from ecgnb.datasets.own.limits import check_size
from ecgnb.datasets.own.numpy_file import read_npy_file
from ecgnb.datasets.own.recorded import Recording
from ecgnb.datasets.own.signal_table import read_signal_table
from ecgnb.datasets.own.wfdb_record import read_wfdb_record, record_base
from ecgnb.datasets.own.zip_file import unpacked
from ecgnb.errors import DataError, plain_text

__all__ = ["Recording", "read_recording"]

FIRST_BYTES = 4096


def read_recording(
    path: str | Path, *, fs: float | None = None, lead: str | None = None, looks_like_ecg: LooksLikeEcg | None = None
) -> Recording:
    """Read one lead of a recording.

    Parameters
    ----------
    path : path
        A WFDB record (one of its files, or its name without an ending; of several segments, too); a table of text in
        any encoding, its columns divided by comma, semicolon, tab or spaces, with or without lines above that name
        them, or with a lead a line; EDF or BDF; a ``.npy`` file of shape (n_samples,) or (n_samples, n_leads); or a
        ``.zip`` with one of these in it.
    fs : float, optional
        Samples per second. Where it is not given it comes from a header, from a line such as
        ``Sample Rate,512 hertz``, or from a column of time.
    lead : str, optional
        Name of a lead or of a column, or its number from 1 on. Where it is not given: the one that is named as an ECG,
        one in which R usually stands upright before others; else the only one that could be an ECG by what it does.

    looks_like_ecg : callable, optional
        Such as `detection.looks_like_ecg`: asked of a signal and its rate where neither names nor what columns do can
        tell which is the ECG.

    Raises
    ------
    DataError
        Where the file is absent, too large, empty, damaged, of another kind, or holds no such lead; where several
        columns could be the ECG, or none; a line of text is named.
    """
    path = Path(path)
    if path.is_dir():
        check_size(path)
    base = record_base(path)
    if base is not None:
        return read_wfdb_record(base, fs, lead, looks_like_ecg)
    check_size(path)
    with path.open("rb") as stream:
        content = stream.read(FIRST_BYTES)
    if content.startswith(b"PK\x03\x04"):
        with unpacked(path) as inside:
            found = read_recording(inside, fs=fs, lead=lead, looks_like_ecg=looks_like_ecg)
        return replace(found, read=f"{plain_text(path.name)}: {found.read}")
    if path.suffix.lower() == ".npy" or content.startswith(b"\x93NUMPY"):
        return read_npy_file(path, fs, lead, looks_like_ecg)
    if is_edf(content):
        return read_edf_file(path, fs, lead, looks_like_ecg)
    refuse_foreign(path, content)
    if path.suffix.lower() == ".dat" and _is_binary(content):
        raise DataError(f"{path.stem}.hea is missing; a WFDB record needs {path.stem}.hea and {path.stem}.dat")
    return read_signal_table(path, fs=fs, lead=lead, looks_like_ecg=looks_like_ecg)


def _is_binary(content: bytes) -> bool:
    text = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in content)
    return text < 0.95 * len(content)
