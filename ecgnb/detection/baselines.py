"""The simplest detectors of anomalies: each learns from normal beats and scores others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import OneClassSVM

Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]


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
