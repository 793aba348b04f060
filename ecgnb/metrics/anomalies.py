"""Scores that say how far a beat is from normal, and thresholds on them. A higher score is always more anomalous."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.metrics import average_precision_score
from torch import nn

from ecgnb.errors import UsageError
from ecgnb.metrics.intervals import Estimate, bootstrap, share
from ecgnb.training.loop import predict


def auroc(normal_scores: ArrayLike, anomaly_scores: ArrayLike, axis: int = -1) -> Any:
    """Area under the ROC curve: how often an anomaly scores above a normal beat, ties counting half.

    Computed from ranks (Mann-Whitney), so it runs along an axis of many resamples at once.
    """
    normal, anomalous = (
        np.moveaxis(np.asarray(normal_scores), axis, -1),
        np.moveaxis(np.asarray(anomaly_scores), axis, -1),
    )
    n, m = normal.shape[-1], anomalous.shape[-1]
    ranks = stats.rankdata(np.concatenate([normal, anomalous], axis=-1), axis=-1)
    return (ranks[..., n:].sum(axis=-1) - m * (m + 1) / 2) / (n * m)


def auprc(normal_scores: ArrayLike, anomaly_scores: ArrayLike) -> float:
    """Average precision with the anomalies as positives; chance level is their share, not one half."""
    normal, anomalous = np.asarray(normal_scores), np.asarray(anomaly_scores)
    truth = np.r_[np.zeros(len(normal)), np.ones(len(anomalous))]
    return float(average_precision_score(truth, np.r_[normal, anomalous]))


def auroc_difference(
    scores: tuple[ArrayLike, ArrayLike], other: tuple[ArrayLike, ArrayLike], seed: int = 0
) -> Estimate:
    """Return the AUROC of one detector minus another's on the same beats, by a paired bootstrap.

    Parameters
    ----------
    scores, other : (normal scores, anomaly scores)
        Row by row of the same beats.
    """
    (a_normal, a_anomalous), (b_normal, b_anomalous) = [[np.asarray(part) for part in pair] for pair in (scores, other)]

    def difference(normal: NDArray[np.int64], anomalous: NDArray[np.int64], axis: int = -1) -> Any:
        return auroc(a_normal[normal], a_anomalous[anomalous], axis) - auroc(
            b_normal[normal], b_anomalous[anomalous], axis
        )

    return bootstrap(difference, np.arange(len(a_normal)), np.arange(len(a_anomalous)), seed=seed)


def detection_by_class(flagged: ArrayLike, class_name: ArrayLike) -> pd.DataFrame:
    """Return, for each class, how many of its beats were flagged and the share with its interval.

    Parameters
    ----------
    flagged : (n_beats,) bool array
    class_name : (n_beats,) str array
    """
    table = pd.DataFrame({"flagged": np.asarray(flagged, dtype=bool), "class": np.asarray(class_name)})
    counts = table.groupby("class", sort=False)["flagged"].agg(flagged="sum", beats="size")
    estimates = [share(int(row.flagged), int(row.beats)) for row in counts.itertuples()]
    return counts.assign(
        share=[e.value for e in estimates], low=[e.low for e in estimates], high=[e.high for e in estimates]
    )


def reconstruction_error(model: nn.Module, signal: ArrayLike) -> NDArray[np.float64]:
    """Mean absolute reconstruction error of each beat.

    Parameters
    ----------
    model : nn.Module
        An autoencoder: (n, n_samples) to (n, n_samples).
    signal : (n_beats, n_samples) array

    Returns
    -------
    (n_beats,) float array, in the unit of `signal`
    """
    beats = torch.as_tensor(np.asarray(signal))
    return (predict(model, beats) - beats).abs().mean(dim=1).numpy().astype(np.float64)


def quantile_threshold(normal_scores: ArrayLike, quantile: float) -> float:
    """Return the score that this share of held-out normal beats stays below; it needs no anomaly."""
    if not 0 < quantile < 1:
        raise UsageError(f"quantile={quantile!r}; expected a number between 0 and 1")
    return float(np.quantile(np.asarray(normal_scores), quantile))


def balanced_accuracy(normal_scores: ArrayLike, anomaly_scores: ArrayLike, threshold: float, axis: int = -1) -> Any:
    """Mean of the share of normal beats at or below the threshold and the share of anomalies above it."""
    passed = np.mean(np.asarray(normal_scores) <= threshold, axis=axis)
    caught = np.mean(np.asarray(anomaly_scores) > threshold, axis=axis)
    return (passed + caught) / 2


def oracle_threshold(normal_scores: ArrayLike, anomaly_scores: ArrayLike) -> tuple[float, float]:
    """Return the threshold that looks best once the labels are known, and its balanced accuracy.

    Nobody has it in practice; `peeking` measures how much it flatters.
    """
    normal, anomalous = np.sort(np.asarray(normal_scores)), np.sort(np.asarray(anomaly_scores))
    candidates = np.union1d(normal, anomalous)
    passed = np.searchsorted(normal, candidates, side="right") / len(normal)
    caught = (len(anomalous) - np.searchsorted(anomalous, candidates, side="right")) / len(anomalous)
    balanced = (passed + caught) / 2
    best = int(balanced.argmax())
    return float(candidates[best]), float(balanced[best])


def peeking(
    normal_scores: ArrayLike, anomaly_scores: ArrayLike, threshold: float, *, n_splits: int = 500, seed: int = 0
) -> tuple[float, float, float]:
    """Measure what it gains, and what it only seems to gain, to choose the threshold on labelled test beats.

    The beats are halved at random, many times; the oracle's threshold is chosen on one half.

    Returns
    -------
    seen : float
        Mean balanced accuracy of the oracle's threshold on the half that chose it.
    unseen : float
        The same on the other half; `seen` minus `unseen` is the optimism.
    given : float
        That of `threshold` on the other half.
    """
    rng = np.random.default_rng(seed)
    found = np.empty((n_splits, 3))
    for row in found:
        halves = [np.array_split(rng.permutation(np.asarray(scores)), 2) for scores in (normal_scores, anomaly_scores)]
        (normal, other_normal), (anomalous, other_anomalous) = halves
        oracle, row[0] = oracle_threshold(normal, anomalous)
        row[1] = balanced_accuracy(other_normal, other_anomalous, oracle)
        row[2] = balanced_accuracy(other_normal, other_anomalous, threshold)
    seen, unseen, given = found.mean(axis=0)
    return float(seen), float(unseen), float(given)


def estimate_balanced_accuracy(normal_scores: ArrayLike, anomaly_scores: ArrayLike, threshold: float) -> Estimate:
    """Return the balanced accuracy at a threshold with its 95 % interval over resampled beats.

    The threshold is taken as given: the interval does not say how it would move with other validation beats.

    Parameters
    ----------
    normal_scores, anomaly_scores : (n,), (m,) array
    threshold : float
    """

    def at_threshold(normal: NDArray[np.float64], anomalous: NDArray[np.float64], axis: int = -1) -> Any:
        return balanced_accuracy(normal, anomalous, threshold, axis)

    return bootstrap(at_threshold, normal_scores, anomaly_scores)
