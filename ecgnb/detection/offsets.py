"""The waves of an ECG without looking at them: as far from the R peak as they usually are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Peaks = Mapping[tuple[str, str], NDArray[np.int64]]


def usual_offsets(waves: pd.DataFrame, r_sample: Peaks, fs: float) -> pd.DataFrame:
    """Return where waves usually begin and end, in samples after the R peak that they belong to.

    Parameters
    ----------
    waves : DataFrame
        As `load_ludb` gives it; a wave that lacks an onset or offset is left out.
    r_sample : mapping
        R peaks by record and lead, in the same samples, in order of time.
    fs : float

    Returns
    -------
    DataFrame
        `onset` and `offset` by wave, the median of all: a P belongs to the next R peak, a T to the last one, a QRS to
        the nearest; one that is more than 0.6 s (a QRS: 0.15 s) away belongs to none.
    """
    parts = []
    whole = waves[(waves["onset"] >= 0) & (waves["offset"] >= 0)]
    marked = {(f"{record}", f"{lead}"): own for (record, lead), own in whole.groupby(["record", "lead"])}
    for key, own in marked.items():
        r = r_sample[key]
        if not len(r):
            continue
        after = np.searchsorted(r, own["peak"]).clip(0, len(r) - 1)
        before = (after - 1).clip(0)
        is_nearer = np.abs(r[before] - own["peak"]) < np.abs(r[after] - own["peak"])
        use_before = (own["wave"] == "T") | ((own["wave"] == "QRS") & is_nearer)
        peak = np.where(use_before, r[before], r[after])
        is_near = np.abs(own["peak"] - peak) <= fs * np.where(own["wave"] == "QRS", 0.15, 0.6)
        parts.append(own.assign(onset=own["onset"] - peak, offset=own["offset"] - peak)[is_near])
    return pd.concat(parts).groupby("wave")[["onset", "offset"]].median()


def waves_at_offsets(offsets: pd.DataFrame, r_sample: Peaks) -> pd.DataFrame:
    """Return a P, a QRS and a T at every R peak, as `usual_offsets` learned them: record, lead, wave, onset, offset."""
    parts = [
        pd.DataFrame({"record": record, "lead": lead, "wave": wave, "onset": r + onset, "offset": r + offset})
        for (record, lead), r in r_sample.items()
        for wave, onset, offset in offsets.round().astype(np.int64).itertuples()
    ]
    return pd.concat(parts).sort_values(["record", "lead", "onset"], ignore_index=True)
