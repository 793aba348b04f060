"""Find the lessons and read their parameters."""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
import yaml

from ecgnb.errors import UsageError
from ecgnb.paths import checkout

PROFILES = ("smoke", "default", "full")

TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool, "list": list}


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
        found = re.search(r"^# # (.+)$", self.script.read_text(encoding="utf-8"), re.MULTILINE)
        return found.group(1) if found else self.name


@dataclass(frozen=True)
class Parameter:
    """A parameter of a lesson, as its parameters cell declares it.

    The comment is the help text; it may end in ``[low, high]`` for a range or ``{a, b}`` for a choice.
    """

    name: str
    type: str
    default: Any
    help: str

    def check(self, value: Any) -> Any:
        """Return the value in the parameter's type.

        Raises
        ------
        UsageError
            Where it does not fit: what was given, what is expected.
        """
        try:
            converted = self._convert(value)
        except (ValueError, TypeError, SyntaxError, KeyError):
            raise UsageError(f"parameter {self.name} takes {_article(self.type)}; got {value!r}") from None
        if found := re.search(r"\[([^\],]*),\s*([^\]]*)\]$", self.help):
            low, high = (float(bound) for bound in found.groups())
            if not low <= converted <= high:
                raise UsageError(f"parameter {self.name} must lie in [{low:g}, {high:g}]; got {value!r}")
        if found := re.search(r"\{(.*)\}$", self.help):
            choices = [choice.strip() for choice in found.group(1).split(",")]
            if converted not in choices:
                raise UsageError(f"parameter {self.name} must be one of {', '.join(choices)}; got {value!r}")
        return converted

    def _convert(self, value: Any) -> Any:
        kind = TYPES[self.type.split("[")[0]]
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if not isinstance(value, str):
            raise TypeError
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        if kind is list:
            parsed = ast.literal_eval(value)
            if not isinstance(parsed, list):
                raise TypeError
            return parsed
        return kind(value)


def _article(kind: str) -> str:
    words = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "list": "a list"}
    return words[kind.split("[")[0]]


def lessons() -> list[Lesson]:
    """Return all lessons, in order: the course's, or those in the folder that ``$ECGNB_LESSONS_DIR`` names."""
    root = checkout()
    if os.environ.get("ECGNB_LESSONS_DIR"):
        folder = Path(os.environ["ECGNB_LESSONS_DIR"]).expanduser().resolve()
    elif root is not None:
        folder = root / "notebooks"
    else:
        raise UsageError("the lessons are in the course's checkout; there, call: pip install -e '.[notebooks]'")
    scripts = sorted(folder.glob("[0-9][0-9]_*.py"))
    return [Lesson(script.stem[:2], script.stem, script) for script in scripts]


def find(number: str) -> Lesson:
    """Return the lesson of that number or name, or raise `UsageError` with those there are."""
    known = lessons()
    for lesson in known:
        if number in (lesson.number, lesson.number.lstrip("0"), lesson.name):
            return lesson
    raise UsageError(f"unknown lesson {number!r}; there are: {', '.join(lesson.number for lesson in known) or 'none'}")


def parameters(lesson: Lesson) -> dict[str, Parameter]:
    """Return the lesson's parameters by name, as papermill reads them from the cell tagged "parameters"."""
    notebook = _source(lesson)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = one_a_line(cell.source)
    found = papermill.inspect_notebook(notebook)
    return {
        name: Parameter(
            name, entry["inferred_type_name"], ast.literal_eval(entry["default"]), entry["help"].partition("  # ")[0]
        )
        for name, entry in found.items()
    }


def one_a_line(code: str) -> str:
    """Return a cell of parameters with one a line: the formatter parts a long comment's line with brackets."""
    return re.sub(r"^(\w+: \S+ = )\(\n\s+(.+)\n\)$", r"\1\2", code, flags=re.MULTILINE)


def _source(lesson: Lesson) -> nbformat.NotebookNode:
    """Return the lesson as papermill takes it; a script need not say that its kernel is Python's."""
    notebook = nbformat.from_dict(jupytext.read(lesson.script))
    notebook.metadata.setdefault("kernelspec", {"display_name": "Python 3", "language": "python", "name": "python3"})
    return notebook


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
        raise UsageError(
            f"lesson {lesson.number} has no parameter {', '.join(map(repr, unknown))}; it takes: {', '.join(known)}"
        )
    return {name: known[name].check(value) for name, value in given.items()}


def read_yaml(path: Path, example: str = "epochs: 5") -> dict[str, Any]:
    """Return what a YAML file maps names to, such as parameters to values.

    Raises
    ------
    UsageError
        Where the file is absent, or is no mapping of names to values.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise UsageError(f"cannot read {path}: {fault.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise UsageError(f"{path} is not YAML: {' '.join(str(fault).split())}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds {type(content).__name__}; expected a mapping such as '{example}'")
    return {str(name): value for name, value in content.items()}


def profile_parameters(lesson: Lesson, profile: str) -> dict[str, Any]:
    """Return the parameters a profile sets for a lesson; "default" sets none."""
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}; there are: {', '.join(PROFILES)}")
    if profile == "default":
        return {}
    return read_yaml(lesson.script.parent / "profiles" / f"{profile}.yaml").get(lesson.number, {})


def code_sha256(notebook: Any) -> str:
    """Return the SHA-256 of a notebook's code cells, in order."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()


def results_path(lesson: Lesson, profile: str) -> Path:
    """Return where the metrics of a recorded run are kept."""
    return lesson.script.parent / "results" / f"{lesson.number}_{profile}.json"
