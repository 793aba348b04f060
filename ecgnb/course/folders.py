"""The folders that runs fill: new ones, finished ones, what is in them. It imports next to nothing, so it is quick."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from ecgnb.errors import RunError
from ecgnb.paths import runs_dir

PENDING = "ECGNB_METRICS_PENDING"  # set by a headless run that has more to write after the notebook's last cell

PENDING_NAME = "metrics.json.pending"  # what metrics.json is called until then


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


def read_metrics(folder: str | Path) -> dict[str, Any]:
    """Return the metrics.json of a finished run.

    Raises
    ------
    RunError
        Where the run is not finished, or the file is damaged.
    """
    path = Path(folder) / "metrics.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder} holds no finished run: it has no metrics.json") from None
    except ValueError as fault:
        raise RunError(f"{path} is damaged: {fault}") from None


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
