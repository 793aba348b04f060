"""From a raw recording to labelled beats: R peaks, windows, probabilities, and what is better left unsaid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgnb.classifier.base import Classifier, class_names, window_length
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.result import MIN_CONFIDENCE, ClassifiedRecording, _named, _table
from ecgnb.datasets.beats import zscored
from ecgnb.datasets.windows import cut_windows, fill_gaps
from ecgnb.detection.quality import find_faults, share_pointing_up
from ecgnb.detection.r_peaks import MIN_SECONDS, check_fs, detect_r_peaks
from ecgnb.errors import DataError, ModelError, UsageError

BLOCK_SECONDS, MARGIN_SECONDS = 600.0, 10.0


def classify_recording(
    signal: ArrayLike,
    fs: float,
    *,
    classifier: Classifier | None = None,
    detector: str = "slope",
    r_sample: ArrayLike | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    flip: bool = False,
    progress: Callable[[float], Any] | None = None,
) -> ClassifiedRecording:
    """Find the beats of one lead and name each.

    The recording is worked through in blocks of ten minutes, so that a day of it needs little memory. For learning and
    research, not for diagnosis: see the model card of the weights.

    Parameters
    ----------
    signal : (n_samples,) float array
        In any unit; NaN or infinite where there is no value.
    fs : float
        Samples per second, 100 to 2,000.
    classifier : Classifier, optional
        As `load_classifier` gives it; the pretrained ``cnn_lstm`` where it is not given.
    detector : str
        As for `detection.detect_r_peaks`.
    r_sample : (n_beats,) int array, optional
        R peaks that are known, instead of a detector's.
    min_confidence : float
        A beat whose likeliest class is less probable is not classified.
    flip : bool
        Turn the signal over first.
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
    ModelError
        Where the classifier does not say how its beats are cut.
    """
    fs = check_fs(fs)
    if isinstance(min_confidence, bool) or not isinstance(min_confidence, int | float) or not 0 <= min_confidence <= 1:
        raise UsageError(f"min_confidence={min_confidence!r}; expected a probability from 0 to 1")
    wave = _checked(signal, fs)
    classifier = classifier or load_classifier()
    recipe = classifier.recipe
    if not {"before", "after", "fs"} <= set(recipe):
        raise ModelError(
            f"the model {classifier.name} does not say how its beats are cut out of a recording; "
            "expected before, after and fs in its file, as a run of lesson 02 on recordings saves them"
        )
    before, after, target = int(recipe["before"]), int(recipe["after"]), float(recipe["fs"])
    known = None if r_sample is None else _checked_peaks(r_sample, len(wave))
    scale = float(np.nanstd(wave))  # any unit is as good
    r_parts, p_parts, why_parts, up = [], [], [], []
    for start, stop, low, high in _blocks(len(wave), fs):
        part, has_value = fill_gaps(wave[low:high])
        part = part / (-scale if flip else scale)
        r = detect_r_peaks(part, fs, detector) if known is None else known[(known >= low) & (known < high)] - low
        slack = 0 if known is not None else round(0.1 * fs)  # a peak at a border may move by some samples
        r = r[(r + low >= start - slack) & (r + low < stop + slack)]
        r = r if known is not None else r[has_value[r]]
        windows, why = cut_windows(part, r, fs, before, after, target, has_value=has_value)
        r_parts.append(r + low)
        why_parts.append(why)
        up.append((share_pointing_up(windows, before, target), len(windows)))
        p_parts.append(_fill(why, classifier.probabilities(zscored(windows)) if len(windows) else None, classifier))
        if progress is not None:
            progress(stop / len(wave))
    r, p, why = np.concatenate(r_parts), np.concatenate(p_parts), np.concatenate(why_parts)
    once = _first_of_each(r, fs) if known is None else slice(None)
    shares, weights = zip(*[(share, n) for share, n in up if n] or [(np.nan, 1)], strict=True)
    return ClassifiedRecording(
        beats=_table(r[once], p[once], why[once], wave, fs, class_names(classifier), min_confidence),
        classes=class_names(classifier),
        faults=find_faults(wave, fs),
        seconds=len(wave) / fs,
        fs=fs,
        pointing_up=float(np.average(shares, weights=weights)),
    )


def classify_beats(
    beats: ArrayLike, *, classifier: Classifier | None = None, min_confidence: float = MIN_CONFIDENCE
) -> pd.DataFrame:
    """Name beats that somebody has cut.

    Parameters
    ----------
    beats : (n_beats, n_samples) float array
        Cut as the classifier's recipe says; they are z-scored here.

    Returns
    -------
    DataFrame
        label, likeliest, confidence, ``p_...`` and why, as in `ClassifiedRecording`.
    """
    classifier = classifier or load_classifier()
    windows = np.atleast_2d(np.asarray(beats, dtype=np.float32))
    n_samples = window_length(classifier)
    if windows.ndim != 2 or windows.shape[1] != n_samples or not np.isfinite(windows).all():
        raise DataError(f"beats of shape {windows.shape}; expected (n_beats, {n_samples}), all values finite")
    p = classifier.probabilities(zscored(windows))
    return _named(p, np.full(len(p), ""), class_names(classifier), min_confidence)


def _checked_peaks(r_sample: ArrayLike, n_samples: int) -> NDArray[np.int64]:
    r = np.asarray(r_sample, dtype=np.int64)
    if r.ndim != 1 or (len(r) and (r[0] < 0 or r[-1] >= n_samples or (np.diff(r) <= 0).any())):
        raise UsageError(f"r_sample: expected samples from 0 to {n_samples - 1}, each after the one before")
    return r


def _checked(signal: ArrayLike, fs: float) -> NDArray[np.float32]:
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


def _blocks(n_samples: int, fs: float) -> Iterator[tuple[int, int, int, int]]:
    """Yield start and end of each block, and of the wider stretch to read so that its beats are whole."""
    size, margin = round(BLOCK_SECONDS * fs), round(MARGIN_SECONDS * fs)
    starts = list(range(0, n_samples, size))
    if len(starts) > 1 and n_samples - starts[-1] < 2 * margin:
        starts.pop()  # the last block takes a short rest with it
    for start, stop in zip(starts, [*starts[1:], n_samples], strict=True):
        yield start, stop, max(0, start - margin), min(n_samples, stop + margin)


def _first_of_each(r: NDArray[np.int64], fs: float) -> NDArray[np.int64]:
    """Return the rows of R peaks, leaving out one that two blocks found."""
    order = np.argsort(r, kind="stable")
    gap = np.diff(r[order], prepend=-np.inf)
    return order[np.flatnonzero(gap >= 0.2 * fs)]


def _fill(why: NDArray[np.str_], p: NDArray[np.float32] | None, classifier: Classifier) -> NDArray[np.float32]:
    """Give a row to each beat: its probabilities, or NaN for one that has no window."""
    rows = np.full((len(why), len(class_names(classifier))), np.nan, dtype=np.float32)
    if p is not None:
        rows[why == ""] = p
    return rows
