"""Lesson 03: what it says is what its runs found, also under other parameters; its checks take no wrong answer."""

import json
import re

import jupytext
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA

from ecgnb import plotting
from ecgnb.course.execute import execute
from ecgnb.course.exercises import exercises
from ecgnb.course.folders import read_metrics
from ecgnb.course.lessons import find, results_path
from ecgnb.models import create
from ecgnb.plotting import dual_loss
from ecgnb.training import predict

LESSON = find("03")
FEWER, STRANGE = (exercise.check for exercise in exercises(LESSON) if exercise.check)
TEXT = "\n\n".join(cell.source for cell in jupytext.read(LESSON.script).cells if cell.cell_type == "markdown")


def recorded(profile):
    return json.loads(results_path(LESSON, profile).read_text())["metrics"]


@pytest.mark.parametrize("profile", ["default", "full"])
def test_what_it_says_of_both_recorded_runs(profile):
    """Its prose is written without numbers; here they are."""
    found = recorded(profile)
    matrix_of_n = found["per_class"]["N"]["support"]
    always_n = matrix_of_n / sum(row["support"] for row in found["per_class"].values())
    assert found["accuracy"] < always_n, "the accuracy is below that of always N"
    assert found["pca_reconstruction_mse"] < found["reconstruction_mse"] / 5, "PCA reconstructs far better"
    assert min(found["names_the_patient"].values()) > 0.8, "one beat's latent vector points to its recording"
    assert abs(found["names_the_patient"]["network"] - found["names_the_patient"]["PCA"]) < 0.06, "PCA does it as well"
    splits = found["splits"]
    assert splits["patient-wise"]["reconstruction_mse"] > 2 * splits["beat-wise"]["reconstruction_mse"]
    assert splits["hybrid"]["reconstruction_mse"] < 0.6 * splits["patient-wise"]["reconstruction_mse"], "it gains too"
    assert found["adaptation_macro_f1"] > 0.2
    others = np.ravel(found["adaptation_others"])[0]
    assert others < found["adaptation_macro_f1"] / 2, "most of it is one patient's S beats"


@pytest.mark.parametrize("profile", ["default", "full"])
def test_what_it_says_of_the_error_as_a_detector(profile):
    rows = [{c: e and e[0] for c, e in row.items()} for row in recorded(profile)["anomaly"].values()]
    ours, ours_mv, scale, trained_on_n, pca_of_n, supervised = rows
    assert ours["V"] < 0.6, "by shape, V is reconstructed no worse than N"
    assert scale["V"] > ours_mv["V"], "size alone does it at least as well"
    assert trained_on_n["V"] > ours["V"] > pca_of_n["V"] - 0.05
    assert supervised["V"] > 0.1 + max(row["V"] for row in (ours, ours_mv, trained_on_n, pca_of_n)), (
        "no error comes near the classifier"
    )
    assert ours["S"] > max(0.7, ours["V"]), "the S beats are found by shape, of all things"
    assert ours["Q"] is None, "fewer than 20 beats"


@pytest.mark.parametrize("profile", ["default", "full"])
def test_what_it_says_of_the_ablation(profile):
    ablation = list(recorded(profile)["ablation"].values())  # from reconstruction only to classification only
    mixed, default = ablation[1:-1], profile == "default"
    assert all(low < 0 < high for low, high in (row["head_gain_interval"] for row in mixed)), "none excludes zero"
    assert all(row["error_gain_interval"][0] > 0 for row in mixed[1:]), "reconstruction pays, at 1 : 1 and 1 : 10"
    low, high = mixed[0]["error_gain_interval"]
    assert high < 0 if default else low < 0 < high, "10 : 1: by the rule a gain in the one run, level in the other"
    assert [row["probe_gain_interval"][0] > 0 for row in mixed] == [False, False, True], "one probe gains: 1 : 10"
    if not default:
        trained = mixed[2]["probe_gain_of_each_seed"]
        assert sorted(np.sign(trained)) == [-1, 1, 1], "of its three trainings two gain and one loses"
        assert max(trained) - min(trained) > mixed[2]["probe_gain"], "less than what another training does"
    low, high = ablation[0]["probe_gain_interval"]
    assert low < 0 < high, "the probe on reconstruction only is not told from that on classification only"


@pytest.mark.parametrize("profile", ["default", "full"])
def test_what_it_says_of_convolutional_networks(profile):
    lstm, small, large = (
        recorded(profile)["models"][n] for n in ("lstm_autoencoder_classifier", "simple_cnn", "complex_cnn")
    )
    assert 10 * small["parameters"] < lstm["parameters"] < large["parameters"]
    on_gpu = profile == "full"
    ratio = small["train_beats_per_second"] / lstm["train_beats_per_second"]
    assert 1.15 < ratio < 1.25 if on_gpu else ratio > 3, "several times as fast on a processor, on a GPU by a fifth"
    assert small["reconstruction_mse"] < min(lstm["reconstruction_mse"], large["reconstruction_mse"]), "best of three"
    assert small["macro_f1_interval"][0] < lstm["macro_f1"] < small["macro_f1_interval"][1], "about as well"


def test_what_it_says_of_default_beside_full():
    default, full = recorded("default"), recorded("full")
    assert 0.4 * default["reconstruction_mse"] < full["reconstruction_mse"] < 0.6 * default["reconstruction_mse"]
    assert full["macro_f1"] <= default["macro_f1"], "no higher"
    for found in (default, full):
        nsv = {name: np.mean([row["per_class"][c]["f1"] for c in "NSV"]) for name, row in found["splits"].items()}
        way = (nsv["hybrid"] - nsv["patient-wise"]) / (nsv["beat-wise"] - nsv["patient-wise"])
        assert way > 0.8, "most of the way"


def test_what_it_says_of_the_default_run_alone():
    found = recorded("default")
    low, high = found["macro_f1_beyond_linear_interval"]
    assert low < 0 < high, "not told from the linear baseline"
    ratio = found["reconstruction_mse_z"] / found["validation_mse"]
    assert ratio > 2, "on unseen patients the error is several times that of validation beats"
    assert found["accuracy_beyond_majority"] < 0


def test_results_in_fixed_prose_name_the_run_they_are_of():
    """A paragraph that says how something came out says which run it speaks of; the others are made by code."""
    telling = re.compile(r"\b(far better|falls to chance|includes zero|several times as|about as well|most of the)\b")
    for paragraph in TEXT.split("\n\n"):
        if telling.search(paragraph.replace("\n", " ")) and "<summary>" not in paragraph:
            assert "recorded" in paragraph or "?" in paragraph or "would" in paragraph or "chance has" in paragraph, (
                paragraph
            )


# --- the sentences of a run with other parameters


@pytest.fixture(scope="module")
def other_run(tmp_path_factory):
    """Beat-wise, another network, four latent numbers, another seed: record, sentences and the predictions."""
    folder = tmp_path_factory.mktemp("other") / "run"
    other = dict(split="beat-wise", model="simple_cnn", latent_dim=4, seed=1, epochs=3, n_seeds=2)
    record = read_metrics(execute(LESSON, other, profile="smoke", output_dir=folder))
    made = nbformat.read(folder / "executed.ipynb", as_version=4)
    outputs = [output for cell in made.cells for output in cell.get("outputs", [])]
    sentences = [output["data"]["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {})]
    return record["metrics"], "\n\n".join(sentences), np.load(folder / "predictions.npz")


GAP = re.compile(r"([+-][\d.]+) \(([+-][\d.]+) to ([+-][\d.]+)\)")
VERDICT = re.compile(r"the same|(higher|lower), (?:and|but) the interval (excludes|includes) zero")


def test_each_verdict_fits_its_interval(other_run):
    """Whatever the parameters: the words beside a difference are those of its sign and its interval."""
    found = 0
    for match in GAP.finditer(other_run[1]):
        value, low, high = map(float, match.groups())
        words = VERDICT.search(other_run[1], match.end(), match.end() + 130)
        if words is None:
            continue
        found += 1
        if words[0] == "the same":
            assert value == low == high == 0
            continue
        assert value == 0 or (words[1] == "higher") == (value > 0), match[0] + words[0]
        if low * high != 0:  # else it is zero by rounding
            assert (words[2] == "excludes") == (low * high > 0), match[0] + words[0]
    assert found >= 12


def test_sentences_of_another_split_do_not_contradict_its_numbers(other_run):
    found, text, predictions = other_run
    assert "of patients that were trained on too" in text and "never met" not in text
    assert found["macro_f1_classes"] == ["N", "S", "V", "F", "Q"]
    (ratio,) = re.findall(r"The network's error is ([\d.e+]+) times that of PCA", text)
    assert float(ratio) == pytest.approx(found["reconstruction_mse"] / found["pca_reconstruction_mse"], rel=0.01)
    wrong = predictions["y_pred"] != predictions["y_true"]
    error = pd.Series(predictions["squared_error"])
    badly = (error.groupby(predictions["record"]).rank(pct=True) > 0.5).to_numpy()
    said = re.search(r"\*\*(\d+)%\*\* of the wrongly classified beats, (\d+)% of the rightly", text)
    assert [round(100 * badly[wrong].mean()), round(100 * badly[~wrong].mean())] == [int(said[1]), int(said[2])]
    together = badly[wrong].mean() > badly[~wrong].mean()
    assert ("the two errors go together" in text) <= together
    assert ("even reconstructed better" in text) <= (not together)
    (one, other) = re.findall(r"\*\*(\d+)%\*\* of cases for the network's latent vectors and in \*\*(\d+)%", text)[0]
    assert [int(one), int(other)] == [round(100 * found["names_the_patient"][name]) for name in ("network", "PCA")]


# --- its figures


def test_figures_of_its_own():
    figure = dual_loss.plot_two_heads([("beat", 288), ("latent", 64)], [("decoder", 288)], [("head", 5)])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"beat\n288", "latent\n64", "decoder\n288", "head\n5"} <= set(texts)
    gains = pd.DataFrame(
        [["a", "head", 0.1, -0.1, 0.2, [0.0, 0.2]], ["b", "head", 0.2, 0.1, 0.3, [0.2]]],
        columns=["mixture", "measure", "gain", "gain_low", "gain_high", "each"],
    )
    labels = dict(mixtures=["a", "b"], titles={"head": "Head", "error": "Error"}, xlabels={"head": "x", "error": "y"})
    red = []
    for part in (gains, gains[gains["mixture"] == "b"]):
        lines = dual_loss.plot_gains(part, **labels).axes[0].lines
        red.append([line for line in lines if line.get_color() == plotting.ALARM_COLOUR])
    assert [len(lines) for lines in red] == [1, 0], "a tick for each training, where there are several"
    assert red[0][0].get_ydata()[0] != 0, "beside the dot, not under it"
    maps = dual_loss.plot_latent_maps({"PCA": np.zeros((3, 2))}, ["N", "V", "N"], ["100", "101", "101"])
    assert len(maps.axes) == 2 and "2 of them" in maps.axes[1].get_title()


# --- the checks of its exercises


@pytest.fixture(scope="module")
def lesson(smoke_namespace):
    return smoke_namespace("03")


def linear(space, rows, n=8):
    """Return few_test from n components fitted to rows."""
    fitted = PCA(n, svd_solver="full").fit(space["scaled"][rows])
    return fitted.inverse_transform(fitted.transform(space["scaled"][space["few_test"]]))


@pytest.fixture(scope="module")
def small(lesson):
    rows, _ = lesson["sample_rows"](lesson["split"], lesson["compare_beats"], lesson["seed"])
    return lesson["train"](rows, (1.0, 0.0), lesson["compare_epochs"], n_latent=8)[0]


def own_components(space):
    """Eight directions by singular values, no scikit-learn."""
    rows = space["scaled"][space["few_rows"]]
    mean = rows.mean(axis=0)
    directions = np.linalg.svd(rows - mean, full_matrices=False)[2][:8]
    beats = space["scaled"][space["few_test"]]
    return [row.tolist() for row in mean + (beats - mean) @ directions.T @ directions]


def own_network(space):
    """A network made without the lesson's function, and trained by a loop of one's own."""
    torch.manual_seed(3)
    network = create("simple_cnn", n_samples=288, latent_dim=8)
    optimizer, x = torch.optim.AdamW(network.parameters(), lr=0.01), space["x"][space["few_rows"]]
    for _ in range(15):
        optimizer.zero_grad()
        network.reconstruction_loss(network(x)[0], x).backward()
        optimizer.step()
    return network


def test_fewer_numbers_right(lesson, small):
    fitted = linear(lesson, lesson["few_rows"])
    exec(FEWER, lesson | dict(small=small, linear_8=fitted))
    exec(FEWER, lesson | dict(small=small, linear_8=torch.from_numpy(linear(lesson, lesson["train_rows"]))))
    exec(FEWER, lesson | dict(small=own_network(lesson), linear_8=own_components(lesson)))
    exec(FEWER, lesson | dict(small=small, linear_8=pd.DataFrame(fitted)))


def test_fewer_numbers_wrong(lesson, small):
    fitted = linear(lesson, lesson["few_rows"])

    def refused(match, **answer):
        with pytest.raises(AssertionError, match=match):
            exec(FEWER, lesson | dict(small=small, linear_8=fitted) | answer)

    refused("has 64 numbers, not 8", small=lesson["network"])
    refused("no better than an untrained network", small=lesson["new_network"](lesson["model"], 8, lesson["seed"]))
    refused("to training beats, not to test beats", linear_8=linear(lesson, lesson["few_test"]))
    refused("to training beats, not to test beats", linear_8=linear(lesson, lesson["test"]))
    refused("more than 8 components", linear_8=linear(lesson, lesson["few_rows"], n=9))
    refused("more than 8 components", linear_8=lesson["scaled"][lesson["few_test"]])
    refused("eight components reach", linear_8=np.zeros_like(fitted))
    refused("linear_8: expected", linear_8=fitted[:5])


def relative(space, by):
    """Return the error over its median, by groups of beats."""
    error = pd.Series(space["tested"].error)
    return error / error.groupby(by).transform("median")


def aurocs(space, score):
    return {name: space["auroc_against_normal"](space["test"], np.asarray(score), name) for name in space["measured"]}


def by_loop(space):
    record, found = space["beats"].record[space["test"]], []
    for one, error in zip(record, space["tested"].error, strict=True):
        found.append(float(error) / float(np.median(space["tested"].error[record == one])))
    return found


def test_strange_for_whom_right(lesson):
    divided = relative(lesson, lesson["beats"].record[lesson["test"]])
    found = aurocs(lesson, divided)
    assert found, "some class was measured"
    exec(STRANGE, lesson | dict(relative=divided, auroc_relative=found))
    values = {name: round(one.value, 3) for name, one in found.items()}
    exec(STRANGE, lesson | dict(relative=by_loop(lesson), auroc_relative=values))
    exec(STRANGE, lesson | dict(relative=torch.tensor(divided.to_numpy()), auroc_relative=pd.Series(values)))


def test_strange_for_whom_wrong(lesson):
    beats, test = lesson["beats"], lesson["test"]
    right = relative(lesson, beats.record[test])
    found = aurocs(lesson, right)

    def refused(match, **answer):
        with pytest.raises(AssertionError, match=match):
            exec(STRANGE, lesson | dict(relative=right, auroc_relative=found) | answer)

    ones, of_class = [1.0] * len(test), relative(lesson, beats.class_name[test])
    refused("not its error over the median", relative=ones, auroc_relative=dict.fromkeys(found, 0.5))
    refused("not its error over the median", relative=of_class, auroc_relative=aurocs(lesson, of_class))
    refused("not its error over the median", relative=lesson["tested"].error / np.median(lesson["tested"].error))
    refused("one number a test beat", relative=right[:-1])
    refused("the AUROC of", auroc_relative=dict.fromkeys(found, 0.123))
    refused("expected the classes", auroc_relative={})


def test_predictions_are_those_of_the_network_it_saves(lesson):
    """What it classifies is what its network gives for the beats that its recipe cuts."""
    logits = predict(
        lesson["network"], torch.from_numpy(lesson["recipe"].scaled(lesson["beats"].signal[lesson["test"][:50]]))
    )[1]
    assert (logits.argmax(dim=1).numpy() == lesson["predicted"][:50]).all()
