"""Measures of a detector, each with an interval beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.metrics import average_precision_score


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        spec = spec or ".3f"
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


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


def bootstrap(
    statistic: Callable[..., Any],
    normal_scores: ArrayLike,
    anomaly_scores: ArrayLike,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Return a statistic with its percentile interval over resampled beats, normal and anomalous drawn apart.

    Parameters
    ----------
    statistic : callable
        ``statistic(normal, anomalous, axis=-1)``, vectorised along `axis`, or ``statistic(normal, anomalous)``.
    normal_scores, anomaly_scores : (n,), (m,) array
        Scores, or row numbers where the statistic looks several scores up (a paired comparison).

    Notes
    -----
    Beats are drawn as if each were independent. Those of one recording are not, so there the interval is probably too
    narrow, and it says nothing of another patient.
    """
    result = stats.bootstrap(
        (np.asarray(normal_scores), np.asarray(anomaly_scores)),
        statistic,
        n_resamples=n_resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    value = float(statistic(np.asarray(normal_scores), np.asarray(anomaly_scores)))
    return Estimate(value, float(result.confidence_interval.low), float(result.confidence_interval.high))


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


def share(hits: int, total: int) -> Estimate:
    """Return a share with its Wilson interval, which stays sensible for few beats."""
    interval = stats.binomtest(hits, total).proportion_ci(method="wilson")
    return Estimate(hits / total, float(interval.low), float(interval.high))


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
