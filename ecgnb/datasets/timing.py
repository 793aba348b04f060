"""How each beat stands in time: RR features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.wfdb import Record

RR_FEATURES = ("previous RR (s)", "next RR (s)", "previous RR over its mean so far", "previous RR over the last eight")


def rr_features(record: Record) -> NDArray[np.float32]:
    """Return the timing of each beat of a record, (n_beats, 4): as `rr_features_of` gives it."""
    return rr_features_of(record.r_sample / record.fs)


def rr_features_of(r: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the timing of each beat: see `RR_FEATURES`.

    Both means run over intervals before this one, all of the record's and the last eight, so they could be computed
    while the patient is watched. A beat with no history has the ratio 1; the first beat's previous interval, and the
    last one's next, is its other one.

    Parameters
    ----------
    r : (n_beats,) float array
        Time of each R peak, in seconds.

    Returns
    -------
    (n_beats, 4) float32 array
    """
    if len(r) < 2:
        return np.ones((len(r), len(RR_FEATURES)), dtype=np.float32)
    interval = np.diff(r)
    n, total = np.arange(1, len(interval)), np.r_[0, np.cumsum(interval)]  # intervals before the third beat on
    ratio, recent = np.ones(len(r)), np.ones(len(r))
    ratio[2:] = interval[1:] / (total[n] / n)
    recent[2:] = interval[1:] / ((total[n] - total[np.maximum(n - 8, 0)]) / np.minimum(n, 8))
    return np.stack([np.r_[interval[0], interval], np.r_[interval, interval[-1]], ratio, recent], axis=1).astype(
        np.float32
    )


def log_rr(rr: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return RR features as a network or a regression reads them: their logarithm, held between 0.2 and 3.

    So twice as long and half as long are as far from 1, and one missed beat does not outweigh all others.

    Parameters
    ----------
    rr : (n_beats, n_features) array
        As `rr_features` gives them.
    """
    return np.asarray(np.log(np.clip(rr, 0.2, 3)))
