"""One file of anybody's, of whatever form: what its signals are called, and each of them read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ecgnb.datasets.own import edf, numpy_file, signal_table, wfdb_record
from ecgnb.datasets.own.columns import LooksLikeEcg
from ecgnb.datasets.own.foreign import SHEETS, refuse_foreign
from ecgnb.datasets.own.limits import check_size
from ecgnb.datasets.own.recorded import Recording
from ecgnb.datasets.own.zip_file import unpacked
from ecgnb.errors import DataError, UsageError, plain_text

FIRST_BYTES = 4096

Read = Callable[[Path, float | None, str | None, LooksLikeEcg | None], Recording]


@dataclass(frozen=True)
class OpenedFile:
    """A recording's file and how it is read.

    Parameters
    ----------
    path : path
        Of the file, or of a WFDB record without an ending.
    file : str
        What it is called in what is said about it.
    reader : callable
        Reads one lead.
    namer : callable
        Returns name and unit of each signal, empty text where nobody says; raises as the reader does.
    archive : str
        Of what archive it was taken.
    """

    path: Path
    file: str
    reader: Read
    namer: Callable[[Path], list[tuple[str, str]]]
    archive: str = ""

    def read(self, fs: float | None, lead: str | None, looks_like_ecg: LooksLikeEcg | None = None) -> Recording:
        """Read one lead, as `recording.read_recording` does."""
        found = self.reader(self.path, fs, lead, looks_like_ecg)
        return replace(found, read=f"{self.archive}: {found.read}") if self.archive else found

    def signals(self) -> list[tuple[str, str]]:
        """Return name and unit of each signal."""
        return self.namer(self.path)


@contextmanager
def opened(path: Path) -> Iterator[OpenedFile]:
    """Find out what form a file is of; of an archive, the recording in it is unpacked for as long as this lasts.

    Raises
    ------
    DataError
        Where the file is absent, empty, too large, or of a form that is not read.
    """
    if path.is_dir():
        check_size(path)
    base = wfdb_record.record_base(path)
    if base is not None:
        yield OpenedFile(base, f"{base.name}.hea", wfdb_record.read_wfdb_record, wfdb_record.signals_of_record)
        return
    check_size(path)
    with path.open("rb") as stream:
        content = stream.read(FIRST_BYTES)
    if content.startswith(b"PK\x03\x04") and path.suffix.lower() not in SHEETS:
        with unpacked(path) as inside, opened(inside) as found:
            yield replace(found, archive=plain_text(path.name))
        return
    if path.suffix.lower() == ".npy" or content.startswith(b"\x93NUMPY"):
        yield OpenedFile(path, path.name, numpy_file.read_npy_file, numpy_file.signals_of_npy)
        return
    if edf.is_edf(content):
        yield OpenedFile(path, path.name, edf.read_edf_file, edf.signals_of_edf)
        return
    refuse_foreign(path, content)
    if path.suffix.lower() == ".dat" and _is_binary(content):
        raise DataError(f"{path.stem}.hea is missing; a WFDB record needs {path.stem}.hea and {path.stem}.dat")
    yield OpenedFile(path, path.name, _read_table, signal_table.signals_of_table)


def lead_names(path: str | Path) -> list[str]:
    """Return what the signals of a file are called, in the order that their numbers count, to choose from.

    A name is empty where the file has none for it; there is no name where the file cannot be read: to read it says why.
    """
    try:
        with opened(Path(path)) as file:
            return [name for name, _ in file.signals()]
    except (DataError, UsageError):
        return []


def _read_table(path: Path, fs: float | None, lead: str | None, looks_like_ecg: LooksLikeEcg | None) -> Recording:
    return signal_table.read_signal_table(path, fs=fs, lead=lead, looks_like_ecg=looks_like_ecg)


def _is_binary(content: bytes) -> bool:
    text = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in content)
    return text < 0.95 * len(content)
