"""Find the R peaks of a recording, and say how well they were found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ecgnb.errors import UsageError

MIN_FS, MAX_FS = 100.0, 2000.0

MIN_SECONDS = 5.0


def detect_r_peaks(signal: ArrayLike, fs: float, detector: str = "slope") -> NDArray[np.int64]:
    """Find the R peaks of one lead.

    Parameters
    ----------
    signal : (n_samples,) float array
        Finite; the unit and the polarity do not matter.
    fs : float
        Samples per second, 100 to 2,000.
    detector : {"slope", "xqrs", "sleepecg"}
        "slope" is ours: see `slope_detector`. "xqrs" is that of wfdb, "sleepecg" that of sleepecg, a compiled
        version of Pan and Tompkins 1985, doi:10.1109/TBME.1985.325532.

    Returns
    -------
    (n_beats,) int64 array
        In order of time.

    Raises
    ------
    UsageError
        For a detector that there is not, a rate outside the range, or less than five seconds of signal.
    """
    if detector not in DETECTORS:
        raise UsageError(f"detector={detector!r}; expected one of: {', '.join(DETECTORS)}")
    fs = check_fs(fs)
    wave = np.asarray(signal, dtype=np.float64)
    if wave.ndim != 1 or not np.isfinite(wave).all():
        raise UsageError(f"a signal of shape {wave.shape}; expected one lead, all of its values finite")
    if len(wave) < MIN_SECONDS * fs:
        raise UsageError(f"{len(wave) / fs:.3g} s of signal; expected at least {MIN_SECONDS:g} s")
    if np.ptp(wave) == 0:
        return np.empty(0, dtype=np.int64)
    low, high = np.percentile(wave, [0.1, 99.9])  # one spike of an amplifier must not drown all beats
    wave = np.clip(wave, low - 2 * (high - low), high + 2 * (high - low)) if high > low else wave
    return np.unique(DETECTORS[detector](wave, fs)).astype(np.int64)


def check_fs(fs: Any) -> float:
    """Return a sampling rate as a float, or raise `UsageError`."""
    try:
        rate = float(fs)
    except (TypeError, ValueError):
        rate = np.nan
    if not MIN_FS <= rate <= MAX_FS:
        given = "is not given" if fs is None else f"is {fs!r}"
        raise UsageError(f"the sampling rate fs {given}; expected {MIN_FS:g} to {MAX_FS:g} samples per second")
    return rate


class SlopeStages(NamedTuple):
    """What `slope_detector` sees on its way from a signal to R peaks.

    Attributes
    ----------
    filtered : (n_samples,) float array
        The signal between 3 and 20 Hz.
    slope : (n_samples,) float array
        Root mean square slope of `filtered` over 100 ms, in its unit per sample.
    peak : (n_peaks,) int64 array
        Samples of the tops of `slope`, at least 250 ms apart: the candidates.
    usual : (n_peaks,) float array
        The usual height of such tops around each candidate.
    """

    filtered: NDArray[np.float64]
    slope: NDArray[np.float64]
    peak: NDArray[np.int64]
    usual: NDArray[np.float64]


def slope_stages(wave: NDArray[np.float64], fs: float, *, share_in_silence: float = 0.2) -> SlopeStages:
    """Filter a signal, take its slope, and say how high the tops of the slope usually are around each one.

    Parameters
    ----------
    wave : (n_samples,) float array
    fs : float
        Samples per second.
    share_in_silence : float
        Of the whole stretch's usual height, what is taken for usual at least: noise of a silent stretch is no beat.
    """
    filtered = scipy.signal.sosfiltfilt(scipy.signal.butter(2, (3, 20), "bandpass", fs=fs, output="sos"), wave)
    power = scipy.ndimage.uniform_filter1d(np.gradient(filtered) ** 2, max(1, round(0.1 * fs)))
    slope = np.sqrt(np.maximum(power, 0))  # its running sum may round to below zero
    peak, _ = scipy.signal.find_peaks(slope, distance=max(1, round(0.25 * fs)))
    return SlopeStages(filtered, slope, peak, _usual_height(slope[peak], peak / fs, share_in_silence))


def _usual_height(
    height: NDArray[np.float64], time: NDArray[np.float64], share_in_silence: float
) -> NDArray[np.float64]:
    """Return, at each peak, the upper quartile over five seconds of the highest peak within two seconds."""
    if not len(height):
        return height
    highest = np.zeros(int(time[-1]) + 1)
    np.maximum.at(highest, time.astype(int), height)
    highest = _without_giants(scipy.ndimage.maximum_filter1d(highest, 2, origin=-1))
    usual = scipy.ndimage.percentile_filter(highest, 75, size=5, mode="nearest")
