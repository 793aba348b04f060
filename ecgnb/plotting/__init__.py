"""Figures that more than one lesson shows, in the house style; one fixed colour for each class of beat."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecgnb.plotting.beats import plot_beat_gallery, plot_beats_by_class, plot_mean_beats, plot_record_counts
    from ecgnb.plotting.certainty import (
        plot_by_noise,
        plot_coverage_by_patient,
        plot_gate,
        plot_irregularity,
        plot_risk_coverage,
        plot_signals,
    )
    from ecgnb.plotting.comparison import plot_confusion_shares, plot_cost, plot_losses, plot_records
    from ecgnb.plotting.diagrams import plot_heartbeat, plot_labelled_window, plot_network
    from ecgnb.plotting.ecg_paper import plot_ecg_paper, save_paper
    from ecgnb.plotting.explanations import (
        plot_changes,
        plot_deletion,
        plot_forgetting,
        plot_importance,
        plot_marked_beat,
        plot_u,
        plot_wave_shares,
    )
    from ecgnb.plotting.patients import plot_minus_reference, plot_promise, plot_steps, plot_with_and_without
    from ecgnb.plotting.recordings import plot_errors_by_record, plot_moved_windows
    from ecgnb.plotting.report import write_report
    from ecgnb.plotting.rhythm import plot_tachogram
    from ecgnb.plotting.scores import (
        plot_confidence,
        plot_confusion_matrix,
        plot_intervals,
        plot_measure_by_class,
        plot_reliability,
        plot_roc_and_precision_recall,
        plot_score_distribution,
    )
    from ecgnb.plotting.strips import plot_classified, plot_slope_stages, plot_strip
    from ecgnb.plotting.style import ALARM_COLOUR, CLASS_COLOURS, TRAIN_COLOUR, VAL_COLOUR, use_style
    from ecgnb.plotting.training import plot_history, plot_reconstructions
    from ecgnb.plotting.twelve_leads import plot_twelve_leads
    from ecgnb.plotting.waves import plot_waves

_FIGURES = {
    "beats": (
        "plot_beat_gallery",
        "plot_beats_by_class",
        "plot_mean_beats",
        "plot_record_counts",
    ),
    "certainty": (
        "plot_by_noise",
        "plot_coverage_by_patient",
        "plot_gate",
        "plot_irregularity",
        "plot_risk_coverage",
        "plot_signals",
    ),
    "comparison": (
        "plot_confusion_shares",
        "plot_cost",
        "plot_losses",
        "plot_records",
    ),
    "diagrams": (
        "plot_heartbeat",
        "plot_labelled_window",
        "plot_network",
    ),
    "ecg_paper": (
        "plot_ecg_paper",
        "save_paper",
    ),
    "explanations": (
        "plot_changes",
        "plot_deletion",
        "plot_forgetting",
        "plot_importance",
        "plot_marked_beat",
        "plot_u",
        "plot_wave_shares",
    ),
    "patients": (
        "plot_minus_reference",
        "plot_promise",
        "plot_steps",
        "plot_with_and_without",
    ),
    "recordings": (
        "plot_errors_by_record",
        "plot_moved_windows",
    ),
    "report": ("write_report",),
    "rhythm": ("plot_tachogram",),
    "scores": (
        "plot_confidence",
        "plot_confusion_matrix",
        "plot_intervals",
        "plot_measure_by_class",
        "plot_reliability",
        "plot_roc_and_precision_recall",
        "plot_score_distribution",
    ),
    "strips": (
        "plot_classified",
        "plot_slope_stages",
        "plot_strip",
    ),
    "style": (
        "ALARM_COLOUR",
        "CLASS_COLOURS",
        "TRAIN_COLOUR",
        "VAL_COLOUR",
        "use_style",
    ),
    "training": (
        "plot_history",
        "plot_reconstructions",
    ),
    "waves": ("plot_waves",),
    "twelve_leads": ("plot_twelve_leads",),
}

__all__ = [
    "ALARM_COLOUR",
    "CLASS_COLOURS",
    "TRAIN_COLOUR",
    "VAL_COLOUR",
    "plot_beat_gallery",
    "plot_beats_by_class",
    "plot_by_noise",
    "plot_changes",
    "plot_classified",
    "plot_confidence",
    "plot_confusion_matrix",
    "plot_confusion_shares",
    "plot_cost",
    "plot_coverage_by_patient",
    "plot_deletion",
    "plot_ecg_paper",
    "plot_errors_by_record",
    "plot_forgetting",
    "plot_gate",
    "plot_heartbeat",
    "plot_history",
    "plot_importance",
    "plot_intervals",
    "plot_irregularity",
    "plot_labelled_window",
    "plot_losses",
    "plot_marked_beat",
    "plot_mean_beats",
    "plot_measure_by_class",
    "plot_minus_reference",
    "plot_moved_windows",
    "plot_network",
    "plot_promise",
    "plot_reconstructions",
    "plot_record_counts",
    "plot_records",
    "plot_reliability",
    "plot_risk_coverage",
    "plot_roc_and_precision_recall",
    "plot_score_distribution",
    "plot_signals",
    "plot_slope_stages",
    "plot_steps",
    "plot_strip",
    "plot_tachogram",
    "plot_twelve_leads",
    "plot_u",
    "plot_wave_shares",
    "plot_waves",
    "plot_with_and_without",
    "save_paper",
    "use_style",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import a figure's module when somebody asks for it: a strip of an ECG needs neither PyTorch nor seaborn."""
    for module, names in _FIGURES.items():
        if name in names:
            return getattr(import_module(f"ecgnb.plotting.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
