"""`Beats` and `Split`: selection, joining, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgnb.datasets import Beats, Split, concatenate, one_class_split
from ecgnb.errors import UsageError


def some_beats(n=6, **changes):
    values = dict(
        name="small",
        signal=np.arange(n * 4, dtype=np.float32).reshape(n, 4),
        label=np.arange(n) % 2,
        class_names=("N", "V"),
        record=np.array([f"r{row}" for row in range(n)]),
        fs=360.0,
        rr=np.ones((n, 2), dtype=np.float32),
    )
    return Beats(**(values | changes))


def test_selection_keeps_rows_together():
    beats = some_beats()
    for index in ([4, 1], np.array([4, 1]), np.arange(6) == 1, slice(0, 2), 3):
        part = beats[index]
        rows = np.atleast_1d(np.arange(6)[index])
        assert (part.signal == beats.signal[rows]).all() and (part.record == beats.record[rows]).all()
        assert part.rr.shape == (len(rows), 2) and part.r_sample is None and part.fs == 360
    assert len(beats[[]]) == 0
    assert beats[[0, 1]].counts().to_dict() == {"N": 1, "V": 1}
    assert beats.class_name.tolist() == ["N", "V"] * 3


def test_concatenate_is_the_inverse_of_selection():
    beats = some_beats()
    joined = concatenate([beats[:2], beats[2:]])
    assert (joined.signal == beats.signal).all() and (joined.rr == beats.rr).all()
    with pytest.raises(UsageError, match="fs differ"):
        concatenate([beats, some_beats(fs=250.0)])
    with pytest.raises(UsageError, match="some have rr and some do not"):
        concatenate([beats, some_beats(rr=None)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signal": np.zeros((6, 4))}, "expected float32"),
        ({"label": np.zeros(5, dtype=int)}, "label has 5 rows, signal has 6"),
        ({"label": np.full(6, 2)}, "labels run from 2 to 2; expected 0 to 1"),
        ({"source": "invented"}, "expected 'real' or 'synthetic'"),
    ],
)
def test_what_beats_refuse(changes, message):
    with pytest.raises(UsageError, match=message):
        some_beats(**changes)


@given(
    is_normal=st.lists(st.booleans(), min_size=20, max_size=200),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_one_class_split_uses_every_beat_once(is_normal, seed, data):
    is_normal = np.array([True] * 10 + [False] * 2 + is_normal)
    anomalies = np.flatnonzero(~is_normal)
    reserved = np.array(data.draw(st.lists(st.sampled_from(anomalies.tolist()), unique=True)), dtype=int)
    split = one_class_split(is_normal, seed=seed, reserved=reserved)
    used = np.concatenate([split.train, split.val, split.test, reserved])
    assert sorted(used) == list(range(len(is_normal))), "every beat is in one part, or reserved"
    assert is_normal[split.train].all() and is_normal[split.val].all()
    again = one_class_split(is_normal, seed=seed, reserved=reserved)
    assert (again.train == split.train).all() and (again.test == split.test).all()


def test_shares_of_the_real_counts():
    split = one_class_split(np.arange(5000) < 2919, seed=0)
    assert (len(split.train), len(split.val), len(split.test)) == (2043, 438, 438 + 2081)


def test_split_proves_itself():
    rows = np.arange(3)
    with pytest.raises(UsageError, match="3 rows stand in the split more than once"):
        Split(rows, rows + 3, rows).check(10)
    with pytest.raises(UsageError, match="the val part of the split is empty"):
        Split(rows, rows[:0], rows + 3).check(10)
    with pytest.raises(UsageError, match="the test part names rows outside 0 to 4"):
        Split(rows[:1], rows[1:2], rows + 3).check(5)
    with pytest.raises(UsageError, match="reserved rows must be anomalies"):
        one_class_split([True] * 20, seed=0, reserved=[3])
