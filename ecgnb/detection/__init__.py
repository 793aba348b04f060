"""What is in a signal before any network reads it: R peaks, faults; and the simplest detectors of anomalies."""

from ecgnb.detection.baselines import BASELINES, isolation_forest, mean_beat, nearest_neighbour, one_class_svm, pca
from ecgnb.detection.quality import CLIPPED_SECONDS, FLAT_SECONDS, UPSIDE_DOWN, find_faults, share_pointing_up
from ecgnb.detection.r_peaks import (
    DETECTORS,
    MAX_FS,
    MIN_FS,
    MIN_SECONDS,
    SlopeStages,
    check_fs,
    detect_r_peaks,
    slope_detector,
    slope_stages,
)

__all__ = [
    "BASELINES",
    "CLIPPED_SECONDS",
    "DETECTORS",
    "FLAT_SECONDS",
    "MAX_FS",
    "MIN_FS",
    "MIN_SECONDS",
    "UPSIDE_DOWN",
    "SlopeStages",
    "check_fs",
    "detect_r_peaks",
    "find_faults",
    "isolation_forest",
    "mean_beat",
    "nearest_neighbour",
    "one_class_svm",
    "pca",
    "share_pointing_up",
    "slope_detector",
    "slope_stages",
]
