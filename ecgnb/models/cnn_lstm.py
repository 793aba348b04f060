"""The CNN-LSTM of lesson 02: convolutions find waves, an LSTM reads their order, a head names the class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ecgnb.errors import ModelError


class CNNLSTM(nn.Module):
    """Three convolution blocks, a bidirectional LSTM over what they found, and a small head.

    Parameters
    ----------
    n_samples : int
        Samples per beat; at least 8.
    n_classes : int
    dropout : float
        Share of feature maps that training switches off, each as a whole, after every block.
    head_dropout : float
        Share of the head's inner units that training switches off.

    Raises
    ------
    ModelError
        Where a size is too small or a share is not within [0, 1).
    """

    def __init__(self, n_samples: int, n_classes: int = 5, dropout: float = 0.2, head_dropout: float = 0.5) -> None:
        super().__init__()
        if n_samples < 8 or n_classes < 2:
            raise ModelError(f"n_samples={n_samples}, n_classes={n_classes}; expected at least 8 samples and 2 classes")
        if not (0 <= dropout < 1 and 0 <= head_dropout < 1):
            raise ModelError(f"dropout={dropout}, head_dropout={head_dropout}; expected shares within [0, 1)")
        self.n_samples = n_samples
        # A beat is an image one pixel high: PyTorch's fast channels-last kernels exist for images alone. The order
        # pool, ReLU gives what ReLU, pool gives, on half the samples.
        self.blocks = nn.Sequential(
            *self.block(1, 64, 5, dropout), *self.block(64, 128, 3, dropout), *self.block(128, 128, 3, dropout)
        )
        self.blocks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.lstm = nn.LSTM(128, 64, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(head_dropout), nn.Linear(64, n_classes))

    @staticmethod
    def block(channels_in: int, channels: int, kernel: int, dropout: float) -> list[nn.Module]:
        """Filter, normalise, keep the larger of two neighbours, rectify."""
        return [
            nn.Conv2d(channels_in, channels, (1, kernel), padding=(0, kernel // 2)),
            nn.BatchNorm2d(channels),
            nn.MaxPool2d((1, 2)),
            nn.ReLU(),
            nn.Dropout2d(dropout),
        ]

    def forward(self, signal: Tensor) -> Tensor:
        """Give a score for each class: (n, n_samples), (n, 1, n_samples) or (n, n_samples, 1) to (n, n_classes)."""
        n = len(signal)
        if signal.shape not in ((n, self.n_samples), (n, 1, self.n_samples), (n, self.n_samples, 1)):
            raise ModelError(f"beats of shape {tuple(signal.shape)}; expected (n, {self.n_samples}), with one lead")
        image = signal.reshape(n, 1, 1, self.n_samples)
        maps = self.blocks(image)[:, :, 0]  # (n, 128, n_samples / 8)
        _, (last, _) = self.lstm(maps.transpose(1, 2))  # (2, n, 64): the forward and the backward reading
        return self.head(torch.cat([last[0], last[1]], dim=1))
