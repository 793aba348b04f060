"""The MIT-BIH Arrhythmia Database: 48 half-hour recordings, two leads, every beat labelled by cardiologists.

Moody and Mark 2001, The impact of the MIT-BIH Arrhythmia Database, IEEE Engineering in Medicine and Biology Magazine
20(3), doi:10.1109/51.932724; data doi:10.13026/C2F305. Classes after ANSI/AAMI EC57; the division of the records into
DS1 and DS2 after de Chazal, O'Dwyer and Reilly 2004, doi:10.1109/TBME.2004.827359.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgnb.datasets import synthetic
from ecgnb.datasets.beats import Beats, concatenate
from ecgnb.datasets.cache import cached
from ecgnb.datasets.cut import cut_beats
from ecgnb.datasets.fetch import DATASETS, fetch
from ecgnb.datasets.records import Record, read_record
from ecgnb.errors import DataError, UsageError

DS1 = tuple("101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230".split())  # noqa: SIM905
DS2 = tuple("100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234".split())  # noqa: SIM905
PACED = ("102", "104", "107", "217")  # in neither: most of their beats come from a pacemaker
RECORDS = tuple(sorted(DS1 + DS2 + PACED))
SAME_PATIENT = {"202": "201"}  # 47 patients gave 48 records


def patient_of(record: ArrayLike) -> NDArray[np.str_]:
    """Return the patient of each beat's record, named by that patient's first record."""
    patient = np.array(record, dtype=np.str_)
    for second, first in SAME_PATIENT.items():
        patient[patient == second] = first
    return patient


def load_records(names: Sequence[str] = RECORDS, *, data: str = "auto") -> list[Record]:
    """Return records of mitdb, read two at a time.

    Parameters
    ----------
    names : sequence of str
        Some of `RECORDS`.
    data : {"auto", "real", "synthetic"}
        As for `load_mitdb`, but for the note.

    Raises
    ------
    UsageError
        For a name that mitdb does not have.
    DataError
        Where the data cannot be had, or a record cannot be read.
    """
    return _load_records(names, data)[0]


def load_mitdb(
    data: str = "auto",
    *,
    records: Sequence[str] = RECORDS,
    before: int = 75,
    after: int = 112,
    fs: float = 125.0,
    lead: str = "MLII",
) -> Beats:
    """Return the beats of mitdb, one window a beat, from a cache where they were cut before.

    Parameters
    ----------
    data : {"auto", "real", "synthetic"}
        "real" fails where the data cannot be had, "synthetic" makes a stand-in and never touches the network, "auto"
        takes the real data if it can and says in `Beats.note` why it could not.
    records : sequence of str
    before, after, fs, lead
        As for `cut_beats`.

    Returns
    -------
    Beats
        In the order of `records`; in mV.

    Raises
    ------
    UsageError, DataError
        As `load_records` and `cut_beats` do.
    """
    _check(records, data)
    window = dict(before=before, after=after, fs=fs, lead=lead)

    def build(kind: str) -> Beats:
        found, source, note = _load_records(records, kind)
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda record: cut_beats(record, **window), found))  # type: ignore[arg-type]
        sha256 = _files_sha256(records) if source == "real" else {}
        return replace(concatenate([replace(part, name="mitdb", source=source) for part in parts]),
                       sha256=sha256, note=note)  # fmt: skip

    if data == "synthetic":
        return build(data)
    key = dict(files=_files_sha256(records), records=list(records), code=_code_sha256(), **window)
    try:
        return cached(key, lambda: build("real"))
    except DataError:
        if data == "real":
            raise
        return build("auto")


def _check(names: Sequence[str], data: str) -> None:
    if data not in ("auto", "real", "synthetic"):
        raise UsageError(f"data is {data!r}; expected 'auto', 'real' or 'synthetic'")
    if isinstance(names, str) or not len(names):
        raise UsageError(f"records is {names!r}; expected a list of record names, such as ['100', '101']")
    for name in names:
        if name not in RECORDS:
            raise UsageError(
                f"record {name!r} is not in mitdb ({len(RECORDS)} records: {RECORDS[0]} ... {RECORDS[-1]})"
            )


def _load_records(names: Sequence[str], data: str) -> tuple[list[Record], str, str]:
    """Return records, their source, and why they are synthetic where that was not asked for."""
    _check(names, data)
    note = ""
    if data != "synthetic":
        try:
            return _read_all(fetch("mitdb"), names), "real", ""
        except DataError as fault:
            if data == "real":
                raise
            note = str(fault)
    with tempfile.TemporaryDirectory() as temporary:
        synthetic.write_mitdb(Path(temporary), names, paced=PACED)
        return _read_all(Path(temporary), names), "synthetic", note


def _read_all(folder: Path, names: Sequence[str]) -> list[Record]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda name: read_record(folder, name), names))


def _files_sha256(names: Sequence[str]) -> dict[str, str]:
    """Return one hash over the hashes of all files of these records."""
    files = {file: digest for file, digest in DATASETS["mitdb"].sha256.items() if file.partition(".")[0] in set(names)}
    lines = "".join(f"{digest}  {file}\n" for file, digest in sorted(files.items()))
    return {f"SHA-256 of the list of {len(files)} files": hashlib.sha256(lines.encode()).hexdigest()}


@cache
def _code_sha256() -> str:
    """Return a hash of the code between the files and the beats, so that a change of it leaves old caches behind."""
    here = Path(__file__).parent
    return hashlib.sha256(
        b"".join((here / f"{name}.py").read_bytes() for name in ("records", "cut", "beats"))
    ).hexdigest()
