"""What a report says, in words and numbers; how it looks is the business of `report` and `report_html`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

import ecgnb
from ecgnb.classifier.result import NO_RHYTHM, UNSURE, ClassifiedRecording
from ecgnb.datasets.own.recording import Recording
from ecgnb.errors import plain_text
from ecgnb.files import read_bytes
from ecgnb.plotting.ecg_paper import clock

DISCLAIMER = "For learning and research, not for diagnosis."

NAMES = {
    "N": "normal, or a bundle branch block", "S": "supraventricular premature", "V": "ventricular premature",
    "F": "fusion of normal and ventricular", "Q": "paced, or not classifiable", UNSURE: "not classified",
}  # fmt: skip

NO_CARD = "This model has no card: nobody says what it learned from, nor how often it is wrong on hearts it never met."

FIRST = ("V", "S", "F", "Q")  # whose beats tell most

STRIP_SECONDS, MOST_STRIPS, MOST_CLASSES, MOST_NOTES = 7.0, 6, 8, 4


@dataclass(frozen=True)
class Telling:
    """A beat worth showing: its row, where its strip starts in s, and what is to be said of it."""

    beat: int
    start: float
    caption: str


@dataclass(frozen=True)
class Words:
    """What a report says.

    Parameters
    ----------
    title : str
        The recording's name.
    read : list of str
        How the file was read: file, lead, rate and where it came from; then what is doubtful.
    tiles : list of (str, str)
        The numbers that a reader wants first, and what they are.
    counts : list of (str, str, int, float)
        Label, its name, beats, share.
    could_be : list of str
        Prediction sets in words.
    doubts : list of str
        What not to believe of this recording.
    limits : list of str
        What not to believe of this model.
    versions : str
    telling : list of Telling
    """

    title: str
    read: list[str]
    tiles: list[tuple[str, str]]
    counts: list[tuple[str, str, int, float]]
    could_be: list[str]
    doubts: list[str]
    limits: list[str]
    versions: str
    telling: list[Telling]


def words_of(recording: Recording, found: ClassifiedRecording, model: str | Path, model_name: str = "") -> Words:
    """Return what a report says of a recording.

    Parameters
    ----------
    recording, found
    model : str or path
        Name of pretrained weights, or a model's file.
    model_name : str
        What the model is called, where its file has another name.

    Raises
    ------
    ModelError
        Where the model's file is gone.
    """
    name, sha256, card = model_facts(model, model_name)
    return Words(
        title=plain_text(recording.name) or "recording",
        read=[plain_text(recording.read, 300), *(plain_text(note, 300) for note in recording.notes[:MOST_NOTES])],
        tiles=_tiles(found),
        counts=_counts(found),
        could_be=_could_be(found.beats, card),
        doubts=found.warnings() or ["Nothing of this recording was found to be wrong."],
        limits=limits_of(card),
        versions=f"ecgnb {ecgnb.__version__}  ·  model {name}  ·  SHA-256 of its weights {sha256}",
        telling=telling_beats(recording, found),
    )


def model_facts(model: str | Path, model_name: str = "") -> tuple[str, str, str]:
    """Return a model's name, the SHA-256 of its weights, and its card, empty where it has none."""
    folder = files("ecgnb").joinpath("models", "weights")
    weights, card = folder.joinpath(f"{model}.pth"), folder.joinpath(f"{model}.md")
    if re.fullmatch(r"\w+", str(model)) and weights.is_file():
        text = card.read_text(encoding="utf-8") if card.is_file() else ""
        return str(model), hashlib.sha256(weights.read_bytes()).hexdigest(), text
    path = Path(model).expanduser()
    content = read_bytes(path, "a model's file")
    return plain_text(model_name or path.name, 100), hashlib.sha256(content).hexdigest(), ""


def limits_of(card: str) -> list[str]:
    """Return what a model card says under "What to believe" and "Limits", without Markdown."""
    found = []
    for title in ("What to believe", "Limits"):
        if match := re.search(rf"\*\*{title}\.\*\*(.*?)(?:\n\n|\Z)", card, re.DOTALL):
            found.append(" ".join(re.sub(r"[*`]", "", match[1]).split()).removeprefix(f"{DISCLAIMER} "))
    return found or [NO_CARD]


def _tiles(found: ClassifiedRecording) -> list[tuple[str, str]]:
    summary = found.summary()
    tiles = [(_long(summary["seconds"]), "length"), (f"{summary['beats']:,}", "beats")]
    if summary["heart_rate_bpm"] is not None:
        low, high = (f"{summary[f'{which}_heart_rate_bpm']:.0f}" for which in ("lowest", "highest"))
        tiles.append((f"{summary['heart_rate_bpm']:.0f}", f"beats a minute; {low} to {high} over ten beats"))
    if summary["not_classified"] is not None:
        tiles.append((f"{summary['not_classified']:.1%}", "of the beats not classified"))
    tiles.append((f"{summary['irregular']:.0%}", "of the time irregular"))
    return tiles


def _long(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


def _counts(found: ClassifiedRecording) -> list[tuple[str, str, int, float]]:
    counts = found.counts()
    if len(counts) > MOST_CLASSES:  # of a model of somebody's own
        kept = counts.sort_values(ascending=False, kind="stable").index[: MOST_CLASSES - 1]
        counts = counts[[label for label in counts.index if label in kept or label == UNSURE]]
    n = max(1, len(found.beats))
    return [(str(label), NAMES.get(str(label), ""), int(k), int(k) / n) for label, k in counts.items()]


def _could_be(beats: pd.DataFrame, card: str) -> list[str]:
    """Return the prediction sets of a recording in words."""
    if "could_be" not in beats:
        return ["This model makes no prediction sets: nobody has measured its errors on patients it never met."]
    sets = beats.loc[beats["could_be"] != "", "could_be"].value_counts()
    sets = sets.iloc[np.lexsort((sets.index.to_numpy(dtype=np.str_), -sets.to_numpy()))]  # ties by name
    if sets.empty:
        return ["No beat has a prediction set: none was read."]
    n, alone = int(sets.sum()), [" " not in name and name != "-" for name in sets.index]
    said = [f"{int(sets[alone].sum()) / n:.1%} of the beats read could be of one class only."]
    several = sets[[not one for one in alone]]
    for name, k in several.iloc[:3].items():
        what = "fit no class: unlike what it learned" if name == "-" else f"could be {_either(str(name).split())}"
        said.append(f"{k:,} {what}.")
    if len(several) > 3:
        said.append(f"{int(several.iloc[3:].sum()):,} have other sets.")
    if match := re.search(r"hold\s+the true class for ([\d.]+%)", card):
        said.append(f"On new hearts {match[1]} of the sets held the truth.")
    return said


def _either(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def telling_beats(recording: Recording, found: ClassifiedRecording) -> list[Telling]:
    """Return the beats that tell most, in this order: the surest of each rarer class, the first unsure, the surest N.

    Of beats that are as sure as each other the first is shown, if it can be one with a whole strip around it.
    """
    beats, chosen = found.beats, []
    labels = [*FIRST, *(name for name in found.classes if name not in (*FIRST, "N"))]
    for label in labels:
        if (row := _surest(recording, found, label)) is not None:
            chosen.append((row, _surest_of(beats, label)))
    read = beats[(beats["label"] == UNSURE) & beats["confidence"].notna()]
    for rows, what in (
        (read[read["why"] != NO_RHYTHM], "less sure than asked for"),
        (read[read["why"] == NO_RHYTHM], NO_RHYTHM),
    ):
        if len(rows):
            chosen.append((rows.index[0], f"the first of {len(rows):,} not classified: {what}"))
    if (row := _surest(recording, found, "N")) is not None:
        chosen.append((row, _surest_of(beats, "N")))
    return [_telling(found, int(row), what) for row, what in chosen[:MOST_STRIPS]] or [
        Telling(-1, 0.0, "the first seconds; no beat was found or read")
    ]


def _surest_of(beats: pd.DataFrame, label: str) -> str:
    n = int((beats["label"] == label).sum())
    return f"the only {label}" if n == 1 else f"the surest {label} of {n:,}"


def _start_of(time: float, length: float) -> float:
    """Return where the strip around a beat starts: at a full second, as the paper's lines do, or to end with it all."""
    return float(np.clip(np.round(time - STRIP_SECONDS / 2), 0, max(0.0, length - STRIP_SECONDS)))


def _surest(recording: Recording, found: ClassifiedRecording, label: str) -> int | None:
    of_class = found.beats[found.beats["label"] == label]
    if of_class.empty:
        return None
    surest = of_class.sort_values("confidence", ascending=False, kind="stable").iloc[:20]
    for row, time in surest["time_s"].items():
        start = _start_of(float(time), found.seconds)
        part = recording.signal[int(start * found.fs) : int((start + STRIP_SECONDS) * found.fs)]
        if np.isfinite(part).all() and start < time < start + STRIP_SECONDS:
            return int(str(row))
    return int(surest.index[0])


def _telling(found: ClassifiedRecording, row: int, what: str) -> Telling:
    beat = found.beats.loc[row].to_dict()
    sure = "over 99.9% sure" if beat["confidence"] > 0.999 else f"{beat['confidence']:.1%} sure"
    likeliest = "" if beat["label"] == beat["likeliest"] else f"likeliest {beat['likeliest']}, "
    caption = f"{clock(beat['time_s'])}, {what}; {likeliest}{sure}"
    if beat.get("could_be", ""):
        caption += "; fits no class" if beat["could_be"] == "-" else f"; could be {_either(beat['could_be'].split())}"
    return Telling(row, _start_of(float(beat["time_s"]), found.seconds), caption)
