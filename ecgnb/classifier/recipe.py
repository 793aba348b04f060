"""How a recording becomes what a network reads: the one place for lessons, `classify`, ONNX files and the app."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.beats import Beats, zscored
from ecgnb.datasets.reference import reference_beats
from ecgnb.datasets.timing import LEVELS, relative_rr, rr_features_of
from ecgnb.datasets.windows import check_window, cut_windows, fill_gaps, highpassed
from ecgnb.errors import ModelError, UsageError, plain_text

SCALINGS = {
    "beat": "each beat to mean 0 and standard deviation 1",
    "recording": "each beat less its median, in units of the height of the recording's reference beat",
}
REFERENCES = ("", "recording", "so far")
LONGEST = 10_000  # samples of a window
SLOWEST, FASTEST = 10, 10_000  # Hz
LEAD_NAME = r"\w[\w +/().-]{0,39}"


class Inputs(NamedTuple):
    """What a classifier reads of some beats, in order of time.

    Parameters
    ----------
    signal : (n_kept, n_samples) float32 array
        One window a beat, scaled; beats without a whole window are left out.
    reference : (n_kept, n_samples) float32 array
        The reference beat of the recording beside each, scaled alike; of no samples where the recipe has none.
    timing : (n_kept, n_timing) float32 array
        As `datasets.relative_rr` gives it; of no numbers where the recipe has none.
    recording : (n_kept,) int array
        Which recording a beat is of: neighbours in time are neighbours in rows only within one.
    why : (n_beats,) str array
        Empty for a beat that was kept, else why it has no window.
    """

    signal: NDArray[np.float32]
    reference: NDArray[np.float32]
    timing: NDArray[np.float32]
    recording: NDArray[np.int64]
    why: NDArray[np.str_]

    @property
    def rows(self) -> NDArray[np.float32]:
        """What a network reads: (n_kept, n_numbers), a beat's samples, then its reference's, then its timing."""
        if not self.reference.shape[1] and not self.timing.shape[1]:
            return self.signal
        return np.concatenate([self.signal, self.reference, self.timing], axis=1)


def plain_inputs(signal: NDArray[np.float32]) -> Inputs:
    """Return the inputs of a network that reads windows and nothing else, (n_beats, n_samples), scaled."""
    nothing = np.zeros((len(signal), 0), dtype=np.float32)
    return Inputs(signal, nothing, nothing, np.zeros(len(signal), dtype=np.int64), np.full(len(signal), ""))


@dataclass(frozen=True)
class Recipe:
    """How beats are filtered, cut, timed and scaled for a network.

    What a network was trained on is what it must be served. So a lesson cuts its beats by a recipe
    (``load_mitdb(data, **recipe.window)``, then `of`), the recipe is saved beside the weights, and whatever serves the
    model cuts by the same one (`inputs`).

    Parameters
    ----------
    before, after : int
        Samples of a window before the R peak, and from it on, at the rate `fs`.
    fs : float
        Sampling rate of the windows, Hz.
    lead : str
        The lead that the network learned from.
    highpass : float, optional
        Cutoff of the zero-phase high-pass filter, Hz; None: no filter.
    scaling : {"beat", "recording"}
        Each beat to mean 0 and standard deviation 1; or less its median, in units of the reference beat's height, so
        that a small beat stays small.
    reference : {"", "recording", "so far"}
        Whether the network reads the recording's reference beat, too: of all its beats, or of those so far.
    rr : {"", "mean", "median", "running", "local"}
        Whether it reads the timing, relative to the recording's mean or median interval, or to the mean so far.
    next_rr : bool
        Whether the timing knows the next interval.

    Raises
    ------
    UsageError
        For a window, rate or cutoff that nothing can be cut by.
    """

    before: int
    after: int
    fs: float
    lead: str = "MLII"
    highpass: float | None = None
    scaling: str = "beat"
    reference: str = ""
    rr: str = ""
    next_rr: bool = True

    def __post_init__(self) -> None:
        check_window(self.before, self.after, self.fs)
        if self.before + self.after > LONGEST or not SLOWEST <= self.fs <= FASTEST:
            raise UsageError(
                f"before={self.before}, after={self.after}, fs={self.fs}; expected windows of at most {LONGEST:,} "
                f"samples, at {SLOWEST} to {FASTEST:,} Hz"
            )
        if not isinstance(self.lead, str) or not re.fullmatch(LEAD_NAME, self.lead):
            raise UsageError(f"lead={plain_text(repr(self.lead), 60)}; expected a name of at most 40 letters")
        if self.highpass is not None and not 0 < self.highpass < self.fs / 2:
            raise UsageError(f"highpass={self.highpass!r}; expected a cutoff from 0 to {self.fs / 2:g} Hz, or None")
        for name, known in (("scaling", tuple(SCALINGS)), ("reference", REFERENCES), ("rr", ("", *LEVELS))):
            if getattr(self, name) not in known:
                raise UsageError(f"{name}={getattr(self, name)!r}; expected one of: {', '.join(map(repr, known))}")

    @property
    def n_samples(self) -> int:
        """Samples of a window."""
        return self.before + self.after

    @property
    def n_timing(self) -> int:
        """Numbers of timing that a network reads."""
        return (4 if self.next_rr else 2) if self.rr else 0

    @property
    def n_numbers(self) -> int:
        """Numbers a beat that a network reads."""
        return self.n_samples * (2 if self.reference else 1) + self.n_timing

    @property
    def of_recordings(self) -> bool:
        """Whether it takes a recording, and not a beat alone, to follow this recipe."""
        return bool(self.reference or self.rr or self.scaling == "recording")

    @property
    def window(self) -> dict[str, Any]:
        """What `datasets.cut_beats` and `datasets.load_mitdb` take to cut beats by this recipe, in mV."""
        return {name: getattr(self, name) for name in ("before", "after", "fs", "lead", "highpass")}

    def scaled(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return windows, (n_beats, n_samples) in any unit, each scaled by itself.

        To mean 0 and standard deviation 1; or, where the recording's reference beat gives the unit, less the median.
        """
        return zscored(signal) if self.scaling == "beat" else signal - np.median(signal, axis=1, keepdims=True)

    def of(self, beats: Beats) -> Inputs:
        """Return what a classifier reads of beats that were cut by this recipe's `window`.

        Beats of several recordings may follow one another, each recording in order of time.
        """
        if not self.of_recordings:
            return plain_inputs(self.scaled(beats.signal))
        if self.rr and beats.rr is None:
            raise UsageError("this recipe reads the timing of beats, and these beats have none; load recordings")
        edges = [0, *(np.flatnonzero(beats.record[1:] != beats.record[:-1]) + 1), len(beats)]
        rr = np.ones((len(beats), 2), dtype=np.float32) if beats.rr is None else beats.rr
        parts = [self.relative(beats.signal[low:high], rr[low:high]) for low, high in pairwise(edges)]
        number = np.repeat(np.arange(len(parts)), np.diff(edges))
        signal, reference, timing = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Inputs(signal, reference, timing, number, np.full(len(beats), ""))

    def cut(
        self, wave: NDArray[Any], fs: float, r_sample: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
        """Filter one lead, or a part of it, and cut its beats.

        Parameters
        ----------
        wave : (n_samples,) float array
            In any unit; NaN where there is no value.
        fs : float
            Its sampling rate, Hz.
        r_sample : (n_beats,) int array
            R peaks, in samples of `wave`.

        Returns
        -------
        windows : (n_kept, n_samples) float32 array
            In the unit of `wave`.
        why : (n_beats,) str array
            Empty for a beat that has a window.
        """
        wave, has_value = fill_gaps(wave)
        if self.highpass is not None:
            wave = highpassed(wave, fs, self.highpass)
        return cut_windows(wave, r_sample, fs, self.before, self.after, self.fs, has_value=has_value)

    def relative(
        self, windows: NDArray[np.float32], rr: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Scale the windows of one recording, and set reference beat and timing beside them.

        Parameters
        ----------
        windows : (n_beats, n_samples) float array
            All beats of the recording, in order of time, in any unit.
        rr : (n_beats, 2 or more) array
            Their previous and next interval, seconds.

        Returns
        -------
        signal, reference, timing
            As in `Inputs`.
        """
        windows = self.scaled(windows)
        reference = windows[:, :0]
        if self.reference or self.scaling == "recording":
            reference = reference_beats(windows, self.before, self.fs, so_far=self.reference == "so far")
        if self.scaling == "recording":
            height = np.maximum(np.ptp(reference, axis=1, keepdims=True), 1e-9)
            windows, reference = windows / height, reference / height
        timing = relative_rr(rr, self.rr, next_rr=self.next_rr) if self.rr else windows[:, :0]
        return windows, reference if self.reference else windows[:, :0], timing

    def inputs(self, wave: NDArray[Any], fs: float, r_sample: NDArray[np.int64]) -> Inputs:
        """Return what a classifier reads of the beats of one lead: see `cut`."""
        windows, why = self.cut(wave, fs, r_sample)
        return self.inputs_of(windows, why, r_sample / fs)

    def inputs_of(self, windows: NDArray[np.float32], why: NDArray[np.str_], r_seconds: NDArray[np.floating]) -> Inputs:
        """Return what a classifier reads of a recording's beats, from windows that `cut` gave.

        Parameters
        ----------
        windows : (n_kept, n_samples) float array
        why : (n_beats,) str array
        r_seconds : (n_beats,) float array
            Time of each R peak, seconds.
        """
        kept = rr_features_of(r_seconds)[why == ""]
        signal, reference, timing = self.relative(windows, kept)
        return Inputs(signal, reference, timing, np.zeros(len(signal), dtype=np.int64), why)

    def to_values(self) -> dict[str, Any]:
        """Return the recipe as plain values, for a model file."""
        return asdict(self) | {"scaling": SCALINGS[self.scaling]}

    @classmethod
    def from_values(cls, values: Mapping[str, Any], name: str) -> Recipe | None:
        """Return the recipe that a model file holds; None where it says nothing of cutting.

        Raises
        ------
        ModelError
            Where it says something that nothing can be cut by.
        """
        if not {"before", "after"} & set(values):
            return None
        texts = {text: key for key, text in SCALINGS.items()}
        given = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        try:
            given["scaling"] = texts[given.get("scaling", SCALINGS["beat"])]
            for key, value in given.items():
                is_text = key in ("lead", "scaling", "reference", "rr")
                if isinstance(value, str) != is_text or isinstance(value, bool) != (key == "next_rr"):
                    raise TypeError
            if not math.isfinite(given["fs"]):
                raise TypeError
            return cls(**given)
        except (UsageError, TypeError, KeyError, ValueError, OverflowError):
            kept = {field.name: values[field.name] for field in fields(cls) if field.name in values}
            raise ModelError(
                f"{name} has a recipe that no beat can be cut by: {plain_text(kept)}; expected before, after, fs, lead"
            ) from None
