"""Lesson 07: what its prose says of the recorded run, floors of what the tool does, its exercises' checks."""

from functools import partial
from importlib.resources import files

import numpy as np
import pytest
import torch
from conftest import check_exercise, recorded_metrics, solve_exercise

from ecgnb import detection
from ecgnb.classifier import load_classifier
from ecgnb.classifier.recording import LEAST_ECG
from ecgnb.course.authoring.card import LEARNED
from ecgnb.course.lessons import find
from ecgnb.datasets import DS1, DS2, MITDB
from ecgnb.training import augmentation

LESSON = find("07")
check, solve = partial(check_exercise, LESSON), partial(solve_exercise, LESSON)


@pytest.fixture(scope="module")
def found():
    return recorded_metrics(LESSON)


def test_what_the_lesson_says_of_the_recorded_run(found):
    by_class = found["coverage_by_class"]
    assert by_class["S"]["held out"] == pytest.approx(0.81, abs=0.01), "of the held-out S beats some 81 % are covered"
    assert by_class["N"]["DS2"] == pytest.approx(0.87, abs=0.01), "of the N beats of DS2 some 87 %"
    assert found["always_n"]["confidence"] == pytest.approx(1 - found["baselines"]["always N"], abs=0.01), "nearly"
    sets = found["sets"]
    assert 1.7 < sets["all beats alike"]["classes in a set"] < 2, "nearly two classes on average"
    labelled = found["labelled_of_what_is_no_ecg"]
    assert labelled["white noise"]["ungated"] > 0.5, "it labels most of them"
    assert found["irregular_from"] == detection.IRREGULAR
    silent = found["doubts"]["DS2, no S without rhythm"]
    assert silent["risk"] < found["risk_of_as_many_by_confidence"], "the rule buys more than silence alone"
    assert found["right_s_lost"]["in fibrillation"] == 0 < found["right_s_lost"]["outside"]
    noise = [row for row in found["noise"] if row["network"] == "beat_sequence"]
    em = {row["snr"]: row for row in noise if row["noise"] == "electrode motion"}
    assert em[24]["labelled share"] > em[0]["labelled share"] > em[-6]["labelled share"], "fewer labels in more noise"


def test_what_the_lesson_says_of_the_data(real_mitdb):
    s_beats, fibrillation = 0, {}
    for record in MITDB.load_records([*DS1, *DS2], data="real"):
        inside = record.rhythm_at(record.r_sample) == "AFIB"
        fibrillation[record.name] = int(inside.sum())
        s_beats += int((record.label[inside] == 1).sum()) if record.name in DS2 else 0
    assert (s_beats, sum(fibrillation[name] for name in DS2)) == (27, 7879), "of the beats in noted fibrillation"
    assert [name for name in DS1 if fibrillation[name] and name != "201"] == ["203"], "only one patient of DS1"


def test_the_floors_of_the_tool(found):
    """What nobody should lose without noticing: numbers of the recorded run, on real data."""
    assert found["calibration"]["DS2, tempered"]["ECE"][0] < 0.02
    assert found["calibration"]["held out, tempered"]["ECE"][0] < 0.02
    silent = found["doubts"]["DS2, no S without rhythm"]
    assert silent["coverage"] > 0.92 and silent["risk"] < 0.03
    assert found["silence"]["DS2"]["coverage"] > 0.94 and found["silence"]["DS2"]["risk"] < 0.04
    assert max(found["refused"].values()) < 0.01
    assert max(row["gated"] for row in found["labelled_of_what_is_no_ecg"].values()) < 0.05
    first, *_, last = found["sets"].values()
    assert last["worst tenth"] > first["worst tenth"] + 0.1 and last["classes in a set"] < 1.3
    for row in found["noise"]:
        if row["network"] == "beat_sequence" and row["snr"] == 6:
            assert row["N as V or S"] < 0.02
        if row["snr"] == 12:
            assert min(row["sensitivity"], row["PPV"]) > 0.98


def test_the_package_has_what_the_recorded_run_found(found):
    certainty = load_classifier().certainty
    assert certainty.temperature == pytest.approx(found["temperature"], abs=1e-9)
    assert certainty.min_confidence == pytest.approx(found["min_confidence"], abs=1e-9)
    assert [one if np.isfinite(one) else None for one in certainty.least] == pytest.approx(found["least"])
    for target in LEARNED.values():
        assert files("ecgnb").joinpath(target).is_file()
    assert f"{found['calibration']['DS2, tempered']['ECE'][0]:.3f}" in (
        files("ecgnb.models").joinpath("weights", "beat_sequence.md").read_text()
    )
    assert pytest.approx(1 / 3) == LEAST_ECG, "the lesson says: less than a third"


@pytest.fixture(scope="module")
def lesson(smoke_namespace):
    return smoke_namespace("07")


def test_nobody_is_on_both_sides(lesson):
    known, ds2 = lesson["known"], lesson["ds2"]
    assert not set(known.record) & set(ds2.record) and "201" not in known.record
    for number in range(lesson["n_folds"]):
        inside = lesson["fold"] == number
        assert not set(known.record[inside]) & set(known.record[~inside])
    assert not set(lesson["learned"].loc[lesson["learned"]["kind"] == detection.ECG, "record"]) & set(ds2.record)
    assert lesson["new"] not in lesson["seed"] + lesson["made"]["seed"].unique()


def test_augmentation_is_that_of_lesson_06(smoke_namespace):
    """Lesson 06 builds it by hand; the package, for lesson 07, does the same."""
    by_hand, n = smoke_namespace("06"), load_classifier().recipe.n_samples
    rows = torch.randn(8, 12, 2 * n + 4)
    rows[..., 2 * n :] *= 0.02  # even enough to be made faster
    for mine, theirs in ((by_hand["augment"], augmentation.augment_sequences(n)),):
        torch.manual_seed(0)
        expected = mine(rows.clone())
        torch.manual_seed(0)
        assert torch.equal(theirs(rows.clone()), expected) and not torch.equal(expected, rows)


def test_exercise_1(lesson):
    right = solve(1, lesson)["coverage_at_1"]
    check(1, lesson, coverage_at_1=right)
    with pytest.raises(AssertionError, match="surest first"):
        check(1, lesson, coverage_at_1=right + 0.05)


def test_exercise_2(lesson):
    right = solve(2, lesson)["passes_by_kurtosis"]
    check(2, lesson, passes_by_kurtosis=np.float32(right))
    with pytest.raises(AssertionError, match="1 % quantile"):
        check(2, lesson, passes_by_kurtosis=1 - right + 0.01)
