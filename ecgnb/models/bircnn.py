"""The BiRCNN: long filters, then an LSTM that reads in both directions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ecgnb.models.layers import BeatClassifier, conv_block, scaled


class BiRCNN(BeatClassifier):
    """Convolutions of 128 long filters, a two-layer bidirectional LSTM, and a branch for timing if asked.

    Bidirectional networks: Schuster and Paliwal 1997, doi:10.1109/78.650093; LSTM: Hochreiter and Schmidhuber 1997,
    doi:10.1162/neco.1997.9.8.1735; layers and sizes are our own.

    Parameters
    ----------
    n_samples, n_classes, width
        As for `BeatClassifier`.
    n_rr : int
        Timing features, such as the columns of `Beats.rr`. They follow the samples in each row, so that one tensor
        holds a batch: ``torch.cat([signal, rr], dim=1)``, (n, n_samples + n_rr).
    """

    shortest = 64

    def __init__(self, n_samples: int, n_classes: int = 5, width: float = 1.0, n_rr: int = 0) -> None:
        super().__init__(n_samples, n_classes, width, n_extra=n_rr)
        channels, hidden = scaled(128, width), scaled(128, width)
        self.convolutions = nn.Sequential(
            conv_block(1, channels, 51),
            nn.MaxPool2d((1, 2)),
            conv_block(channels, channels, 31),
            nn.MaxPool2d((1, 2)),
            conv_block(channels, channels, 15),
            nn.MaxPool2d((1, 2)),
        )
        self.lstm = nn.LSTM(channels, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.timing = nn.Sequential(nn.Linear(n_rr, 16), nn.ReLU()) if n_rr else None
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * hidden + (16 if n_rr else 0), n_classes))

    def score(self, image: Tensor) -> Tensor:
        """Score the classes: (n, 1, 1, n_samples + n_rr) to (n, n_classes)."""
        maps = self.convolutions(image[..., : self.n_samples])[:, :, 0]
        _, (last, _) = self.lstm(maps.transpose(1, 2))  # (4, n, hidden): two directions of two layers
        found = [last[-2], last[-1]]
        if self.timing is not None:
            found.append(self.timing(image[:, 0, 0, self.n_samples :]))
        return self.head(torch.cat(found, dim=1))
