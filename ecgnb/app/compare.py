"""What others call the beats that the network named: the cardiologists, or a second network."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.app.minute import Marks
from ecgnb.app.plain import plain
from ecgnb.classifier.result import UNSURE, ClassifiedRecording

TOLERANCE = 0.15  # s between a found and a marked R peak that are the same beat, after ANSI/AAMI EC57

MOST_PAIRS = 4  # that are told in words


@dataclass(frozen=True, eq=False)
class Others:
    """Other names for the beats of a recording.

    Parameters
    ----------
    who : str
        In words, such as "the cardiologists".
    row : str
        The same short, to stand before a row of letters.
    label : (n_beats,) object array
        Of each beat that the network named; "" where they mark none there.
    missed_s : (n_missed,) float array
        When they mark a beat that the network did not find.
    missed_label : (n_missed,) str array
    """

    who: str
    row: str
    label: NDArray[np.object_]
    missed_s: NDArray[np.float64]
    missed_label: NDArray[np.str_]

    def differs(self, beats: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which beats they name otherwise, (n_beats,)."""
        return np.asarray(beats["label"].to_numpy() != self.label)


def by_marks(found: ClassifiedRecording, marks: Marks) -> Others:
    """Lay the cardiologists' labels beside the beats that were found: each at most once, and none further off."""
    r, marked = found.beats["r_sample"].to_numpy(), marks.r_sample
    label = np.full(len(r), "", dtype=object)
    seen = np.zeros(len(marked), dtype=bool)
    if len(r) and len(marked):
        mark_of, beat_of = _nearest(marked, r), _nearest(r, marked)
        pairs = (beat_of[mark_of] == np.arange(len(r))) & (abs(marked[mark_of] - r) <= TOLERANCE * found.fs)
        label[pairs] = marks.label[mark_of[pairs]]
        seen[mark_of[pairs]] = True
    return Others(marks.who, marks.row, label, marked[~seen] / found.fs, marks.label[~seen])


def by_another(name: str, other: ClassifiedRecording) -> Others:
    """Return what another network calls the same beats."""
    nothing = np.zeros(0)
    return Others(name, "other", other.beats["label"].to_numpy(dtype=object), nothing, nothing.astype(str))


def _nearest(places: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of the places, in their order, lies nearest to each wanted one."""
    after = np.clip(np.searchsorted(places, wanted), 1, max(1, len(places) - 1))
    before_is_nearer = wanted - places[after - 1] <= np.abs(places[np.minimum(after, len(places) - 1)] - wanted)
    return np.minimum(np.where(before_is_nearer, after - 1, after), len(places) - 1)


def agreement(beats: pd.DataFrame, others: Others, name: str) -> str:
    """Return one line of Markdown: how many beats are called alike, and what is called otherwise.

    Parameters
    ----------
    beats : DataFrame
        As `ClassifiedRecording.beats`.
    others : Others
    name : str
        Of the network that named the beats.
    """
    label = beats["label"].to_numpy()
    n_theirs = int((others.label != "").sum()) + len(others.missed_s)
    differs = others.differs(beats) & (others.label != "")
    ours_open, theirs_open = differs & (label == UNSURE), differs & (others.label == UNSURE)
    both = differs & ~ours_open & ~theirs_open
    line = f"**{plain(name)} and {plain(others.who)} call {n_theirs - int(differs.sum()) - len(others.missed_s):,} of "
    line += f"{n_theirs:,} beats alike.**"
    pairs = Counter(zip(others.label[both].tolist(), label[both].tolist(), strict=True)).most_common()
    told = [f"{n:,} × {plain(theirs)} called {plain(ours)}" for (theirs, ours), n in pairs]
    extra = int((others.label == "").sum())
    parts = [f"otherwise: {', '.join(told[:MOST_PAIRS])}{', …' if told[MOST_PAIRS:] else ''}"] if told else []
    for n, what in (
        (int(ours_open.sum()), f"left open (?) by {plain(name)}"),
        (int(theirs_open.sum()), f"left open (?) by {plain(others.who)}"),
        (len(others.missed_s), "not found"),
        (extra, "found where they mark none"),
    ):
        parts += [f"{n:,} {what}"] if n else []
    text = "; ".join(parts)
    return f"{line} {text[:1].upper()}{text[1:]}{'.' if text else ''}"
