"""The twelve leads of a standard ECG, and what follows from what among the six of the limbs.

Three electrodes, on the right arm, the left arm and the left leg, make six leads: I, II, III (Einthoven) and aVR, aVL,
aVF (Goldberger). Any two of the six say what the other four are, and a recording in which they say something else was
not recorded so. In it leads were scaled one by one, mixed up, or taken from different times.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.windows import highpassed

LIMB_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF")

CHEST_LEADS = ("V1", "V2", "V3", "V4", "V5", "V6")

LEADS = LIMB_LEADS + CHEST_LEADS

HIGHPASS, UNIT = (
    0.5,
    0.25,
)  # Hz; mV, about the standard deviation of a chest lead, so that networks read numbers around 1

# Each limb lead as so much of lead I and so much of lead II.
FROM_I_AND_II = {
    "I": (1.0, 0.0),
    "II": (0.0, 1.0),
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}


def limb_leads(known: Mapping[str, NDArray[np.floating]]) -> dict[str, NDArray[np.float64]]:
    """Return all six limb leads as they follow from two or more of them.

    Parameters
    ----------
    known : mapping of str to (n_samples,) float array
        By name, two to six of `LIMB_LEADS`; NaN where there is no value.

    Returns
    -------
    dict of str to (n_samples,) float64 array
        By name. From more than two, those two leads I and II that fit them all best (least squares).
    """
    given = [name for name in LIMB_LEADS if name in known]
    weights = np.array([FROM_I_AND_II[name] for name in given])
    i_and_ii = np.linalg.pinv(weights) @ np.stack([np.asarray(known[name], np.float64) for name in given])
    return {name: np.asarray(FROM_I_AND_II[name]) @ i_and_ii for name in LIMB_LEADS}


def prepared_leads(signal: NDArray[np.floating], fs: float) -> NDArray[np.float32]:
    """Return recordings as networks of twelve leads read them: no wandering baseline, in units of 0.25 mV.

    The height of the waves stays: of hypertrophy it is the sign.

    Parameters
    ----------
    signal : (..., n_samples) float array
        mV, all values finite.
    fs : float
        Hz.
    """
    return (highpassed(signal, fs, HIGHPASS) / UNIT).astype(np.float32)


def einthoven_error(signal: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how far each limb lead is from what the others say, as a share of the leads' size.

    Parameters
    ----------
    signal : (12, n_samples) or (6, n_samples) float array
        The first six as in `LIMB_LEADS`; NaN where there is no value.

    Returns
    -------
    (6,) float64 array
        Root mean square of the lead's deviation, divided by that of the six leads, all without their means; 0 of a
        recording in which nothing is recorded. Rounding makes some thousandths.
    """
    limbs = np.asarray(signal[:6], np.float64)
    limbs = limbs[:, np.isfinite(limbs).all(axis=0)]
    if not limbs.size:
        return np.zeros(6)
    limbs = limbs - limbs.mean(axis=1, keepdims=True)  # medians do not add up
    fitting = np.stack(list(limb_leads(dict(zip(LIMB_LEADS, limbs, strict=True))).values()))
    size = np.sqrt(np.mean(limbs**2))
    return np.sqrt(np.mean((limbs - fitting) ** 2, axis=1)) / (size or 1.0)
