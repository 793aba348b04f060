"""The book's page of results: words for each number, nothing said twice, an interval where there is one."""

import json

import pytest

from ecgnb.course.authoring import results
from ecgnb.course.authoring.measures import MEASURES
from ecgnb.course.lessons import lessons, results_path

LESSONS = {lesson.number: lesson for lesson in lessons()}


def recorded(number, profile):
    return json.loads(results_path(LESSONS[number], profile).read_text())["metrics"]


@pytest.mark.parametrize("number", LESSONS)
@pytest.mark.parametrize("profile", ["default", "full"])
def test_every_number_that_a_run_records_is_shown_in_words(number, profile):
    metrics = recorded(number, profile)
    shown = [found for key in MEASURES[number] if (found := results.look_up(metrics, key))]
    plain = {name: value for name, value in metrics.items() if isinstance(value, float)}
    untold = {name for name, value in plain.items() if value not in {found[0] for found in shown}}
    assert not untold, "give them a name in measures.py"


@pytest.mark.parametrize("number", LESSONS)
def test_every_word_is_of_a_number_that_a_run_has(number):
    metrics = recorded(number, "default")
    assert [key for key in MEASURES[number] if results.look_up(metrics, key) is None] == []
    names = [measure.name for measure in MEASURES[number].values()]
    assert len(names) == len(set(names)) and not any("_" in name for name in names)
    assert all(measure.meaning and not measure.meaning.endswith(".") for measure in MEASURES[number].values())


def test_columns_that_are_alike_are_one_and_no_cell_repeats_its_neighbour():
    alike = results._table("what", ["default", "full"], {"a": ["1", "1"], "b": ["2", "2"]})
    assert alike == ["| what | default and full |", "|---|---|", "| a | 1 |", "| b | 2 |"]
    apart = results._table("what", ["default", "full"], {"a": ["1", "1"], "b": ["2", "3"], "c": ["–", "–"]})
    assert apart[2:] == ["| a | 1 | the same |", "| b | 2 | 3 |"], "what no run has is left out"
    assert results._table("what", ["default"], {}) == []


def test_each_run_is_said_to_be_of_the_machine_that_made_it():
    assert results._devices({"default": {"device": "cpu"}, "full": {"device": "cpu"}}) == "cpu"
    assert (
        results._devices({"default": {"device": "cpu"}, "full": {"device": "a GPU"}})
        == "cpu (default) and a GPU (full)"
    )


def test_a_number_comes_with_its_interval():
    metrics = {"f1": 0.75, "f1_interval": [0.5, 0.875], "by": {"S": [0.001, 0.0005, 0.002]}, "rows": [{"ms": 6.0}]}
    assert results._shown(metrics, "f1") == "0.750 (0.500 to 0.875)".replace(" to ", "\u00a0to\u00a0")
    assert results._shown(metrics, "by/S") == "0.00100 (0.00050\u00a0to\u00a00.00200)"
    assert results._shown(metrics, "rows/0/ms") == "6"
    assert [results._shown(metrics, key) for key in ("none", "by/V", "by/S/x", "rows/7/ms")] == ["–"] * 4
    assert results._number(12345.6) == "12,346"
