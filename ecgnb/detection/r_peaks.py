"""Find the R peaks of a recording.

The constants were chosen on DS1 of mitdb; those of `_without_giants` and `least_share` on DS1 and svdb, after somebody
had looked at where the detector failed on LUDB. So LUDB is no clean test of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ecgnb.errors import UsageError

MIN_FS, MAX_FS = 100.0, 2000.0

MIN_SECONDS = 5.0

BAND = (3, 20)  # Hz, in which a QRS complex stands out
SLOPE_SECONDS, APART_SECONDS, ALIGN_SECONDS = 0.1, 0.25, 0.07

SOON = (0.25, 0.36)  # s after a beat in which a steep T wave is likelier than a beat
SOON_TIMES = 1.4  # times as steep a beat must be at the former as at the latter


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
    filtered = scipy.signal.sosfiltfilt(scipy.signal.butter(2, BAND, "bandpass", fs=fs, output="sos"), wave)
    power = scipy.ndimage.uniform_filter1d(np.gradient(filtered) ** 2, max(1, round(SLOPE_SECONDS * fs)))
    slope = np.sqrt(np.maximum(power, 0))  # its running sum may round to below zero
    peak, _ = scipy.signal.find_peaks(slope, distance=max(1, round(APART_SECONDS * fs)))
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
    usual = np.maximum(usual, share_in_silence * np.median(usual))
    return np.interp(time, np.arange(len(usual)) + 0.5, usual)


def _without_giants(highest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower what stands out to the height around it: a giant beat or a moved electrode must not hide other beats.

    It stands out where it is twice as high as what is around it and as the median over eleven seconds. That it lasts
    no more than three seconds tells it from a signal that sets in, the median from the beats of a slow rhythm.
    """
    lasting = scipy.ndimage.grey_opening(highest, min(4, len(highest)), mode="constant")
    around = np.maximum(lasting, scipy.ndimage.median_filter(highest, 11, mode="mirror"))
    return np.where(highest > 2 * around, around, highest)


def slope_detector(
    wave: NDArray[np.float64],
    fs: float,
    *,
    share: float = 0.35,
    share_of_neighbour: float = 0.5,
    share_in_gap: float = 0.15,
    share_in_silence: float = 0.2,
) -> NDArray[np.int64]:
    """Find R peaks where a signal is steep for its surroundings.

    A QRS complex is the steepest wave of a beat. Since the recording is there as a whole, each candidate is measured
    by those around it, before and after. The constants were chosen on DS1 of mitdb and on svdb.

    Parameters
    ----------
    wave : (n_samples,) float array
    fs : float
        Samples per second.
    share : float
        Of the usual height, what a beat must have.
    share_of_neighbour : float
        Of the beat before, what a peak 360 ms later must have, or it is a T wave; the sooner it comes, the more.
    share_in_gap : float
        Of the usual height, what a peak must have that fills a gap of more than 1.4 usual intervals.
    share_in_silence : float
        As for `slope_stages`.
    """
    filtered, slope, peak, usual = slope_stages(wave, fs, share_in_silence=share_in_silence)
    height, time = slope[peak], peak / fs
    beat = np.flatnonzero(height > share * usual)
    beat = _without_t_waves(beat, time, height, share_of_neighbour)
    beat = _with_gaps_filled(beat, time, height, share_in_gap * usual)
    return _to_the_peak(filtered, peak[beat], round(ALIGN_SECONDS * fs))


def _without_t_waves(
    beat: NDArray[np.int64], time: NDArray[np.float64], height: NDArray[np.float64], share: float
) -> NDArray[np.int64]:
    """Drop a beat that follows another within 360 ms and is not steep enough for so soon a beat."""
    after = np.diff(time[beat])
    t_wave = (after < SOON[1]) & (height[beat][1:] < least_share(after, share) * height[beat][:-1])
    return beat[~np.r_[False, t_wave][: len(beat)]]


def least_share(after: ArrayLike, share: float) -> NDArray[np.float64]:
    """Return how steep a beat must be, of that so many seconds before: `share`, and 1.4 times as much at 250 ms.

    So soon, a steep T wave is likelier than a beat.
    """
    return np.interp(np.asarray(after, dtype=np.float64), SOON, (SOON_TIMES * share, share))


def _with_gaps_filled(
    beat: NDArray[np.int64], time: NDArray[np.float64], height: NDArray[np.float64], least: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Add the highest candidate of each gap longer than 1.4 usual intervals, where it is higher than `least`."""
    interval = np.diff(time[beat])
    usual_interval = scipy.ndimage.median_filter(interval, 9, mode="nearest") if len(interval) else interval
    found = list(beat)
    for gap in np.flatnonzero(interval > 1.4 * usual_interval):
        before, after = beat[gap], beat[gap + 1]
        inside = np.arange(before + 1, after)
        inside = inside[(time[inside] - time[before] >= 0.36) & (time[after] - time[inside] >= 0.3)]
        if len(inside):
            best = inside[np.argmax(height[inside])]
            if height[best] > least[best]:
                found.append(best)
    return np.sort(np.array(found, dtype=np.int64))


def _to_the_peak(smooth: NDArray[np.float64], sample: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
    """Move each mark to the largest deflection, up or down, within `reach` samples."""
    around = np.clip(sample[:, None] + np.arange(-reach, reach + 1), 0, len(smooth) - 1)
    return around[np.arange(len(sample)), np.abs(smooth[around]).argmax(axis=1)]


def _xqrs(wave: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    from wfdb.processing import XQRS  # a second to import, and rarely asked for

    step = max(1, round(fs / 360))  # it was made for some 360 Hz, and finds nothing at 1,000
    detector = XQRS(sig=scipy.signal.resample_poly(wave, 1, step) if step > 1 else wave, fs=fs / step)
    detector.detect(verbose=False)
    return step * np.asarray(detector.qrs_inds, dtype=np.int64)


def _sleepecg(wave: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    from sleepecg import detect_heartbeats

    return np.asarray(detect_heartbeats(wave, fs), dtype=np.int64)


DETECTORS: dict[str, Callable[[NDArray[np.float64], float], NDArray[np.int64]]] = {
    "slope": slope_detector,
    "xqrs": _xqrs,
    "sleepecg": _sleepecg,
}
