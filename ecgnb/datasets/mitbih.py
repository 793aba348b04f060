"""The MIT-BIH Arrhythmia Database: 48 half-hour recordings, two leads, every beat labelled by cardiologists.

Moody and Mark 2001, The impact of the MIT-BIH Arrhythmia Database, IEEE Engineering in Medicine and Biology Magazine
20(3), doi:10.1109/51.932724; data doi:10.13026/C2F305. Classes after ANSI/AAMI EC57; the division of the records into
DS1 and DS2 after de Chazal, O'Dwyer and Reilly 2004, doi:10.1109/TBME.2004.827359.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgnb.datasets import synthetic
from ecgnb.datasets.beats import Beats, concatenate
from ecgnb.datasets.store.cache import cached
from ecgnb.datasets.store.fetch import DATASETS, fetch
from ecgnb.datasets.wfdb import Record, read_record
from ecgnb.datasets.windows import check_window, cut_beats
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


def divide_records(test: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Return the records to train on and to test on, no patient in both.

    Parameters
    ----------
    test : sequence of str
        Records to test on; all others are trained on, but for further ones of a tested patient. Where none is named,
        the published division: DS1 without 201, whose patient is in DS2 too, and DS2.

    Raises
    ------
    UsageError
        For a record that mitdb does not have, or where none is left to train on.
    """
    if not len(test):
        tested = list(DS2)
    else:  # a number is taken for a name: that is how a list reads on a command line
        tested = _check(test if isinstance(test, str) else [str(name) for name in test], "real")
    known = RECORDS if len(test) else DS1
    train = [name for name in known if not np.isin(patient_of([name]), patient_of(tested)).any()]
    if not train:
        raise UsageError(f"test_records names {len(tested)} records and leaves none to train on; name fewer")
    return train, tested


def load_records(names: Sequence[str] = RECORDS, *, data: str = "auto") -> list[Record]:
    """Return records of mitdb, read two at a time.

    Parameters
    ----------
    names : sequence of str
        Some of `RECORDS`, each once.
    data : {"auto", "real", "synthetic"}
        As for `load_mitdb`; `Record.source` says what they are.

    Raises
    ------
    UsageError
        For a name that mitdb does not have.
    DataError
        Where the data cannot be had, or a record cannot be read.
    """
    names = _check(names, data)
    if data != "synthetic":
        try:
            return _read_all(fetch("mitdb"), names, "real")
        except DataError:
            if data == "real":
                raise
    with tempfile.TemporaryDirectory() as temporary:
        synthetic.write_mitdb(Path(temporary), names, paced=PACED)
        return _read_all(Path(temporary), names, "synthetic")


def load_mitdb(
    data: str = "auto",
    *,
    records: Sequence[str] = RECORDS,
    before: int = 75,
    after: int = 112,
    fs: float = 125.0,
    lead: str = "MLII",
    highpass: float | None = None,
    cache: bool = True,
) -> Beats:
    """Return the beats of mitdb, one window a beat, from a cache where they were cut before.

    Parameters
    ----------
    data : {"auto", "real", "synthetic"}
        "real" fails where the data cannot be had, "synthetic" makes a stand-in and never touches the network, "auto"
        takes the real data if it can and says in `Beats.note` why it could not.
    records : sequence of str
    before, after, fs, lead, highpass
        As for `cut_beats`.
    cache : bool
        Keep real beats in a file, and take them from there where it is kept.

    Returns
    -------
    Beats
        In the order of `records`; in mV.

    Raises
    ------
    UsageError, DataError
        As `load_records` and `cut_beats` do.
    """
    names = _check(records, data)
    before, after, fs = check_window(before, after, fs)
    window: dict[str, Any] = dict(before=before, after=after, fs=fs, lead=str(lead), highpass=highpass)

    def build(found: list[Record]) -> Beats:
        if not any(lead in record.leads for record in found):
            known = sorted({name for record in found for name in record.leads})
            raise UsageError(f"lead={lead!r} is in none of these records; they have: {', '.join(known)}")
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda record: cut_beats(record, **window), found))
        sha256 = _files_sha256(names) if found[0].source == "real" else {}
        return replace(concatenate([replace(part, name="mitdb") for part in parts]), sha256=sha256)

    note = ""
    if data != "synthetic":
        key = dict(files=_files_sha256(names), records=names, code=_code_sha256(), **window)
        try:

            def real() -> Beats:
                return build(load_records(names, data="real"))

            return cached(key, real) if cache else real()
        except DataError as fault:
            if data == "real":
                raise
            note = str(fault)
    return replace(build(load_records(names, data="synthetic")), note=note)


def _check(names: Sequence[str], data: str) -> list[str]:
    if data not in ("auto", "real", "synthetic"):
        raise UsageError(f"data is {data!r}; expected 'auto', 'real' or 'synthetic'")
    if isinstance(names, str) or not isinstance(names, Iterable) or not (names := list(names)):
        raise UsageError(f"records is {names!r}; expected a list of record names, such as ['100', '101']")
    for name in names:
        if not isinstance(name, str):
            raise UsageError(f"record {name!r} is no text; expected names such as '100'")
        if name not in RECORDS:
            raise UsageError(
                f"record {name!r} is not in mitdb ({len(RECORDS)} records: {RECORDS[0]} ... {RECORDS[-1]})"
            )
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise UsageError(f"record {twice[0]!r} is asked for twice; expected each once")
    return names


def _read_all(folder: Path, names: Sequence[str], source: str) -> list[Record]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda name: read_record(folder, name, source=source), names))


def _files_sha256(names: Sequence[str]) -> dict[str, str]:
    """Return one hash over the hashes of all files of these records."""
    files = {file: digest for file, digest in DATASETS["mitdb"].sha256.items() if file.partition(".")[0] in set(names)}
    lines = "".join(f"{digest}  {file}\n" for file, digest in sorted(files.items()))
    return {f"SHA-256 of the list of {len(files)} files": hashlib.sha256(lines.encode()).hexdigest()}


@cache
def _code_sha256() -> str:
    """Return a hash of the code between files and beats, so that a change of it leaves old caches behind."""
    here = Path(__file__).parent
    names = ("wfdb", "windows", "timing", "mitbih", "beats", "store/cache")
    code = b"".join((here / f"{name}.py").read_bytes() for name in names)
    libraries = "".join(f"{name} {version(name)}\n" for name in ("wfdb", "scipy", "numpy"))
    return hashlib.sha256(code + libraries.encode()).hexdigest()
