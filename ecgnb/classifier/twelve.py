"""Ten seconds of twelve leads in, five superclasses out: each with a calibrated probability, and yes, no or neither."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecgnb.classifier.label_certainty import CANNOT_SAY, NO, YES, LabelCertainty
from ecgnb.classifier.load import OF_TWELVE_LEADS, WEIGHTS
from ecgnb.classifier.twelve_checks import MOST_LOST, check_twelve
from ecgnb.classifier.twelve_network import FS, TwelveScores, twelve_network
from ecgnb.datasets.own.twelve import TwelveLeads
from ecgnb.datasets.ptbxl import SUPERCLASS_NAMES, SUPERCLASSES
from ecgnb.datasets.twelve_leads import LEADS
from ecgnb.errors import DataError, UsageError, plain_text

SECONDS = 10.0  # that are read

NOT_FOR_DIAGNOSIS = (
    "Learned from 488 recordings (459 patients) of one source, PTB-XL. For learning and research, not for diagnosis."
)


@dataclass(frozen=True, eq=False)
class ClassifiedTwelveLeads:
    """What a network makes of ten seconds of twelve leads.

    Parameters
    ----------
    labels : DataFrame
        One row a superclass: superclass, name, probability (calibrated; NaN where there is any doubt), answer ("yes",
        "no" or "cannot say"), and right_yes and right_no: how often such answers were right, as "41 of 52", of
        recordings of patients that a network of its kind had not learned from.
    doubts : tuple of str
        Why nothing is to be believed; where there is any every answer is "cannot say".
    notes : tuple of str
        What was assumed, derived or left out.
    read : str
        What was read, in one line.
    name : str
    start : float
        s; where the ten seconds begin.
    """

    labels: pd.DataFrame
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    read: str
    name: str
    start: float = 0.0

    def in_words(self) -> list[tuple[str, str, str, str, str]]:
        """Return a row a superclass, to print: code, name, probability, answer, how often such answers were right."""
        rows = []
        for row in self.labels.to_dict("records"):
            right = row.get(f"right_{row['answer']}", "")
            probability = "" if np.isnan(row["probability"]) else f"{row['probability']:.2f}"
            rows.append((row["superclass"], row["name"], probability, row["answer"], right))
        return rows

    def to_csv(self, path: str | Path | None = None) -> str | None:
        """Write the table of superclasses, with a column that says what is doubtful; return it as text without path."""
        table = self.labels.assign(doubts="; ".join(self.doubts)).round({"probability": 4})
        return table.to_csv(path, index=False, lineterminator="\n")

    def to_json(self) -> str:
        """Return all of it as one object of JSON."""
        rows = self.labels.round({"probability": 4}).to_dict("records")
        rows = [row | {"probability": None if np.isnan(row["probability"]) else row["probability"]} for row in rows]
        about = {"recording": self.name, "read": self.read, "start_s": self.start}
        said = {"doubtful": bool(self.doubts), "doubts": self.doubts, "notes": self.notes, "labels": rows}
        return json.dumps(about | said | {"limits": NOT_FOR_DIAGNOSIS}, indent=2, ensure_ascii=False)


def classify_twelve(
    recording: TwelveLeads, *, start: float = 0.0, scores: TwelveScores | None = None
) -> ClassifiedTwelveLeads:
    """Say which of the five superclasses of PTB-XL ten seconds of twelve leads show: any number of them, or none.

    The leads are looked at first. What is no ECG of twelve leads is refused; where the wires of the arms look
    exchanged, leads do not look like an ECG or are lost for a while, or size or rate are beyond all that the network
    learned from, the answer is "cannot say" throughout, and the doubt is told.

    Parameters
    ----------
    recording : TwelveLeads
        As ``read_recording(path, lead="all")`` gives it.
    start : float
        s; ten seconds from there on are read.
    scores : callable, optional
        In place of the pretrained network, as `twelve_network.over_windows` makes it of one of your own; the
        calibration stays that of the pretrained one.

    Returns
    -------
    ClassifiedTwelveLeads

    Raises
    ------
    UsageError
        For what is no recording of twelve leads.
    DataError
        Where the recording is shorter than ten seconds or of less than 100 Hz, lacks more than a tenth of a lead, or
        has leads that are flat, the same, break Einthoven's law, or are larger or smaller than any heart makes them.
    NoEcgError
        Where fewer than half of its leads look like an ECG.
    """
    if not isinstance(recording, TwelveLeads) or np.shape(recording.signal)[:1] != (len(LEADS),):
        raise UsageError(
            f"a {type(recording).__name__} of shape {np.shape(getattr(recording, 'signal', ()))}; "
            "expected twelve leads, as read_recording(path, lead='all') gives them"
        )
    name = plain_text(recording.name, 80)
    signal = recording.ten_seconds(FS, start=start)
    if not np.isfinite(signal).all():
        raise DataError(f"{name} has values that are no numbers; expected mV")
    first = round(start * recording.fs)
    part = recording.signal[:, first : first + round(SECONDS * recording.fs)]
    known = np.isnan(part).sum(axis=1) <= MOST_LOST * recording.fs
    doubts = check_twelve(signal, known, FS, name)
    certainty, right = twelve_certainty()
    given = (scores or twelve_network())(signal[None])
    p = certainty.probabilities(given)
    answer = certainty.answers(p)[0]
    notes = recording.notes
    if recording.seconds > SECONDS + 0.5:
        notes = (*notes, f"{SECONDS:g} s from {start:g} s on were read, of {recording.seconds:.1f} s")
    if answer[0] == YES and (answer[1:] == YES).any():
        doubts = (*doubts, f"the network calls it a {SUPERCLASS_NAMES['NORM']} and yet says yes to what is none")
    table = pd.DataFrame({"superclass": certainty.labels, "probability": p[0]})
    table.insert(1, "name", [SUPERCLASS_NAMES[one] for one in certainty.labels])
    table["answer"] = answer
    if doubts:
        table["probability"], table["answer"] = np.nan, CANNOT_SAY
    for said in (YES, NO):
        table[f"right_{said}"] = [right[f"{label} {said}"] for label in certainty.labels]
    return ClassifiedTwelveLeads(table, doubts, notes, recording.read, name, start)


@cache
def twelve_certainty() -> tuple[LabelCertainty, dict[str, str]]:
    """Return what is known of the network's errors, and how often each answer, such as "MI yes", was right."""
    file = f"{OF_TWELVE_LEADS}.json"
    values: dict[str, Any] = json.loads(WEIGHTS.joinpath(file).read_text(encoding="utf-8"))
    certainty = LabelCertainty.from_values(values, file)
    assert certainty.labels == SUPERCLASSES
    return certainty, {name: values[name.replace(" ", "_right_")] for name in _answers()}


def _answers() -> list[str]:
    return [f"{label} {answer}" for label in SUPERCLASSES for answer in (YES, NO)]
