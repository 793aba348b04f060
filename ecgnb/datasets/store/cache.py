"""Keep beats that took seconds to cut in a file, under a key of everything they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ecgnb.datasets.beats import PER_BEAT, Beats
from ecgnb.paths import data_dir

KEEP = 8  # files; the oldest go first


def cached(key: dict[str, Any], build: Callable[[], Beats]) -> Beats:
    """Return what `build` gives, from a file where it was built before with an equal key.

    A file is written whole or not at all, so runs side by side do no harm; a damaged one fails its checksum and is
    built anew; a folder that cannot be written costs time and nothing else.

    Parameters
    ----------
    key : dict
        Everything the result depends on: arguments, hashes of the data, hashes of the code.
    build : callable
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    path = data_dir() / "cache" / f"{digest}.npz"
    try:
        return _read(path)
    except Exception:  # absent, damaged, or of another version: a bit flipped in a zip file raises almost anything
        beats = build()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-", ignore_cleanup_errors=True) as own:
            _write(Path(own) / path.name, beats)
            (Path(own) / path.name).replace(path)
        for old in sorted(path.parent.glob("*.npz"), key=lambda file: file.stat().st_mtime)[:-KEEP]:
            old.unlink(missing_ok=True)
    return beats


def _write(path: Path, beats: Beats) -> None:
    columns = {name: getattr(beats, name) for name in PER_BEAT if getattr(beats, name) is not None}
    rest = {f.name: getattr(beats, f.name) for f in fields(beats) if f.name not in PER_BEAT}
    rest |= {name: dict(rest[name]) for name in ("sha256", "dropped")}
    np.savez(path, **columns, rest=np.array(json.dumps(rest)))  # not compressed: reading it must take no time


def _read(path: Path) -> Beats:
    with path.open("rb") as stream, np.load(stream) as content:  # a zip file: each array is checked against its CRC-32
        columns: dict[str, Any] = {name: content[name] for name in content.files}
    rest = json.loads(str(columns.pop("rest")))
    with suppress(OSError):  # another user's file can be read, too
        os.utime(path)  # it is in use: others go first
    rest |= {name: tuple(rest[name]) for name in ("class_names", "leads")}  # JSON knows lists alone
    return Beats(**(columns | rest))
