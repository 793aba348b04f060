"""The quiz of a lesson as slides: the question, what may be chosen, and in the notes what is right."""

from __future__ import annotations

from ecgnb.course.authoring.quiz import Choice, Question, lettered, verdict
from ecgnb.course.lecture.slide import Slide


def quiz_slides(questions: list[Question]) -> list[Slide]:
    """Return a slide for each question; in its notes the right choice comes first, as a speaker looks for that."""
    return [_slide(number, question) for number, question in enumerate(questions, 1)]


def _slide(number: int, question: Question) -> Slide:
    choices = lettered(question)
    listed = "\n".join(f"- {letter}. {choice.text}" for letter, choice in choices)
    notes = [_note(*one) for one in sorted(choices, key=lambda one: not one[1].right)]
    return Slide("quiz", f"Question {number}", body=f"{question.ask}\n\n{listed}", notes=notes)


def _note(letter: str, choice: Choice) -> str:
    return f"**{letter}. {choice.text}** {verdict(choice)} {choice.because}"
