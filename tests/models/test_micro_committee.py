"""A committee says the mean of what its members say."""

import pytest
import torch

from ecgnb import models
from ecgnb.errors import ModelError


def test_it_says_the_mean_of_its_members():
    committee = models.create("micro_committee", n_samples=250, n_leads=12, n_members=3).eval()
    signal = torch.randn(4, 12, 250)
    with torch.inference_mode():
        said = torch.stack([member(signal).sigmoid() for member in committee.members])
        assert torch.allclose(committee(signal).sigmoid(), said.mean(dim=0), atol=1e-6)
    assert len({tuple(one.flatten().tolist()) for one in said}) == 3


def test_a_committee_of_nobody():
    with pytest.raises(ModelError, match="n_members=0; expected 1 to 100"):
        models.create("micro_committee", n_samples=250, n_members=0)
