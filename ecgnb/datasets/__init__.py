"""Data sets: fetched and verified, read into `Beats`, split, or written as a synthetic stand-in."""

from ecgnb.datasets.beats import Beats, concatenate
from ecgnb.datasets.database import Database
from ecgnb.datasets.ecg5000 import load_ecg5000, read_arff
from ecgnb.datasets.heartbeat_csv import load_heartbeat_csv, load_heartbeat_csvs, read_beats
from ecgnb.datasets.label_folds import multilabel_patient_folds
from ecgnb.datasets.ludb import LUDB, load_diagnoses, load_ludb, marked_span, split_ludb
from ecgnb.datasets.mitbih import DS1, DS2, MITDB, PACED, RECORDS, divide_records, load_mitdb, load_records, patient_of
from ecgnb.datasets.nstdb import NOISES, NSTDB, add_noise, load_noise
from ecgnb.datasets.own.recording import Recording, TwelveLeads, read_recording
from ecgnb.datasets.ptbxl import SUPERCLASSES, TwelveLeadRecords, load_ptbxl, recommended_split
from ecgnb.datasets.reference import reference_beat, reference_beats
from ecgnb.datasets.splits import (
    Split,
    beatwise_split,
    dealt_split,
    describe_splits,
    ds1_ds2_split,
    hybrid_split,
    limit_classes,
    mixed_patients_split,
    one_class_split,
    overlaps,
    patient_folds,
    patient_split,
    random_patient_split,
    stratified_order,
    without_overlap,
)
from ecgnb.datasets.store.fetch import DATASETS, fetch
from ecgnb.datasets.svdb import SVDB, load_svdb
from ecgnb.datasets.timing import RR_FEATURES, log_rr, relative_rr, rr_features
from ecgnb.datasets.wave_examples import WAVE_CLASSES, WAVE_FS, prepare_lead, sample_labels, wave_examples
from ecgnb.datasets.wfdb import AAMI, Record, read_record
from ecgnb.datasets.windows import cut_beats, highpassed

__all__ = [
    "AAMI",
    "DATASETS",
    "DS1",
    "DS2",
    "LUDB",
    "MITDB",
    "NOISES",
    "NSTDB",
    "PACED",
    "RECORDS",
    "RR_FEATURES",
    "SUPERCLASSES",
    "SVDB",
    "WAVE_CLASSES",
    "WAVE_FS",
    "Beats",
    "Database",
    "Record",
    "Recording",
    "Split",
    "TwelveLeadRecords",
    "TwelveLeads",
    "add_noise",
    "beatwise_split",
    "concatenate",
    "cut_beats",
    "dealt_split",
    "describe_splits",
    "divide_records",
    "ds1_ds2_split",
    "fetch",
    "highpassed",
    "hybrid_split",
    "limit_classes",
    "load_diagnoses",
    "load_ecg5000",
    "load_heartbeat_csv",
    "load_heartbeat_csvs",
    "load_ludb",
    "load_mitdb",
    "load_noise",
    "load_ptbxl",
    "load_records",
    "load_svdb",
    "log_rr",
    "marked_span",
    "mixed_patients_split",
    "multilabel_patient_folds",
    "one_class_split",
    "overlaps",
    "patient_folds",
    "patient_of",
    "patient_split",
    "prepare_lead",
    "random_patient_split",
    "read_arff",
    "read_beats",
    "read_record",
    "read_recording",
    "recommended_split",
    "reference_beat",
    "reference_beats",
    "relative_rr",
    "rr_features",
    "sample_labels",
    "split_ludb",
    "stratified_order",
    "wave_examples",
    "without_overlap",
]
