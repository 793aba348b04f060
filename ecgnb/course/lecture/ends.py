"""How a deck begins and ends: the task, the goals; exercises, quiz, what was learned, what comes next."""

from __future__ import annotations

import re

from ecgnb.course.authoring.text import recorded_quiz
from ecgnb.course.lecture.outline import Figure, Outline
from ecgnb.course.lecture.quiz import quiz_slides
from ecgnb.course.lecture.slide import MOST_WORDS, Slide
from ecgnb.course.lecture.words import shortened


def opening_slides(outline: Outline) -> list[Slide]:
    """Return the title with its figure, what one will do, what one will learn."""
    title = outline.sections[0]
    figure = next((item for item in title.items if isinstance(item, Figure)), None)
    text = "\n\n".join(title.prose)
    about = [item[1:].strip() for item in text.splitlines() if item.startswith(">") and item[1:].strip()]
    will = after(text, "You will")
    learn = after(text, "You will learn")
    need = after(text, "You need")
    found = [
        Slide("title", title.title, figure=figure, notes=[" ".join(about)] if about else []),
        Slide("text", "You will", body=shortened(will, MOST_WORDS), notes=[f"You need {need}"] if need else []),
        Slide("list", "You will learn to", body=learn.removeprefix("to").strip()),
    ]
    return [slide for slide in found if slide.body or slide.figure or slide.kind == "title"]


def after(text: str, opening: str) -> str:
    """Return what follows a bold opening such as **You need**, up to the next one."""
    found = re.search(rf"\*\*{re.escape(opening)}\*\*(.+?)(?=\n\s*\n|\*\*You |\Z)", text, re.DOTALL)
    return found[1].strip() if found else ""


def ending_slides(outline: Outline) -> list[Slide]:
    """Return the exercises, the quiz, what was learned, and what comes next."""
    tasks = re.findall(
        r"^\*\*(\d\. .+?)\*\*(?: *\((.+?)\))?", "\n".join(outline.section("Exercises").prose), re.MULTILINE
    )
    listed = "\n".join(f"{title.rstrip('.')}{f' ({time})' if time else ''}" for title, time in tasks)
    learned = outline.section("What you learned").prose
    practice, following = (after(in_one(learned), name) for name in ("In practice.", "Next."))
    references = in_one(outline.section("References").prose)
    where = f"Blank cells and checks: `notebooks/exercises/{outline.lesson.notebook.name}`."
    found = [
        Slide("list", "Exercises", body=listed, notes=[where]),
        *quiz_slides(recorded_quiz(outline.lesson)),
        Slide("list", "What you learned", body=goals(learned), notes=["Goal by goal: what was the number?"]),
        Slide("text", "In practice", body=shortened(practice, MOST_WORDS), notes=[practice]),
        Slide("text", "Next", body=shortened(following, MOST_WORDS), notes=[references]),
    ]
    return [slide for slide in found if slide.body]


def goals(paragraphs: list[str]) -> str:
    """Return the list among some paragraphs."""
    return in_one([text for text in paragraphs if text.startswith("- ")])


def in_one(texts: list[str]) -> str:
    """Return paragraphs as one text."""
    return "\n\n".join(texts)
