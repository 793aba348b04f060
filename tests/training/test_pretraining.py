"""Masked reconstruction: what is hidden is not seen, leads that were not recorded are not asked for, it learns."""

import pytest
import torch
from torch import nn

from ecgnb import models
from ecgnb.errors import UsageError
from ecgnb.training import pretrain, set_seed
from ecgnb.training.pretraining import MaskedReconstruction, masked_error


def waves(n=64, n_leads=3):
    """Sines of one phase in all leads: what is hidden in one, another shows."""
    phase = 6.28 * torch.rand(n, 1, 1)
    return torch.sin(0.2 * torch.arange(300.0) + phase) * torch.tensor([1.0, -0.7, 0.5])[:n_leads, None]


@pytest.mark.parametrize(("name", "width"), [("micro_ecgnet", 1.0), ("resnet1d", 0.0625)])
def test_it_learns_to_fill_what_is_hidden(name, width):
    set_seed(0)
    network = models.create(name, n_samples=128, n_classes=2, n_leads=3, width=width)
    head = {key: value.clone() for key, value in network.state_dict().items() if key.startswith(("head", "read_out"))}
    before = next(network.parameters()).clone()
    losses = pretrain(network, waves(), epochs=20, batch_size=8).train_loss
    assert losses[-1] < 0.5 * losses[0]
    assert not next(network.parameters()).equal(before)
    assert head and all(network.state_dict()[key].equal(value) for key, value in head.items())


def test_the_network_does_not_see_what_is_hidden():
    torch.manual_seed(0)
    network = models.create("micro_ecgnet", n_samples=128, n_leads=3)
    task = MaskedReconstruction(network).eval()
    signal = torch.randn(8, 3, 128)
    torch.manual_seed(1)
    drawn, there, hidden = task(signal)
    assert there is signal and drawn.shape == hidden.shape == signal.shape
    assert 0.35 < hidden.float().mean() < 0.65  # 1 - 0.7 x 0.7
    changed = torch.where(hidden, torch.randn_like(signal), signal)
    torch.manual_seed(1)
    torch.testing.assert_close(task(changed)[0], drawn)


def test_leads_that_were_not_recorded_are_not_asked_for():
    torch.manual_seed(0)
    task = MaskedReconstruction(models.create("micro_ecgnet", n_samples=128, n_leads=3))
    signal = torch.randn(8, 3, 128)
    signal[:, 1] = 0
    _, _, hidden = task(signal)
    assert not hidden[:, 1].any() and hidden[:, 0].any()
    nothing = masked_error(task(torch.zeros(2, 3, 128)))
    assert nothing == 0


def test_what_is_refused():
    with pytest.raises(UsageError, match="Linear has no features to learn"):
        MaskedReconstruction(nn.Linear(3, 2))
    with pytest.raises(UsageError, match="share=1"):
        MaskedReconstruction(models.create("micro_ecgnet", n_samples=128, n_leads=3), share=1.0)
