"""Grade a folder of submissions: each exercise's check, by the course, on what the submission's own cells make."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from ecgnb.course.exercises import Exercise, exercises
from ecgnb.course.grading import similar, table
from ecgnb.course.grading.attempt import Step, Verdict, attempt
from ecgnb.course.grading.doubts import doubts
from ecgnb.course.grading.processes import LessonProcess
from ecgnb.course.grading.submissions import (
    Form,
    Submission,
    UnreadableError,
    answer_steps,
    digest,
    find_lesson,
    find_submissions,
    read_bytes,
    read_cells,
)
from ecgnb.course.grading.table import Row
from ecgnb.course.grading.walls import Limits
from ecgnb.course.lessons import PROFILES, Lesson, find, profile_parameters
from ecgnb.errors import RunError, UsageError, plain_text

JOURNAL = '{"ecgnb": "grades"}\n'  # the first line of the file that keeps what is graded already


@dataclass(frozen=True)
class Asked:
    """What a teacher asks for.

    Attributes
    ----------
    folder, output : Path
    lesson : str
        Number; "" to find out from each submission.
    profile : str
    limits : Limits
    jobs : int
        Submissions at a time.
    """

    folder: Path
    output: Path
    lesson: str = ""
    profile: str = "smoke"
    limits: Limits = Limits()  # noqa: RUF009  (frozen)
    jobs: int = 1


@dataclass
class _Read:
    """A submission with what was read of it."""

    submission: Submission
    name: str
    lesson: Lesson | None = None
    key: str = ""
    steps: list[Step] | None = None
    fault: str = ""


def journal_of(output: Path) -> Path:
    """Return the file beside a table that keeps what is graded already."""
    return output.with_suffix(".journal.jsonl")


def grade(
    asked: Asked, tell: Callable[[str], None], progress: Callable[[int, int], None] = lambda done, of: None
) -> list[Row]:
    """Grade all submissions, write the table and return its rows; a second call does what the first left undone.

    Parameters
    ----------
    asked : Asked
    tell : function of str
        Is told what isn't as it should be, in sentences.
    progress : function of two int
        Is told how many submissions are done, and of how many.

    Raises
    ------
    UsageError
        Where the folder holds no submission, the output would overwrite something, or this system can't fork.
    RunError
        Where another grading is at work on the output, or the course's own lesson fails.
    """
    if not hasattr(os, "fork"):
        raise UsageError(
            "grading runs what others wrote, which cannot be walled in on this system; use Linux (on Windows: WSL)"
        )
    if asked.lesson:
        find(asked.lesson)
    if asked.profile not in PROFILES:
        raise UsageError(f"unknown profile {plain_text(asked.profile)!r}; there are: {', '.join(PROFILES)}")
    table.check_target(asked.output)
    submissions, notes = find_submissions(asked.folder)
    for note in notes:
        tell(note)
    with _alone(asked.output):
        graded = _read_journal(journal_of(asked.output))
        forms: dict[Lesson, Form] = {}
        read = [_read(one, asked, forms) for one in submissions]
        done = sum(1 for one in read if one.fault or one.key in graded)
        progress(done, len(read))
        for lesson in dict.fromkeys(one.lesson for one in read if one.lesson is not None):
            to_do = [one for one in read if one.lesson == lesson and not one.fault and one.key not in graded]
            if to_do:
                for one, rows in _graded(lesson, to_do, asked, tell):
                    graded[one.key] = rows
                    _append(journal_of(asked.output), one.key, rows)
                    done += 1
                    progress(done, len(read))
        rows = _all_rows(read, graded)
        table.write(rows, asked.output)
    return rows


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Keep other gradings off an output."""
    lock = FileLock(output.with_name(f".{output.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(f"another grading is at work on {output}; wait for it, or give another name") from None
    try:
        yield
    finally:
        lock.release(force=True)


def _read(one: Submission, asked: Asked, forms: dict[Lesson, Form]) -> _Read:
    """Read a submission, and find out what it belongs to."""
    read = _Read(one, one.path.relative_to(asked.folder).as_posix())
    try:
        content = read_bytes(one.path)
        cells = read_cells(content)
        read.lesson = find_lesson(one, cells, find(asked.lesson).number if asked.lesson else "")
        if read.lesson not in forms:
            forms[read.lesson] = Form(read.lesson)
        read.steps = answer_steps(cells, forms[read.lesson])
    except UnreadableError as fault:
        read.fault = str(fault)
        return read
    limits = json.dumps(asdict(asked.limits), sort_keys=True)
    parts = [digest(content), read.name, _course(read.lesson, asked.profile), limits]
    read.key = digest("\0".join(parts).encode("utf-8", "surrogatepass"))
    return read


def _course(lesson: Lesson, profile: str) -> str:
    """Return the SHA-256 of all that grades: our package, the lesson, the profile."""
    found = hashlib.sha256(profile.encode())
    for path in sorted(Path(__file__).resolve().parents[2].rglob("*.py")):
        found.update(path.read_bytes())
    found.update(lesson.script.read_bytes())
    found.update(json.dumps(profile_parameters(lesson, profile), sort_keys=True, default=str).encode())
    return found.hexdigest()


def _graded(
    lesson: Lesson, to_do: list[_Read], asked: Asked, tell: Callable[[str], None]
) -> Iterator[tuple[_Read, list[Row]]]:
    """Yield submissions to a lesson with their rows, as they come; several at a time."""
    wanted = dict(enumerate(exercises(lesson), 1))
    if not any(exercise.check for exercise in wanted.values()):
        raise UsageError(f"lesson {lesson.number} has no exercise with a check; nothing of it can be graded")
    stop = threading.Event()
    hidden = [asked.folder.resolve(), asked.output.resolve().parent]
    tell(f"lesson {lesson.number} is run first, once for all, in the size {asked.profile}")
    process = LessonProcess(lesson, asked.profile, asked.limits, hidden)
    if process.no_walls:
        tell(
            f"submissions are NOT walled in here ({process.no_walls}): time, memory and processes are watched, but the "
            "network is only discouraged, and your files and the course's solutions can be read; grade in a container"
        )
    pool = ThreadPoolExecutor(asked.jobs)
    try:
        at_work = {pool.submit(attempt, process, one.steps or [], wanted, stop): one for one in to_do}
        for future in as_completed(at_work):
            one = at_work[future]
            yield one, _rows(one, wanted, future.result())
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        process.close()


def _rows(one: _Read, wanted: dict[int, Exercise], verdicts: dict[int, Verdict]) -> list[Row]:
    """Return a submission's rows, one an exercise."""
    assert one.lesson is not None and one.steps is not None
    rows, odd = [], doubts([step.code for step in one.steps])
    for number, exercise in wanted.items():
        own = "\n".join(step.code for step in one.steps if step.exercise == number)
        solved = bool(exercise.solution) and similar.same_code(own, exercise.solution)
        if exercise.check:
            lacks = Verdict("missing", f"no cell answers it: none below its task, none that makes {exercise.names[0]}")
            verdict = verdicts.get(number, lacks)
        else:
            verdict = Verdict("open", "an open task: for a person to read")
        if verdict.status == "ok" and odd:
            told = f"look at the code: it has {', '.join(odd)}, which could deceive the check"
            verdict = replace(verdict, message=f"{verdict.message}; {told}" if verdict.message else told)
        rows.append(
            Row(
                one.submission.student, one.lesson.number, one.name, number, ", ".join(exercise.names),
                int(verdict.status == "ok"), int(bool(exercise.check)), verdict.status, verdict.message,
                verdict.seconds, "the course's solution" if solved else "",
            )
        )  # fmt: skip
    return rows


def _all_rows(read: list[_Read], graded: dict[str, list[Row]]) -> list[Row]:
    """Return all rows in the order of the files, with what is alike among those of a lesson."""
    rows = []
    for one in read:
        if one.fault:
            lesson = one.lesson.number if one.lesson else ""
            fault = Row(one.submission.student, lesson, one.name, 0, "", 0, 0, "unreadable", one.fault, 0.0)
            rows.append(fault)
        else:
            rows += graded[one.key]
    shares: dict[str, dict[str, float]] = {}
    for known in dict.fromkeys(one.lesson for one in read if one.lesson is not None):
        course = [code for exercise in exercises(known) for code in (exercise.blank, exercise.solution)]
        code = {one.name: [step.code for step in one.steps] for one in read if one.lesson == known and one.steps}
        shares |= similar.alike(code, course)
    return table.with_likeness(rows, shares, {one.name: one.submission.student for one in read})


def _read_journal(path: Path) -> dict[str, list[Row]]:
    """Return the rows that an earlier call has found, by key; a line that was cut short is passed over."""
    if not path.exists():
        return {}
    graded = {}
    with path.open(encoding="utf-8", errors="replace") as stream:
        if stream.readline(len(JOURNAL) + 1) != JOURNAL:
            raise UsageError(f"{path} is there and is no journal of grades; remove it, or give another name")
        for line in stream:
            with suppress(ValueError, TypeError, KeyError):
                entry = json.loads(line)
                graded[entry["key"]] = [Row(**row) for row in entry["rows"]]
    return graded


def _append(path: Path, key: str, rows: list[Row]) -> None:
    """Add a submission to the journal, on the disk before anything else happens."""
    line = json.dumps({"key": key, "rows": [asdict(row) for row in rows]}) + "\n"
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line if stream.tell() else JOURNAL + line)
        stream.flush()
        os.fsync(stream.fileno())
