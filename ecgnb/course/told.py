"""The parameters that a run is told, at its start and since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jupytext
from IPython import get_ipython

from ecgnb.course.journal import Journal, journal_of
from ecgnb.course.lessons import Lesson, Parameter, check_parameters
from ecgnb.course.sections import HEADING
from ecgnb.course.staleness import Cell, check, settled
from ecgnb.errors import RunError


class Told:
    """What a run's parameters are; in a live kernel also which cells have read them since.

    Parameters
    ----------
    lesson : Lesson
    known : mapping of str to Parameter
        The lesson's parameters.
    namespace : mapping
        Where their values are.
    """

    def __init__(self, lesson: Lesson, known: Mapping[str, Parameter], namespace: Mapping[str, Any]) -> None:
        self.lesson, self.known, self.namespace = lesson, known, namespace
        self.cells = code_cells(lesson)
        self.settled = settled(self.cells, known)
        self.written: dict[str, int] = {}
        self.journal: Journal | None = None
        shell = get_ipython()
        if shell is not None and namespace is shell.user_ns:
            self.journal = journal_of(shell)
            self.journal.watch(set(known))

    def wrote(self, file: str) -> None:
        """Note that the running cell has written a file into the run's folder."""
        if self.journal is not None:
            self.written[file] = self.journal.now

    def parameters(self, at_start: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return the parameters as the cells used them, and the first lines of cells that are not the lesson's.

        Parameters
        ----------
        at_start : mapping
            Their values when the run began.

        Raises
        ------
        RunError
            Where the cells used different values.
        """
        now = {name: self.namespace[name] for name in self.known if name in self.settled and name in self.namespace}
        verdict = None
        if self.journal is not None:
            verdict = check(self.cells, self.journal.executions, now, self.written.values(), self.known)
        if verdict is None:
            changed = [name for name in at_start if name in now and now[name] != at_start[name]]
            if changed:
                told = "; ".join(f"{name} is {now[name]!r} now, and was {at_start[name]!r}" for name in changed)
                raise RunError(f"a parameter was changed since the run began: {told}. Run {EVERYTHING}.")
            return dict(at_start), []
        if verdict.reasons:
            told = "; ".join(verdict.reasons[:3]) + ("; and more" if len(verdict.reasons) > 3 else "")
            raise RunError(f"these numbers would not belong together: {told}. {_advice(verdict.again)}")
        values = {name: value for name, value in verdict.values.items() if name in at_start}
        return {**at_start, **check_parameters(self.lesson, values, self.known)}, verdict.own


EVERYTHING = "the cell of parameters, Setup and everything below"


def _advice(again: list[str]) -> str:
    if not again or "Setup" in again:
        return f"Run {EVERYTHING}."
    return f"Run again, in this order: {', '.join(map(repr, again))}; or {EVERYTHING}."


def code_cells(lesson: Lesson) -> list[Cell]:
    """Return a lesson's code cells, each with the heading that it stands under."""
    heading, found = "", []
    for cell in jupytext.read(lesson.script).cells:
        if cell.cell_type == "code":
            found.append(Cell(heading, cell.source))
        elif headings := HEADING.findall(cell.source):
            heading = headings[-1]
    return found
