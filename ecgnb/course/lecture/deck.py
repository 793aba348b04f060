"""The slides of a lesson, by what its sections hold: a question, a guess, a figure, a table, what the run says.

Nothing here is written for slides. A section opens with its first sentences; a guess is asked before it is answered,
and the answer stands in the notes; a figure or a table has below it what the lesson says next, and in the notes the
paragraphs around it. A deck that would grow too long for a lecture loses what tells least.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter

from ecgnb.course.lecture.ends import ending_slides, opening_slides
from ecgnb.course.lecture.outline import Outline
from ecgnb.course.lecture.slide import Slide
from ecgnb.course.lecture.walk import section_slides
from ecgnb.course.lecture.words import sentences

MOST_SLIDES = 35  # three quarters of an hour

# Chapters that are work at a desk, or have slides of their own.
LEFT_OUT = {"Setup", "Exercises", "Quiz", "What you learned", "The record of this run"}

POINTS = re.compile(r"\b[Hh]ere (?:is|are|they are)\b")  # to what comes below it in the lesson


def deck(outline: Outline) -> list[Slide]:
    """Return a lesson's slides, in order."""
    first, last = opening_slides(outline), ending_slides(outline)
    body: list[Slide] = []
    chapter = ""
    for section in outline.sections[1:]:
        chapter = section.title if section.level == 2 else chapter
        if chapter not in LEFT_OUT:
            body += section_slides(chapter, section)
    body = _fitting(body, MOST_SLIDES - len(first) - len(last))
    for slide, following in itertools.zip_longest(body, body[1:]):
        if slide.kind == "opening" and not (following and following.is_visual and following.chapter == slide.chapter):
            slide.body = " ".join(one for one in sentences(slide.body) if not POINTS.search(one)) or slide.body
        slide.finish()
    return [*first, *body, *last]


def _fitting(slides: list[Slide], most: int) -> list[Slide]:
    """Leave out what tells least, first from the chapters that have most, until no more than `most` are left."""
    slides = list(slides)
    while len(slides) > most:
        of_chapter = Counter(slide.chapter for slide in slides)
        may_go = [n for n, slide in enumerate(slides) if not slide.kept]
        if not may_go:
            break
        worst = min(may_go, key=lambda n: (_worth(slides, n), -of_chapter[slides[n].chapter], -n))
        gone = slides.pop(worst)
        if _leads(gone, slides[worst] if worst < len(slides) else None):
            slides[worst].take_over(gone)
        elif worst and slides[worst - 1].chapter == gone.chapter:
            slides[worst - 1].notes += gone.notes
    return slides


def _leads(slide: Slide, following: Slide | None) -> bool:
    """Say whether a section's opening leads to a figure or table under the same heading, which can stand without it."""
    return (
        slide.kind == "opening"
        and following is not None
        and following.is_visual
        and following.chapter == slide.chapter == following.heading
    )


def _worth(slides: list[Slide], n: int) -> float:
    """Return how much a slide tells, in this place."""
    slide = slides[n]
    before, after = (slides[k] if 0 <= k < len(slides) else None for k in (n - 1, n + 1))
    if slide.kind == "opening":
        return 2 if _leads(slide, after) else 3
    if slide.kind == "guess":  # without what answers it, there is only the speaker's word
        return 5 if after is not None and after.is_visual and after.chapter == slide.chapter else 3.5
    if slide.kind == "table":
        is_answer = before is not None and before.kind == "guess" and before.chapter == slide.chapter
        is_alone = sum(other.is_visual and other.chapter == slide.chapter for other in slides) == 1
        return (4 if slide.has_sentence else 3.5 if is_answer or is_alone else 0) + is_answer
    return {"said": 1, "formula": 5, "figure": 6}[slide.kind]
