"""A lesson's parameters: what its parameters cell declares, and whether a value fits. Only plain values do."""

from __future__ import annotations

import ast
import io
import math
import re
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ecgnb.course.plain import brief
from ecgnb.errors import UsageError

WORDS = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "list": "a list"}

ITEMS = {"int": "whole numbers", "float": "numbers", "str": "text", "bool": "true or false", "list": "lists"}

PYTHON: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str, "list": list}

TYPES = "int, float, str, bool, list, list[...] of one of them, or one with | None"

LONGEST_LIST = 10_000  # characters of text that is read as a list

LARGEST = 2**63  # of whole numbers, beyond which tables and other programs cannot keep them

MISFITS = (ValueError, TypeError, SyntaxError, KeyError, OverflowError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Kind:
    """What values a parameter takes.

    Attributes
    ----------
    name : {"int", "float", "str", "bool", "list", "any"}
    item : Kind or None
        Of a list: what its items are.
    optional : bool
        Whether None is one of the values.
    """

    name: str
    item: Kind | None = None
    optional: bool = False

    def convert(self, value: Any) -> Any:
        """Return the value in this kind, where it is one or is the text of one; raise one of `MISFITS` otherwise."""
        if self.optional and (value is None or value == "None"):
            return None
        if not isinstance(value, str) or self.name == "str":
            return self.plain(value)
        return self.plain(_read(self.name, value))

    def plain(self, value: Any) -> Any:
        """Return the value as Python's own type, or raise one of `MISFITS`; text is taken for text only."""
        if value is None and (self.optional or self.name == "any"):
            return None
        if self.name == "any":
            return Kind(_name_of(value), _ANY).plain(value)
        if self.name == "list" and isinstance(value, list) and self.item is not None:
            return [self.item.plain(item) for item in value]
        if self.name == "bool" and isinstance(value, bool):
            return value
        if self.name == "str" and isinstance(value, str):
            value.encode()  # complains of what is no character, such as half of a pair
            return str(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError
        return _number(self.name, value)

    def __str__(self) -> str:
        of_what = f" of {ITEMS[self.item.name]}" if self.item is not None and self.item.name in ITEMS else ""
        return WORDS[self.name] + of_what + (", or None" if self.optional else "")


_ANY = Kind("any")


def _name_of(value: Any) -> str:
    """Return the name of the kind that a value is of, or raise TypeError."""
    for name, python in PYTHON.items():
        if isinstance(value, python):
            return name
    raise TypeError


def _number(kind: str, value: float) -> float:
    if kind == "float" and math.isfinite(value):
        return float(value)
    if kind == "int" and isinstance(value, int) and abs(value) < LARGEST:
        return int(value)
    raise TypeError


def _read(kind: str, text: str) -> Any:
    """Return what text says, such as that of ``-p NAME=VALUE``."""
    if kind == "bool":
        return {"true": True, "false": False}[text.lower()]
    if kind == "list":
        if len(text) > LONGEST_LIST:
            raise ValueError
        return ast.literal_eval(text)
    return int(text) if kind == "int" else float(text)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a lesson, as its parameters cell declares it.

    The comment is the help text; it may end in ``[low, high]`` for the range of a number or ``{a, b}`` for a choice.
    """

    name: str
    type: str
    default: Any
    help: str

    @property
    def kind(self) -> Kind:
        """What values it takes."""
        return _kind(ast.parse(self.type, mode="eval").body)

    def check(self, value: Any) -> Any:
        """Return the value in the parameter's type.

        Raises
        ------
        UsageError
            Where it does not fit: what was given, what is expected.
        """
        kind = self.kind
        try:
            converted = kind.convert(value)
        except MISFITS:
            raise UsageError(f"parameter {self.name} takes {kind}; got {brief(value)}") from None
        if converted is not None:
            self._check_range(converted, value)
            self._check_choice(converted, value)
        return converted

    def _check_range(self, converted: Any, value: Any) -> None:
        found = re.search(r"\[([^\],]*),([^\],]*)\]$", self.help)
        if found is None or self.kind.name not in ("int", "float"):
            return
        with suppress(ValueError):  # "[a, b]" is no range
            low, high = (float(bound) for bound in found.groups())
            if not low <= converted <= high:
                raise UsageError(f"parameter {self.name} must lie in [{low:g}, {high:g}]; got {brief(value)}")

    def _check_choice(self, converted: Any, value: Any) -> None:
        found = re.search(r"\{([^{}]*)\}$", self.help)
        if found is None or self.kind.name == "list":
            return
        choices = [choice.strip() for choice in found.group(1).split(",")]
        with suppress(*MISFITS):  # "{a, b}" is no choice of numbers
            if converted not in [self.kind.convert(choice) for choice in choices]:
                raise UsageError(f"parameter {self.name} must be one of {', '.join(choices)}; got {brief(value)}")


def _kind(annotation: ast.expr) -> Kind:
    """Return what an annotation names, or raise TypeError."""
    match annotation:
        case ast.Name(id="list"):
            return Kind("list", _ANY)
        case ast.Name(id=name) if name in WORDS:
            return Kind(name)
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return Kind("list", _kind(item))
        case ast.BinOp(left=one, op=ast.BitOr(), right=ast.Constant(value=None)):
            found = _kind(one)
            return Kind(found.name, found.item, optional=True)
        case ast.Constant(value=str(text)):
            return _kind(ast.parse(text, mode="eval").body)
    raise TypeError


def declared(code: str) -> list[Parameter]:
    """Return the parameters that the code of a parameters cell declares: ``name: type = value  # help``, or no type.

    Raises
    ------
    UsageError
        Where it is no Python, or for a parameter whose type or value is not one of ours.
    """
    code = re.sub(r"^[ \t]*[%!].*$", "", code, flags=re.MULTILINE)  # IPython's commands
    try:
        statements, comments = ast.parse(code).body, dict(_comments(code))
    except (*MISFITS, tokenize.TokenError) as fault:
        raise UsageError(f"the cell of parameters is no Python: {brief(str(fault))}") from None
    found = []
    for statement in statements:
        annotation: ast.expr | None = None
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case _:
                continue
        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        told = next((comments[line] for line in reversed(lines) if line in comments), "")
        found.append(_parameter(name, annotation, value, told))
    return found


def _comments(code: str) -> Iterator[tuple[int, str]]:
    """Return the comment of each line that has one; a second comment in it is not for readers."""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#").strip().partition("  # ")[0].rstrip()


def _parameter(name: str, annotation: ast.expr | None, value: ast.expr, told: str) -> Parameter:
    """Return one declared parameter; its default must be written out, and be of its type."""
    try:
        default = ast.literal_eval(value)
    except MISFITS:
        raise UsageError(
            f"parameter {name} is {brief(ast.unparse(value))}; expected a value written out, such as 6 or 'six'"
        ) from None
    said = "" if annotation is None else ast.unparse(annotation)
    try:
        kind = Kind(_name_of(default), _ANY) if annotation is None else _kind(annotation)
    except MISFITS:
        raise UsageError(f"parameter {name} is of type {brief(said or default)}; expected one of: {TYPES}") from None
    try:
        kind.plain(default)
    except MISFITS:
        raise UsageError(f"parameter {name} takes {kind}; its default is {brief(default)}") from None
    return Parameter(name, said or kind.name, default, told)
