"""Data sets: fetched and verified, read into `Beats`, split, or written as a synthetic stand-in."""

from ecgnb.datasets.beats import Beats, concatenate
from ecgnb.datasets.cut import RR_FEATURES, cut_beats, rr_features
from ecgnb.datasets.ecg5000 import load_ecg5000, read_arff
from ecgnb.datasets.fetch import DATASETS, fetch
from ecgnb.datasets.heartbeat_csv import load_heartbeat_csv, load_heartbeat_csvs, read_beats
from ecgnb.datasets.mitbih import DS1, DS2, PACED, RECORDS, divide_records, load_mitdb, load_records, patient_of
from ecgnb.datasets.recording import Recording, read_recording
from ecgnb.datasets.records import AAMI, Record, read_record
from ecgnb.datasets.splits import (
    Split,
    beatwise_split,
    hybrid_split,
    limit_classes,
    one_class_split,
    overlaps,
    patient_folds,
    patient_split,
    random_patient_split,
    without_overlap,
)

__all__ = [
    "AAMI",
    "DATASETS",
    "DS1",
    "DS2",
    "PACED",
    "RECORDS",
    "RR_FEATURES",
    "Beats",
    "Record",
    "Recording",
    "Split",
    "beatwise_split",
    "concatenate",
    "cut_beats",
    "divide_records",
    "fetch",
    "hybrid_split",
    "limit_classes",
    "load_ecg5000",
    "load_heartbeat_csv",
    "load_heartbeat_csvs",
    "load_mitdb",
    "load_records",
    "one_class_split",
    "overlaps",
    "patient_folds",
    "patient_of",
    "patient_split",
    "random_patient_split",
    "read_arff",
    "read_beats",
    "read_record",
    "read_recording",
    "rr_features",
    "without_overlap",
]
