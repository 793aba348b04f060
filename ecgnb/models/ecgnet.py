"""The ECGNet: convolutions of four lengths into a residual stack, and an LSTM beside it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ecgnb.models.layers import BeatClassifier, conv, scaled

SAMPLES_PER_STEP = 8  # of the LSTM: as in lessons 01 and 03, several samples a step cost little and save much time


class PreactivationBlock(nn.Module):
    """Normalise and rectify before each of two convolutions; the shortcut is pooled, not filtered.

    He et al. 2016, Identity mappings in deep residual networks, arXiv:1603.05027.
    """

    def __init__(self, channels_in: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.ReLU(),
            conv(channels_in, channels, kernel, stride=2),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Dropout2d(0.1),
            conv(channels, channels, kernel),
        )
        self.pool = nn.MaxPool2d((1, 2), ceil_mode=True)
        self.n_new = channels - channels_in

    def forward(self, maps: Tensor) -> Tensor:
        """Refine: (n, channels_in, 1, t) to (n, channels, 1, t / 2)."""
        shortcut = nn.functional.pad(
            self.pool(maps), (0, 0, 0, 0, 0, self.n_new)
        )  # channels that are new start at nothing
        return self.body(maps) + shortcut


class ECGNet(BeatClassifier):
    """Four parallel convolutions (kernels 15, 17, 19, 21), a pre-activation residual stack, and an LSTM on the signal.

    Pre-activation: He et al. 2016, arXiv:1603.05027; LSTM: Hochreiter and Schmidhuber 1997,
    doi:10.1162/neco.1997.9.8.1735; layers and sizes are our own.

    Parameters
    ----------
    n_samples, n_classes, width
        As for `BeatClassifier`.
    """

    shortest = 64

    def __init__(self, n_samples: int, n_classes: int = 5, width: float = 1.0) -> None:
        super().__init__(n_samples, n_classes, width)
        each, hidden = scaled(16, width), scaled(64, width)
        channels = [4 * each, *(4 * scaled(n, width) for n in (16, 24, 32, 48, 64))]
        self.parallel = nn.ModuleList(conv(1, each, kernel) for kernel in (15, 17, 19, 21))
        self.stack = nn.Sequential(
            *(PreactivationBlock(before, after, 9) for before, after in pairwise(channels)),
            nn.BatchNorm2d(channels[-1]),
            nn.ReLU(),
        )
        self.lstm = nn.LSTM(SAMPLES_PER_STEP, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(channels[-1] + hidden, n_classes))

    def score(self, image: Tensor) -> Tensor:
        """Score the classes: (n, 1, 1, n_samples) to (n, n_classes)."""
        maps = torch.cat([convolve(image) for convolve in self.parallel], dim=1)
        found = self.stack(maps).mean(dim=(2, 3))
        n_steps = self.n_samples // SAMPLES_PER_STEP  # a rest of fewer samples than a step is left to the convolutions
        steps = image[:, 0, 0, : n_steps * SAMPLES_PER_STEP].unflatten(1, (n_steps, SAMPLES_PER_STEP))
        states, _ = self.lstm(steps)
        return self.head(torch.cat([found, states[:, -1]], dim=1))
