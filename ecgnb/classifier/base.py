"""What labels beats: a network, the recipe of the beats it reads, and the names of its classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecgnb.classifier.recipe import Inputs, Recipe
from ecgnb.errors import ModelError
from ecgnb.training import predict


class Classifier(Protocol):
    """What labels beats: a network of PyTorch (`TorchClassifier`) or of ONNX (`onnx.OnnxClassifier`).

    Parameters
    ----------
    name : str
    recipe : Recipe or None
        How its beats are cut and scaled; None where it learned from beats that others had cut.
    classes : list of str
        In the order of its probabilities.
    n_samples : int
        Samples of a beat that it reads.
    """

    name: str
    recipe: Recipe | None
    classes: list[str]
    n_samples: int

    def probabilities(self, inputs: Inputs) -> NDArray[np.float32]:
        """Give the probability of each class, (n_kept, n_classes), of what the recipe made of some beats."""
        ...


@dataclass
class TorchClassifier:
    """A network of PyTorch that labels beats; see `Classifier`."""

    name: str
    network: nn.Module
    recipe: Recipe | None
    classes: list[str]
    n_samples: int

    def scores(self, signal: Tensor) -> Tensor:
        """Give the score of each class, before the softmax: (n_beats, n_samples) scaled to (n_beats, n_classes)."""
        return class_scores(predict(self.network, signal))

    def probabilities(self, inputs: Inputs) -> NDArray[np.float32]:
        """Give the probability of each class: (n_kept, n_classes)."""
        return self.scores(torch.from_numpy(inputs.signal)).softmax(dim=1).numpy()


def class_scores(output: Any) -> Tensor:
    """Return the scores of the classes: of a network with two tasks, the reconstruction comes first."""
    return output if isinstance(output, Tensor) else output[1]


def classes_of(values: Mapping[str, Any], name: str) -> list[str]:
    """Return the names of the classes that a model file holds.

    Raises
    ------
    ModelError
        Where it holds none, one twice, or what is no name.
    """
    if "classes" not in values:
        raise ModelError(f"{name} does not say which classes it tells apart, so it labels no beat; expected a model "
                         "that a run of lesson 02, 03 or 04 saved")  # fmt: skip
    classes = str(values["classes"])[:1000].split()
    if not classes or len(set(classes)) < len(classes) or not all(re.fullmatch(r"\w[\w+/-]*", one) for one in classes):
        raise ModelError(f"{name} names its classes {classes}; expected words that differ, such as N S V F Q")
    return classes
