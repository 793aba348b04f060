"""One attempt at a submission: its steps go to a fork of the lesson's process, whose time and memory are watched."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ecgnb.course.exercises import Exercise
from ecgnb.course.grading.processes import LessonProcess, end, lives, private_memory, size_of
from ecgnb.course.grading.walls import Limits

POLL = 0.3  # seconds between two looks at a submission

MOST_TOLD = 1_000_000  # bytes that a submission may report; it has no reason for more than a few thousand

LEAST_MEMORY = 200 * 2**20  # bytes that must stay free on the machine

STATUSES = ("ok", "failed", "not solved", "missing", "error", "syntax error", "memory")  # that a fork may report

MOST_OWN_STEPS = 5  # steps of no exercise that may end an attempt, before all of them are left out


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
        found, step, fault = _once(lesson, left, exercises, stop)
        verdicts |= found
        done = set(found)
        if fault and step is not None and step.exercise:
            verdicts.setdefault(step.exercise, fault)
            done.add(step.exercise)
        elif fault and step is not None:
            n_failed += 1
            left = [one for one in left if one is not step and (one.exercise or n_failed < MOST_OWN_STEPS)]
        elif fault:  # before its first step
            verdicts |= {one.exercise: fault for one in left if one.checked}
            break
        left = [one for one in left if one.exercise not in done]
    return verdicts


def _once(
    lesson: LessonProcess, steps: Sequence[Step], exercises: Mapping[int, Exercise], stop: threading.Event
) -> tuple[dict[int, Verdict], Step | None, Verdict | None]:
    """Execute steps in one fork; return verdicts, and the step that it ended at before the last one, and how."""
    room = Path(tempfile.mkdtemp(prefix="room-", dir=lesson.scratch))
    process, job, results = lesson.begin(room)
    watch, verdicts, words = _Watch(process), dict[int, Verdict](), dict[int, str]()
    status = message = ""
    asked = json.dumps({"steps": [[step.exercise, step.code, step.checked] for step in steps]})
    writer = threading.Thread(target=_write, args=(job, asked))
    writer.start()
    try:
        while not watch.ended and not status:
            if select.select([results], [], [], POLL)[0]:
                for line in _lines(watch, results):
                    _hear(line, watch, steps, exercises, job, words, verdicts)
            status, message = _judge(watch, lesson.limits, room, stop)
    finally:
        end(process)
        writer.join()  # nobody is left to read
        os.close(job)
        os.close(results)
        shutil.rmtree(room, ignore_errors=True)
    seconds = round(time.monotonic() - watch.begun, 2)
    if not status and watch.ended != "0":
        status, message = "died", f"the process ended before its check: {watch.ended}"
    if not status and any(step.checked and step.exercise not in verdicts for step in steps):
        status, message = "died", "the process ended before its check, as by os._exit()"
    if not status:
        return verdicts, None, None
    left = [step for step in steps[max(watch.step, 0) :] if step.exercise not in verdicts]
    return verdicts, left[0] if left and watch.step >= 0 else None, Verdict(status, message, seconds)


def _write(job: int, line: str) -> None:
    """Write a line to a pipe; nothing happens where its reader has ended."""
    left = f"{line}\n".encode()
    with suppress(OSError):
        while left:
            left = left[os.write(job, left) :]


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
    line: dict[str, Any], watch: _Watch, steps: Sequence[Step], exercises: Mapping[int, Exercise], job: int,
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
            _write(job, json.dumps(check))
    elif "word" in line and watch.step >= 0:
        exercise_number = steps[watch.step].exercise
        if line["word"] == words.get(exercise_number) and exercise_number not in verdicts:
            status = line["status"] if line.get("status") in STATUSES else "error"
            seconds = round(time.monotonic() - watch.begun, 2)
            verdicts[exercise_number] = Verdict(status, str(line.get("message"))[:1000], seconds)


def _judge(watch: _Watch, limits: Limits, room: Path, stop: threading.Event) -> tuple[str, str]:
    """Return status and message of what ends a fork; "" while it may go on."""
    if stop.is_set():
        return "interrupted", ""
    if time.monotonic() - watch.begun > limits.seconds + (60 if watch.step < 0 else 0):
        return "timeout", f"took longer than {limits.seconds:g} s"
    with suppress(psutil.Error):
        family = [one for one in watch.process.children(recursive=True) if lives(one)]
        if len(family) > limits.processes + 2:
            return "killed", f"started more than {limits.processes} processes"
        taken = sum(private_memory(one.pid) for one in family)
        if taken > limits.memory:
            return "memory", f"took more than {limits.memory / 2**30:g} GB of memory"
        if taken > limits.memory / 4 and psutil.virtual_memory().available < LEAST_MEMORY:
            return "memory", "the machine had no memory left"
    if size_of(room) > limits.disk:
        return "killed", f"wrote more than {limits.disk / 2**20:g} MB of files"
    return "", ""
