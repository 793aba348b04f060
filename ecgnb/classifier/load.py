"""Load a classifier: pretrained weights by name, or the model file of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ecgnb import models
from ecgnb.classifier.base import Classifier, TorchClassifier, class_names
from ecgnb.errors import ModelError


def load_classifier(model: str | Path = "cnn_lstm") -> Classifier:
    """Return a classifier that knows how its beats are cut.

    Parameters
    ----------
    model : str or path
        Name of pretrained weights, or a file: a model that a run of lesson 02 saved (``.pth``), or one that
        `export.export_onnx` wrote (``.onnx``).

    Raises
    ------
    ModelError
        Where there is no such model, the file cannot be read safely, or the model does not name beats.
    """
    if str(model) in models.pretrained_names():
        network = models.load_pretrained(str(model))
        return TorchClassifier(str(model), network, dict(network.recipe))  # type: ignore[arg-type]
    path = Path(model).expanduser()
    if path.suffix == ".onnx":
        from ecgnb.classifier.onnx import OnnxClassifier  # onnxruntime is an extra

        return OnnxClassifier(path)
    if not path.suffix:
        known = ", ".join(models.pretrained_names())
        raise ModelError(f"there are no pretrained weights of {str(model)!r}; expected one of: {known}, or a file")
    network, recipe = models.load(path)
    _check_recipe(path.name, recipe)
    n_samples = network.ecgnb_config["options"].get("n_samples")  # type: ignore[union-attr,index]
    if "classes" not in recipe or n_samples is None:
        raise ModelError(f"{path.name} holds {network.ecgnb_config['name']}, which does not say what classes it names; "  # type: ignore[index]
                         "expected a model that a run of lesson 02 saved")  # fmt: skip
    classifier = TorchClassifier(path.stem, network, recipe | {"n_samples": n_samples})
    if sum(recipe.get(part, 0) for part in ("before", "after")) not in (0, n_samples):
        raise ModelError(f"{path.name} reads {n_samples} samples a beat, and its recipe cuts another number")
    given = classifier.probabilities(np.zeros((1, n_samples), dtype=np.float32)).shape
    if given != (1, n_classes := len(class_names(classifier))):
        raise ModelError(
            f"{path.name} gives {given[-1]} numbers a beat and names {n_classes} classes; expected as many"
        )
    return classifier


def _check_recipe(name: str, recipe: dict[str, Any]) -> None:
    """Refuse a recipe that no beat can be cut by; one that says nothing of cutting is fine for beats already cut."""
    window = {part: recipe[part] for part in ("before", "after") if part in recipe}
    whole = all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= 100_000 for n in window.values())
    rate = recipe.get("fs", 125.0)
    if not whole or not isinstance(rate, int | float) or not 0 < rate <= 10_000 or not str(recipe.get("classes", "N")):
        raise ModelError(
            f"{name} has a recipe that no beat can be cut by: {recipe}; expected before, after, fs, classes"
        )
