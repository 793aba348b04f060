"""From a raw recording to labelled beats: R peaks, windows, probabilities, and what is better left unsaid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgnb.classifier.base import Classifier
from ecgnb.classifier.load import OF_SINGLE_BEATS, load_classifier
from ecgnb.classifier.recipe import plain_inputs
from ecgnb.classifier.result import NO_ECG, ClassifiedRecording, labelled, table_of, usual_confidence
from ecgnb.datasets.beats import zscored
from ecgnb.datasets.windows import even_steps, fill_gaps
from ecgnb.detection.gate import JUDGES, EcgGate, judge
from ecgnb.detection.quality import find_faults, share_pointing_up, waves_beside_qrs
from ecgnb.detection.r_peaks import MIN_SECONDS, check_fs, detect_r_peaks
from ecgnb.errors import DataError, ModelError, NoEcgError, UsageError

BLOCK_SECONDS, MARGIN_SECONDS = 600.0, 10.0

LEAST_ECG = 1 / 3  # of the ten-second stretches that hold a signal; with fewer, the whole is refused


def classify_recording(
    signal: ArrayLike,
    fs: float,
    *,
    classifier: Classifier | None = None,
    detector: str = "slope",
    r_sample: ArrayLike | None = None,
    min_confidence: float | None = None,
    flip: bool = False,
    force: bool = False,
    gate: EcgGate | None = None,
    progress: Callable[[float], Any] | None = None,
) -> ClassifiedRecording:
    """Find the beats of one lead and label each.

    Each ten seconds are judged first: those that do not look like an ECG are marked, and their beats get no label. Nor
    do beats of which the network is not sure enough, nor those it takes for S where the rhythm is irregular, since
    nothing is early there. The recording is worked through in blocks of ten minutes, so that a day of it needs little
    memory. For learning and research, not for diagnosis: see the model card of the weights.

    Parameters
    ----------
    signal : (n_samples,) float array
        In any unit; NaN or infinite where there is no value.
    fs : float
        Samples per second, 100 to 2,000.
    classifier : Classifier, optional
        As `load_classifier` gives it; the pretrained ``beat_sequence`` where it is not given.
    detector : str
        As for `detection.detect_r_peaks`.
    r_sample : (n_beats,) int array, optional
        R peaks that are known, instead of a detector's.
    min_confidence : float, optional
        A beat whose likeliest class is less probable is not classified. Where it is not given: what lesson 07 chose for
        the pretrained weights, else 0.7.
    flip : bool
        Turn the signal over first.
    force : bool
        Classify what looks like no ECG, too.
    gate : EcgGate, optional
        What tells an ECG from other signals; the one that lesson 07 fitted where it is not given.
    progress : callable, optional
        Told the share that is done, after each block.

    Returns
    -------
    ClassifiedRecording

    Raises
    ------
    UsageError
        For a rate outside the range, a confidence that is no probability, or an unknown detector.
    DataError
        For a signal that is too short, has no value in most places, or never changes.
    NoEcgError
        For one of which less than a third looks like an ECG.
    ModelError
        Where the classifier does not say how its beats are cut.
    """
    fs = check_fs(fs)
    if min_confidence is not None and (
        isinstance(min_confidence, bool) or not isinstance(min_confidence, int | float) or not 0 <= min_confidence <= 1
    ):
        raise UsageError(f"min_confidence={min_confidence!r}; expected a probability from 0 to 1")
    wave = checked_signal(signal, fs)
    classifier = classifier or load_classifier()
    usual = usual_confidence(classifier.certainty)
    if classifier.recipe is None:
        raise ModelError(
            f"the model {classifier.name} does not say how its beats are cut out of a recording; "
            "expected before, after and fs in its file, as a run of lesson 02 on recordings saves them"
        )
    # Any unit is as good. A power of two, so that not a bit of the waves changes.
    scale = 2.0 ** np.round(np.log2(np.nanstd(wave, dtype=np.float64)))
    wave = wave / np.float32(-scale if flip else scale)
    tell = progress or (lambda share: None)
    needed = list(dict.fromkeys([*JUDGES, *([detector] if r_sample is None else [])]))
    found = {}
    for place, name in enumerate(needed):

        def told(share: float, place: int = place) -> Any:
            return tell((place + share) / len(needed) / 2)

        found[name] = _find_r_peaks(wave, fs, name, told)
    r = found[detector] if r_sample is None else _checked_peaks(r_sample, len(wave))
    first, second = (found[name] for name in JUDGES)
    quality = judge(wave, fs, first, second, gate)
    if not force:
        _refuse_no_ecg(quality, wave, fs)
    is_ecg = quality["is_ecg"].to_numpy() | force
    p, why, pointing_up, beside_qrs = _classify(
        wave, fs, r, quality, is_ecg, classifier, lambda share: tell((1 + share) / 2)
    )
    return ClassifiedRecording(
        beats=table_of(r, p, why, wave, fs, classifier, usual if min_confidence is None else min_confidence),
        classes=list(classifier.classes),
        faults=find_faults(wave, fs),
        quality=quality,
        seconds=len(wave) / fs,
        fs=fs,
        pointing_up=pointing_up,
        beside_qrs=beside_qrs,
        usual_confidence=usual,
        forced=force,
    )


def _refuse_no_ecg(quality: pd.DataFrame, wave: NDArray[np.float32], fs: float) -> None:
    """Raise `NoEcgError` where too few of the stretches that hold a signal look like an ECG."""
    edges = np.r_[np.round(quality["start_s"] * fs).astype(np.int64), len(wave)]
    known = [part[np.isfinite(part)] for part in np.split(wave, edges[1:-1])]
    has_signal = np.array([len(part) > 0 and np.ptp(part) > 0 for part in known])
    n, n_ecg = int(has_signal.sum()), int((quality["is_ecg"] & has_signal).sum())
    if n_ecg < LEAST_ECG * n or not n_ecg:
        raise NoEcgError(
            f"this does not look like an ECG: {n_ecg} of {n} stretches of ten seconds do (expected a third at least); "
            "if it is one, it can be classified all the same (--force, force=True)"
        )


def _find_r_peaks(
    wave: NDArray[np.float32], fs: float, detector: str, progress: Callable[[float], Any]
) -> NDArray[np.int64]:
    """Return the R peaks of a recording, found block by block, none of them in a gap."""
    parts = []
    for start, stop, low, high in blocks(len(wave), fs):
        part, has_value = fill_gaps(wave[low:high])
        found = detect_r_peaks(part, fs, detector)
        found = found[has_value[found]] + low
        slack = round(0.1 * fs)  # a peak at a border may move by some samples
        parts.append(found[(found >= start - slack) & (found < stop + slack)])
        progress(stop / len(wave))
    return _once_each(np.concatenate(parts), fs)


def _classify(
    wave: NDArray[np.float32],
    fs: float,
    r: NDArray[np.int64],
    quality: pd.DataFrame,
    is_ecg: NDArray[np.bool_],
    classifier: Classifier,
    progress: Callable[[float], Any],
) -> tuple[NDArray[np.float32], NDArray[np.str_], float, float]:
    """Return the probabilities of each beat (NaN without any), why it has none, and two facts of the average beat.

    These are the share of beats that point up, and how large the waves beside the QRS complex are.

    Stretches that are no ECG are cut out of the time: their beats are not looked at, and what is usual in the
    recording, its mean interval and its reference beat, is that of the rest.
    """
    recipe = classifier.recipe
    assert recipe is not None
    stretch = np.searchsorted(quality["start_s"] * fs, r, side="right") - 1
    left_out = np.r_[0.0, np.cumsum(np.where(is_ecg, 0.0, quality["seconds"]))][:-1]
    seen = is_ecg[stretch]
    why = np.where(seen, "", NO_ECG).astype(object)
    parts = [np.zeros((0, recipe.n_samples), dtype=np.float32)]
    for start, stop, low, high in blocks(len(wave), fs, even_steps(fs, recipe.fs)):
        rows = np.flatnonzero((r >= start) & (r < stop) & seen)
        windows, why[rows] = recipe.cut(wave[low:high], fs, r[rows] - low)
        parts.append(windows)
        progress(0.8 * stop / len(wave))
    windows = np.concatenate(parts)
    inputs = recipe.inputs_of(windows, why[seen].astype(np.str_), (r / fs - left_out[stretch])[seen])
    probability = np.full((len(r), len(classifier.classes)), np.nan, dtype=np.float32)
    probability[why == ""] = classifier.probabilities(inputs)
    progress(1.0)
    form = windows, recipe.before, recipe.fs
    return probability, why.astype(np.str_), share_pointing_up(*form), waves_beside_qrs(*form)


def classify_beats(
    beats: ArrayLike, *, classifier: Classifier | None = None, min_confidence: float | None = None
) -> pd.DataFrame:
    """Label beats that somebody has cut.

    Parameters
    ----------
    beats : (n_beats, n_samples) float array
        Cut as the classifier's recipe says; they are z-scored here.
    classifier : Classifier, optional
        One of single beats; the pretrained ``cnn_lstm`` where it is not given.

    Returns
    -------
    DataFrame
        label, likeliest, confidence, could_be, ``p_...`` and why, as in `ClassifiedRecording`.
    """
    classifier = classifier or load_classifier(OF_SINGLE_BEATS)
    windows = np.atleast_2d(np.asarray(beats, dtype=np.float32))
    if windows.ndim != 2 or windows.shape[1] != classifier.n_samples or not np.isfinite(windows).all():
        raise DataError(
            f"beats of shape {windows.shape}; expected (n_beats, {classifier.n_samples}), all values finite"
        )
    if classifier.recipe is not None and classifier.recipe.of_recordings:
        raise ModelError(
            f"the model {classifier.name} reads a beat beside the rest of its recording, and these are beats alone; "
            "expected a model of single beats, such as cnn_lstm"
        )
    p = classifier.probabilities(plain_inputs(zscored(windows)))
    least = usual_confidence(classifier.certainty) if min_confidence is None else min_confidence
    return labelled(p, np.full(len(p), ""), classifier, least)


def _checked_peaks(r_sample: ArrayLike, n_samples: int) -> NDArray[np.int64]:
    r = np.asarray(r_sample, dtype=np.int64)
    if r.ndim != 1 or (len(r) and (r[0] < 0 or r[-1] >= n_samples or (np.diff(r) <= 0).any())):
        raise UsageError(f"r_sample: expected samples from 0 to {n_samples - 1}, each after the one before")
    return r


def checked_signal(signal: ArrayLike, fs: float) -> NDArray[np.float32]:
    """Return one lead with NaN where it has no value, or raise `DataError`: too short, mostly no numbers, or flat."""
    try:
        wave = np.asarray(signal, dtype=np.float32)
    except (TypeError, ValueError):
        raise DataError("the signal is no array of numbers; expected (n_samples,), one lead") from None
    if wave.ndim != 1:
        raise DataError(f"a signal of shape {wave.shape}; expected (n_samples,), one lead")
    if len(wave) < MIN_SECONDS * fs:
        raise DataError(
            f"{len(wave):,} samples at {fs:g} Hz are {len(wave) / fs:.3g} s of signal; "
            f"expected at least {MIN_SECONDS:g} s"
        )
    has_value = np.isfinite(wave)
    if (share := has_value.mean()) < 0.5:
        raise DataError(
            f"{1 - share:.0%} of the signal is no number (NaN or infinite); expected at least half of it finite"
        )
    if np.ptp(wave[has_value]) == 0:
        raise DataError(f"the signal is {wave[has_value][0]:g} from start to end; expected an ECG, which changes")
    return wave if has_value.all() else np.where(has_value, wave, np.nan).astype(np.float32)


def blocks(n_samples: int, fs: float, step: int = 1) -> Iterator[tuple[int, int, int, int]]:
    """Yield start and end of each block, and of the wider stretch to read so that its beats are whole.

    The wider stretch starts at a multiple of `step`, so that resampling meets each sample as in the whole recording.
    """
    size, margin = round(BLOCK_SECONDS * fs), round(MARGIN_SECONDS * fs)
    starts = list(range(0, n_samples, size))
    if len(starts) > 1 and n_samples - starts[-1] < 2 * margin:
        starts.pop()  # the last block takes a short rest with it
    for start, stop in zip(starts, [*starts[1:], n_samples], strict=True):
        yield start, stop, max(0, start - margin) // step * step, min(n_samples, stop + margin)


def _once_each(r: NDArray[np.int64], fs: float) -> NDArray[np.int64]:
    """Return R peaks in order of time, leaving out one that two blocks found."""
    r = np.sort(r)
    return r[np.diff(r, prepend=-np.inf) >= 0.2 * fs]
