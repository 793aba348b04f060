"""The LiteECGNet: learnable band-pass filters, then separable convolutions of two scales with small gates."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, softplus

from ecgnb.models.layers import BeatClassifier, SqueezeExcitation, conv, scaled


class SincFilters(nn.Module):
    """Band-pass filters of which only the lower cut-off and the bandwidth are learned.

    Ravanelli and Bengio 2018, Speaker recognition from raw waveform with SincNet, arXiv:1808.00158.

    Parameters
    ----------
    n_filters : int
    kernel : int
        Taps of each filter; odd.
    stride : int
    """

    def __init__(self, n_filters: int, kernel: int = 63, stride: int = 2) -> None:
        super().__init__()
        self.stride, self.padding = stride, kernel // 2
        edges = torch.logspace(math.log10(0.003), math.log10(0.25), n_filters + 1)  # in cycles per sample
        self.low = nn.Parameter(_unsoftplus(edges[:-1]))
        self.band = nn.Parameter(_unsoftplus((edges[1:] - edges[:-1]).clamp(min=0.01)))
        self.taps: Tensor
        self.window: Tensor
        taps = torch.arange(kernel) - kernel // 2
        self.register_buffer("taps", taps.float(), persistent=False)
        self.register_buffer("window", torch.hamming_window(kernel, periodic=False), persistent=False)

    def cutoffs(self) -> tuple[Tensor, Tensor]:
        """Return the low and the high cut-off of each filter, in cycles per sample, at most one half."""
        low = softplus(self.low).clamp(max=0.49)
        return low, (low + softplus(self.band)).clamp(max=0.5)

    def kernels(self) -> Tensor:
        """Return the filters, (n_filters, kernel): the difference of two low-pass filters, in a Hamming window."""
        low, high = self.cutoffs()
        sinc = [2 * edge[:, None] * torch.sinc(2 * edge[:, None] * self.taps) for edge in (high, low)]
        band = (sinc[0] - sinc[1]) * self.window
        return band / band.abs().sum(dim=1, keepdim=True)

    def forward(self, image: Tensor) -> Tensor:
        """Filter: (n, 1, 1, t) to (n, n_filters, 1, t / stride)."""
        return conv2d(image, self.kernels()[:, None, None], stride=(1, self.stride), padding=(0, self.padding))


def _unsoftplus(value: Tensor) -> Tensor:
    return torch.log(torch.expm1(value))


class MultiScaleBlock(nn.Module):
    """Two depthwise convolutions, one of them dilated, a pointwise one over both, a light gate, and a shortcut.

    Depthwise-separable convolution: Howard et al. 2017, MobileNets, arXiv:1704.04861.
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.near = conv(channels_in, channels_in, 7, stride=2, groups=channels_in)
        self.far = conv(channels_in, channels_in, 7, stride=2, dilation=4, groups=channels_in)
        self.mix = nn.Sequential(
            conv(2 * channels_in, channels, 1),
            nn.BatchNorm2d(channels),
            SqueezeExcitation(channels, 8),
        )
        self.shortcut = conv(channels_in, channels, 1, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        """Refine: (n, channels_in, 1, t) to (n, channels, 1, t / 2)."""
        scales = torch.cat([self.near(maps), self.far(maps)], dim=1)
        return torch.relu(self.mix(scales) + self.shortcut(maps))


class Gates(nn.Module):
    """Weigh channels by their mean and their peak, then places by what all channels say there.

    Woo et al. 2018, CBAM, doi:10.1007/978-3-030-01234-2_1, in one dimension.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(4, channels // 8)
        self.channel = nn.Sequential(nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels))
        self.place = nn.Conv2d(2, 1, (1, 7), padding=(0, 3))

    def forward(self, maps: Tensor) -> Tensor:
        """Weigh: (n, channels, 1, t) to the same."""
        weight = torch.sigmoid(self.channel(maps.mean(dim=(2, 3))) + self.channel(maps.amax(dim=(2, 3))))
        maps = maps * weight[:, :, None, None]
        told = torch.stack([maps.mean(dim=1), maps.amax(dim=1)], dim=1)
        return maps * torch.sigmoid(self.place(told))


class LiteECGNet(BeatClassifier):
    """A sinc front end, three multi-scale separable blocks, channel and temporal gates, global pooling.

    The blocks name their sources; how they are put together, and the sizes, are our own.

    Parameters
    ----------
    n_samples, n_classes, width
        As for `BeatClassifier`.
    """

    shortest = 32

    def __init__(self, n_samples: int, n_classes: int = 5, width: float = 1.0) -> None:
        super().__init__(n_samples, n_classes, width)
        base = scaled(32, width)
        self.front = nn.Sequential(SincFilters(base), nn.BatchNorm2d(base), nn.ReLU())
        channels = [base, 2 * base, 4 * base, 6 * base]
        self.blocks = nn.Sequential(*(MultiScaleBlock(before, after) for before, after in pairwise(channels)))
        self.gates = Gates(channels[-1])
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(channels[-1], n_classes))

    def score(self, image: Tensor) -> Tensor:
        """Score the classes: (n, 1, 1, n_samples) to (n, n_classes)."""
        return self.head(self.gates(self.blocks(self.front(image))).mean(dim=(2, 3)))
