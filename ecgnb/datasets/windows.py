"""Cut beats of equal length out of a recording, and say how each one stands in time."""

from __future__ import annotations

import operator
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfiltfilt

from ecgnb.datasets.beats import Beats
from ecgnb.datasets.timing import rr_features
from ecgnb.datasets.wfdb import CLASS_NAMES, Record
from ecgnb.errors import UsageError

# Why a beat has no window.
NEAR_START, NEAR_END = "too near the start of the record", "too near the end of the record"

NO_VALUE = "samples without a value"


def cut_beats(
    record: Record,
    before: int,
    after: int,
    *,
    fs: float | None = None,
    lead: str = "MLII",
    highpass: float | None = None,
) -> Beats:
    """Cut a window around every R peak of a record.

    Parameters
    ----------
    record : Record
    before, after : int
        Samples of the window before the R peak, and from the R peak on.
    fs : float, optional
        Samples per second to resample to; the record's own where it is not given.
    lead : str
        Name of the lead; a record without it gives its first one.
    highpass : float, optional
        Take the wandering of the baseline, all below this frequency in Hz, out of the whole recording first: a
        Butterworth filter of second order, run forth and back so that it shifts no wave.

    Returns
    -------
    Beats
        `signal` (n_beats, before + after) in mV, `rr` as `rr_features` gives it, `r_sample` in samples of the record.
        `dropped` counts the beats whose window runs over an end of the record, or holds samples without a value.

    Raises
    ------
    UsageError
        For a window or a sampling rate that is not above 0, or a high-pass not between 0 and half the record's rate.
    """
    before, after, target = check_window(before, after, record.fs if fs is None else fs)
    wave, has_value = fill_gaps(record.wave(lead))
    if highpass is not None:
        wave = highpassed(wave, record.fs, highpass)
    ratio = float(_ratio(record.fs, target))
    if abs(ratio * record.fs / target - 1) > 1e-6:
        raise UsageError(
            f"fs={target:g}: not a simple share of the record's {record.fs:g} Hz; try {record.fs * ratio:.6g}"
        )
    windows, why = cut_windows(wave, record.r_sample, record.fs, before, after, target, has_value=has_value)
    kept = np.flatnonzero(why == "")
    return Beats(
        name=record.name,
        signal=windows,
        label=record.label[kept],
        class_names=CLASS_NAMES,
        record=np.full(len(kept), record.name),
        source=record.source,
        fs=target,
        r_sample=record.r_sample[kept],
        rr=rr_features(record)[kept],
        unit="mV",
        dropped={reason: int((why == reason).sum()) for reason in (NEAR_START, NEAR_END, NO_VALUE)},
    )


def fill_gaps(wave: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a signal with straight lines where it has no value, and which samples have one: (n,), (n,)."""
    has_value = np.isfinite(wave)
    if not has_value.all():
        at = np.arange(len(wave))
        wave = np.interp(at, at[has_value], wave[has_value]) if has_value.any() else np.zeros_like(wave)
    return wave, has_value


def highpassed(wave: NDArray[Any], fs: float, cutoff: float) -> NDArray[np.float64]:
    """Take the wandering of the baseline, all below the cutoff, out of a signal, (n_samples,).

    A Butterworth filter of second order, run forth and back so that it shifts no wave.

    Parameters
    ----------
    wave : (n_samples,) float array
        Without gaps: see `fill_gaps`.
    fs, cutoff : float
        In Hz.

    Raises
    ------
    UsageError
        For a cutoff that is not between 0 and half the rate.
    """
    if not isinstance(cutoff, Real) or not 0 < cutoff < fs / 2:
        raise UsageError(f"highpass={cutoff!r}; expected a frequency between 0 and {fs / 2:g} Hz, or None")
    return np.asarray(sosfiltfilt(butter(2, cutoff, "highpass", fs=fs, output="sos"), wave))


def cut_windows(
    wave: NDArray[Any],
    r_sample: NDArray[np.int64],
    fs: float,
    before: int,
    after: int,
    target: float,
    *,
    has_value: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Cut a window around each R peak of one lead, at another sampling rate.

    Parameters
    ----------
    wave : (n_samples,) float array
    r_sample : (n_beats,) int array
        In samples of `wave`.
    fs : float
        Samples per second of `wave`.
    before, after : int
        Samples of the window before the R peak, and from it on, at the rate `target`.
    target : float
        Samples per second of the windows, to within 0.01 % (the nearest fraction that resampling can do).
    has_value : (n_samples,) bool array, optional
        Which samples were recorded; a window that holds others is dropped.

    Returns
    -------
    windows : (n_kept, before + after) float32 array
    why : (n_beats,) str array
        Empty for a beat that has a window; else `NEAR_START`, `NEAR_END` or `NO_VALUE`.
    """
    ratio = _ratio(fs, target)
    if ratio != 1:
        wave = resample_poly(wave, ratio.numerator, ratio.denominator, padtype="line")
    wave = wave.astype(np.float32, copy=False)
    start = np.round(r_sample * float(ratio)).astype(np.int64) - before
    end = start + before + after
    why = np.where(start < 0, NEAR_START, np.where(end > len(wave), NEAR_END, ""))
    if has_value is not None:
        lacking = np.r_[0, np.cumsum(~has_value)]  # samples without a value up to each sample of the signal
        edges = (np.round(edge / float(ratio)).astype(np.int64) for edge in (start, end))
        first, last = (np.clip(edge, 0, len(has_value)) for edge in edges)
        why = np.where((why == "") & (lacking[last] > lacking[first]), NO_VALUE, why)
    return wave[start[why == ""][:, None] + np.arange(before + after)], why


def _ratio(fs: float, target: float) -> Fraction:
    return Fraction(target / fs).limit_denominator(1000)


def check_window(before: int, after: int, fs: float) -> tuple[int, int, float]:
    """Return a window's size and rate as Python's own numbers, or raise `UsageError`."""
    try:
        before, after, fs = operator.index(before), operator.index(after), float(fs)
    except (TypeError, ValueError):
        raise UsageError(
            f"before={before!r}, after={after!r}, fs={fs!r}; expected two whole numbers and a rate"
        ) from None
    if before < 0 or after < 1:
        raise UsageError(f"before={before}, after={after}; expected a window of at least one sample")
    if not 0 < fs < np.inf:
        raise UsageError(f"fs={fs:g}; expected samples per second above 0")
    return before, after, fs
