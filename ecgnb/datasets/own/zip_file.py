"""A zip archive that holds one recording: unpacked into a folder of its own, within bounds."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ecgnb.datasets.own.columns import listed
from ecgnb.datasets.own.limits import MAX_BYTES
from ecgnb.errors import DataError, plain_text

MOST_MEMBERS = 1000

READABLE = (".csv", ".txt", ".tsv", ".npy", ".edf", ".bdf", ".hea", ".dat", ".mat", ".xyz", ".asc", ".ecg")

ABOUT = re.compile(
    r"read[ _-]?me|licen[cs]e|changes|metadata|description", re.I
)  # what tells of the recording beside it


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield the one recording of an archive, in a folder that is gone afterwards.

    Raises
    ------
    DataError
        Where the archive is damaged, holds no recording or several, or is too large when unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="ecgnb-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                members = _members(archive, path.name)
                room = MAX_BYTES
                for name, member in members.items():
                    room -= _extract(archive, member, Path(folder) / name, room, path.name)
        except DataError:
            raise
        except Exception as fault:  # a damaged archive raises almost anything
            raise DataError(f"{path.name} cannot be unpacked: {plain_text(str(fault))}; unpack it yourself") from None
        headers = [name for name in members if name.lower().endswith(".hea")]
        yield Path(folder) / (headers or list(members))[0]


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """Return the files that make one recording, by their plain names."""
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise DataError(f"{name} holds {len(infos):,} files; expected one recording")
    if any(info.filename.startswith("xl/") for info in infos):
        raise DataError(f"{name} is an Excel workbook, which is not read here: save the sheet as .csv")
    if any(info.filename.endswith(".npy") for info in infos) and name.lower().endswith((".npz", ".npy")):
        raise DataError(f"{name} is an archive of arrays; expected one array, as np.save writes it")
    files = {
        PurePosixPath(info.filename).name: info
        for info in infos
        if not info.is_dir()
        and not info.filename.startswith("__MACOSX")
        and not PurePosixPath(info.filename).name.startswith(".")
    }
    found = {own: info for own, info in files.items() if PurePosixPath(own).suffix.lower() in READABLE}
    if len(found) > 1:
        found = {own: info for own, info in found.items() if not ABOUT.search(PurePosixPath(own).stem)} or found
    headers = [own for own in found if own.lower().endswith(".hea")]
    if len(headers) == 1:
        stem = PurePosixPath(headers[0]).stem.lower()
        return {own: info for own, info in found.items() if PurePosixPath(own).stem.lower() == stem}
    if len(found) != 1:
        raise DataError(
            f"{name} holds {len(found)} recordings among {len(files)} files ({listed(sorted(files))}); "
            "expected one; unpack it and name the file"
        )
    return found


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, room: int, name: str) -> int:
    """Write a member, at most `room` bytes of it, whatever its header says."""
    written = 0
    with archive.open(member) as source, target.open("wb") as stream:
        while block := source.read(1 << 20):
            written += len(block)
            if written > room:
                raise DataError(
                    f"{name} is larger than {MAX_BYTES / 2**20:.0f} MB when unpacked; expected a day of ECG"
                )
            stream.write(block)
    return written
