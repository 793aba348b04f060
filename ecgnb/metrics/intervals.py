"""A number and its interval: over resampled beats, or over whole records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ecgnb.errors import UsageError


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        spec = spec or ".3f"
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


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
        Normal beats first, then anomalies; records in alphabetical order. As `estimate` takes it.

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
        Records in alphabetical order. As `estimate` takes it.
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


Statistic = Callable[[NDArray[Any]], Any]


def resample_records(matrices: NDArray[Any], *, n_resamples: int = 1000, seed: int = 0) -> NDArray[Any]:
    """Return the confusion matrices of `n_resamples` tests, each of as many records drawn with replacement.

    The same seed draws the same records, so two models that were tested on the same beats can be compared pair by pair.
    """
    n = len(matrices)
    rng = np.random.default_rng(seed)
    flat = matrices.reshape(n, -1).astype(np.float64)
    # How often each record was drawn, a block of tests at a time, so that thousands of groups stay within memory.
    blocks = np.array_split(np.arange(n_resamples), max(1, n_resamples * n // 10_000_000))
    drawn = [rng.multinomial(n, np.full(n, 1 / n), size=len(block)).astype(np.float64) @ flat for block in blocks]
    return np.concatenate(drawn).reshape(n_resamples, *matrices.shape[1:])


def estimate(matrices: NDArray[Any], statistic: Statistic, *, seed: int = 0) -> Estimate:
    """Return a statistic of the summed confusion matrix, with its 95 % interval over records.

    Parameters
    ----------
    matrices : (n_records, n, m) array
        As `confusion_by_record` gives them, or `histogram_by_record` or `totals_by_record`.
    statistic : callable
        Of one matrix, or of many along the first axes, such as `accuracy`.
    """
    values = statistic(resample_records(matrices, seed=seed))
    low, high = np.nanpercentile(values, [2.5, 97.5]) if np.isfinite(values).any() else (np.nan, np.nan)
    return Estimate(float(statistic(matrices.sum(axis=0))), float(low), float(high))


def difference(one: NDArray[Any], other: NDArray[Any], statistic: Statistic, *, seed: int = 0) -> Estimate:
    """Return a statistic of one model minus another's on the same beats, by a paired bootstrap over records.

    Parameters
    ----------
    one, other, statistic
        As for `estimate`.

    Raises
    ------
    UsageError
        Where the two were not tested on as many beats, of each class where classes are known, in each record.
    """
    # One row a record means sums and counts, and the counts come last.
    tested = [found[..., -1] if found.shape[1] == 1 else found.sum(axis=2) for found in (one, other)]
    if one.shape != other.shape or (tested[0] != tested[1]).any():
        raise UsageError("the two models were tested on different beats; a paired comparison needs the same ones")
    gap = statistic(resample_records(one, seed=seed)) - statistic(resample_records(other, seed=seed))
    low, high = np.nanpercentile(gap, [2.5, 97.5])
    return Estimate(float(statistic(one.sum(axis=0)) - statistic(other.sum(axis=0))), float(low), float(high))
