"""One description for any database of WFDB records, and the way from it to records and beats."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgnb.datasets.beats import Beats, concatenate
from ecgnb.datasets.store.cache import cached
from ecgnb.datasets.store.fetch import DATASETS, fetch
from ecgnb.datasets.wfdb import AAMI, Record, read_record
from ecgnb.datasets.windows import check_leads, check_window, cut_beats, realigned
from ecgnb.errors import DataError, UsageError


@dataclass(frozen=True, eq=False)
class Database:
    """What the course knows of a database of WFDB records.

    Parameters
    ----------
    name : str
        A key of `DATASETS`, which says where its files come from.
    records : sequence of str
    leads : sequence of str
        Every lead that a record of it may have.
    lead : str
        The lead to take where none is asked for.
    fs : float
        Samples per second.
    write_stand_in : callable
        Writes synthetic records of these names into a folder.
    annotator : str or None
        Ending of the files of marks; None where there are none.
    symbols : mapping of str to int
        Which marks are beats, and the AAMI class of each.
    marks_at_r : bool
        Whether a beat's mark stands on its R peak. Where it does not, each is moved there, on the lead `lead`, before
        anything is timed or cut: see `windows.to_r_peaks`, `Record.moved` and `Beats.moved`.
    stand_ins : mapping of str to mapping of str to str
        By record, the lead to take for one that the record lacks. Nothing else stands in for a lead.
    same_patient : mapping of str to str
        By record, an earlier record of the same patient.
    folder : str
        Below that of the data set, where the records lie.
    """

    name: str
    records: tuple[str, ...]
    leads: tuple[str, ...]
    lead: str
    fs: float
    write_stand_in: Callable[[Path, Sequence[str]], None]
    annotator: str | None = "atr"
    symbols: Mapping[str, int] = field(default_factory=lambda: AAMI)
    marks_at_r: bool = True
    stand_ins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    same_patient: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""

    def __post_init__(self) -> None:
        self.check_leads(self.lead)

    def patient_of(self, record: ArrayLike) -> NDArray[np.str_]:
        """Return the patient of each beat's record, named by that patient's first record."""
        patient = np.array(record, dtype=np.str_)
        for second, first in self.same_patient.items():
            patient[patient == second] = first
        return patient

    def load_records(self, names: Sequence[str] | None = None, *, data: str = "auto") -> list[Record]:
        """Return records of the database, read two at a time.

        Parameters
        ----------
        names : sequence of str, optional
            Some of `records`, each once; all where they are not given.
        data : {"auto", "real", "synthetic"}
            As for `load_beats`; `Record.source` says what they are.

        Raises
        ------
        UsageError
            For a name that the database does not have.
        DataError
            Where the data cannot be had, or a record cannot be read.
        """
        names = self.check_records(self.records if names is None else names, data)
        with self.opened(names, data) as (folder, source), ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda name: self._read_one(folder, name, source), names))

    @contextmanager
    def opened(self, names: Sequence[str], data: str = "auto") -> Iterator[tuple[Path, str]]:
        """Give the folder in which those records lie, and whether they are "real" or "synthetic".

        Raises
        ------
        DataError
            For ``data="real"`` where the files cannot be had.
        """
        try:
            folder = None if data == "synthetic" else fetch(self.name) / self.folder
        except DataError:
            if data == "real":
                raise
            folder = None
        if folder:
            yield folder, "real"
            return
        with tempfile.TemporaryDirectory() as temporary:
            self.write_stand_in(Path(temporary), names)
            yield Path(temporary), "synthetic"

    def load_beats(
        self,
        data: str = "auto",
        *,
        records: Sequence[str] | None = None,
        before: int = 75,
        after: int = 112,
        fs: float = 125.0,
        lead: str | Sequence[str] | None = None,
        highpass: float | None = None,
        cache: bool = True,
    ) -> Beats:
        """Return the beats of the database, one window a beat, from a cache where they were cut before.

        Parameters
        ----------
        data : {"auto", "real", "synthetic"}
            "real" fails where the data cannot be had, "synthetic" makes a stand-in and never touches the network,
            "auto" takes the real data if it can and says in `Beats.note` why it could not.
        records : sequence of str, optional
            Some of `records`, each once; all where they are not given.
        before, after, fs, highpass
            As for `cut_beats`.
        lead : str or sequence of str, optional
            Name of the lead, or names of several; the database's own `lead` where it is not given.
        cache : bool
            Keep real beats in a file, and take them from there where it is kept.

        Returns
        -------
        Beats
            In the order of `records`; in mV.

        Raises
        ------
        UsageError, DataError
            As `load_records` and `cut_beats` do; for a lead that not every record has, and for a database of records
            without beats.
        """
        if self.annotator is None:
            raise UsageError(f"{self.name} has no beats; take its records")
        names = self.check_records(self.records if records is None else records, data)
        leads = self.check_leads(self.lead if lead is None else lead)
        before, after, fs = check_window(before, after, fs)
        window: dict[str, Any] = dict(before=before, after=after, fs=fs, lead=leads, highpass=highpass)
        note = ""
        if data != "synthetic":
            key = dict(database=self._facts(), files=self._files_sha256(names), code=_code_sha256(), **window)
            try:

                def real() -> Beats:
                    return self._beats(self.load_records(names, data="real"), window)

                return cached(key | {"records": names}, real) if cache else real()
            except DataError as fault:
                if data == "real":
                    raise
                note = str(fault)
        return replace(self._beats(self.load_records(names, data="synthetic"), window), note=note)

    def check_records(self, names: Sequence[str], data: str = "auto") -> list[str]:
        """Return names of records, each once and in the database, or raise `UsageError`."""
        if data not in ("auto", "real", "synthetic"):
            raise UsageError(f"data is {data!r}; expected 'auto', 'real' or 'synthetic'")
        some = self.records[0]
        if isinstance(names, str) or not isinstance(names, Iterable) or not (names := list(names)):
            raise UsageError(f"records is {names!r}; expected a list of record names, such as [{some!r}]")
        for name in names:
            if not isinstance(name, str):
                raise UsageError(f"record {name!r} is no text; expected names such as {some!r}")
            if name not in self.records:
                raise UsageError(
                    f"record {name!r} is not in {self.name} ({len(self.records)} records: "
                    f"{some} ... {self.records[-1]})"
                )
        if twice := [name for name, n in Counter(names).items() if n > 1]:
            raise UsageError(f"record {twice[0]!r} is asked for twice; expected each once")
        return names

    def check_leads(self, lead: str | Sequence[str]) -> tuple[str, ...]:
        """Return the names of one lead or of several that the database has, or raise `UsageError`."""
        names = check_leads(lead)
        if unknown := [name for name in names if name not in self.leads]:
            raise UsageError(f"{self.name} has no lead {unknown[0]!r}; it has: {', '.join(self.leads)}")
        return names

    def _read_one(self, folder: Path, name: str, source: str) -> Record:
        record = read_record(folder, name, annotator=self.annotator, source=source, symbols=self.symbols)
        record = replace(record, stand_ins=self.stand_ins.get(name, {}))
        return record if self.marks_at_r else realigned(record, self.lead)

    def _beats(self, found: list[Record], window: dict[str, Any]) -> Beats:
        for lead in window["lead"]:
            lacking = [one.name for one in found if lead not in (*one.leads, *one.stand_ins)]
            if lacking:
                few = ", ".join(lacking[:8]) + (f" and {len(lacking) - 8} more" if len(lacking) > 8 else "")
                raise UsageError(f"{self.name}: these records have no lead {lead!r}: {few}; leave them out of records")
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda record: cut_beats(record, **window), found))
        sha256 = self._files_sha256([one.name for one in found]) if found[0].source == "real" else {}
        return replace(concatenate([replace(part, name=self.name) for part in parts]), sha256=sha256)

    def _files_sha256(self, names: Sequence[str]) -> dict[str, str]:
        """Return one hash over the hashes of all files of these records."""
        known = DATASETS[self.name].sha256.items()
        wanted = set(names)
        files = {file: digest for file, digest in known if PurePosixPath(file).name.partition(".")[0] in wanted}
        lines = "".join(f"{digest}  {file}\n" for file, digest in sorted(files.items()))
        return {f"SHA-256 of the list of {len(files)} files": hashlib.sha256(lines.encode()).hexdigest()}

    def _facts(self) -> dict[str, Any]:
        """Return what of the description the beats depend on."""
        return dict(
            name=self.name,
            lead=self.lead,
            annotator=self.annotator,
            symbols=dict(self.symbols),
            marks_at_r=self.marks_at_r,
            stand_ins={name: dict(leads) for name, leads in self.stand_ins.items()},
        )


@cache
def _code_sha256() -> str:
    """Return a hash of the code between files and beats, so that a change of it leaves old caches behind."""
    here = Path(__file__).parent
    names = ("wfdb", "windows", "timing", "database", "beats", "store/cache")
    code = b"".join((here / f"{name}.py").read_bytes() for name in names)
    libraries = "".join(f"{name} {version(name)}\n" for name in ("wfdb", "scipy", "numpy"))
    return hashlib.sha256(code + libraries.encode()).hexdigest()
