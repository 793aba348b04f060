"""The grader's side of the walls: start a lesson's process, hand it submissions, watch their time and memory."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ecgnb.course.exercises import Exercise
from ecgnb.course.grading.walls import Limits, view
from ecgnb.course.lessons import Lesson
from ecgnb.errors import RunError, plain_text
from ecgnb.paths import HEADLESS, data_dir

POLL = 0.3  # seconds between two looks at a submission

MOST_TOLD = 1_000_000  # bytes that a submission may report; it has no reason for more than a few thousand

LEAST_MEMORY = 200 * 2**20  # bytes that must stay free on the machine

MOST_OWN_STEPS = 5  # steps of no exercise that may end an attempt, before all of them are left out

KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "ECGNB_MIRROR", "ECGNB_LESSONS_DIR", "PYTHONWARNINGS")


@dataclass(frozen=True)
class Step:
    """Code of a submission, the number of the exercise it belongs to (0: none), whether its check follows."""

    exercise: int
    code: str
    checked: bool = False


@dataclass(frozen=True)
class Verdict:
    """What came of an exercise."""

    status: str
    message: str = ""
    seconds: float = 0.0


class LessonProcess:
    """A process that has run a lesson; close it after use.

    Parameters
    ----------
    lesson : Lesson
    profile : str
    limits : Limits
    hidden : sequence of path
        Folders that no submission may read.

    Raises
    ------
    RunError
        Where the lesson fails.

    Attributes
    ----------
    no_walls : str
        Why this machine builds none around a submission; "" where it does.
    """

    def __init__(self, lesson: Lesson, profile: str, limits: Limits, hidden: Sequence[Path]) -> None:
        self.limits = limits
        self.scratch = Path(tempfile.mkdtemp(prefix="ecgnb-grade-"))
        (self.scratch / "root").mkdir()
        self.asking = threading.Lock()
        self.control, theirs = socket.socketpair()
        self.answers = self.control.makefile("r", encoding="utf-8")
        package = Path(__file__).resolve().parents[3]
        environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "HOME": str(self.scratch), "PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", HEADLESS: "1", "ECGNB_DATA_DIR": str(data_dir()),
            "ECGNB_RUNS_DIR": str(self.scratch / "runs"),
        }  # fmt: skip
        seen = view([str(lesson.script.parent), *map(str, hidden)], [str(data_dir())])
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ecgnb.course.grading.lesson_process", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], env=environment, cwd=self.scratch, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            ready = self._ask(
                lesson=lesson.number, profile=profile, limits=asdict(limits), view=asdict(seen),
                root=str(self.scratch / "root"),
            )  # fmt: skip
            if "fault" in ready:
                raise RunError(f"the course's own lesson cannot be run: {plain_text(ready['fault'], 500)}")
        except BaseException:
            self.close()
            raise
        self.no_walls: str = ready["no_walls"]

    def _ask(self, *, descriptors: Sequence[int] = (), **what: Any) -> dict[str, Any]:
        line = (json.dumps(what) + "\n").encode()
        with self.asking:
            try:
                if descriptors:
                    socket.send_fds(self.control, [line], list(descriptors))
                else:
                    self.control.sendall(line)
                answer = self.answers.readline()
            except OSError:
                answer = ""
        if not answer:
            raise RunError(f"the process of the lesson has ended (exit code {self.process.poll()}); start again")
        found: dict[str, Any] = json.loads(answer)
        return found

    def begin(self, room: Path) -> tuple[psutil.Process, int, int]:
        """Fork, and return the new process, a descriptor to write its job to, and one to read its results from."""
        job_theirs, job = os.pipe()
        results, results_theirs = os.pipe()
        try:
            pid = self._ask(descriptors=(job_theirs, results_theirs), room=str(room))["pid"]
        except BaseException:
            os.close(job)
            os.close(results)
            raise
        finally:
            os.close(job_theirs)
            os.close(results_theirs)
        return psutil.Process(pid), job, results

    def close(self) -> None:
        """End the process and all that came of it, and remove its files."""
        with suppress(psutil.Error):
            end(psutil.Process(self.process.pid))
        self.process.wait()
        self.answers.close()
        self.control.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


def end(process: psutil.Process) -> None:
    """Kill a process and all its descendants: stopped first, so that none forks while others are killed."""
    for _ in range(100):
        with suppress(psutil.Error):
            process.suspend()
            found = process.children(recursive=True)
            for action in (signal.SIGSTOP, signal.SIGKILL):
                for one in found:
                    with suppress(psutil.Error):
                        one.send_signal(action)
            if not [one for one in found if _lives(one)]:
                break
        time.sleep(0.01)
    with suppress(psutil.Error):
        process.kill()


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


@dataclass
class _Watch:
    """One fork at work: what it has said, and since when it is at its exercise."""

    process: psutil.Process
    step: int = -1
    exercise: int = -1
    begun: float = field(default_factory=time.monotonic)
    timed: set[int] = field(default_factory=set)
    told: bytes = b""
    n_told: int = 0
    ended: str = ""

    def next_step(self, number: int, exercise: int) -> None:
        self.step = number
        if exercise != self.exercise and exercise not in self.timed:
            self.begun = time.monotonic()
        self.exercise = exercise
        self.timed.add(exercise)


def attempt(
    lesson: LessonProcess, steps: Sequence[Step], exercises: Mapping[int, Exercise], stop: threading.Event
) -> dict[int, Verdict]:
    """Execute a submission's steps and return a verdict on each exercise that has a checked step.

    What ends its process costs the exercise that it belongs to; the others are tried again without it.

    Parameters
    ----------
    lesson : LessonProcess
    steps : sequence of Step
    exercises : mapping of int to Exercise
    stop : event
        Ends the attempt when it is set.
    """
    verdicts: dict[int, Verdict] = {}
    left, n_failed = list(steps), 0
    while any(step.checked for step in left) and not stop.is_set():
        found, step, status, message = _once(lesson, left, exercises, stop)
        verdicts |= found
        done = set(found)
        if status and step is not None and step.exercise:
            seconds = lesson.limits.seconds if status == "timeout" else 0.0
            verdicts.setdefault(step.exercise, Verdict(status, message, seconds))
            done.add(step.exercise)
        elif status and step is not None:
            n_failed += 1
            left = [one for one in left if one is not step and (one.exercise or n_failed < MOST_OWN_STEPS)]
        elif status or not done:  # before its first step
            verdicts |= {one.exercise: Verdict(status or "error", message) for one in left if one.checked}
            break
        left = [one for one in left if one.exercise not in done]
    return verdicts


def _once(
    lesson: LessonProcess, steps: Sequence[Step], exercises: Mapping[int, Exercise], stop: threading.Event
) -> tuple[dict[int, Verdict], Step | None, str, str]:
    """Execute steps in one fork; return verdicts, and the step, status and message of an end before the last one."""
    room = Path(tempfile.mkdtemp(prefix="room-", dir=lesson.scratch))
    room.chmod(0o700)
    process, job, results = lesson.begin(room)
    watch, verdicts, words = _Watch(process), dict[int, Verdict](), dict[int, str]()
    status = message = ""
    try:
        with os.fdopen(job, "w", encoding="utf-8") as asked:
            threading.Thread(
                target=_write, args=(asked, json.dumps({"steps": [[s.exercise, s.code, s.checked] for s in steps]}))
            ).start()
            while not watch.ended and not status:
                if select.select([results], [], [], POLL)[0]:
                    for line in _lines(watch, results):
                        _hear(line, watch, steps, exercises, asked, words, verdicts)
                status, message = _judge(watch, lesson.limits, room, stop)
            end(process)
    finally:
        end(process)
        os.close(results)
        shutil.rmtree(room, ignore_errors=True)
    at_work = steps[watch.step] if watch.step >= 0 else None
    if not status and watch.ended != "0":
        status, message = "died", f"the process ended before its check: {watch.ended}"
    if not status and any(step.checked and step.exercise not in verdicts for step in steps):
        status, message = "died", "the process ended before its check, as by os._exit()"
    if status and at_work is not None and at_work.exercise in verdicts:
        later = [step for step in steps[watch.step :] if step.exercise not in verdicts]
        at_work = later[0] if later else at_work
    return verdicts, at_work, status, message


def _write(stream: Any, line: str) -> None:
    with suppress(OSError, ValueError):  # it has ended already
        stream.write(line + "\n")
        stream.flush()


def _lines(watch: _Watch, results: int) -> list[dict[str, Any]]:
    """Read what the fork says, within bounds; what isn't said in our form is passed over."""
    received = os.read(results, 65536)
    watch.n_told += len(received)
    if not received or watch.n_told > MOST_TOLD:
        watch.ended = watch.ended or ("it closed its results" if not received else "it filled its results")
    *whole, watch.told = (watch.told + received).split(b"\n")
    found = []
    for line in whole:
        with suppress(ValueError, RecursionError):
            value = json.loads(line)
            if isinstance(value, dict):
                found.append(value)
    return found


def _hear(
    line: dict[str, Any], watch: _Watch, steps: Sequence[Step], exercises: Mapping[int, Exercise], asked: Any,
    words: dict[int, str], verdicts: dict[int, Verdict],
) -> None:  # fmt: skip
    """Take note of one thing that the fork says, and hand it the check that it asks for."""
    if "end" in line or "broken" in line:
        code = line.get("end", 1)
        signals = {-number.value: number.name for number in signal.Signals}
        watch.ended = str(line.get("broken") or signals.get(code, code))
        return
    number = line.get("begin", line.get("ran"))
    if isinstance(number, int) and 0 <= number < len(steps) and number >= watch.step:
        step = steps[number]
        watch.next_step(number, step.exercise)
        if "ran" in line and step.checked and step.exercise not in words:
            exercise, words[step.exercise] = exercises[step.exercise], secrets.token_hex(16)
            check = {"code": exercise.checking, "names": exercise.names, "word": words[step.exercise]}
            _write(asked, json.dumps(check))
    elif "word" in line and watch.step >= 0:
        exercise_number = steps[watch.step].exercise
        if line["word"] == words.get(exercise_number) and exercise_number not in verdicts:
            told = Verdict(str(line.get("status"))[:20], str(line.get("message"))[:1000])
            seconds = time.monotonic() - watch.begun
            verdicts[exercise_number] = Verdict(told.status, told.message, round(seconds, 2))


def _judge(watch: _Watch, limits: Limits, room: Path, stop: threading.Event) -> tuple[str, str]:
    """Return status and message of what ends a fork; "" while it may go on."""
    if stop.is_set():
        return "interrupted", ""
    if time.monotonic() - watch.begun > limits.seconds + (60 if watch.step < 0 else 0):
        return "timeout", f"took longer than {limits.seconds:g} s"
    with suppress(psutil.Error):
        family = [one for one in watch.process.children(recursive=True) if _lives(one)]
        if len(family) > limits.processes + 2:
            return "killed", f"started more than {limits.processes} processes"
        taken = sum(_private_memory(one.pid) for one in family)
        if taken > limits.memory:
            return "memory", f"took more than {limits.memory / 2**30:g} GB of memory"
        if taken > limits.memory / 4 and psutil.virtual_memory().available < LEAST_MEMORY:
            return "memory", "the machine had no memory left"
    if _size(room) > limits.disk:
        return "killed", f"wrote more than {limits.disk / 2**20:g} MB of files"
    return "", ""


def _private_memory(pid: int) -> int:
    """Return the bytes that a process shares with no other; 0 where it has gone."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty:", "Swap:")))
    with suppress(psutil.Error):
        return 0 if sys.platform == "linux" else int(psutil.Process(pid).memory_info().rss)
    return 0


def _size(folder: Path) -> int:
    """Return the bytes of a folder's files; behind walls it stays empty, for then the room is elsewhere."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118  (names may be any bytes)
    return total
