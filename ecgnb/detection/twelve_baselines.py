"""The simplest readers of twelve leads: each learns several labels from the numbers of `twelve_features`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, StandardScaler


def logistic_regressions(strength: float = 0.003) -> Pipeline:
    """Return one logistic regression a label, of each feature and its distance from the usual; not fitted yet.

    Missing values become the median of the training part. A power makes each feature about normal, so that no giant
    wave decides alone. The distance is there because too high and too low may both be ill.

    Parameters
    ----------
    strength : float
        scikit-learn's `C`: the smaller, the more the weights are held near 0.

    Returns
    -------
    Pipeline
        ``fit(features, label)`` with (n, n_labels) labels, ``predict_proba(features)`` to (n, n_labels).
    """
    regression = LogisticRegression(C=strength, max_iter=1000)
    distance = FunctionTransformer(_with_distance)
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        PowerTransformer(),
        distance,
        StandardScaler(),
        OneVsRestClassifier(regression),
    )


def extra_trees(n_trees: int = 200, *, seed: int = 0) -> Pipeline:
    """Return a forest of randomised trees for each label, on features with missing values; not fitted yet.

    Geurts, Ernst and Wehenkel 2006, Extremely randomized trees, doi:10.1007/s10994-006-6226-1.

    Parameters
    ----------
    n_trees, seed : int

    Returns
    -------
    Pipeline
        As `logistic_regressions`.
    """
    trees = ExtraTreesClassifier(n_trees, min_samples_leaf=3, random_state=seed)
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), OneVsRestClassifier(trees))


def _with_distance(features: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([features, np.abs(features)], axis=1)
