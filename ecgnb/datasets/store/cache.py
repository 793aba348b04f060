"""Keep beats and arrays that took seconds to make in a file, under a key of everything they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.beats import PER_BEAT, Beats
from ecgnb.paths import data_dir

KEEP = 8  # files; the oldest go first

NEW = ".new-"  # begins the name of what is being written

WRITING_SECONDS = 3600  # what is older than this nobody writes any more

T = TypeVar("T")


def cached(key: dict[str, Any], build: Callable[[], Beats]) -> Beats:
    """Return what `build` gives, from a file where it was built before with an equal key.

    A file is written whole or not at all, so runs side by side do no harm; one that is damaged, changed, or of another
    key is built anew; a folder that cannot be written costs time and nothing else.

    Parameters
    ----------
    key : dict
        Everything the result depends on: arguments, hashes of the data, hashes of the code.
    build : callable
    """
    return _cached(key, build, _read, _write)


def cached_array(key: dict[str, Any], build: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the array that `build` gives, from a file where it was built before with an equal key; see `cached`.

    Parameters
    ----------
    key : dict
        Everything the array depends on.
    build : callable
    """
    return _cached(key, build, _read_array, _write_array)


def _cached(
    key: dict[str, Any],
    build: Callable[[], T],
    read: Callable[[Path, str], T],
    write: Callable[[Path, str, T], None],
) -> T:
    key_text = json.dumps(key, sort_keys=True)
    path = data_dir() / "cache" / f"{hashlib.sha256(key_text.encode()).hexdigest()[:24]}.npz"
    try:
        return read(path, key_text)
    except Exception:  # absent, damaged, or of another version: a bit flipped in a zip file raises almost anything
        found = build()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=NEW, ignore_cleanup_errors=True) as own:
            write(Path(own) / path.name, key_text, found)
            (Path(own) / path.name).replace(path)
        _clean(path.parent)
    return found


def _clean(folder: Path) -> None:
    """Remove the oldest files, and what writers that were killed left."""
    for old in sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime)[:-KEEP]:
        old.unlink(missing_ok=True)
    for left in folder.glob(f"{NEW}*"):
        if time.time() - left.stat().st_mtime > WRITING_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _write(path: Path, key_text: str, beats: Beats) -> None:
    columns = {name: getattr(beats, name) for name in PER_BEAT if getattr(beats, name) is not None}
    rest = {f.name: getattr(beats, f.name) for f in fields(beats) if f.name not in PER_BEAT}
    rest |= {name: dict(rest[name]) for name in ("sha256", "dropped")}
    _save(path, columns | {"rest": np.array(json.dumps(rest)), "key": np.array(key_text)})


def _write_array(path: Path, key_text: str, array: NDArray[np.float32]) -> None:
    _save(path, {"array": array, "key": np.array(key_text)})


def _save(path: Path, content: dict[str, Any]) -> None:
    np.savez(path, **content, sha256=np.array(_sha256(content)))  # not compressed: reading it must take no time


def _read_array(path: Path, key_text: str) -> NDArray[np.float32]:
    return np.asarray(_opened(path, key_text)["array"], np.float32)


def _opened(path: Path, key_text: str) -> dict[str, Any]:
    """Return what a file holds, or raise where that was changed."""
    with path.open("rb") as stream, np.load(stream) as stored:
        if any(info.compress_type != zipfile.ZIP_STORED for info in stored.zip.infolist()):  # could unpack to anything
            raise ValueError("we compress none")
        content: dict[str, Any] = {name: stored[name] for name in stored.files}
    if str(content.pop("sha256")) != _sha256(content) or str(content.pop("key")) != key_text:
        raise ValueError("changed, or of another key")
    with suppress(OSError):  # another user's file can be read, too
        os.utime(path)  # it is in use: others go first
    return content


def _read(path: Path, key_text: str) -> Beats:
    content = _opened(path, key_text)
    rest = json.loads(str(content.pop("rest")))
    rest |= {name: tuple(rest[name]) for name in ("class_names", "leads")}  # JSON knows lists alone
    return Beats(**(content | rest))


def _sha256(content: Mapping[str, NDArray[Any]]) -> str:
    """Return a hash over arrays with their names, types and shapes."""
    digest = hashlib.sha256()
    for name, array in sorted(content.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
