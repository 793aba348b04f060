"""The SE-ECGNet: three residual networks side by side, each with its own length of filter."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ecgnb.models.layers import BeatClassifier, conv_block, residual_stages, scaled


class SEECGNet(BeatClassifier):
    """Three residual branches (kernels 3, 5, 7) with squeeze-and-excitation, each pooled, all joined.

    After Zhang et al. 2020, SE-ECGNet, arXiv:2012.05510, for one lead; squeeze-and-excitation: Hu et al. 2018,
    doi:10.1109/CVPR.2018.00745.

    Parameters
    ----------
    n_samples, n_classes, width
        As for `BeatClassifier`.
    """

    shortest = 32

    def __init__(self, n_samples: int, n_classes: int = 5, width: float = 1.0) -> None:
        super().__init__(n_samples, n_classes, width)
        channels = [scaled(n, width) for n in (64, 128, 256, 480)]
        self.stem = nn.Sequential(
            conv_block(1, channels[0], 15, stride=4), nn.MaxPool2d((1, 3), (1, 2), padding=(0, 1))
        )
        self.branches = nn.ModuleList(residual_stages(channels, kernel, reduction=16) for kernel in (3, 5, 7))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(3 * channels[-1], n_classes))

    def score(self, image: Tensor) -> Tensor:
        """Score the classes: (n, 1, 1, n_samples) to (n, n_classes)."""
        maps = self.stem(image)
        return self.head(torch.cat([branch(maps).mean(dim=(2, 3)) for branch in self.branches], dim=1))
