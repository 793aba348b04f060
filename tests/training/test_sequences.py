"""Beats in sequences: every beat once at least, never across a border, order kept."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgnb import models
from ecgnb.errors import ModelError, UsageError
from ecgnb.training import fit, in_sequences, sequence_loss, set_seed


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), length=st.integers(1, 20))
def test_every_beat_stands_in_a_sequence_of_its_recording(sizes, length):
    recording = np.repeat(np.arange(len(sizes)), sizes)
    rows = in_sequences(recording, length)
    assert rows.shape[1] == length and set(rows.ravel()) == set(range(len(recording)))
    assert (recording[rows] == recording[rows[:, :1]]).all(), "no sequence crosses a border"
    steps = np.diff(rows, axis=1)
    assert ((steps == 1) | (steps == 0)).all()
    assert len(rows) == sum(-(-size // length) for size in sizes)


def test_what_is_refused():
    assert in_sequences([], 5).shape == (0, 5)
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(UsageError, match="expected a whole number of beats"):
            in_sequences([0, 0], wrong)


def test_it_learns_what_only_neighbours_tell():
    """The label of a beat is the shape of the one before: a network without context cannot know it."""
    rng = np.random.default_rng(0)
    shape = rng.integers(0, 2, 2400)
    rows = np.zeros((2400, 16), np.float32)
    rows[:, 4] = 2.0 * shape - 1
    label = np.r_[0, shape[:-1]]
    order = in_sequences(np.zeros(2400, int), 24)
    right = {}
    for context, causal in ((0, False), (2, False), (2, True)):
        set_seed(0)
        options = dict(n_samples=16, n_classes=2, reference=False, n_timing=0, context=context, causal=causal)
        network = models.create("beat_sequence", **options)
        data = torch.from_numpy(rows)[order], torch.from_numpy(label)[order]
        fit(network, data, None, sequence_loss, epochs=12, batch_size=10, lr=0.01, verbose=False)
        with torch.inference_mode():
            right[context, causal] = (network(data[0]).argmax(2) == data[1]).float().mean()
    assert right[0, False] < 0.65 and right[2, False] > 0.95 and right[2, True] > 0.95


@pytest.mark.parametrize("causal", [False, True])
def test_scores_reach_as_far_as_it_says(causal):
    torch.manual_seed(0)
    network = models.create("beat_sequence", n_samples=16, n_timing=2, causal=causal).eval()
    rows = torch.randn(60, network.n_numbers)
    before, after = network.reach
    changed = rows.clone()
    changed[30] += 5
    moved = (network(rows) - network(changed)).abs().sum(dim=1) > 1e-6
    touched = torch.nonzero(moved)[:, 0]
    assert touched.min() == 30 - after and touched.max() == 30 + before


def test_wrong_rows_are_refused():
    network = models.create("beat_sequence", n_samples=16)
    for wrong in (torch.zeros(3, 16), torch.zeros(36), torch.zeros(1, 1, 3, 36)):
        with pytest.raises(ModelError, match=r"expected \(n_beats, 36\) of a recording"):
            network(wrong)
    for options in ({"n_samples": 4}, {"context": 11}, {"n_timing": -1}, {"dropout": 1.0}):
        with pytest.raises(ModelError, match="expected"):
            models.create("beat_sequence", **({"n_samples": 16} | options))
