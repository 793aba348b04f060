"""Calibration, risk against coverage, prediction sets: against counts by hand, and promises that are theorems."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from ecgnb import metrics
from ecgnb.classifier.certainty import Certainty, fit_temperature, in_words, least_probabilities, lower_quantile
from ecgnb.errors import ModelError, UsageError


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.55, 0.55, 1.0])
    correct = np.array([True, False, True, True, True])
    record = np.array(["a", "a", "b", "b", "b"])
    counts = metrics.calibration_by_record(confidence, correct, record, n_bins=10)
    assert counts.shape == (2, 10, 3) and counts[..., 0].sum() == 5
    # bin 0.9 to 1: confidence (0.95 + 0.95 + 1) / 3, right 2 / 3; bin 0.5 to 0.6: 0.55, right 1
    by_hand = 3 / 5 * abs(2.9 / 3 - 2 / 3) + 2 / 5 * 0.45
    assert metrics.expected_calibration_error(counts.sum(axis=0)) == pytest.approx(by_hand)
    assert metrics.overconfidence(counts.sum(axis=0)) == pytest.approx((4.0 - 4) / 5)
    table = metrics.reliability(counts)
    assert table["beats"].tolist() == [2, 3] and table["right"].tolist() == pytest.approx([1, 2 / 3])
    assert metrics.estimate(counts, metrics.expected_calibration_error).value == pytest.approx(by_hand)
    with pytest.raises(UsageError, match="no probability"):
        metrics.calibration_by_record([1.2], [True], ["a"])


def test_risk_falls_with_silence_where_the_score_knows():
    rng = np.random.default_rng(0)
    score = rng.random(1000)
    correct = rng.random(1000) < score
    curve = metrics.risk_coverage(score, correct)
    assert curve["coverage"].iloc[-1] == 1 and curve["risk"].iloc[-1] == pytest.approx(1 - correct.mean())
    assert curve["risk"].iloc[200] < curve["risk"].iloc[-1]
    assert metrics.area_under_risk(score, correct) < metrics.area_under_risk(-score, correct)
    perfect = metrics.area_under_risk(correct.astype(float), correct)
    assert perfect < metrics.area_under_risk(score, correct)


def test_temperature_is_found_again():
    rng = np.random.default_rng(1)
    scores = 3 * rng.standard_normal((4000, 5))
    label = np.array([rng.choice(5, p=row) for row in softmax(scores, axis=1)])
    for factor in (0.5, 1.0, 3.0):
        assert fit_temperature(factor * scores, label) == pytest.approx(factor, rel=0.1)


@given(st.integers(1, 400), st.floats(0.5, 0.99), st.integers(0, 1000))
def test_the_bound_keeps_its_promise_for_exchangeable_numbers(n, coverage, seed):
    """Of n + 1 numbers, each one is as likely to be the new one: the share that reaches the others' bound."""
    numbers = np.random.default_rng(seed).random(n + 1)
    reached = [numbers[k] >= lower_quantile(np.delete(numbers, k), coverage) for k in range(n + 1)]
    assert np.mean(reached) >= coverage - 1e-9


def test_bounds_by_class():
    p = np.array([[0.9, 0.1, 0.0]] * 50 + [[0.3, 0.7, 0.0]] * 50 + [[0.2, 0.2, 0.6]] * 3)
    label = np.repeat([0, 1, 2], [50, 50, 3])
    least = least_probabilities(p, label, 0.9)
    assert least == (0.9, 0.7, np.inf), "of three beats nobody promises anything"
    sets = Certainty(1.0, least, 0.5).could_be(p)
    assert sets.sum(axis=1).tolist() == [1] * 100 + [0] * 3
    assert in_words(sets, "NSV").tolist() == ["N"] * 50 + ["S"] * 50 + ["-"] * 3
    assert in_words(np.array([[True, True, False]]), "NSV").tolist() == ["N S"] and len(in_words(sets[:0], "NSV")) == 0
    table = metrics.set_coverage(sets, label, np.repeat(["a", "b"], [100, 3]))
    assert table.loc["a", "coverage"] == 1 and table.loc["b", ["coverage", "size", "empty"]].tolist() == [0, 0, 1]


def test_certainty_goes_through_a_file():
    certainty = Certainty(1.3, (0.1, np.inf, 0.25), 0.6)
    assert Certainty.from_values(certainty.to_values(), 3, "x.pth") == certainty
    assert Certainty.from_values({"classes": "N S V"}, 3, "x.pth") is None
    scores = np.array([[2.0, 1.0, 0.0]], dtype=np.float32)
    np.testing.assert_allclose(certainty.probabilities(scores), softmax(scores / 1.3, axis=1), rtol=1e-6)
    for wrong in ({"temperature": 0}, {"temperature": "hot"}, {"least": "0.1 0.2"}, {"least": "a b c"},
                  {"min_confidence": 7}, {"temperature": float("nan")}, {"least": "nan 0 0"}):  # fmt: skip
        with pytest.raises(ModelError, match=r"x\.pth says of its certainty what cannot be"):
            Certainty.from_values(certainty.to_values() | wrong, 3, "x.pth")
