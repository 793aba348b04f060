"""The LDCNN: five convolutions whose kernels grow as the signal shrinks."""

from __future__ import annotations

from torch import Tensor, nn

from ecgnb.models.layers import BeatClassifier, conv_block, scaled


class LDCNN(BeatClassifier):
    """Five convolutions with kernels of 13 to 21 samples and average pooling between, then a layer of 35 units.

    A plain one-dimensional CNN, as Kiranyaz et al. 2016 introduced them to ECG, doi:10.1109/TBME.2015.2468589; layers
    and sizes are our own.

    Parameters
    ----------
    n_samples, n_classes, width
        As for `BeatClassifier`.
    """

    shortest = 32

    def __init__(self, n_samples: int, n_classes: int = 5, width: float = 1.0) -> None:
        super().__init__(n_samples, n_classes, width)
        channels = [1, *(scaled(n, width) for n in (16, 32, 64, 128, 256))]
        self.convolutions = nn.Sequential()
        for before, after, kernel in zip(channels, channels[1:], (13, 15, 17, 19, 21), strict=False):
            self.convolutions.extend([*conv_block(before, after, kernel), nn.AvgPool2d((1, 2))])
        self.head = nn.Sequential(nn.Linear(channels[-1], 35), nn.ReLU(), nn.Dropout(0.2), nn.Linear(35, n_classes))

    def score(self, image: Tensor) -> Tensor:
        """Score the classes: (n, 1, 1, n_samples) to (n, n_classes)."""
        return self.head(self.convolutions(image).mean(dim=(2, 3)))
