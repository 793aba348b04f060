"""A recording in, labelled beats out: recipe, network, result."""

from ecgnb.classifier.base import Classifier, TorchClassifier
from ecgnb.classifier.certainty import Certainty, fit_temperature, least_of_patients, least_probabilities
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.recipe import Inputs, Recipe
from ecgnb.classifier.recording import classify_beats, classify_recording
from ecgnb.classifier.result import MIN_CONFIDENCE, UNSURE, ClassifiedRecording, beats_to_csv, relabelled

__all__ = [
    "MIN_CONFIDENCE",
    "UNSURE",
    "Certainty",
    "ClassifiedRecording",
    "Classifier",
    "Inputs",
    "Recipe",
    "TorchClassifier",
    "beats_to_csv",
    "classify_beats",
    "classify_recording",
    "fit_temperature",
    "least_of_patients",
    "least_probabilities",
    "load_classifier",
    "relabelled",
]
