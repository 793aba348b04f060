"""What is in a signal before any network reads it: R peaks, faults; and the simplest detectors of anomalies."""

from typing import TYPE_CHECKING, Any

from ecgnb.detection.gate import ECG, JUDGES, EcgGate, judge, learned_gate, looks_like_ecg, smoothed
from ecgnb.detection.indices import INDICES, STRETCH_SECONDS, quality_indices
from ecgnb.detection.online import OnlineSlopeDetector, Tail
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
from ecgnb.detection.rhythm import IRREGULAR, irregular_stretches, irregularity, sample_entropy_coefficient
from ecgnb.detection.twelve_features import feature_names, median_beat, twelve_features

if TYPE_CHECKING:
    from ecgnb.detection.baselines import BASELINES, isolation_forest, mean_beat, nearest_neighbour, one_class_svm, pca
    from ecgnb.detection.twelve_baselines import extra_trees, logistic_regressions

__all__ = [
    "BASELINES",
    "CLIPPED_SECONDS",
    "DETECTORS",
    "ECG",
    "FLAT_SECONDS",
    "INDICES",
    "IRREGULAR",
    "JUDGES",
    "MAX_FS",
    "MIN_FS",
    "MIN_SECONDS",
    "STRETCH_SECONDS",
    "UPSIDE_DOWN",
    "EcgGate",
    "OnlineSlopeDetector",
    "SlopeStages",
    "Tail",
    "check_fs",
    "detect_r_peaks",
    "extra_trees",
    "feature_names",
    "find_faults",
    "irregular_stretches",
    "irregularity",
    "isolation_forest",
    "judge",
    "learned_gate",
    "logistic_regressions",
    "looks_like_ecg",
    "mean_beat",
    "median_beat",
    "nearest_neighbour",
    "one_class_svm",
    "pca",
    "quality_indices",
    "sample_entropy_coefficient",
    "share_pointing_up",
    "slope_detector",
    "slope_stages",
    "smoothed",
    "twelve_features",
]


def __getattr__(name: str) -> Any:
    """Import the simplest detectors when somebody asks for one: scikit-learn takes a while to import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ecgnb.detection import baselines, twelve_baselines

    return getattr(twelve_baselines if hasattr(twelve_baselines, name) else baselines, name)
