"""One lead of anybody's recording, or twelve, read from what people have."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, overload

from ecgnb.datasets.own.columns import LooksLikeEcg
from ecgnb.datasets.own.opened import opened
from ecgnb.datasets.own.recorded import Recording
from ecgnb.datasets.own.twelve import TwelveLeads, read_twelve_leads
from ecgnb.errors import UsageError

__all__ = ["Recording", "TwelveLeads", "read_one_lead", "read_recording"]

ALL = "all"  # in place of a lead: the twelve of a standard ECG


@overload
def read_recording(  # type: ignore[overload-overlap]
    path: str | Path, *, fs: float | None = None, lead: Literal["all"], unit: str | None = None
) -> TwelveLeads: ...


@overload
def read_recording(
    path: str | Path, *, fs: float | None = None, lead: str | None = None, looks_like_ecg: LooksLikeEcg | None = None
) -> Recording: ...


def read_recording(
    path: str | Path,
    *,
    fs: float | None = None,
    lead: str | None = None,
    unit: str | None = None,
    looks_like_ecg: LooksLikeEcg | None = None,
) -> Recording | TwelveLeads:
    """Read one lead of a recording, or the twelve of a standard ECG.

    Parameters
    ----------
    path : path
        A WFDB record (one of its files, or its name without an ending; of several segments, too); a table of text in
        any encoding, its columns divided by comma, semicolon, tab or spaces, with or without lines above that name
        them, or with a lead a line; EDF or BDF; a ``.npy`` file of shape (n_samples,) or (n_samples, n_leads); or a
        ``.zip`` with one of these in it.
    fs : float, optional
        Samples per second. Where it is not given it comes from a header, from a line such as
        ``Sample Rate,512 hertz``, or from a column of time.
    lead : str, optional
        Name of a lead or of a column, or its number from 1 on. Where it is not given: the one that is named as an ECG,
        one in which R usually stands upright before others; else the only one that could be an ECG by what it does.
        With "all" the twelve leads of a standard ECG are read, by whatever names and in whatever order they are there.
    unit : str, optional
        With ``lead="all"``: "mV", "uV" or "V", where the file does not say.
    looks_like_ecg : callable, optional
        Such as `detection.looks_like_ecg`: asked of a signal and its rate where neither names nor what columns do can
        tell which is the ECG.

    Returns
    -------
    Recording, or TwelveLeads
        The latter with ``lead="all"``; what is doubtful is in its `notes`.

    Raises
    ------
    UsageError
        For a unit with one lead, or a rate or unit that the file contradicts.
    DataError
        Where the file is absent, too large, empty, damaged, of another kind, or holds no such lead; where several
        columns could be the ECG, or none; a line of text is named.
    """
    if lead == ALL:
        with opened(Path(path)) as file:
            return read_twelve_leads(file, fs, unit)
    if unit is not None:
        raise UsageError(f"unit={unit!r} is for lead='all'; expected none with one lead")
    return read_one_lead(path, fs=fs, lead=lead, looks_like_ecg=looks_like_ecg)


def read_one_lead(
    path: str | Path, *, fs: float | None = None, lead: str | None = None, looks_like_ecg: LooksLikeEcg | None = None
) -> Recording:
    """Read one lead of a recording, as `read_recording` does, which a program that takes one alone calls.

    Raises
    ------
    UsageError
        For ``lead="all"``.
    DataError
        As `read_recording`.
    """
    if lead == ALL:
        raise UsageError("lead='all' means twelve leads, and one is read here; expected its name or its number")
    with opened(Path(path)) as file:
        return file.read(fs, lead, looks_like_ecg)
