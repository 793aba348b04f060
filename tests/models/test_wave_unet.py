"""The U-Net that marks waves."""

import pytest
import torch

from ecgnb import models
from ecgnb.errors import ModelError


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return models.create("wave_unet").eval()


@pytest.mark.parametrize("n_samples", [1, 31, 32, 33, 250, 2500, 2501])
def test_any_length(network, n_samples):
    assert network(torch.randn(3, n_samples)).shape == (3, 4, n_samples)
    assert network(torch.randn(3, 1, n_samples)).shape == (3, 4, n_samples)


def test_what_follows_far_away_changes_nothing(network):
    """So a long recording may be read in pieces: see `classifier.waves.MARGIN`."""
    from ecgnb.classifier.waves import MARGIN

    signal = torch.randn(1, 64 * 110)
    whole = network(signal)
    part = network(signal[:, 640 : 640 + 64 * 70])
    inner = slice(640 + MARGIN, 640 + 64 * 70 - MARGIN)
    torch.testing.assert_close(part[..., MARGIN:-MARGIN], whole[..., inner], atol=1e-5, rtol=1e-4)


def test_it_is_small(network):
    assert 4 * models.count_parameters(network) <= 300_000


def test_leads_do_not_influence_each_other(network):
    signal = torch.randn(3, 500)
    torch.testing.assert_close(network(signal)[1:2], network(signal[1:2]))


def test_saved_and_loaded(network, tmp_path):
    models.save(network, tmp_path / "m.pth")
    again, _ = models.load(tmp_path / "m.pth")
    signal = torch.randn(2, 300)
    assert torch.equal(again(signal), network(signal))


@pytest.mark.parametrize("shape", [(300,), (2, 2, 300), (2, 300, 1), (2, 0)])
def test_signals_of_another_shape(network, shape):
    with pytest.raises(ModelError, match=r"expected \(batch, n_samples\)"):
        network(torch.zeros(shape))


@pytest.mark.parametrize("options", [{"n_classes": 1}, {"width": 0.0}, {"context": -1}, {"dropout": 1.0}])
def test_odd_options(options):
    with pytest.raises(ModelError, match="expected"):
        models.create("wave_unet", **options)
