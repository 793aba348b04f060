"""Load a classifier: pretrained weights by name, or the model file of a run."""

from __future__ import annotations

from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from ecgnb.classifier.base import Classifier
from ecgnb.errors import ModelError, plain_text

DEFAULT = "beat_sequence"  # the weights that serve recordings
OF_SINGLE_BEATS = "cnn_lstm"  # and beats that somebody has cut
OF_WAVES = "wave_unet"  # these two label no beat: see `waves.find_waves`
OF_TWELVE_LEADS = "twelve_leads"  # and `twelve.classify_twelve`

WEIGHTS = files("ecgnb").joinpath("models", "weights")


def load_classifier(model: str | Path = DEFAULT, *, quick: bool = False) -> Classifier:
    """Return a classifier that knows how its beats are cut.

    Parameters
    ----------
    model : str or path
        Name of pretrained weights, or a file: a model that a run saved (``.pth``), or one that `onnx.export_onnx`
        wrote (``.onnx``).
    quick : bool
        Take the ONNX twin of pretrained weights where there is one and onnxruntime is installed: it computes the same
        but for rounding, and PyTorch, which takes a second or two to import, is not needed.

    Raises
    ------
    ModelError
        Where there is no such model, the file cannot be read safely, or the model does not label beats.
    """
    path = Path(model).expanduser()
    if path.suffix == ".onnx":
        from ecgnb.classifier.onnx_file import OnnxClassifier  # onnxruntime is an extra

        return OnnxClassifier(path)
    names = pretrained_names()
    if not path.suffix and str(model) not in names:
        known = ", ".join(names)
        raise ModelError(
            f"there are no pretrained weights of {plain_text(model)!r}; expected one of: {known}, or a file"
        )
    twin = WEIGHTS.joinpath(f"{model}.onnx")
    if quick and str(model) in names and twin.is_file() and find_spec("onnxruntime"):
        from ecgnb.classifier.onnx_file import OnnxClassifier

        with as_file(twin) as file:
            return OnnxClassifier(file, foreign=False)
    from ecgnb.classifier.network import load_network  # PyTorch takes a second or two to import

    return load_network(model if str(model) in names else path)


def pretrained_names() -> list[str]:
    """Return the pretrained weights that label beats, without importing PyTorch."""
    names = {entry.name.removesuffix(".pth") for entry in WEIGHTS.iterdir() if entry.name.endswith(".pth")}
    return sorted(names - {OF_WAVES, OF_TWELVE_LEADS})
