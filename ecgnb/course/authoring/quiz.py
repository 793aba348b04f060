"""The quiz of a lesson: questions to choose an answer to, each choice a fold that says whether it is right, and why.

``notebooks/quizzes/NN.yaml`` is the source. Its numbers are looked up in the recorded default run, so that they follow
a new recording; what makes an answer right there stands beside it as ``holds``, and a test says so where it no longer
is. Folds of HTML need no JavaScript: they open in JupyterLab and in the book alike.
"""

from __future__ import annotations

import html
import operator
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ecgnb.course.authoring.numbers import evaluate, filled, values
from ecgnb.course.lessons import Lesson
from ecgnb.course.plain import brief, read_yaml
from ecgnb.errors import UsageError

WIDTH = 86  # columns, as the lessons' text around it

INTRODUCTION = (
    "Five questions, whose numbers are those of the recorded run (default size), not of yours. Choose an answer, then "
    "open it: each says whether it is right, and why. The wrong ones are worth opening, too."
)

ENTRY = re.compile(r"([-+*]|#+|\d+[.)])(\s|$)")

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Choice:
    """An answer to choose, whether it is right, and what its fold says."""

    text: str
    right: bool
    because: str


@dataclass(frozen=True)
class Question:
    """A question, its choices in order, and the comparisons of metrics that make the right one right."""

    ask: str
    choices: tuple[Choice, ...]
    holds: tuple[str, ...] = ()


def quiz_path(lesson: Lesson) -> Path:
    """Return where the questions of a lesson are kept."""
    return lesson.script.parent / "quizzes" / f"{lesson.number}.yaml"


def read_quiz(path: Path) -> list[Question]:
    """Return the questions of a file, as they are written: with placeholders.

    Raises
    ------
    UsageError
        Where a question lacks something, has more than one right choice, or a choice says nothing.
    """
    asked = read_yaml(path, "questions: [...]").get("questions")
    if not isinstance(asked, list):
        raise UsageError(f"{path} has no list of questions; expected 'questions:' and below it '- ask: ...'")
    return [_question(one, f"{path}, question {number}") for number, one in enumerate(asked, 1)]


def _question(found: Any, where: str) -> Question:
    if not isinstance(found, dict) or not {"ask", "choices"} <= set(found) <= {"ask", "choices", "holds"}:
        raise UsageError(f"{where} is {brief(found)}; expected 'ask', 'choices' and, where it needs them, 'holds'")
    choices, holds = found["choices"], found.get("holds", [])
    if not isinstance(choices, list) or not isinstance(holds, list):
        raise UsageError(f"{where}: 'choices' and 'holds' are lists; got {brief(choices)} and {brief(holds)}")
    made = tuple(_choice(one, where) for one in choices)
    if not 3 <= len(made) <= 4 or sum(choice.right for choice in made) != 1:
        n_right = sum(choice.right for choice in made)
        raise UsageError(f"{where} has {len(made)} choices, {n_right} of them right; expected three or four, one right")
    return Question(_words(found["ask"], where), made, tuple(_words(one, where) for one in holds))


def _choice(found: Any, where: str) -> Choice:
    for kind in ("right", "wrong"):
        if isinstance(found, dict) and set(found) == {kind, "because"}:
            return Choice(_words(found[kind], where), kind == "right", _words(found["because"], where))
    raise UsageError(f"{where}: a choice is {brief(found)}; expected 'right' or 'wrong', and 'because'")


def _words(found: Any, where: str) -> str:
    if not isinstance(found, str) or not found.strip():
        raise UsageError(f"{where}: got {brief(found)} where text was expected; quote it if it is text")
    return " ".join(found.split())


def broken(question: Question, metrics: dict[str, Any]) -> list[str]:
    """Return those of a question's comparisons, such as ``0 < gain.0``, that a run's metrics do not fulfil."""
    return [one for one in question.holds if not _true(one, metrics)]


def _true(comparison: str, metrics: dict[str, Any]) -> bool:
    parts = re.split(r" (<=|>=|==|<|>) ", comparison)
    if len(parts) < 3:
        raise UsageError(f"{brief(comparison)} compares nothing; expected two terms with < <= == >= or > in between")
    values = [evaluate(term, metrics) for term in parts[::2]]
    try:
        return all(
            COMPARISONS[sign](left, right)
            for left, sign, right in zip(values[:-1], parts[1::2], values[1:], strict=True)
        )
    except TypeError:
        raise UsageError(f"cannot compare {brief(values)} in {brief(comparison)}") from None


def faults(lesson: Lesson, run: dict[str, Any]) -> list[str]:
    """Return what makes an answer right in a lesson's quiz and does not hold in a run, with the question's number."""
    asked = enumerate(read_quiz(quiz_path(lesson)), 1)
    return [f"question {number}: {one}" for number, question in asked for one in broken(question, values(run))]


def with_numbers(questions: list[Question], metrics: dict[str, Any]) -> list[Question]:
    """Return questions with a run's numbers in place of their placeholders.

    Raises
    ------
    UsageError
        For a metric that the run has not, or a format that does not fit it.
    """

    def choice_of(one: Choice) -> Choice:
        return replace(one, text=filled(one.text, metrics), because=filled(one.because, metrics))

    return [
        replace(one, ask=filled(one.ask, metrics), choices=tuple(choice_of(choice) for choice in one.choices))
        for one in questions
    ]


def lettered(question: Question) -> list[tuple[str, Choice]]:
    """Return a question's choices, each with its letter."""
    return list(zip("ABCD", question.choices, strict=False))


def verdict(choice: Choice) -> str:
    """Return what a choice is, in Markdown."""
    return "**Right.**" if choice.right else "**No.**"


def quiz_lines(questions: list[Question]) -> list[str]:
    """Return a quiz, its numbers in place, as lines of Markdown, each choice a fold."""
    lines = textwrap.wrap(INTRODUCTION, WIDTH)
    for number, question in enumerate(questions, 1):
        lines += ["", *_wrapped(f"**{number}.** {_prose(question.ask)}"), ""]
        for letter, choice in lettered(question):
            kind = "right" if choice.right else "wrong"
            text = f"{letter}. {_summary(choice.text)}"
            lines += _wrapped(f'<details class="choice {kind}"><summary>{text}</summary>')
            lines += ["", *_wrapped(f"{verdict(choice)} {_prose(choice.because)}"), "</details>"]
    return lines


def _wrapped(text: str) -> list[str]:
    """Return text in lines, none of which begins like an entry of a list: such a one takes a word from above."""
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    for place in range(len(lines) - 1, 0, -1):
        if ENTRY.match(lines[place]):
            lines[place - 1], _, word = lines[place - 1].rpartition(" ")
            lines[place] = f"{word} {lines[place]}"
    return lines


def _prose(text: str) -> str:
    """Return text with nothing in it that Markdown would take for HTML or for a formula."""
    return html.escape(text, quote=False).replace("$", "&#36;")


def _summary(text: str) -> str:
    """Return a choice as HTML, with the quotes that the book has: within a summary nothing is Markdown."""
    made = re.sub(r"`([^`]*)`", r"<code>\1</code>", _prose(text))
    return re.sub(r'"([^"]*)"', r"&ldquo;\1&rdquo;", made).replace("'", "&rsquo;")
