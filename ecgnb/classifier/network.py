"""A network of PyTorch that labels beats, and what its file says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecgnb import models
from ecgnb.classifier.base import BATCH, batches, classes_of, probabilities_of
from ecgnb.classifier.certainty import Certainty
from ecgnb.classifier.recipe import Inputs, Recipe
from ecgnb.errors import EcgnbError, ModelError, plain_text

MAX_LAYER = 2**25  # numbers that one layer may give for a batch: 134 MB


@dataclass
class TorchClassifier:
    """A network of PyTorch that labels beats; see `Classifier`.

    It takes `batch` beats at once. Its `source` is the file that it was loaded from, if any.
    """

    name: str
    network: nn.Module
    recipe: Recipe | None
    classes: list[str]
    n_samples: int
    certainty: Certainty | None = None
    batch: int = BATCH
    source: Path | None = None

    @torch.inference_mode()
    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the score of each class, before the softmax: a batch (n_beats, n_numbers) to (n_beats, n_classes)."""
        device = next(self.network.parameters()).device
        return class_scores(self.network.eval()(torch.from_numpy(rows).to(device))).float().cpu().numpy()

    def all_scores(self, inputs: Inputs) -> NDArray[np.float32]:
        """Give the score of each class, before the softmax: (n_kept, n_classes)."""
        parts = [self.scores(rows)[kept] for rows, kept in batches(inputs, reach_of(self.network), self.batch)]
        return np.concatenate([np.zeros((0, len(self.classes)), dtype=np.float32), *parts])

    def probabilities(self, inputs: Inputs) -> NDArray[np.float32]:
        """Give the probability of each class: (n_kept, n_classes)."""
        return probabilities_of(self.all_scores(inputs), self.certainty)


def load_network(model: str | Path) -> TorchClassifier:
    """Return a classifier of PyTorch: pretrained weights by name, or a file that a run saved.

    Raises
    ------
    ModelError
        Where the file cannot be read safely, or the model does not label beats.
    """
    if str(model) in models.pretrained_names():
        network = models.load_pretrained(str(model))
        return _classifier(str(model), str(model), network, network.saved_values)  # type: ignore[arg-type]
    path = Path(model)
    network, values = models.load(path)
    classifier = _classifier(plain_text(path.stem), plain_text(path.name), network, values)
    classifier.source = path
    return classifier


def _classifier(name: str, file: str, network: torch.nn.Module, values: dict[str, object]) -> TorchClassifier:
    """Put a network and what its file says together, or raise `ModelError` where they do not fit."""
    config: Any = network.ecgnb_config
    kind, options = config["name"], config["options"]
    classes = classes_of(values, f"{file} ({kind})")
    recipe = Recipe.from_values(values, file)
    n_samples = options.get("n_samples", recipe.n_samples if recipe else None)
    if n_samples is None:
        raise ModelError(f"{file} does not say how many samples of a beat it reads")
    n_numbers = getattr(network, "n_numbers", n_samples)
    if recipe is not None and (recipe.n_samples, recipe.n_numbers) != (n_samples, n_numbers):
        raise ModelError(
            f"{file} reads {n_samples} samples a beat, {n_numbers} numbers with reference beat and timing, and its "
            f"recipe makes {recipe.n_samples} and {recipe.n_numbers}"
        )
    batch = _tried(network, n_numbers, len(classes), file)
    certainty = Certainty.from_values(values, len(classes), file)
    return TorchClassifier(name, network, recipe, classes, n_samples, certainty, batch)


def _tried(network: torch.nn.Module, n_numbers: int, n_classes: int, file: str) -> int:
    """Return how many beats the network may take at once, or raise `ModelError` where it does not score its classes."""
    try:
        output, widest = scores_of_nothing(network, n_numbers)
        given = class_scores(output)
    except EcgnbError:
        raise
    except Exception as fault:  # options that fit each other badly may trip anything
        raise ModelError(f"{file} computes nothing of {n_numbers} numbers a beat: {plain_text(fault)}") from None
    if not isinstance(given, Tensor) or given.shape != (2, n_classes):
        n_given = given.shape[-1] if isinstance(given, Tensor) and given.ndim else "no"
        raise ModelError(f"{file} gives {n_given} numbers a beat and names {n_classes} classes; expected as many")
    if not given.isfinite().all():
        raise ModelError(f"{file} gives scores that are no numbers (NaN or infinite); its weights are damaged")
    at_once, around = MAX_LAYER // max(widest, 1), sum(reach_of(network))
    if at_once <= around:
        raise ModelError(
            f"{file} makes {widest:,} numbers of a beat and looks at {around} others beside it, which takes too much "
            "memory; expected shorter beats or less context"
        )
    return min(BATCH, at_once - around)


def reach_of(network: nn.Module) -> tuple[int, int]:
    """Return how many beats before and after a beat its scores depend on."""
    return getattr(network, "reach", (0, 0))


def class_scores(output: Any) -> Tensor:
    """Return the scores of the classes: of a network with two tasks, the reconstruction comes first."""
    return output if isinstance(output, Tensor) else output[1]


def scores_of_nothing(network: nn.Module, n_numbers: int) -> tuple[Any, int]:
    """Return what a network says of two beats of zeros, and how many numbers its widest layer gives for one beat."""
    widest = [n_numbers]

    def look(_layer: nn.Module, _given: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        widest.append(first.numel() // 2)

    hooks = [layer.register_forward_hook(look) for layer in network.modules()]
    try:
        with torch.inference_mode():
            return network(torch.zeros(2, n_numbers)), max(widest)
    finally:
        for hook in hooks:
            hook.remove()
