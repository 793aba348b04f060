"""The twelve leads of a standard ECG out of a file of any form, and what is doubtful about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.own.electrodes import arms_look_swapped
from ecgnb.datasets.own.lead_names import Place, places_of
from ecgnb.datasets.own.opened import OpenedFile
from ecgnb.datasets.own.recorded import Recording
from ecgnb.datasets.ptbxl_signals import resampled
from ecgnb.datasets.twelve_leads import LEADS, LIMB_LEADS, einthoven_error, limb_leads
from ecgnb.datasets.windows import fill_gaps
from ecgnb.errors import DataError, UsageError, plain_text

IN_MV = {"mv": 1.0, "millivolt": 1.0, "millivolts": 1.0, "uv": 1e-3, "microvolt": 1e-3, "microvolts": 1e-3,
         "nv": 1e-6, "v": 1e3, "volt": 1e3, "volts": 1e3}  # fmt: skip

FLAT_MV = 0.01  # a lead that stays within so much is flat; where the unit is wrong, within a part of the others'

MOST_ERROR = 0.05  # of Einthoven's law, as a share of the leads' size; rounding makes some thousandths

PLAUSIBLE_MV = (0.1, 30.0)  # that the leads of a person reach

ABSURD = 1e12  # of any unit; no sample that somebody recorded

LONGEST = 3600.0  # s

LEAST_FS, MOST_LACKING = 100.0, 0.1

SPARE = 0.2  # s that a recording of ten may be too short


@dataclass(frozen=True, eq=False)
class TwelveLeads:
    """A recording of the twelve standard leads.

    Parameters
    ----------
    name : str
    signal : (12, n_samples) float32 array
        mV; the leads as in `leads`; NaN where there is no value.
    fs : float
        Samples per second.
    read : str
        One line: file, rate and where it came from, unit, length.
    notes : tuple of str
        What is doubtful, and what was derived or assumed; each a sentence.
    derived : tuple of str
        Leads that the file lacks, and that follow from others.
    flat : tuple of str
        Leads in which nothing happens.
    einthoven : float
        How far the limb leads are from Einthoven's law, as a share of their size; 0 where too few were recorded.
    arms_swapped : bool
        Whether the wires of the arms look exchanged.
    """

    name: str
    signal: NDArray[np.float32]
    fs: float
    read: str = ""
    notes: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    flat: tuple[str, ...] = ()
    einthoven: float = 0.0
    arms_swapped: bool = False

    @property
    def leads(self) -> tuple[str, ...]:
        """I, II, III, aVR, aVL, aVF, V1 to V6."""
        return LEADS

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.signal.shape[1] / self.fs

    def lead(self, name: str) -> Recording:
        """Return one lead as a recording of its own; names as in `leads`, in any case.

        Raises
        ------
        UsageError
            For another name.
        """
        known = {lead.lower(): k for k, lead in enumerate(LEADS)}
        if name.lower() not in known:
            raise UsageError(f"lead {name!r} is none of {', '.join(LEADS)}")
        position = known[name.lower()]
        return Recording(self.name, self.signal[position], self.fs, LEADS[position], "mV", self.read, self.notes)

    def ten_seconds(self, fs: float = 100.0, *, start: float = 0.0) -> NDArray[np.float32]:
        """Return ten seconds at a rate, as a network reads them.

        Parameters
        ----------
        fs : float
            Hz; what that rate cannot hold is filtered out.
        start : float
            s.

        Returns
        -------
        (12, 10 fs) float32 array
            mV, without gaps: short ones are bridged.

        Raises
        ------
        DataError
            Where the recording is shorter, of a lower rate, or lacks more than a tenth of a lead.
        """
        left = self.seconds - start
        if start < 0 or left < 10 - SPARE:
            rest = f", {left:.1f} of them from {start:g} s on" if start else ""
            raise DataError(
                f"{self.name} lasts {self.seconds:.1f} s{rest}; "
                "expected ten seconds of twelve leads, from which the labels were learned"
            )
        if self.fs < min(fs, LEAST_FS) - 1e-9:
            raise DataError(f"{self.name} has {self.fs:g} samples per second; expected at least {fs:g}")
        first = round(start * self.fs)
        part = self.signal[:, first : first + round(10 * self.fs)]
        lacking = {lead: share for lead, share in zip(LEADS, np.isnan(part).mean(axis=1), strict=True) if share}
        if bad := [lead for lead, share in lacking.items() if share > MOST_LACKING]:
            raise DataError(f"{self.name} has no value in {lacking[bad[0]]:.0%} of lead {bad[0]}; expected nearly all")
        whole = resampled(np.stack([fill_gaps(one)[0] for one in part]), self.fs, fs)
        n_wanted = round(10 * fs)
        return np.pad(whole[:, :n_wanted], ((0, 0), (0, max(0, n_wanted - whole.shape[1]))), mode="edge")


class _Parts(NamedTuple):
    """Leads as they were read, by name, and what was said on the way."""

    signals: dict[str, NDArray[np.float64]]
    first: Recording
    notes: list[str]


def read_twelve_leads(file: OpenedFile, fs: float | None, unit: str | None) -> TwelveLeads:
    """Read the twelve leads of a file; see `recording.read_recording`.

    Raises
    ------
    UsageError
        For a unit that is none, or that the file contradicts.
    DataError
        Where leads are missing that do not follow from others, differ in rate or length, or no unit or rate is known.
    """
    if unit is not None and _in_mv(unit) is None:
        raise UsageError(f"unit={unit!r}; expected mV, uV or V")
    names = file.signals()
    places, assumed = places_of([name for name, _ in names], file.file)
    parts = _read_parts(file, names, places, fs, unit)
    notes = list(parts.notes)
    if turned := [lead for lead, place in places.items() if place.sign < 0]:
        notes.append(f"the file has {' and '.join(turned)} upside down by its name: turned over")
    derived = tuple(lead for lead in LIMB_LEADS if lead not in places)
    every = parts.signals
    if derived:
        limbs = limb_leads({lead: every[lead] for lead in LIMB_LEADS if lead in every})
        every = {lead: limbs[lead] if lead in derived else every[lead] for lead in LEADS}
        given = [lead for lead in LIMB_LEADS if lead in places]
        notes.append(f"{_and(derived)} derived from {_and(given)}, by Einthoven's and Goldberger's equations")
    signal = np.stack([every[lead] for lead in LEADS]).astype(np.float32)
    return _checked(file, parts.first, signal, derived, notes, assumed)


def _read_parts(
    file: OpenedFile, names: list[tuple[str, str]], places: dict[str, Place], fs: float | None, unit: str | None
) -> _Parts:
    """Read each lead that a file has, in mV."""
    plain_names = [name.strip().lower() for name, _ in names]
    signals: dict[str, NDArray[np.float64]] = {}
    first: Recording | None = None
    notes: list[str] = []
    for lead, (position, sign) in places.items():
        named = plain_names[position] and plain_names.count(plain_names[position]) == 1
        found = file.read(fs, names[position][0] if named else str(position + 1))
        first = first or found
        if found.fs is None:
            raise DataError(f"{file.file} does not say how many samples a second has; give fs (--fs)")
        if len(found.signal) / found.fs > LONGEST:  # before eleven more are read
            raise DataError(f"{file.file} lasts {len(found.signal) / found.fs / 3600:.1f} hours; expected at most one")
        if found.fs != first.fs or len(found.signal) != len(first.signal):
            raise DataError(
                f"{file.file}: lead {lead} has {len(found.signal):,} samples at {found.fs:g} Hz, and another "
                f"{len(first.signal):,} at {first.fs:g}; expected the same of all twelve"
            )
        in_mv = _factor(file, lead, found, names[position][1], unit)
        known = np.where(np.abs(found.signal) < ABSURD, found.signal, np.nan).astype(np.float64)
        signals[lead] = sign * in_mv * known
        notes += [note for note in found.notes if note not in notes]
    assert first is not None and first.fs
    return _Parts(signals, first, notes)


def _factor(file: OpenedFile, lead: str, found: Recording, said: str, given: str | None) -> float:
    """Return how many mV one unit of a lead is."""
    known = _in_mv(found.unit) if found.unit else _in_mv(said)
    wanted = _in_mv(given) if given else None
    if known is None and wanted is None:
        says = f" ({plain_text(found.unit or said, 20)})" if found.unit or said else ""
        raise DataError(
            f"{file.file} does not say in which unit lead {lead} is{says}; the twelve leads are judged by their "
            "millivolts: give unit='mV' or unit='uV' (--unit)"
        )
    if known is not None and wanted is not None and known != wanted:
        raise UsageError(f"unit={given!r}, but {file.file} says {found.unit or said}; leave unit out")
    factor = known if known is not None else wanted
    assert factor is not None
    return factor


def _in_mv(unit: str) -> float | None:
    return IN_MV.get(unit.strip().replace("µ", "u").replace("μ", "u").lower())


def _checked(
    file: OpenedFile,
    first: Recording,
    signal: NDArray[np.float32],
    derived: tuple[str, ...],
    notes: list[str],
    assumed: bool,
) -> TwelveLeads:
    """Look at what was read, and say what is doubtful."""
    fs = float(first.fs or 0)
    with np.errstate(invalid="ignore"):
        span = np.array([np.ptp(one[np.isfinite(one)]) if np.isfinite(one).any() else 0.0 for one in signal])
    least = min(FLAT_MV, 0.05 * float(np.median(span)))
    flat = tuple(lead for lead, size in zip(LEADS, span, strict=True) if size <= least)
    if len(flat) == len(LEADS):
        raise DataError(f"{file.file}: all leads are flat; expected an ECG")
    if flat:
        notes.append(f"{'leads' if len(flat) > 1 else 'lead'} {_and(flat, flat=True)}: was the electrode off?")
    highest = float(np.median(span))
    if not PLAUSIBLE_MV[0] <= highest <= PLAUSIBLE_MV[1]:
        notes.append(f"its leads span {highest:.3g} mV, which no heart makes: is the unit right?")
    errors = einthoven_error(signal) if len(derived) < 4 else np.zeros(6)
    off = float(errors.max())
    if assumed:
        if off > MOST_ERROR:
            raise DataError(
                f"{file.file} has twelve signals without names, and in the usual order (I, II, III, aVR, aVL, aVF, V1 "
                "to V6) they do not obey Einthoven's law; name them in its first line"
            )
        notes.append("its leads have no names: the usual order was assumed, in which Einthoven's law holds")
    elif off > MOST_ERROR:
        notes.append(
            f"Einthoven's law does not hold: {LIMB_LEADS[int(errors.argmax())]} is {off:.0%} of the leads' size from "
            "what the other limb leads say; they do not belong together, or were scaled one by one"
        )
    swapped = arms_look_swapped(signal, fs)
    if swapped:
        notes.append(
            "the arm electrodes look swapped: P and QRS of lead I point down, those of V6, which looks the same way, up"
        )
    if (lacking := np.isnan(signal).mean(axis=1)).max() > 0:
        worst = int(lacking.argmax())
        notes.append(f"lead {LEADS[worst]} has no value in {lacking[worst]:.1%} of it")
    seconds = signal.shape[1] / fs
    rate = first.read.partition(" Hz (")[2].partition("), ")[0]
    how = f"12 leads, {fs:g} Hz ({rate})" if rate else f"12 leads, {fs:g} Hz"
    archive = f"{file.archive}: " if file.archive else ""
    read = f"{archive}{plain_text(file.file)}, {how}, in mV, {seconds:,.1f} s"
    return TwelveLeads(first.name, signal, fs, read, tuple(notes), derived, flat, off, swapped)


def _and(leads: tuple[str, ...] | list[str], flat: bool = False) -> str:
    """Return leads as a sentence names them."""
    named = leads[0] if len(leads) == 1 else f"{', '.join(leads[:-1])} and {leads[-1]}"
    return f"{named} {'are' if len(leads) > 1 else 'is'} flat" if flat else named
