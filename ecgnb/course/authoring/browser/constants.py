"""What Python knows and the page in the browser must know, too: no constant is written twice."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np

from ecgnb.app.meanings import MEANINGS
from ecgnb.classifier import recording, result
from ecgnb.classifier.load import DEFAULT, WEIGHTS
from ecgnb.classifier.onnx_file import OnnxClassifier
from ecgnb.datasets import reference
from ecgnb.detection import gate, indices, quality, r_peaks, rhythm


def constants() -> dict[str, Any]:
    """Return what the page's scripts need to know, as plain values."""
    network = OnnxClassifier(Path(str(WEIGHTS)) / f"{DEFAULT}.onnx", foreign=False)
    recipe, certainty = network.recipe, network.certainty
    assert recipe is not None and certainty is not None
    return {
        "recipe": recipe.to_values(),
        "classes": network.classes,
        "reach": network.reach,
        "batch": network.batch,
        "temperature": certainty.temperature,
        "least": [one if np.isfinite(one) else None for one in certainty.least],
        "min_confidence": certainty.min_confidence,
        "much": result.MUCH,
        "meanings": {label: meaning._asdict() for label, meaning in MEANINGS.items()},
        "block_seconds": recording.BLOCK_SECONDS,
        "margin_seconds": recording.MARGIN_SECONDS,
        "least_ecg": recording.LEAST_ECG,
        "r_peaks": _of_r_peaks(),
        "reference": {"reach": reference.REACH, "alike": reference.ALIKE, "n_looked_at": reference.N_LOOKED_AT},
        "indices": {
            "names": indices.INDICES, "fs": indices.FS, "stretch_seconds": indices.STRETCH_SECONDS,
            "same_beat": indices.SAME_BEAT, "around": indices.AROUND, "n_compared": indices.N_COMPARED,
            "cleanest": indices.CLEANEST,
        },
        "gate": gate.learned_gate().to_values() | {
            "block_seconds": gate.BLOCK_SECONDS, "furthest": gate.FURTHEST, "most_certain": gate.MOST_CERTAIN,
        },
        "quality": {
            "flat_seconds": quality.FLAT_SECONDS, "clipped_seconds": quality.CLIPPED_SECONDS,
            "upside_down": quality.UPSIDE_DOWN,
        },
        "rhythm": {
            "n_beats": rhythm.N_BEATS, "n_between": rhythm.N_BETWEEN, "same": rhythm.SAME,
            "irregular": rhythm.IRREGULAR,
        },
    }  # fmt: skip


def _of_r_peaks() -> dict[str, Any]:
    """Return the detector's constants: those of its module, and what its functions take unless told otherwise."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(r_peaks.slope_detector).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    return defaults | {
        "band": r_peaks.BAND, "slope_seconds": r_peaks.SLOPE_SECONDS, "peak_seconds": r_peaks.APART_SECONDS,
        "align_seconds": r_peaks.ALIGN_SECONDS, "soon_seconds": r_peaks.SOON, "soon_times": r_peaks.SOON_TIMES,
        "min_fs": r_peaks.MIN_FS, "max_fs": r_peaks.MAX_FS, "min_seconds": r_peaks.MIN_SECONDS,
    }  # fmt: skip
