"""Files that are written whole or not at all, never over what they were made from, and read within bounds."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ecgnb.errors import ModelError, UsageError, plain_text

MAX_BYTES = 100 * 2**20  # of a model's file; the largest network of the course, se_ecgnet, has 70 MB

MAX_VALUES, MAX_TEXT = 200, 1_000  # that a model's file keeps beside its weights


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


def read_bytes(path: Path, expected: str) -> bytes:
    """Return the bytes of a model's file, or raise `ModelError` that says what was expected."""
    try:
        if not path.exists():
            raise ModelError(f"{plain_text(path, 500)} does not exist; expected {expected}")
        if path.is_dir() or not path.is_file():
            what = "Is a directory" if path.is_dir() else "it is no file"
            raise ModelError(f"{plain_text(path, 500)} cannot be read: {what}; expected {expected}")
        if (n_bytes := path.stat().st_size) > MAX_BYTES:
            raise ModelError(f"{plain_text(path, 500)} has {n_bytes:,} bytes; expected at most {MAX_BYTES:,}")
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES)
    except (OSError, ValueError) as fault:  # a name with a null byte is a ValueError
        reason = plain_text(getattr(fault, "strerror", None) or fault)
        raise ModelError(f"{plain_text(path, 500)} cannot be read: {reason}; expected {expected}") from None


def check_values(name: str, values: Any) -> None:
    """Raise `ModelError` where a file keeps anything but names with numbers, truth values or short, printable text.

    Nested values can be small in a file and endless when printed, so they are refused before anybody looks at them.

    Parameters
    ----------
    name : str
        Of the file.
    values : any
        What it keeps; expected a dictionary.
    """
    if not isinstance(values, Mapping) or len(values) > MAX_VALUES:
        raise ModelError(f"{name} lacks what a saved model holds: at most {MAX_VALUES} values, each with a name")
    for key, value in values.items():
        if type(key) is not str or not re.fullmatch(r"\w{1,60}", key):
            raise ModelError(f"{name} keeps a value without a proper name; expected a word for each, such as fs")
        if value is not None and type(value) not in (bool, int, float, str):
            raise ModelError(f"{name} holds a {type(value).__name__} where a number or text was expected: {key}")
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ModelError(f"{name} holds a number that no computer counts to: {key}; expected less than 2^63")
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise ModelError(f"{name} holds a text of {len(value):,} characters; expected at most {MAX_TEXT:,}: {key}")
        if isinstance(value, str) and not value.isprintable():
            raise ModelError(f"{name} holds a text that cannot be printed: {key}; expected no control characters")
