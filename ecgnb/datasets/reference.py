"""The recording's own reference beat: what is usual for this patient, in this lead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REACH = 0.112  # seconds of the QRS complex on either side of the R peak
ALIKE = 0.9  # correlation from which two QRS complexes are of one shape
N_LOOKED_AT = 400  # beats of a recording, evenly spread; more change the reference little
N_BETWEEN = 64  # beats after which a reference of the past is made anew


def reference_beat(windows: NDArray[np.float32], before: int, fs: float) -> NDArray[np.float32]:
    """Return the typical beat of a recording: the median of the beats of its most common QRS shape.

    No label is needed. Of some hundred beats, evenly spread, each is compared with each; the one that is like the most
    others leads, and the median of it and those others is the reference. Grouping beats by the shape of their QRS
    complex is older than neural networks: Lagerholm et al. 2000, doi:10.1109/10.846677.

    Parameters
    ----------
    windows : (n_beats, n_samples) float array
        In any unit.
    before : int
        Samples of a window before the R peak.
    fs : float
        Samples per second.

    Returns
    -------
    (n_samples,) float32 array
        Zeros where there is no beat.
    """
    if not len(windows):
        return np.zeros(windows.shape[1], dtype=np.float32)
    chosen = np.linspace(0, len(windows) - 1, min(len(windows), N_LOOKED_AT)).astype(np.int64)
    reach = max(1, round(REACH * fs))
    qrs = windows[chosen, max(0, before - reach) : before + reach + 1].astype(np.float64)
    qrs = qrs - qrs.mean(axis=1, keepdims=True)
    qrs = qrs / np.maximum(np.linalg.norm(qrs, axis=1, keepdims=True), 1e-12)
    alike = qrs @ qrs.T > ALIKE
    np.fill_diagonal(alike, val=True)  # a flat beat is like itself
    leader = alike.sum(axis=1).argmax()
    return np.median(windows[chosen][alike[leader]], axis=0).astype(np.float32)


def reference_beats(
    windows: NDArray[np.float32], before: int, fs: float, *, so_far: bool = False
) -> NDArray[np.float32]:
    """Return the reference beside each beat of a recording, (n_beats, n_samples).

    Parameters
    ----------
    windows, before, fs
        As for `reference_beat`; the beats in order of time.
    so_far : bool
        Take only what came before, made anew every 64 beats, as a stream could. The first 64 beats are judged when all
        of them are there.
    """
    if not so_far:
        return np.broadcast_to(reference_beat(windows, before, fs), windows.shape)
    parts = [windows[:0]]
    for start in range(0, len(windows), N_BETWEEN):
        block = windows[start : start + N_BETWEEN]
        known = windows[:start] if start else block
        parts.append(np.broadcast_to(reference_beat(known, before, fs), block.shape))
    return np.concatenate(parts)
