"""What Sphinx does for the book besides: in each lesson, the first mention of a glossary's term is a link to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

LESSON = re.compile(r"^\d\d_")

# A term that says its forms itself, and how they read in a sentence.
FORMS = {"onset, offset": ("onset",)}
ONE = r"(?i:an?|the|one|each|every|this|another|its|your|first|second|other)"
SOME = r"(?i:the|all|both|its|your|these|two|three|six|eight|twelve|several|more|other|\d+)"
# Words that are also verbs, or mean something else elsewhere: where they are the term.
ONLY = {
    "lead": rf"(?:(?<!take )(?<!takes )\b{ONE} lead(?! to\b)|\b{SOME} leads(?! to\b)"
    r"|[Ll]ead(?= (?:I{1,3}|MLII|aV[RLF]|V\d)\b))",
    "gate": rf"\b{ONE} gate",
    "probe": rf"\b{ONE} probe",
}
# What may stand neither before nor after a term: there it is a plain word, or part of another name.
BEFORE = {
    "attention": ("pay ", "pays ", "paid ", "paying ", "draw ", "draws ", "your "),
    "risk": ("at ", "to ", "may ", "not ", "patient at "),
    "temperature": ("body ", "room "),
    "causal": ("non",),
}
AFTER = {
    "attention": (" to ",),
    "calibration": (" pulse", " mark", " signal"),
    "confidence": (" interval", " that ", " band"),
    "coverage": (" of the news",),
    "risk": (" of a ", " of death", " factor", " it"),
    "stacking": (" of ",),
}
NEVER = ("\0",)


class Glossary:
    """The terms of a glossary, and where a text mentions them."""

    def __init__(self, terms: Iterable[str]) -> None:
        self.forms = [
            (form, term) for term in terms for form in FORMS.get(term, (term,))
        ]
        self.forms.sort(key=lambda pair: -len(pair[0]))  # the longest wins
        ways = "|".join(
            f"(?P<n{n}>{ONLY.get(term) or as_written(form)})"
            for n, (form, term) in enumerate(self.forms)
        )
        # A hyphen makes another word: non-causal, lead-wise.
        self.pattern = re.compile(rf"(?<![\w-])(?:{ways})(?![\w-])")

    def mentions(self, text: str, bold: bool = False) -> Iterator[tuple[str, int, int]]:
        """Yield each term that a text mentions, and where the word begins and ends; of two that overlap the longer.

        Parameters
        ----------
        text : str
        bold : bool
            It stands in bold, as a term does where a lesson says what it means: then no article has to show it.
        """
        if bold:
            for form, term in self.forms:
                ways = re.escape(form) if term in ONLY else as_written(form)
                if re.fullmatch(ways, text):
                    yield term, 0, len(text)
                    return
        for found in self.pattern.finditer(text):
            form, term = self.forms[int(found.lastgroup[1:])]
            before, after = text[: found.start()].lower(), text[found.end() :].lower()
            if before.endswith(BEFORE.get(term, NEVER)):
                continue
            if after.startswith(AFTER.get(term, NEVER)):
                continue
            word = found.start() + found[0].lower().rindex(form.lower())
            yield term, word, found.end()


def as_written(form: str) -> str:
    """Return the ways to write a term: as it is, with a capital, in the plural."""
    first = form[0]
    either = (
        f"[{first.lower()}{first.upper()}]" if first.isalpha() else re.escape(first)
    )
    return f"{either}{re.escape(form[1:])}(?:e?s)?"


class GlossaryLinks(SphinxPostTransform):
    """In each lesson, make the first mention of a glossary term a link to it."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        """Link the terms of one page."""
        if not LESSON.match(self.env.docname):
            return
        places = {
            name: place
            for (kind, name), place in self.env.get_domain("std").objects.items()
            if kind == "term"
        }
        glossary, linked = Glossary(places), set()
        for node in list(self.document.findall(nodes.Text)):
            if not in_running_text(node):
                continue
            text, parts, end = str(node), [], 0
            bold = isinstance(node.parent, nodes.strong)
            for term, start, stop in glossary.mentions(text, bold):
                if term in linked:
                    continue
                linked.add(term)
                page, label = places[term]
                uri = self.app.builder.get_relative_uri(self.env.docname, page)
                link = nodes.reference(
                    "",
                    text[start:stop],
                    refuri=f"{uri}#{label}",
                    internal=True,
                    classes=["term"],
                )
                parts += [nodes.Text(text[end:start]), link]
                end = stop
            if parts:
                node.parent.replace(node, [*parts, nodes.Text(text[end:])])


NO_PROSE = (
    nodes.title,
    nodes.literal,
    nodes.literal_block,
    nodes.reference,
    nodes.math,
    nodes.table,
    nodes.raw,
)


def in_running_text(node: nodes.Node) -> bool:
    """Say whether a text is prose: no heading, code, link, formula, table, list of sections or of references.

    What a cell prints or draws is none either, but a text that it shows, with numbers of the run in it, is.
    """
    parent, in_paragraph = node.parent, False
    while parent is not None:
        if isinstance(parent, NO_PROSE):
            return False
        if isinstance(parent, nodes.paragraph | nodes.list_item):
            in_paragraph = True
            if parent.astext().startswith("Starts from:"):
                return False
        if isinstance(parent, nodes.section) and parent[0].astext() == "References":
            return False
        parent = parent.parent
    return in_paragraph


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_post_transform(GlossaryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
