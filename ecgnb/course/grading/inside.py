"""What happens behind the walls: a submission's cells are run, and then the course's checks on what they made.

The checks come in only after the cells of their exercise have run. They look at the answers by name, and else at the
lesson's own variables as they were before the submission.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import nullcontext, suppress
from typing import IO, Any

from ecgnb.errors import plain_text

RUN, COMPILE = exec, compile  # as they are before a submission may change them

LONGEST = 600  # characters of a message


def work(job: IO[str], results: int, namespace: dict[str, Any], *, walled: bool) -> None:
    """Run the steps of a job and report on each; then end the process.

    Parameters
    ----------
    job : text stream
        A line of JSON with "steps": [exercise, code, whether a check follows]; then, for each check that is asked for,
        a line with its "code", the "names" of the answers, and a "word" without which no verdict counts.
    results : int
        Descriptor to write lines of JSON to: "begin" (the step), "ran" (asks for the check), then the verdict.
    namespace : dict
        The lesson's variables.
    walled : bool
        Whether all other processes that can be seen here are the submission's.
    """
    from ecgnb.course.exercises import answered

    course = dict(namespace) | {"answered": answered}
    run_cell = _shell(namespace)
    faults: dict[int, BaseException] = {}
    for number, (exercise, code, checked) in enumerate(json.loads(job.readline())["steps"]):
        _say(results, begin=number)
        if fault := run_cell(code):
            faults[exercise] = fault
        if checked:
            _say(results, ran=number)
            check = json.loads(job.readline())
            status, message = _verdict(check, course, namespace, faults.get(exercise))
            _say(results, word=check["word"], status=status, message=message)
        if walled:
            with suppress(OSError):
                os.kill(-1, signal.SIGKILL)  # all but this one: what an exercise has left running
    os._exit(0)


def _say(results: int, **what: Any) -> None:
    os.write(results, (json.dumps(what) + "\n").encode())


def _shell(namespace: dict[str, Any]) -> Any:
    """Return a function that runs a cell as a notebook does, with magics, and returns what went wrong."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(user_ns=namespace, config=Config(HistoryManager={"enabled": False}))
    for name in ("system", "getoutput", "enable_gui"):  # there is neither a network to install from nor a screen
        setattr(shell, name, lambda *_, **__: None)
    setattr(shell, "_tee", lambda channel: nullcontext())  # noqa: B010  (IPython 9 keeps all that a cell prints)

    this = os.getpid()

    def run_cell(code: str) -> BaseException | None:
        result = shell.run_cell(code)
        if os.getpid() != this:  # a fork of the submission's own has come to the end of the cell
            os._exit(0)
        fault: BaseException | None = result.error_before_exec or result.error_in_exec
        return fault

    return run_cell


def _verdict(
    check: dict[str, Any], course: dict[str, Any], namespace: dict[str, Any], fault: BaseException | None
) -> tuple[str, str]:
    """Return status and message of one check."""
    told = _in_words(fault) if fault else ""
    if lacking := [name for name in check["names"] if name not in namespace]:
        if fault:
            return _kind(fault), told
        return "missing", f"{' and '.join(lacking)} not defined; expected {', '.join(check['names'])}"
    try:
        own = dict(course) | {name: namespace[name] for name in check["names"]}
        RUN(COMPILE(check["code"], "<check>", "exec"), own)
    except BaseException as wrong:
        if fault:
            return _kind(fault), told
        if type(wrong).__name__ == "NotSolvedError":
            return "not solved", "the answer is still blank"
        if isinstance(wrong, MemoryError):
            return "memory", "the check of this answer took more memory than allowed"
        return "failed", _in_words(wrong, bare=isinstance(wrong, AssertionError))
    return "ok", told and f"right, though a cell failed: {told}"


def _kind(fault: BaseException) -> str:
    if isinstance(fault, MemoryError) or (isinstance(fault, RuntimeError) and "allocate memory" in str(fault)):
        return "memory"
    return "syntax error" if isinstance(fault, SyntaxError) else "error"


def _in_words(fault: BaseException, *, bare: bool = False) -> str:
    try:
        told = plain_text(f"line {fault.lineno}: {fault.msg}" if isinstance(fault, SyntaxError) else fault, LONGEST)
    except BaseException:  # an exception of the submission's own, whose text is none
        told = ""
    return told if bare and told else f"{type(fault).__name__}: {told}".removesuffix(": ")
