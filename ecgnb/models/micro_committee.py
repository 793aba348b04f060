"""Several of the small networks that were trained apart: the mean of what they say."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ecgnb.errors import ModelError
from ecgnb.models.layers import BeatClassifier
from ecgnb.models.micro_ecgnet import MicroECGNet

SURELY = 1e-6  # a probability is not taken to be nearer to 0 or 1


class MicroCommittee(BeatClassifier):
    """Members that differ in their first weights and in the order of what they saw; of labels, not of classes.

    One training on few recordings depends on chance, and the mean of several depends less: Lakshminarayanan, Pritzel
    and Blundell 2017, Simple and scalable predictive uncertainty estimation using deep ensembles, arXiv:1612.01474.

    Parameters
    ----------
    n_samples, n_classes, width, n_leads
        As for `MicroECGNet`.
    n_members : int
    """

    shortest = MicroECGNet.shortest

    def __init__(
        self, n_samples: int, n_classes: int = 5, width: float = 1.0, n_leads: int = 1, n_members: int = 5
    ) -> None:
        super().__init__(n_samples, n_classes, width, n_leads=n_leads)
        if not 1 <= n_members <= 100:
            raise ModelError(f"n_members={n_members}; expected 1 to 100")
        self.members = nn.ModuleList(MicroECGNet(n_samples, n_classes, width, n_leads) for _ in range(n_members))

    def score(self, image: Tensor) -> Tensor:
        """Return the log odds of the members' mean probability: (n, n_leads, 1, n_samples) to (n, n_classes)."""
        said = [member.score(image).sigmoid() for member in self.members if isinstance(member, MicroECGNet)]
        p = torch.stack(said).mean(dim=0).clamp(SURELY, 1 - SURELY)
        return p.log() - (1 - p).log()
