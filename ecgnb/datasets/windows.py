"""Cut beats of equal length out of a recording, and say how each one stands in time."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

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
    lead: str | Sequence[str] = "MLII",
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
    lead : str or sequence of str
        Name of the lead, or names of several.
    highpass : float, optional
        Take the wandering of the baseline, all below this frequency in Hz, out of the whole recording first: a
        Butterworth filter of second order, run forth and back so that it shifts no wave.

    Returns
    -------
    Beats
        `signal` (n_beats, before + after) in mV, or (n_beats, n_leads, before + after) of several leads; `rr` as
        `rr_features` gives it, `r_sample` in samples of the record. `dropped` counts the beats whose window runs over
        an end of the record, or holds samples without a value in one of the leads.

    Raises
    ------
    UsageError
        For a lead that the record lacks, a window or a sampling rate that is not above 0, or a high-pass not between 0
        and half the record's rate.
    """
    before, after, target = check_window(before, after, record.fs if fs is None else fs)
    names = check_leads(lead)
    ratio = float(resampling_ratio(record.fs, target))
    if abs(ratio * record.fs / target - 1) > 1e-6:
        raise UsageError(
            f"fs={target:g}: not a simple share of the record's {record.fs:g} Hz; try {record.fs * ratio:.6g}"
        )
    waves, have_values = zip(*[fill_gaps(record.wave(name)) for name in names], strict=True)
    has_value = np.logical_and.reduce(have_values)
    cut = []
    for wave in waves:
        still = wave if highpass is None else highpassed(wave, record.fs, highpass)
        windows, why = cut_windows(still, record.r_sample, record.fs, before, after, target, has_value=has_value)
        cut.append(windows)
    kept, moved = np.flatnonzero(why == ""), record.moved
    return Beats(
        name=record.name,
        signal=cut[0] if len(cut) == 1 else np.stack(cut, axis=1),
        label=record.label[kept],
        class_names=CLASS_NAMES,
        record=np.full(len(kept), record.name),
        source=record.source,
        fs=target,
        r_sample=record.r_sample[kept],
        rr=rr_features(record)[kept],
        moved=None if moved is None else (moved[record.is_beat][kept] / record.fs).astype(np.float32),
        leads=names,
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
    return np.asarray(scipy.signal.sosfiltfilt(scipy.signal.butter(2, cutoff, "highpass", fs=fs, output="sos"), wave))


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
    ratio = resampling_ratio(fs, target)
    if ratio != 1:
        wave = scipy.signal.resample_poly(wave, ratio.numerator, ratio.denominator, padtype="line")
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


def to_r_peaks(wave: NDArray[Any], fs: float, sample: NDArray[np.int64], *, reach: float = 0.07) -> NDArray[np.int64]:
    """Move marks that stand near a QRS complex to its R peak.

    That is the largest deflection, up or down, of the signal between 3 and 20 Hz, in which a QRS complex stands out
    and neither baseline nor muscle does. A mark outside the signal stays, and so do two that would meet or change
    places.

    Parameters
    ----------
    wave : (n_samples,) float array
        Without gaps: see `fill_gaps`.
    fs : float
        Samples per second.
    sample : (n_beats,) int array
        Each after the one before.
    reach : float
        How far a mark may move, in seconds.
    """
    smooth = np.abs(scipy.signal.sosfiltfilt(scipy.signal.butter(2, (3, 20), "bandpass", fs=fs, output="sos"), wave))
    steps = np.arange(-round(reach * fs), round(reach * fs) + 1)
    around = np.clip(sample[:, None] + steps, 0, len(wave) - 1)
    moved = around[np.arange(len(sample)), smooth[around].argmax(axis=1)]
    moved = np.where((sample >= 0) & (sample < len(wave)), moved, sample)
    while (meets := np.diff(moved) <= 0).any():
        stays = np.r_[meets, False] | np.r_[False, meets]
        moved = np.where(stays, sample, moved)
    return moved


def realigned(record: Record, lead: str) -> Record:
    """Return a record whose beats are marked on the R peak of that lead, as `to_r_peaks` finds it; see `moved`."""
    wave, _ = fill_gaps(record.wave(lead))
    sample = record.mark_sample.copy()
    sample[record.is_beat] = to_r_peaks(wave, record.fs, record.r_sample)
    return replace(record, mark_sample=sample, moved=sample - record.mark_sample)


def resampling_ratio(fs: float, target: float) -> Fraction:
    """Return what a rate is multiplied by to reach another, to within 0.01 %: a fraction that resampling can do."""
    return Fraction(target / fs).limit_denominator(1000)


def check_leads(lead: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of one lead or of several, each once, or raise `UsageError`."""
    names = (lead,) if isinstance(lead, str) else tuple(lead) if isinstance(lead, Sequence) else ()
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise UsageError(f"lead={lead!r}; expected a lead's name such as 'MLII', or a list of several, each once")
    return names


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


def even_steps(fs: float, target: float) -> int:
    """Return a number of samples that holds an even number of resampling's steps.

    A part of a recording that starts at a multiple of it is resampled, and its beats are cut, as in the whole.
    """
    return 2 * resampling_ratio(fs, target).denominator
