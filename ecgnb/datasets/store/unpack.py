"""Take verified files out of an archive.

A file takes its place only once its size and its hash are proven, by an atomic rename: whatever breaks, a good file
stays good. An archive is believed nothing: no more of it is read, held or written than a copy of the data set has.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple

from ecgnb.errors import DataError

BLOCK = 1 << 16  # bytes held at a time

MOST_LISTED = 1 << 18  # bytes of a zip archive's list of members, which is read in one piece: some thousands of them

MOST_MEMBERS = 10_000  # of a tar archive


class KnownFile(NamedTuple):
    """What the registry knows of a file."""

    sha256: str
    n_bytes: int


class Member(NamedTuple):
    """A regular file in an archive: its name and size as the archive claims them, its content read when asked for."""

    name: str
    n_bytes: int
    blocks: Iterator[bytes]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_whole(path: Path, known: KnownFile) -> bool:
    """Say whether a file is there and has the size and the hash that the registry knows."""
    return path.is_file() and path.stat().st_size == known.n_bytes and file_sha256(path) == known.sha256


def unpack(archive: Path, folder: Path, known: Mapping[str, KnownFile], most: int, origin: str = "") -> None:
    """Place those members of a zip or tar archive that the registry knows; nothing else in it is ever written.

    Parameters
    ----------
    archive, folder : path
    known : mapping of str to KnownFile
        By path below the folder, such as ``data/1.dat``.
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
    wanted = {name: file for name, file in known.items() if not is_whole(folder / name, file)}
    for member in _members(archive, most, origin):  # all are looked at before the first is written
        _check(member, wanted, origin)
    for member in _members(archive, most, origin):
        if name := _known_name(member, wanted):
            place(member.blocks, folder / name, wanted.pop(name), origin=f"{origin}, member {_short(member.name)!r}")


def _known_name(member: Member, wanted: Mapping[str, KnownFile]) -> str | None:
    """Return which wanted file a member is: the one whose path is the member's path, or the end of it."""
    parts = PurePosixPath(member.name).parts
    ends = ("/".join(parts[begin:]) for begin in range(len(parts)))
    return next((end for end in ends if end in wanted), None)


def _check(member: Member, wanted: Mapping[str, KnownFile], origin: str) -> None:
    path = PurePosixPath(member.name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{origin} is refused: its member {_short(member.name)!r} would land outside the data folder")
    name = _known_name(member, wanted)
    if name and member.n_bytes != (file := wanted[name]).n_bytes:
        raise DataError(
            f"{origin} is refused: its member {_short(member.name)!r} has {member.n_bytes:,} bytes, "
            f"expected {file.n_bytes:,}"
        )


def _members(archive: Path, most: int, origin: str) -> Iterator[Member]:
    with _as_data_error(origin):
        yield from (_zip_members if zipfile.is_zipfile(archive) else _tar_members)(archive, most, origin)


@contextmanager
def _as_data_error(origin: str) -> Iterator[None]:
    """Turn what reading an archive raises into a `DataError`: on foreign bytes that is almost anything."""
    try:
        yield
    except DataError:
        raise
    except Exception as fault:
        raise DataError(f"{origin} is not a whole archive ({_short(str(fault)) or type(fault).__name__})") from None


def _short(text: str) -> str:
    """Return what an archive says in a few printable characters."""
    text = "".join(mark if mark.isprintable() else "?" for mark in text[:81])
    return text if len(text) <= 80 else text[:80] + "..."


def _zip_members(archive: Path, most: int, origin: str) -> Iterator[Member]:
    with _Sparing(archive) as stream, zipfile.ZipFile(stream) as zipped:
        files = [info for info in zipped.infolist() if not info.is_dir()]
        if sum(info.file_size for info in files) > most:
            raise _too_much(origin, most)
        for info in files:
            yield Member(info.filename, info.file_size, _zip_blocks(zipped, info, origin))


def _zip_blocks(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, origin: str) -> Iterator[bytes]:
    with _as_data_error(origin):
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without a bound
            raise zipfile.BadZipFile(f"packed by method {info.compress_type}; expected deflated or stored members")
        with zipped.open(info) as stream:
            while block := stream.read(BLOCK):
                yield block


class _Sparing(io.FileIO):
    """A file that refuses to be read in large pieces, as a list of a million members is."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_LISTED:
            raise zipfile.BadZipFile(f"a piece of {size:,} bytes; expected a short list of members")
        return super().read(size) or b""


def _tar_members(archive: Path, most: int, origin: str) -> Iterator[Member]:
    """Walk over the headers. `tarfile` itself would obey extended ones, whatever memory or time they ask for.

    What those say is passed over, so that a name of over a hundred letters is cut; no data set has one.
    """
    with _opened(archive) as stream:
        content = _Forward(stream, most, origin)
        for _ in range(MOST_MEMBERS):
            header = content.header()
            if not any(header):
                return
            info = tarfile.TarInfo.frombuf(header, "utf-8", "replace")
            if info.size < 0:
                raise tarfile.ReadError("a length below 0")
            end = content.at + -(-info.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            content.check(end)
            if info.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
                yield Member(info.name, info.size, content.blocks(info.size))
            for _ in content.blocks(end - content.at):  # what was not read of it
                pass
        raise tarfile.ReadError(f"over {MOST_MEMBERS:,} members")


class _Forward:
    """A stream that is read forward alone, and to a bound."""

    def __init__(self, stream: IO[bytes], most: int, origin: str) -> None:
        self.stream, self.most, self.origin, self.at = stream, most, origin, 0

    def check(self, end: int) -> None:
        if end > self.most + 2 * tarfile.RECORDSIZE:  # the empty blocks at an archive's end
            raise _too_much(self.origin, self.most)

    def header(self) -> bytes:
        header = self.stream.read(tarfile.BLOCKSIZE)
        self.at += len(header)
        return header

    def blocks(self, n_bytes: int) -> Iterator[bytes]:
        with _as_data_error(self.origin):
            end = self.at + n_bytes
            while self.at < end:
                block = self.stream.read(min(end - self.at, BLOCK))
                if not block:
                    raise EOFError("it ends early")
                self.at += len(block)
                yield block


def _too_much(origin: str, most: int) -> DataError:
    return DataError(f"{origin} is refused: it would unpack to more than {most / 1e6:,.0f} MB, as no copy of it does")


def _opened(archive: Path) -> BinaryIO:
    """Open a file for reading, decompressed by what it begins with."""
    with archive.open("rb") as stream:
        start = stream.read(6)
    openers = {b"\xfd7zXZ\0": lzma.open, b"\x1f\x8b": gzip.open}
    opener = next((opener for magic, opener in openers.items() if start.startswith(magic)), open)
    return opener(archive, "rb")  # type: ignore[operator]


def file_blocks(path: Path) -> Iterator[bytes]:
    """Yield a file's content."""
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            yield block


def place(blocks: Iterable[bytes], target: Path, known: KnownFile, origin: str) -> None:
    """Write blocks beside the target, verify them, and only then rename them over the target.

    Raises
    ------
    DataError
        Where size or hash differ; no more is written than the file has.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as temporary:
        new = Path(temporary.name)
        try:
            n_bytes, actual = _write(blocks, temporary, known.n_bytes)
            temporary.close()
            if n_bytes != known.n_bytes:
                has = f"over {known.n_bytes:,}" if n_bytes > known.n_bytes else f"{n_bytes:,}"
                raise DataError(
                    f"{target.name} from {origin} is refused: it has {has} bytes, expected {known.n_bytes:,}"
                )
            if actual != known.sha256:
                raise DataError(
                    f"{target.name} from {origin} is refused: its SHA-256 is {actual}, expected {known.sha256}"
                )
            new.chmod(0o644)  # a temporary file is private; data is not
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)


def _write(blocks: Iterable[bytes], stream: IO[bytes], most: int) -> tuple[int, str]:
    """Write blocks, at most so many bytes of them; return how many there were, and their SHA-256."""
    n_bytes, digest = 0, hashlib.sha256()
    for block in blocks:
        n_bytes += len(block)
        if n_bytes > most:
            break
        stream.write(block)
        digest.update(block)
    return n_bytes, digest.hexdigest()
