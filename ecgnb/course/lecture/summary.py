"""One page of a lesson, to print: the task, the numbers of the recorded run, a figure, what to take away."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ecgnb.course.authoring.text import recorded
from ecgnb.course.lecture.deck import LEFT_OUT, deck
from ecgnb.course.lecture.ends import after, goals, in_one
from ecgnb.course.lecture.outline import Code, Figure, Formula, Item, Outline, Prose, Said
from ecgnb.course.lecture.pages import HERE, hero, templates
from ecgnb.course.lecture.words import n_words, sentences, shortened

INTERVAL = re.compile(r"\([-+]?\d[\d.]*%? to [-+]?\d[\d.]*%?\)")

# Whoever reads a sentence by itself must know what it is about.
LEANS = re.compile(
    r"(?:It|Its|They|That|This|These|Those|To|So|But|And|There|By|Of (?:these|them|its|their)|On the same|With the"
    r"|Mean minus|The (?:best|worst|widest|order|interval|rest) (?!of )"
    r"|(?:High|Low|Larg|Small)est\b|\d+ of the|- |\||\()"
    r"|.*\b(?:of the (?:two|three|four|five|six)|in the (?:high|low)est|this table|must score)\b"
)

# And a number alone says nothing: of which measure, or of what a share?
MEASURED = re.compile(
    r"F1|AU(?:ROC|PRC)|ECE|(?:accuracy|error|correlation|sensitivity|confidence|risk|coverage)\b|\d\** m?(?:s|V)\b"
    r"|%\)?\** of\b|^Of ",
    re.IGNORECASE,
)

OWN_NAME = re.compile(r"(?<!\*)\*[^*\s]+\*(?!\*)")  # slanted: what a lesson calls a thing that it made itself

BY_HAND = re.compile(r"\b(?:by hand|in the open|by the definition)[,:]", re.IGNORECASE)

MOST_NUMBERS, FEWEST_NUMBERS = 5, 4  # sentences

SHORTEST, LONGEST = 8, 36  # words of one

MOST_LINES, MOST_TERMS = 6, 5

STRIP, WIDE = 3, 2  # width over height


@dataclass(frozen=True)
class Summary:
    """What stands on the page, in Markdown unless it is a figure, a formula or code.

    Attributes
    ----------
    outline : Outline
    hero, figure : Figure, optional
        Of the title, and the one beside the result.
    will, learned, practice, following : str
    numbers : list of str
        Sentences of the recorded run.
    formula, code : str
        One of the two, or neither.
    terms : list of (str, str)
        Words of the glossary that the lesson explains, and their meaning.
    """

    outline: Outline
    hero: Figure | None
    figure: Figure | None
    will: str
    learned: str
    practice: str
    following: str
    numbers: list[str]
    formula: str
    code: str
    terms: list[tuple[str, str]]

    @property
    def is_beside(self) -> bool:
        """Whether its two figures stand side by side; what is wide takes the page's whole width."""
        if self.hero is None or self.figure is None:
            return False
        return self.hero.ratio < STRIP and min(self.hero.ratio, self.figure.ratio) < WIDE

    @property
    def caption(self) -> str:
        """What the second figure shows: who has only this page must know of which test it is."""
        return shortened(self.figure.alt, 28) if self.figure is not None else ""

    @property
    def has_formulas(self) -> bool:
        """Whether any formula stands on the page."""
        return bool(self.formula) or "$" in "".join([self.learned, *self.numbers])


def summarise(outline: Outline, glossary: Mapping[str, str]) -> Summary:
    """Return the page of a lesson.

    Parameters
    ----------
    outline : Outline
    glossary : mapping
        What `read_glossary` returned.
    """
    text = in_one(outline.sections[0].prose)
    learned = outline.section("What you learned").prose
    headline = recorded(outline.lesson).get("default", {}).get("metrics", {}).get("headline", "")
    formula, code = _core(outline)
    return Summary(
        outline,
        hero(outline),
        _key_figure(outline, headline),
        " ".join(after(text, "You will").split()),
        goals(learned),
        shortened(after(in_one(learned), "In practice."), 36),
        shortened(after(in_one(learned), "Next."), 36),
        _numbers(outline, headline),
        formula,
        code,
        _terms(outline, glossary),
    )


def write_summaries(summaries: Sequence[Summary], target: Path, mathjax: str, book: str) -> None:
    """Write a page for each lesson, and one that holds all of them.

    Parameters
    ----------
    summaries : sequence of Summary
    target : path
        Made where it is not there.
    mathjax, book : str
        The way from there to the script that sets formulas, and to the book's pages.
    """
    target.mkdir(parents=True, exist_ok=True)
    page = templates().get_template("summary.html")
    style = Markup(HERE.joinpath("summary.css").read_text(encoding="utf-8"))
    for name, shown in [(one.outline.lesson.number, [one]) for one in summaries] + [("index", list(summaries))]:
        has_formulas = any(one.has_formulas for one in shown)
        text = page.render(style=style, summaries=shown, mathjax=mathjax if has_formulas else "", book=book)
        (target / f"{name}.html").write_text(text, encoding="utf-8")


def read_glossary(path: Path) -> dict[str, str]:
    """Return the words of the book's glossary and the first sentence of what each means."""
    listed = path.read_text(encoding="utf-8").partition("```{glossary}\n")[2].partition("\n```")[0]
    found = {}
    for entry in re.split(r"\n\s*\n", listed.strip()):
        name, _, meaning = entry.partition("\n")
        if meaning.startswith(" "):
            found[name.strip()] = sentences(meaning)[0]
    return found


def _numbers(outline: Outline, headline: str) -> list[str]:
    """Return the run's headline, and of each other chapter a sentence that holds an interval, or else a number."""
    found, known = _told_alone(sentences(headline)), set(_values(headline))
    for least, pattern in ((MOST_NUMBERS, INTERVAL), (FEWEST_NUMBERS, re.compile(r"\d\.\d|\d%"))):
        for _, items in _chapters(outline):
            said = [one for item in items if isinstance(item, Said) for one in sentences(item.text)]
            fit = [one for one in said if pattern.search(one) and _stands_alone(one)]
            new = [one for one in fit if not known & set(_values(one)) and one not in found]
            if new and len(found) < least:
                found.append(new[0])
                known |= set(_values(new[0]))
    return found[:MOST_NUMBERS]


def _stands_alone(sentence: str) -> bool:
    """Say whether a sentence is short enough, and makes sense to who reads no other."""
    is_told = MEASURED.search(sentence) and not LEANS.match(sentence) and not OWN_NAME.search(sentence)
    return bool(is_told) and SHORTEST <= n_words(sentence) <= LONGEST


def _told_alone(parts: list[str]) -> list[str]:
    """Return sentences, each with those behind it that lean on it."""
    found: list[str] = []
    for one in parts:
        if found and LEANS.match(one):
            found[-1] += f" {one}"
        else:
            found.append(one)
    return found


def _values(text: str) -> list[str]:
    """Return the numbers of a text that are long enough to be known again."""
    return re.findall(r"\d+\.\d{2,}", text)


def _key_figure(outline: Outline, headline: str) -> Figure | None:
    """Return the first figure from where the lesson says the headline's numbers on, in that chapter."""
    known, title = set(_values(headline)), hero(outline)
    best: tuple[int, Figure | None] = (0, None)
    for _, items in _chapters(outline):
        places = [(len(known & set(_values(item.text))), n) for n, item in enumerate(items) if isinstance(item, Said)]
        said, place = max(places, default=(0, 0))
        others = [
            (n, item)
            for n, item in enumerate(items)
            if isinstance(item, Figure) and (title is None or item.source != title.source)
        ]
        figures = [item for n, item in others if n > place][:1] or [item for _, item in others][-1:]
        if said > best[0] and figures:
            best = said, figures[0]
    if best[1]:
        return best[1]
    return next((slide.figure for slide in reversed(deck(outline)) if slide.figure and slide.has_sentence), None)


def _core(outline: Outline) -> tuple[str, str]:
    """Return the lesson's first formula, else the few lines that compute by hand what the package does."""
    announced: list[str] = []
    lead = ""
    for _, items in _chapters(outline):
        for item in items:
            if isinstance(item, Formula):
                return item.tex, ""
            if isinstance(item, Prose):
                lead = item.text
            elif isinstance(item, Code) and 3 <= len(item.text.splitlines()) <= MOST_LINES and BY_HAND.search(lead):
                announced.append(item.text)
    named = [code for code in announced if "by_hand" in code]
    return "", (named or announced or [""])[0]


def _terms(outline: Outline, glossary: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the words of the glossary that stand in bold in the lesson, in its order."""
    bold = re.findall(r"\*\*([^*]+)\*\*", in_one([text for section in outline.sections for text in section.prose]))
    known = {name.lower(): name for name in glossary}
    found = []
    for word in bold:
        name = known.get(word.lower()) or known.get(word.lower().removesuffix("s"))
        if name and name not in found:
            found.append(name)
    return [(name, shortened(glossary[name], 22)) for name in found[:MOST_TERMS]]


def _chapters(outline: Outline) -> list[tuple[str, list[Item]]]:
    """Return the chapters with what stands in them, those aside that are work at a desk."""
    found: list[tuple[str, list[Item]]] = []
    for section in outline.sections[1:]:
        if section.level == 2 or not found:
            found.append((section.title, []))
        found[-1][1].extend(section.items)
    return [(title, items) for title, items in found if title not in LEFT_OUT]
