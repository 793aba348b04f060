"""Lesson 05: what its prose says of the recorded runs, its sentences under other parameters, its exercises' checks."""

import json
import re
from functools import partial

import jupytext
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import check_exercise, solve_exercise
from scipy.signal import butter, find_peaks, sosfilt, sosfiltfilt

from ecgnb import detection
from ecgnb.course.lessons import code_sha256, find, results_path

LESSON = find("05")


def recorded(profile):
    return json.loads(results_path(LESSON, profile).read_text())


def test_what_the_lesson_says_of_the_recorded_run():
    """What is not computed in the lesson says "in the recorded run"; here are the numbers."""
    run = recorded("default")
    assert run["code_sha256"] == code_sha256(jupytext.read(LESSON.script)), "run: make notebooks"
    found = run["metrics"]
    assert 0.5 < found["baselines"]["half of the highest"] < 0.6, "little more than half"
    ours = found["detectors"]["slope"]
    assert min(ours["sensitivity"][0], ours["positive predictive value"][0]) > 0.99, "the floor"
    classes = found["sensitivity_by_class"]
    assert max(classes[c] for c in "NSV") - min(classes[c] for c in "NSV") < 0.005, "missed about equally often"
    assert classes["Q"] == pytest.approx(6 / 7), "of seven Q beats one was missed"
    assert 0.75 < found["overconfident_errors"] < 0.85, "four in five"
    after = {name: value[0] for name, value in found["perturbations"].items()}
    assert abs(after["100 Hz"] - after["as recorded"]) < 0.02, "the network hardly noticed 100 Hz"
    assert after["inverted lead"] < after["as recorded"] - 0.1
    assert 0.98 < found["int8_agreement"] < 0.995, "about one in a hundred"
    moved = pd.DataFrame(found["accuracy_of_moved_windows"])
    spread = (moved.max(axis=1) - moved.min(axis=1)).sort_values()
    assert 0.35 < spread.iloc[-1] < 0.45 and spread.iloc[-1] > 2 * spread.iloc[-2], "one stands out: four in ten"
    assert spread.median() < 0.02, "for most patients by next to nothing"


def close(one, other):
    """Say whether two recorded values agree, numbers to within rounding."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return one == pytest.approx(other, abs=1e-5, nan_ok=True) if isinstance(one, float) else one == other


def test_the_full_run_differs_in_the_length_of_the_long_recording_alone():
    default, full = recorded("default"), recorded("full")
    different = {name for name, value in full["parameters"].items() if value != default["parameters"][name]}
    assert different <= {"data", "hours"}
    apart = re.compile("seconds|hours|latency|per_second|headline")
    shared = [name for name in default["metrics"] if name in full["metrics"] and not apart.search(name)]
    assert len(shared) > 15
    for name in shared:
        assert close(full["metrics"][name], default["metrics"][name]), name


def test_the_floors_of_the_recorded_run():
    """What the lesson computes and says by itself, and what nobody should lose without noticing."""
    found = recorded("default")["metrics"]
    on_ds2, on_ds1 = found["errors_on_ds2"], found["errors_on_ds1"]
    assert on_ds2["xqrs"] < on_ds2["slope"] < on_ds2["sleepecg"]
    assert 3 * on_ds1["slope"] < min(on_ds1["xqrs"], on_ds1["sleepecg"]), "DS1 chose ours"
    assert found["errors_at_share"]["0.35"] == on_ds1["slope"]
    low, high = found["accuracy_change_by_detection_interval"]
    assert -0.01 < low < 0 < high
    confusion = np.array(found["confusion"])
    assert confusion[1, 0] > 0.8 * confusion[1].sum(), "most S are labelled N"
    assert found["accuracy_of_classified"] > found["accuracy_of_all"]
    suspected = {name: row["seem inverted"] for name, row in found["suspected"].items()}
    assert suspected["inverted lead"] == 22 and suspected["as recorded"] == 0
    by_record = pd.DataFrame(found["by_record"]).T
    gain = (by_record["at detected"] - by_record["at annotated"]).abs()
    spread = pd.DataFrame(found["accuracy_of_moved_windows"]).T
    touchy = (spread.max() - spread.min()).idxmax()
    assert gain.idxmax() == touchy == "117", "the record that moved windows change is the one that changed"
    relabelled = pd.DataFrame(found["int8_relabelled"]).T["changed"]
    assert relabelled.idxmax() == "117" and relabelled.max() > relabelled.sum() / 2, "and int8 changes the same one"
    assert found["int8_beats_per_second"] > found["onnx_beats_per_second"]
    assert found["torch_latency_ms_p50"] > 1.5 * found["onnx_latency_ms_p50"]


@pytest.fixture(scope="module")
def lesson(smoke_namespace):
    return smoke_namespace("05")


check, solve = partial(check_exercise, LESSON), partial(solve_exercise, LESSON)


@pytest.fixture(scope="module")
def by_noise(lesson):
    return solve(1, lesson)["by_noise"]


def test_right_answers_to_exercise_1(lesson, by_noise):
    styles = [
        by_noise,
        {level: list(pair) for level, pair in by_noise.items()},
        {level: torch.tensor(pair) for level, pair in by_noise.items()},
        pd.Series(by_noise),
        pd.DataFrame(by_noise, index=["found", "right"]),
    ]
    own = {}
    for level in (0, 0.1, 0.5):  # by hand, a beat at a time
        wave = lesson["wave"]
        noisy = wave + level * np.random.default_rng(lesson["seed"]).standard_normal(len(wave))
        beats = lesson["classify"](noisy, lesson["chosen"].fs, force=True).beats
        mine, theirs = lesson["metrics"].match_r_peaks(beats["r_sample"], lesson["chosen"].r_sample, 360)
        label = dict(zip(theirs, beats["likeliest"].to_numpy()[mine], strict=True))
        true = ["NSVFQ"[k] for k in lesson["chosen"].label]
        n_found = sum(label.get(k, "?") != "?" for k in range(len(true)))
        own[level] = n_found / len(true), sum(label.get(k) == name for k, name in enumerate(true)) / len(true)
    for answer in [*styles, own]:
        check(1, lesson, by_noise=answer)


def test_wrong_answers_to_exercise_1(lesson, by_noise, capsys):
    with pytest.raises(AssertionError, match=r"expected 0, 0\.1 and 0\.5 mV, got \[0\.0, 0\.1, 1\.0\]"):
        check(1, lesson, by_noise={0.0: (1, 1), 0.1: (1, 1), 1.0: (1, 1)})
    with pytest.raises(AssertionError, match="computed anew"):  # made up
        check(1, lesson, by_noise={0.0: (0.99, 0.95), 0.1: (0.97, 0.9), 0.5: (0.6, 0.3)})
    with pytest.raises(AssertionError, match="expected two shares, got 1"):
        check(1, lesson, by_noise={level: pair[:1] for level, pair in by_noise.items()})
    with pytest.raises(AssertionError, match="computed anew"):  # the noise was never added
        check(1, lesson, by_noise=dict.fromkeys(by_noise, by_noise[0.0]))
    of_found = {level: (found, right / found) for level, (found, right) in by_noise.items()}
    assert of_found != by_noise, "some beats are missed"
    with pytest.raises(AssertionError, match="the missed ones too"):  # a share of the found beats alone
        check(1, lesson, by_noise=of_found)
    assert "right" not in capsys.readouterr().out


def with_a_filter(wave, rate):
    """Find peaks causally: a forward filter, a running level, and the top within the next 0.2 s; as a list."""
    smooth = sosfilt(butter(2, (5, 20), "bandpass", fs=rate, output="sos"), wave)
    steep = np.cumsum(np.abs(np.diff(smooth, prepend=0)))
    n = round(0.08 * rate)
    steep = steep - np.r_[np.zeros(n), steep[:-n]]
    level, found = steep[: 3 * round(rate)].max(), []
    for at, value in enumerate(steep):
        if value > 0.4 * level and (not found or at - found[-1] > 0.3 * rate):
            found.append(at)
            level = 0.85 * level + 0.15 * steep[at : at + round(0.2 * rate)].max()
    return found


def test_right_answers_to_exercise_2(lesson):
    causal = solve(2, lesson)["causal"]
    for answer in (
        causal,
        with_a_filter,
        lambda wave, rate: pd.Series(causal(wave, rate)),
        lambda wave, rate: torch.from_numpy(causal(wave, rate)),
        lambda wave, rate: causal((wave - wave.mean()) / wave.std(), rate),  # looks ahead, and it makes no difference
    ):
        check(2, lesson, causal=answer)


def test_wrong_answers_to_exercise_2(lesson, capsys):
    chosen, causal = lesson["chosen"], solve(2, lesson)["causal"]
    bandpass = butter(2, (3, 20), "bandpass", fs=chosen.fs, output="sos")
    looking_ahead = [
        lambda wave, rate: find_peaks(wave, height=wave.max() / 2, distance=round(0.25 * rate))[0],
        detection.slope_detector,
        partial(detection.detect_r_peaks, detector="xqrs"),
        partial(detection.detect_r_peaks, detector="sleepecg"),
        lambda wave, rate: causal(sosfiltfilt(bandpass, wave), rate),  # a filter that runs backward too
    ]
    for detector in looking_ahead:
        with pytest.raises(AssertionError, match="looks ahead"):
            check(2, lesson, causal=detector)
    with pytest.raises(AssertionError, match="beats are found"):  # the annotations, whatever the signal
        check(2, lesson, causal=lambda wave, rate: chosen.r_sample[chosen.r_sample < len(wave)])
    with pytest.raises(AssertionError, match="beats are found"):
        check(2, lesson, causal=lambda wave, rate: np.array([]))
    with pytest.raises(AssertionError, match="peaks are beats"):
        check(2, lesson, causal=lambda wave, rate: np.arange(0, len(wave), round(0.1 * rate)))
    assert "right" not in capsys.readouterr().out


def test_the_stages_are_those_of_the_detector(lesson):
    """The figure of the detector shows what it computes."""
    wave, stages = lesson["wave"], lesson["stages"]
    assert len(stages.filtered) == len(stages.slope) == len(wave) and len(stages.peak) == len(stages.usual)
    assert (np.diff(stages.peak) >= 0.25 * 360).all() and (stages.usual > 0).all()
    beats = stages.peak[stages.slope[stages.peak] > 0.35 * stages.usual]
    found = detection.slope_detector(wave, 360)
    assert len(beats) == len(found) and (np.abs(beats - found) <= round(0.07 * 360)).all()
