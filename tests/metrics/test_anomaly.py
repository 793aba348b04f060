"""Scores, thresholds and measures."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score
from torch import nn

from ecgnb import detection, metrics
from ecgnb.errors import UsageError

some_scores = arrays(float, st.integers(1, 30), elements=st.integers(-5, 5).map(float))


def test_reconstruction_error_is_the_mean_absolute_gap():
    signal = np.random.default_rng(0).normal(size=(1500, 7)).astype(np.float32)

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.tensor(0.5))

        def forward(self, x):
            return self.factor * x

    expected = np.abs(signal / 2).mean(axis=1)
    np.testing.assert_allclose(metrics.reconstruction_error(Half(), signal), expected, rtol=1e-6)


@given(some_scores, some_scores)
def test_auroc_is_scikit_learns(normal, anomalous):
    truth = np.r_[np.zeros(len(normal)), np.ones(len(anomalous))]
    assert metrics.auroc(normal, anomalous) == pytest.approx(roc_auc_score(truth, np.r_[normal, anomalous]))


def test_auroc_by_record_is_that_of_all_beats():
    rng = np.random.default_rng(0)
    record, anomaly_ = rng.integers(0, 7, 5000).astype(str), rng.random(5000) < 0.1
    scores = rng.normal(size=5000) + anomaly_ + 0.3 * (record == "3")
    exact = roc_auc_score(anomaly_, scores)
    counts = metrics.histogram_by_record(scores, anomaly_, record)
    assert counts.shape == (7, 2, 2000) and counts.sum() == 5000
    assert counts[3].sum() == (record == "3").sum() and counts[:, 1].sum() == anomaly_.sum()
    assert metrics.auroc_of_histogram(counts.sum(axis=0)) == pytest.approx(exact, abs=1e-3)
    found = metrics.estimate(counts, metrics.auroc_of_histogram)
    assert found.low < exact < found.high
    with pytest.raises(UsageError, match="1 of 5000 scores are no numbers"):
        metrics.histogram_by_record(np.where(np.arange(5000) == 7, np.nan, scores), anomaly_, record)
    nothing = np.zeros((2, 2000))
    assert np.isnan(metrics.auroc_of_histogram(nothing)), "there is nothing to rank"
    equal = metrics.histogram_by_record(np.ones(10), np.arange(10) % 2 == 0, np.full(10, "a"))
    assert metrics.auroc_of_histogram(equal)[0] == 0.5, "ties count half"


@given(some_scores, some_scores)
def test_no_threshold_beats_the_oracle(normal, anomalous):
    threshold, best = metrics.oracle_threshold(normal, anomalous)
    assert metrics.balanced_accuracy(normal, anomalous, threshold) == pytest.approx(best)
    for other in np.r_[normal, anomalous, normal + 0.5, -100]:
        assert metrics.balanced_accuracy(normal, anomalous, other) <= best + 1e-12


def test_peeking_flatters_where_there_is_nothing_to_see():
    rng = np.random.default_rng(0)
    draws = [metrics.peeking(rng.normal(size=40), rng.normal(size=40), 0.0, n_splits=50) for _ in range(40)]
    seen, unseen, given = np.mean(draws, axis=0)
    assert seen > 0.55
    assert unseen == pytest.approx(0.5, abs=0.03)
    assert given == pytest.approx(0.5, abs=0.03)


def test_quantile_threshold():
    scores = np.arange(1000)
    assert np.mean(scores <= metrics.quantile_threshold(scores, 0.95)) == pytest.approx(0.95, abs=0.002)
    with pytest.raises(UsageError, match=r"quantile=1\.5; expected a number between 0 and 1"):
        metrics.quantile_threshold(scores, 1.5)


@pytest.mark.parametrize("name", detection.BASELINES)
def test_baselines_tell_strangers_from_kin(name):
    rng = np.random.default_rng(0)
    shape = np.sin(np.linspace(0, 6, 40))
    normal = (shape * rng.normal(1, 0.1, (300, 1)) + 0.05 * rng.normal(size=(300, 40))).astype(np.float32)
    strange = (shape[::-1] + 0.05 * rng.normal(size=(100, 40))).astype(np.float32)
    score = detection.BASELINES[name](normal[:200])
    assert score(strange).shape == (100,)
    assert metrics.auroc(score(normal[200:]), score(strange)) > 0.95


def test_bootstrap_intervals():
    rng = np.random.default_rng(0)
    normal, anomalous = rng.normal(0, 1, 300), rng.normal(1, 1, 300)
    found = metrics.bootstrap(metrics.auroc, normal, anomalous)
    assert found.low < found.value < found.high and 0.04 < found.high - found.low < 0.12
    assert found == metrics.bootstrap(metrics.auroc, normal, anomalous), "the same seed gives the same interval"
    same = metrics.auroc_difference((normal, anomalous), (normal, anomalous))
    assert same == (0, 0, 0), "a detector does not differ from itself: the bootstrap is paired"
    worse = metrics.auroc_difference((normal, anomalous), (normal, rng.permutation(np.r_[normal, anomalous])[:300]))
    assert worse.low > 0
    assert f"{found:.2f}" == f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def test_balanced_accuracy_with_its_interval():
    rng = np.random.default_rng(0)
    normal, anomalous = rng.normal(0, 1, 300), rng.normal(2, 1, 100)
    found = metrics.estimate_balanced_accuracy(normal, anomalous, 1.0)
    assert found.value == metrics.balanced_accuracy(normal, anomalous, 1.0)
    assert found.low < found.value < found.high < found.low + 0.12
    assert metrics.estimate_balanced_accuracy(normal, anomalous, -99) == (0.5, 0.5, 0.5), "all flagged, all alike"


def test_auprc_of_chance_is_the_share_of_anomalies():
    rng = np.random.default_rng(0)
    assert metrics.auprc(rng.normal(size=500), rng.normal(size=1500)) == pytest.approx(0.75, abs=0.03)


@given(total=st.integers(1, 500), data=st.data())
def test_wilson_interval_holds_the_share(total, data):
    hits = data.draw(st.integers(0, total))
    found = metrics.share(hits, total)
    assert 0 <= found.low <= found.value + 1e-9 and found.value - 1e-9 <= found.high <= 1


def test_detection_by_class():
    table = metrics.detection_by_class([True, True, False, False], ["V", "V", "N", "V"])
    assert table.loc["V", ["flagged", "beats"]].tolist() == [2, 3]
    assert table.loc["N", "share"] == 0 and table.loc["N", "high"] > 0.5, "one beat proves little"
