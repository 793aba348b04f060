"""Twelve leads in, five superclasses out: honest of what it knows, silent in doubt, and no answer to what is no ECG."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ecgnb
from numpy.testing import assert_allclose

from ecgnb import models
from ecgnb.classifier import classify_twelve, fit_label_certainty
from ecgnb.classifier.label_certainty import CANNOT_SAY, NO, YES, LabelCertainty
from ecgnb.classifier.twelve import NOT_FOR_DIAGNOSIS, twelve_certainty
from ecgnb.classifier.twelve_network import twelve_network
from ecgnb.datasets.own.twelve import TwelveLeads
from ecgnb.datasets.ptbxl import SUPERCLASSES, load_ptbxl
from ecgnb.datasets.synthetic_twelve import NORMAL, twelve_leads
from ecgnb.datasets.twelve_leads import LEADS, limb_leads
from ecgnb.errors import DataError, ModelError, NoEcgError, UsageError
from ecgnb.training import predict_labels, prepare_leads

RNG = np.random.default_rng(3)
ECG = np.round(twelve_leads(NORMAL, 72, RNG), 3)
OTHER = twelve_leads(NORMAL, 97, RNG)
NOISE = RNG.standard_normal(ECG.shape)


def recording(signal=ECG, fs=500.0, **more):
    return TwelveLeads("mine", np.asarray(signal, np.float32), fs, "mine.csv, 12 leads", **more)


def with_lead(lead, values):
    signal = ECG.copy()
    signal[LEADS.index(lead)] = values
    return signal


def swapped_arms():
    """What a recorder would have written with the wires of the two arms exchanged."""
    i, ii = -ECG[0], ECG[2]
    return np.stack([*limb_leads({"I": i, "II": ii}).values(), *ECG[6:]])


def of_few(n):
    """Twelve leads that obey Einthoven's law, made of one or two: as if somebody had no more, and weighted them."""
    few = ECG[[1, 7]][:n] + 0.01 * NOISE[:n]
    mixed = np.random.default_rng(5).uniform(0.5, 1.5, (8, n)) @ few + 0.03 * NOISE[2:10]
    return np.stack([*limb_leads({"I": mixed[0], "II": mixed[1]}).values(), *mixed[2:]])


def table(path, signal=ECG, names=LEADS, fs=500):
    columns = {f"{name} (mV)": one for name, one in zip(names, signal, strict=True)}
    pd.DataFrame({"time (s)": np.arange(np.shape(signal)[1]) / fs} | columns).to_csv(path, index=False)
    return path


def test_an_answer_for_each_superclass():
    found = classify_twelve(recording())
    assert found.doubts == () and found.notes == () and found.name == "mine"
    assert found.labels["superclass"].tolist() == [*SUPERCLASSES]
    assert found.labels["probability"].between(0, 1).all() and set(found.labels["answer"]) <= {YES, NO, CANNOT_SAY}
    assert pd.read_csv(pd.io.common.StringIO(found.to_csv()))["answer"].tolist() == found.labels["answer"].tolist()
    said = json.loads(found.to_json())
    assert said["doubtful"] is False and len(said["labels"]) == 5 and "not for diagnosis" in said["limits"]
    assert "488 recordings (459 patients) of one source" in NOT_FOR_DIAGNOSIS


def test_the_rate_and_the_start_make_no_difference():
    at_500 = classify_twelve(recording()).labels["probability"]
    assert_allclose(classify_twelve(recording(ECG[:, ::2], 250.0)).labels["probability"], at_500, atol=0.05)
    twice = classify_twelve(recording(np.concatenate([NOISE, ECG], axis=1)), start=10)
    assert_allclose(twice.labels["probability"], at_500, atol=1e-6)
    assert twice.notes == ("10 s from 10 s on were read, of 20.0 s",)


COPIES = np.tile(ECG[1], (12, 1))
CLOCK = np.tile(np.arange(5000) / 500, (12, 1)) + np.arange(12)[:, None]


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (NOISE, "does not look like an ECG: 0 of its twelve leads do"),
        (np.random.default_rng(0).uniform(size=ECG.shape), "does not look like an ECG"),
        (CLOCK, "does not look like an ECG"),
        (np.cumsum(NOISE, axis=1) / 50, "does not look like an ECG"),
        (np.sin(np.arange(5000) / 50) * np.arange(1, 13)[:, None], "does not look like an ECG"),
        (np.where(np.arange(12)[:, None] < 7, NOISE, ECG), "5 of its twelve leads do; expected 6"),
        (COPIES, "leads I and II are one and the same signal"),
        (COPIES * np.linspace(-2, 2, 12)[:, None], "are one and the same signal"),
        (with_lead("V3", 0.5 * ECG[LEADS.index("V2")]), "leads V2 and V3 are one and the same signal"),
        (with_lead("V4", 0.0), "lead V4 is flat, which is as good as missing"),
        (with_lead("aVL", 1.5 * ECG[4]), "breaks Einthoven's law: lead aVL is"),
        (ECG / np.ptp(ECG, axis=1, keepdims=True), "breaks Einthoven's law"),
        (ECG[::-1], "breaks Einthoven's law"),
        (1000 * ECG, "which no heart makes; is the unit right"),
        (ECG / 20, "mV, which no heart makes; is the unit right|flat"),
        (ECG[:, :2500], r"lasts 5\.0 s; expected ten seconds of twelve leads"),
        (with_lead("V1", np.where(np.arange(5000) < 2000, np.nan, ECG[6])), "has no value in 40% of lead V1"),
        (with_lead("V1", np.nan), "has no value in 100% of lead V1"),
        (with_lead("V1", np.inf), "no numbers|flat|ECG"),
    ],
)
def test_what_is_no_ecg_of_twelve_leads_is_refused(signal, words):
    with pytest.raises(DataError, match=words):
        classify_twelve(recording(signal))


@pytest.mark.parametrize("given", [recording().lead("II"), recording(ECG[:11]), ECG, None])
def test_what_is_no_recording_of_twelve_leads(given):
    with pytest.raises(UsageError, match=r"expected twelve leads, as read_recording\(path, lead='all'\) gives them"):
        classify_twelve(given)


def test_too_slow_a_rate_is_refused():
    with pytest.raises(DataError, match="has 50 samples per second; expected at least 100"):
        classify_twelve(recording(np.tile(ECG[:, ::10], (1, 2)), 50.0))


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (swapped_arms(), "the arm electrodes look swapped"),
        (np.concatenate([ECG[:6], ECG[:5:-1]]), "points up in V1 and down in V6"),
        (np.concatenate([ECG[:6], -ECG[6:]]), "points up in V1 and down in V6"),
        (-ECG, "points up in V1 and down in V6"),
        (np.where(np.isin(LEADS, ["V1", "V2", "V3"])[:, None], NOISE, ECG), "leads V1, V2, V3 do not look like an ECG"),
        (np.concatenate([ECG[:6], OTHER[6:]]), "the chest leads do not beat with the limb leads"),
        (of_few(1), "its leads show one or two signals"),
        (of_few(2), "its leads show one or two signals"),
        (8 * ECG, "its leads span .* mV; what the network learned from spans 0.5 to 5"),
        (with_lead("aVL", 1.2 * ECG[4]), "Einthoven's law does not hold: lead aVL is"),
        (with_lead("V2", np.where(np.arange(5000) < 400, np.nan, ECG[7])), "leads lost for a while.*: V2"),
        (with_lead("V6", np.where(np.arange(5000) < 2000, 0.1, ECG[11])), "leads lost for a while.*V6"),
    ],
)
def test_in_doubt_nothing_is_answered(signal, words):
    found = classify_twelve(recording(signal))
    assert set(found.labels["answer"]) == {CANNOT_SAY} and found.labels["probability"].isna().all()
    assert pd.Series(found.doubts).str.contains(words).any(), found.doubts
    assert (
        json.loads(found.to_json())["doubtful"] is True
        and "NaN" not in found.to_json()
        and words.split(".*")[0][:20] in found.to_csv()
    )


def test_a_rate_that_is_wrong_is_doubted():
    slow = twelve_leads(NORMAL, 50, np.random.default_rng(1))
    found = classify_twelve(recording(np.tile(slow, (1, 2))[:, :10_000:2][:, :2500], 100.0))
    assert set(found.labels["answer"]) == {CANNOT_SAY} and "a heart rate of" in " ".join(found.doubts)


def test_what_cannot_both_be_is_no_answer():
    sure = np.array([[9.0, 9.0, -9.0, -9.0, -9.0]])
    found = classify_twelve(recording(), scores=lambda signal: sure)
    assert set(found.labels["answer"]) == {CANNOT_SAY} and "calls it a normal ECG and yet says yes" in found.doubts[0]


def simulated(n, rng):
    label = rng.random((n, 2)) < (0.5, 0.1)
    return label + rng.normal(0, 0.8, (n, 2)), label


def test_the_promise_is_kept_on_new_records():
    rng = np.random.default_rng(0)
    certainty = fit_label_certainty(*simulated(2000, rng), ("a", "b"))
    scores, label = simulated(20_000, rng)
    p = certainty.probabilities(scores)
    answers = certainty.answers(p)
    for column in range(2):
        there, said = label[:, column], answers[:, column]
        assert (said[there] != NO).mean() > 0.88 and (said[~there] != YES).mean() > 0.88
        assert p[:, column].mean() == pytest.approx(there.mean(), abs=0.02), "calibrated"
        assert not (said == YES).any() or there[said == YES].mean() > 0.75
        assert (~there[said == NO]).mean() > 0.9
    assert LabelCertainty.from_values(certainty.to_values(), "it") == certainty


def test_a_certainty_that_cannot_be():
    scores, label = simulated(200, np.random.default_rng(0))
    with pytest.raises(UsageError, match="b: 10 records have it, or lack it; expected at least 30"):
        fit_label_certainty(scores, np.c_[label[:, 0], np.arange(200) < 10], ("a", "b"))
    with pytest.raises(UsageError, match="a: higher scores do not make it more probable"):
        fit_label_certainty(-scores[:, :1], label[:, :1], ("a",))
    with pytest.raises(UsageError, match="expected finite"):
        fit_label_certainty(scores, label[:5], ("a", "b"))
    values = fit_label_certainty(scores[:, :1], label[:, :1], ("a",)).to_values()
    for wrong in ({"slope": "nan"}, {"slope": "-1"}, {"most_no": "0.1 0.2"}, {"labels": ""}, {"intercept": 3}):
        with pytest.raises(ModelError, match="says of its certainty what cannot be"):
            LabelCertainty.from_values(values | wrong, "it")
    with pytest.raises(ModelError, match="what cannot be"):
        LabelCertainty.from_values({}, "it")


def test_both_ways_to_the_scores_are_one():
    network = models.load_pretrained("twelve_leads")
    signal = np.stack([ECG[:, ::5], 0.5 * ECG[:, ::5]]).astype(np.float32)
    expected = predict_labels(network, prepare_leads(signal, 100))
    assert_allclose(1 / (1 + np.exp(-twelve_network()(signal))), expected, atol=1e-4)
    assert "twelve_leads" not in models.pretrained_names()
    with torch.inference_mode():
        assert network(torch.zeros(1, 12, network.n_samples)).shape == (1, 5)


def test_the_card_and_the_certainty_are_those_of_the_run():
    from ecgnb.course.authoring.card import weights_path
    from ecgnb.course.authoring.twelve import results_of_twelve
    from ecgnb.course.authoring.twelve_card import card

    found = json.loads(results_of_twelve().read_text())
    assert weights_path("twelve_leads.md").read_text() == card(found), "run: python -m ecgnb.course.authoring twelve"
    assert (found["run"]["records"], found["run"]["patients"]) == (488, 459), "as NOT_FOR_DIAGNOSIS says"
    _, right = twelve_certainty()
    assert right == {
        f"{label} {answer}": told for label in found["right"] for answer, told in found["right"][label].items()
    }
    files = [weights_path(f"twelve_leads.{end}") for end in ("pth", "onnx", "json", "md")]
    assert sum(file.stat().st_size for file in files) < 1_000_000
    for of_label in found["labels"].values():
        assert of_label["not denied"]["share"][2] > 0.9 and of_label["not asserted"]["share"][2] > 0.9


def test_real_records(real_data):
    real_data("ptbxl")
    records = load_ptbxl(500, data="real", ecg_ids=[1, 8, 39, 45])
    for row in range(len(records)):
        found = classify_twelve(records.recording(row))
        assert not found.doubts and found.read.startswith("PTB-XL")
    swapped = records.signal[0].copy()
    swapped[:6] = np.stack([*limb_leads({"I": -swapped[0], "II": swapped[2]}).values()])
    found = classify_twelve(replace(records.recording(0), signal=swapped))
    assert found.doubts == ("the arm electrodes look swapped",) and set(found.labels["answer"]) == {CANNOT_SAY}


def test_the_command(tmp_path):
    path = table(tmp_path / "mine.csv")
    done = ecgnb("classify12", path, "-o", tmp_path / "out.csv", "--plot", tmp_path / "a.png")
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert (
        lines[0] == "read: mine.csv, 12 leads, 500 Hz (from the column 'time (s)', in s), in mV, 10.0 s"
        and "not for diagnosis" in lines[-1]
    )
    assert [line.split("\t")[0] for line in lines[1:7]] == ["superclass", *SUPERCLASSES]
    assert pd.read_csv(tmp_path / "out.csv")["superclass"].tolist() == [*SUPERCLASSES]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    done = ecgnb("classify12", path, "--json")
    assert json.loads(done.stdout)["labels"][0]["superclass"] == "NORM"
    eleven = [lead for lead in LEADS if lead != "aVL"]
    done = ecgnb("classify12", table(tmp_path / "b.csv", np.delete(ECG, 4, axis=0), eleven))
    assert done.returncode == 0 and "note: aVL derived from I, II, III, aVR and aVF" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["mine.csv", "-o", "mine.csv"], 2, "mine.csv is the recording itself"),
        (["mine.csv", "--plot", "a.pdf", "-o", "a.pdf"], 2, "a.pdf is given twice"),
        (["mine.csv", "--plot", "a.gif"], 2, "a.gif is no picture"),
        (["mine.csv", "--plot", "none/a.png"], 2, "does not exist"),
        (["mine.csv", "--start", "soon"], 2, "--start soon is no time"),
        (["mine.csv", "--start", "60"], 1, "expected ten seconds of twelve leads"),
        (["mine.csv", "--unit", "uV"], 2, "unit='uV', but mine.csv says mV"),
        (["mine.csv", "--unit", "kg"], 2, "expected mV, uV or V"),
        (["none.csv"], 1, "none.csv"),
        (["no_unit.csv"], 1, "does not say in which unit lead I is"),
        (["no_v3.csv"], 1, "V3 is missing, and V3 cannot be derived"),
        (["short.csv"], 1, "lasts 5.0 s; expected ten seconds"),
        (["noise.csv"], 1, "does not look like an ECG"),
        (["ppg.csv"], 1, "has signals called"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path, arguments, code, words):
    table(tmp_path / "mine.csv")
    seconds = {"time (s)": np.arange(5000) / 500}
    pd.DataFrame(seconds | dict(zip(LEADS, ECG, strict=True))).to_csv(tmp_path / "no_unit.csv", index=False)
    table(tmp_path / "no_v3.csv", np.delete(ECG, 8, axis=0), [lead for lead in LEADS if lead != "V3"])
    table(tmp_path / "short.csv", ECG[:, :2500])
    table(tmp_path / "noise.csv", NOISE)
    table(tmp_path / "ppg.csv", ECG[:2], ["PLETH", "ABP"])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = ecgnb("classify12", *arguments, cwd=tmp_path)
    errors = [line for line in done.stderr.splitlines() if line.startswith("ecgnb: ")]
    assert done.returncode == code and len(errors) == 1 and words in errors[0], done.stderr
    assert "Traceback" not in done.stderr and "answer" not in done.stdout
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_doubt_is_told_by_the_command(tmp_path):
    done = ecgnb("classify12", table(tmp_path / "mine.csv", swapped_arms()))
    assert done.returncode == 0 and "doubtful: the arm electrodes look swapped; so nothing is answered" in done.stderr
    assert done.stdout.count(CANNOT_SAY) == 5


def test_no_ecg_is_an_error_of_its_own():
    with pytest.raises(NoEcgError):
        classify_twelve(recording(NOISE))
