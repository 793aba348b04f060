"""Load a classifier: pretrained weights by name, or the model file of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ecgnb import models
from ecgnb.classifier.base import (
    BATCH,
    MAX_LAYER,
    Classifier,
    TorchClassifier,
    class_scores,
    classes_of,
    reach_of,
    scores_of_nothing,
)
from ecgnb.classifier.certainty import Certainty
from ecgnb.classifier.recipe import Recipe
from ecgnb.errors import EcgnbError, ModelError
from ecgnb.models.registry import shown

DEFAULT = "beat_sequence"  # the weights that serve recordings
OF_SINGLE_BEATS = "cnn_lstm"  # and beats that somebody has cut


def load_classifier(model: str | Path = DEFAULT) -> Classifier:
    """Return a classifier that knows how its beats are cut.

    Parameters
    ----------
    model : str or path
        Name of pretrained weights, or a file: a model that a run saved (``.pth``), or one that `onnx.export_onnx`
        wrote (``.onnx``).

    Raises
    ------
    ModelError
        Where there is no such model, the file cannot be read safely, or the model does not label beats.
    """
    path = Path(model).expanduser()
    if str(model) in models.pretrained_names():
        network = models.load_pretrained(str(model))
        return _classifier(str(model), str(model), network, network.saved_values)  # type: ignore[arg-type]
    if path.suffix == ".onnx":
        from ecgnb.classifier.onnx import OnnxClassifier  # onnxruntime is an extra

        return OnnxClassifier(path)
    if not path.suffix:
        known = ", ".join(models.pretrained_names())
        raise ModelError(f"there are no pretrained weights of {shown(model)!r}; expected one of: {known}, or a file")
    network, values = models.load(path)
    classifier = _classifier(shown(path.stem), shown(path.name), network, values)
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
        raise ModelError(f"{file} computes nothing of {n_numbers} numbers a beat: {shown(fault)}") from None
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
