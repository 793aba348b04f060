"""Models by name."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from torch import nn

from ecgnb.errors import ModelError, plain_text
from ecgnb.models.autoencoder_classifier import ComplexCNN, LSTMAutoencoderClassifier, SimpleCNN
from ecgnb.models.beat_sequence import BeatSequenceNet
from ecgnb.models.bircnn import BiRCNN
from ecgnb.models.cnn_lstm import CNNLSTM
from ecgnb.models.deep_ecgnet import DeepECGNet
from ecgnb.models.ecgnet import ECGNet
from ecgnb.models.ldcnn import LDCNN
from ecgnb.models.lite_ecgnet import LiteECGNet
from ecgnb.models.lstm_autoencoder import LSTMAutoencoder
from ecgnb.models.micro_committee import MicroCommittee
from ecgnb.models.micro_ecgnet import MicroECGNet
from ecgnb.models.resnet1d import ResNet1d
from ecgnb.models.se_ecgnet import SEECGNet
from ecgnb.models.wave_unet import WaveUNet

# Adding a model is one file beside this one, and one line here.
_MODELS: dict[str, Callable[..., nn.Module]] = {
    "beat_sequence": BeatSequenceNet,
    "bircnn": BiRCNN,
    "cnn_lstm": CNNLSTM,
    "complex_cnn": ComplexCNN,
    "deep_ecgnet": DeepECGNet,
    "ecgnet": ECGNet,
    "ldcnn": LDCNN,
    "lite_ecgnet": LiteECGNet,
    "lstm_autoencoder": LSTMAutoencoder,
    "lstm_autoencoder_classifier": LSTMAutoencoderClassifier,
    "micro_committee": MicroCommittee,
    "micro_ecgnet": MicroECGNet,
    "resnet1d": ResNet1d,
    "se_ecgnet": SEECGNet,
    "simple_cnn": SimpleCNN,
    "wave_unet": WaveUNet,
}

_KINDS = {"int": Integral, "float": Real, "bool": bool, "str": str, "None": type(None)}  # what an annotation takes


def names() -> list[str]:
    """Return the names `create` takes."""
    return list(_MODELS)


def create(name: str, **options: Any) -> nn.Module:
    """Make a model with fresh random weights.

    Parameters
    ----------
    name : str
        One of `names()`.
    **options
        What the model's class takes, such as ``n_samples=140``.

    Raises
    ------
    ModelError
        For an unknown name or option.
    """
    if name not in _MODELS:
        close = difflib.get_close_matches(str(name)[:100], _MODELS, 1, cutoff=0.4)
        meant = f"did you mean {close[0]!r}? " if close else ""
        raise ModelError(f"unknown model {plain_text(name, 60)!r}; {meant}expected one of: {', '.join(_MODELS)}")
    known = inspect.signature(_MODELS[name]).parameters
    if unknown := set(options) - set(known):
        raise ModelError(f"{name} has no option {plain_text(', '.join(sorted(unknown)))}; it takes: {', '.join(known)}")
    try:
        _check_kinds(options, known)
        model = _MODELS[name](**options)
    except (TypeError, ValueError, ArithmeticError, RuntimeError, MemoryError) as fault:
        raise ModelError(f"{name} cannot be made with {plain_text(options)}: {plain_text(fault)}") from None
    model.ecgnb_config = {"name": name, "options": options}  # type: ignore[assignment]
    return model


def _check_kinds(options: Mapping[str, Any], known: Mapping[str, inspect.Parameter]) -> None:
    """Raise `TypeError` where an option is not of the kind that the model's class writes beside it."""
    for name, value in options.items():
        annotation = known[name].annotation
        words = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
        kinds = [_KINDS.get(word, object) for word in words.split(" | ")]
        is_truth = isinstance(value, bool) and not {bool, object} & set(kinds)
        if is_truth or not isinstance(value, tuple(kinds)) or (isinstance(value, float) and not math.isfinite(value)):
            raise TypeError(f"{name}={plain_text(repr(value), 60)}; expected {words}")


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
