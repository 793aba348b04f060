"""Networks that say of each of several labels whether a recording has it: what trains them on few recordings.

Each step sees other seconds of the recordings, its leads mixed a little, and the labels weigh alike in the loss. A
trained network looks at a recording through overlapping windows, and the mean of what it says counts, as in Strodthoff
et al. 2021, doi:10.1109/JBHI.2020.3022989.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ecgnb.datasets.twelve_leads import prepared_leads
from ecgnb.errors import UsageError
from ecgnb.training.augmentation import augment_twelve
from ecgnb.training.history import History
from ecgnb.training.loop import fit, predict

EPOCHS, LEAST_STEPS = 20, 120  # chosen on half of the patients of PTB-XL's 488 recordings


def prepare_leads(signal: NDArray[np.floating[Any]], fs: float) -> Tensor:
    """Return recordings as the networks of this file read them: without wandering baselines, in units of 0.25 mV.

    Parameters
    ----------
    signal : (n, n_leads, n_samples) float array
        mV, all values finite.
    fs : float
        Hz.

    Returns
    -------
    (n, n_leads, n_samples) float32 tensor

    Raises
    ------
    UsageError
        For another shape, or values that are missing.
    """
    signal = np.asarray(signal)
    if signal.ndim != 3 or not np.isfinite(signal).all():
        raise UsageError(f"signals of shape {signal.shape}; expected (n, n_leads, n_samples), all values finite")
    if not len(signal):
        return torch.zeros(signal.shape)
    return torch.from_numpy(prepared_leads(signal, fs))


def fit_labels(
    model: nn.Module,
    signal: Tensor,
    label: ArrayLike,
    *,
    epochs: int | None = None,
    batch_size: int = 32,
    lr: float = 0.01,
    weight_decay: float = 0.01,
    seed: int = 0,
    augment: Callable[[Tensor], Tensor] | None = None,
    verbose: bool = False,
) -> History:
    """Train a network on recordings with several labels, for a fixed number of epochs: nothing is validated.

    Parameters
    ----------
    model : nn.Module
        Reads (n, n_leads, n_samples), its own `n_samples`, and scores the labels, (n, n_labels) logits.
    signal : (n, n_leads, longer) tensor
        As `prepare_leads` gives it; not shorter than what the model reads.
    label : (n, n_labels) array
        0 or 1.
    epochs : int, optional
        20 where it is not given, and more for few recordings: as many as take 120 steps.
    batch_size, lr, weight_decay, seed, verbose
        As for `fit`, with one cycle of the learning rate.
    augment : callable, optional
        Makes the inputs of each step, (n, n_leads, longer) to (n, n_leads, n_samples); `augment_twelve` where it is not
        given.

    Raises
    ------
    UsageError
        For labels or signals of another form, and as `fit` does.
    TrainingError
        As `fit` does.
    """
    labels = np.asarray(label)
    if labels.ndim != 2 or len(labels) != len(signal) or not np.isin(labels, (0, 1)).all():
        raise UsageError(f"labels of shape {labels.shape}; expected 0 and 1, ({len(signal)}, n_labels)")
    n_samples = _window(model, signal)
    steps = max(1, math.ceil(len(signal) / max(1, batch_size)))  # an epoch
    return fit(
        model,
        (signal, torch.from_numpy(labels.astype(np.float32))),
        None,
        nn.BCEWithLogitsLoss(),
        epochs=max(EPOCHS, math.ceil(LEAST_STEPS / steps)) if epochs is None else epochs,
        batch_size=batch_size,
        lr=lr,
        weight_decay=weight_decay,
        seed=seed,
        augment=augment or augment_twelve(n_samples),
        verbose=verbose,
    )


def predict_labels(model: nn.Module, signal: Tensor) -> NDArray[np.float64]:
    """Return the probability of each label, the mean over windows that overlap by half.

    Parameters
    ----------
    model, signal
        As for `fit_labels`.

    Returns
    -------
    (n, n_labels) float64 array
    """
    n_samples = _window(model, signal)
    last = signal.shape[-1] - n_samples
    starts = np.unique(np.linspace(0, last, -(-2 * last // n_samples) + 1).round().astype(int))
    said = [predict(model, signal[..., start : start + n_samples]).sigmoid().double() for start in starts]
    return torch.stack(said).mean(dim=0).numpy()


def _window(model: Any, signal: Tensor) -> int:
    """Return how many samples the model reads at once, or raise `UsageError`."""
    n_samples = int(model.n_samples)
    if signal.ndim != 3 or signal.shape[-1] < n_samples:
        expected = f"(n, n_leads, at least {n_samples}), which the model reads at once"
        raise UsageError(f"signals of shape {tuple(signal.shape)}; expected {expected}")
    return n_samples
