"""Whether the electrodes sat where they belong: what exchanged wires do to a recording of twelve leads."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from ecgnb.datasets.twelve_leads import LEADS

LEAST_BEATS, LEAST_FS = 3, 50.0

LEAST_MV = 0.02  # of a wave that points anywhere

OPPOSITE = -0.4  # correlation of the average beats in I and V6


def arms_look_swapped(signal: NDArray[np.floating], fs: float) -> bool:
    """Say whether the wires of the right and the left arm look exchanged.

    Lead I is then upside down: P, QRS and T point downwards; II and III have changed places, and aVR, usually the one
    lead in which all three point downwards, with aVL. The chest leads stay as they are, so that V6, which looks the way
    of lead I, is its opposite; in a person whose heart lies on the right it is not. Of 488 records of PTB-XL and 200 of
    LUDB none is taken for swapped; where the two wires are exchanged on paper, four in five of PTB-XL are, and of its
    normal ECGs nineteen in twenty. Without a P wave, as in atrial fibrillation, nobody can say so this way.

    Parameters
    ----------
    signal : (12, n_samples) float array
        mV, the leads as in `LEADS`; NaN where there is no value.
    fs : float
        Hz.
    """
    beat = average_beat(signal, fs) if fs >= LEAST_FS else None
    if beat is None:
        return False
    i, v6 = beat[LEADS.index("I")], beat[LEADS.index("V6")]
    p, qrs, t = _directions(i, fs)
    alike = float(i @ v6) / (float(np.sqrt((i @ i) * (v6 @ v6))) or 1.0)
    return alike < OPPOSITE and p < -LEAST_MV / 2 and qrs < 0 and t < LEAST_MV and _directions(v6, fs)[1] > LEAST_MV


def chest_looks_reversed(signal: NDArray[np.floating], fs: float) -> bool:
    """Say whether the chest leads look upside down, or in the order V6 to V1.

    The QRS complex of a heart on the left points down in V1, from which the ventricles' excitation runs away, and up in
    V6. Where it is the other way round, leads are upside down (all of them, perhaps) or in another order; or it is one
    of the few hearts in which it is so: of 488 records of PTB-XL three, with right bundle branch block. Reversed or
    turned over on paper, more than nine in ten are told.

    Parameters
    ----------
    signal : (12, n_samples) float array
        mV, the leads as in `LEADS`; NaN where there is no value.
    fs : float
        Hz.
    """
    beat = average_beat(signal, fs) if fs >= LEAST_FS else None
    if beat is None:
        return False
    v1, v6 = (_directions(beat[LEADS.index(lead)], fs)[1] for lead in ("V1", "V6"))
    return v1 > LEAST_MV and v6 < -LEAST_MV


def average_beat(signal: NDArray[np.floating], fs: float) -> NDArray[np.float64] | None:
    """Return the median of the beats, from 300 ms before R to 450 ms after it; None where there are too few.

    The beats are found by how fast all leads together change; see `detection.r_peaks` for a detector that is measured.

    Returns
    -------
    (12, n) float64 array
        mV, from the level before the QRS.
    """
    known = np.nan_to_num(np.asarray(signal, np.float64))
    slope = np.abs(np.diff(known, axis=1, append=known[:, -1:])).sum(axis=0)
    energy = scipy.ndimage.uniform_filter1d(slope, max(1, round(0.08 * fs)))
    before, after = round(0.3 * fs), round(0.45 * fs)
    peaks, _ = scipy.signal.find_peaks(energy, height=0.4 * np.quantile(energy, 0.99), distance=max(1, round(0.3 * fs)))
    peaks = peaks[(peaks >= before) & (peaks < known.shape[1] - after)]
    if len(peaks) < LEAST_BEATS:
        return None
    beat = np.median(known[:, peaks[:, None] + np.arange(-before, after)], axis=1)
    level = slice(before - round(0.09 * fs), before - round(0.055 * fs) + 1)
    return beat - np.median(beat[:, level], axis=1, keepdims=True)


def _directions(beat: NDArray[np.float64], fs: float) -> tuple[float, float, float]:
    """Return how high P, QRS and T of an average beat are, mV, negative where they point downwards."""
    r = round(0.3 * fs)

    def part(start: float, end: float) -> NDArray[np.float64]:
        return beat[max(0, r + round(start * fs)) : r + round(end * fs)]

    qrs, p, t = part(-0.055, 0.055), part(-0.24, -0.08), part(0.14, 0.42)
    return float(_furthest(p - np.median(beat[: max(1, round(0.06 * fs))]))), float(qrs.max() + qrs.min()), _furthest(t)


def _furthest(part: NDArray[np.float64]) -> float:
    return float(part[np.argmax(np.abs(part))])
