"""Execute one lesson headless with papermill."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import DeadKernelError

from ecgnb.course.folders import PENDING, PENDING_NAME, named_folder, new_run_folder, taken
from ecgnb.course.kernel import ENGINE, SAFE_PATH
from ecgnb.course.lessons import Lesson, check_parameters, profile_parameters, read_script
from ecgnb.course.page import write_page
from ecgnb.errors import RunError
from ecgnb.paths import HEADLESS

logging.getLogger("papermill").setLevel(logging.ERROR)  # it warns of parameters whose declaration it cannot read


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
        Where a cell fails, the folder holds a finished run or files that no run wrote, or another run is at work in it.
    """
    values = check_parameters(lesson, profile_parameters(lesson, profile) | dict(given or {}))
    output_dir = output_dir or values.get("output_dir", "")
    folder = named_folder(output_dir) if output_dir else new_run_folder(lesson.number)
    with taken(folder):
        try:
            _fill(folder, lesson, values | {"output_dir": str(folder)}, progress)
        except OSError as fault:
            raise RunError(f"cannot write to {folder}: {fault.strerror or fault}; give another folder") from fault
    return folder


def _fill(folder: Path, lesson: Lesson, values: Mapping[str, Any], progress: bool) -> None:
    """Execute a lesson into a folder; metrics.json takes its name last of all, and with it the run is finished."""
    executed, pending = folder / "executed.ipynb", folder / PENDING_NAME
    pending.unlink(missing_ok=True)
    _copy_images(lesson, folder)
    with environment(**{HEADLESS: "1", PENDING: "1"}, **SAFE_PATH):
        _execute(lesson, executed, values, progress)
    if not pending.is_file():
        raise RunError(f"lesson {lesson.number} ended without run.finish(...): it left no metrics")
    write_page(executed)
    pending.replace(folder / "metrics.json")


def _execute(lesson: Lesson, executed: Path, values: Mapping[str, Any], progress: bool) -> None:
    try:
        papermill.execute_notebook(
            _as_papermill_takes_it(lesson),
            str(executed).replace("{", "{{").replace("}", "}}"),  # it takes braces for names of parameters
            parameters=values,
            engine_name=ENGINE,
            kernel_name="python3",
            progress_bar=progress,
        )
    except papermill.PapermillExecutionError as fault:
        raise RunError(
            f"lesson {lesson.number} failed in cell {fault.cell_index}: {fault.ename}: {fault.evalue.strip()[:2000]}; "
            f"the notebook up to there: {executed}"
        ) from fault
    except DeadKernelError:
        raise RunError(f"lesson {lesson.number}: its kernel died or was stopped, perhaps for want of memory") from None
    except (RuntimeError, NoSuchKernel) as fault:
        raise RunError(
            f"lesson {lesson.number}: its kernel did not start: {fault}; get it with: pip install ipykernel"
        ) from fault


def _as_papermill_takes_it(lesson: Lesson) -> nbformat.NotebookNode:
    """Return a lesson as a notebook; its script need not say that its kernel is Python's."""
    notebook = nbformat.from_dict(read_script(lesson))
    notebook.metadata.setdefault("kernelspec", {"display_name": "Python 3", "language": "python", "name": "python3"})
    return notebook


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
