"""The exercises of a lesson as a notebook of their own: a task, a blank cell, a cell that checks.

A lesson's text is the source. Its section "Exercises" holds, for each task, a worked solution and a check in folds that
open on click; the fold of the check names what the solution must define. `notebook` makes blank or solved notebooks of
it, and in them `prepare` runs the lesson, so that a task finds all of the lesson's variables.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from IPython.display import HTML, display
from IPython.utils.capture import capture_output
from tqdm.auto import tqdm

from ecgnb.course.lessons import Lesson, check_parameters, code_sha256, find, profile_parameters, results_path
from ecgnb.errors import EcgnbError, RunError

FOLD = r"<details><summary>{}</summary>\n\n```python\n(.*?)```.*?</details>\n?"

SOLUTION = re.compile(FOLD.format("A solution"), re.DOTALL)

CHECK = re.compile(FOLD.format("A check: <code>(.*?)</code>"), re.DOTALL)


class NotSolvedError(EcgnbError):
    """An exercise whose answer is still blank."""


@dataclass(frozen=True)
class Exercise:
    """A task of a lesson.

    Attributes
    ----------
    task : str
        What is asked, in Markdown; an open task keeps its hint.
    solution : str
        Code; "" for an open task.
    names : tuple of str
        What the solution defines and the check looks at.
    check : str
        Code that complains where the answer is wrong.
    """

    task: str
    solution: str = ""
    names: tuple[str, ...] = ()
    check: str = ""

    @property
    def blank(self) -> str:
        """The cell that waits for an answer."""
        return "\n".join(f"{name} = ...  # your answer" for name in self.names)

    @property
    def checking(self) -> str:
        """The cell that says whether the answer is right."""
        return f'answered({", ".join(f"{name}={name}" for name in self.names)})\n{self.check}\nprint("right")'


def exercises(lesson: Lesson) -> list[Exercise]:
    """Return the exercises that stand in a lesson's text."""
    cells = [cell.source for cell in jupytext.read(lesson.script).cells if cell.cell_type == "markdown"]
    text = "\n\n".join(cells).partition("## Exercises")[2].partition("\n## ")[0]
    found = []
    for task in re.split(r"^(?=\*\*\d\. )", text, flags=re.MULTILINE)[1:]:
        solution, check = SOLUTION.search(task), CHECK.search(task)
        if solution is None or check is None:
            found.append(Exercise(task.strip()))
            continue
        names = tuple(name.strip() for name in check[1].split(","))
        asked = CHECK.sub("", SOLUTION.sub("", task)).strip()
        found.append(Exercise(asked, solution[1].strip(), names, check[2].strip()))
    return found


def path(lesson: Lesson) -> Path:
    """Return where the blank notebook of a lesson's exercises is kept."""
    return lesson.script.parent / "exercises" / f"{lesson.name}.ipynb"


def notebook(lesson: Lesson, *, solved: bool = False) -> nbformat.NotebookNode:
    """Return the exercises of a lesson as a notebook: blank, or with the worked solutions in place."""
    minutes = _minutes(lesson)
    head = (
        f"# Exercises to lesson {lesson.number}\n\n[{lesson.title}](../{lesson.notebook.name})\n\n"
        "Written from the lesson by `make notebooks`. Each task has a cell for your answer and a cell that checks it. "
        "Worked solutions are in the lesson, folded away. Save your answers under another name.\n\n"
        f"First the lesson is run, so that its variables are at hand{minutes}. The profile `smoke` is a matter of "
        "seconds, on synthetic data: enough to find out whether your code runs.\n\n"
        "For learning and research, not for diagnosis."
    )
    cells = [
        nbformat.v4.new_markdown_cell(head),
        nbformat.v4.new_code_cell('profile = "default"  # or "smoke"', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(
            "from ecgnb.course.exercises import answered, prepare\n\n"
            f'prepare("{lesson.number}", globals(), profile=profile)'
        ),
    ]
    for exercise in exercises(lesson):
        cells.append(nbformat.v4.new_markdown_cell(exercise.task))
        if exercise.check:
            cells.append(nbformat.v4.new_code_cell(exercise.solution if solved else exercise.blank))
            cells.append(nbformat.v4.new_code_cell(exercise.checking))
    for position, cell in enumerate(cells):
        cell.id = f"exercise-{position}"
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made.metadata["language_info"] = {"name": "python"}
    made.metadata["ecgnb"] = {"code_sha256": code_sha256(made)}
    return made


def _minutes(lesson: Lesson) -> str:
    """Say how long the default run took where it was recorded."""
    recorded = results_path(lesson, "default")
    if not recorded.is_file():
        return ""
    return (
        f": {json.loads(recorded.read_text(encoding='utf-8'))['seconds']['total'] / 60:.0f} minutes in the default size"
    )


def prepare(number: str, namespace: dict[str, Any], *, profile: str = "default") -> None:
    """Run a lesson's cells in the caller's namespace, quietly but for a bar and the banner of synthetic data.

    Raises
    ------
    UsageError
        For an unknown lesson or profile.
    RunError
        Where a cell fails.
    """
    lesson = find(number)
    values = check_parameters(lesson, profile_parameters(lesson, profile))
    cells = [cell for cell in jupytext.read(lesson.script).cells if cell.cell_type == "code"]
    for position, cell in enumerate(tqdm(cells, desc=f"lesson {lesson.number}", unit="cell", file=sys.stdout), 1):
        with capture_output() as captured:
            try:
                exec(compile(cell.source, f"<lesson {lesson.number}, code cell {position}>", "exec"), namespace)
            except Exception as fault:
                raise RunError(
                    f"lesson {lesson.number} failed in its code cell {position}: {type(fault).__name__}: {fault}"
                ) from fault
        if "parameters" in cell.metadata.get("tags", []):
            namespace.update(values)
        for output in captured.outputs:
            page = (output.data or {}).get("text/html", "")
            if 'role="alert"' in page:
                display(HTML(page))


def answered(**answers: Any) -> None:
    """Complain of an answer that is still the blank's ``...``, before the check stumbles over it.

    Raises
    ------
    NotSolvedError
    """
    if blank := [name for name, value in answers.items() if value is ...]:
        raise NotSolvedError(
            f"not solved yet: give {' and '.join(blank)} a value in the cell above, run it, and then this one again. "
            "The lesson has a worked solution, folded away."
        )


def update(lesson: Lesson) -> None:
    """Write the blank notebook of a lesson's exercises where it changed.

    Raises
    ------
    RunError
        Where somebody has worked in the one that is there.
    """
    text = nbformat.writes(notebook(lesson)) + "\n"
    target = path(lesson)
    if target.is_file():
        there = nbformat.read(target, as_version=4)
        if there.metadata.get("ecgnb", {}).get("code_sha256", "") != code_sha256(there):
            raise RunError(f"{target} holds answers, which this would overwrite; save it under another name first")
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
