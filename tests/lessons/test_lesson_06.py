"""Lesson 06: what its prose says of the recorded runs, and its exercises' checks."""

import json
from functools import partial

import jupytext
import numpy as np
import pandas as pd
import pytest
from conftest import check_exercise, solve_exercise

from ecgnb.course.lessons import code_sha256, find, results_path

LESSON = find("06")
check, solve = partial(check_exercise, LESSON), partial(solve_exercise, LESSON)


def recorded(profile):
    return json.loads(results_path(LESSON, profile).read_text())


def test_what_the_lesson_says_of_the_recorded_run():
    run = recorded("default")
    assert run["code_sha256"] == code_sha256(jupytext.read(LESSON.script)), "run: make notebooks"
    found = run["metrics"]
    on_ds2, on_svdb = found["on_ds2"], found["on_svdb"]
    old = on_ds2["cnn_lstm of lesson 02"], on_svdb["cnn_lstm of lesson 02"]
    assert max(one["F1 of S"][0] for one in old) < 0.3, "does badly on S"
    assert max(test["by timing"]["F1 of S"][0] for test in (on_ds2, on_svdb)) < 0.5, "and so does timing alone"
    assert old[1]["F1 of V"][0] < old[0]["F1 of V"][0], "the V score of the network falls from DS2 to svdb"
    false_s = found["false_s_in_fibrillation"]["202"]
    assert false_s == {"201 in": 8, "201 out": 68}, "sixty more, says the guess: one man in both halves"
    assert len(on_ds2) == found["looks_at_ds2"]


def test_the_floors_of_the_network_that_is_shipped():
    """What nobody should lose without noticing."""
    found = recorded("default")["metrics"]
    whole, svdb = found["on_ds2"]["+ other leads"], found["on_svdb"]["+ other leads"]
    assert whole["macro F1"][0] > FLOORS["macro"] and whole["F1 of V"][0] > FLOORS["V"]
    assert svdb["macro F1"][0] > FLOORS["svdb"]
    fast = {name: row["share predicted as S"] for name, row in found["shipped"]["fast_and_even"].items()}
    assert fast["shipped"] < FLOORS["fast"] < fast["cnn_lstm of lesson 02"]


FLOORS = {"macro": 0.70, "V": 0.90, "svdb": 0.78, "fast": 0.20}


@pytest.fixture(scope="module")
def lesson(smoke_namespace):
    return smoke_namespace("06")


def test_what_is_registered_is_what_is_scored(lesson):
    names = [name for settings in lesson["registered"].values() for name in settings]
    assert len(names) == len(set(names)) == lesson["n_looks"] and set(names) == set(lesson["on_ds2"])


def test_nobody_is_on_both_sides(lesson):
    assert not set(lesson["ds1"].record) & set(lesson["ds2"].record) and "201" not in lesson["ds1"].record
    assert (pd.crosstab(lesson["svdb"].record, lesson["fold_of"]) > 0).sum(axis=1).eq(1).all()


def test_exercise_1(lesson):
    right = solve(1, lesson)["early_share"]
    for answer in (right, {name: np.float32(share) for name, share in right.items()}, pd.Series(right).to_dict()):
        check(1, lesson, early_share=answer)
    by_median = {
        name: float(np.mean(rr < 0.85 * np.median(rr)))
        for name in right
        for rr in [lesson["ds2"].rr[lesson["ds2"].record == name, 0]]
    }
    with pytest.raises(AssertionError, match="Is it the record's own mean"):
        check(1, lesson, early_share=by_median)
    with pytest.raises(AssertionError, match="expected the 22 records of DS2, got 21"):
        check(1, lesson, early_share=dict(list(right.items())[1:]))


def test_exercise_2(lesson):
    right = solve(2, lesson)["influence"]
    check(2, lesson, influence=right)
    with pytest.raises(AssertionError, match="without the record, minus with all"):
        check(2, lesson, influence={name: -value + 0.01 for name, value in right.items()})
    with pytest.raises(AssertionError, match="expected one number a record of DS2"):
        check(2, lesson, influence={})
