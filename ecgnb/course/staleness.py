"""Whether what a run records was made with the parameters that it records, and what to run again where it was not.

A reader of a notebook changes a parameter and runs some cells again, not all. Here the cells that were run are followed
back from the one that writes the record: to those that made what it reads, and to those that made what these read.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecgnb.course.dataflow import Flow, Known, Maker, flow, made
from ecgnb.course.journal import Execution


@dataclass(frozen=True)
class Cell:
    """A code cell of a lesson and the heading that it stands under."""

    heading: str
    source: str


@dataclass
class Verdict:
    """What became of a check.

    Attributes
    ----------
    values : dict of str to object
        The parameters that cells have read, as those used them that the record rests on.
    reasons : list of str
        Why the record would not be true; empty where it would be.
    again : list of str
        Headings of the sections to run again, in order; empty where a cell that is not the lesson's is out of date.
    own : list of str
        First lines of cells that are not the lesson's and that the record rests on.
    """

    values: dict[str, Any]
    reasons: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)


@dataclass
class _Step:
    """A cell's flow where it stands, and who had made what it needs."""

    flow: Flow
    makers: dict[str, list[Maker]]
    constants: set[str]


def _steps(sources: Iterable[str], watched: set[str]) -> tuple[list[_Step], dict[str, list[Maker]]]:
    """Follow cells in order; return a step for each, and who has made each name in the end."""
    known, makers, steps = Known(), dict[str, list[Maker]](), []
    for number, source in enumerate(sources):
        found = flow(source, known)
        needed = {name: makers[name] for name in found.needs - watched if name in makers}
        known.constants -= watched  # a reader changes them
        steps.append(_Step(found, needed, set(known.constants)))
        made(makers, found, number)
    return steps, makers


def settled(cells: Sequence[Cell], names: Iterable[str]) -> set[str]:
    """Return those of the parameters that no cell but the first to give them a value binds or changes."""
    steps, left = _steps((cell.source for cell in cells), set()), set(names)
    first: dict[str, int] = {}
    for number, step in enumerate(steps[0]):
        touched = step.flow.binds | step.flow.may_bind | set(step.flow.changes)
        for name in touched & left:
            if first.setdefault(name, number) != number:
                left.discard(name)
    return left


def check(
    cells: Sequence[Cell],
    executions: Sequence[Execution],
    now: dict[str, Any],
    written: Iterable[int],
    names: Iterable[str] = (),
) -> Verdict | None:
    """Say whether the last execution, which writes the record, would write the truth.

    Parameters
    ----------
    cells : sequence of Cell
        The lesson's, in order.
    executions : sequence of Execution
        All that was run.
    now : dict of str to object
        The parameters and their present values.
    written : iterable of int
        Numbers of the executions that have written what is in the run's folder.
    names : iterable of str, optional
        Further parameters, which are not looked at.

    Returns
    -------
    Verdict or None
        None where no cell of the lesson was run as a cell, so that nothing can be said.
    """
    checked = _Check(cells, executions, now, {*now, *names})
    if not any(place is not None for place in checked.place):
        return None
    if checked.is_straight():
        return Verdict(now)
    return checked.verdict([len(executions) - 1, *written])


class _Check:
    def __init__(
        self, cells: Sequence[Cell], executions: Sequence[Execution], now: dict[str, Any], watched: set[str]
    ) -> None:
        self.cells, self.executions, self.now, self.watched = cells, executions, now, watched
        places = {cell.source.strip(): number for number, cell in enumerate(cells)}
        self.place = [places.get(execution.source.strip()) for execution in executions]
        self.lesson, _ = _steps((cell.source for cell in cells), watched)
        self.steps, self.end = _steps((execution.source for execution in executions), watched)
        self._reasons: dict[int, list[str]] = {}

    def is_straight(self) -> bool:
        """Say whether the lesson was run from top to bottom, nothing else, with the same parameters all the way."""
        places = [place for place in self.place if place is not None]
        if any(one >= other for one, other in itertools.pairwise(places)):
            return False
        for execution, place, step in zip(self.executions, self.place, self.steps, strict=True):
            if place is None and (step.flow.needs | step.flow.binds) - self.watched:
                return False
            if execution.ok is False or self.changed(execution, set(self.now)):
                return False
        return True

    def changed(self, execution: Execution, names: set[str]) -> list[str]:
        """Return those parameters that had another value when a cell was run."""
        known = names & set(execution.values) & set(self.now)
        return [name for name in sorted(known) if not _same(execution.values[name], self.now[name])]

    # What an execution used

    def used(self, makers: list[Maker], place: int | None) -> list[Maker]:
        """Return the makers of a name that count for a cell: not those below that put something in besides."""
        if place is None:
            return makers
        latest, found = self.latest(makers), []
        for maker in makers:
            other = self.place[maker.key]
            besides = maker.kind == "changes" and other is not None and (other >= place or maker not in latest)
            found += [] if besides else [maker]
        return found

    def latest(self, makers: list[Maker]) -> list[Maker]:
        """Return the makers without those whose cell of the lesson is among them again later."""
        last = {self.place[maker.key]: maker for maker in makers}
        return [maker for maker in makers if self.place[maker.key] is None or last[self.place[maker.key]] is maker]

    def differs(self, name: str, makers: list[Maker], place: int | None) -> tuple[set[int], set[int]]:
        """Return the cells that have not made a name, and that have made it besides.

        What would have made it is known from the lesson run from top to bottom; cells of one's own may do otherwise.
        """
        expected = None if place is None else self.lesson[place].makers.get(name)
        found = [self.place[maker.key] for maker in self.used(makers, place)]
        if expected is None or None in found:
            return set(), set()
        wanted, there = Counter(maker.key for maker in expected), Counter(at for at in found if at is not None)
        return set(wanted - there), set(there - wanted)

    def feeding(self, roots: Iterable[int]) -> set[int]:
        """Return the executions that these rest on, themselves included."""
        found, waiting = set[int](), list(roots)
        while waiting:
            number = waiting.pop()
            if number in found:
                continue
            found.add(number)
            step = self.steps[number]
            for name in step.flow.reads & set(step.makers):
                for maker in self.latest(self.used(step.makers[name], self.place[number])):
                    if name not in step.constants or self.place[maker.key] is None:
                        waiting.append(maker.key)
        return found

    # What is wrong with it

    def reasons(self, number: int) -> list[str]:
        """Return why what an execution has made is out of date; empty where it is not."""
        if number not in self._reasons:
            self._reasons[number] = self._find_reasons(number)
        return self._reasons[number]

    def _find_reasons(self, number: int) -> list[str]:
        step, execution, place = self.steps[number], self.executions[number], self.place[number]
        called = self.called(number)
        if execution.ok is False:
            return [f"{called} stopped with an error"]
        found = [
            f"{name} is {self.now[name]!r} now, but {called} used {execution.values[name]!r}"
            for name in self.changed(execution, step.flow.reads)
        ]
        for name in sorted(step.flow.reads & set(step.makers)):
            missing, besides = self.differs(name, step.makers[name], place)
            if missing:
                found.append(f"{called} used {name} without what {self.headings(missing)} does to it")
            elif besides:
                found.append(f"{called} used {name} after {self.headings(besides)} had changed it once more")
            elif name not in step.constants:
                for maker in self.used(step.makers[name], place):
                    source = self.executions[maker.key].source
                    if any(later.source == source for later in self.executions[number + 1 :]):
                        found.append(f"{self.called(maker.key)} was run again after {called}, which uses its {name}")
        return found

    def called(self, number: int) -> str:
        """Return what to call an execution: by its heading, or by its first line."""
        place = self.place[number]
        if place is None:
            return f"your cell {_first_line(self.executions[number].source)!r}"
        return f"'{self.cells[place].heading}'" if self.cells[place].heading else "the first cell"

    def is_last(self, number: int) -> bool:
        """Say whether a cell was not run again after an execution."""
        return self.executions[number].source not in [later.source for later in self.executions[number + 1 :]]

    def headings(self, places: Iterable[int]) -> str:
        return ", ".join(dict.fromkeys(f"'{self.cells[place].heading}'" for place in sorted(places)))

    def verdict(self, roots: list[int]) -> Verdict:
        feeding = self.feeding(roots)
        reasons = {number: found for number in sorted(feeding) if (found := self.reasons(number))}
        own = [_first_line(self.executions[number].source) for number in sorted(feeding) if self.place[number] is None]
        verdict = Verdict(self.values_used(feeding), own=list(dict.fromkeys(own)))
        if not reasons:
            return verdict
        present = {number: found for number, found in reasons.items() if self.is_last(number)}
        left_over = [number for number in roots if number in reasons and number not in present]  # files of other names
        told = itertools.chain(*(present or reasons).values(), *(reasons[number] for number in left_over))
        verdict.reasons = sorted(dict.fromkeys(told), key=lambda reason: " now, but " not in reason)
        if present and not left_over and all(self.place[number] is not None for number in reasons):
            places = {self.place[number] for number in [*present, roots[0]]}
            feeders = {self.place[number] for number in feeding}
            verdict.again = self.again(*({at for at in found if at is not None} for found in (places, feeders)))
        return verdict

    def values_used(self, feeding: set[int]) -> dict[str, Any]:
        """Return each parameter that was read, as the cells that feed the record used it, else as the last one did."""
        values: dict[str, tuple[bool, Any]] = {}
        for number, (execution, step) in enumerate(zip(self.executions, self.steps, strict=True)):
            for name in step.flow.reads & set(self.now) & set(execution.values):
                if number in feeding or name not in values or not values[name][0]:
                    values[name] = (number in feeding, execution.values[name])
        return {name: value for name, (_, value) in values.items()}

    # What to run again

    def again(self, stale: set[int], feeding: set[int]) -> list[str]:
        """Return the headings to run again, in order, so that nothing that feeds the record is out of date."""
        chosen: set[int] = set()
        while stale - chosen:
            headings = {self.cells[place].heading for place in stale}
            chosen = {place for place, cell in enumerate(self.cells) if cell.heading in headings}
            stale = chosen | self.below(chosen, feeding) | self.above(chosen)
        return list(dict.fromkeys(self.cells[place].heading for place in sorted(chosen)))

    def below(self, chosen: set[int], feeding: set[int]) -> set[int]:
        """Return the cells that feed the record and use what the chosen ones make."""
        found = set(chosen)
        for place in sorted(feeding - chosen):
            step = self.lesson[place]
            for name in set(step.makers) - step.constants:
                kinds = ("binds", "changes", "adds") if name in step.flow.reads else ("binds",)
                if any(maker.key in found and maker.kind in kinds for maker in step.makers[name]):
                    found.add(place)
        return found

    def above(self, chosen: set[int]) -> set[int]:
        """Return the cells without which the chosen ones would find something else than what they need."""
        found: set[int] = set()
        for place in chosen:
            for name, expected in self.lesson[place].makers.items():
                makers = self.end.get(name, [])
                missing, besides = self.differs(name, makers, place)
                if besides or not makers:
                    found |= {maker.key for maker in expected}
                found |= missing
                if name not in self.lesson[place].constants:
                    numbers = self.feeding(maker.key for maker in self.used(makers, place))
                    old = {number for number in numbers if self.is_last(number) and self.reasons(number)}
                    places = {self.place[number] for number in old}
                    found |= {other for other in places if other is not None}
        return found


def _first_line(source: str) -> str:
    return next((line.strip() for line in source.splitlines() if line.strip()), "")


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        return one is other
