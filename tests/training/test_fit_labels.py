"""Networks of several labels: what they read, that they learn, that windows are averaged, what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from ecgnb import models
from ecgnb.errors import UsageError
from ecgnb.training import augment_twelve, fit_labels, predict_labels, prepare_leads, set_seed
from ecgnb.training.augmentation import mixed_leads, random_crop


def recordings(n=48, n_leads=3, seed=0):
    """Ten seconds of noise at 100 Hz, with a wave in the first lead for one label, in the second for the other."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, (n, 2))
    signal = 0.2 * rng.standard_normal((n, n_leads, 1000))
    wave = np.sin(2 * np.pi * 5 * np.arange(1000) / 100)
    for lead in (0, 1):
        signal[:, lead] += label[:, lead, None] * wave
    return signal.astype(np.float32), label


@pytest.mark.parametrize(("name", "width"), [("micro_ecgnet", 1.0), ("resnet1d", 0.0625)])
def test_it_learns_two_labels_at_once(name, width):
    signal, label = recordings()
    set_seed(0)
    network = models.create(name, n_samples=128, n_classes=2, n_leads=3, width=width)
    history = fit_labels(network, prepare_leads(signal, 100), label, epochs=12, batch_size=8, lr=0.02)
    assert len(history.epochs) == 12
    fresh, true = recordings(seed=1)
    said = predict_labels(network, prepare_leads(fresh, 100))
    assert said.shape == (48, 2) and ((said > 0.5) == true).mean() > 0.9


def test_the_same_seed_gives_the_same_network():
    signal, label = recordings(12)
    said = []
    for _ in range(2):
        set_seed(3)
        network = models.create("micro_ecgnet", n_samples=64, n_classes=2, n_leads=3)
        fit_labels(network, prepare_leads(signal, 100), label, epochs=2)
        said.append(predict_labels(network, prepare_leads(signal, 100)))
    np.testing.assert_array_equal(*said)


class Mean(nn.Module):
    """Scores the mean of the window, of each lead."""

    n_samples = 100

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, signal):
        assert signal.shape[-1] == self.n_samples
        return signal.mean(dim=-1) + self.weight


@pytest.mark.parametrize(("length", "n_windows"), [(100, 1), (101, 2), (150, 2), (200, 3), (1000, 19)])
def test_windows_reach_from_end_to_end_and_overlap_by_half(length, n_windows):
    signal = torch.zeros(2, 1, length)
    signal[0, 0, 0] = signal[1, 0, -1] = 100  # each in one window only
    high = torch.tensor(1.0).sigmoid().item()
    expected = (high + (n_windows - 1) * 0.5) / n_windows if n_windows > 1 else high
    assert predict_labels(Mean(), signal)[:, 0] == pytest.approx([expected, expected])


def test_crops_are_of_the_recording():
    signal = torch.arange(40.0).reshape(2, 1, 20).repeat(1, 3, 1)
    part = random_crop(signal, 7)
    assert part.shape == (2, 3, 7)
    assert (part.diff(dim=-1) == 1).all() and (part[:, 0] == part[:, 2]).all() and (part[0] < 20).all()
    assert random_crop(signal, 20).equal(signal)


def test_mixed_leads_keep_what_follows_from_what_they_showed():
    torch.manual_seed(0)
    signal = torch.randn(400, 3, 50)
    assert mixed_leads(signal, 0.0).equal(signal)
    moved = (mixed_leads(signal, 0.3) - signal).square().mean().sqrt()
    assert moved == pytest.approx(0.3, rel=0.1)
    flat = signal.clone()
    flat[:] = 0
    assert mixed_leads(flat, 0.3).equal(flat)
    assert augment_twelve(20)(signal).shape == (400, 3, 20)


def test_leads_keep_their_height_and_lose_their_wandering():
    second = np.arange(1000) / 100
    wave = np.sin(2 * np.pi * 8 * second)
    given = np.stack([wave, wave + 3 + np.sin(2 * np.pi * 0.05 * second)])[None]
    ready = prepare_leads(given, 100)
    assert ready.dtype == torch.float32 and ready.shape == (1, 2, 1000)
    middle = ready[0, :, 200:800].numpy()
    np.testing.assert_allclose(middle, np.stack([4 * wave, 4 * wave])[:, 200:800], atol=0.1)
    assert prepare_leads(given[:0], 100).shape == (0, 2, 1000)


def test_what_is_refused():
    signal, label = recordings(6)
    network = models.create("micro_ecgnet", n_samples=64, n_classes=2, n_leads=3)
    ready = prepare_leads(signal, 100)
    for wrong in (label[:, 0], label[:5], label + 1):
        with pytest.raises(UsageError, match=r"expected 0 and 1, \(6, n_labels\)"):
            fit_labels(network, ready, wrong)
    with pytest.raises(UsageError, match="at least 64"):
        predict_labels(network, ready[..., :50])
    with pytest.raises(UsageError, match="all values finite"):
        prepare_leads(np.full((1, 12, 100), np.nan), 100)
    with pytest.raises(UsageError, match="expected \\(n, n_leads, n_samples\\)"):
        prepare_leads(signal[0], 100)


def test_few_recordings_are_seen_more_often():
    network = models.create("micro_ecgnet", n_samples=64, n_classes=2, n_leads=3)
    counts = {}
    for n in (20, 40, 300):
        signal = torch.randn(n, 3, 70)
        counts[n] = len(fit_labels(network, signal, np.tile([0, 1], (n, 1))).epochs)
    assert counts == {20: 120, 40: 60, 300: 20}
