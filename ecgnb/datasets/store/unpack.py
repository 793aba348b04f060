"""Take verified files out of an archive.

A file takes its place only once its hash is proven, by an atomic rename: whatever breaks, a good file stays good.
"""

from __future__ import annotations

import hashlib
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ecgnb.errors import DataError

# What zipfile, tarfile and the decompressors behind them raise on damaged, encrypted or foreign archives.
UNPACKING_FAULTS = (
    zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError, NotImplementedError,
    RuntimeError,
)  # fmt: skip


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpack(archive: Path, folder: Path, sha256: Mapping[str, str], origin: str = "") -> None:
    """Place those members of a zip or tar archive whose names have a hash; nothing else in it is ever written.

    Parameters
    ----------
    archive, folder : path
    sha256 : mapping of str to str
        File name to expected hash.
    origin : str
        Where the archive came from, for messages; its path where this is not given.

    Raises
    ------
    DataError
        Where the archive is damaged, holds a wrong file, or a member that would land outside the folder.
    """
    origin = origin or str(archive)
    try:
        for member, stream in _members(archive, origin):
            name = PurePosixPath(member).name
            target = folder / name
            if name in sha256 and not (target.is_file() and file_sha256(target) == sha256[name]):
                place(stream, target, sha256[name], origin=f"{origin}, member {member}")
    except UNPACKING_FAULTS as fault:
        raise DataError(f"{origin} is not a whole archive ({fault or type(fault).__name__})") from fault


def _members(archive: Path, origin: str) -> Iterator[tuple[str, BinaryIO]]:
    """Yield name and content of an archive's regular files, after all names were proven to stay inside."""

    def check(names: list[str]) -> None:
        for name in names:
            path = PurePosixPath(name.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts:
                raise DataError(f"{origin} is refused: its member {name!r} would land outside the data folder")

    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            check(zipped.namelist())
            for info in zipped.infolist():
                if not info.is_dir():
                    with zipped.open(info) as stream:
                        yield info.filename, stream  # type: ignore[misc]
    else:
        with tarfile.open(archive) as tarred:
            check(tarred.getnames())
            for member in tarred:
                if member.isreg():
                    content = tarred.extractfile(member)
                    assert content is not None  # a regular file always has content
                    yield member.name, content  # type: ignore[misc]


def place(stream: BinaryIO, target: Path, expected: str, origin: str) -> None:
    """Write a stream beside the target, verify it, and only then rename it over the target."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as temporary:
        try:
            shutil.copyfileobj(stream, temporary)
            temporary.close()
            actual = file_sha256(Path(temporary.name))
            if actual != expected:
                raise DataError(f"{target.name} from {origin} is refused: its SHA-256 is {actual}, expected {expected}")
            Path(temporary.name).chmod(0o644)  # a temporary file is private; data is not
            Path(temporary.name).replace(target)
        finally:
            Path(temporary.name).unlink(missing_ok=True)
