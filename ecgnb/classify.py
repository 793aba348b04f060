"""From a raw recording to named beats: R peaks, windows, probabilities, and what is better left unsaid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray

from ecgnb import models
from ecgnb.datasets.beats import zscored
from ecgnb.datasets.cut import cut_windows, fill_gaps
from ecgnb.detection import MIN_SECONDS, check_fs, detect_r_peaks
from ecgnb.errors import DataError, ModelError, UsageError
from ecgnb.quality import UPSIDE_DOWN, find_faults, share_pointing_up
from ecgnb.training import predict

UNSURE = "?"  # the label of a beat that is not classified
MIN_CONFIDENCE = 0.7
BLOCK_SECONDS, MARGIN_SECONDS = 600.0, 10.0


class Classifier(Protocol):
    """What names beats: a network of PyTorch (`TorchClassifier`) or of ONNX (`export.OnnxClassifier`)."""

    name: str
    recipe: dict[str, Any]

    def probabilities(self, beats: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probability of each class: z-scored (n_beats, n_samples) to (n_beats, n_classes)."""
        ...


@dataclass
class TorchClassifier:
    """A network and how its beats are cut."""

    name: str
    network: torch.nn.Module
    recipe: dict[str, Any]

    def probabilities(self, beats: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probability of each class: z-scored (n_beats, n_samples) to (n_beats, n_classes)."""
        return predict(self.network, torch.from_numpy(beats)).softmax(dim=1).numpy()


def load_classifier(model: str | Path = "cnn_lstm") -> Classifier:
    """Return a classifier that knows how its beats are cut.

    Parameters
    ----------
    model : str or path
        Name of pretrained weights, or a file: a model that a run of lesson 02 saved (``.pth``), or one that
        `export.export_onnx` wrote (``.onnx``).

    Raises
    ------
    ModelError
        Where there is no such model, the file cannot be read safely, or the model does not name beats.
    """
    if str(model) in models.pretrained_names():
        network = models.load_pretrained(str(model))
        return TorchClassifier(str(model), network, dict(network.recipe))  # type: ignore[arg-type]
    path = Path(model).expanduser()
    if path.suffix == ".onnx":
        from ecgnb.export import OnnxClassifier  # onnxruntime is an extra

        return OnnxClassifier(path)
    if not path.suffix:
        known = ", ".join(models.pretrained_names())
        raise ModelError(f"there are no pretrained weights of {str(model)!r}; expected one of: {known}, or a file")
    network, recipe = models.load(path)
    _check_recipe(path.name, recipe)
    n_samples = network.ecgnb_config["options"].get("n_samples")  # type: ignore[union-attr,index]
    if "classes" not in recipe or n_samples is None:
        raise ModelError(f"{path.name} holds {network.ecgnb_config['name']}, which does not say what classes it names; "  # type: ignore[index]
                         "expected a model that a run of lesson 02 saved")  # fmt: skip
    classifier = TorchClassifier(path.stem, network, recipe | {"n_samples": n_samples})
    if sum(recipe.get(part, 0) for part in ("before", "after")) not in (0, n_samples):
        raise ModelError(f"{path.name} reads {n_samples} samples a beat, and its recipe cuts another number")
    given = classifier.probabilities(np.zeros((1, n_samples), dtype=np.float32)).shape
    if given != (1, n_classes := len(class_names(classifier))):
        raise ModelError(
            f"{path.name} gives {given[-1]} numbers a beat and names {n_classes} classes; expected as many"
        )
    return classifier


def _check_recipe(name: str, recipe: dict[str, Any]) -> None:
    """Refuse a recipe that no beat can be cut by; one that says nothing of cutting is fine for beats already cut."""
    window = {part: recipe[part] for part in ("before", "after") if part in recipe}
    whole = all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= 100_000 for n in window.values())
    rate = recipe.get("fs", 125.0)
    if not whole or not isinstance(rate, int | float) or not 0 < rate <= 10_000 or not str(recipe.get("classes", "N")):
        raise ModelError(
            f"{name} has a recipe that no beat can be cut by: {recipe}; expected before, after, fs, classes"
        )


def class_names(classifier: Classifier) -> list[str]:
    """Return the classes a classifier names, in the order of its probabilities."""
    return str(classifier.recipe["classes"]).split()


@dataclass(frozen=True, eq=False)
class ClassifiedRecording:
    """The beats of a recording, named.

    Parameters
    ----------
    beats : DataFrame
        One row a beat: time_s and r_sample of its R peak, rr_s since the beat before, label (``?`` where it is not
        classified), likeliest (the class with the highest probability), confidence (that probability), one column
        ``p_...`` a class, and why it is not classified.
    classes : list of str
    faults : DataFrame
        As `quality.find_faults` gives it.
    seconds : float
        Length of the recording.
    fs : float
    pointing_up : float
        Share of beats that point up.
    """

    beats: pd.DataFrame
    classes: list[str]
    faults: pd.DataFrame
    seconds: float
    fs: float
    pointing_up: float

    def to_csv(self, path: str | Path | None = None) -> str | None:
        """Write the table of beats, times to 0.1 ms; return it as text where no path is given."""
        return beats_to_csv(self.beats, path)

    def with_confidence(self, min_confidence: float) -> ClassifiedRecording:
        """Return the same beats, classified where the network is at least so sure."""
        return replace(self, beats=relabelled(self.beats, min_confidence))

    def counts(self) -> pd.Series:
        """Return the number of beats of each class, and of those not classified."""
        return self.beats["label"].value_counts().reindex([*self.classes, UNSURE], fill_value=0).rename("beats")

    def summary(self) -> dict[str, Any]:
        """Return what a reader wants first.

        Returns
        -------
        dict
            seconds, beats, heart_rate_bpm (of the median interval) with its lowest and highest over ten beats,
            beats_by_class, not_classified (share), missing, flat and clipped (share of the time). Rates are None
            where there are fewer than two beats.
        """
        counts, interval = self.counts(), self.beats["rr_s"].dropna()
        over_ten = 60 / interval.rolling(10, min_periods=min(10, max(1, len(interval)))).mean().dropna()
        share = self.faults.groupby("fault")["seconds"].sum() / self.seconds
        return {
            "seconds": self.seconds,
            "beats": len(self.beats),
            "heart_rate_bpm": 60 / float(interval.median()) if len(interval) else None,
            "lowest_heart_rate_bpm": float(over_ten.min()) if len(interval) else None,
            "highest_heart_rate_bpm": float(over_ten.max()) if len(interval) else None,
            "beats_by_class": {name: int(counts[name]) for name in self.classes},
            "not_classified": float(counts[UNSURE] / len(self.beats)) if len(self.beats) else None,
        } | {fault: float(share.get(fault, 0)) for fault in ("missing", "flat", "clipped")}

    def warnings(self) -> list[str]:
        """Return what a reader should know before they believe the table, one sentence each."""
        found, summary = [], self.summary()
        if not len(self.beats):
            found.append("No R peak was found; is this an ECG, and is its sampling rate right?")
        elif summary["heart_rate_bpm"] is not None and not 20 <= summary["heart_rate_bpm"] <= 250:
            rate = summary["heart_rate_bpm"]
            found.append(f"A heart rate of {rate:.0f} a minute is hardly possible; is {self.fs:g} Hz the right rate?")
        if self.pointing_up < UPSIDE_DOWN:
            found.append(
                f"{1 - self.pointing_up:.0%} of the beats point down: the lead may be upside down, or this heart's QRS "
                "points down in it. The network learned from upright beats; try again with the signal flipped."
            )
        for fault, doing in (("missing", "has no value"), ("flat", "is flat"), ("clipped", "is clipped")):
            stretches = self.faults[self.faults["fault"] == fault]
            if len(stretches):
                longest = stretches.sort_values("seconds").iloc[-1]
                plural = "es" if len(stretches) > 1 else ""
                found.append(
                    f"The signal {doing} in {len(stretches):,} stretch{plural}, {summary[fault]:.1%} of the time; "
                    f"the longest starts at {longest['start_s']:.1f} s and lasts {longest['seconds']:.2f} s."
                )
        if (summary["not_classified"] or 0) > 0.2:
            found.append(
                f"{summary['not_classified']:.0%} of the beats are not classified: this recording is unlike those the "
                "network learned from."
            )
        return found


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


def window_length(classifier: Classifier) -> int:
    """Return the samples of a beat that a classifier reads."""
    recipe = classifier.recipe
    return int(recipe["n_samples"]) if "n_samples" in recipe else int(recipe["before"]) + int(recipe["after"])


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


def beats_to_csv(beats: pd.DataFrame, path: str | Path | None = None) -> str | None:
    """Write a table of beats as `ClassifiedRecording.to_csv` does."""
    digits = {name: 5 if name.startswith("p_") or name == "confidence" else 4 for name in beats.columns}
    return beats.round(digits).to_csv(path, index_label="beat")


def relabelled(beats: pd.DataFrame, min_confidence: float) -> pd.DataFrame:
    """Return a table of beats, classified where the network is at least so sure; else their label is ``?``."""
    has_window = beats["confidence"].notna()
    sure = has_window & (beats["confidence"] >= min_confidence)
    why = beats["why"].where(~has_window, "").mask(has_window & ~sure, f"less sure than {min_confidence:g}")
    return beats.assign(label=beats["likeliest"].where(sure, UNSURE), why=why)


def _named(p: NDArray[np.float32], why: NDArray[Any], classes: Sequence[str], min_confidence: float) -> pd.DataFrame:
    has_window = ~np.isnan(p[:, 0])
    safe = np.where(has_window[:, None], p, 0)
    likeliest = np.where(has_window, np.array(classes)[safe.argmax(axis=1)], UNSURE)
    confidence = np.where(has_window, safe.max(axis=1, initial=0), np.nan)
    table = pd.DataFrame({"label": likeliest, "likeliest": likeliest, "confidence": confidence})
    table = table.assign(**{f"p_{name}": p[:, k] for k, name in enumerate(classes)}, why=why)
    return relabelled(table, min_confidence)


def _table(
    r: NDArray[np.int64],
    p: NDArray[np.float32],
    why: NDArray[Any],
    wave: NDArray[np.float32],
    fs: float,
    classes: Sequence[str],
    least: float,
) -> pd.DataFrame:
    time = r / fs
    interval = np.diff(time, prepend=np.nan)
    missing = np.cumsum(np.isnan(wave))[r]
    interval[np.diff(missing, prepend=0) > 0] = np.nan  # nobody knows what beat in a gap
    timing = pd.DataFrame({"time_s": time, "r_sample": r, "rr_s": interval})
    return pd.concat([timing, _named(p, why, classes, least)], axis=1)
