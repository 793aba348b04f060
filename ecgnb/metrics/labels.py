"""Measures of several labels a record, any number of which may hold at once, with intervals over patients.

A score is any number that is higher where a label is likelier; `f_max` alone wants probabilities. Every measure takes
weights, how often each record counts, many weightings at once: so a thousand resamples take a fraction of a second,
where scikit-learn's measures, which give the same numbers, would take a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgnb.errors import UsageError
from ecgnb.metrics.intervals import Estimate

THRESHOLDS = np.linspace(0, 1, 101)  # of `f_max`, as in the benchmark

Measure = Callable[..., Any]


def auroc_by_label(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return each label's area under the ROC curve, ties counting half; NaN where all records have it, or none.

    Parameters
    ----------
    label : (n, n_labels) array
        0 or 1.
    score : (n, n_labels) float array
    weight : (n,) or (n_weightings, n) array, optional
        How often each record counts; once where it is not given.

    Returns
    -------
    (n_labels,) or (n_weightings, n_labels) float64 array

    Raises
    ------
    UsageError
        For labels or scores of another form, or a score that is not a number.
    """

    def area(has: NDArray[np.float64], lacks: NDArray[np.float64]) -> NDArray[np.float64]:
        below = np.cumsum(lacks, axis=-1) - lacks / 2
        return _divided((has * below).sum(axis=-1), has.sum(axis=-1) * lacks.sum(axis=-1))

    return _by_label(area, label, score, weight)


def average_precision_by_label(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return each label's average precision; a guess reaches the share of records that have it. See `auroc_by_label`.

    NaN where no record has the label.
    """

    def precision(has: NDArray[np.float64], lacks: NDArray[np.float64]) -> NDArray[np.float64]:
        has, lacks = has[..., ::-1], lacks[..., ::-1]  # from the highest score down
        found = np.cumsum(has, axis=-1)
        right = _divided(found, found + np.cumsum(lacks, axis=-1), otherwise=0.0)
        return _divided((has * right).sum(axis=-1), has.sum(axis=-1))

    return _by_label(precision, label, score, weight)


def macro_auroc(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Any:
    """Mean over the labels of their AUROC, without those that all records have, or none. See `auroc_by_label`."""
    return _mean_of_known(auroc_by_label(label, score, weight))


def macro_average_precision(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Any:
    """Mean over the labels of their average precision, without those that no record has. See `auroc_by_label`."""
    return _mean_of_known(average_precision_by_label(label, score, weight))


def f_max(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Any:
    """Return the F1 of the records' mean precision and mean recall at the threshold where it is highest.

    Precision and recall are each record's own, over its labels (Strodthoff et al. 2021,
    doi:10.1109/JBHI.2020.3022989); precision is averaged over the records of which something is said, recall over
    those that have a label. The one threshold for all labels is chosen on the records that are scored, out of 0, 0.01,
    ..., 1, so it is the best that could have been chosen.

    Parameters
    ----------
    label, weight
        As for `auroc_by_label`.
    score : (n, n_labels) float array
        Probabilities.

    Raises
    ------
    UsageError
        As `auroc_by_label`, and for scores outside [0, 1].
    """
    label, score, weight = _checked(label, score, weight)
    if score.min() < 0 or score.max() > 1:
        raise UsageError(f"scores from {score.min():.3g} to {score.max():.3g}; f_max expects probabilities, 0 to 1")
    said = score[:, None] >= THRESHOLDS[:, None]  # (n, n_thresholds, n_labels)
    n_said, n_true = said.sum(axis=2), label.sum(axis=1, keepdims=True)
    hits = (said & (label[:, None] == 1)).sum(axis=2)
    precision = _divided(weight @ _divided(hits, n_said, otherwise=0.0), weight @ (n_said > 0))
    recall = _divided(weight @ _divided(hits, n_true, otherwise=0.0), weight @ (n_true > 0))
    f1 = _divided(2 * precision * recall, precision + recall, otherwise=0.0)
    return np.nan_to_num(f1).max(axis=-1)


def estimate_over_patients(
    label: ArrayLike,
    score: ArrayLike,
    patient: ArrayLike,
    measure: Measure = macro_auroc,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Return a measure with its 95 % interval over resampled patients, each with all of their records.

    A label that no patient of a resample has is left out of that resample's mean.

    Parameters
    ----------
    label, score
        As for `auroc_by_label`.
    patient : (n,) array
        Whose record each row is.
    measure : callable
        Of (label, score, weight), such as `macro_auroc`, `macro_average_precision` or `f_max`.
    n_resamples, seed : int
        The same seed draws the same patients.

    Raises
    ------
    UsageError
        As the measure, and for a patient missing.

    Notes
    -----
    The interval says how far other patients could move the number. It says nothing of another training: scores of
    cross-validation are those of the networks that gave them.
    """
    resampled = measure(label, score, _drawn(patient, len(np.asarray(label)), n_resamples, seed))
    return _with_interval(float(measure(label, score)), resampled)


def difference_over_patients(
    label: ArrayLike,
    score: ArrayLike,
    other: ArrayLike,
    patient: ArrayLike,
    measure: Measure = macro_auroc,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Return a measure of `score` minus that of `other` on the same records, by a paired bootstrap over patients.

    Parameters
    ----------
    label, score, patient, measure, n_resamples, seed
        As for `estimate_over_patients`.
    other : (n, n_labels) float array
        Scores of the same records, row by row.

    Raises
    ------
    UsageError
        As `estimate_over_patients`.
    """
    weight = _drawn(patient, len(np.asarray(label)), n_resamples, seed)
    resampled = measure(label, score, weight) - measure(label, other, weight)
    return _with_interval(float(measure(label, score) - measure(label, other)), resampled)


def label_table(
    label: ArrayLike, score: ArrayLike, patient: ArrayLike, names: Sequence[str], *, seed: int = 0
) -> pd.DataFrame:
    """Return one row a label: how many records have it, its AUROC with the interval over patients, average precision.

    Parameters
    ----------
    label, score, patient, seed
        As for `estimate_over_patients`.
    names : sequence of str
        Of the labels.

    Returns
    -------
    DataFrame
        `records`, `auroc`, `low`, `high`, `average_precision`; the index is the names.
    """
    labels = np.asarray(label)
    drawn = auroc_by_label(labels, score, _drawn(patient, len(labels), 1000, seed))
    aurocs = [_with_interval(value, found) for value, found in zip(auroc_by_label(labels, score), drawn.T, strict=True)]
    table = pd.DataFrame(aurocs, index=pd.Index(names, name="label")).rename(columns={"value": "auroc"})
    table.insert(0, "records", labels.sum(axis=0).astype(np.int64))
    return table.assign(average_precision=average_precision_by_label(labels, score))


def _checked(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    labels, scores = np.asarray(label, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if labels.ndim != 2 or not labels.size or labels.shape != scores.shape:
        raise UsageError(f"labels of shape {labels.shape}, scores of {scores.shape}; expected (n, n_labels) of both")
    if not np.isin(labels, (0, 1)).all() or not np.isfinite(scores).all():
        raise UsageError("a label that is neither 0 nor 1, or a score that is not a number; expected none of them")
    weights = np.ones(len(labels)) if weight is None else np.asarray(weight, dtype=np.float64)
    if weights.shape[-1:] != (len(labels),) or weights.min() < 0:
        raise UsageError(f"weights of shape {weights.shape}; expected one of at least 0 for each of {len(labels)} rows")
    return labels, scores, weights


def _by_label(
    measure: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None,
) -> NDArray[np.float64]:
    """Hand a measure the weights of records with and without a label, summed by score, from the lowest score up."""
    labels, scores, weights = _checked(label, score, weight)
    found = []
    for has, given in zip(labels.T, scores.T, strict=True):
        order = np.argsort(given, kind="stable")
        first = np.flatnonzero(np.diff(given[order], prepend=-np.inf))  # of each run of equal scores
        sums = [np.add.reduceat(weights[..., order] * part[order], first, axis=-1) for part in (has, 1 - has)]
        found.append(measure(*sums))
    return np.stack(found, axis=-1)


def _divided(above: Any, below: Any, otherwise: float = np.nan) -> NDArray[np.float64]:
    """Divide, with `otherwise` where the divisor is 0."""
    above, below = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    return np.divide(above, below, out=np.full(above.shape, otherwise), where=below > 0)


def _mean_of_known(values: NDArray[np.float64]) -> Any:
    known = np.isfinite(values)
    return _divided(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1))[()]


def _drawn(patient: ArrayLike, n: int, n_resamples: int, seed: int) -> NDArray[np.float64]:
    """Return how often each record counts in each resample of patients, (n_resamples, n)."""
    names, whose = np.unique(np.asarray(patient), return_inverse=True)
    if len(whose) != n:
        raise UsageError(f"{len(whose)} patients for {n} records; expected one for each record")
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)
    return times[:, whose].astype(np.float64)


def _with_interval(value: float, resampled: NDArray[np.float64]) -> Estimate:
    low, high = np.nanpercentile(resampled, [2.5, 97.5]) if np.isfinite(resampled).any() else (np.nan, np.nan)
    return Estimate(float(value), float(low), float(high))
