"""One minute of a real heart that comes with the app, with the cardiologists' labels and what the network made of it.

`python -m ecgnb.app.minute MITDB_FOLDER` makes both files anew from the MIT-BIH Arrhythmia Database. The network's
reading is kept because it is what a visitor sees first: to work it out needs imports that take a second.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.recording import classify_recording
from ecgnb.classifier.result import ClassifiedRecording
from ecgnb.datasets.mitbih import DS2
from ecgnb.datasets.own.recording import Recording
from ecgnb.datasets.wfdb import CLASS_NAMES, Record, read_record

SECONDS = 60

TABLES = ("beats", "faults", "quality")  # of what the network made of it

GAIN = 200  # steps of the recorder in a millivolt

SOURCE = (
    "One minute of record 213 of the MIT-BIH Arrhythmia Database (Moody and Mark 2001, doi:10.1109/51.932724; "
    "PhysioNet, doi:10.13026/C2F305), Open Data Commons Attribution License 1.0. The network never met this patient."
)


@dataclass(frozen=True, eq=False)
class Marks:
    """What cardiologists call the beats of a recording.

    Parameters
    ----------
    r_sample : (n,) int64 array
        Of each beat's R peak.
    label : (n,) str array
        Its class after AAMI: N, S, V, F or Q.
    who : str
        Who marked them, in words.
    row : str
        The same short, to stand before a row of letters.
    """

    r_sample: NDArray[np.int64]
    label: NDArray[np.str_]
    who: str = "the cardiologists"
    row: str = "experts"


def marks_of(record: Record) -> Marks:
    """Return the beats that a record's annotations mark."""
    return Marks(record.r_sample, np.array(CLASS_NAMES)[record.label])


def telling_minute(records: list[Record]) -> tuple[int, int]:
    """Choose a minute by its annotations alone: which record, which minute; nobody looked at a network's answer.

    The minute in which the rarest of N, S, V and F is most frequent; among equals the one with most beats that are not
    N.
    """
    best, chosen = (-1, -1), (0, 0)
    for place, record in enumerate(records):
        minute = record.r_sample // round(SECONDS * record.fs)
        for number in range(int(len(record.signal) / record.fs) // SECONDS):
            counts = np.bincount(record.label[minute == number], minlength=len(CLASS_NAMES))
            worth = int(counts[:4].min()), int(counts[1:].sum())
            if worth > best:
                best, chosen = worth, (place, number)
    return chosen


def write_minute(folder: Path, path: Path) -> None:
    """Write the telling minute of DS2: its first lead as the recorder's own steps, its beats' R peaks and classes.

    Parameters
    ----------
    folder : path
        Where the records of the MIT-BIH Arrhythmia Database lie.
    path : path
        The new file.
    """
    records = [read_record(folder, name) for name in DS2]
    place, number = telling_minute(records)
    record, size = records[place], round(SECONDS * records[place].fs)
    first = number * size
    marks = marks_of(record)
    inside = (marks.r_sample >= first) & (marks.r_sample < first + size)
    np.savez_compressed(
        path, steps=np.round(GAIN * record.signal[first : first + size, 0]).astype(np.int16), fs=record.fs, first=first,
        record=record.name, lead=record.leads[0], r_sample=(marks.r_sample[inside] - first).astype(np.int32),
        label=marks.label[inside],
    )  # fmt: skip


def read_minute() -> tuple[Recording, Marks]:
    """Return the minute, and what cardiologists call its beats."""
    with as_file(files("ecgnb.app").joinpath("sample", "minute.npz")) as path, np.load(path) as kept:
        signal = (kept["steps"] / np.float32(GAIN)).astype(np.float32)
        fs, name, lead = float(kept["fs"]), str(kept["record"]), str(kept["lead"])
        begins = int(kept["first"]) / fs / SECONDS
        marks = Marks(kept["r_sample"].astype(np.int64), kept["label"])
    read = f"{lead}, {fs:g} Hz, in mV, from {begins:.0f}:00 to {begins + 1:.0f}:00. {SOURCE}"
    return Recording(f"record {name}", signal, fs, lead, "mV", read), marks


def classified_minute() -> ClassifiedRecording:
    """Let the network that the app begins with read the minute."""
    recording, _ = read_minute()
    assert recording.fs is not None
    classifier = load_classifier(quick=True)
    return classify_recording(recording.signal, recording.fs, classifier=classifier, min_confidence=0.0)


def write_reading(path: Path) -> None:
    """Write what `classified_minute` returns; a table as its columns, each with its kind of number."""
    values = dict(vars(classified_minute()))
    for name in TABLES:
        values[name] = {column: [str(part.dtype), part.to_list()] for column, part in values[name].items()}
    path.write_text(json.dumps(values, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")


def read_reading() -> ClassifiedRecording:
    """Return what `classified_minute` does, without the network."""
    values = json.loads(files("ecgnb.app").joinpath("sample", "reading.json").read_text(encoding="utf-8"))
    for name in TABLES:
        columns = {column: pd.Series(part, dtype=kind) for column, (kind, part) in values[name].items()}
        values[name] = pd.DataFrame(columns)
    return ClassifiedRecording(**values)


if __name__ == "__main__":
    sample = Path(__file__).with_name("sample")
    write_minute(Path(sys.argv[1]), sample / "minute.npz")
    write_reading(sample / "reading.json")
