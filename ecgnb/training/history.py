"""What happened in each epoch of a training run, and the best weights so far."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field

import pandas as pd
from torch import nn


@dataclass
class History:
    """What happened in each epoch of a training run."""

    epochs: list[tuple[float, float, float]] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False

    @property
    def train_loss(self) -> list[float]:
        """Mean loss of each epoch's batches, while training."""
        return [epoch[0] for epoch in self.epochs]

    @property
    def val_loss(self) -> list[float]:
        """Mean loss on the validation data after each epoch; NaN where there was none."""
        return [epoch[1] for epoch in self.epochs]

    @property
    def seconds(self) -> list[float]:
        """Seconds each epoch took, validation included."""
        return [epoch[2] for epoch in self.epochs]

    def stalled(self, patience: int | None) -> bool:
        """Say whether as many epochs as `patience` have passed without a better one."""
        return patience is not None and len(self.epochs) - self.best_epoch >= patience

    def to_frame(self) -> pd.DataFrame:
        """Return one row an epoch, counted from 1."""
        index = pd.RangeIndex(1, len(self.epochs) + 1, name="epoch")
        return pd.DataFrame(self.epochs, index, ["train_loss", "val_loss", "seconds"])


class BestWeights:
    """The weights of the epoch with the lowest validation loss; of the last epoch where nothing is validated."""

    def __init__(self, model: nn.Module) -> None:
        self.loss = math.inf
        self.weights = copy.deepcopy(model.state_dict())

    def keep(self, model: nn.Module, val_loss: float) -> bool:
        """Copy the model's weights where they are better (or nothing says so: `val_loss` is NaN); say whether."""
        better = math.isnan(val_loss) or val_loss < self.loss
        if better:
            self.loss, self.weights = val_loss, copy.deepcopy(model.state_dict())
        return better

    def restore(self, model: nn.Module) -> None:
        """Put the best weights back."""
        model.load_state_dict(self.weights)
