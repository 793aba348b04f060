"""Numbers of a recorded run, looked up by name and put into a text, so that no text keeps a number of its own."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from ecgnb.course.plain import brief
from ecgnb.errors import UsageError

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

CALCULATIONS: dict[str, Callable[[Any, Any], Any]] = {
    " - ": operator.sub,
    " / ": operator.truediv,
    " * ": operator.mul,
}


def filled(text: str, metrics: dict[str, Any]) -> str:
    """Return text with its placeholders, such as ``{macro_f1:.3f}`` or ``{models.a.macs / models.b.macs:.0f}``, filled.

    Raises
    ------
    UsageError
        For a metric that the run has not, or a format that does not fit it.
    """

    def fill(found: re.Match[str]) -> str:
        name, colon, form = found[1].rpartition(":")  # the last one: a metric's name may have others
        value = evaluate(name if colon else form, metrics)
        try:
            return format(value, form if colon else "")
        except (TypeError, ValueError) as fault:
            raise UsageError(f"cannot write {brief(value)} as {brief(found[0])}: {fault}") from None

    return PLACEHOLDER.sub(fill, text)


def evaluate(term: str, metrics: dict[str, Any]) -> Any:
    """Return what a term stands for: a metric, a number, "text in quotes", or two of them with - * or / in between."""
    term = term.strip()
    found = _metric(term, metrics)
    if found is not None:
        return found
    if re.fullmatch(r"-?\d+(\.\d+)?", term):
        return float(term)
    if re.fullmatch(r'"[^"]*"', term):
        return term[1:-1]
    for sign, calculate in CALCULATIONS.items():
        left, found_sign, right = term.partition(sign)
        if found_sign:
            try:
                return calculate(evaluate(left, metrics), evaluate(right, metrics))
            except (TypeError, ZeroDivisionError) as fault:
                raise UsageError(f"cannot calculate {brief(term)}: {fault}") from None
    raise UsageError(f"the recorded run has no metric {brief(term)}; it has: {', '.join(metrics)[:400]}")


def _metric(path: str, found: Any) -> Any:
    """Return the value at a path such as ``per_class.S.recall`` or ``interval.0``, or None; names may have dots."""
    if not path:
        return None if isinstance(found, dict | list) else found
    if isinstance(found, list):
        found = {str(position): value for position, value in enumerate(found)}
    if not isinstance(found, dict):
        return None
    for name, value in found.items():
        if path == name or path.startswith(f"{name}."):
            within = _metric(path[len(name) + 1 :], value)
            if within is not None:
                return within
    return None


def values(run: dict[str, Any]) -> dict[str, Any]:
    """Return what a quiz may look up in a recorded run: its metrics, and its parameters under that name."""
    return {**run["metrics"], "parameters": run["parameters"]}
