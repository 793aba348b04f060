"""How well R peaks were found: pairs of reference and found peaks, sensitivity, positive predictive value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOLERANCE = 0.15  # s between a found and a marked R peak that are the same beat, after ANSI/AAMI EC57


def match_r_peaks(
    found: ArrayLike, marked: ArrayLike, fs: float, *, tolerance: float = TOLERANCE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair the R peaks that were found with those that are marked, each at most once.

    Parameters
    ----------
    found, marked : (n,), (m,) int arrays
        Samples, in order of time.
    fs : float
    tolerance : float
        Most seconds between the two of a pair.

    Returns
    -------
    of_found, of_marked : (n_pairs,) int64 arrays
        Positions in the two arrays. What is not in them was found and is no beat, or is a beat that was missed.
    """
    found, marked = np.asarray(found, dtype=np.int64), np.asarray(marked, dtype=np.int64)
    if not len(found) or not len(marked):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    from wfdb.processing import compare_annotations

    partner = compare_annotations(marked, found, int(tolerance * fs) + 1).matching_sample_nums
    pairs = [(int(mine), position) for position, mine in enumerate(partner) if mine is not None and mine >= 0]
    of_found, of_marked = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return of_found, of_marked


def detection_counts(n_pairs: int, n_marked: int, n_found: int) -> NDArray[np.int64]:
    """Return one recording's counts, (1, 3): beats found, beats marked, and R peaks that a detector gave.

    Stacked over recordings they are what `classification.estimate` takes for `sensitivity` and
    `positive_predictive_value`.
    """
    return np.array([[n_pairs, n_marked, n_found]], dtype=np.int64)


def sensitivity(counts: NDArray[Any]) -> Any:
    """Share of marked beats that were found, (..., 1, 3) to (...)."""
    return counts[..., 0, 0] / counts[..., 0, 1]


def positive_predictive_value(counts: NDArray[Any]) -> Any:
    """Share of what was found that is a beat, (..., 1, 3) to (...)."""
    return counts[..., 0, 0] / np.maximum(counts[..., 0, 2], 1)
