"""Does a probability mean what it says, and what does silence buy: calibration, risk against coverage, prediction sets.

Each measure is a statistic of counts by record, so that `estimate` gives it an interval over records.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgnb.errors import UsageError

N_BINS = 15


def calibration_by_record(
    confidence: ArrayLike, correct: ArrayLike, record: ArrayLike, *, n_bins: int = N_BINS
) -> NDArray[np.float64]:
    """Count, by record and by bin of confidence, what a reliability diagram shows.

    Parameters
    ----------
    confidence : (n_beats,) array
        Probability of the likeliest class.
    correct : (n_beats,) bool array
    record : (n_beats,) array
    n_bins : int
        Bins of equal width from 0 to 1.

    Returns
    -------
    (n_records, n_bins, 3) array
        Beats, sum of their confidence, and how many are correct; records in alphabetical order.
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise UsageError("a confidence that is no probability; expected numbers from 0 to 1")
    names, group = np.unique(record, return_inverse=True)
    place = group * n_bins + np.minimum((confidence * n_bins).astype(np.int64), n_bins - 1)
    weights = (None, confidence, np.asarray(correct, dtype=np.float64))
    sums = [np.bincount(place, weights=one, minlength=len(names) * n_bins) for one in weights]
    return np.stack(sums, axis=-1).reshape(len(names), n_bins, 3).astype(np.float64)


def expected_calibration_error(counts: NDArray[Any]) -> Any:
    """Mean distance between confidence and accuracy, each bin by its beats: (..., n_bins, 3) to (...).

    Naeini, Cooper and Hauskrecht 2015, doi:10.1609/aaai.v29i1.9602.
    """
    n, confident, correct = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore"):
        return np.abs(confident - correct).sum(axis=-1) / n.sum(axis=-1)


def overconfidence(counts: NDArray[Any]) -> Any:
    """Mean confidence minus accuracy: (..., n_bins, 3) to (...). Above 0 where a network promises too much."""
    n, confident, correct = np.moveaxis(counts, -1, 0).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return (confident - correct) / n


def reliability(counts: NDArray[Any]) -> pd.DataFrame:
    """Return the rows of a reliability diagram: beats, mean confidence and share that is right, of bins with beats.

    Parameters
    ----------
    counts : (n_records, n_bins, 3) array
    """
    n, confident, correct = counts.sum(axis=0).T
    some = n > 0
    return pd.DataFrame(
        {
            "beats": n[some].astype(np.int64),
            "confidence": confident[some] / n[some],
            "right": correct[some] / n[some],
        }
    )


def risk_coverage(score: ArrayLike, correct: ArrayLike) -> pd.DataFrame:
    """Return the share of errors among the beats that are answered, for each share that is.

    Parameters
    ----------
    score : (n_beats,) array
        The beats with the highest are answered first; of equal ones, in the order given.
    correct : (n_beats,) bool array

    Returns
    -------
    DataFrame
        One row a beat, from the surest on: score, coverage, risk. El-Yaniv and Wiener 2010, JMLR 11.
    """
    order = np.argsort(-np.asarray(score, dtype=np.float64), kind="stable")
    wrong = ~np.asarray(correct, dtype=bool)[order]
    n = np.arange(1, len(order) + 1)
    return pd.DataFrame(
        {"score": np.asarray(score)[order], "coverage": n / max(1, len(n)), "risk": np.cumsum(wrong) / n}
    )


def area_under_risk(score: ArrayLike, correct: ArrayLike) -> float:
    """Return the mean risk over all coverages (AURC): Geifman, Uziel and El-Yaniv 2019, arXiv:1805.08206."""
    return float(risk_coverage(score, correct)["risk"].mean())


def set_coverage(could_be: NDArray[np.bool_], label: NDArray[np.int64], record: ArrayLike) -> pd.DataFrame:
    """Return how often prediction sets hold the true class, and how large they are, by record.

    Parameters
    ----------
    could_be : (n_beats, n_classes) bool array
        Which classes each beat's set holds.
    label : (n_beats,) int array
    record : (n_beats,) array

    Returns
    -------
    DataFrame
        One row a record: beats, coverage, size (mean), empty (share of sets without any class).
    """
    size = could_be.sum(axis=1)
    held = could_be[np.arange(len(label)), label]
    rows = pd.DataFrame({"coverage": held, "size": size, "empty": size == 0}).groupby(np.asarray(record))
    return rows.mean().assign(beats=rows.size())[["beats", "coverage", "size", "empty"]]
