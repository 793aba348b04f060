"""Files that are written whole or not at all, and never over what they were made from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ecgnb.errors import UsageError


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; when the block ends well, that file takes the place of `path`.

    Where the block fails, or the disk is full, the old file stays as it was and nothing else is left. A symbolic link
    is followed, so that it stays one.

    Raises
    ------
    UsageError
        Where nothing can be written there.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{target} is a folder; expected the name of a file to write")
    try:
        with tempfile.TemporaryDirectory(
            dir=target.resolve().parent, prefix=".ecgnb-", ignore_cleanup_errors=True
        ) as own:
            new = Path(own) / target.name
            yield new
            if new.is_file():
                with new.open("rb+") as stream:
                    os.fsync(stream.fileno())  # a disk that is full may say so only now
                with suppress(OSError):
                    new.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
                new.replace(target.resolve())
    except OSError as fault:
        raise UsageError(
            f"{target} cannot be written: {fault.strerror or fault}; what was there is as it was"
        ) from None


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def refuse_overwriting(target: Path | None, sources: Iterable[Path], what: str) -> None:
    """Raise `UsageError` where a file to write is one of those that are read, by whatever name or link.

    Parameters
    ----------
    target : path or None
        None is nothing to write.
    sources : paths
        Those that do not exist are passed over.
    what : str
        What the sources are, such as "the recording".
    """
    if target is None:
        return
    if target.is_dir():
        raise UsageError(f"{target} is a folder; expected the name of a file to write")
    if not target.parent.is_dir():
        raise UsageError(f"{target} cannot be written: the folder {target.parent} does not exist")
    for source in sources:
        with suppress(OSError):  # what is not there cannot be overwritten
            if target.resolve() == source.resolve() or target.samefile(source):
                raise UsageError(f"{target} is {what} itself; give another name, or it would be overwritten")
