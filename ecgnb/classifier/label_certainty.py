"""How sure a network of several labels may be: each label's probability made honest, and yes, no or "cannot say".

A label is there or it is not, so each has a prediction set of its own out of these two. Both bounds are
class-conditional split conformal (Vovk 2012, Conditional validity of inductive conformal predictors, arXiv:1209.2673),
fitted to the scores that cross-validation gives each record by a network that never met its patient, as in Vovk 2015,
Cross-conformal predictors, doi:10.1007/s10472-013-9368-4. What that promises of a network trained on all records is
close to, and not exactly, what it says; so the share is measured, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ecgnb.classifier.certainty import COVERAGE, lower_quantile
from ecgnb.errors import ModelError, UsageError

YES, NO, CANNOT_SAY = "yes", "no", "cannot say"

SURE = 0.8  # calibrated probability of what an answer says, at the least

LEAST_RECORDS = 30  # with a label, and without it, to promise anything of it


@dataclass(frozen=True)
class LabelCertainty:
    """What a network knows of its errors in each of its labels.

    Parameters
    ----------
    labels : tuple of str
    slope, intercept : tuple of float
        The probability of a label is the logistic function of ``slope * score + intercept`` (Platt 1999, Probabilistic
        outputs for support vector machines).
    least_yes : tuple of float
        From this probability on the label could be there: nine in ten of the records that have it reach it.
    most_no : tuple of float
        Up to this probability it could be absent: nine in ten of the records that lack it stay below.
    """

    labels: tuple[str, ...]
    slope: tuple[float, ...]
    intercept: tuple[float, ...]
    least_yes: tuple[float, ...]
    most_no: tuple[float, ...]

    def __post_init__(self) -> None:
        numbers = (self.slope, self.intercept, self.least_yes, self.most_no)
        if not self.labels or any(len(one) != len(self.labels) for one in numbers):
            raise UsageError(f"{self}; expected a number for each of {len(self.labels)} labels")
        if not all(math.isfinite(one) for part in numbers for one in part) or min(self.slope) <= 0:
            raise UsageError(f"{self}; expected finite numbers, and slopes above 0")

    def probabilities(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return calibrated probabilities of scores, (n, n_labels) before the logistic function."""
        given = np.asarray(scores, dtype=np.float64)
        return np.asarray(scipy.special.expit(given * np.array(self.slope) + np.array(self.intercept)))

    def answers(self, probability: NDArray[np.floating[Any]]) -> NDArray[np.str_]:
        """Return "yes", "no" or "cannot say" of each label, (n, n_labels).

        It is "yes" where the label could be there and could not be absent, and has a probability of 0.8 or more; "no"
        where it could be absent and could not be there, and has one of 0.2 or less. The first alone would not do: of a
        rare label most of the tenth that is wrongly asserted may be all there is.
        """
        p = np.asarray(probability, dtype=np.float64)
        there, absent = p >= np.array(self.least_yes), p <= np.array(self.most_no)
        yes, no = there & ~absent & (p >= SURE), absent & ~there & (p <= 1 - SURE)
        return np.where(yes, YES, np.where(no, NO, CANNOT_SAY))

    def to_values(self) -> dict[str, str]:
        """Return it as plain texts, for a file."""
        numbers = {name: " ".join(map(repr, map(float, getattr(self, name)))) for name in NUMBERS}
        return {"labels": " ".join(self.labels)} | numbers

    @classmethod
    def from_values(cls, values: Mapping[str, Any], name: str) -> LabelCertainty:
        """Return what `to_values` wrote down.

        Raises
        ------
        ModelError
            Where the file says what cannot be.
        """
        try:
            numbers = {part: tuple(float(one) for one in values[part].split()) for part in NUMBERS}
            return cls(tuple(values["labels"].split()), **numbers)
        except (KeyError, TypeError, ValueError, AttributeError, UsageError):
            raise ModelError(f"{name} says of its certainty what cannot be; expected {', '.join(NUMBERS)}") from None


NUMBERS = ("slope", "intercept", "least_yes", "most_no")


def fit_label_certainty(
    scores: ArrayLike, label: ArrayLike, labels: Sequence[str], coverage: float = COVERAGE
) -> LabelCertainty:
    """Return a certainty that was fitted to records whose patients the network did not learn from.

    Parameters
    ----------
    scores : (n, n_labels) float array
        Before the logistic function.
    label : (n, n_labels) array
        0 or 1.
    labels : sequence of str
    coverage : float
        Share of the records with a label of which it is not denied, and of those without of which it is not asserted.

    Raises
    ------
    UsageError
        For arrays that do not fit each other, or a label that fewer than 30 records have, or lack.
    """
    from sklearn.linear_model import LogisticRegression  # only here: it takes a while to import

    given, truth = np.asarray(scores, dtype=np.float64), np.asarray(label).astype(bool)
    if given.ndim != 2 or given.shape != truth.shape or given.shape[1] != len(labels) or not np.isfinite(given).all():
        raise UsageError(f"scores {given.shape}, labels {truth.shape}; expected finite (n, {len(labels)}) of both")
    platt: list[tuple[float, float]] = []
    bounds: list[tuple[float, float]] = []
    for column, name in enumerate(labels):
        score, there = given[:, column], truth[:, column]
        fewest = int(min(there.sum(), (~there).sum()))
        if fewest < LEAST_RECORDS:
            raise UsageError(f"{name}: {fewest} records have it, or lack it; expected at least {LEAST_RECORDS} of each")
        fitted = LogisticRegression(C=1e6).fit(score[:, None], there)
        slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
        if slope <= 0:
            raise UsageError(f"{name}: higher scores do not make it more probable; expected a network that learned it")
        platt.append((slope, intercept))
        p = scipy.special.expit(slope * score + intercept)
        bounds.append((lower_quantile(p[there], coverage), 1 - lower_quantile(1 - p[~there], coverage)))
    (slopes, intercepts), (least_yes, most_no) = zip(*platt, strict=True), zip(*bounds, strict=True)
    return LabelCertainty(tuple(labels), slopes, intercepts, least_yes, most_no)
