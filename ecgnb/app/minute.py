"""One minute of a real heart that comes with the app, with the cardiologists' labels.

`python -m ecgnb.app.minute MITDB_FOLDER` makes the file anew from the MIT-BIH Arrhythmia Database.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.mitbih import DS2
from ecgnb.datasets.own.recording import Recording
from ecgnb.datasets.wfdb import CLASS_NAMES, Record, read_record

SECONDS = 60

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


if __name__ == "__main__":
    write_minute(Path(sys.argv[1]), Path(__file__).with_name("sample") / "minute.npz")
