"""How much of two submissions is the same, whatever its variables are called."""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

from ecgnb.course.grading.parsing import own_names, parsed

WIDTH = 5  # tokens of a shingle

LEAST = 25  # shingles of a submission that are its own; with fewer, likeness says nothing

ALIKE = 0.6  # share of the shorter one that the other has, too

MOST_COMMON = 0.5  # of the class; what so many have is no one's own


def tokens(code: str) -> list[str]:
    """Return the tokens of code: its own names as one, the words of comments, neither spaces nor ends of lines."""
    own, found = own_names(parsed(code)), []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                found += re.findall(r"\w+", token.string)
            elif token.type == tokenize.NAME and token.string in own and not keyword.iskeyword(token.string):
                found.append("_")
            elif token.string.strip():
                found.append(token.string)
    except (tokenize.TokenError, SyntaxError, RecursionError):
        found = re.findall(r"\w+|[^\w\s]", code)
    return found


def same_code(one: str, other: str) -> bool:
    """Say whether two pieces of code are the same but for spaces, comments and the names of variables."""
    both = [re.sub(r"(?m)#[^\n]*$", "", code) for code in (one, other)]
    return tokens(both[0]) == tokens(both[1]) != []


def shingles(code: Sequence[str]) -> set[tuple[str, ...]]:
    """Return all runs of `WIDTH` tokens of pieces of code."""
    found = set()
    for piece in code:
        told = tokens(piece)
        found |= {tuple(told[start : start + WIDTH]) for start in range(len(told) - WIDTH + 1)}
    return found


def alike(submissions: Mapping[str, Sequence[str]], course: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return for each submission those that are like it, with the share of the shorter one that both have.

    What the course's own cells have is nobody's own, nor what more than half of a class of six or more has.

    Parameters
    ----------
    submissions : mapping of str to sequence of str
        Code by name.
    course : sequence of str
        The course's code: blanks and solutions.
    """
    theirs = shingles(course)
    own = {name: shingles(code) - theirs for name, code in submissions.items()}
    if len(own) >= 6:
        counts = Counter(shingle for found in own.values() for shingle in found)
        common = {shingle for shingle, n in counts.items() if n > MOST_COMMON * len(own)}
        own = {name: found - common for name, found in own.items()}
    long_enough = {name: found for name, found in own.items() if len(found) >= LEAST}
    result: dict[str, dict[str, float]] = {name: {} for name in submissions}
    for one, other in combinations(long_enough, 2):
        shorter = min(len(own[one]), len(own[other]))
        share = len(own[one] & own[other]) / shorter
        if share >= ALIKE:
            result[one][other] = result[other][one] = share
    return result
