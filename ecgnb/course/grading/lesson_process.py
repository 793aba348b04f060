"""The process that has run a lesson, and that forks for each submission: so all find its variables, and none waits.

It runs the course's code alone. A fork of it goes behind the walls before it reads a line of a submission.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from ecgnb.course.grading import inside, linux, walls

CODES = 2  # descriptors that come with a request: the job, the results


def main(control: socket.socket) -> None:
    """Run the lesson that the first line asks for, and then a fork for each line until nobody asks any more."""
    linux.die_with_parent()
    asked = json.loads(_line(control))
    limits, seen = walls.Limits(**asked["limits"]), walls.View(**asked["view"])
    reason = why_no_walls(limits, seen, Path(asked["root"]))
    namespace: dict[str, Any] = {}
    try:
        from ecgnb.course.exercises import prepare

        prepare(asked["lesson"], namespace, profile=asked["profile"])
    except BaseException as fault:
        _reply(control, fault=f"{' '.join(str(fault).split()) or type(fault).__name__}")
        return
    gc.collect()
    gc.freeze()  # else the first collection in a fork would copy all that it shares
    _reply(control, no_walls=reason)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the forks are nobody's to wait for
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 65536, CODES)
        if not message:
            return
        child = os.fork()
        if child == 0:
            control.close()
            job, results = descriptors
            room, root = json.loads(message)["room"], asked["root"]
            _fork(job, results, room, namespace, limits, seen, root, walled=not reason)
        for descriptor in descriptors:
            os.close(descriptor)
        _reply(control, pid=child)


def _line(control: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\n") and (more := control.recv(65536)):
        received += more
    return received


def _reply(control: socket.socket, **what: Any) -> None:
    control.sendall((json.dumps(what) + "\n").encode())


def why_no_walls(limits: walls.Limits, seen: walls.View, root: Path) -> str:
    """Return why submissions cannot be walled in here; "" where they can, found out by trying."""
    if not linux.is_linux():
        return f"{sys.platform} has no namespaces"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if inner := walls.enter(limits, seen, root):
                os.waitpid(inner, 0)
                os._exit(0)
            unseen = [name for name in seen.readable if not os.access(name, os.R_OK)]
            os.write(writing, f"a stranger cannot read {unseen[0]}".encode() if unseen else b"fine")
        except BaseException as fault:
            os.write(writing, str(fault).encode()[:500])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as told:
        reason = told.read()
    os.waitpid(child, 0)
    return "" if reason == "fine" else reason or "it was tried, and failed without a word"


def _fork(
    job: int, results: int, room: str, namespace: dict[str, Any], limits: walls.Limits, seen: walls.View,
    root: str, *, walled: bool,
) -> NoReturn:  # fmt: skip
    """In a fork: close all that is not the submission's, and fork once more to run it; wait for the end of that."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        linux.die_with_parent()
        linux.adopt_orphans()
        job, results = _keep_only(job, results)
        child = walls.enter(limits, seen, Path(root)) if walled else os.fork()
        if child == 0:
            _run(job, results, room, namespace, limits, walled=walled)
        os.close(job)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(results, (json.dumps({"end": status}) + "\n").encode())
        os.close(results)
        while True:
            signal.pause()  # until the grader has looked for what is left, and ends it all
    except BaseException as fault:
        os.write(results, (json.dumps({"broken": str(fault)[:500]}) + "\n").encode())
    finally:
        os._exit(1)


def _keep_only(job: int, results: int) -> tuple[int, int]:
    """Close all descriptors but two, which become 3 and 4; the standard ones lead nowhere."""
    job, results = os.dup2(job, 100), os.dup2(results, 101)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    job, results = os.dup2(job, 3), os.dup2(results, 4)
    os.closerange(5, os.sysconf("SC_OPEN_MAX"))
    return job, results


def _run(
    job: int, results: int, room: str, namespace: dict[str, Any], limits: walls.Limits, *, walled: bool
) -> NoReturn:
    """Run the submission in this process, and end it."""
    try:
        if not walled:
            os.setsid()
            linux.die_with_parent()
            walls.discourage(Path(room))
        walls.restrict(limits, walled=walled)
        with os.fdopen(job, encoding="utf-8") as asked:
            inside.work(asked, results, namespace, walled=walled)
    finally:
        os._exit(70)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
