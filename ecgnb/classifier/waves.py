"""Where P, QRS and T begin and end in a recording of one lead."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from ecgnb.datasets.wave_examples import WAVE_CLASSES, WAVE_FS

SHORTEST = {"P": 0.03, "QRS": 0.03, "T": 0.05}  # s: LUDB's shortest waves, but for a few, are longer

GAP = 0.02  # s: two stretches of one kind with less between them are one wave


def waves_of_scores(scores: NDArray[np.floating]) -> pd.DataFrame:
    """Return the waves that a network's scores of each sample mean.

    Each sample belongs to its likeliest class. Stretches of one class are waves; two of one kind less than 20 ms apart
    are one, and what is shorter than 30 ms (a T: 50 ms) is none.

    Parameters
    ----------
    scores : (4, n_samples) float array
        As `models.WaveUNet` gives them, at 250 Hz.

    Returns
    -------
    DataFrame
        One row a wave, in order of time: `wave` ("P", "QRS" or "T"), `onset` and `offset` in samples at 250 Hz (the
        first and the last one of the wave), and its `probability`, the mean over its samples.
    """
    probability = softmax(np.asarray(scores, dtype=np.float32), axis=0)
    likeliest = probability.argmax(axis=0)
    parts = []
    for number, kind in enumerate(WAVE_CLASSES[1:], start=1):
        edges = np.flatnonzero(np.diff(np.r_[False, likeliest == number, False]))
        onset, offset = edges[::2], edges[1::2] - 1
        apart = onset[1:] - offset[:-1] > GAP * WAVE_FS if len(onset) else np.zeros(0, dtype=bool)
        onset, offset = onset[np.r_[True, apart][: len(onset)]], offset[np.r_[apart, True][: len(offset)]]
        long = offset - onset >= SHORTEST[kind] * WAVE_FS
        onset, offset = onset[long], offset[long]
        summed = np.r_[0.0, np.cumsum(probability[number], dtype=np.float64)]
        mean = (summed[offset + 1] - summed[onset]) / (offset + 1 - onset)
        parts.append(pd.DataFrame({"wave": kind, "onset": onset, "offset": offset, "probability": mean}))
    return pd.concat(parts).sort_values("onset", kind="stable", ignore_index=True)
