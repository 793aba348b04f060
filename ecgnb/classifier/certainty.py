"""How sure a network may be: its probabilities made honest, sets of classes with a promise, and when to say nothing.

All of it is fitted on patients whom the network never met, in lesson 07, and kept beside the weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike, NDArray

from ecgnb.errors import ModelError, UsageError

SLACK = 1e-9  # 1 - 0.9 is a little less than a tenth

COVERAGE = 0.9  # of the beats of each class, what a prediction set is to hold


@dataclass(frozen=True)
class Certainty:
    """What a classifier knows of its own errors.

    Parameters
    ----------
    temperature : float
        The scores are divided by it before the softmax: above 1 it makes the network less sure.
    least : tuple of float
        By class, the calibrated probability from which it belongs to a beat's prediction set; infinite for a class
        of which too little is known to promise anything.
    min_confidence : float
        A beat whose likeliest class is less probable is better not classified.
    """

    temperature: float
    least: tuple[float, ...]
    min_confidence: float

    def __post_init__(self) -> None:
        numbers = (self.temperature, self.min_confidence)
        if not all(math.isfinite(number) for number in numbers) or not 0.001 <= self.temperature < 1000:
            raise UsageError(f"temperature={self.temperature!r}; expected a number from 0.001 to 1000")
        if not 0 <= self.min_confidence <= 1 or any(math.isnan(one) or one < 0 for one in self.least):
            raise UsageError(f"{self}; expected probabilities")

    def probabilities(self, scores: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return calibrated probabilities of scores, (n_beats, n_classes)."""
        return scipy.special.softmax(np.asarray(scores, dtype=np.float32) / np.float32(self.temperature), axis=1)

    def could_be(self, probability: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which classes the prediction set of each beat holds, (n_beats, n_classes)."""
        return np.asarray(probability) >= np.array(self.least)

    def to_values(self) -> dict[str, Any]:
        """Return it as plain values, for a model file."""
        least = " ".join(repr(float(one)) for one in self.least)
        return {"temperature": self.temperature, "least": least, "min_confidence": self.min_confidence}

    @classmethod
    def from_values(cls, values: Mapping[str, Any], n_classes: int, name: str) -> Certainty | None:
        """Return what a model file says of it; None where it says nothing.

        Raises
        ------
        ModelError
            Where it says what cannot be.
        """
        if "temperature" not in values:
            return None
        try:
            numbers = values["temperature"], values["min_confidence"]
            if not all(type(number) in (int, float) for number in numbers):
                raise TypeError
            least = tuple(float(one) for one in values["least"].split())
            found = cls(float(numbers[0]), least, float(numbers[1]))
        except (KeyError, TypeError, ValueError, AttributeError, UsageError):
            found = None
        if found is None or len(found.least) != n_classes:
            raise ModelError(
                f"{name} says of its certainty what cannot be; expected temperature, min_confidence, and least with "
                f"{n_classes} numbers"
            )
        return found


def fit_temperature(scores: NDArray[np.floating], label: NDArray[np.int64]) -> float:
    """Return the temperature under which the true classes are most probable: Guo et al. 2017, arXiv:1706.04599.

    Parameters
    ----------
    scores : (n_beats, n_classes) array
        Before the softmax, of beats that the network did not learn from.
    label : (n_beats,) int array
    """
    rows = np.arange(len(label))

    def loss(log_temperature: float) -> float:
        return float(-scipy.special.log_softmax(scores / np.exp(log_temperature), axis=1)[rows, label].mean())

    return float(np.exp(scipy.optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def least_probabilities(
    probability: NDArray[np.floating], label: NDArray[np.int64], coverage: float = COVERAGE, *, at_least: int = 30
) -> tuple[float, ...]:
    """Return, by class, the probability that a share `coverage` of its beats reach: class-conditional split conformal.

    For exchangeable beats the promise holds whatever the network: Vovk 2012, Conditional validity of inductive
    conformal predictors, arXiv:1209.2673; Angelopoulos and Bates 2021, arXiv:2107.07511.

    Parameters
    ----------
    probability : (n_beats, n_classes) array
        Of beats that the network did not learn from.
    label : (n_beats,) int array
    coverage : float
    at_least : int
        A class with fewer beats gets an infinite bound: no promise, in no set.
    """
    of_class = [probability[label == number, number] for number in range(probability.shape[1])]
    return tuple(lower_quantile(mine, coverage) if len(mine) >= at_least else np.inf for mine in of_class)


def least_of_patients(
    probability: NDArray[np.floating],
    label: NDArray[np.int64],
    record: ArrayLike,
    coverage: float = COVERAGE,
    *,
    least_beats: int = 10,
) -> tuple[float, ...]:
    """Return, by class, the probability that suits a share `coverage` of the patients.

    Beats of one patient are not exchangeable with another's, but patients may be. So each patient gives one number: the
    probability that a share `coverage` of their own beats of the class reach; and the bound is what that share of the
    patients reach, in turn (Dunn, Wasserman and Ramdas 2023, doi:10.1080/01621459.2022.2060112).

    Parameters
    ----------
    probability, label, coverage
        As for `least_probabilities`.
    record : (n_beats,) array
    least_beats : int
        A patient with fewer beats of a class gives no number for it. A class with too few patients to promise anything
        gets an infinite bound.
    """
    bounds = []
    for number in range(probability.shape[1]):
        mine = label == number
        of_record = pd.Series(probability[mine, number]).groupby(np.asarray(record)[mine])
        own = of_record.quantile(1 - coverage)[of_record.size() >= least_beats]
        enough = (len(own) + 1) * (1 - coverage) + SLACK >= 1
        bounds.append(lower_quantile(own.to_numpy(), coverage) if enough else np.inf)
    return tuple(bounds)


def lower_quantile(probability: NDArray[np.floating], coverage: float) -> float:
    """Return the largest number that a new one, drawn as these were, reaches with a chance of `coverage` or more."""
    ordered = np.sort(np.asarray(probability, dtype=np.float64))
    place = math.floor((len(ordered) + 1) * (1 - coverage) + SLACK)  # as many may lie below
    return float(ordered[place - 1]) if place else 0.0


def in_words(could_be: NDArray[np.bool_], classes: Sequence[str]) -> NDArray[np.str_]:
    """Return each prediction set as the names of its classes, such as "N S"; "-" for an empty one."""
    names = np.array([f"{name} " for name in classes], dtype=object)
    joined = np.where(could_be, names, "").sum(axis=1) if len(could_be) else np.zeros(0, dtype=object)
    return np.array([one.strip() or "-" for one in joined], dtype=np.str_)
