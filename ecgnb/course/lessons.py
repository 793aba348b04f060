"""Find the lessons and read their parameters."""

from __future__ import annotations

import hashlib
import os
import re
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from ecgnb.course.parameters import Parameter, declared
from ecgnb.course.plain import brief, read_yaml
from ecgnb.errors import UsageError
from ecgnb.paths import checkout

PROFILES = ("smoke", "default", "full")


@dataclass(frozen=True)
class Lesson:
    """A lesson: its number ("01"), its name, and its py:percent file, which is the source of its notebook."""

    number: str
    name: str
    script: Path

    @property
    def notebook(self) -> Path:
        """The paired notebook, executed on real data."""
        return self.script.with_suffix(".ipynb")

    @property
    def title(self) -> str:
        """The lesson's first heading."""
        found = re.search(r"^# # (.+)$", _text(self.script), re.MULTILINE)
        return found.group(1) if found else self.name


def lessons_dir() -> Path:
    """Return the folder of the lessons: ``$ECGNB_LESSONS_DIR``, else the checkout's, else the one that was installed.

    Raises
    ------
    UsageError
        Where there is none.
    """
    if os.environ.get("ECGNB_LESSONS_DIR"):
        return Path(os.environ["ECGNB_LESSONS_DIR"]).expanduser().resolve()
    root = checkout()
    if root is not None:
        return root / "notebooks"
    schemes = [sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")]
    for scheme in schemes:
        folder = Path(sysconfig.get_path("data", scheme)) / "share" / "ecgnb" / "notebooks"
        if folder.is_dir():
            return folder
    raise UsageError("there are no lessons beside this package; name their folder in ECGNB_LESSONS_DIR")


def lessons() -> list[Lesson]:
    """Return all lessons, in order."""
    scripts = sorted(path for path in lessons_dir().glob("[0-9][0-9]_*.py") if path.is_file())
    return [Lesson(script.stem[:2], script.stem, script) for script in scripts]


def find(number: str) -> Lesson:
    """Return the lesson of that number or name, or raise `UsageError` with those there are."""
    known = lessons()
    for lesson in known:
        if number in (lesson.number, lesson.number.lstrip("0"), lesson.name):
            return lesson
    raise UsageError(
        f"unknown lesson {brief(number)}; there are: {', '.join(lesson.number for lesson in known) or 'none'}"
    )


def parameters(lesson: Lesson) -> dict[str, Parameter]:
    """Return the lesson's parameters by name, as its cell tagged "parameters" declares them.

    Raises
    ------
    UsageError
        Where the lesson cannot be read, or one of its parameters.
    """
    for cell in read_script(lesson).cells:
        if "parameters" in cell.metadata.get("tags", []):
            try:
                return {parameter.name: parameter for parameter in declared(cell.source)}
            except UsageError as fault:
                raise UsageError(f"lesson {lesson.number}: {fault}") from None
    return {}


def read_script(lesson: Lesson) -> nbformat.NotebookNode:
    """Return a lesson's script as a notebook, or raise `UsageError` where it is none."""
    text = _text(lesson.script)
    try:
        return jupytext.reads(text, fmt=lesson.script.suffix)
    except Exception as fault:  # of whichever parser: of its header, its cells, their metadata
        raise UsageError(f"{lesson.script} is no lesson: {brief(str(fault))}; expected py:percent") from None


def _text(script: Path) -> str:
    try:
        return script.read_text(encoding="utf-8")
    except UnicodeDecodeError as fault:
        raise UsageError(f"{script} is not UTF-8 ({fault.reason} at byte {fault.start}); save it as such") from None
    except OSError as fault:
        raise UsageError(f"cannot read {script}: {fault.strerror}") from None


def check_parameters(
    lesson: Lesson, given: Mapping[str, Any], known: Mapping[str, Parameter] | None = None
) -> dict[str, Any]:
    """Return the given values in their declared types.

    Parameters
    ----------
    lesson : Lesson
    given : mapping
    known : mapping, optional
        What `parameters` returned, where the caller has it already: it reads the whole lesson.

    Raises
    ------
    UsageError
        For an unknown name, a wrong type, or a value out of range.
    """
    known = parameters(lesson) if known is None else known
    if unknown := [name for name in given if name not in known]:
        names = ", ".join(map(brief, unknown[:5]))
        raise UsageError(f"lesson {lesson.number} has no parameter {names}; it takes: {', '.join(known)}")
    return {name: known[name].check(value) for name, value in given.items()}


def profile_parameters(lesson: Lesson, profile: str) -> dict[str, Any]:
    """Return the parameters a profile sets for a lesson; "default" sets none."""
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {brief(profile)}; there are: {', '.join(PROFILES)}")
    if profile == "default":
        return {}
    path = lesson.script.parent / "profiles" / f"{profile}.yaml"
    given = read_yaml(path).get(lesson.number, {})
    if not isinstance(given, dict):
        raise UsageError(f"{path}: lesson {lesson.number} has {brief(given)}; expected parameters, such as epochs: 1")
    return given


def code_sha256(notebook: Any) -> str:
    """Return the SHA-256 of a notebook's code cells, in order."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()


def results_path(lesson: Lesson, profile: str) -> Path:
    """Return where the metrics of a recorded run are kept."""
    return lesson.script.parent / "results" / f"{lesson.number}_{profile}.json"
