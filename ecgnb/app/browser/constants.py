"""What Python knows and the page in the browser must know, too: no constant is written twice."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np

from ecgnb.app.meanings import MEANINGS
from ecgnb.classifier import doubts, recording, result
from ecgnb.classifier.load import DEFAULT, WEIGHTS
from ecgnb.classifier.onnx_file import OnnxClassifier
from ecgnb.datasets import reference
from ecgnb.datasets.own import (
    clock,
    columns,
    first_rows,
    foreign,
    header_lines,
    limits,
    recorded,
    signal_table,
    table_form,
    table_layout,
    text,
)
from ecgnb.datasets.own import wfdb_record as record_files
from ecgnb.datasets.wfdb import IN_MV
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
        "doubts": {
            "no_beat": doubts.NO_BEAT, "no_waves": doubts.NO_WAVES, "hardly_possible": doubts.HARDLY_POSSIBLE,
            "rare": doubts.RARE,
        },
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
            "upside_down": quality.UPSIDE_DOWN, "bare": quality.BARE, "least_averaged": quality.LEAST_AVERAGED,
            "before_qrs": quality.BEFORE_QRS, "after_qrs": quality.AFTER_QRS,
        },
        "rhythm": {
            "n_beats": rhythm.N_BEATS, "n_between": rhythm.N_BETWEEN, "same": rhythm.SAME,
            "irregular": rhythm.IRREGULAR,
        },
        "own": _of_own_files(),
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


def _of_own_files() -> dict[str, Any]:
    """Return the words and the limits by which a reader's own file is understood."""
    return {
        "what": limits.WHAT, "behaves": limits.BEHAVES, "lowest_fs": limits.LOWEST_FS, "highest_fs": limits.HIGHEST_FS,
        "kinds": dict(foreign.KINDS), "starts": [[start.decode("latin-1"), kind] for start, kind in foreign.STARTS],
        "sheets": foreign.SHEETS, "no_value_codes": recorded.NO_VALUE_CODES, "codes_off": recorded.CODES_OFF,
        "least_beside_codes": recorded.LEAST_BESIDE_CODES, "code_pages": text.CODE_PAGES,
        "other_scripts": text.OTHER_SCRIPTS, "empty": text.EMPTY, "longest_number": text.LONGEST_NUMBER,
        "looked_at": text.LOOKED_AT, "most_leads": text.MOST_LEADS, "least_samples": text.LEAST_SAMPLES,
        "most_above": table_form.MOST_ABOVE, "most_columns": table_form.MOST_COLUMNS, "body": table_form.BODY,
        "longest_titles": table_form.LONGEST_TITLES, "follow": table_form.FOLLOW,
        "groups": table_layout.GROUPS, "most_stacked": table_layout.MOST_STACKED, "unix": table_layout.UNIX,
        "most_in_turn": table_layout.MOST_IN_TURN, "often": table_layout.OFTEN,
        "far": first_rows.FAR, "lowest_plausible": clock.LOWEST_PLAUSIBLE,
        "highest_plausible": clock.HIGHEST_PLAUSIBLE, "most_off": clock.MOST_OFF, "time_units": clock.UNITS,
        "long_units": clock.LONG_UNITS, "serial": clock.SERIAL, "units_of_time": table_layout.UNITS_OF_TIME,
        "named_units": [[unit, _for_javascript(words)] for unit, words in clock.NAMED],
        "ranks": columns.RANKS, "electrodes": columns.ELECTRODES, "time_words": sorted(columns.TIME_WORDS),
        "time": sorted(columns.TIME), "ecg_words": columns.ECG_WORDS,
        "no_ecg_of_an_ecg": sorted(columns.NO_ECG_OF_AN_ECG), "other": sorted(columns.OTHER),
        "dull": sorted(columns.DULL), "few_values": columns.FEW_VALUES, "enough": columns.ENOUGH,
        "sparse": signal_table.SPARSE, "few_rows": signal_table.FEW_ROWS, "most_steps": signal_table.MOST,
        "longest": header_lines.LONGEST, "seconds": header_lines.SECONDS, "in_mv": IN_MV,
        "unitless": record_files.UNITLESS, "bytes_per_sample": record_files.BYTES_PER_SAMPLE,
        "most_signals": record_files.MOST_SIGNALS, "most_segments": record_files.MOST_SEGMENTS,
        "header_bytes": record_files.HEADER_BYTES,
        "patterns": {
            name.lower(): [_for_javascript(pattern.pattern), "iu" if pattern.flags & re.I else "u"]
            for name, pattern in _patterns().items()
        },
    }  # fmt: skip


def _patterns() -> dict[str, re.Pattern[str]]:
    """Return the patterns of how numbers, clocks, dates, units and rates are written, by their names."""
    return {
        name: value
        for module in (text, table_form, header_lines)
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }


def _for_javascript(pattern: str) -> str:
    """Return a pattern as JavaScript reads it, where letters of all languages take other signs."""
    return re.sub(r"(\[[^\]]*)\\w", r"\1\\p{L}\\p{N}_", pattern).replace(r"\w", r"[\p{L}\p{N}_]")
