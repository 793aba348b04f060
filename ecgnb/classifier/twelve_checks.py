"""Whether twelve leads can be what a network of twelve leads learned from: what is none of it, and what is doubtful.

A network answers whatever it is given. So what cannot be a standard ECG is refused before it is asked, and where
something looks wrong its answers count for nothing. All bounds were set where PTB-XL's 488 recordings end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.own.electrodes import arms_look_swapped, chest_looks_reversed
from ecgnb.datasets.own.twelve import FLAT_MV, MOST_ERROR, PLAUSIBLE_MV
from ecgnb.datasets.twelve_leads import LEADS, LIMB_LEADS, einthoven_error
from ecgnb.detection.gate import looks_like_ecg
from ecgnb.detection.quality import find_faults
from ecgnb.detection.r_peaks import detect_r_peaks
from ecgnb.errors import DataError, NoEcgError

INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")  # the other four follow from the first two

MOST_ALIKE = 0.9999  # correlation of two independent leads; of 488 recordings no two reach 0.9994

LEAST_APART = (0.1, 0.04)  # second and third singular value to the first; 0.11 and 0.05 at the least of 488 recordings

BROKEN = 2 * MOST_ERROR  # of Einthoven's law; of 488 recordings one comes to 0.06, the others to 0.005

LEAST_ECG, USUAL_ECG = 6, 10  # leads that look like an ECG; of 488 recordings all have 7, and 481 have 10

LEARNED_MV = (0.5, 5.0)  # span of the middle lead; 0.58 to 4.55 of what the network learned from

LEARNED_RATE = (30.0, 175.0)  # beats a minute; 31 to 171

LEAST_TOGETHER = 0.7  # of the beats in II are in the middle chest lead, too; 0.76 to 1 of 488 recordings

SAME_BEAT = 0.15  # s between the same beat in two leads

MOST_LOST = 0.5  # s of a lead that may be without value or change, or stand at the end of its range


def check_twelve(signal: NDArray[np.float32], known: NDArray[np.bool_], fs: float, name: str) -> tuple[str, ...]:
    """Refuse what is no ECG of twelve leads, and return what is doubtful about the rest.

    Parameters
    ----------
    signal : (12, n_samples) float32 array
        Ten seconds in mV, the leads as in `LEADS`, gaps bridged.
    known : (12,) bool array
        Which leads had a value nearly all the time.
    fs : float
        Hz; 100 is enough.
    name : str
        Of the recording, for errors.

    Returns
    -------
    tuple of str
        Each a clause; empty where nothing is.

    Raises
    ------
    NoEcgError
        Where fewer than half of the leads look like an ECG.
    DataError
        Where leads are flat or the same, break Einthoven's law, or are larger or smaller than any heart makes them.
    """
    span = np.ptp(signal, axis=1)
    middle = float(np.median(span))
    if flat := [lead for lead, size in zip(LEADS, span, strict=True) if size <= FLAT_MV]:
        what = f"lead {flat[0]} is" if len(flat) == 1 else f"leads {', '.join(flat)} are"
        raise DataError(f"{name}: {what} flat, which is as good as missing; expected twelve leads that change")
    is_ecg = np.array([looks_like_ecg(one, fs) for one in signal])
    if is_ecg.sum() < LEAST_ECG:
        raise NoEcgError(
            f"{name} does not look like an ECG: {is_ecg.sum()} of its twelve leads do; expected {LEAST_ECG} at least"
        )
    _refuse_copies(signal, name)
    if not PLAUSIBLE_MV[0] <= middle <= PLAUSIBLE_MV[1]:
        raise DataError(f"{name}: its leads span {middle:.3g} mV, which no heart makes; is the unit right?")
    error = einthoven_error(signal)
    off = f"lead {LIMB_LEADS[int(error.argmax())]} is {error.max():.0%} of the leads' size from what the others say"
    if error.max() > BROKEN:
        raise DataError(
            f"{name} breaks Einthoven's law: {off}; expected leads of one recording, none of them scaled by itself"
        )
    doubts = [f"Einthoven's law does not hold: {off}"] if error.max() > MOST_ERROR else []
    if arms_look_swapped(signal, fs):
        doubts.append("the arm electrodes look swapped")
    if chest_looks_reversed(signal, fs):
        doubts.append(
            "the QRS complex points up in V1 and down in V6: are leads upside down, or chest leads in another order?"
        )
    if is_ecg.sum() < USUAL_ECG:
        doubts.append(f"of its leads {_listed(~is_ecg)} do not look like an ECG")
    return (*doubts, *_unlike_what_was_learned(signal, middle, fs), *_faults(signal, known, fs))


def _independent(signal: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the leads that do not follow from each other, without their means."""
    leads = signal[[LEADS.index(lead) for lead in INDEPENDENT]].astype(np.float64)
    return leads - leads.mean(axis=1, keepdims=True)


def _refuse_copies(signal: NDArray[np.float32], name: str) -> None:
    """Raise `DataError` where two leads are one, scaled or turned over or as it is."""
    alike = np.abs(np.corrcoef(_independent(signal)))
    np.fill_diagonal(alike, 0)
    first, second = np.unravel_index(int(alike.argmax()), alike.shape)
    if alike.max() > MOST_ALIKE:
        raise DataError(
            f"{name}: leads {INDEPENDENT[int(first)]} and {INDEPENDENT[int(second)]} are one and the same signal; "
            "expected twelve leads, each from its own place"
        )


def _unlike_what_was_learned(signal: NDArray[np.float32], middle: float, fs: float) -> list[str]:
    """Say where size, variety, rate and beats are unlike those of the recordings that the network learned from."""
    doubts = []
    if not LEARNED_MV[0] <= middle <= LEARNED_MV[1]:
        low, high = LEARNED_MV
        doubts.append(f"its leads span {middle:.2g} mV; what the network learned from spans {low:g} to {high:g}")
    first, *others = np.linalg.svd(_independent(signal), compute_uv=False)
    if any(other < least * first for other, least in zip(others, LEAST_APART, strict=False)):
        doubts.append("its leads show one or two signals, weighted by turns, where a heart's show three")
    peaks = [detect_r_peaks(lead, fs) / fs for lead in signal]
    ii, chest = peaks[LEADS.index("II")], peaks[LEADS.index("V1") :]
    rate = 60 / float(np.median(np.diff(ii))) if len(ii) > 1 else 0.0
    if not LEARNED_RATE[0] <= rate <= LEARNED_RATE[1]:
        said = f"a heart rate of {rate:.0f} a minute" if rate else "no heart rate can be told"
        doubts.append(f"{said}: is the sampling rate right?")
    if float(np.median([_together(ii, one) for one in chest])) < LEAST_TOGETHER:
        doubts.append("the chest leads do not beat with the limb leads: are they of one recording?")
    return doubts


def _together(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the share of the beats of either lead that the other has, too."""
    apart = np.abs(one[:, None] - other)
    if not apart.size:
        return 0.0
    n_near = sum(int((apart.min(axis=axis) <= SAME_BEAT).sum()) for axis in (0, 1))
    return n_near / (len(one) + len(other))


def _faults(signal: NDArray[np.float32], known: NDArray[np.bool_], fs: float) -> list[str]:
    """Say which leads are lost for a while."""
    lost = ~known
    for place, lead in enumerate(signal):
        faults = find_faults(lead, fs)
        lost[place] |= faults["seconds"].sum() > MOST_LOST
    return [f"leads lost for a while, without value or change, or at the end of their range: {_listed(lost)}"] * int(
        lost.any()
    )


def _listed(which: NDArray[np.bool_]) -> str:
    return ", ".join(lead for lead, one in zip(LEADS, which, strict=True) if one)
