"""What labels beats: a network, the recipe of the beats it reads, and the names of its classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import scipy
from numpy.typing import NDArray

from ecgnb.classifier.certainty import Certainty
from ecgnb.classifier.recipe import Inputs, Recipe
from ecgnb.errors import ModelError, plain_text

BATCH = 512  # beats that pass at once

CLASS_NAME = r"[^\W_][\w+/()-]{0,23}"  # nothing that a page, a terminal or a spreadsheet takes for more than a word

MAX_CLASSES = 100


class Classifier(Protocol):
    """What labels beats: a network of PyTorch (`network.TorchClassifier`) or of ONNX (`onnx_file.OnnxClassifier`).

    Parameters
    ----------
    name : str
    recipe : Recipe or None
        How its beats are cut and scaled; None where it learned from beats that others had cut.
    classes : list of str
        In the order of its probabilities.
    n_samples : int
        Samples of a beat that it reads.
    certainty : Certainty or None
        What is known of its errors on patients it never met; None where nobody has measured that.
    """

    name: str
    recipe: Recipe | None
    classes: list[str]
    n_samples: int
    certainty: Certainty | None

    def probabilities(self, inputs: Inputs) -> NDArray[np.float32]:
        """Give the probability of each class, (n_kept, n_classes), of what the recipe made of some beats.

        Calibrated where its certainty is known.
        """
        ...


def probabilities_of(scores: NDArray[np.float32], certainty: Certainty | None) -> NDArray[np.float32]:
    """Return the probabilities of scores, calibrated where it is known how."""
    return scipy.special.softmax(scores, axis=1) if certainty is None else certainty.probabilities(scores)


def batches(inputs: Inputs, reach: tuple[int, int], size: int = BATCH) -> Iterator[tuple[NDArray[np.float32], slice]]:
    """Yield batches of a network's rows, each with the neighbours that its scores depend on, and which rows to keep.

    A network that reads one beat at a time has a reach of (0, 0). One that reads a sequence never sees beyond its
    recording.
    """
    before, after = reach
    rows, recording = inputs.rows, inputs.recording
    borders = np.flatnonzero(np.diff(recording)) + 1 if max(reach) else np.zeros(0, dtype=np.int64)
    for first, last in zip([0, *borders], [*borders, len(rows)], strict=True):
        for start in range(first, last, size):
            stop = min(last, start + size)
            low, high = max(first, start - before), min(last, stop + after)
            yield rows[low:high], slice(start - low, stop - low)


def classes_of(values: Mapping[str, Any], name: str) -> list[str]:
    """Return the names of the classes that a model file holds.

    Raises
    ------
    ModelError
        Where it holds none, one twice, or what is no name.
    """
    if "classes" not in values:
        raise ModelError(f"{name} does not say which classes it tells apart, so it labels no beat; expected a model "
                         "that a lesson with a classifier saved, such as 02")  # fmt: skip
    given = values["classes"]
    classes = given.split() if isinstance(given, str) else []
    all_names = all(re.fullmatch(CLASS_NAME, one) for one in classes)
    if not all_names or not 0 < len(set(classes)) == len(classes) <= MAX_CLASSES:
        raise ModelError(
            f"{name} names its classes {plain_text(repr(given), 80)}; expected words that differ, such as N S V F Q, "
            "of at most 24 letters, digits and _ + - / ( )"
        )
    return classes
