"""Scores that say how far a beat is from normal, and thresholds on them. A higher score is always more anomalous."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import OneClassSVM
from torch import nn

from ecgnb.errors import UsageError
from ecgnb.training import predict

Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]


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


def mean_beat(train: NDArray[np.float32]) -> Score:
    """Score by the mean absolute distance to the mean normal beat."""
    mean = train.mean(axis=0)
    return lambda signal: np.abs(signal - mean).mean(axis=1).astype(np.float64)


def pca(train: NDArray[np.float32], n_components: int = 8) -> Score:
    """Score by the mean absolute error of a reconstruction from principal components: a linear autoencoder."""
    fitted = PCA(n_components, svd_solver="full").fit(train)
    return lambda signal: (
        np.abs(signal - fitted.inverse_transform(fitted.transform(signal))).mean(axis=1).astype(np.float64)
    )


def nearest_neighbour(train: NDArray[np.float32]) -> Score:
    """Score by the Euclidean distance to the nearest normal beat."""
    fitted = NearestNeighbors(n_neighbors=1).fit(train)
    return lambda signal: fitted.kneighbors(signal)[0][:, 0].astype(np.float64)


def one_class_svm(train: NDArray[np.float32], nu: float = 0.05) -> Score:
    """Score by the signed distance to a one-class support vector machine (Schölkopf et al. 2001)."""
    fitted = OneClassSVM(nu=nu).fit(train)
    return lambda signal: -fitted.decision_function(signal)


def isolation_forest(train: NDArray[np.float32], seed: int = 0) -> Score:
    """Score by how few random cuts isolate a beat (Liu, Ting and Zhou 2008)."""
    fitted = IsolationForest(random_state=seed).fit(train)
    return lambda signal: -fitted.decision_function(signal)


BASELINES: dict[str, Callable[[NDArray[np.float32]], Score]] = {
    "mean beat": mean_beat,
    "isolation forest": isolation_forest,
    "PCA": pca,
    "one-class SVM": one_class_svm,
    "1-NN": nearest_neighbour,
}
