"""Lesson 09: what its prose says of the recorded run, floors, its folds, its exercises' checks."""

from functools import partial

import numpy as np
import pytest
from conftest import check_exercise, recorded_metrics, solve_exercise

from ecgnb import metrics
from ecgnb.course.lessons import find

LESSON = find("09")
check, solve = partial(check_exercise, LESSON), partial(solve_exercise, LESSON)


@pytest.fixture(scope="module")
def found():
    return recorded_metrics(LESSON)


def test_floors(found):
    assert found["macro_auroc"] > 0.84 and found["macro_auroc_interval"][0] > 0.78
    assert found["n_patients"] == 459
    auroc = {name: row["macro AUROC"][0] for name, row in found["models"].items()}
    assert auroc["ResNet"] > 0.78, "the floor of one network alone"


def test_what_the_lesson_says_of_the_recorded_run(found):
    auroc = {name: row["macro AUROC"] for name, row in found["models"].items()}
    assert auroc["prevalence"][0] < 0.5 < auroc["prevalence"][2], "folds that differ a little are punished"
    assert auroc["age and sex"][1] > 0.65, "far better than nothing"
    assert auroc["logistic regression"][0] > auroc["age and sex"][2], "a high bar"
    assert auroc["trees"][0] > auroc["networks"][0], "measurements and trees win"
    by_leads = {name: row["macro AUROC"][0] for name, row in found["leads"].items()}
    second, all_others = by_leads["I and II"] - by_leads["I alone"], by_leads["12 leads"] - by_leads["I and II"]
    assert second > 2 * all_others, "a second lead brings most of what twelve bring"
    low, high = found["leads"]["I and II"]["minus 12 leads"][1:]
    assert low < 0 < high, "which isn't clear"
    assert by_leads["12 leads"] - by_leads["I and II"] == pytest.approx(0.014, abs=0.0005), "exercise 3 says so"
    mi = {name: row[1] for name, row in found["leads_by_label"].items()}
    assert mi["12 leads"] - mi["I and II"] < 0.01, "MI is found no better with the chest leads"
    gap = {name: found["by_label_of_trees"][name]["auroc"] - row["auroc"] for name, row in found["by_label"].items()}
    assert min(gap["MI"], gap["HYP"]) > max(gap["NORM"], gap["STTC"], gap["CD"]), "above all in MI and HYP"


@pytest.fixture(scope="module")
def lesson(smoke_namespace):
    return smoke_namespace("09")


def test_no_patient_is_on_both_sides_and_each_is_tested_once(lesson):
    patient = lesson["records"].patient
    for train, test in lesson["folds"]:
        assert not set(patient[train]) & set(patient[test])
    assert np.array_equal(np.sort(lesson["tested"]), np.arange(len(patient)))


def test_scores_are_those_of_models_without_the_patient(lesson):
    """A model that knows its training rows by heart, and says so, never meets one of them."""
    labels, tested = lesson["labels"], lesson["tested"]

    def by_heart(train, test):
        return np.isin(test, train)[:, None] * np.ones((1, labels.shape[1]))

    assert (lesson["out_of_fold"](by_heart) == 0).all() and len(tested) == len(labels)


def test_few_patients_are_whole_patients_of_the_training_part(lesson):
    train, _ = lesson["folds"][0]
    patient = lesson["records"].patient
    rows = lesson["some_patients"](train, 20, 0)
    assert set(rows) <= set(train) and len(set(patient[rows])) == 20
    assert set(rows) == set(train[np.isin(patient[train], patient[rows])]), "all of their records"
    assert set(patient[rows]) != set(patient[lesson["some_patients"](train, 20, 1)])


def test_the_committee_is_the_mean_of_its_members(lesson):
    said = lesson["said"]
    assert np.allclose(said["networks + regression"] * 2, said["networks"] + said["logistic regression"])
    assert all(((one >= 0) & (one <= 1)).all() for one in said.values()), "probabilities"


def test_exercise_1(lesson):
    right = solve(1, lesson)["auroc_swapped"]
    check(1, lesson, auroc_swapped=right)
    with pytest.raises(AssertionError, match="upside down"):
        check(1, lesson, auroc_swapped=right + 0.1)


def test_exercise_2(lesson):
    right = solve(2, lesson)["fold_by_fold"]
    check(2, lesson, fold_by_fold=right)
    pooled = metrics.macro_auroc(lesson["y"], lesson["said"]["networks"])
    assert pooled != right
    with pytest.raises(AssertionError, match="each scored alone"):
        check(2, lesson, fold_by_fold=pooled)
