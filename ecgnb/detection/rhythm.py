"""Is there a rhythm at all? Where intervals follow no rule, "early" has no meaning, and nor has class S."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

N_BEATS = 48  # intervals that are looked at together
N_BETWEEN = 12  # beats between one look and the next
SAME = 0.03  # s between two intervals that are alike
IRREGULAR = -0.8  # coefficient of sample entropy above which a rhythm is irregular; chosen in lesson 07


def sample_entropy_coefficient(rr: NDArray[np.floating], same: float = SAME) -> NDArray[np.float64]:
    """Return how little an interval says of the next one: high in atrial fibrillation, low in any even rhythm.

    The coefficient of sample entropy, CosEn, with templates of one interval: Lake and Moorman 2011,
    doi:10.1152/ajpheart.00561.2010. Where intervals like each other are followed by intervals like each other, it is
    low, so that bigeminy (short, long, short, long) counts as regular, which no standard deviation would see.

    Parameters
    ----------
    rr : (..., n) float array
        Intervals, s.
    same : float
        Two intervals are alike that differ by less, s.
    """
    rr = np.asarray(rr, dtype=np.float64)
    alike = np.abs(rr[..., :, None] - rr[..., None, :]) < same
    before = np.triu(alike[..., :-1, :-1], 1)  # pairs that have a successor each
    after = before & alike[..., 1:, 1:]
    n_before, n_after = (np.maximum(pairs.sum(axis=(-2, -1)), 1) for pairs in (before, after))
    return np.asarray(np.log(n_before / n_after) + np.log(2 * same) - np.log(rr.mean(axis=-1)))


def irregularity(rr: ArrayLike, n_beats: int = N_BEATS) -> NDArray[np.float64]:
    """Return the coefficient of sample entropy around each beat, over the `n_beats` intervals nearest to it.

    Parameters
    ----------
    rr : (n,) float array
        Intervals in order of time, s; NaN where one is not known.

    Returns
    -------
    (n,) float array
        NaN where a third of the intervals around are not known, and throughout a recording of fewer.
    """
    rr = np.asarray(rr, dtype=np.float64)
    found = np.full(len(rr), np.nan)
    if len(rr) < n_beats:
        return found
    start = np.unique(np.r_[np.arange(0, len(rr) - n_beats, N_BETWEEN), len(rr) - n_beats])
    windows = rr[start[:, None] + np.arange(n_beats)]
    known = np.isfinite(windows).mean(axis=1) > 2 / 3
    usual = np.nanmedian(np.where(known[:, None], windows, 1), axis=1, keepdims=True)
    value = np.full(len(start), np.nan)
    filled = np.where(np.isfinite(windows), windows, usual)
    value[known] = sample_entropy_coefficient(filled[known])
    halfway = (start[1:] + start[:-1] + n_beats) / 2  # between the middles of two windows
    return value[np.searchsorted(halfway, np.arange(len(rr)))]


def irregular_stretches(time: ArrayLike, is_irregular: ArrayLike) -> pd.DataFrame:
    """Return the stretches in which the rhythm is irregular.

    Parameters
    ----------
    time : (n_beats,) float array
        Of each R peak, s.
    is_irregular : (n_beats,) bool array

    Returns
    -------
    DataFrame
        One row a stretch: start_s, seconds, beats.
    """
    time, mask = np.asarray(time, dtype=np.float64), np.asarray(is_irregular, dtype=bool)
    first, last = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8))).reshape(-1, 2).T
    return pd.DataFrame({"start_s": time[first], "seconds": time[last - 1] - time[first], "beats": last - first})
