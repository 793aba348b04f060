"""What is wrong with a signal before anybody reads it: gaps, flat and clipped stretches, an upside-down lead."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

FLAT_SECONDS = 1.0  # no heart is silent for so long: a second without any change is an electrode that fell off

CLIPPED_SECONDS = 0.01  # at the end of the range for so long, several times: the recorder could go no further

UPSIDE_DOWN = 0.4  # of the beats point up, at most

# Of the QRS complex, the larger of P and T wave in the average beat. Trains of square, triangular, Gaussian and
# exponential pulses have 0.016 or less, strips of DS1 and svdb 0.041 or more (400 strips, either lead). The others were
# looked at, too: 0.041 or more in DS2 (88 strips), 0.023 or more in the twelve leads of ludb (1,611).
BARE = 0.02

LEAST_AVERAGED = 10  # beats that make an average without their noise

BEFORE_QRS, AFTER_QRS = (-0.30, -0.09), (0.18, 0.43)  # s, where P and T waves lie


def find_faults(signal: ArrayLike, fs: float) -> pd.DataFrame:
    """Find the stretches of a signal that nobody should read.

    A stretch is *missing* where samples have no value (gaps less than 0.1 s apart are one), *flat* where the signal
    does not change for a second, *clipped* where it stays at its highest or lowest value for 10 ms (at least three
    samples), which it does at least twice.

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
    found = [("missing", _joined(_runs(missing), 0.1 * fs))]
    if not missing.all():
        still = _runs(np.r_[False, np.diff(wave) == 0])  # a gap never equals its neighbour
        still[:, 0] -= 1
        flat = still[still[:, 1] - still[:, 0] >= FLAT_SECONDS * fs]
        found.append(("flat", flat))
        for limit in (np.nanmin(wave), np.nanmax(wave)):
            runs = _runs(wave == limit)
            runs = runs[runs[:, 1] - runs[:, 0] >= max(3, round(CLIPPED_SECONDS * fs))]
            runs = runs[~np.isin(runs[:, 0], flat[:, 0])]
            found.append(("clipped", runs if len(runs) > 1 else runs[:0]))
    faults = np.repeat([fault for fault, _ in found], [len(runs) for _, runs in found])
    start, end = np.concatenate([runs for _, runs in found]).T
    table = pd.DataFrame({"fault": faults.astype(object), "start_s": start / fs, "seconds": (end - start) / fs})
    return table.sort_values("start_s", ignore_index=True)


def _runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return start and end of each run of True, (n_runs, 2)."""
    return np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8))).reshape(-1, 2)


def _joined(runs: NDArray[np.int64], gap: float) -> NDArray[np.int64]:
    """Join runs that stand closer than `gap`."""
    if not len(runs):
        return runs
    apart = runs[1:, 0] - runs[:-1, 1] >= gap
    return np.column_stack([runs[np.r_[True, apart], 0], runs[np.r_[apart, True], 1]])


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


def waves_beside_qrs(windows: NDArray[np.float32], before: int, fs: float) -> float:
    """Return how large the P or the T wave of the average beat is, as a share of its QRS complex; NaN where unknown.

    In a train of pulses nothing is there. What the average beat does before and after its QRS complex is measured from
    a straight line, since a high-pass filter leaves a slope beside each pulse.

    Parameters
    ----------
    windows : (n_beats, n_samples) float array
    before : int
        Samples of a window before the R peak.
    fs : float
        Samples per second of the windows.
    """
    first, last = before + round(BEFORE_QRS[0] * fs), before + round(AFTER_QRS[1] * fs)
    if len(windows) < LEAST_AVERAGED or first < 0 or last > windows.shape[1]:
        return float("nan")
    beat = np.median(windows, axis=0)
    beat = beat - np.median(beat)
    reach = round(0.07 * fs)
    qrs = float(np.abs(beat[before - reach : before + reach + 1]).max())
    sides = (
        beat[first : before + round(BEFORE_QRS[1] * fs) + 1],
        beat[before + round(AFTER_QRS[0] * fs) : last],
    )
    sizes = [float(np.ptp(side - np.linspace(side[0], side[-1], len(side)))) for side in sides]
    return max(sizes) / qrs if qrs else float("nan")
