"""A recording in, labelled beats out: recipe, network, result."""

from typing import TYPE_CHECKING, Any

from ecgnb.classifier.base import Classifier
from ecgnb.classifier.certainty import Certainty, fit_temperature, least_of_patients, least_probabilities
from ecgnb.classifier.label_certainty import LabelCertainty, fit_label_certainty
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.recipe import Inputs, Recipe
from ecgnb.classifier.recording import classify_beats, classify_recording
from ecgnb.classifier.result import MIN_CONFIDENCE, UNSURE, ClassifiedRecording, beats_to_csv, relabelled
from ecgnb.classifier.stream import BeatStream, StreamedBeat, stream_recording
from ecgnb.classifier.twelve import ClassifiedTwelveLeads, classify_twelve
from ecgnb.classifier.waves import find_waves, waves_of_beats, with_waves

if TYPE_CHECKING:
    from ecgnb.classifier.network import TorchClassifier

__all__ = [
    "MIN_CONFIDENCE",
    "UNSURE",
    "BeatStream",
    "Certainty",
    "ClassifiedRecording",
    "ClassifiedTwelveLeads",
    "Classifier",
    "Inputs",
    "LabelCertainty",
    "Recipe",
    "StreamedBeat",
    "TorchClassifier",
    "beats_to_csv",
    "classify_beats",
    "classify_recording",
    "classify_twelve",
    "find_waves",
    "fit_label_certainty",
    "fit_temperature",
    "least_of_patients",
    "least_probabilities",
    "load_classifier",
    "relabelled",
    "stream_recording",
    "waves_of_beats",
    "with_waves",
]


def __getattr__(name: str) -> Any:
    """Import PyTorch when somebody asks for it: it takes a second or two, and an ONNX file needs none."""
    if name != "TorchClassifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ecgnb.classifier.network import TorchClassifier

    return TorchClassifier
