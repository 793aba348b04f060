"""The slides of one section, item by item."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ecgnb.course.lecture.outline import Code, Figure, Fold, Formula, Item, Prose, Said, Section, Table
from ecgnb.course.lecture.slide import CAPTION, HEADLINE, MOST_WORDS, Slide
from ecgnb.course.lecture.words import n_words, questions, sentences, shortened

LABEL = 24  # words at most that lead to a table


def section_slides(chapter: str, section: Section) -> list[Slide]:
    """Return the slides of a section that stands in a chapter, the section of level 2."""
    return _Walk(chapter, section).slides


@dataclass
class _Walk:
    """One walk through a section, item by item.

    Attributes
    ----------
    before : str
        The paragraph before, as far as it has not been shown.
    asked : str
        The guess that waits for its answer.
    is_near : bool
        Whether no code stands between that paragraph and what comes.
    is_label : bool
        Whether no other table has come since that paragraph.
    heard : list of str
        What goes to the notes of the slide that comes next, or, at the end, of the last one.
    """

    chapter: str
    section: Section
    slides: list[Slide] = field(default_factory=list)
    before: str = ""
    asked: str = ""
    is_near: bool = True
    is_label: bool = True
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for item in self.section.items:
            if item.tag == "skip-slide":
                continue
            if item.tag == "notes":
                self.heard.append(_note(item))
                continue
            self._take(item)
        if self.heard and self.slides:
            self.slides[-1].notes += self.heard

    def _take(self, item: Item) -> None:
        if isinstance(item, Code):
            self.is_near = False
        elif isinstance(item, Prose):
            self.is_near = self.is_label = True
            self._take_prose(item)
        elif isinstance(item, Fold):
            self._take_fold(item)
        elif isinstance(item, Said):
            self._take_sentence(item)
        elif isinstance(item, Formula):
            self._add(Slide("formula", self.section.title, formula=item.tex, body=self._lead(CAPTION)), item)
        elif isinstance(item, Figure):
            self._add(Slide("figure", self._headline(), figure=item, spare=self._spare()), item)
        elif isinstance(item, Table):
            if item.tag == "slide" or fits(item):
                self._add(Slide("table", self._headline(after_guess=False), table=item, spare=self._label()), item)
            self.is_label = False

    def _add(self, slide: Slide, item: Item) -> None:
        slide.chapter, slide.kept = self.chapter, item.tag == "slide"
        slide.notes = self.heard + slide.notes
        self.heard, self.before, self.asked = [], "", slide.body if slide.kind == "guess" else ""
        self.slides.append(slide)

    def _take_prose(self, item: Prose) -> None:
        text = item.text
        seen = re.match(r"\*What do you see\?\*\s*", text)
        last = self.slides[-1] if self.slides else None
        if seen and last and last.is_visual:
            last.say(last.caption or "What do you see?")
            last.notes += [*self.heard, f"**Answer.** {text[seen.end() :]}"]
            self.heard, self.before = [], ""
            return
        if not text.rstrip().endswith(":"):  # what leads to a table does not end the wait for an answer
            self.asked = ""
        is_first = not self.slides and not self.heard
        self.heard.append(text)
        if is_first and self.section.level == 2 and not text.startswith(("- ", ">", "|")):
            self._add(Slide("opening", self.section.title, body=shortened(text, MOST_WORDS)), item)
            self.before = _rest(text, self.slides[-1].body)
        else:
            self.before = text

    def _take_fold(self, item: Fold) -> None:
        last = self.slides[-1] if self.slides else None
        asked = questions(self.before) or questions(item.summary)
        if re.match(r"(guess|think)", item.summary, re.IGNORECASE):
            own = item.summary.partition(":")[2].strip()
            question = own[:1].upper() + own[1:] if own else " ".join(asked[-2:])
            if question:
                body = shortened(question, MOST_WORDS)
                choices = " · ".join(_terms(self.heard)) if re.match("which", question, re.IGNORECASE) else ""
                where = "" if self.section.title == self.chapter else f" · {self.section.title}"  # else it is not shown
                notes = [f"**Answer.** {item.text}"]
                self._add(Slide("guess", f"Guess first{where}", body=body, caption=choices, notes=notes), item)
                return
        elif last and last.is_visual:
            last.say(last.caption or " ".join(asked[-1:]))
        self.heard.append(f"**{item.summary}.** {item.text}")

    def _take_sentence(self, item: Said) -> None:
        last = self.slides[-1] if self.slides else None
        if item.text.startswith("|"):
            return
        if last and last.is_visual and not last.caption and item.tag != "slide":
            last.say(item.text)
            last.has_sentence = True
            last.notes += [*self.heard, item.text]
            self.heard, self.before = [], ""
        else:
            self._add(Slide("said", self._headline(), body=shortened(item.text, MOST_WORDS), notes=[item.text]), item)

    def _headline(self, after_guess: bool = True) -> str:
        """Return the question that was asked last, where it is short, else the section's title.

        A table may stand on the way to what was guessed: `after_guess` says whether a guess counts as asked here.
        """
        guessed = questions(self.asked) if after_guess else []
        asked = [one for one in [*guessed, *questions(self.before)] if n_words(one) <= HEADLINE]
        return asked[-1] if asked else self.section.title

    def _lead(self, most: int) -> str:
        """Return the sentence that leads to what comes now."""
        return self._last_sentence(most) if self.is_near else ""

    def _last_sentence(self, most: int) -> str:
        """Return the last sentence of the paragraph before, where it can stand alone and is short enough."""
        text = next(iter(sentences(self.before)[-1:]), "")
        is_aside = text.startswith("(") or text.count("(") < text.count(")")
        unfit = is_aside or text.startswith(("- ", ">")) or "\n- " in self.before or n_words(text) > most
        return "" if unfit else text

    def _label(self) -> str:
        """Return what leads to a table, as sentences; as a rule the code that makes it stands between."""
        lead = self._last_sentence(LABEL) if self.is_label else ""
        for earlier in reversed(sentences(self.before)[:-1] if lead else []):
            if "(" in earlier or n_words(f"{earlier} {lead}") > LABEL or questions(earlier):
                break
            lead = f"{earlier} {lead}"
        return f"{lead[:-1]}." if lead.endswith(":") else lead

    def _spare(self) -> str:
        lead = self._lead(CAPTION)
        return "" if lead.endswith(":") else lead


def _terms(paragraphs: list[str]) -> list[str]:
    """Return what the items of the last list begin with, in bold or slanted: what there is to choose from."""
    listed = next((text for text in reversed(paragraphs) if text.startswith("- ")), "")
    return re.findall(r"^- \*{1,2}([^*]+)\*{1,2}", listed, re.MULTILINE)


def _rest(text: str, shown: str) -> str:
    """Return the sentences of a paragraph that were not shown."""
    return " ".join(one for one in sentences(text) if one not in shown)


def _note(item: Item) -> str:
    if isinstance(item, Fold):
        return f"**{item.summary}.** {item.text}"
    return item.text if isinstance(item, Prose | Said) else ""


WIDEST, MOST_ROWS = 1160, 8  # pixels, and rows below the names, that leave room for a headline and a sentence
A_LETTER, A_GAP = 14, 32  # pixels


def fits(table: Table) -> bool:
    """Say whether a table can be read on a slide."""
    widths = [max(map(len, column)) for column in zip(*table.rows, strict=True)]
    return 1 < len(table.rows) - table.n_head <= MOST_ROWS and sum(widths) * A_LETTER + len(widths) * A_GAP <= WIDEST
