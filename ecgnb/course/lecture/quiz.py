"""The quiz of a lesson as slides: the question, what may be chosen, and in the notes what is right."""

from __future__ import annotations

import re

from ecgnb.course.lecture.outline import Fold, Prose, Said, Section
from ecgnb.course.lecture.slide import Slide

NUMBERED = re.compile(r"^(?:\*\*)?(\d+)\.(?:\*\*)?\s*")


def quiz_slides(section: Section) -> list[Slide]:
    """Return a slide for each numbered question.

    One fold below a question is its answer; several are what may be chosen, each with what is said of it. A fold that
    is itself numbered asks in its summary.
    """
    found: list[Slide] = []
    folds: list[list[Fold]] = []
    for item in section.items:
        text = item.summary if isinstance(item, Fold) else item.text if isinstance(item, Prose | Said) else ""
        if number := NUMBERED.match(text):
            found.append(Slide("quiz", f"Question {number[1]}", body=_question(text, number)))
            folds.append([])
            if isinstance(item, Fold):
                found[-1].notes.append(f"**Answer.** {item.text}")
        elif isinstance(item, Fold) and found:
            folds[-1].append(item)
        elif text and found:
            found[-1].body += f"\n\n{text}"
    for slide, below in zip(found, folds, strict=True):
        slide.notes += [f"**{fold.summary}** {fold.text}" for fold in sorted(below, key=_is_wrong)]
        if len(below) > 1:
            slide.body += "\n\n" + "\n".join(f"- {fold.summary}" for fold in below)
    return found


def _question(text: str, number: re.Match[str]) -> str:
    """Return a question without its number; where all of it is bold, without that."""
    rest = text[number.end() :].strip()
    return rest.replace("**", "", 1) if rest.count("**") % 2 else rest


def _is_wrong(fold: Fold) -> bool:
    """Say whether a choice is a wrong one: the right one is what a speaker looks for first."""
    return not fold.text.lstrip("*").startswith("Right")
