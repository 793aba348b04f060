"""`Beats` and `Split`: selection, joining, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgnb.datasets import (
    DS1,
    DS2,
    RECORDS,
    Beats,
    Split,
    beatwise_split,
    concatenate,
    divide_records,
    hybrid_split,
    limit_classes,
    one_class_split,
    patient_folds,
    patient_of,
    patient_split,
    random_patient_split,
    without_overlap,
)
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


@settings(deadline=None)
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


def test_zscored():
    beats = some_beats(unit="mV", signal=np.array([[1, 2, 3, 4], [5, 5, 5, 5]] * 3, dtype=np.float32))
    scored = beats.zscored()
    assert scored.unit == "z-score" and beats.unit == "mV" and scored.signal.dtype == np.float32
    np.testing.assert_allclose(scored.signal[0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(scored.signal[0].std(), 1, rtol=1e-5)
    assert not scored.signal[1].any(), "a flat window has no shape"


def test_dropped_beats_add_up():
    one, other = some_beats(dropped={"a": 1, "b": 2}), some_beats(dropped={"b": 3})
    assert concatenate([one, other]).dropped == {"a": 1, "b": 5}


LABEL = np.repeat([0, 1, 2], [600, 60, 40])
RECORD = np.tile(np.array(["100", "201", "202", "203"]), 175)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), test=st.floats(0.1, 0.6), val=st.sampled_from([0.0, 0.05, 0.2]))
def test_beatwise_split_keeps_the_shares(seed, test, val):
    split = beatwise_split(LABEL, seed=seed, test=test, val=val)
    parts = [part for part in (split.train, split.val, split.test) if part is not None]
    assert sorted(np.concatenate(parts)) == list(range(700)) and (split.val is None) == (val == 0)
    for part in parts:
        assert np.abs(np.bincount(LABEL[part], minlength=3) / len(part) - np.array([600, 60, 40]) / 700).max() < 0.05


def test_beatwise_splits_that_are_refused():
    with pytest.raises(UsageError, match=r"test=0\.9, val=0\.2; expected shares"):
        beatwise_split(LABEL, seed=0, test=0.9, val=0.2)
    with pytest.raises(UsageError, match="cannot split 3 beats with every class in every part"):
        beatwise_split([0, 0, 1], seed=0)


def test_patient_split():
    split = patient_split(RECORD, patient_of(RECORD), LABEL, train=["100", "201"], test=["203"])
    assert split.val is None and set(RECORD[split.train]) == {"100", "201"} and set(RECORD[split.test]) == {"203"}
    split = patient_split(RECORD, patient_of(RECORD), LABEL, train=["201", "202"], val=["100"], test=["203"])
    assert set(RECORD[split.val]) == {"100"}


def test_patient_splits_that_are_refused():
    patient = patient_of(RECORD)
    with pytest.raises(UsageError, match="patients on both sides of the split: 201"):
        patient_split(RECORD, patient, LABEL, train=["100", "201"], test=["202"])
    with pytest.raises(UsageError, match="patients on both sides of the split: 201"):
        patient_split(RECORD, patient, LABEL, train=["100"], val=["201"], test=["202"])
    with pytest.raises(UsageError, match="no beat is from record '999'; there are: 100, 201"):
        patient_split(RECORD, patient, LABEL, train=["100"], test=["999"])
    with pytest.raises(UsageError, match="stand in the split more than once"):
        patient_split(RECORD, patient, LABEL, train=["100"], test=["100"])
    label = np.where(RECORD == "203", "F", "N")
    with pytest.raises(UsageError, match="class F is in the test and not in the training part"):
        patient_split(RECORD, patient, label, train=["100"], test=["203"])


def test_records_are_divided_by_patient():
    train, test = divide_records()
    assert test == list(DS2) and set(train) == set(DS1) - {"201"}
    train, test = divide_records(["207", "217"])
    assert test == ["207", "217"] and set(train) == set(RECORDS) - {"207", "217"}
    assert divide_records([207, 217]) == (train, test), "numbers are taken for names"
    train, test = divide_records(["202"])
    assert set(train) == set(RECORDS) - {"201", "202"}, "201 and 202 are one man"


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (["999"], r"record '999' is not in mitdb \(48 records"),
        (RECORDS, "test_records names 48 records and leaves none to train on"),
        ([name for name in RECORDS if name != "201"], "leaves none to train on"),
        (["100", "100"], "'100' is asked for twice"),
        ("207", "expected a list of record names"),
    ],
)
def test_divisions_that_are_refused(test, message):
    with pytest.raises(UsageError, match=message):
        divide_records(test)


# Each record of RECORD has a window every 2 s, 0.8 s long.
END = np.arange(700) // 4 * 2.0 + 0.8
WINDOWS = dict(start=END - 0.8, end=END)


@settings(deadline=None)
@given(minutes=st.floats(0.1, 5.7))
def test_hybrid_split_lends_the_first_minutes(minutes):
    arguments = (RECORD, patient_of(RECORD), LABEL, *WINDOWS.values())
    split = hybrid_split(*arguments, train=["100", "201"], test=["203"], adapt_minutes=minutes)
    lent = split.train[RECORD[split.train] == "203"]
    assert (END[lent] <= 60 * minutes).all() and (WINDOWS["start"][split.test] >= 60 * minutes).all()
    assert set(RECORD[split.test]) == {"203"} and len(split.train) - len(lent) == 350
    assert 174 <= len(lent) + len(split.test) <= 175, "at most one window lies across the border"


def test_hybrid_splits_that_are_refused():
    arguments = (RECORD, patient_of(RECORD), LABEL, *WINDOWS.values())
    with pytest.raises(UsageError, match="records 203 have no beat after adapt_minutes=6; lower it"):
        hybrid_split(*arguments, train=["100"], test=["203"], adapt_minutes=6)
    for minutes in (0, -1, np.nan):
        with pytest.raises(UsageError, match="expected a number above 0"):
            hybrid_split(*arguments, train=["100"], test=["203"], adapt_minutes=minutes)
    with pytest.raises(UsageError, match="patients on both sides of the split: 201"):
        hybrid_split(*arguments, train=["100", "201"], test=["202"], adapt_minutes=1)


def test_published_division_has_one_patient_on_both_sides():
    """201 is in DS1 and 202 in DS2: the check finds it, and nothing else."""
    record = np.repeat(RECORDS, 2)
    label = np.zeros(len(record), int)
    with pytest.raises(UsageError, match=r"patients on both sides of the split: 201$"):
        patient_split(record, patient_of(record), label, train=DS1, test=DS2)
    patient_split(record, patient_of(record), label, train=[name for name in DS1 if name != "201"], test=DS2)


@settings(deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(2, 5))
def test_patient_folds(seed, n):
    record = np.repeat([str(number) for number in range(8)], 20)
    label = np.tile([0, 0, 0, 1], 40)
    folds = patient_folds(label, record, n, seed=seed)
    assert len(folds) == n and sorted(np.concatenate([val for _, val in folds])) == list(range(160))
    for train, val in folds:
        assert not set(record[train]) & set(record[val]) and len(train) + len(val) == 160
    with pytest.raises(UsageError, match="9 folds of 8 patients"):
        patient_folds(label, record, 9, seed=seed)


@settings(deadline=None)
@given(seed=st.integers(0, 1000))
def test_random_patient_split_has_every_class_everywhere(seed):
    patient = np.repeat([str(number) for number in range(20)], 30)
    label = np.tile([0, 0, 0, 1, 2, 2], 100)
    label[:30] = 3  # a class that two patients have, and one of them most of it
    label[30:40] = 3
    with pytest.raises(UsageError, match="no draw of 20 patients gives enough of 4 classes"):
        random_patient_split(label, patient, seed=seed)
    split = random_patient_split(label % 3, patient, seed=seed)
    parts = (split.train, split.val, split.test)
    assert [len(part) // 30 for part in parts] == [14, 3, 3]
    assert sorted(np.concatenate(parts)) == list(range(600))
    assert all(set(label[part] % 3) == {0, 1, 2} for part in parts)
    again = random_patient_split(label % 3, patient, seed=seed)
    assert (again.test == split.test).all()


def test_random_patient_splits_that_are_refused():
    label, patient = np.zeros(30, int), np.repeat([str(number) for number in range(3)], 10)
    for shares in (dict(test=0), dict(val=0), dict(test=0.5, val=0.5)):
        with pytest.raises(UsageError, match="of 3 patients; expected shares"):
            random_patient_split(label, patient, seed=0, **shares)


@settings(deadline=None)
@given(seed=st.integers(0, 100), length=st.integers(1, 8))
def test_without_overlap_leaves_no_shared_sample(seed, length):
    rng = np.random.default_rng(seed)
    record = np.repeat(["a", "b"], 150)
    r_sample = np.concatenate([np.sort(rng.choice(4000, 150, replace=False)) for _ in range(2)])
    drawn = beatwise_split(np.zeros(300, int), seed=seed, test=0.1, val=0.1)
    clear = without_overlap(drawn, record, r_sample, length)

    def shares(row, others):
        near = (record[others] == record[row]) & (np.abs(r_sample[others] - r_sample[row]) < length)
        return near.any()

    held = np.concatenate([drawn.val, drawn.test])
    assert [row for row in drawn.train if not shares(row, held)] == list(clear.train)
    assert [row for row in drawn.val if not shares(row, drawn.test)] == list(clear.val)
    assert (clear.test == drawn.test).all()


def test_without_overlap_needs_a_validation_part():
    with pytest.raises(UsageError, match="no validation part"):
        without_overlap(beatwise_split(np.zeros(30, int), seed=0, val=0.0), np.repeat("a", 30), np.arange(30), 2)


def test_class_limit():
    label = np.repeat([0, 1, 2], [50, 9, 20])
    rows = np.arange(79)[::-1]
    some = limit_classes(rows, label, 9, class_names=("N", "SVEB", "VEB"), seed=1)
    assert np.bincount(label[some]).tolist() == [9, 9, 9] and len(set(some)) == 27
    assert (limit_classes(rows, label, 0, class_names=("N", "SVEB", "VEB"), seed=1) == rows).all()
    with pytest.raises(UsageError, match=r"class_limit=10 is more than the 9 beats of class SVEB .* at most 9"):
        limit_classes(rows, label, 10, class_names=("N", "SVEB", "VEB"), seed=1)
    with pytest.raises(UsageError, match="class_limit=-1; expected"):
        limit_classes(rows, label, -1, class_names=("N", "SVEB", "VEB"), seed=1)


def test_regrouping():
    beats = some_beats(class_names=("N", "V", "F"))
    grouped = beats.regrouped({"N": "N", "V": "VEB", "F": "Other"})
    assert grouped.class_names == ("N", "VEB", "Other") and (grouped.class_name == np.tile(["N", "VEB"], 3)).all()
    together = beats.regrouped({"V": "beat", "N": "beat", "F": "Other"})
    assert together.class_names == ("beat", "Other") and not together.label.any()
    with pytest.raises(UsageError, match="groups name the classes N, V; expected N, V, F"):
        beats.regrouped({"N": "N", "V": "V"})
