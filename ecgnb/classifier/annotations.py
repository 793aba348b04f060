"""Labelled beats as a WFDB annotation file, for the viewers and programs that read those."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import wfdb

from ecgnb.classifier.result import UNSURE, ClassifiedRecording
from ecgnb.errors import UsageError
from ecgnb.files import written_whole

SYMBOLS = ("N", "S", "V", "F", "Q")  # AAMI's classes are beat symbols of WFDB, too


def write_annotations(found: ClassifiedRecording, path: str | Path) -> None:
    """Write one annotation a beat, at its R peak.

    N, S, V and F are symbols of WFDB's. A beat that is not classified is Q, unclassifiable, with the reason as a note;
    so is one of a class that WFDB has no symbol for, with the class as a note. Read it with
    ``wfdb.rdann("NAME", "atr")``, or lay it beside the record's header and open the record in LightWAVE.

    Parameters
    ----------
    found : ClassifiedRecording
    path : path
        NAME.atr: the name of the record, and an ending of letters that says who annotated.

    Raises
    ------
    UsageError
        Where the ending is none of an annotator, nothing can be written there, or there is no beat.
    """
    path = Path(path)
    annotator = path.suffix.removeprefix(".")
    if not (annotator.isascii() and annotator.isalpha()):
        raise UsageError(f"{path.name} is no annotation file; expected the record's name and letters, such as 100.atr")
    beats = found.beats
    if not len(beats):
        raise UsageError(f"{path.name} would be empty: no beat was found")
    label = beats["label"].to_numpy(dtype=str)
    known = np.isin(label, SYMBOLS)
    why = beats["why"].to_numpy(dtype=str)
    note = np.where(known, "", np.where(label == UNSURE, np.where(why == "", "not sure enough", why), label))
    with written_whole(path) as new:
        wfdb.wrann(
            "beats", annotator, beats["r_sample"].to_numpy(np.int64), np.where(known, label, "Q").tolist(),
            aux_note=[f"({text}"[:200] if text else "" for text in note], fs=found.fs, write_dir=str(new.parent),
        )  # fmt: skip
        (new.parent / f"beats.{annotator}").rename(new)
