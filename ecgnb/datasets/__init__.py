"""Data sets: fetched and verified, read into `Beats`, split, or written as a synthetic stand-in."""

from ecgnb.datasets.beats import Beats, concatenate
from ecgnb.datasets.ecg5000 import load_ecg5000, read_arff
from ecgnb.datasets.fetch import DATASETS, fetch
from ecgnb.datasets.splits import Split, one_class_split

__all__ = ["DATASETS", "Beats", "Split", "concatenate", "fetch", "load_ecg5000", "one_class_split", "read_arff"]
