"""The Lobachevsky University Electrocardiography Database: where P, QRS and T begin and end, marked by hand.

Kalyakulina et al. 2020, LUDB: a new open-access validation tool for electrocardiogram delineation algorithms, IEEE
Access 8, doi:10.1109/ACCESS.2020.3029211; data doi:10.13026/eegm-h675. 200 people, ten seconds each, twelve leads at
500 Hz. Each lead has marks of its own. Before the first and after the last marked wave of a lead there may be waves
that nobody marked, so those stretches teach and test nothing: see `marked_span`. Each lead is scaled by itself: unlike
in a recording that was left alone, I and III do not add up to II.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from wfdb.io import annotation

from ecgnb.datasets import synthetic
from ecgnb.datasets.database import Database
from ecgnb.datasets.splits import Split, dealt_split
from ecgnb.datasets.store.fetch import fetch
from ecgnb.datasets.wfdb import Record
from ecgnb.errors import DataError

LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")

WAVES = {"p": "P", "N": "QRS", "t": "T"}  # by the mark at a wave's peak

LUDB = Database(
    name="ludb",
    records=tuple(str(number) for number in range(1, 201)),
    leads=LEADS,
    lead="ii",
    fs=500.0,
    annotator="ii",
    symbols={"N": 0},  # every QRS, whatever its kind: the database does not class beats
    folder="data",
    write_stand_in=synthetic.write_ludb,
)


def load_ludb(
    leads: Sequence[str] = LEADS, *, records: Sequence[str] | None = None, data: str = "auto"
) -> tuple[list[Record], pd.DataFrame]:
    """Return records and every wave that is marked on some of their leads.

    Parameters
    ----------
    leads : sequence of str
        Whose marks to read; the records have all twelve.
    records : sequence of str, optional
        Some of `LUDB.records`; all where they are not given.
    data : {"auto", "real", "synthetic"}
        As for `Database.load_records`.

    Returns
    -------
    records : list of Record
        In mV at 500 Hz; their `r_sample` are the peaks of the QRS marked on lead ii.
    waves : DataFrame
        One row a wave: `record`, `lead`, `wave` ("P", "QRS" or "T"), `onset`, `peak` and `offset` in samples; -1 for an
        onset or offset that nobody marked (of 58,423 waves, 131 lack an onset and 29 an offset).

    Raises
    ------
    UsageError, DataError
        As `Database.load_records` does.
    """
    leads = LUDB.check_leads(leads)
    names = LUDB.check_records(LUDB.records if records is None else records, data)
    found = LUDB.load_records(names, data=data)
    with LUDB.opened(names, found[0].source) as (folder, _):
        waves = [_waves(folder, name, lead) for name in names for lead in leads]
    return found, pd.concat(waves, ignore_index=True)


def _waves(folder: Path, record: str, lead: str) -> pd.DataFrame:
    """Read the marks of one lead and pair each peak with the brackets about it."""
    sample, code, *_ = annotation.proc_ann_bytes(  # what `wfdb.rdann` calls, which reads the header each time
        annotation.load_byte_pairs(str(folder / record), lead, None), None
    )
    symbol = np.r_[[""], annotation.ann_label_table["symbol"].reindex(code).to_numpy(str), [""]]
    at = np.r_[-1, sample, -1]
    peak = np.flatnonzero(np.isin(symbol, list(WAVES)))
    return pd.DataFrame(
        {
            "record": record,
            "lead": lead,
            "wave": [WAVES[one] for one in symbol[peak]],
            "onset": np.where(symbol[peak - 1] == "(", at[peak - 1], -1),
            "peak": at[peak],
            "offset": np.where(symbol[peak + 1] == ")", at[peak + 1], -1),
        }
    )


def marked_span(waves: pd.DataFrame) -> tuple[int, int]:
    """Return the samples between which every wave of a lead is marked: from its first mark to its last.

    Parameters
    ----------
    waves : DataFrame
        As `load_ludb` gives it, of one lead of one record.

    Returns
    -------
    begin, end : int
        The first sample of the first marked wave, and the one after the last; 0, 0 where nothing is marked.
    """
    marks = waves[["onset", "peak", "offset"]].to_numpy()
    marks = marks[marks >= 0]
    return (int(marks.min()), int(marks.max()) + 1) if marks.size else (0, 0)


def load_diagnoses(data: str = "auto") -> pd.DataFrame:
    """Return what ludb.csv says of each patient, one row a record.

    Parameters
    ----------
    data : {"auto", "real", "synthetic"}
        As for `Database.load_records`.

    Returns
    -------
    DataFrame
        `record`, `sex` ("F", "M"), `age` (years; NaN where it says no number) and, each a list of texts, `rhythm`,
        `axis`, `conduction`, `extrasystoles`, `hypertrophy`, `pacing`, `ischemia`, `repolarization`, `other`.

    Raises
    ------
    DataError
        As `fetch` does; the table has no synthetic stand-in but an empty one.
    """
    if data != "synthetic":
        try:
            return _read_diagnoses(fetch("ludb") / "ludb.csv")
        except DataError:
            if data == "real":
                raise
    with tempfile.TemporaryDirectory() as temporary:
        return _read_diagnoses(synthetic.write_ludb_table(Path(temporary), LUDB.records))


STRATA = ("Sinus rhythm", "Sinus bradycardia", "Atrial fibrillation")  # the rest is too rare to be spread


def split_ludb(records: Sequence[str], data: str = "auto", *, seed: int = 0) -> Split:
    """Split patients for training, validation and test: of all 200, 120, 40 and 40, alike in rhythm.

    Parameters
    ----------
    records : sequence of str
        Names of records; each is a patient.
    data : {"auto", "real", "synthetic"}
        As for `Database.load_records`: where ludb.csv is read.
    seed : int
        The shipped network learned with 0, and was chosen and tested so.

    Returns
    -------
    Split
        Positions in `records`.

    Raises
    ------
    UsageError
        For fewer than five records, or one that LUDB lacks.
    """
    rhythm = load_diagnoses(data).set_index("record")["rhythm"]
    names = LUDB.check_records(records, data)
    first = [next((kind for kind in STRATA if kind in rhythm[name]), "other") for name in names]
    return dealt_split(first, seed=seed)


COLUMNS = ("rhythm", "axis", "conduction", "extrasystoles", "hypertrophy", "pacing", "ischemia", "repolarization",
           "other")  # fmt: skip


def _read_diagnoses(path: Path) -> pd.DataFrame:
    """Read the table, whose cells hold several lines: one line a diagnosis."""
    table: Any = pd.read_csv(path, dtype=str, keep_default_na=False)
    table = table.map(str.strip).set_axis(["record", "sex", "age", *COLUMNS], axis=1)
    lists = {name: table[name].map(_lines) for name in COLUMNS}
    return table.assign(age=pd.to_numeric(table.age, errors="coerce"), **lists)


def _lines(cell: str) -> list[str]:
    return [line.strip() for line in cell.splitlines() if line.strip()]
