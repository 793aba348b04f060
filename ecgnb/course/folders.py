"""The folders that runs fill: new ones, finished ones, what is in them. It imports next to nothing, so it is quick."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ecgnb.errors import RunError
from ecgnb.files import written_whole
from ecgnb.paths import runs_dir

PENDING = "ECGNB_METRICS_PENDING"  # set by a headless run that has more to write after the notebook's last cell

PENDING_NAME = "metrics.json.pending"  # what metrics.json is called until then

MARK = ".ecgnb-run"  # says that what lies in a folder was written by a run, so that another one may write over it

LOCK = ".lock"  # held by the run that is at work in a folder, and by the sweep

WRITTEN = ("executed.ipynb", "executed.html", "SUMMARY.txt", "figures", "images", "reports", "predictions.npz",
           "best_model.pth", PENDING_NAME)  # fmt: skip

LARGEST = 50_000_000  # bytes of a JSON file that is read


def is_finished(folder: str | Path) -> bool:
    """Say whether a folder holds a whole run: metrics.json is written last and atomically."""
    return (Path(folder) / "metrics.json").is_file()


def new_run_folder(lesson: str) -> Path:
    """Return a folder for a new run that no other run has, named by lesson and time."""
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    parent = runs_dir() / lesson
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{now}_", dir=parent))
    except OSError as fault:
        raise RunError(f"cannot make a run folder in {parent}: {fault.strerror}; set ECGNB_RUNS_DIR") from None


def named_folder(name: str | Path) -> Path:
    """Return the folder that a person has named."""
    try:
        return Path(name).expanduser().resolve()
    except (OSError, ValueError, RuntimeError) as fault:  # a null byte, a home of nobody
        raise RunError(f"{str(name)!r} is no name of a folder: {fault}; give another folder") from None


def take(folder: Path, *, again: bool = False) -> FileLock:
    """Take a folder for a run, and return the lock that keeps others out until it is released or forgotten.

    Parameters
    ----------
    folder : path
        Made where it does not exist.
    again : bool
        Whether a run of this process may take what another one of it has: a notebook's that begins anew.

    Raises
    ------
    RunError
        Where the folder holds a finished run or other files of a run's names, another run is at work in it, or it
        cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=0, is_singleton=again)
    try:
        _refuse_used(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        _refuse_used(folder)  # the other one may have ended just now
        (folder / MARK).touch()
    except Timeout:
        raise RunError(f"another run is at work in {folder}; wait for it, or give another folder") from None
    except OSError as fault:
        raise RunError(f"cannot write to {folder}: {fault.strerror or fault}; give another folder") from fault
    return lock


def _refuse_used(folder: Path) -> None:
    if is_finished(folder):
        raise RunError(f"{folder} already holds a finished run; give another folder, or remove it")
    theirs = [name for name in WRITTEN if (folder / name).exists()]
    if theirs and not (folder / MARK).exists():
        raise RunError(
            f"{folder} holds {', '.join(theirs)}, and nothing says that a run wrote them; give a new or empty folder"
        )


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    """Keep a folder taken within, as `take` does."""
    lock = take(folder)
    try:
        yield
    finally:
        lock.release(force=True)


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    FileNotFoundError
    RunError
        Where it cannot be read, is too large or too deep, or damaged.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise RunError(f"{path} has more than {LARGEST:,} bytes; expected one that a run has written")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except OSError as fault:
        raise RunError(f"cannot read {path}: {fault.strerror or fault}") from None
    except (ValueError, RecursionError) as fault:
        raise RunError(f"{path} is damaged: {fault}") from None


def read_metrics(folder: str | Path) -> dict[str, Any]:
    """Return the metrics.json of a finished run.

    Raises
    ------
    RunError
        Where the run is not finished, or the file is damaged.
    """
    path = Path(folder) / "metrics.json"
    try:
        return read_json(path)
    except FileNotFoundError:
        raise RunError(f"{folder} holds no finished run: it has no metrics.json") from None


def write_atomically(path: Path, text: str) -> None:
    """Write a file of text so that it is there whole or not at all."""
    with written_whole(path) as new:
        new.write_text(text, encoding="utf-8")
