"""What a sweep is: many runs of one lesson with other parameters, described in a file of YAML and checked whole.

The file names the lesson, its profile, parameters that all runs share, and a grid (every combination) or a list of
runs. `ecgnb.cluster` does them.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jupytext

from ecgnb.course.folders import LOCK, read_json, write_atomically
from ecgnb.course.lessons import (
    Lesson,
    Parameter,
    check_parameters,
    code_sha256,
    find,
    parameters,
    profile_parameters,
    results_path,
)
from ecgnb.course.plain import brief, read_yaml
from ecgnb.errors import RunError, UsageError

KEYS = ("lesson", "profile", "parameters", "grid", "runs", "metric")

MANY = 10_000  # jobs that nobody asks for by accident

MARK = "sweep.json"

MAIN = ("auroc", "macro_f1", "best_macro_f1", "macro_f1_found_peaks")  # what a lesson is about


@dataclass(frozen=True)
class Job:
    """One run of a sweep: the name of its folder, and every parameter that is not the profile's."""

    name: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """A sweep whose every parameter is known to fit.

    Attributes
    ----------
    lesson : Lesson
    profile : str
    jobs : list of Job
    swept : list of str
        The parameters in which its jobs differ.
    metric : str
        What its figure shows; the first one of the runs where it is empty.
    """

    lesson: Lesson
    profile: str
    jobs: list[Job]
    swept: list[str]
    metric: str


def read_sweep(path: Path, confirm: Callable[[int], bool] = lambda n_jobs: False) -> Sweep:
    """Read a sweep, and check all of it before anything runs.

    Parameters
    ----------
    path : path
        A file of YAML.
    confirm : callable
        Asked, with their number, before more than ten thousand jobs are made.

    Raises
    ------
    UsageError
        For a file that is no sweep, an unknown lesson or parameter, a wrong type, an empty grid, a job that stands in
        it twice, or more jobs than were confirmed.
    """
    content = read_yaml(path, example='lesson: "03"')
    if unknown := [name for name in content if name not in KEYS]:
        raise UsageError(f"{path} has {', '.join(map(brief, unknown[:5]))}; a sweep takes: {', '.join(KEYS)}")
    if "lesson" not in content:
        raise UsageError(f'{path} names no lesson; expected a line such as: lesson: "03"')
    if ("grid" in content) == ("runs" in content):
        raise UsageError(f"{path} needs either a grid or runs: a grid such as {{alpha: [0.5, 1], seed: [0, 1]}}")
    lesson, profile = find(str(content["lesson"])), str(content.get("profile", "default"))
    profile_parameters(lesson, profile)  # complains of an unknown one
    known = parameters(lesson)
    shared = check_parameters(lesson, _mapping(content.get("parameters") or {}, "parameters"), known)
    make = partial(_grid, confirm=confirm) if "grid" in content else _runs
    own = make(lesson, known, content["grid" if "grid" in content else "runs"])
    names = {name for given in own for name in given}
    if "output_dir" in names | set(shared):
        raise UsageError("a sweep gives each of its runs a folder; leave output_dir out")
    if both := sorted(names & set(shared)):
        raise UsageError(f"{', '.join(both)} stands in parameters and in grid or runs; leave it in one of them")
    differing = [name for name in names if len({repr(given.get(name)) for given in own}) > 1]
    swept = sorted(differing or names, key=list(known).index)
    jobs = [Job(_name(given, shared | given), shared | given) for given in own]
    if twice := [name for name, times in Counter(job.name for job in jobs).items() if times > 1]:
        raise UsageError(f"{path} asks for {twice[0].rpartition('_')[0]} more than once; leave the others out")
    return Sweep(lesson, profile, jobs, swept, _metric(lesson, content.get("metric")))


def claim(folder: Path, sweep: Sweep) -> None:
    """Make a folder this sweep's, or find that it is: same lesson, code and profile, and none of its jobs has gone.

    A sweep may grow, by more seeds or values, and go on in its folder.

    Raises
    ------
    RunError
        Where the folder holds another sweep or other files, or cannot be written.
    """
    refuse_others(folder, sweep)
    try:
        write_atomically(folder / MARK, json.dumps(_marked(sweep), indent=2) + "\n")
    except (OSError, UsageError) as fault:
        raise RunError(f"cannot use {folder} for a sweep: {fault}; give another --output-dir") from None


def refuse_others(folder: Path, sweep: Sweep) -> None:
    """Make a folder where there is none; raise `RunError` where `claim` would, and leave no trace in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_marked = (folder / MARK).is_file()
        if not is_marked and any(path.name != LOCK for path in folder.iterdir()):
            raise RunError(f"{folder} holds other files and no sweep; give a new or empty --output-dir")
    except OSError as fault:
        raise RunError(f"cannot use {folder} for a sweep: {fault}; give another --output-dir") from None
    if is_marked:
        _refuse_another(folder, read_json(folder / MARK), _marked(sweep))


def _marked(sweep: Sweep) -> dict[str, Any]:
    """Return what a sweep's mark says."""
    code = code_sha256(jupytext.read(sweep.lesson.script))
    ours: dict[str, Any] = {"lesson": sweep.lesson.number, "profile": sweep.profile, "code_sha256": code}
    return ours | {"jobs": sorted(job.name for job in sweep.jobs)}


def _refuse_another(folder: Path, there: Any, ours: dict[str, Any]) -> None:
    jobs = there.get("jobs") if isinstance(there, dict) else None
    if not isinstance(jobs, list) or not all(isinstance(job, str) for job in jobs):
        raise RunError(f"cannot use {folder} for a sweep: its {MARK} is damaged; give another --output-dir")
    if any(there.get(name) != ours[name] for name in ("lesson", "profile")) or not set(jobs) <= set(ours["jobs"]):
        raise RunError(f"{folder} holds another sweep (see its {MARK}); give another --output-dir")
    if there.get("code_sha256") != ours["code_sha256"]:
        raise RunError(f"lesson {ours['lesson']} changed since {folder} was begun; give another --output-dir")


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} is {brief(value)}; expected names and values, such as {{alpha: 1}}")
    return {str(key): entry for key, entry in value.items()}


def _grid(
    lesson: Lesson, known: Mapping[str, Parameter], value: Any, confirm: Callable[[int], bool]
) -> list[dict[str, Any]]:
    """Return every combination; each value is checked once, not once a combination."""
    axes = _mapping(value, "grid")
    if not axes:
        raise UsageError("the grid is empty; expected at least one parameter with a list of values")
    for name, values in axes.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"grid: {name} is {brief(values)}; expected a list of at least one value")
        axes[name] = [check_parameters(lesson, {name: entry}, known)[name] for entry in values]
    n_jobs = math.prod(len(values) for values in axes.values())
    if n_jobs > MANY and not confirm(n_jobs):
        raise UsageError(f"the grid has {n_jobs:,} combinations, over {MANY:,}; --yes says that they are meant")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _runs(lesson: Lesson, known: Mapping[str, Parameter], value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise UsageError(
            f"runs is {brief(value)}; expected a list of parameter sets, such as [{{seed: 0}}, {{seed: 1}}]"
        )
    return [check_parameters(lesson, _mapping(entry, "an entry of runs"), known) for entry in value]


def _metric(lesson: Lesson, given: Any) -> str:
    """Return the metric to draw: the one asked for, or else the lesson's main one; "" where no run was recorded."""
    if given is not None and not isinstance(given, str):
        raise UsageError(f"metric is {brief(given)}; expected the name of one")
    path = results_path(lesson, "default")
    recorded = read_json(path) if path.is_file() else {}
    metrics = recorded.get("metrics") if isinstance(recorded, dict) else None
    numbers = [name for name, value in metrics.items() if isinstance(value, float)] if isinstance(metrics, dict) else []
    if given is None:
        return next((name for name in numbers if name in MAIN), numbers[0] if numbers else "")
    if numbers and given not in numbers:
        raise UsageError(f"lesson {lesson.number} has no metric {brief(given)}; it measures: {', '.join(numbers)}")
    return given


def _name(given: Mapping[str, Any], everything: Mapping[str, Any]) -> str:
    """Name a job by what is special about it; a hash of all parameters keeps long values, and other sweeps, apart."""
    words = "_".join(f"{name}-{value}" for name, value in given.items()) or "as-it-is"
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "-" for letter in words)
    digest = hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()
    return f"{safe[:80]}_{digest[:8]}"
