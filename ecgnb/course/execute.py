"""Execute one lesson headless with papermill."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import DeadKernelError
from nbconvert import HTMLExporter

from ecgnb.course.folders import PENDING, PENDING_NAME, is_finished, new_run_folder
from ecgnb.course.lessons import Lesson, _source, check_parameters, profile_parameters
from ecgnb.errors import RunError
from ecgnb.paths import HEADLESS


def execute(
    lesson: Lesson,
    given: Mapping[str, Any] | None = None,
    *,
    profile: str = "default",
    output_dir: str | Path | None = None,
    progress: bool = False,
) -> Path:
    """Execute a lesson headless and return the folder of its finished run.

    Parameters
    ----------
    lesson : Lesson
    given : mapping, optional
        Parameters that differ from the profile's.
    profile : {"smoke", "default", "full"}
    output_dir : path, optional
        The folder to fill; a new one below ``runs/`` where it is not given.
    progress : bool
        Show a progress bar over the cells.

    Raises
    ------
    UsageError
        For parameters that do not fit; nothing is run.
    RunError
        Where a cell fails, or the folder holds a finished run.
    """
    values = check_parameters(lesson, profile_parameters(lesson, profile) | dict(given or {}))
    output_dir = output_dir or values.get("output_dir", "")
    folder = Path(output_dir).expanduser().resolve() if output_dir else new_run_folder(lesson.number)
    if is_finished(folder):
        raise RunError(f"{folder} already holds a finished run; give another folder, or remove it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _fill(folder, lesson, values | {"output_dir": str(folder)}, progress)
    except OSError as fault:
        raise RunError(f"cannot write to {folder}: {fault.strerror or fault}; give another folder") from fault
    return folder


def _fill(folder: Path, lesson: Lesson, values: Mapping[str, Any], progress: bool) -> None:
    """Execute a lesson into a folder; metrics.json takes its name last of all, and with it the run is finished."""
    executed, pending = folder / "executed.ipynb", folder / PENDING_NAME
    pending.unlink(missing_ok=True)
    _copy_images(lesson, folder)
    try:
        with environment(**{HEADLESS: "1", PENDING: "1"}):
            papermill.execute_notebook(
                _source(lesson),
                executed,
                parameters=values,
                kernel_name="python3",
                progress_bar=progress,
                coalesce_streams=True,
                # Else the kernel warns of its TCP ports, and of the interrupt that ends it, on the caller's stderr.
                extra_arguments=["--log-level=50"],
            )
    except papermill.PapermillExecutionError as fault:
        raise RunError(
            f"lesson {lesson.number} failed in cell {fault.cell_index}: {fault.ename}: {fault.evalue.strip()}; "
            f"the notebook up to there: {executed}"
        ) from fault
    except DeadKernelError:
        raise RunError(f"lesson {lesson.number}: its kernel died, perhaps for want of memory") from None
    if not pending.is_file():
        raise RunError(f"lesson {lesson.number} ended without run.finish(...): it left no metrics")
    # embed_images would close each <details> at once and so show the answers; pictures lie beside the page instead
    page, _ = HTMLExporter().from_filename(str(executed))
    executed.with_suffix(".html").write_text(page, encoding="utf-8")
    pending.replace(folder / "metrics.json")


def _copy_images(lesson: Lesson, folder: Path) -> None:
    """Copy the pictures that a lesson's text shows, so that the executed notebook shows them from anywhere."""
    for name in re.findall(r"\]\((images/[^)]+)\)", lesson.script.read_text(encoding="utf-8")):
        if (source := lesson.script.parent / name).is_file():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, folder / name)


@contextmanager
def environment(**variables: str | None) -> Iterator[None]:
    """Set environment variables, or take away those that are None, for the kernels started within."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
