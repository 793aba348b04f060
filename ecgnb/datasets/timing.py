"""How each beat stands in time: RR features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.wfdb import Record
from ecgnb.errors import UsageError

LEVELS = ("mean", "median", "running", "local")

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


def relative_rr(rr: NDArray[np.floating], level: str = "mean", *, next_rr: bool = True) -> NDArray[np.float32]:
    """Return the timing of a recording's beats relative to what is usual in it, as a network reads it.

    A beat is early or late compared with something. The mean interval of the recording is that something here: where
    premature beats are the rule, the median calls them normal. Ratios say nothing of the heart rate itself.

    Parameters
    ----------
    rr : (n_beats, 2 or more) array
        Of one recording, in order of time: previous and next interval in seconds, as `rr_features_of` gives them.
    level : {"mean", "median", "running", "local"}
        Of all intervals; or the mean of those up to the beat, which a stream can know; or of the eight before it.
    next_rr : bool
        Whether the next interval is known.

    Returns
    -------
    (n_beats, 4) float32 array, or (n_beats, 2) where the next interval is not known
        Logarithms, held between 0.2 and 3 (`log_rr`), of previous interval over level and over the mean of the eight
        before it; next interval over level and over the previous one.
    """
    if level not in LEVELS:
        raise UsageError(f"level={level!r}; expected one of: {', '.join(LEVELS)}")
    if not len(rr):
        return np.zeros((0, 4 if next_rr else 2), dtype=np.float32)
    before, after = rr[:, 0].astype(np.float64), rr[:, 1].astype(np.float64)
    n, total = np.arange(len(before)), np.r_[0, np.cumsum(before)]
    recent = np.where(n > 0, (total[n] - total[np.maximum(n - 8, 0)]) / np.clip(n, 1, 8), before)
    usual = {"mean": before.mean(), "median": np.median(before), "running": total[1:] / (n + 1), "local": recent}
    ratios = [before / usual[level], before / recent]
    if next_rr:
        ratios += [after / usual[level], after / before]
    return log_rr(np.stack(ratios, axis=1)).astype(np.float32)
