"""The MicroECGNet, this course's own: as few parameters and milliseconds as the task seems to need."""

from __future__ import annotations

from torch import Tensor, nn

from ecgnb.models.layers import BeatClassifier, conv_block, scaled


class MicroECGNet(BeatClassifier):
    """Four strided convolutions, and a read-out that knows the places.

    Parameters
    ----------
    n_samples, n_classes, width, n_leads
        As for `BeatClassifier`.
    """

    shortest = 32

    def __init__(self, n_samples: int, n_classes: int = 5, width: float = 1.0, n_leads: int = 1) -> None:
        super().__init__(n_samples, n_classes, width, n_leads=n_leads)
        first, second, third, fourth = (scaled(n, width) for n in (8, 12, 16, 24))
        self.convolutions = nn.Sequential(  # (n, n_leads, 1, n_samples) to
            conv_block(n_leads, first, 15, stride=4),  # (n, first, 1, n_samples / 4)
            conv_block(first, second, 7, stride=2),  # (n, second, 1, n_samples / 8)
            conv_block(second, third, 7, stride=2),  # (n, third, 1, n_samples / 16)
            conv_block(third, fourth, 5, stride=2),  # (n, fourth, 1, n_samples / 32)
        )
        n_places = -(-n_samples // 32)  # left of the strides, each rounded up
        self.read_out = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(n_places * fourth, n_classes))

    def score(self, image: Tensor) -> Tensor:
        """Score the classes: (n, n_leads, 1, n_samples) to (n, n_classes)."""
        return self.read_out(self.features(image))

    def features(self, image: Tensor) -> Tensor:
        """Describe every 32 samples: (n, n_leads, 1, n_samples) to (n, channels, 1, n_samples / 32)."""
        return self.convolutions(image)
