"""Take verified files out of an archive.

A file takes its place only once its hash is proven, by an atomic rename: whatever breaks, a good file stays good.
"""

from __future__ import annotations

import gzip
import hashlib
import io
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
    RuntimeError, gzip.BadGzipFile,
)  # fmt: skip


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpack(archive: Path, folder: Path, sha256: Mapping[str, str], most: int, origin: str = "") -> None:
    """Place those members of a zip or tar archive whose names have a hash; nothing else in it is ever written.

    Parameters
    ----------
    archive, folder : path
    sha256 : mapping of str to str
        File name to expected hash.
    most : int
        Bytes that the archive may unpack to: a small file can claim to hold a full disk.
    origin : str
        Where the archive came from, for messages; its path where this is not given.

    Raises
    ------
    DataError
        Where the archive is damaged, holds a wrong file, too much, or a member that would land outside the folder.
    """
    origin = origin or str(archive)
    try:
        for member, stream in _members(archive, most, origin):
            name = PurePosixPath(member).name
            target = folder / name
            if name in sha256 and not (target.is_file() and file_sha256(target) == sha256[name]):
                place(stream, target, sha256[name], origin=f"{origin}, member {member}")
    except UNPACKING_FAULTS as fault:
        raise DataError(f"{origin} is not a whole archive ({fault or type(fault).__name__})") from fault


def _members(archive: Path, most: int, origin: str) -> Iterator[tuple[str, BinaryIO]]:
    """Yield name and content of an archive's regular files, after all names were proven to stay inside."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            _check([(info.filename, info.file_size) for info in zipped.infolist()], most, origin)
            for info in zipped.infolist():
                if not info.is_dir():
                    with zipped.open(info) as stream:  # gives no more than it claimed
                        yield info.filename, stream  # type: ignore[misc]
    else:
        with _opened(archive) as plain, tarfile.open(fileobj=_Bounded(plain, most, origin), mode="r:") as tarred:
            _check([(member.name, member.size) for member in tarred], most, origin)
            for member in tarred:
                if member.isreg():
                    content = tarred.extractfile(member)
                    assert content is not None  # a regular file always has content
                    yield member.name, content  # type: ignore[misc]


def _check(members: list[tuple[str, int]], most: int, origin: str) -> None:
    for name, _ in members:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise DataError(f"{origin} is refused: its member {name!r} would land outside the data folder")
    if sum(max(size, 0) for _, size in members) > most:  # a sparse member claims more than the archive holds
        raise _too_much(origin, most)


def _too_much(origin: str, most: int) -> DataError:
    return DataError(f"{origin} is refused: it would unpack to more than {most / 1e6:,.0f} MB, as no copy of it does")


def _opened(archive: Path) -> BinaryIO:
    """Open a file for reading, decompressed by what it begins with."""
    with archive.open("rb") as stream:
        start = stream.read(6)
    openers = {b"\xfd7zXZ\0": lzma.open, b"\x1f\x8b": gzip.open}
    opener = next((opener for magic, opener in openers.items() if start.startswith(magic)), open)
    return opener(archive, "rb")  # type: ignore[operator]


class _Bounded(io.RawIOBase):
    """A stream that refuses to be read, or skipped, beyond so many bytes: tarfile takes any length at its word."""

    def __init__(self, stream: BinaryIO, most: int, origin: str) -> None:
        self.stream, self.most, self.origin = stream, most, origin

    def read(self, size: int = -1) -> bytes:
        self._check(self.stream.tell() + max(size, 0))
        return self.stream.read(size if size >= 0 else self.most)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check(offset)
        return self.stream.seek(offset, whence)

    def tell(self) -> int:
        return self.stream.tell()

    def seekable(self) -> bool:
        return True

    def _check(self, end: int) -> None:
        if end < 0:
            raise tarfile.ReadError("a length below 0")
        if end > self.most + 2 * tarfile.RECORDSIZE:  # the empty blocks at an archive's end
            raise _too_much(self.origin, self.most)


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
