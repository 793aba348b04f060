"""Lesson 01: what it says is what its runs found, its drawings fit its network, its checks take no wrong answer."""

import itertools
import json
import re

import jupytext
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.image import imread
from torch import nn
from torch.nn.functional import l1_loss

from ecgnb import datasets, metrics, models, plotting
from ecgnb.course.exercises import exercises
from ecgnb.course.lessons import find, parameters, results_path
from ecgnb.training import fit, set_seed

LESSON = find("01")
TEXT = "\n".join(cell.source for cell in jupytext.read(LESSON.script).cells if cell.cell_type == "markdown")
STRICT, SQUARED, OWN = (exercise.check for exercise in exercises(LESSON))


def recorded(profile):
    return json.loads(results_path(LESSON, profile).read_text())["metrics"]


def test_what_it_says_of_its_search():
    """The default is not worse than the best setting by more than the spread, and no step between rows is larger."""
    rows = recorded("full")["search"]
    defaults = {name: parameter.default for name, parameter in parameters(LESSON).items()}
    names = ("embedding_dim", "samples_per_step", "input_noise")
    (chosen,) = [row for row in rows if all(row[name] == defaults[name] for name in names)]
    assert rows[0]["auroc"] - chosen["auroc"] < chosen["spread"]
    scores = [row["auroc"] for row in rows]
    steps = [before - after for before, after in itertools.pairwise(scores)]
    assert min(steps) >= 0
    assert max(steps) < min(row["spread"] for row in rows), "no step is larger than the spread"
    table = re.findall(r"^\| (\d+) \| (\d+) \| ([\d.]+) \| ([\d.]+) \|", TEXT, re.MULTILINE)
    shown = [[row[name] for name in names] + [round(row["auroc"], 4)] for row in rows]
    assert [[float(cell) for cell in row] for row in table] == shown, "the table is that of the recorded full run"
    (without,) = [row for row in rows if [row[name] for name in names] == [16, 10, 0.0]]
    assert 0 < chosen["auroc"] - without["auroc"] < 0.001 and "by less than 0.001" in TEXT, "what the noise brings"
    assert round(without["spread"], 3) == 0.002 and "spread of 0.002" in TEXT


def test_what_it_says_of_the_recorded_full_run():
    sizes = recorded("full")["samples_per_step"]
    assert sizes["1"]["epochs"] == sizes["10"]["epochs"] == 60
    for size in ("1", "10"):
        assert f"{sizes[size]['val. loss']:.3f}" in TEXT and sizes[size]["AUROC"] in TEXT.replace("\n", " ")


@pytest.mark.parametrize("profile", ["default", "full"])
def test_what_it_says_of_its_runs(profile):
    found = recorded(profile)
    assert found["auroc"] >= 0.990 and found["balanced_accuracy"] >= 0.94
    assert found["oracle_balanced_accuracy"] >= found["balanced_accuracy"]
    assert found["baselines"]["PCA"] < found["baselines"]["one-class SVM"] < found["baselines"]["1-NN"]


def test_how_its_windows_are_read(real_ecg5000):
    """ECG5000's normal windows have the waves that the lesson names, and the classes differ where it says so."""
    beats = datasets.load_ecg5000("real")
    mean = {name: beats.signal[beats.class_name == name].mean(axis=0) for name in beats.class_names}
    normal = mean["Normal"]
    assert (
        normal[:20].argmin() == 3 and 70 < 60 + normal[60:90].argmax() < 84 and 98 < 90 + normal[90:115].argmax() < 110
    )
    assert np.abs(np.diff(normal[117:126])).max() < 0.02, "the flat stretch between P wave and QRS complex"
    trough = {name: wave[:20].min() for name, wave in mean.items()}
    assert all(trough["Normal"] < depth - 0.9 for name, depth in trough.items() if name != "Normal")
    assert all(mean[name][130:].min() < -2.8 for name in ("R-on-T PVC", "PVC")) and normal[125:].min() > -1
    p_wave = {name: wave[98:110].max() - wave[117:126].mean() for name, wave in mean.items()}
    assert p_wave["Normal"] > 1.5 and max(p_wave["R-on-T PVC"], p_wave["PVC"]) < 0.3


def test_the_network_has_the_shapes_of_its_drawing(smoke_namespace):
    lesson = smoke_namespace("01")
    left = {}
    network = lesson["model"]
    for name, layer in network.named_children():
        layer.register_forward_hook(lambda layer, given, out, name=name: left.update({name: out}))
    beat = torch.from_numpy(lesson["test_signal"][:1])
    assert network(beat).shape == (1, 140)
    shapes = [
        " x ".join(map(str, left[name][0].shape[1:])) for name in ("encoder_outer", "decoder_inner", "decoder_outer")
    ]
    _, (last, _) = left["encoder_inner"]
    drawn = [shape for _, shape in lesson["blocks"]]
    assert drawn == ["140", "14 x 10", shapes[0], str(last[0].shape[1]), "14 x 16", *shapes[1:], "140"]


def test_the_glossary_shows_the_heartbeat_as_it_is_drawn(tmp_path):
    committed = LESSON.script.parent / "images" / "heartbeat.png"
    with plt.rc_context():
        plotting.use_style()
        plotting.plot_heartbeat(ecg5000_window=True).savefig(tmp_path / "heartbeat.png")
        plt.close("all")
    before, now = imread(committed), imread(tmp_path / "heartbeat.png")
    assert before.shape == now.shape and np.abs(before - now).mean() < 0.01, "see ecgnb/plotting/diagrams.py"
    assert "heartbeat.png" in (LESSON.script.parent / "pages" / "glossary.md").read_text()


def test_drawings_hold_what_they_are_given():
    figure = plotting.plot_network([("beat", "1 x 187"), *[("layer", "32 x 62")] * 6], title="Seven boxes")
    (axis,) = figure.axes
    assert len(axis.patches) == 7 and len({round(box.get_y(), 3) for box in axis.patches}) == 3, "two rows, two heights"
    assert [text.get_text() for text in axis.texts].count("32 × 62") == 6
    figure = plotting.plot_labelled_window(np.sin(np.arange(140) / 20), {"top": 31, "bottom": 94}, title="A wave")
    assert [text.get_text() for text in figure.axes[0].texts] == ["top", "bottom"]
    plt.close("all")


def verdict(check, lesson, **answers):
    """Return what a check says of answers: "" where it takes them."""
    try:
        exec(check, lesson | answers)
    except AssertionError as wrong:
        return str(wrong)
    return ""


def lost_by_class(lesson, strict):
    """Return the share of flagged beats that each class of anomalies loses, by a loop."""
    lost = {}
    for name in set(lesson["class_name"]) - {"Normal"}:
        errors = lesson["errors"][lesson["class_name"] == name]
        lost[name] = sum(error > lesson["threshold"] for error in errors) / len(errors)
        lost[name] -= sum(error > strict for error in errors) / len(errors)
    return lost


def test_the_check_of_the_strict_threshold(smoke_namespace):
    lesson = smoke_namespace("01")
    val_errors = lesson["val_errors"]
    strict = float(np.quantile(val_errors, 0.99))
    lost = lost_by_class(lesson, strict)
    pays, spared = max(lost, key=lost.get), min(lost, key=lost.get)
    assert lost[pays] > lost[spared]
    right = [
        (strict, pays),
        (torch.tensor(val_errors).quantile(0.99), np.str_(pays)),
        (pd.Series(val_errors).quantile(0.99, interpolation="higher"), pays),
        (sorted(val_errors)[int(0.99 * len(val_errors))], pd.Series(lost).idxmax()),
    ]
    for answer in right:
        assert verdict(STRICT, lesson, strict=answer[0], pays=answer[1]) == ""
    train_errors = metrics.reconstruction_error(lesson["model"], lesson["train_signal"])
    wrong = {
        np.quantile(lesson["normal_errors"], 0.99): "quantile of the test normals",
        np.quantile(train_errors, 0.99): "quantile of the training normals",
        lesson["threshold"]: "validation normals lie above strict",
        val_errors.max(): "0 of 438 validation normals lie above strict",
        0.99: "validation normals lie above strict",
    }
    for answer, message in wrong.items():
        assert message in verdict(STRICT, lesson, strict=answer, pays=pays)
    assert "another class loses more" in verdict(STRICT, lesson, strict=strict, pays=spared)
    assert "expected one of" in verdict(STRICT, lesson, strict=strict, pays="Normal")


def test_the_check_of_the_squared_error(smoke_namespace):
    lesson = smoke_namespace("01")
    gap = lesson["reconstruction"] - lesson["test_signal"]
    squared = np.mean(gap**2, axis=1)
    better = lesson["auroc_gain"](squared, lesson["errors"]).low > 0
    by_loop = [sum(float(value) ** 2 for value in row) / len(row) for row in gap]
    for right in (squared, by_loop, pd.Series(squared), torch.tensor(gap).square().mean(dim=1)):
        assert verdict(SQUARED, lesson, squared=right, better=better) == ""
        assert verdict(SQUARED, lesson, squared=right, better=bool(better)) == ""
    one_beat = np.zeros(len(squared))
    one_beat[0] = squared[0]
    for wrong in (one_beat, lesson["errors"], np.sqrt(squared), (gap**2).sum(axis=1)):
        assert "have another mean squared error" in verdict(SQUARED, lesson, squared=wrong, better=better)
    assert "one score a beat is" in verdict(SQUARED, lesson, squared=squared.mean(), better=better)
    assert "does its interval lie above zero?" in verdict(SQUARED, lesson, squared=squared, better=not better)
    assert "expected True or False" in verdict(SQUARED, lesson, squared=squared, better="above")


def linear(bottleneck):
    """Return an untrained autoencoder of linear layers."""
    return nn.Sequential(
        nn.Linear(140, 64),
        nn.ReLU(),
        nn.Linear(64, bottleneck),
        nn.Linear(bottleneck, 64),
        nn.ReLU(),
        nn.Linear(64, 140),
    )


class Convolutional(nn.Module):
    """Two channels of four numbers, in the functional style."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv1d(1, 2, 35, stride=35)
        self.decoder = nn.Linear(8, 140)

    def forward(self, signal):
        return self.decoder(torch.tanh(self.encoder(signal[:, None])).flatten(1))


def trained(network, signal):
    """Return a network after three epochs on these beats."""
    beats = torch.from_numpy(signal)
    fit(network, (beats, beats), None, l1_loss, epochs=3, lr=0.005, verbose=False)
    return network


def trained_by_hand(network, signal):
    """Return a network after a loop of one's own."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
    for rows in torch.randperm(len(signal)).repeat(4).split(32):
        beats = torch.from_numpy(signal)[rows]
        optimizer.zero_grad()
        l1_loss(network(beats), beats).backward()
        optimizer.step()
    return network


def test_the_check_of_a_readers_autoencoder(smoke_namespace):
    lesson = smoke_namespace("01")
    normal = lesson["train_signal"]
    set_seed(0)
    lstm = models.create("lstm_autoencoder", n_samples=140, embedding_dim=8)
    for right in (
        trained(linear(8), normal),
        trained_by_hand(linear(5), normal),
        trained(Convolutional(), normal),
        trained(lstm, normal),
    ):
        assert verdict(OWN, lesson, own=right) == ""
    anomalies = lesson["test_signal"][lesson["is_anomaly"]]
    wrong = [
        (lesson["model"], "own is the lesson's network"),
        (nn.Identity(), "own has no weights"),
        (linear(8)[:1], "own must return what it was given"),
        (trained(linear(100), normal), "directions; through eight numbers"),
        (trained(linear(16), normal), "directions; through eight numbers"),
        (linear(8), "was it trained?"),
        (trained(linear(8), anomalies), "on what was it trained?"),
        (trained(linear(8), lesson["beats"].signal), "on what was it trained?"),
    ]
    for answer, message in wrong:
        assert message in verdict(OWN, lesson, own=answer), message
