"""Signal quality indices: what tells ten seconds of ECG from ten seconds of something else.

None of them needs a label, and none depends on unit or polarity. They are the field's: agreement of two detectors
(bSQI), kurtosis (kSQI), the power of the QRS complex's band (pSQI) and of the baseline (basSQI) after Li, Mark and
Clifford 2008, doi:10.1088/0967-3334/29/1/002, and Clifford et al. 2012, doi:10.1088/0967-3334/33/9/1419; the likeness
of the beats to each other after Orphanidou et al. 2015, doi:10.1109/JBHI.2014.2338351.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from ecgnb.datasets.windows import fill_gaps

STRETCH_SECONDS = 10.0
FS = 125.0  # Hz at which everything is computed
SAME_BEAT = 0.15  # s between the same beat in two detectors
AROUND = (0.2, 0.35)  # s before and after the R peak that are compared between beats
N_COMPARED = 16  # beats on either side that a beat is compared with

INDICES = (
    "agreement", "likeness", "one direction", "slope in QRS", "QRS width", "T wave", "kurtosis",
    "QRS band", "baseline", "high band", "rate",
)  # fmt: skip


# An ECG may be as clean as it likes: what lies beyond these counts as being there.
CLEANEST = {"likeness": (None, 2.3), "slope in QRS": (None, 4.5), "baseline": (-4.0, None), "high band": (-5.0, None)}


def stretch_edges(n_samples: int, fs: float) -> NDArray[np.int64]:
    """Return the borders of a recording's ten-second stretches, in samples, (n_stretches + 1,).

    What is left over at the end is a stretch of its own from five seconds on, and goes with the last one else.
    """
    n = max(1, int(n_samples / fs / STRETCH_SECONDS + 0.5))
    return np.r_[np.round(np.arange(n) * STRETCH_SECONDS * fs).astype(np.int64), n_samples]


def quality_indices(
    wave: NDArray[np.floating], fs: float, r_sample: NDArray[np.int64], r_other: NDArray[np.int64]
) -> pd.DataFrame:
    """Return the signal quality indices of each ten-second stretch of one lead.

    Parameters
    ----------
    wave : (n_samples,) float array
        In any unit; NaN where there is no value.
    fs : float
        Samples per second.
    r_sample, r_other : (n_beats,) int arrays
        R peaks as two different detectors found them.

    Returns
    -------
    DataFrame
        One row a stretch: start_s, seconds, and the columns of `INDICES`, each brought to a scale on which a straight
        line can tell: logarithms of ratios, widths and rates. NaN where a stretch holds no value, no change or fewer
        than three beats.
    """
    edges = stretch_edges(len(wave), fs)
    filled, has_value = fill_gaps(np.asarray(wave, dtype=np.float64))
    ratio = Fraction(FS / fs).limit_denominator(1000)
    slow = scipy.signal.resample_poly(filled, ratio.numerator, ratio.denominator, padtype="line")
    per = float(ratio)  # of its samples, to one of the signal
    borders = np.minimum(np.round(edges * per).astype(np.int64), len(slow))
    r = np.minimum(np.round(r_sample * per).astype(np.int64), len(slow) - 1)
    still = _band(slow, 0.7, 40)
    with np.errstate(divide="ignore", invalid="ignore"):  # what cannot be computed is not known
        table = pd.DataFrame(_columns(slow, still, r, borders))
    table["agreement"] = _agreement(r_sample / fs, r_other / fs, edges / fs)
    n_beats = np.diff(np.searchsorted(r, borders))
    known = np.diff(np.r_[0, np.cumsum(has_value)][edges]) > 0.5 * np.diff(edges)
    table[(n_beats < 3) | ~known] = np.nan
    for name, (low, high) in CLEANEST.items():
        table[name] = table[name].clip(low, high)
    stretches = pd.DataFrame({"start_s": edges[:-1] / fs, "seconds": np.diff(edges) / fs})
    return pd.concat([stretches, table[list(INDICES)].replace([np.inf, -np.inf], np.nan)], axis=1)


def _columns(
    slow: NDArray[np.float64], still: NDArray[np.float64], r: NDArray[np.int64], borders: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Return the indices that need one detector alone, of each stretch."""
    return {
        "likeness": _mean_of_beats(_likeness(still, r), r, borders),
        "one direction": np.abs(_mean_of_beats(_direction(still, r), r, borders)),
        "slope in QRS": _slope_in_qrs(still, r, borders),
        "QRS width": _mean_of_beats(np.log(_width(still, r)), r, borders),
        "T wave": _t_wave(slow, still, r, borders),
        "kurtosis": _each(still, borders, _log_kurtosis),
        "rate": _mean_of_beats(np.log(np.diff(r.astype(np.float64), prepend=np.nan) / FS), r, borders),
    } | _powers(slow, borders)


def _log_kurtosis(part: NDArray[np.float64]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy's, where an electrode is off and all values are alike
        return float(np.log(scipy.stats.kurtosis(part, fisher=False)))


def _band(wave: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    sos = scipy.signal.butter(2, (low, high), "bandpass", fs=FS, output="sos")
    return np.asarray(scipy.signal.sosfiltfilt(sos, wave))


def _each(
    wave: NDArray[np.float64], borders: NDArray[np.int64], measure: Callable[[NDArray[np.float64]], float]
) -> NDArray[np.float64]:
    return np.array([measure(wave[a:b]) for a, b in pairwise(borders)])


def _mean_of_beats(value: NDArray[np.float64], r: NDArray[np.int64], borders: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of each stretch's beats; NaN where it has none."""
    stretch = np.clip(np.searchsorted(borders, r, side="right") - 1, 0, len(borders) - 2)
    good = np.isfinite(value)
    n = np.bincount(stretch[good], minlength=len(borders) - 1)
    total = np.bincount(stretch[good], weights=value[good], minlength=len(borders) - 1)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _agreement(one: NDArray[np.float64], other: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the beats of either detector that the other has, too."""
    met, n = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for mine, theirs in ((one, other), (other, one)):
        place = np.searchsorted(theirs, mine)
        padded = np.r_[-np.inf, theirs, np.inf]
        near = np.minimum(mine - padded[place], padded[place + 1] - mine) <= SAME_BEAT
        stretch = np.clip(np.searchsorted(edges, mine, side="right") - 1, 0, len(edges) - 2)
        met += np.bincount(stretch, weights=near, minlength=len(edges) - 1)
        n += np.bincount(stretch, minlength=len(edges) - 1)
    return met / np.maximum(n, 1)


def _around(wave: NDArray[np.float64], r: NDArray[np.int64], before: float, after: float) -> NDArray[np.float64]:
    steps = np.arange(-round(before * FS), round(after * FS) + 1)
    return wave[np.clip(r[:, None] + steps, 0, len(wave) - 1)]


def _likeness(still: NDArray[np.float64], r: NDArray[np.int64]) -> NDArray[np.float64]:
    """Correlation of each beat with the third most similar of those around it: an odd beat has some like it, too."""
    beats = _around(still, r, *AROUND)
    beats = beats - beats.mean(axis=1, keepdims=True)
    beats = beats / np.maximum(np.linalg.norm(beats, axis=1, keepdims=True), 1e-12)
    alike = np.full((len(r), 2 * N_COMPARED), -1.0)
    for step in range(1, N_COMPARED + 1):
        together = (beats[step:] * beats[:-step]).sum(axis=1)
        alike[step:, step - 1] = together
        alike[: len(r) - min(step, len(r)), N_COMPARED + step - 1] = together
    third = np.partition(alike, -3, axis=1)[:, -3]
    return np.arctanh(np.clip(third, -0.99, 0.995))


def _direction(still: NDArray[np.float64], r: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 for a beat that points up, -1 for one that points down."""
    near = _around(still, r, 0.06, 0.06)
    return np.where(near.max(axis=1) > -near.min(axis=1), 1.0, -1.0)


def _slope_in_qrs(still: NDArray[np.float64], r: NDArray[np.int64], borders: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many times as steep (power of the slope) the signal is around its R peaks as elsewhere, as a logarithm."""
    power = np.gradient(still) ** 2
    near = np.zeros(len(still), dtype=np.float32)
    near[r] = 1
    near = scipy.ndimage.maximum_filter1d(near, 2 * round(0.08 * FS) + 1) > 0
    inside, outside = (np.r_[0, np.cumsum(power * mask)][borders] for mask in (near, ~near))
    n_in = np.r_[0, np.cumsum(near)][borders]
    n_in, n_all = np.diff(n_in), np.diff(borders)
    return np.log((np.diff(inside) / n_in) / (np.maximum(np.diff(outside), 1e-12) / (n_all - n_in)))


def _width(still: NDArray[np.float64], r: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for how many seconds the deflection at the R peak is at least half as large as at its top."""
    near = np.abs(_around(still, r, 0.06, 0.06))
    top = near.argmax(axis=1) - round(0.06 * FS) + r
    reach = round(0.4 * FS)
    beats = _around(still, top, 0.4, 0.4)
    height = beats[:, reach]
    below = beats * np.sign(height)[:, None] < 0.5 * np.abs(height)[:, None]
    after = np.where(below[:, reach:].any(axis=1), below[:, reach:].argmax(axis=1), reach)
    before = np.where(below[:, reach::-1].any(axis=1), below[:, reach::-1].argmax(axis=1), reach)
    return (after + before) / FS


def _t_wave(
    slow: NDArray[np.float64], still: NDArray[np.float64], r: NDArray[np.int64], borders: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How large the slow waves after the QRS complex are in the mean beat, beside the QRS complex, as a logarithm."""
    after = _around(_band(slow, 0.7, 8), r, -0.16, 0.4)
    qrs = _around(still, r, 0.08, 0.08)
    found = np.full(len(borders) - 1, np.nan)
    for place, (first, last) in enumerate(pairwise(np.searchsorted(r, borders))):
        if last > first:
            found[place] = after[first:last].mean(axis=0).std() / np.ptp(qrs[first:last].mean(axis=0))
    return np.log(found + 1e-3)


def _powers(slow: NDArray[np.float64], borders: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return the shares of power: of 5 to 15 Hz in 5 to 40, of up to 1 Hz in up to 40, of above 40 in above 1."""
    rows = []
    for a, b in pairwise(borders):
        part = slow[a:b] - slow[a:b].mean()
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        frequency = np.fft.rfftfreq(len(part), 1 / FS)
        bands = [(5, 15), (5, 40), (0, 1), (0, 40), (40, 62.5), (1, 62.5)]
        rows.append([power[(frequency >= low) & (frequency < high)].sum() for low, high in bands])
    qrs, upper, base, low, high, most = np.array(rows).T + 1e-12
    return {
        "QRS band": np.log(qrs / (upper - qrs + 1e-3 * upper)),
        "baseline": np.log(base / (low - base + 1e-3 * low)),
        "high band": np.log(high / (most - high + 1e-3 * most) + 1e-4),
    }
