"""Twelve leads that need no file: ten seconds of a real heart that come with the app, and a synthetic one.

`python -m ecgnb.app.twelve_sample` makes the file anew from PTB-XL.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd

from ecgnb.datasets import synthetic_twelve
from ecgnb.datasets.own.recording import read_recording
from ecgnb.datasets.own.twelve import TwelveLeads
from ecgnb.datasets.ptbxl import SUPERCLASSES, TwelveLeadRecords, load_ptbxl
from ecgnb.datasets.twelve_leads import LEADS

REAL, SYNTHETIC = "ptbxl", "synthetic"

SAMPLES = {
    REAL: "Ten seconds of a man of 56, labelled MI and STTC in PTB-XL",
    SYNTHETIC: "A synthetic heart",
}

SOURCE = (
    "Record 39 of PTB-XL (Wagner et al. 2020, doi:10.1038/s41597-020-0495-6; PhysioNet, doi:10.13026/kfzx-aw45), "
    "CC BY 4.0, at 100 Hz. The network learned from it."
)

LEARNED_FROM = "the network learned from this recording, so its answers flatter it"


def telling_record(records: TwelveLeadRecords) -> int:
    """Return the row of the first record with two superclasses that a cardiologist checked; by its labels alone."""
    table = records.table
    several = (table[list(SUPERCLASSES)].sum(axis=1) == 2) & table["validated_by_human"] & (table["NORM"] == 0)
    return int(np.flatnonzero(several)[0])


def write_record(path: Path) -> None:
    """Write that record as a table of text, mV, a column a lead."""
    records = load_ptbxl(100, data="real")
    signal = records.signal[telling_record(records)]
    columns = {f"{lead} (mV)": one.round(3) for lead, one in zip(LEADS, signal, strict=True)}
    seconds = {"time (s)": (np.arange(signal.shape[1]) / records.fs).round(2)}
    pd.DataFrame(seconds | columns).to_csv(path, index=False, float_format="%.3f", lineterminator="\n")


def sample_twelve(name: str) -> TwelveLeads:
    """Return a sample by its name in `SAMPLES`."""
    if name == SYNTHETIC:
        rng = np.random.default_rng(0)
        signal = synthetic_twelve.twelve_leads(synthetic_twelve.NORMAL, 68, rng).astype(np.float32)
        return TwelveLeads("synthetic", signal, float(synthetic_twelve.FS), "SYNTHETIC, made by a formula")
    with as_file(files("ecgnb.app").joinpath("sample", "twelve.csv")) as path:
        found = read_recording(path, lead="all")
    return replace(found, name="record 39", read=SOURCE, notes=(*found.notes, LEARNED_FROM))


if __name__ == "__main__":
    write_record(Path(__file__).with_name("sample") / "twelve.csv")
