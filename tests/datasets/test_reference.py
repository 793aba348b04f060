"""A recording's own reference beat, and timing relative to what is usual in it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgnb.datasets import relative_rr
from ecgnb.datasets.reference import N_BETWEEN, reference_beat, reference_beats
from ecgnb.datasets.timing import LEVELS, rr_features_of
from ecgnb.errors import UsageError

NARROW, WIDE = (np.exp(-0.5 * ((np.arange(96) - 40) / width) ** 2).astype(np.float32) for width in (2, 9))


def mixed(n, share_wide, seed=0):
    rng = np.random.default_rng(seed)
    wide = rng.random(n) < share_wide
    beats = np.where(wide[:, None], -WIDE, NARROW) * rng.uniform(0.7, 1.3, (n, 1))
    return (beats + 0.01 * rng.standard_normal((n, 96))).astype(np.float32)


@pytest.mark.parametrize(("share", "usual"), [(0.0, NARROW), (0.3, NARROW), (0.7, -WIDE), (1.0, -WIDE)])
def test_the_most_common_shape_leads(share, usual):
    found = reference_beat(mixed(1000, share), 40, 125.0)
    assert np.corrcoef(found, usual)[0, 1] > 0.99 and np.abs(found - usual).max() < 0.1


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 500), factor=st.floats(0.01, 100), seed=st.integers(0, 5))
def test_the_unit_does_not_matter(n, factor, seed):
    beats = mixed(n, 0.3, seed)
    np.testing.assert_allclose(
        reference_beat(beats * np.float32(factor), 40, 125.0), factor * reference_beat(beats, 40, 125.0), rtol=1e-3,
        atol=1e-3 * factor,
    )  # fmt: skip


def test_nothing_and_flatness():
    assert reference_beat(np.zeros((0, 96), np.float32), 40, 125.0).tolist() == [0.0] * 96
    assert reference_beat(np.zeros((5, 96), np.float32), 40, 125.0).tolist() == [0.0] * 96
    assert reference_beats(np.zeros((0, 96), np.float32), 40, 125.0, so_far=True).shape == (0, 96)


def test_references_so_far_look_back_only():
    beats = mixed(300, 0.2)
    found = reference_beats(beats, 40, 125.0, so_far=True)
    assert found.shape == beats.shape
    changed = beats.copy()
    changed[2 * N_BETWEEN :] = 7
    np.testing.assert_array_equal(reference_beats(changed, 40, 125.0, so_far=True)[: 3 * N_BETWEEN - 64],
                                  found[: 3 * N_BETWEEN - 64])  # fmt: skip
    whole = reference_beats(beats, 40, 125.0)
    assert (whole == whole[0]).all()


def test_early_is_a_ratio():
    """One early beat among even ones: by hand."""
    r = np.cumsum([0.8] * 20 + [0.5, 1.1] + [0.8] * 20)
    timing = relative_rr(rr_features_of(r), "median")
    np.testing.assert_allclose(np.exp(timing[20]), [0.5 / 0.8, 0.5 / 0.8, 1.1 / 0.8, 1.1 / 0.5], rtol=1e-5)
    np.testing.assert_allclose(np.exp(timing[10]), 1, rtol=1e-5)


@pytest.mark.parametrize("level", LEVELS)
def test_the_heart_rate_itself_does_not_show(level):
    even = [relative_rr(rr_features_of(np.arange(50) * interval), level) for interval in (0.4, 1.2)]
    np.testing.assert_allclose(*even, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), n=st.integers(3, 60))
def test_running_and_local_know_no_future(seed, n):
    r = np.cumsum(np.random.default_rng(seed).uniform(0.3, 1.5, n))
    cut = n // 2
    for level in ("running", "local"):
        whole = relative_rr(rr_features_of(r), level, next_rr=False)
        part = relative_rr(rr_features_of(r[:cut]), level, next_rr=False) if cut > 1 else whole[:cut]
        np.testing.assert_allclose(whole[:cut], part, rtol=1e-5)


def test_where_premature_beats_are_the_rule():
    """Bigeminy turned majority: two early beats, then a pause. The mean calls them early, the median does not."""
    r = np.cumsum([0.5, 0.5, 1.4] * 40)
    early = np.tile([True, True, False], 40)[1:-1]
    by_mean, by_median = (relative_rr(rr_features_of(r), level)[1:-1, 0] for level in ("mean", "median"))
    assert (by_mean[early] < np.log(0.7)).all() and (by_median[early] == 0).all()


def test_what_is_refused():
    with pytest.raises(UsageError, match="level='mode'; expected one of: mean, median, running, local"):
        relative_rr(np.ones((3, 4)), "mode")
    assert relative_rr(np.ones((0, 4))).shape == (0, 4) and relative_rr(np.ones((0, 4)), next_rr=False).shape == (0, 2)
