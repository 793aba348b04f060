"""How a recording becomes what a network reads: the one place for lessons, `classify`, ONNX files and the app."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.beats import Beats, zscored
from ecgnb.datasets.timing import rr_features_of
from ecgnb.datasets.windows import check_window, cut_windows, fill_gaps, highpassed
from ecgnb.errors import ModelError, UsageError

SCALING = "each beat to mean 0 and standard deviation 1"
LONGEST = 100_000  # samples before or after the R peak


class Inputs(NamedTuple):
    """What a classifier reads of some beats.

    Parameters
    ----------
    signal : (n_kept, n_samples) float32 array
        One window a beat, scaled; beats without a whole window are left out.
    rr : (n_kept, 4) float32 array
        Their timing, as `datasets.rr_features` gives it.
    why : (n_beats,) str array
        Empty for a beat that was kept, else why it has no window.
    """

    signal: NDArray[np.float32]
    rr: NDArray[np.float32]
    why: NDArray[np.str_]


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

    def __post_init__(self) -> None:
        check_window(self.before, self.after, self.fs)
        if max(self.before, self.after) > LONGEST or self.fs > 10_000:
            raise UsageError(f"{self}; expected windows of at most {LONGEST:,} samples, at 10,000 Hz at most")
        if self.highpass is not None and not 0 < self.highpass < self.fs / 2:
            raise UsageError(f"highpass={self.highpass!r}; expected a cutoff from 0 to {self.fs / 2:g} Hz, or None")

    @property
    def n_samples(self) -> int:
        """Samples of a window."""
        return self.before + self.after

    @property
    def window(self) -> dict[str, Any]:
        """What `datasets.cut_beats` and `datasets.load_mitdb` take to cut beats by this recipe, in mV."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def scaled(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return windows, (n_beats, n_samples) in any unit, each scaled to mean 0 and standard deviation 1."""
        return zscored(signal)

    def of(self, beats: Beats) -> Inputs:
        """Return what a classifier reads of beats that were cut by this recipe's `window`."""
        rr = np.ones((len(beats), 4), dtype=np.float32) if beats.rr is None else beats.rr
        return Inputs(self.scaled(beats.signal), rr, np.full(len(beats), ""))

    def inputs(
        self,
        wave: NDArray[Any],
        fs: float,
        r_sample: NDArray[np.int64],
        *,
        rr: NDArray[np.float32] | None = None,
    ) -> Inputs:
        """Return what a classifier reads of the beats of one lead.

        Parameters
        ----------
        wave : (n_samples,) float array
            In any unit; NaN where there is no value.
        fs : float
            Its sampling rate, Hz.
        r_sample : (n_beats,) int array
            R peaks, in samples of `wave`.
        rr : (n_beats, 4) float array, optional
            Their timing, where `wave` is a part of a longer recording; else it follows from `r_sample`.
        """
        wave, has_value = fill_gaps(wave)
        if self.highpass is not None:
            wave = highpassed(wave, fs, self.highpass)
        windows, why = cut_windows(wave, r_sample, fs, self.before, self.after, self.fs, has_value=has_value)
        rr = rr_features_of(r_sample / fs) if rr is None else rr
        return Inputs(self.scaled(windows), rr[why == ""], why)

    def to_values(self) -> dict[str, Any]:
        """Return the recipe as plain values, for a model file."""
        return asdict(self) | {"scaling": SCALING}

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
        try:
            given = {field.name: values[field.name] for field in fields(cls) if field.name in values}
            if any(isinstance(value, bool) for value in given.values()) or not isinstance(given.get("lead", ""), str):
                raise TypeError
            if values.get("scaling", SCALING) != SCALING or not math.isfinite(given["fs"]):
                raise TypeError
            return cls(**given)
        except (UsageError, TypeError, KeyError, ValueError):
            kept = {
                key: values[key] for key in ("before", "after", "fs", "lead", "highpass", "scaling") if key in values
            }
            raise ModelError(
                f"{name} has a recipe that no beat can be cut by: {str(kept)[:200]}; expected before, after, fs, lead"
            ) from None
