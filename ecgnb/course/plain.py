"""YAML that somebody else wrote, read as nothing but plain values, in bounded time and memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from ecgnb.errors import UsageError

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # a PyYAML without libyaml: ten times slower
    from yaml import SafeLoader  # type: ignore[assignment]

MOST_CHARACTERS = 500_000  # of a file; a sweep of ten thousand runs has as many

LONGEST_NUMBER = 100  # characters

DEEPEST = 20  # lists and mappings in one another

NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")

PLAIN = (*NUMBERS, "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null")


class _Loader(SafeLoader):
    """Tells numbers, truth values and null from text; what looks like a date, or as anything else, is text."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        letter: [(tag, pattern) for tag, pattern in resolvers if tag in PLAIN]
        for letter, resolvers in SafeLoader.yaml_implicit_resolvers.items()
    }


def brief(value: object) -> str:
    """Return a value as an error shows it: on one line, and not longer than that."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits
        return f"a {type(value).__name__} that is too long to show"
    return text if len(text) <= 200 else f"{text[:150]}... ({len(text):,} characters)"


def read_yaml(path: Path, example: str = "epochs: 5") -> dict[str, Any]:
    """Return what a YAML file maps names to, such as parameters to values.

    Values are None, truth values, finite numbers, text, lists and mappings of these. YAML's tags, anchors and aliases
    are refused: with them a small file makes objects of any type or size.

    Raises
    ------
    UsageError
        Where the file is absent, too long, or no mapping of names to such values.
    """
    text = _text(path)
    try:
        _refuse_what_is_not_plain(text)
        content = _value(yaml.compose(text, Loader=_Loader))
    except yaml.YAMLError as fault:
        raise UsageError(f"{path} is not YAML: {' '.join(str(fault).split())[:500]}") from None
    except _NotPlainError as fault:
        raise UsageError(f"{path}: {fault}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds {type(content).__name__}; expected a mapping such as '{example}'")
    return content


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as stream:
            text = stream.read(MOST_CHARACTERS + 1)
    except OSError as fault:
        raise UsageError(f"cannot read {path}: {fault.strerror}") from None
    except UnicodeDecodeError as fault:
        raise UsageError(f"{path} is not YAML: {fault}") from None
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"{path} has more than {MOST_CHARACTERS:,} characters; expected a few lines of parameters")
    return text


class _NotPlainError(Exception):
    """What is wrong with the YAML, and where."""


def _refuse_what_is_not_plain(text: str) -> None:
    """Look at the file's events, which are small whatever it would make: nesting, anchors, aliases, tags."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = _line(event)
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:  # of an anchor (&name), or of an alias to one (*name)
            raise _NotPlainError(f"line {line} has an anchor or alias, {brief(anchor)}; write its value out")
        if tag is not None:
            raise _NotPlainError(
                f"line {line} has the tag {brief(tag)}; expected plain numbers, text, true or false, or lists"
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise _NotPlainError(f"line {line} nests lists or mappings more than {DEEPEST} deep")


def _line(place: yaml.Event | yaml.Node) -> int:
    return 1 if place.start_mark is None else place.start_mark.line + 1


def _value(node: yaml.Node | None) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    return None if node is None else _scalar(node)


def _mapping(node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = _line(key)
        if not isinstance(key, yaml.ScalarNode):
            raise _NotPlainError(f"line {line} has a list or a mapping for a name; expected text")
        if key.value in found:
            raise _NotPlainError(f"line {line} names {brief(key.value)} a second time; leave one of them out")
        found[key.value] = _value(value)
    return found


def _scalar(node: yaml.Node) -> Any:
    if node.tag not in PLAIN:
        return node.value
    line = _line(node)
    if node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:
        raise _NotPlainError(f"line {line} has a number of {len(node.value):,} characters")
    try:
        value = SafeConstructor().construct_object(node)
    except ValueError:  # such as 0x_
        raise _NotPlainError(
            f"line {line} has {brief(node.value)}, which is no number; quote it if it is text"
        ) from None
    if isinstance(value, float) and not math.isfinite(value):
        raise _NotPlainError(f"line {line} has {node.value}; expected a finite number")
    return value
