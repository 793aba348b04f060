"""What labels beats: a network and the recipe of the beats it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ecgnb.training.loop import predict


class Classifier(Protocol):
    """What names beats: a network of PyTorch (`TorchClassifier`) or of ONNX (`export.OnnxClassifier`)."""

    name: str
    recipe: dict[str, Any]

    def probabilities(self, beats: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probability of each class: z-scored (n_beats, n_samples) to (n_beats, n_classes)."""
        ...


@dataclass
class TorchClassifier:
    """A network and how its beats are cut."""

    name: str
    network: torch.nn.Module
    recipe: dict[str, Any]

    def probabilities(self, beats: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probability of each class: z-scored (n_beats, n_samples) to (n_beats, n_classes)."""
        return predict(self.network, torch.from_numpy(beats)).softmax(dim=1).numpy()


def class_names(classifier: Classifier) -> list[str]:
    """Return the classes a classifier names, in the order of its probabilities."""
    return str(classifier.recipe["classes"]).split()


def window_length(classifier: Classifier) -> int:
    """Return the samples of a beat that a classifier reads."""
    recipe = classifier.recipe
    return int(recipe["n_samples"]) if "n_samples" in recipe else int(recipe["before"]) + int(recipe["after"])
