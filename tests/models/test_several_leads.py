"""Networks that read several leads at once; with one, they are what they were."""

import pytest
import torch

from ecgnb import metrics, models
from ecgnb.errors import ModelError

BOTH = ("micro_ecgnet", "resnet1d")


@pytest.mark.parametrize("name", BOTH)
def test_every_lead_counts_and_keeps_its_place(name):
    torch.manual_seed(0)
    network = models.create(name, n_samples=250, n_classes=5, n_leads=12, width=0.5).eval()
    signal = torch.randn(3, 12, 250)
    scores = network(signal)
    assert scores.shape == (3, 5)
    for lead in range(12):
        without = signal.clone()
        without[:, lead] = 0
        assert not torch.allclose(network(without), scores)
    assert not torch.allclose(network(signal.flip(1)), scores)
    torch.testing.assert_close(network(signal[1:2]), scores[1:2])


@pytest.mark.parametrize("name", BOTH)
def test_one_lead_is_the_network_of_one_lead(name):
    torch.manual_seed(0)
    one = models.create(name, n_samples=128)
    torch.manual_seed(0)
    said = models.create(name, n_samples=128, n_leads=1)
    beats = torch.randn(2, 128)
    assert {key: value.shape for key, value in one.state_dict().items()} == {
        key: value.shape for key, value in said.state_dict().items()
    }
    assert one.eval()(beats).equal(said.eval()(beats))


@pytest.mark.parametrize("name", BOTH)
def test_only_the_first_convolution_grows_with_the_leads(name):
    counts = [models.count_parameters(models.create(name, n_samples=128, n_leads=n)) for n in (1, 2, 12)]
    first = next(iter(models.create(name, n_samples=128).parameters())).numel()
    assert counts[1] - counts[0] == first and counts[2] - counts[0] == 11 * first
    found = metrics.measure_cost(models.create(name, n_samples=128, n_leads=12), (12, 128))
    assert found["parameters"] == counts[2]
    one_lead = metrics.macs(models.create(name, n_samples=128), 128)
    strides = {"micro_ecgnet": 4, "resnet1d": 2}
    assert found["macs"] - one_lead == 11 * first * 128 // strides[name]


@pytest.mark.parametrize("name", BOTH)
def test_it_comes_back_from_its_file(name, tmp_path):
    network = models.create(name, n_samples=250, n_leads=12, width=0.25).eval()
    models.save(network, tmp_path / "model.pth")
    again, _ = models.load(tmp_path / "model.pth")
    signal = torch.randn(2, 12, 250)
    torch.testing.assert_close(again(signal), network(signal), rtol=0, atol=0)


def test_wrong_leads_are_refused():
    network = models.create("resnet1d", n_samples=128, n_leads=12, width=0.25)
    for wrong in (torch.zeros(2, 128), torch.zeros(2, 8, 128), torch.zeros(2, 128, 12), torch.zeros(2, 12, 100)):
        with pytest.raises(ModelError, match=r"expected \(n, 12, 128\), a row a lead"):
            network(wrong)
    with pytest.raises(ModelError, match="n_leads=0"):
        models.create("resnet1d", n_samples=128, n_leads=0)
