"""What was run in a live kernel, cell by cell, with the parameters' values at that time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell


@dataclass
class Execution:
    """A cell that was run.

    Attributes
    ----------
    source : str
    values : dict of str to object
        The parameters' values when it began.
    ok : bool or None
        Whether it came to its end; None while it runs.
    """

    source: str
    values: dict[str, Any] = field(default_factory=dict)
    ok: bool | None = True


class Journal:
    """The cells that a kernel has run, in order; it is kept from the first `Run.start` on.

    Parameters
    ----------
    shell : InteractiveShell
        What was run before is taken from its history.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.namespace: Mapping[str, Any] = shell.user_ns
        self.names: set[str] = set()
        earlier = shell.history_manager.input_hist_raw[1:] if shell.history_manager else []
        self.executions = [Execution(source) for source in earlier]
        if self.executions:
            self.executions[-1].ok = None
        shell.events.register("pre_run_cell", self._before)
        shell.events.register("post_run_cell", self._after)

    @property
    def now(self) -> int:
        """Number of the cell that is running."""
        return len(self.executions) - 1

    def watch(self, names: set[str]) -> None:
        """Keep the values of these names too; what they were before is told from the cells that gave them a number."""
        values = {name: self.namespace[name] for name in names - self.names if name in self.namespace}
        told = dict.fromkeys(values, UNTOLD)
        for execution in self.executions:
            execution.values |= copy.deepcopy({name: value for name, value in told.items() if value is not UNTOLD})
            told |= {name: value for name, value in literals(execution.source).items() if name in values}
        if self.executions:
            self.executions[-1].values |= copy.deepcopy(values)
        self.names |= names

    def _before(self, info: ExecutionInfo) -> None:
        values = {name: self.namespace[name] for name in self.names if name in self.namespace}
        self.executions.append(Execution(str(info.raw_cell), copy.deepcopy(values), None))

    def _after(self, result: ExecutionResult) -> None:
        if self.executions and self.executions[-1].ok is None:
            self.executions[-1].ok = bool(result.success)


UNTOLD = object()

_journals: WeakKeyDictionary[InteractiveShell, Journal] = WeakKeyDictionary()


def journal_of(shell: InteractiveShell) -> Journal:
    """Return the journal of a kernel; it is begun at the first call."""
    if shell not in _journals:
        _journals[shell] = Journal(shell)
    return _journals[shell]


def literals(source: str) -> dict[str, Any]:
    """Return the names that code gives a number, a text or a list of such at its top, with these values."""
    found: dict[str, Any] = {}
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return {}
    for statement in statements:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            try:
                value = ast.literal_eval(statement.value)
            except ValueError:
                continue
            found |= {target.id: value for target in targets if isinstance(target, ast.Name)}
    return found
