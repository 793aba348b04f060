"""Measures of several labels: against scikit-learn, by hand, and over patients."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from ecgnb import metrics
from ecgnb.errors import UsageError


def some(n=60, seed=0, n_labels=3):
    """Labels that the scores know something of, with ties."""
    rng = np.random.default_rng(seed)
    label = (rng.random((n, n_labels)) < 0.3).astype(int)
    label[0], label[1] = 1, 0  # each occurs, and is lacking
    score = np.round(np.clip(0.3 * label + 0.7 * rng.random((n, n_labels)), 0, 1), 1)
    return label, score, rng


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 80), st.integers(0, 1000))
def test_the_numbers_are_those_of_scikit_learn(n, seed):
    label, score, rng = some(n, seed)
    weight = rng.integers(0, 4, (5, n))
    weight[:, :2] = 1
    for ours, theirs in (
        (metrics.auroc_by_label, roc_auc_score),
        (metrics.average_precision_by_label, average_precision_score),
    ):
        assert ours(label, score) == pytest.approx([theirs(a, b) for a, b in zip(label.T, score.T, strict=True)])
        by_hand = [[theirs(a, b, sample_weight=one) for a, b in zip(label.T, score.T, strict=True)] for one in weight]
        assert ours(label, score, weight) == pytest.approx(np.array(by_hand))
    assert metrics.macro_auroc(label, score) == pytest.approx(roc_auc_score(label, score))
    assert metrics.macro_average_precision(label, score) == pytest.approx(average_precision_score(label, score))


def test_a_label_that_nobody_has_is_left_out():
    label, score, _ = some()
    label[:, 1] = 0
    assert np.isnan(metrics.auroc_by_label(label, score)[1])
    assert np.isnan(metrics.average_precision_by_label(label, score)[1])
    rest = [0, 2]
    assert metrics.macro_auroc(label, score) == pytest.approx(metrics.macro_auroc(label[:, rest], score[:, rest]))
    nobody = np.zeros_like(label)
    assert np.isnan(metrics.macro_auroc(nobody, score))
    assert np.isnan(metrics.estimate_over_patients(nobody, score, np.arange(len(label))).low)


def test_f_max_by_hand():
    label = [[1, 0], [1, 1], [0, 0]]
    score = [[0.9, 0.2], [0.8, 0.4], [0.3, 0.1]]
    # from 0.31 to 0.40: said 1, 2 and 0 labels, all true and none missed; the third is in neither mean
    assert metrics.f_max(label, score) == pytest.approx(1)
    score[2] = [0.85, 0.1]
    # from 0.31 to 0.4: precision (1 + 1 + 0) / 3, recall 1; from 0.86 to 0.9: precision 1, recall 1 / 2
    assert metrics.f_max(label, score) == pytest.approx(2 * (2 / 3) / (2 / 3 + 1))
    assert metrics.f_max(label, score, [1, 1, 0]) == pytest.approx(1)
    with pytest.raises(UsageError, match="f_max expects probabilities"):
        metrics.f_max(label, [[1.2, 0], [0, 0], [0, 0]])


def test_intervals_are_of_patients_not_records():
    label, score, _ = some(150)
    one_each = metrics.estimate_over_patients(label, score, np.arange(150))
    four_times = [np.repeat(part, 4, axis=0) for part in (label, score)]
    same = metrics.estimate_over_patients(*four_times, np.repeat(np.arange(150), 4))
    assert same == pytest.approx(one_each), "the same people measured four times know no more"
    as_if_new = metrics.estimate_over_patients(*four_times, np.arange(600))
    assert as_if_new.high - as_if_new.low < 0.7 * (one_each.high - one_each.low)
    assert one_each.low < one_each.value < one_each.high


@pytest.mark.parametrize("measure", [metrics.macro_auroc, metrics.macro_average_precision, metrics.f_max])
def test_differences_are_paired(measure):
    label, score, rng = some(150)
    patient = np.arange(150) // 2
    nothing = metrics.difference_over_patients(label, score, score, patient, measure)
    assert nothing == (0, 0, 0)
    worse = np.clip(score + 0.02 * rng.standard_normal(score.shape), 0, 1)
    gap = metrics.difference_over_patients(label, score, worse, patient, measure)
    alone = metrics.estimate_over_patients(label, score, patient, measure)
    assert gap.high - gap.low < 0.7 * (alone.high - alone.low)
    assert gap.value == pytest.approx(measure(label, score) - measure(label, worse))


def test_a_table_of_the_labels():
    label, score, _ = some(90)
    table = metrics.label_table(label, score, np.arange(90), ["A", "B", "C"])
    assert table["records"].tolist() == label.sum(axis=0).tolist()
    assert table["auroc"].tolist() == pytest.approx(metrics.auroc_by_label(label, score).tolist())
    assert (table["low"] < table["auroc"]).all() and (table["auroc"] < table["high"]).all()


def test_a_thousand_resamples_are_quick():
    label, score, _ = some(488, n_labels=5)
    started = time.process_time()
    metrics.estimate_over_patients(label, score, np.arange(488))
    assert time.process_time() - started < 2


def test_what_is_refused():
    label, score, _ = some()
    patient = np.arange(len(label))
    with pytest.raises(UsageError, match=r"expected \(n, n_labels\) of both"):
        metrics.macro_auroc(label, score[:, :2])
    with pytest.raises(UsageError, match="neither 0 nor 1"):
        metrics.macro_auroc(2 * label, score)
    with pytest.raises(UsageError, match="not a number"):
        metrics.macro_auroc(label, np.full(score.shape, np.nan))
    with pytest.raises(UsageError, match="one of at least 0 for each of 60 rows"):
        metrics.macro_auroc(label, score, np.ones(3))
    with pytest.raises(UsageError, match="59 patients for 60 records"):
        metrics.estimate_over_patients(label, score, patient[1:])
