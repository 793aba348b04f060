"""The process of a lesson as the grader sees it: started, asked for forks, ended with all that came of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from ecgnb.course.grading.walls import Limits, view
from ecgnb.course.lessons import Lesson
from ecgnb.errors import RunError, plain_text
from ecgnb.paths import HEADLESS, data_dir

KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "ECGNB_MIRROR", "ECGNB_LESSONS_DIR")


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
            "HOME": str(self.scratch), "PYTHONPATH": f"{package}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "PYTHONDONTWRITEBYTECODE": "1",
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
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
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
            if not [one for one in found if lives(one)]:
                break
        time.sleep(0.01)
    with suppress(psutil.Error):
        process.kill()


def lives(process: psutil.Process) -> bool:
    """Say whether a process is there and has not ended."""
    with suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def private_memory(pid: int) -> int:
    """Return the bytes that a process shares with no other; 0 where it has gone."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty:", "Swap:")))
    with suppress(psutil.Error):
        return 0 if sys.platform == "linux" else int(psutil.Process(pid).memory_info().rss)
    return 0


def size_of(folder: Path) -> int:
    """Return the bytes of a folder's files; behind walls it stays empty, for then the room is elsewhere."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += 4096 + os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118  (names may be any bytes)
    return total
