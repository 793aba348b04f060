"""The quiz of a lesson as slides: the question, what may be chosen, and in the notes what is right."""

from __future__ import annotations

import re

from ecgnb.course.lecture.outline import Fold, Prose, Said, Section
from ecgnb.course.lecture.slide import Slide

NUMBERED = re.compile(r"^(?:\*\*)?(\d+)\.(?:\*\*)?\s*")


def quiz_slides(section: Section) -> list[Slide]:
    """Return a slide for each numbered question.

    One fold below a question is its answer; several are what may be chosen, each with what is said of it.
    """
    found: list[Slide] = []
    for item in section.items:
        if isinstance(item, Prose | Said) and (number := NUMBERED.match(item.text)):
            bold = item.text.startswith("**") and not item.text.startswith(f"**{number[1]}.**")
            text = item.text[number.end() :]
            question = text.replace("**", "", 1) if bold else text
            found.append(Slide("quiz", f"Question {number[1]}", body=question.strip()))
        elif isinstance(item, Fold) and found:
            found[-1].notes.append(f"**{item.summary}** {item.text}")
        elif isinstance(item, Prose | Said) and found:
            found[-1].body += f"\n\n{item.text}"
    for slide in found:
        if len(slide.notes) > 1:
            chosen = [note.split("**")[1] for note in slide.notes]
            slide.body += "\n\n" + "\n".join(f"- {one}" for one in chosen)
    return found
