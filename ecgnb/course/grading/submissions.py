"""What a class has handed in: found in a folder, read within bounds, and its cells told from the course's own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgnb.course.exercises import exercises, notebook
from ecgnb.course.grading.attempt import Step
from ecgnb.course.grading.parsing import own_names, parsed
from ecgnb.course.lessons import Lesson, lessons
from ecgnb.errors import UsageError, plain_text

MOST_BYTES = 20 * 2**20  # of a notebook; figures and all, a finished one has two or three million

MOST_CELLS, MOST_CODE = 2_000, 100_000  # cells, and characters of code

MOST_FILES = 20_000

TASK = re.compile(r"^\s*\*\*(\d+)\. ", re.MULTILINE)

PREPARING = re.compile(r"""\bprepare\(\s*["'](\w{1,60})["']""")

HEADED = re.compile(r"^# Exercises to lesson (\w{1,60})", re.MULTILINE)


class UnreadableError(UsageError):
    """A file that is no notebook of exercises; the message says why."""


@dataclass(frozen=True)
class Submission:
    """A file that a student has handed in.

    Attributes
    ----------
    student, assignment : str
        As the folders say; the assignment is "" in a plain folder.
    path : Path
    """

    student: str
    assignment: str
    path: Path


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook; the identity is "" where the file has none."""

    kind: str
    source: str
    identity: str = ""


def find_submissions(folder: Path) -> tuple[list[Submission], list[str]]:
    """Return the notebooks below a folder, in order, and sentences about what else is there.

    nbgrader's ``submitted/STUDENT/ASSIGNMENT/NAME.ipynb`` is understood, and so are ``STUDENT/NAME.ipynb`` and a plain
    folder of ``STUDENT.ipynb``. Hidden folders are left alone, and symbolic links are not followed.

    Raises
    ------
    UsageError
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; expected one of notebooks that were handed in")
    top = folder / "submitted" if (folder / "submitted").is_dir() else folder
    found, n_others, students = [], 0, set[str]()
    for place, folders, names in os.walk(top, followlinks=False, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        students |= set(folders) if Path(place) == top else set()
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() != ".ipynb":
                n_others += not name.startswith(".")
                continue
            parts = path.relative_to(top).parts
            student = parts[0] if len(parts) > 1 else path.stem
            found.append(Submission(student, parts[1] if len(parts) > 2 else "", path))
            if len(found) > MOST_FILES:
                raise UsageError(f"{folder} holds more than {MOST_FILES:,} notebooks; expected those of one class")
    if not found:
        raise UsageError(f"{folder} holds no notebook (.ipynb), only {n_others} other files; expected STUDENT.ipynb")
    without = sorted(students - {one.student for one in found})
    notes = [f"{plain_text(', '.join(without), 1000)}: no notebook (.ipynb) was handed in"] * bool(without)
    notes += [f"{n_others} other files, which are no notebooks (.ipynb), were passed over"] * bool(n_others)
    return found, notes


def _refuse(fault: OSError) -> None:
    raise UsageError(f"cannot read {plain_text(fault.filename, 500)}: {fault.strerror}; nothing was graded")


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a regular file of bounded size, or raise `UnreadableError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as fault:
        if path.is_symlink():
            raise UnreadableError("is a symbolic link; expected the notebook itself") from None
        raise UnreadableError(f"cannot be read: {fault.strerror}") from None
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise UnreadableError("is no file; expected a notebook")
    with os.fdopen(descriptor, "rb") as stream:
        content = stream.read(MOST_BYTES + 1) if state.st_size <= MOST_BYTES else b""
    if state.st_size > MOST_BYTES or len(content) > MOST_BYTES:
        raise UnreadableError(
            f"has {max(state.st_size, len(content)):,} bytes; expected at most {MOST_BYTES:,}: clear the outputs first"
        )
    return content


def read_cells(content: bytes) -> list[Cell]:
    """Return the cells of a notebook, or raise `UnreadableError`."""
    if not content.strip():
        raise UnreadableError("is empty; expected a notebook")
    try:
        read = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UnreadableError("is not UTF-8; expected a notebook as Jupyter saves it") from None
    except (ValueError, RecursionError, MemoryError) as fault:
        why = "nested too deep" if isinstance(fault, RecursionError) else str(fault)
        raise UnreadableError(f"is broken JSON ({why}); expected a notebook as Jupyter saves it") from None
    if not isinstance(read, dict) or not isinstance(read.get("cells"), list):
        raise UnreadableError("has no list of cells; expected a notebook of format 4, as Jupyter saves it")
    if len(read["cells"]) > MOST_CELLS:
        raise UnreadableError(f"has {len(read['cells']):,} cells; expected at most {MOST_CELLS:,}")
    cells = [_cell(cell) for cell in read["cells"] if isinstance(cell, dict)]
    if sum(len(cell.source) for cell in cells if cell.kind == "code") > MOST_CODE:
        raise UnreadableError(f"has more than {MOST_CODE:,} characters of code")
    return cells


def _cell(cell: dict[str, Any]) -> Cell:
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    text = [value if isinstance(value, str) else "" for value in (cell.get("cell_type"), source, cell.get("id"))]
    # a lone surrogate is no text
    return Cell(text[0], text[1].encode("utf-8", "replace").decode(), text[2])


def find_lesson(submission: Submission, cells: Sequence[Cell], wanted: str = "") -> Lesson:
    """Return the lesson whose exercises a submission answers: by its text, its file's name, or its assignment's.

    Parameters
    ----------
    submission : Submission
    cells : sequence of Cell
    wanted : str
        Number of the lesson where it is known; then it is an error if the text says another one.

    Raises
    ------
    UnreadableError
    """
    known = {name: lesson for lesson in lessons() for name in (lesson.number, lesson.number.lstrip("0"), lesson.name)}
    text = "\n".join(cell.source for cell in cells)
    hints = [found[1] for pattern in (PREPARING, HEADED) if (found := pattern.search(text))]
    if wanted and (others := [hint for hint in hints if hint in known and known[hint] != known.get(wanted)]):
        raise UnreadableError(f"says that it belongs to lesson {others[0]}; expected {wanted}")
    for name in (submission.path.stem, submission.assignment):
        hints += [found[0] for found in (re.search(r"(?<!\d)\d{2}(?!\d)", name),) if found]
    for hint in [wanted] if wanted else hints:
        if hint in known:
            return known[hint]
    raise UnreadableError("does not say which lesson it belongs to; grade with --lesson, such as --lesson 01")


class Form:
    """What is handed out for a lesson, and so what a submission is told from.

    Attributes
    ----------
    exercises : dict of int to Exercise
    of_identity : dict of str to int
        The exercise of each blank cell.
    courses : set of str
        The course's own cells, without spaces.
    """

    def __init__(self, lesson: Lesson) -> None:
        self.exercises = dict(enumerate(exercises(lesson), 1))
        cells = [cell for cell in notebook(lesson).cells if cell.cell_type == "code"]
        answers = {exercise.blank: number for number, exercise in self.exercises.items() if exercise.check}
        self.of_identity = {cell.id: answers[cell.source] for cell in cells if cell.source in answers}
        self.courses = {_squeezed(cell.source) for cell in cells if cell.source not in answers}


def answer_steps(cells: Sequence[Cell], form: Form) -> list[Step]:
    """Return a submission's own code in order, each cell with the number of its exercise.

    Cells that are the course's are left out: its checks most of all, which come from the course alone. A cell belongs
    to an exercise by its identity, else by the heading of the task above it, else by the names that it binds.
    """
    found: list[tuple[int, str]] = []
    heading, asked = 0, form.exercises
    for cell in cells:
        if cell.kind == "markdown":
            tasks = [int(number) for number in TASK.findall(cell.source) if len(number) < 4]
            heading = tasks[0] if len(tasks) == 1 and tasks[0] in asked else 0 if tasks else heading
        elif cell.kind == "code" and cell.source.strip() and not _is_courses(cell.source, form.courses):
            bound = own_names(parsed(cell.source))
            by_name = [number for number, exercise in asked.items() if bound & set(exercise.names)]
            number = form.of_identity.get(cell.identity, 0) or heading or (by_name[0] if by_name else 0)
            found.append((number, cell.source))
    last = {number: position for position, (number, _) in enumerate(found)}
    return [
        Step(number, code, bool(number and asked[number].check) and last[number] == position)
        for position, (number, code) in enumerate(found)
    ]


def _squeezed(code: str) -> str:
    return "".join(code.split())


def _is_courses(code: str, courses: set[str]) -> bool:
    squeezed = _squeezed(code)
    return squeezed in courses or squeezed.startswith("answered(") or bool(PREPARING.search(code))


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()
