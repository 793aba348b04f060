"""Measures of a detector, each with an interval beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.metrics import average_precision_score

from ecgnb.errors import UsageError


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


def histogram_by_record(
    scores: ArrayLike, is_anomaly: ArrayLike, record: ArrayLike, *, n_bins: int = 2000
) -> NDArray[np.int64]:
    """Count the beats of each record by score, so that `auroc_of_histogram` can be estimated over records.

    The bins hold equally many beats where there are no ties, which loses next to nothing of their order.

    Parameters
    ----------
    scores : (n_beats,) array
    is_anomaly : (n_beats,) bool array
    record : (n_beats,) array

    Returns
    -------
    (n_records, 2, n_bins) int array
        Normal beats first, then anomalies; records in alphabetical order. As `classification.estimate` takes it.

    Raises
    ------
    UsageError
        Where there is no score, or one that is not a number.
    """
    scores = np.asarray(scores)
    if not len(scores) or not np.isfinite(scores).all():
        raise UsageError(f"{np.sum(~np.isfinite(scores))} of {len(scores)} scores are no numbers; expected finite ones")
    ranks = stats.rankdata(scores, method="average")
    position = np.minimum((ranks - 0.5) * n_bins // len(ranks), n_bins - 1).astype(np.int64)
    names, group = np.unique(record, return_inverse=True)
    flat = (group * 2 + np.asarray(is_anomaly, dtype=np.int64)) * n_bins + position
    return np.bincount(flat, minlength=len(names) * 2 * n_bins).reshape(-1, 2, n_bins)


def auroc_of_histogram(counts: NDArray[Any]) -> Any:
    """Area under the ROC curve from counts by score, (..., 2, n_bins) to (...); NaN where one of the two is missing."""
    normal, anomalous = counts[..., 0, :], counts[..., 1, :]
    below = np.cumsum(normal, axis=-1) - normal / 2
    pairs = np.asarray(normal.sum(axis=-1) * anomalous.sum(axis=-1), dtype=np.float64)
    hits = (anomalous * below).sum(axis=-1)
    return np.divide(hits, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)


def totals_by_record(values: ArrayLike, record: ArrayLike) -> NDArray[np.float64]:
    """Return each record's sum of a value and number of beats, so that their mean can be estimated over records.

    Parameters
    ----------
    values : (n_beats,) array
    record : (n_beats,) array

    Returns
    -------
    (n_records, 1, 2) array
        Records in alphabetical order. As `classification.estimate` takes it.
    """
    _, group = np.unique(record, return_inverse=True)
    counts = np.bincount(group).astype(np.float64)
    return np.stack([np.bincount(group, np.asarray(values)), counts], axis=1)[:, None]


def mean_of_totals(totals: NDArray[Any]) -> Any:
    """Mean over all beats from sums and counts, (..., 1, 2) to (...)."""
    return totals[..., 0, 0] / totals[..., 0, 1]


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
