"""Measures of a classifier: scikit-learn's numbers, and intervals over records."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from ecgnb import metrics
from ecgnb.errors import UsageError
from ecgnb.training.losses import DualLoss, FocalLoss, class_weights

NAMES = ("N", "S", "V")
pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


@settings(deadline=None)  # the first call may wait for a busy machine
@given(pairs)
def test_measures_are_scikit_learns(pairs):
    true, predicted = np.array(pairs).T
    matrix = metrics.confusion_by_record(true, predicted, np.full(len(true), "100"), 3)[0]
    assert (matrix == sk.confusion_matrix(true, predicted, labels=range(3))).all()
    present = np.unique(true)
    kinds = dict(labels=present, average=None, zero_division=0)
    np.testing.assert_allclose(metrics.f1(matrix)[present], sk.f1_score(true, predicted, **kinds))
    np.testing.assert_allclose(metrics.recall(matrix)[present], sk.recall_score(true, predicted, **kinds))
    np.testing.assert_allclose(
        np.nan_to_num(metrics.precision(matrix)[present]), sk.precision_score(true, predicted, **kinds)
    )
    assert metrics.accuracy(matrix) == pytest.approx(sk.accuracy_score(true, predicted))
    assert metrics.weighted_f1(matrix) == pytest.approx(
        sk.f1_score(true, predicted, average="weighted", zero_division=0)
    )
    macro = sk.f1_score(true, predicted, labels=present, average="macro", zero_division=0)
    assert metrics.macro_f1(range(3))(matrix) == pytest.approx(macro)


@given(pairs, st.data())
def test_records_add_up(pairs, data):
    true, predicted = np.array(pairs).T
    record = np.array(data.draw(st.lists(st.sampled_from("abc"), min_size=len(true), max_size=len(true))))
    found = metrics.confusion_by_record(true, predicted, record, 3)
    assert len(found) == len(np.unique(record)) and found.sum() == len(true)
    for matrix, name in zip(found, np.unique(record), strict=True):
        assert (matrix == sk.confusion_matrix(true[record == name], predicted[record == name], labels=range(3))).all()


def test_a_class_without_beats_is_left_out_of_the_macro_f1():
    matrix = np.array([[8, 0, 2], [0, 0, 0], [0, 0, 10]])
    assert np.isnan(metrics.recall(matrix)[1]) and np.isnan(metrics.f1(matrix)[1])
    assert metrics.macro_f1([0, 1, 2])(matrix) == metrics.macro_f1([0, 2])(matrix)


def some_records(n=20, beats=200, seed=0):
    """Records that differ: some are named well, some badly."""
    rng = np.random.default_rng(seed)
    record = np.repeat([f"{number}" for number in range(n)], beats)
    true = rng.integers(0, 3, n * beats)
    right = rng.uniform(size=n * beats) < np.repeat(rng.uniform(0.5, 1, n), beats)
    return true, np.where(right, true, (true + 1) % 3), record


def test_intervals_over_records_are_wider_than_over_beats():
    true, predicted, record = some_records()
    by_record = metrics.estimate(metrics.confusion_by_record(true, predicted, record, 3), metrics.accuracy)
    by_beat = metrics.estimate(
        metrics.confusion_by_record(true, predicted, np.full(len(true), ""), 3), metrics.accuracy
    )
    assert by_record.value == by_beat.value and by_record.low < by_record.value < by_record.high
    assert by_record.high - by_record.low > 4 * (by_beat.high - by_beat.low), "beats of a record are no witnesses apart"


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held = 0
    for seed in range(60):
        true, predicted, record = some_records(n=30, beats=40, seed=seed)
        found = metrics.estimate(metrics.confusion_by_record(true, predicted, record, 3), metrics.accuracy, seed=seed)
        held += found.low <= 0.75 <= found.high
    assert 50 <= held <= 60


def test_comparison_is_paired():
    true, predicted, record = some_records()
    one = metrics.confusion_by_record(true, predicted, record, 3)
    assert metrics.difference(one, one, metrics.accuracy) == (0, 0, 0)
    better = metrics.confusion_by_record(true, np.where(np.arange(len(true)) % 10 == 0, true, predicted), record, 3)
    assert metrics.difference(better, one, metrics.accuracy).low > 0, "though the intervals of the two overlap"


def test_report_and_metrics():
    true, predicted, record = some_records()
    matrices = metrics.confusion_by_record(true, predicted, record, 3)
    table = metrics.report(matrices, NAMES)
    assert (table["f1_low"] < table["f1"]).all() and (table["f1"] < table["f1_high"]).all()
    assert table["support"].sum() == len(true)
    found = metrics.summary(matrices, NAMES, macro_over=[0, 2])
    assert found["macro_f1_classes"] == ["N", "V"] and found["per_class"]["S"]["f1"] == table.loc["S", "f1"]
    assert found["accuracy_interval"][0] < found["accuracy"] < found["accuracy_interval"][1]
    lacking = metrics.summary(matrices * np.array([1, 0, 1])[:, None], NAMES, macro_over=[0, 2])
    assert lacking["per_class"]["S"]["recall"] is None


def test_words():
    true, predicted, record = some_records()
    matrices = metrics.confusion_by_record(true, predicted, record, 3)
    table = metrics.report(matrices, NAMES)
    assert metrics.in_words(table).loc["S", "recall"].startswith(f"{table.loc['S', 'recall']:.3f} (")
    assert (
        metrics.se_ppv(matrices)[1] == f"{100 * table.loc['S', 'recall']:.1f} / {100 * table.loc['S', 'precision']:.1f}"
    )
    assert metrics.se_ppv(matrices * np.array([1, 0, 1])[:, None])[1].startswith("– / ")


def test_tests_on_other_beats_are_not_compared():
    true, predicted, record = some_records()
    one = metrics.confusion_by_record(true, predicted, record, 3)
    for other in (one[1:], one[::-1]):
        with pytest.raises(UsageError, match="tested on different beats"):
            metrics.difference(one, other, metrics.accuracy)


def test_classes_out_of_range():
    with pytest.raises(UsageError, match="classes run from 0 to 3; expected 0 to 2"):
        metrics.confusion_by_record([0, 1], [1, 3], ["a", "a"], 3)
    with pytest.raises(UsageError, match="no beat to measure"):
        metrics.confusion_by_record([], [], [], 3)
    assert metrics.confusion_by_record([0, 1], [0, 1], [0, 0], 3).shape == (1, 3, 3), "0 is a record's name too"


def test_as_many_of_each():
    with pytest.raises(UsageError, match="3 true classes, 2 predicted, 3 records"):
        metrics.confusion_by_record([0, 1, 2], [0, 1], ["a", "a", "a"], 3)


# Losses


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80))
def test_class_weights_balance_the_classes(label):
    weights = class_weights(label, 5).numpy()
    counts = np.bincount(label, minlength=5)
    present = counts > 0
    np.testing.assert_allclose(weights[present], len(label) / (present.sum() * counts[present]), rtol=1e-5)
    np.testing.assert_allclose((weights * counts)[present], len(label) / present.sum(), rtol=1e-5)
    assert not weights[~present].any()


def test_means_over_records():
    rng = np.random.default_rng(0)
    record, one = rng.integers(0, 9, 4000).astype(str), rng.random(4000)
    other = one + 0.1 + 0.2 * (record == "3")
    totals, others = (metrics.totals_by_record(values, record) for values in (one, other))
    found = metrics.estimate(totals, metrics.mean_of_totals)
    assert found.value == pytest.approx(one.mean()) and found.low < one.mean() < found.high
    gap = metrics.difference(others, totals, metrics.mean_of_totals)
    assert gap.value == pytest.approx((other - one).mean())
    assert gap.low == pytest.approx(0.1, abs=0.02) and gap.high > gap.value, "paired: nothing but record 3 varies"
    with pytest.raises(UsageError, match="tested on different beats"):
        metrics.difference(totals, metrics.totals_by_record(one[1:], record[1:]), metrics.mean_of_totals)


def test_focal_loss():
    torch.manual_seed(0)
    logits, label, weight = torch.randn(40, 3), torch.randint(0, 3, (40,)), torch.tensor([1.0, 2.0, 5.0])
    plain = torch.nn.functional.cross_entropy
    torch.testing.assert_close(FocalLoss(0)(logits, label), plain(logits, label))
    torch.testing.assert_close(FocalLoss(0, weight)(logits, label), plain(logits, label, weight))
    sure = torch.tensor([[9.0, 0, 0]])
    assert FocalLoss(2)(sure, torch.tensor([0])) < 1e-6 < plain(sure, torch.tensor([0]))
    certain = torch.tensor([[100.0, 0, 0]], requires_grad=True)
    FocalLoss(2)(certain, torch.tensor([0])).backward()
    assert certain.grad.isfinite().all()


@pytest.mark.parametrize("gamma", [-1, 0.5])
def test_gammas_that_are_refused(gamma):
    with pytest.raises(UsageError, match=f"gamma={gamma}"):
        FocalLoss(gamma)


@pytest.mark.parametrize(
    ("alpha", "beta", "message"),
    [(-1, 1, "expected two numbers of at least 0"), (1, -0.1, "expected two numbers of at least 0"),
     (float("nan"), 1, "expected two numbers"), (1, float("inf"), "expected two numbers"),
     (0, 0, "both 0, so there is nothing to learn")],
)  # fmt: skip
def test_dual_losses_that_are_refused(alpha, beta, message):
    with pytest.raises(UsageError, match=message):
        DualLoss(alpha, beta)


def test_dual_loss_takes_the_focal_loss():
    torch.manual_seed(0)
    signal, reconstruction, logits, label = torch.randn(4, 9), torch.randn(4, 9), torch.randn(4, 3), torch.arange(4) % 3
    loss = DualLoss(0, 2.0, FocalLoss(2))((reconstruction, logits), signal, label)
    torch.testing.assert_close(loss, 2 * FocalLoss(2)(logits, label))


@pytest.mark.parametrize("label", [[], [0.5], [-1], [3]])
def test_labels_that_are_refused(label):
    with pytest.raises(UsageError, match="whole numbers from 0 to 2"):
        class_weights(label, 3)
