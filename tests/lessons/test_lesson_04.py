"""Lesson 04: what its prose says of the recorded runs, its exercises' checks, and names that cover no other name."""

import copy
import itertools
import json
from functools import partial

import jupytext
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import check_exercise, solve_exercise

from ecgnb import metrics
from ecgnb.course.lessons import code_sha256, find, results_path
from ecgnb.metrics import Estimate
from ecgnb.models import create
from ecgnb.plotting.comparison import plot_confusion_shares, plot_cost, plot_losses
from ecgnb.training import History

LESSON = find("04")


def recorded(profile):
    return json.loads(results_path(LESSON, profile).read_text())


def test_what_the_lesson_says_of_the_recorded_default_run():
    run = recorded("default")
    assert run["code_sha256"] == code_sha256(jupytext.read(LESSON.script)), "run: make notebooks"
    found = run["metrics"]
    assert len(found["models"]) == 8 and found["smallest"] == "micro_ecgnet"
    record, _, n = found["hardest"][0]
    assert record == "104" and n > 0.5 * sum(row[2] for row in found["hardest"]), "most of them are one patient's"
    assert found["models"]["micro_ecgnet"]["parameters"] == pytest.approx(5000, rel=0.05), "some five thousand"
    assert found["models"]["micro_ecgnet"]["latency_ms_p50"] < 0.5, "less than half a millisecond"


@pytest.mark.parametrize("profile", ["default", "full"])
def test_leakage_is_of_patients_more_than_of_windows(profile):
    found = recorded(profile)["metrics"]
    leak, overlap = found["leak"]["micro_ecgnet"], found["leak_by_overlap"]["micro_ecgnet"]
    patients = leak["stratified-gap"][0] - leak["record-wise"][0]
    assert 0 < overlap[0] < patients / 3, "the larger part of the leak is the patient"
    if profile == "full":
        assert overlap[1] > 0, "shared windows flatter"
    else:  # the committed page says of the interval what the record holds
        page = LESSON.notebook.read_text(encoding="utf-8")
        assert (
            "The interval of the first includes zero" in page.partition("overlapping windows bring **")[2][:400]
        ) == (overlap[1] <= 0 <= overlap[2])
    assert found["leak_windows_seen"]["stratified"] > 0.4 and found["leak_windows_seen"]["stratified-gap"] == 0
    assert found["overlapping_test_windows"] > 0.95, "nearly all of them"


def test_what_the_lesson_says_of_the_recorded_full_run():
    run = recorded("full")
    found, given = run["metrics"], run["parameters"]
    assert given["minutes"] == 1.5 and given["fs"] == 360 and given["split"] == "stratified"
    assert found["smallest_minus_best_interval"][0] > 0, "on top, and the interval excludes zero"
    assert found["train_beats"]["se_ecgnet"] < 10_000 < 70_000 < found["train_beats"]["micro_ecgnet"]
    trials = {change: row["validation_macro_f1"] for change, row in found["choices"].items()}
    averages = trials.pop("averages over time")
    assert max(map(np.ptp, trials.values())) < 0.03 < np.ptp(averages), "five trainings agree, but of that one"
    averaged = np.median(averages)
    level = [np.median(values) for values in trials.values()]
    assert max(level) - min(level) < 0.03 and averaged < min(level) - 0.1, "the choice that mattered"


check, solve = partial(check_exercise, LESSON), partial(solve_exercise, LESSON)


@pytest.fixture(scope="module")
def lesson(smoke_namespace):
    return smoke_namespace("04")


@pytest.fixture(scope="module")
def widths(lesson):
    return solve(1, lesson)


@pytest.fixture(scope="module")
def timing(lesson):
    return solve(2, lesson)


def by_hand(one, other, n_resamples=500):
    """Return a paired difference of macro F1 and its interval, by a loop over resampled records."""
    f1 = metrics.macro_f1(range(4))
    rng = np.random.default_rng(7)
    drawn = [rng.integers(len(one), size=len(one)) for _ in range(n_resamples)]
    gaps = [f1(one[rows].sum(axis=0)) - f1(other[rows].sum(axis=0)) for rows in drawn]
    return [f1(one.sum(axis=0)) - f1(other.sum(axis=0)), *np.nanpercentile(gaps, [2.5, 97.5])]


def test_right_answers_to_exercise_1(lesson, widths):
    networks, gain = widths["by_width"], widths["width_gain"]
    own = by_hand(widths["on_val"][2.0], widths["on_val"][0.5])
    styles = [gain, list(gain), torch.tensor(gain), pd.Series(gain, ["value", "low", "high"]), np.array(own)]
    for answer in styles:
        check(1, lesson, by_width=networks, width_gain=answer)


def test_wrong_answers_to_exercise_1(lesson, widths, capsys):
    networks, gain, test, x = widths["by_width"], widths["width_gain"], lesson["test"], lesson["x"]
    confusion, correction, f1 = lesson["confusion"], lesson["correction"], lesson["macro_f1"]
    with pytest.raises(AssertionError, match="is a float; expected the trained network"):  # made-up numbers
        check(1, lesson, by_width={0.5: 0.1, 1.0: 0.1, 2.0: 0.1}, width_gain=[0, 0, 0])
    with pytest.raises(AssertionError, match="your networks gain"):
        check(1, lesson, by_width=networks, width_gain=[gain.value + 0.05, gain.low, gain.high])
    with pytest.raises(AssertionError, match=r"by_width needs 0\.5, 1\.0 and 2\.0"):
        check(1, lesson, by_width={0.5: networks[0.5], 1.0: networks[1.0]}, width_gain=gain)
    with pytest.raises(AssertionError, match="three numbers"):
        check(1, lesson, by_width=networks, width_gain=gain.value)
    untrained = {f: create("micro_ecgnet", n_samples=x.shape[1], n_classes=4, width=f) for f in networks}
    with pytest.raises(AssertionError, match="has never seen a batch"):
        check(1, lesson, by_width=untrained, width_gain=gain)
    with pytest.raises(AssertionError, match="isn't a MicroECGNet of that width"):
        check(1, lesson, by_width=dict.fromkeys(networks, networks[1.0]), width_gain=gain)
    predict = lesson["predict"]
    on_test = {f: confusion(predict(model, x[test]) + correction, test) for f, model in networks.items()}
    with pytest.raises(AssertionError, match="validation or test beats"):  # the course's first rule
        check(1, lesson, by_width=networks, width_gain=metrics.difference(on_test[2.0], on_test[0.5], f1))
    narrow = Estimate(gain.value, gain.value - 0.001, gain.value + 0.001)  # as if each beat were independent
    with pytest.raises(AssertionError, match="resample whole records"):
        check(1, lesson, by_width=networks, width_gain=narrow)
    assert "right" not in capsys.readouterr().out


def test_right_answers_to_exercise_2(lesson, timing):
    networks, gain, rr = timing["by_timing"], timing["timing_gain"], timing["rr"]
    for features, answer in [
        (rr, gain),
        (rr.tolist(), float(gain)),
        (torch.from_numpy(rr), torch.tensor(gain)),
        (pd.DataFrame(rr), np.float64(gain)),
    ]:
        check(2, lesson, rr=features, by_timing=networks, timing_gain=answer)


def test_wrong_answers_to_exercise_2(lesson, timing, capsys):
    networks, gain, rr, beats = timing["by_timing"], timing["timing_gain"], timing["rr"], lesson["beats"]
    with pytest.raises(AssertionError, match="is a float; expected the trained network"):  # made-up numbers
        check(2, lesson, rr=rr, by_timing={0: 0.5, 4: 0.9}, timing_gain=0.4)
    with pytest.raises(AssertionError, match="your networks gain"):
        check(2, lesson, rr=rr, by_timing=networks, timing_gain=gain + 0.1)
    leaky = (beats.rr - beats.rr.mean(axis=0)) / beats.rr.std(axis=0)  # the test's own mean is in it
    with pytest.raises(AssertionError, match="use these rows alone"):
        check(2, lesson, rr=leaky, by_timing=networks, timing_gain=gain)
    with pytest.raises(AssertionError, match="takes 0 RR features"):
        check(2, lesson, rr=rr, by_timing={0: networks[0], 4: networks[0]}, timing_gain=0)
    untrained = copy.deepcopy(networks)
    for name, value in untrained[4].named_buffers():
        if name.endswith("num_batches_tracked"):
            value.zero_()
    with pytest.raises(AssertionError, match="has never seen a batch"):
        check(2, lesson, rr=rr, by_timing=untrained, timing_gain=gain)
    test, x, both = lesson["test"], lesson["x"], {}
    for n_rr, model in networks.items():
        rows = torch.cat([x[test], torch.from_numpy(rr[test, :n_rr])], dim=1)
        scores = lesson["predict"](model, rows) + lesson["correction"]
        both[n_rr] = lesson["macro_f1"](lesson["confusion"](scores, test).sum(axis=0))
    with pytest.raises(AssertionError, match="validation or test beats"):  # the course's first rule
        check(2, lesson, rr=rr, by_timing=networks, timing_gain=both[4] - both[0])
    assert "right" not in capsys.readouterr().out


@pytest.mark.parametrize("profile", ["default", "full"])
@pytest.mark.parametrize("value", ["macro_f1", "latency_ms_p50"])
def test_no_name_covers_another(profile, value):
    models = recorded(profile)["metrics"]["models"]
    table = pd.DataFrame(models).T.assign(cost=lambda t: t["macs"] / 1e6, value=lambda t: t[value])[["cost", "value"]]
    figure = plot_cost(table.astype(float), xlabel="x", ylabel="y", title="t", log=value != "macro_f1")
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert [text.get_text() for text in figure.axes[0].texts] == list(models)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_panels_of_any_number_of_networks():
    history = History([(1.0, 2.0, 0.1), (0.5, 1.5, 0.1)], 2)
    for n in (1, 4, 9):
        names = [f"network {i}" for i in range(n)]
        assert len(plot_losses(dict.fromkeys(names, history)).axes) == 2
        shown = plot_confusion_shares(dict.fromkeys(names, np.diag([3, 0, 2])), ["a", "b", "c"])
        assert sum(axis.get_visible() for axis in shown.axes) == n
