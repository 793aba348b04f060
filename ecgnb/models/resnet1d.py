"""ResNet-18 in one dimension."""

from __future__ import annotations

from torch import Tensor, nn

from ecgnb.models.layers import BeatClassifier, conv_block, residual_stages, scaled


class ResNet1d(BeatClassifier):
    """A stem with a kernel of 15 samples, four stages of two residual blocks with kernels of 7.

    He et al. 2016, Deep residual learning for image recognition, doi:10.1109/CVPR.2016.90.

    Parameters
    ----------
    n_samples, n_classes, width, n_leads
        As for `BeatClassifier`.
    """

    shortest = 32

    def __init__(self, n_samples: int, n_classes: int = 5, width: float = 1.0, n_leads: int = 1) -> None:
        super().__init__(n_samples, n_classes, width, n_leads=n_leads)
        channels = [scaled(n, width) for n in (64, 128, 256, 512)]
        self.stem = nn.Sequential(
            conv_block(n_leads, channels[0], 15, stride=2), nn.MaxPool2d((1, 3), (1, 2), padding=(0, 1))
        )
        self.stages = residual_stages(channels, kernel=7)
        self.head = nn.Linear(channels[-1], n_classes)

    def score(self, image: Tensor) -> Tensor:
        """Score the classes: (n, n_leads, 1, n_samples) to (n, n_classes)."""
        return self.head(self.features(image).mean(dim=(2, 3)))

    def features(self, image: Tensor) -> Tensor:
        """Describe every 32 samples: (n, n_leads, 1, n_samples) to (n, channels, 1, n_samples / 32)."""
        return self.stages(self.stem(image))
