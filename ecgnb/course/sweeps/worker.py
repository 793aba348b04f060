"""What a worker of a sweep does: one job, whole or not at all. It imports no figures, for its start is waited for."""

from __future__ import annotations

import shutil
import socket
import threading
import uuid
from pathlib import Path
from typing import Any

from ecgnb.course.execute import environment, execute
from ecgnb.course.folders import is_finished
from ecgnb.course.lessons import find
from ecgnb.errors import EcgnbError, RunError

ONE_AT_A_TIME = threading.Lock()  # a run changes its process's environment, and a worker may have several threads


def run_job(number: str, profile: str, folder: str, threads: int, name: str, parameters: dict[str, Any]) -> None:
    """Execute one job in a hidden folder and move it to its place when it is whole.

    Whatever kills the worker, a folder of that name is a finished run; a second one of it is dropped.
    """
    place = Path(folder) / name
    if not place.parent.is_dir():
        raise RunError(
            f"worker {socket.gethostname()} sees no folder {folder}; a sweep needs one that all machines share"
        )
    if is_finished(place):
        return
    partial = place.parent / ".partial" / f"{name}-{uuid.uuid4().hex[:8]}"
    failed = place.parent / "failed" / name
    try:
        # Dask tells its workers to give back freed memory at once; tensors freed and made anew then cost a third more.
        with ONE_AT_A_TIME, environment(OMP_NUM_THREADS=str(threads), MALLOC_TRIM_THRESHOLD_=None):
            execute(find(number), parameters, profile=profile, output_dir=partial)
    except Exception as fault:
        shutil.rmtree(failed, ignore_errors=True)
        if partial.is_dir():
            failed.parent.mkdir(exist_ok=True)
            partial.rename(failed)
        raise RunError(in_words(fault).replace(str(partial), str(failed))) from None
    shutil.rmtree(failed, ignore_errors=True)
    try:
        partial.rename(place)
    except OSError:
        if not is_finished(place):
            raise
        shutil.rmtree(partial)


def in_words(fault: BaseException) -> str:
    """Return what went wrong as one line; our own errors speak for themselves."""
    words = " ".join(str(fault).split())
    return words if isinstance(fault, EcgnbError) else f"{type(fault).__name__}: {words}"
