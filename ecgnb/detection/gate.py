"""Is this an ECG? A judgement of each ten seconds, before any network reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike, NDArray

from ecgnb.datasets.windows import fill_gaps
from ecgnb.detection.indices import INDICES, STRETCH_SECONDS, quality_indices
from ecgnb.detection.r_peaks import MAX_FS, MIN_FS, MIN_SECONDS, detect_r_peaks
from ecgnb.errors import ModelError

ECG = "ECG"
JUDGES = ("slope", "sleepecg")  # the two detectors whose agreement the gate knows
BLOCK_SECONDS = 60 * STRETCH_SECONDS
FURTHEST = 4.0  # standard deviations: what lies further out counts as being there
MOST_CERTAIN = 5.0  # log odds of one stretch, whatever the gate says: neighbours are to be heard


@dataclass(frozen=True, eq=False)
class EcgGate:
    """A logistic regression on signal quality indices, their squares and products.

    Squares, because both too much and too little are suspicious: a QRS complex is narrow, and a spike is narrower.

    Parameters
    ----------
    mean, scale : (n_indices,) float array
        Of the indices where it was fitted.
    weights : (n_terms,) float array
        Of indices, squares and products, in the order of `terms`.
    intercept : float
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: float

    def probability(self, indices: pd.DataFrame) -> NDArray[np.float64]:
        """Return how probably each stretch is an ECG, (n_stretches,); NaN where an index is not known.

        Parameters
        ----------
        indices : DataFrame
            As `quality_indices` gives them.
        """
        standard = (indices[list(INDICES)].to_numpy(dtype=np.float64) - self.mean) / self.scale
        return np.asarray(scipy.special.expit(terms(standard) @ self.weights + self.intercept))

    @classmethod
    def fit(
        cls, indices: pd.DataFrame, kind: ArrayLike, importance: ArrayLike = 1.0, *, strength: float = 0.1
    ) -> EcgGate:
        """Return a gate that was fitted to stretches that are ECG and stretches that are not.

        ECG and the rest count alike, and so does each kind of the rest, however much there is of it.

        Parameters
        ----------
        indices : DataFrame
            Stretches of which an index is not known are left out.
        kind : (n_stretches,) str array
            `ECG`, or what else it is.
        importance : (n_stretches,) float array, optional
            How often a stretch counts among its like.
        strength : float
            Of the data against the penalty on large weights.
        """
        from sklearn.linear_model import LogisticRegression  # only here: it takes a while to import
        from sklearn.preprocessing import StandardScaler

        values, kinds = indices[list(INDICES)].to_numpy(dtype=np.float64), np.asarray(kind)
        known = np.isfinite(values).all(axis=1)
        values, is_ecg = values[known], kinds[known] == ECG
        _, number, n_of_kind = np.unique(kinds[known], return_inverse=True, return_counts=True)
        weight = np.broadcast_to(importance, kinds.shape)[known] / n_of_kind[number]
        weight = np.where(is_ecg, weight / weight[is_ecg].sum(), weight / weight[~is_ecg].sum()) * len(values) / 2
        scaler = StandardScaler().fit(values, sample_weight=weight)
        fitted = LogisticRegression(C=strength, max_iter=2000)
        fitted.fit(terms(scaler.transform(values)), is_ecg, sample_weight=weight)
        return cls(scaler.mean_, scaler.scale_, fitted.coef_[0], float(fitted.intercept_[0]))

    def to_values(self) -> dict[str, Any]:
        """Return it as plain numbers, for a file."""
        arrays = {name: getattr(self, name).tolist() for name in ("mean", "scale", "weights")}
        return {"indices": list(INDICES)} | arrays | {"intercept": self.intercept}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> EcgGate:
        """Return the gate that `to_values` wrote down, or raise `ModelError` where it reads other indices."""
        if values["indices"] != list(INDICES):
            raise ModelError(f"a gate of {values['indices']}; expected one of {list(INDICES)}: run lesson 07 anew")
        mean, scale, weights = (np.array(values[name], dtype=np.float64) for name in ("mean", "scale", "weights"))
        return cls(mean, scale, weights, float(values["intercept"]))


def terms(standard: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return standardised indices, held within four deviations, then their squares and products."""
    held = np.clip(standard, -FURTHEST, FURTHEST)
    row, column = np.triu_indices(held.shape[1])
    return np.concatenate([held, held[:, row] * held[:, column]], axis=1)


def smoothed(p_ecg: ArrayLike) -> NDArray[np.float64]:
    """Return the probabilities of consecutive stretches, each heard together with its two neighbours.

    The mean of the log odds, the stretch itself counting three times, so that two sure neighbours cannot outvote a
    stretch that is surely none. One of which nothing is known counts as none.

    Parameters
    ----------
    p_ecg : (n_stretches,) array
        Of one recording, in order of time.
    """
    with np.errstate(divide="ignore"):
        odds = scipy.special.logit(np.nan_to_num(np.asarray(p_ecg, dtype=np.float64)))
    odds = np.clip(odds, -MOST_CERTAIN, MOST_CERTAIN)
    padded = np.r_[odds[:1], odds, odds[-1:]]
    return np.asarray(scipy.special.expit((padded[:-2] + 3 * odds + padded[2:]) / 5))


@cache
def learned_gate() -> EcgGate:
    """Return the gate that lesson 07 fitted."""
    text = files("ecgnb.detection").joinpath("gate.json").read_text(encoding="utf-8")
    return EcgGate.from_values(json.loads(text))


def judge(
    wave: NDArray[np.floating],
    fs: float,
    r_sample: NDArray[np.int64],
    r_other: NDArray[np.int64],
    gate: EcgGate | None = None,
) -> pd.DataFrame:
    """Say of each ten seconds of a lead how probably they are an ECG.

    Parameters
    ----------
    wave : (n_samples,) float array
        In any unit; NaN where there is no value. It is worked through in blocks of ten minutes.
    fs : float
        Samples per second.
    r_sample, r_other : (n_beats,) int arrays
        R peaks as two different detectors found them.
    gate : EcgGate, optional
        The one that lesson 07 fitted where it is not given.

    Returns
    -------
    DataFrame
        One row a stretch: start_s, seconds, p_ecg (as `smoothed` gives it), is_ecg (from one half on).
    """
    gate, size = gate or learned_gate(), round(BLOCK_SECONDS * fs)
    starts = list(range(0, max(1, len(wave) - size // 2), size))
    parts = []
    for start, stop in zip(starts, [*starts[1:], len(wave)], strict=True):
        inside = [r[(r >= start) & (r < stop)] - start for r in (r_sample, r_other)]
        indices = quality_indices(wave[start:stop], fs, *inside)
        parts.append(indices[["start_s", "seconds"]].assign(p_ecg=gate.probability(indices)))
        parts[-1]["start_s"] += start / fs
    table = pd.concat(parts, ignore_index=True)
    p_ecg = np.where(table["p_ecg"].isna(), 0.0, smoothed(table["p_ecg"]))
    return table.assign(p_ecg=p_ecg, is_ecg=p_ecg >= 0.5)


def looks_like_ecg(wave: ArrayLike, fs: float) -> bool:
    """Say whether most ten-second stretches of a short signal look like an ECG; not where that cannot be judged.

    Parameters
    ----------
    wave : (n_samples,) float array
        In any unit; NaN where there is no value.
    fs : float
        Samples per second.
    """
    values = np.asarray(wave, dtype=np.float64)
    known = np.isfinite(values)
    if not MIN_FS <= fs <= MAX_FS or len(values) < MIN_SECONDS * fs or known.mean() < 0.5 or np.ptp(values[known]) == 0:
        return False
    scaled = (values - np.median(values[known])) / values[known].std()
    filled, _ = fill_gaps(scaled.astype(np.float32))
    first, second = (detect_r_peaks(filled, fs, name) for name in JUDGES)
    return bool(judge(scaled.astype(np.float32), fs, first, second)["is_ecg"].mean() > 0.5)
