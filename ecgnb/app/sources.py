"""Where the app's signals come from: files that somebody uploads, samples that need no file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from ecgnb.classifier.base import Classifier
from ecgnb.classifier.load import load_classifier
from ecgnb.datasets import synthetic
from ecgnb.datasets.heartbeat_csv import BeatTable, read_beats
from ecgnb.datasets.mitbih import DS2
from ecgnb.datasets.own.limits import MAX_BYTES
from ecgnb.datasets.own.recording import Recording, read_recording
from ecgnb.datasets.wfdb import read_record
from ecgnb.datasets.windows import cut_beats
from ecgnb.errors import DataError, ModelError
from ecgnb.paths import data_dir

SYNTHETIC = {
    "Synthetic heart with early beats": ("sample", ()),
    "Synthetic heart with a pacemaker": ("paced", ("paced",)),
}

SYNTHETIC_BEATS = 12


class Upload(Protocol):
    """A file from a browser."""

    name: str
    size: int

    def getbuffer(self) -> memoryview:
        """Return its bytes."""
        ...


@contextmanager
def stored(uploads: Sequence[Upload]) -> Iterator[list[Path]]:
    """Write uploads into a folder that is gone afterwards; names keep nothing that could lead out of it."""
    with tempfile.TemporaryDirectory(prefix="ecgnb-") as folder:
        paths = []
        for upload in uploads:
            if upload.size > MAX_BYTES:
                raise DataError(
                    f"{upload.name} has {upload.size / 2**20:,.0f} MB; expected at most {MAX_BYTES / 2**20:.0f} MB"
                )
            name = re.sub(r"[^\w.+-]", "_", Path(upload.name.replace("\\", "/")).name).lstrip(".") or "upload"
            path = Path(folder) / name
            path.write_bytes(upload.getbuffer())
            paths.append(path)
        yield paths


def uploaded_recording(uploads: Sequence[Upload], fs: float | None, lead: str | None) -> Recording:
    """Read one recording out of one file, or out of the two of a WFDB record."""
    endings = sorted(Path(upload.name).suffix.lower() for upload in uploads)
    if len(uploads) > 1 and endings != [".dat", ".hea"]:
        raise DataError(f"{len(uploads)} files; expected one, or the .hea and the .dat of one WFDB record")
    with stored(uploads) as paths:
        return read_recording(sorted(paths)[-1], fs=fs, lead=lead)


def uploaded_beats(upload: Upload, classifier: Classifier) -> BeatTable:
    """Read beats that somebody has cut."""
    with stored([upload]) as paths:
        return read_beats(paths[0], classifier.n_samples)


def uploaded_classifier(upload: Upload) -> Classifier:
    """Read a model that a run saved; no code of it is run."""
    if not upload.name.endswith(".pth"):
        raise ModelError(f"{upload.name} is no model of this course; expected best_model.pth or the like, of a run")
    with stored([upload]) as paths:
        return load_classifier(paths[0])


def recorded_samples() -> dict[str, Path]:
    """Return records of DS2 that lie in the data folder, by name: the network did not learn from them."""
    folder = data_dir() / "mitdb"
    return {f"MIT-BIH record {name}": folder / name for name in DS2 if (folder / f"{name}.dat").is_file()}


def sample_recording(name: str) -> Recording:
    """Return a sample: a synthetic minute, or a record of DS2."""
    if name in (recorded := recorded_samples()):
        return read_recording(recorded[name])
    record, paced = SYNTHETIC[name]
    with tempfile.TemporaryDirectory(prefix="ecgnb-") as folder:
        synthetic.write_mitdb(Path(folder), [record], paced=paced)
        return read_recording(Path(folder) / record)


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
