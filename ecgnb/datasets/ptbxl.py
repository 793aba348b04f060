"""PTB-XL: twelve leads, ten seconds, and what cardiologists said of each; several statements a record.

Wagner et al. 2020, PTB-XL, a large publicly available electrocardiography dataset, Scientific Data 7, 154,
doi:10.1038/s41597-020-0495-6; data doi:10.13026/kfzx-aw45. The course verifies 488 of its 21,799 records, of 459
patients; a reader who has the whole points `load_ptbxl` at it.

Statements are SCP-ECG codes. Of the diagnostic ones each belongs to one of five superclasses. A record has a superclass
where any of its codes belongs to it, whatever likelihood stands beside the code (0 says that nobody gave one), as in
Strodthoff et al. 2021, Deep learning for ECG analysis: benchmarks and insights from PTB-XL, IEEE Journal of Biomedical
and Health Informatics 25(5), doi:10.1109/JBHI.2020.3022989.
"""

from __future__ import annotations

import ast
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.datasets import synthetic_twelve
from ecgnb.datasets.own.twelve import TwelveLeads
from ecgnb.datasets.ptbxl_signals import read_signals
from ecgnb.datasets.splits import Split
from ecgnb.datasets.store.fetch import DATASETS, fetch
from ecgnb.datasets.twelve_leads import LEADS
from ecgnb.errors import DataError, UsageError

SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")

SUPERCLASS_NAMES = {
    "NORM": "normal ECG",
    "MI": "myocardial infarction",
    "STTC": "ST/T change",
    "CD": "conduction disturbance",
    "HYP": "hypertrophy",
}

RATES = (100, 500)  # Hz

OLDEST = 90  # years; who is older stands in the table with 300, so that nobody knows them by it

WITHDRAWN = (137, 139, 140, 141, 142, 143, 145, 456, 458, 459, 461, 462)  # of the first 500, by version 1.0.3

N_SYNTHETIC = 160

TABLE, STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"

TEXTS = ("report", "scp_codes", "electrodes_problems", "filename_hr")


@dataclass(frozen=True, eq=False)
class TwelveLeadRecords:
    """Recordings of twelve leads with their labels; select with an index array, as of `Beats`.

    Parameters
    ----------
    signal : (n, 12, n_samples) float32 array
        mV; the leads as in `LEADS`.
    table : DataFrame
        One row a record: `ecg_id`; `patient_id`; `age` (years; 90 for all who are older, NaN where it is not known);
        `sex` ("F", "M"); `strat_fold` (1 to 10); `validated_by_human`; `NORM`, `MI`, `STTC`, `CD`, `HYP` (0 or 1, any
        number of them, or none); `subclasses` and `rhythm` (tuples of texts); `statements` (likelihood in %, by code);
        `report`; `electrodes_problems` (empty text where nobody noted any).
    fs : int
        Hz.
    source : str
        "real" or "synthetic".
    note : str
        Why the data are synthetic, where real ones were wanted.
    sha256 : dict of str to str
        One hash over all files, of real data that were verified.
    """

    signal: NDArray[np.float32]
    table: pd.DataFrame
    fs: int
    source: str
    note: str = ""
    sha256: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the data is, as a run records it."""
        return "PTB-XL"

    @property
    def leads(self) -> tuple[str, ...]:
        """Names of the leads, in their order."""
        return LEADS

    @property
    def label(self) -> NDArray[np.int8]:
        """Superclasses of each record, (n, 5), 0 or 1, in the order of `SUPERCLASSES`."""
        return self.table[list(SUPERCLASSES)].to_numpy(np.int8)

    @property
    def patient(self) -> NDArray[np.int64]:
        """Whose record each is, (n,)."""
        return self.table["patient_id"].to_numpy(np.int64)

    def recording(self, row: int) -> TwelveLeads:
        """Return one record as `read_recording(..., lead="all")` gives a reader's own: to plot, say."""
        about = self.table.iloc[row]
        name = f"{'synthetic' if self.source == 'synthetic' else 'PTB-XL'} {about.ecg_id}"
        return TwelveLeads(name, self.signal[row], float(self.fs), f"{name}, {self.fs} Hz")

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, rows: Any) -> TwelveLeadRecords:
        return replace(self, signal=self.signal[rows], table=self.table.iloc[rows].reset_index(drop=True))


def load_ptbxl(
    fs: int = 100,
    *,
    ecg_ids: Sequence[int] | None = None,
    data: str = "auto",
    folder: str | Path | None = None,
    cache: bool = True,
) -> TwelveLeadRecords:
    """Return recordings of PTB-XL with their labels.

    Parameters
    ----------
    fs : {100, 500}
        Hz; recorded at 500, from which 100 is made by a filter that lets nothing above 50 Hz fold down.
    ecg_ids : sequence of int, optional
        Some of the records, in that order; all where they are not given.
    data : {"auto", "real", "synthetic"}
        "real" fails where the data cannot be had, "synthetic" makes a stand-in and never touches the network, "auto"
        takes the real data if it can and says in `note` why it could not.
    folder : path, optional
        Of PTB-XL as it was unpacked, whole or in part, in place of the verified 488: with ptbxl_database.csv,
        scp_statements.csv and records500. Its files are not verified. At 100 Hz the whole of it takes 1 GB of memory.
    cache : bool
        Keep what was resampled in a file, and take it from there where it is kept.

    Raises
    ------
    UsageError
        For another rate or kind of data, or records that are not there.
    DataError
        Where files are missing or damaged.
    """
    if fs not in RATES:
        raise UsageError(f"fs={fs!r}; expected one of {', '.join(map(str, RATES))} Hz")
    if data not in ("auto", "real", "synthetic"):
        raise UsageError(f"data is {data!r}; expected 'auto', 'real' or 'synthetic'")
    if folder is not None:
        if data == "synthetic":
            raise UsageError("a folder of PTB-XL was given, and data='synthetic'; leave one of them out")
        return _load(Path(folder).expanduser(), fs, ecg_ids, "real", cache)
    note = ""
    if data != "synthetic":
        try:
            found = _load(fetch("ptbxl"), fs, ecg_ids, "real", cache)
            return replace(found, sha256=_sha256())
        except DataError as fault:
            if data == "real":
                raise
            note = str(fault)
    with tempfile.TemporaryDirectory() as temporary:
        synthetic_twelve.write_ptbxl(Path(temporary), N_SYNTHETIC)
        return replace(_load(Path(temporary), fs, ecg_ids, "synthetic", cache=False), note=note)


def _load(folder: Path, fs: int, ecg_ids: Sequence[int] | None, source: str, cache: bool) -> TwelveLeadRecords:
    """Read a folder with the layout of PTB-XL's."""
    table, files = read_table(folder)
    if ecg_ids is not None:
        at = pd.Index(table["ecg_id"]).get_indexer(list(ecg_ids))
        if (unknown := np.flatnonzero(at < 0)).size:
            raise UsageError(
                f"record {ecg_ids[unknown[0]]!r} is not in PTB-XL as it is here ({len(table):,} records); "
                "expected values of ecg_id"
            )
        table, files = table.iloc[at].reset_index(drop=True), [files[k] for k in at]
    return TwelveLeadRecords(read_signals(folder, files, fs, cache=cache), table, fs, source)


def read_table(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return what is known of each record of a folder, and the path of its signal below it, without an ending.

    Parameters
    ----------
    folder : path

    Returns
    -------
    table : DataFrame
        As in `TwelveLeadRecords`.
    files : list of str

    Raises
    ------
    DataError
        Where one of the two tables is missing, or of another form.
    """
    raw, statements = _csv(folder / TABLE), _csv(folder / STATEMENTS)
    try:
        codes = raw["scp_codes"].map(ast.literal_eval)
        table = pd.DataFrame(
            {
                "ecg_id": raw["ecg_id"].astype(np.int64),
                "patient_id": raw["patient_id"].astype(np.float64).astype(np.int64),
                "age": raw["age"].where(raw["age"] <= OLDEST, np.where(raw["age"].isna(), np.nan, OLDEST)),
                "sex": raw["sex"].map({0: "M", 1: "F"}),
                "strat_fold": raw["strat_fold"].astype(np.int64),
                "validated_by_human": raw["validated_by_human"].astype(bool),
                **_labels(codes, statements.set_index(statements.columns[0])),
                "statements": codes,
                "report": raw["report"].fillna(""),
                "electrodes_problems": raw["electrodes_problems"].fillna("").str.strip(),
            }
        )
        return table, raw["filename_hr"].tolist()
    except (KeyError, ValueError, TypeError, SyntaxError, AttributeError, RecursionError, MemoryError) as fault:
        raise DataError(f"{folder / TABLE} is not PTB-XL's table: {type(fault).__name__} {str(fault)[:80]}") from None


def _csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str))
    except FileNotFoundError:
        raise DataError(
            f"{path.parent} has no {path.name}; expected PTB-XL as it was unpacked (ecgnb fetch ptbxl gets a part)"
        ) from None
    except (OSError, ValueError) as fault:  # pandas's own errors are ValueErrors
        raise DataError(f"{path} cannot be read: {str(fault)[:120]}") from None


def _labels(codes: pd.Series, statements: pd.DataFrame) -> dict[str, Any]:
    """Return columns of superclasses, subclasses and rhythm from the codes of each record."""
    diagnostic = statements[statements["diagnostic"] == 1]
    superclass, subclass = diagnostic["diagnostic_class"].to_dict(), diagnostic["diagnostic_subclass"].to_dict()
    rhythms = set(statements.index[statements["rhythm"] == 1])
    found = codes.map(lambda one: {superclass[code] for code in one if code in superclass})
    multi_hot = {name: found.map(lambda one, name=name: int(name in one)).astype(np.int8) for name in SUPERCLASSES}
    return multi_hot | {
        "subclasses": codes.map(lambda one: tuple(sorted({subclass[code] for code in one if code in subclass}))),
        "rhythm": codes.map(lambda one: tuple(code for code in one if code in rhythms)),
    }


def recommended_split(table: pd.DataFrame) -> Split:
    """Return the split that PTB-XL recommends: fold 9 to choose by, fold 10 to test on, the others to train on.

    Cardiologists checked the records of folds 9 and 10. All records of a patient are in one fold, which is proven here.

    Parameters
    ----------
    table : DataFrame
        As in `TwelveLeadRecords`.

    Raises
    ------
    UsageError
        Where one of the three is empty.
    """
    fold = table["strat_fold"].to_numpy()
    parts = (np.flatnonzero(which) for which in (fold <= 8, fold == 9, fold == 10))
    return Split(*parts).check(len(table), table["patient_id"].to_numpy())


def _sha256() -> dict[str, str]:
    """Return one hash over the hashes of all files, as `Database` does."""
    known = DATASETS["ptbxl"].sha256
    lines = "".join(f"{digest}  {file}\n" for file, digest in sorted(known.items()))
    return {f"SHA-256 of the list of {len(known)} files": hashlib.sha256(lines.encode()).hexdigest()}
