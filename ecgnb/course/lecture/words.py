"""Sentences and their length: what of a paragraph fits on a slide."""

from __future__ import annotations

import re

# After these a full stop ends no sentence.
ABBREVIATIONS = re.compile(r"\b(?:al|approx|cf|e\.g|i\.e|vs|Dr|Fig|No)\.$")

ASIDE = re.compile(r"\s*\([A-Z][^()]*(?:\([^()]*\)[^()]*)*[.?!]\)")  # whole sentences in brackets

END = re.compile(r"(?<=[.?!])[*_”\")]*(?=\s+[*_“\"($`]*[A-Z0-9$`])")


def sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph of Markdown, in one line each."""
    if len(parts := re.split(r"\n(?=- )", text.strip())) > 1:  # items of a list
        return [sentence for part in parts for sentence in sentences(part)]
    line = " ".join(text.split())
    found, start = [], 0
    for end in END.finditer(line):
        if not ABBREVIATIONS.search(line[start : end.start()]):
            found.append(line[start : end.end()].strip())
            start = end.end()
    rest = line[start:].strip()
    return [*found, rest] if rest else found


def questions(text: str) -> list[str]:
    """Return the sentences that ask."""
    return [sentence for sentence in sentences(text) if sentence.rstrip('*_”")').endswith("?")]


def n_words(text: str) -> int:
    """Return how many words a text has; a formula counts as one, a sign between words as none."""
    text = re.sub(r"\$[^$]+\$", "formula", re.sub(r"\]\([^)]*\)", "]", text))
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def shortened(text: str, most: int) -> str:
    """Return the first sentences of a paragraph, as many as have no more than `most` words.

    Sentences in brackets are left out, and so is, behind others, one that leads to what is not there. Where even the
    first sentence is longer, it ends, with an ellipsis, where a part of it does.
    """
    wanted = sentences(ASIDE.sub("", text))
    taken: list[str] = []
    for sentence in wanted:
        if n_words(" ".join([*taken, sentence])) > most:
            break
        taken.append(sentence)
    while len(taken) > 1 and taken[-1].endswith(":"):
        taken.pop()
    return re.sub(r":$", ".", " ".join(taken)) if taken or not wanted else _cut(wanted[0], most)


def _cut(sentence: str, most: int) -> str:
    """Return a sentence up to the last comma or the like that leaves it between half of `most` words and all."""
    ends = [found.start() for found in re.finditer(r"[,;:](?=\s)", sentence)]
    fitting = [end for end in ends if most / 2 <= n_words(sentence[:end]) <= most]
    text = sentence[: fitting[-1]] if fitting else " ".join(sentence.split()[:most])
    for sign in ("**", "`"):
        if text.count(sign) % 2:  # what was bold, or code, when it was cut
            text += sign
    return f"{text} …"
