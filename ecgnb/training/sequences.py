"""Beats in the order of time, cut into sequences of one length, so that a batch of them can be trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from ecgnb.errors import UsageError


def in_sequences(recording: ArrayLike, length: int) -> NDArray[np.int64]:
    """Return the rows of sequences of consecutive beats, (n_sequences, length), each of one recording.

    Every beat stands in one at least. The last sequence of a recording ends with it, so it may overlap the one before;
    a recording with fewer beats repeats its last one.

    Parameters
    ----------
    recording : (n_beats,) array
        Which recording each beat is of, as in `classifier.Inputs`; the beats in order of time.
    length : int
        Beats of a sequence.
    """
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise UsageError(f"length={length!r}; expected a whole number of beats, at least 1")
    recording = np.asarray(recording)
    if not len(recording):
        return np.zeros((0, length), dtype=np.int64)
    border = np.flatnonzero(recording[1:] != recording[:-1]) + 1
    starts, last = [], []
    for low, high in zip([0, *border], [*border, len(recording)], strict=True):
        start = np.minimum(np.arange(low, high, length), max(low, high - length))
        starts.append(start)
        last.append(np.full(len(start), high - 1))
    rows = np.concatenate(starts)[:, None] + np.arange(length)
    return np.minimum(rows, np.concatenate(last)[:, None])


def sequence_loss(scores: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy over all beats of all sequences: (n, length, n_classes) scores and (n, length) labels."""
    return cross_entropy(scores.flatten(0, 1), label.flatten())
