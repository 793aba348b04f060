"""Where the app's signals come from: files that somebody uploads, samples that need no file."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import wfdb

from ecgnb.app.limits import MAX_UPLOAD
from ecgnb.app.minute import Marks, marks_of, read_minute
from ecgnb.app.plain import one_line
from ecgnb.classifier.base import Classifier
from ecgnb.classifier.load import load_classifier
from ecgnb.datasets import synthetic
from ecgnb.datasets.heartbeat_csv import BeatTable, read_beats
from ecgnb.datasets.mitbih import DS2
from ecgnb.datasets.own.opened import lead_names
from ecgnb.datasets.own.recording import Recording, TwelveLeads, read_one_lead, read_recording
from ecgnb.datasets.wfdb import AAMI, CLASS_NAMES, read_record
from ecgnb.datasets.windows import cut_beats
from ecgnb.detection.gate import looks_like_ecg
from ecgnb.errors import DataError, EcgnbError, ModelError
from ecgnb.paths import data_dir

MINUTE = "minute"  # the sample that a visitor meets first

SYNTHETIC = {"heart": ("sample", ()), "pacemaker": ("paced", ("paced",))}

# What the annotations of DS2 hold, for those who look for something.
ABOUT = {
    MINUTE: "One minute of record 213: normal, early and fusion beats",
    "heart": "A synthetic heart with early beats",
    "pacemaker": "A synthetic heart with a pacemaker",
    "100": "a normal rhythm, some early beats from above",
    "103": "a normal rhythm",
    "105": "a normal rhythm and much noise",
    "111": "left bundle branch block",
    "113": "a normal rhythm, uneven",
    "117": "a normal rhythm, hardly an early beat",
    "121": "a normal rhythm, the line wanders",
    "123": "a slow normal rhythm",
    "200": "hundreds of ventricular beats, every other one",
    "202": "atrial fibrillation and flutter",
    "210": "atrial fibrillation, ventricular beats",
    "212": "right bundle branch block",
    "213": "ventricular and many fusion beats",
    "214": "left bundle branch block, ventricular beats",
    "219": "atrial fibrillation, pauses",
    "221": "atrial fibrillation, hundreds of ventricular beats",
    "222": "early beats from above, flutter and fibrillation",
    "228": "hundreds of ventricular beats, noise",
    "231": "right bundle branch block, dropped beats",
    "232": "mostly early beats from above, long pauses",
    "233": "hundreds of ventricular beats of several forms",
    "234": "a normal rhythm, a run of fast beats from above",
}

SYNTHETIC_BEATS = 12

RECORDING = ("csv", "txt", "tsv", "npy", "edf", "bdf", "zip", "hea", "dat", "mat", "atr")
BEATS = ("csv", "txt", "tsv")
MODEL = ("pth",)

MARKS = "atr"  # somebody's marks of beats, beside a WFDB record

_COPY = re.compile(r"\s*(\(\d+\)|[ _-]+copy(\s*\d+)?)$", re.IGNORECASE)  # what a second download is called


class Upload(Protocol):
    """A file from a browser."""

    name: str
    size: int

    def getbuffer(self) -> memoryview:
        """Return its bytes."""
        ...


def ending(upload: Upload) -> str:
    """Return the ending of a file's name in small letters, without its dot."""
    return Path(_name(upload)).suffix.lower().removeprefix(".")


def check_endings(uploads: Sequence[Upload], wanted: Sequence[str]) -> None:
    """Refuse a file of another kind by its name."""
    for upload in uploads:
        if ending(upload) not in wanted:
            raise DataError(f"{_name(upload)} is no file that is read here; expected .{', .'.join(wanted)}")


@contextmanager
def stored(uploads: Sequence[Upload], stem: str | None = None) -> Iterator[list[Path]]:
    """Write uploads into a folder that is gone afterwards; no name leads out of it, no error tells where it was.

    With `stem` the files bear that name, each with its own ending.
    """
    for upload in uploads:
        if upload.size > MAX_UPLOAD:
            most = f"expected at most {MAX_UPLOAD / 2**20:.0f} MB"
            raise DataError(f"{_name(upload)} has {upload.size / 2**20:,.0f} MB; {most}")
    with tempfile.TemporaryDirectory(prefix="ecgnb-") as name:
        folder = Path(name).resolve()
        paths = [folder / _file_name(upload, stem) for upload in uploads]
        for path, upload in zip(paths, uploads, strict=True):
            path.write_bytes(upload.getbuffer())
        try:
            yield paths
        except EcgnbError as fault:
            raise type(fault)(str(fault).replace(f"{folder}{os.sep}", "").replace(str(folder), "it")) from None


def _name(upload: Upload) -> str:
    """Return an upload's name without the folders that some browsers send."""
    return Path(upload.name.replace("\\", "/")).name or "the file"


def _file_name(upload: Upload, stem: str | None = None) -> str:
    """Return a name that any file system takes: no folder in it, no sign that means something, not too long."""
    path = Path(_name(upload))
    safe = re.sub(r"[^\w.+() -]", "_", path.stem if stem is None else stem).lstrip(". ")
    return f"{safe[:80] or 'upload'}{path.suffix.lower()}"


def uploaded_recording(uploads: Sequence[Upload], fs: float | None, lead: str | None) -> tuple[Recording, Marks | None]:
    """Read one lead out of one file, or out of the two of a WFDB record; and the marks beside those.

    Where neither names nor what columns do tell which is the ECG, the gate is asked.
    """
    with of_one_recording(uploads) as (path, marks):
        recording = read_one_lead(path, fs=fs, lead=lead, looks_like_ecg=looks_like_ecg)
        return with_marks(recording, *marks) if marks else (recording, None)


def uploaded_twelve(uploads: Sequence[Upload], fs: float | None, unit: str | None) -> TwelveLeads:
    """Read twelve leads out of one file, or out of the two of a WFDB record, whose marks are passed over."""
    with of_one_recording(uploads) as (path, _):
        return read_recording(path, fs=fs, lead="all", unit=unit)


@contextmanager
def of_one_recording(uploads: Sequence[Upload]) -> Iterator[tuple[Path, tuple[Path, str] | None]]:
    """Write the files of one recording into a folder that is gone afterwards; yield what to read, and marks if any."""
    check_endings(uploads, RECORDING)
    files = [upload for upload in uploads if ending(upload) != MARKS]
    marks = [upload for upload in uploads if ending(upload) == MARKS]
    if not files:
        raise DataError(f"{_name(uploads[0])} holds marks and no signal; expected the .hea and the .dat beside it, too")
    if len(files) == 1:
        with stored(files) as paths:
            yield paths[0], None
        return
    files.sort(key=lambda file: ending(file) != "hea")
    if [ending(file) for file in files] not in (["hea", "dat"], ["hea", "mat"]) or len(marks) > 1:
        raise DataError(
            f"{len(uploads)} files; expected one, or the .hea and the .dat of one WFDB record (and its .{MARKS}), "
            "or a .zip"
        )
    with stored([*files, *marks], wfdb_name(*files, *marks)) as paths:
        yield paths[0], (paths[2], _name(marks[0])) if marks else None


def with_marks(recording: Recording, path: Path, name: str) -> tuple[Recording, Marks | None]:
    """Return a recording and the beats that a file of WFDB annotations marks; what cannot be used is said in a note."""
    try:
        found = wfdb.rdann(str(path.with_suffix("")), MARKS)
        sample, symbol = np.asarray(found.sample, dtype=np.int64), np.asarray(found.symbol, dtype=np.str_)
    except Exception:  # wfdb raises whatever a damaged file happens to trip
        return _noted(recording, f"{name} cannot be read as WFDB annotations and is passed over"), None
    marks_beat = np.isin(symbol, list(AAMI)) & (sample >= 0) & (sample < len(recording.signal))
    sample, first = np.unique(sample[marks_beat], return_index=True)
    if not len(sample):
        return _noted(recording, f"{name} marks no beat of this signal and is passed over"), None
    label = np.array(CLASS_NAMES)[[AAMI[one] for one in symbol[marks_beat][first]]]
    return recording, Marks(sample, label, f"the marks in {name}", f".{MARKS}")


def _noted(recording: Recording, note: str) -> Recording:
    return replace(recording, notes=(*recording.notes, note))


def wfdb_name(header: Upload, *others: Upload) -> str:
    """Return the record's name that all files share, whatever a second download or an old disk made of it.

    ``100 (1).hea`` and ``100.dat`` are of one record, as are ``REC.HEA`` and ``REC.DAT`` whose header says ``rec.dat``.
    """
    whole = {Path(_name(upload)).stem for upload in (*others, header)}
    shared = {_COPY.sub("", stem).casefold() for stem in whole}
    if len(shared) > 1:
        stem = _COPY.sub("", Path(_name(header)).stem).casefold()
        other = next(one for one in others if _COPY.sub("", Path(_name(one)).stem).casefold() != stem)
        raise DataError(f"{_name(header)} and {_name(other)} are of two records; expected two files of one name")
    lines = [line for line in bytes(header.getbuffer()[:10_000]).splitlines() if not line.startswith(b"#")]
    words = lines[1].split() if len(lines) > 1 else []
    said = words[0].decode("utf-8", errors="replace") if words else ""
    said = re.sub(r"\.(dat|mat)$", "", said, flags=re.IGNORECASE)
    if said.casefold() in shared | {stem.casefold() for stem in whole}:
        return said
    return _COPY.sub("", Path(_name(header)).stem)


def uploaded_beats(upload: Upload, classifier: Classifier) -> BeatTable:
    """Read beats that somebody has cut."""
    check_endings([upload], BEATS)
    with stored([upload]) as paths:
        return read_beats(paths[0], classifier.n_samples)


def tells_classes(table: BeatTable) -> bool:
    """Say whether a file's last column can only mean the classes N, S, V, F, Q.

    Where it holds no number above 1, its 1 may be S, and may be "abnormal" as in ``ptbdb_abnormal.csv``.
    """
    return table.class_name is not None and set(table.class_name) not in ({"S"}, {"N", "S"})


def uploaded_classifier(upload: Upload) -> Classifier:
    """Read a model that a run saved; no code of it is run."""
    if ending(upload) not in MODEL:
        raise ModelError(f"{_name(upload)} is no model of this course; expected best_model.pth or the like, of a run")
    with stored([upload]) as paths:
        return load_classifier(paths[0])


def recorded_samples() -> dict[str, Path]:
    """Return records of DS2 that lie in the data folder, by name: the network did not learn from them."""
    folder = data_dir() / "mitdb"
    return {name: folder / name for name in DS2 if (folder / f"{name}.dat").is_file()}


def about(name: str) -> str:
    """Return what a visitor reads of a sample."""
    return f"Record {name}: {ABOUT[name]}" if name in DS2 else ABOUT[name]


def sample_recording(name: str) -> tuple[Recording, Marks | None]:
    """Return a sample, and what cardiologists call its beats: the minute, a synthetic one, or a record of DS2."""
    if name == MINUTE:
        return read_minute()
    if name in (recorded := recorded_samples()):
        path = recorded[name]
        has_marks = path.with_suffix(f".{MARKS}").is_file()
        return read_recording(path), marks_of(read_record(path.parent, path.name)) if has_marks else None
    record, paced = SYNTHETIC[name]
    with tempfile.TemporaryDirectory(prefix="ecgnb-") as folder:
        synthetic.write_mitdb(Path(folder), [record], paced=paced)
        return read_recording(Path(folder) / record), None


def leads_of(uploads: Sequence[Upload], fs: float | None) -> list[str]:
    """Return the leads or columns that the files have, in their order; "" has no name; none where nobody can tell."""
    header = next((upload for upload in uploads if ending(upload) == "hea"), None)
    if header is not None:
        return _leads_of_header(header)
    if len(uploads) != 1 or ending(uploads[0]) not in RECORDING:
        return []
    try:
        with stored(uploads) as paths:
            return [one_line(name) for name in lead_names(paths[0])]
    except DataError:  # which is told where it is read
        return []


def _leads_of_header(header: Upload) -> list[str]:
    lines = bytes(header.getbuffer()[:20_000]).decode("utf-8", errors="replace").splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    first = lines[0].split() if lines else []
    words = [line.split(maxsplit=8) for line in lines[1:]]
    if len(first) < 2 or first[1] != str(len(words)) or any(len(line) != 9 for line in words):
        return []
    return [one_line(line[8]) for line in words]


def sample_beats(classifier: Classifier) -> BeatTable:
    """Return some synthetic beats, cut as the classifier wants them, with their classes."""
    recipe = classifier.recipe
    if recipe is None:
        raise ModelError("this model does not say how its beats are cut, so there is no sample for it; upload your own")
    with tempfile.TemporaryDirectory(prefix="ecgnb-") as folder:
        synthetic.write_mitdb(Path(folder), ["sample"], paced=())
        beats = cut_beats(read_record(folder, "sample"), **(recipe.window | {"lead": "MLII"}))
    some = beats[np.arange(SYNTHETIC_BEATS)]
    return BeatTable(some.signal, some.class_name)
