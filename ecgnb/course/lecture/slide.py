"""One slide."""

from __future__ import annotations

from dataclasses import dataclass, field

from ecgnb.course.lecture.outline import Figure, Table
from ecgnb.course.lecture.words import n_words, questions, sentences, shortened

MOST_WORDS, HEADLINE, CAPTION = 40, 16, 32  # words at most

TALL = 1.8  # width over height, below which a figure leaves room beside it


@dataclass
class Slide:
    """What is shown at once, in Markdown, and what is said.

    Attributes
    ----------
    kind : str
        "title", "text", "list", "opening", "guess", "figure", "table", "formula", "said" or "quiz".
    heading, body, caption : str
    figure, table, formula : optional
    notes : list of str
        Paragraphs for the speaker.
    chapter : str
        The heading of the lesson that it stands under.
    spare : str
        A caption for a figure or table that the lesson says nothing about afterwards.
    has_sentence : bool
        Whether the caption was computed by the lesson.
    kept : bool
        Whether it stays however many there are.
    """

    kind: str
    heading: str
    body: str = ""
    caption: str = ""
    figure: Figure | None = None
    table: Table | None = None
    formula: str = ""
    notes: list[str] = field(default_factory=list)
    chapter: str = ""
    spare: str = ""
    has_sentence: bool = False
    kept: bool = False

    @property
    def is_visual(self) -> bool:
        """Whether a figure or a table is on it."""
        return self.figure is not None or self.table is not None

    @property
    def is_tall(self) -> bool:
        """Whether its caption stands beside the figure, which then has more of the height."""
        return self.kind == "figure" and self.figure is not None and self.figure.ratio < TALL

    def say(self, text: str) -> None:
        """Caption a figure or table with the beginning of a text, shorter below a long headline."""
        self.caption = shortened(text, CAPTION - max(0, n_words(self.heading) - HEADLINE // 2))

    def take_over(self, opening: Slide) -> None:
        """Stand for the slide that opened the section, too: ask what it asked, and say what was said to it."""
        asked = [one for one in questions(opening.body) if n_words(one) <= HEADLINE]
        self.heading = asked[0] if asked else self.heading
        self.notes = opening.notes + self.notes
        if not self.caption:
            self.say(" ".join(one for one in sentences(opening.body) if one != self.heading))

    def finish(self) -> None:
        """Caption what has no caption yet; begin the notes with what to ask, and leave out what leads to code."""
        told = [_told(note, after) for note, after in zip(self.notes, [*self.notes[1:], ""], strict=False)]
        self.notes = [note for note in told if note]
        asked = [one for note in self.notes if not note.startswith("**Answer") for one in questions(note)]
        if not self.is_visual:
            return
        if not self.caption:
            self.say(self.spare or (" ".join(sentences(self.figure.alt)[:1]) if self.figure is not None else ""))
        self.notes.insert(0, f"**Ask.** {' '.join(asked[:2]) or 'What do you see?'}")
        if self.figure is not None and self.figure.alt:
            self.notes.append(f"**The figure.** {self.figure.alt}")


def _told(note: str, after: str) -> str:
    """Return a note without a last sentence that ends in a colon, where no list follows."""
    if not note.rstrip().endswith(":") or after.startswith("- ") or "\n- " in note:
        return note
    return " ".join(sentences(note)[:-1])
