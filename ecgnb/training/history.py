"""What happened in each epoch of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd


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

    def to_frame(self) -> pd.DataFrame:
        """Return one row an epoch, counted from 1."""
        index = pd.RangeIndex(1, len(self.epochs) + 1, name="epoch")
        return pd.DataFrame(self.epochs, index, ["train_loss", "val_loss", "seconds"])
