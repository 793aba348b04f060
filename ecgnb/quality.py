"""What is wrong with a signal before anybody reads it: gaps, flat and clipped stretches, an upside-down lead."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

FLAT_SECONDS = 1.0  # no heart is silent for so long: a second without any change is an electrode that fell off
CLIPPED_SECONDS = 0.01  # at the end of the range for so long, several times: the recorder could go no further
UPSIDE_DOWN = 0.4  # of the beats point up, at most


def find_faults(signal: ArrayLike, fs: float) -> pd.DataFrame:
    """Find the stretches of a signal that nobody should read.

    A stretch is *missing* where samples have no value, *flat* where the signal does not change for a second, *clipped*
    where it stays at its highest or lowest value for 10 ms (at least three samples), which it does at least twice.

    Parameters
    ----------
    signal : (n_samples,) float array
    fs : float
        Samples per second.

    Returns
    -------
    DataFrame
        One row a stretch, in order of time: fault, start_s, seconds.
    """
    wave = np.asarray(signal)
    missing = ~np.isfinite(wave)
    rows = [("missing", *run) for run in _runs(missing)]
    if not missing.all():
        still = np.r_[False, np.diff(wave) == 0]  # a gap never equals its neighbour
        rows += [("flat", start - 1, end) for start, end in _runs(still) if end - start + 1 >= FLAT_SECONDS * fs]
        least = max(3, round(CLIPPED_SECONDS * fs))
        flat = [(start, end) for fault, start, end in rows if fault == "flat"]
        for limit in (np.nanmin(wave), np.nanmax(wave)):
            runs = [run for run in _runs(wave == limit) if run[1] - run[0] >= least and run not in flat]
            rows += [("clipped", *run) for run in runs if len(runs) > 1]
    rows.sort(key=lambda row: row[1])
    return pd.DataFrame(
        [(fault, start / fs, (end - start) / fs) for fault, start, end in rows], columns=["fault", "start_s", "seconds"]
    )


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return start and end of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def share_pointing_up(windows: NDArray[np.float32], before: int, fs: float) -> float:
    """Return the share of beats whose largest deflection around the R peak is upward; NaN where there is no beat.

    Parameters
    ----------
    windows : (n_beats, n_samples) float array
    before : int
        Samples of a window before the R peak.
    fs : float
        Samples per second of the windows.
    """
    if not len(windows):
        return float("nan")
    reach = round(0.07 * fs)
    level = np.median(windows, axis=1, keepdims=True)
    around = windows[:, max(0, before - reach) : before + reach + 1] - level
    return float((around.max(axis=1) > -around.min(axis=1)).mean())
