"""A recording in, labelled beats out: recipe, network, result."""

from ecgnb.classifier.base import Classifier, TorchClassifier, class_names, window_length
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.recording import BLOCK_SECONDS, MARGIN_SECONDS, classify_beats, classify_recording
from ecgnb.classifier.result import MIN_CONFIDENCE, UNSURE, ClassifiedRecording, beats_to_csv, relabelled

__all__ = [
    "BLOCK_SECONDS",
    "MARGIN_SECONDS",
    "MIN_CONFIDENCE",
    "UNSURE",
    "ClassifiedRecording",
    "Classifier",
    "TorchClassifier",
    "beats_to_csv",
    "class_names",
    "classify_beats",
    "classify_recording",
    "load_classifier",
    "relabelled",
    "window_length",
]
