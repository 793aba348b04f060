"""The second network of lesson 08: a small U-Net that says of each sample whether it lies in a P, a QRS, a T or none.

Ronneberger et al. 2015, U-Net, doi:10.1007/978-3-319-24574-4_28; for the waves of an ECG Moskalenko et al. 2020, Deep
Learning for ECG Segmentation, arXiv:2001.04689.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ecgnb.errors import ModelError
from ecgnb.models.layers import conv, conv_block

CHANNELS = (12, 16, 24, 32, 32)  # at each level, from fine to coarse

CLASSES = ("none", "P", "QRS", "T")


class WaveUNet(nn.Module):
    """Four halvings down, four doublings up, and a bridge from each level to its counterpart.

    The way down sees far: at its end a step is 32 samples, 128 ms, and dilated convolutions look seconds to either
    side. The way up knows where: each doubling meets the finer features of the way down again.

    Parameters
    ----------
    n_classes : int
        Of each sample: `CLASSES`.
    width : float
        Factor on the number of channels of all levels.
    context : int
        Dilated convolutions at the coarsest level, each looking twice as far as the one before.
    dropout : float
        Share of channels that training switches off at the coarsest level.

    Raises
    ------
    ModelError
        Where a number is out of range.
    """

    def __init__(self, n_classes: int = 4, width: float = 1.0, context: int = 5, dropout: float = 0.2) -> None:
        super().__init__()
        if n_classes < 2 or not 0 < width <= 8 or not 0 <= context <= 8 or not 0 <= dropout < 1:
            raise ModelError(
                f"n_classes={n_classes}, width={width}, context={context}, dropout={dropout}; expected 2 classes or "
                "more, a width above 0 and at most 8, 0 to 8 dilated convolutions, and a share within [0, 1)"
            )
        channels = [max(4, round(width * number)) for number in CHANNELS]
        self.step = 2 ** len(channels)  # samples that the coarsest level takes for one
        self.stem = conv_block(1, channels[0], 9, stride=2)
        self.down = nn.ModuleList(
            nn.Sequential(*conv_block(fine, coarse, 5, stride=2), *conv_block(coarse, coarse, 5))
            for fine, coarse in pairwise(channels)
        )
        coarsest = channels[-1]
        self.context = nn.ModuleList(
            nn.Sequential(conv(coarsest, coarsest, 3, dilation=2**k), nn.BatchNorm2d(coarsest), nn.ReLU())
            for k in range(context)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.up = nn.ModuleList(
            nn.Sequential(*conv_block(coarse + fine, fine, 5), *conv_block(fine, fine, 5))
            for coarse, fine in pairwise(reversed(channels))
        )
        self.head = nn.Conv2d(channels[0], n_classes, 1)

    def forward(self, signal: Tensor) -> Tensor:
        """Score each sample: (batch, n_samples) or (batch, 1, n_samples) to (batch, n_classes, n_samples).

        The signal is of one lead at 250 Hz, high-passed, in units of its usual height: see
        `datasets.wave_examples.prepare_lead`. It may have any length: zeros fill it up to a multiple of `step`.
        """
        if signal.ndim not in (2, 3) or (signal.ndim == 3 and signal.shape[1] != 1) or not signal.shape[-1]:
            raise ModelError(
                f"signals of shape {tuple(signal.shape)}; expected (batch, n_samples) or (batch, 1, n_samples)"
            )
        n_samples = signal.shape[-1]
        image = signal.reshape(-1, 1, 1, n_samples)
        image = functional.pad(image, (0, -n_samples % self.step))
        scores = functional.interpolate(self.head(self.features(image)), scale_factor=(1, 2), mode="bilinear")
        return scores[:, :, 0, :n_samples]

    def features(self, image: Tensor) -> Tensor:
        """Describe every second sample: (batch, 1, 1, n_samples) to (batch, channels, 1, n_samples / 2)."""
        levels = list(self._levels(image))
        deepest = levels.pop()
        for layer in self.context:
            deepest = deepest + self.dropout(layer(deepest))
        rising = deepest
        for layer in self.up:
            twice = functional.interpolate(rising, scale_factor=(1, 2), mode="nearest")
            rising = layer(torch.cat([twice, levels.pop()], dim=1))
        return rising

    def _levels(self, image: Tensor) -> Iterator[Tensor]:
        """Yield what each level of the way down sees, from fine to coarse."""
        maps = self.stem(image)
        yield maps
        for layer in self.down:
            maps = layer(maps)
            yield maps
