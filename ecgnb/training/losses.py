"""Losses for classes of very unequal size, and for two tasks at once."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from ecgnb.errors import UsageError


def class_weights(label: ArrayLike, n_classes: int) -> Tensor:
    """Return the weight of each class, total / (classes x count), so that all classes weigh the same together.

    Classes that do not occur are not counted and get the weight 0: nothing can be learned of them.

    Parameters
    ----------
    label : (n_beats,) int array
    n_classes : int

    Returns
    -------
    (n_classes,) float32 tensor
    """
    label = np.asarray(label)
    if not len(label) or label.dtype.kind not in "iu" or label.min() < 0 or label.max() >= n_classes:
        raise UsageError(f"expected at least one label, all of them whole numbers from 0 to {n_classes - 1}")
    counts = torch.bincount(torch.from_numpy(label.astype(np.int64)), minlength=n_classes).double()
    present = counts > 0
    weights = counts.sum() / (present.sum() * counts.clamp(min=1))
    return torch.where(present, weights, 0.0).float()


class FocalLoss(nn.Module):
    """Cross-entropy in which a beat counts less the more confident the model already is: (1 - p)^gamma x CE.

    Lin et al. 2017, Focal loss for dense object detection, arXiv:1708.02002.

    Parameters
    ----------
    gamma : float
        0 gives plain cross-entropy; else at least 1.
    weight : (n_classes,) tensor, optional
        Weight of each class, as cross-entropy takes it.
    """

    def __init__(self, gamma: float = 2.0, weight: Tensor | None = None) -> None:
        super().__init__()
        if gamma != 0 and gamma < 1:  # between the two its slope is infinite where a beat is certain
            raise UsageError(f"gamma={gamma}; expected 0, or a number of at least 1")
        self.gamma = gamma
        self.weight: Tensor | None
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Give the mean loss: (n, n_classes) and (n,) to a scalar."""
        surprise = cross_entropy(logits, label, reduction="none")
        focal = (1 - torch.exp(-surprise)) ** self.gamma * surprise
        if self.weight is None:
            return focal.mean()
        weight = self.weight[label]
        return (weight * focal).sum() / weight.sum()


class DualLoss(nn.Module):
    """Loss of a model that reconstructs and classifies: alpha x mean squared error + beta x classification loss.

    Parameters
    ----------
    alpha, beta : float
        At least 0, and not both 0.
    classification : nn.Module, optional
        Loss of (logits, label); cross-entropy unless told otherwise.

    Raises
    ------
    UsageError
        For an alpha or beta that is negative or not a number, or both zero.
    """

    def __init__(self, alpha: float = 1.0, beta: float = 1.0, classification: nn.Module | None = None) -> None:
        super().__init__()
        if not (0 <= alpha < math.inf and 0 <= beta < math.inf):
            raise UsageError(f"alpha={alpha}, beta={beta}; expected two numbers of at least 0")
        if alpha == beta == 0:
            raise UsageError("alpha and beta are both 0, so there is nothing to learn; give one of them a weight")
        self.alpha, self.beta = alpha, beta
        self.classification = nn.CrossEntropyLoss() if classification is None else classification

    def forward(self, output: tuple[Tensor, ...], signal: Tensor, label: Tensor) -> Tensor:
        """Give the loss: (reconstruction (n, n_samples), logits (n, n_classes)), signal and label to a scalar."""
        reconstruction, logits, *_ = output
        error = mse_loss(reconstruction, signal.reshape(reconstruction.shape))
        return self.alpha * error + self.beta * self.classification(logits, label)
