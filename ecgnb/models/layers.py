"""What the architectures of lesson 04 share: one form of input, one form of error, and a few building blocks.

A beat is an image one pixel high, (n, channels, 1, t), as in lesson 02: PyTorch's fast channels-last kernels exist for
images alone. On two cores a depthwise convolution trains about twice as fast so, a full one half as fast again.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ecgnb.errors import ModelError


class BeatClassifier(nn.Module):
    """A network that reads one lead and scores the classes of the beat in its middle, or reads several leads at once.

    A subclass sets `shortest`, builds its layers and adds `score`, (n, n_leads, 1, n_samples) to (n, n_classes).

    Parameters
    ----------
    n_samples : int
        Samples per beat; at least the network's `shortest`.
    n_classes : int
    width : float
        Factor on the number of channels of all layers.
    n_extra : int
        Numbers that follow the samples in each row, such as RR features; of one lead only.
    n_leads : int
        Leads of the same stretch of time; the first convolution reads them as the colours of an image.

    Raises
    ------
    ModelError
        Where a size is too small.
    """

    shortest = 32  # samples that the network needs

    def __init__(self, n_samples: int, n_classes: int, width: float, n_extra: int = 0, n_leads: int = 1) -> None:
        super().__init__()
        if n_samples < self.shortest:
            raise ModelError(
                f"n_samples={n_samples} is too short for {type(self).__name__}; expected at least {self.shortest}: "
                "cut longer segments, or at a higher rate"
            )
        if n_classes < 2 or not 0 < width <= 16 or n_extra < 0:
            given = f"n_classes={n_classes}, width={width}, n_extra={n_extra}"
            raise ModelError(f"{given}; expected at least 2 classes, a width above 0 and at most 16, 0 or more extras")
        if n_leads < 1 or (n_leads > 1 and n_extra):
            raise ModelError(f"n_leads={n_leads}, n_extra={n_extra}; expected 1 lead or more, and extras of one alone")
        self.n_samples, self.n_extra, self.n_leads = n_samples, n_extra, n_leads

    def score(self, image: Tensor) -> Tensor:
        """Score the classes: (n, n_leads, 1, n_samples) to (n, n_classes)."""
        raise NotImplementedError

    def forward(self, signal: Tensor) -> Tensor:
        """Give a score for each class: to (n, n_classes).

        Of one lead (n, n_samples), (n, 1, n_samples) or (n, n_samples, 1); of several (n, n_leads, n_samples).
        """
        n, length = len(signal), self.n_samples + self.n_extra
        if self.n_leads > 1:
            if signal.shape != (n, self.n_leads, length):
                expected = f"(n, {self.n_leads}, {self.n_samples})"
                raise ModelError(f"signals of shape {tuple(signal.shape)}; expected {expected}, a row a lead")
            return self.score(signal[:, :, None])
        if signal.shape not in ((n, length), (n, 1, length), (n, length, 1)):
            extra = f" + {self.n_extra}" if self.n_extra else ""
            raise ModelError(
                f"beats of shape {tuple(signal.shape)}; expected (n, {self.n_samples}{extra}), with one lead"
            )
        return self.score(signal.reshape(n, 1, 1, length))


def scaled(channels: int, width: float) -> int:
    """Return a number of channels times the width, a multiple of 4, and at least 4."""
    return max(4, 4 * round(channels * width / 4))


def conv(
    channels_in: int, channels: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Return a convolution along time, (n, channels_in, 1, t) to (n, channels, 1, t / stride).

    A kernel of 15 samples is (1, 15), as the image is one pixel high. Without a bias: a normalisation follows.
    """
    along, padding = (1, dilation), (0, dilation * (kernel - 1) // 2)
    made = nn.Conv2d(channels_in, channels, (1, kernel), (1, stride), padding, along, groups, bias=False)
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def conv_block(channels_in: int, channels: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    """Return convolution, normalisation, ReLU: (n, channels_in, 1, t) to (n, channels, 1, t / stride)."""
    return nn.Sequential(
        conv(channels_in, channels, kernel, stride=stride),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


class SqueezeExcitation(nn.Module):
    """Weigh each channel by what all of them say on average (Hu et al. 2018, doi:10.1109/CVPR.2018.00745)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        inner = max(4, channels // reduction)
        self.gate = nn.Sequential(nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels), nn.Sigmoid())

    def forward(self, maps: Tensor) -> Tensor:
        """Weigh channels: (n, channels, 1, t) to the same."""
        return maps * self.gate(maps.mean(dim=(2, 3)))[:, :, None, None]


class ResidualBlock(nn.Module):
    """Two convolutions around a shortcut (He et al. 2016, doi:10.1109/CVPR.2016.90), weighed by channel if asked."""

    def __init__(self, channels_in: int, channels: int, kernel: int, *, stride: int = 1, reduction: int = 0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *conv_block(channels_in, channels, kernel, stride=stride),
            conv(channels, channels, kernel),
            nn.BatchNorm2d(channels),
        )
        if reduction:
            self.body.append(SqueezeExcitation(channels, reduction))
        same = stride == 1 and channels_in == channels
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(conv(channels_in, channels, 1, stride=stride), nn.BatchNorm2d(channels))
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Refine: (n, channels_in, 1, t) to (n, channels, 1, t / stride)."""
        return torch.relu(self.body(maps) + self.shortcut(maps))


def residual_stages(channels: list[int], kernel: int, *, reduction: int = 0) -> nn.Sequential:
    """Return two residual blocks a stage; each stage after the first halves the length."""
    stages = nn.Sequential()
    for position, (before, after) in enumerate(pairwise([channels[0], *channels])):
        stages.append(ResidualBlock(before, after, kernel, stride=2 if position else 1, reduction=reduction))
        stages.append(ResidualBlock(after, after, kernel, reduction=reduction))
    return stages
