"""What a network was trained on is what it is served, whatever model file a lesson writes; or it is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ecgnb import models
from ecgnb.classifier import Inputs, Recipe, classify_recording, load_classifier
from ecgnb.classifier import recording as module
from ecgnb.classifier.network import class_scores
from ecgnb.classifier.onnx import OnnxClassifier, export_onnx
from ecgnb.datasets import load_mitdb, load_records
from ecgnb.errors import ModelError, UsageError
from ecgnb.training import predict, set_seed

AAMI, FOUR = "N S V F Q", "N SVEB VEB Other"
LESSONS = {  # network, recipe and classes of each lesson's model files
    "02": ("cnn_lstm", Recipe(75, 112, 125.0), AAMI),
    "03 LSTM": ("lstm_autoencoder_classifier", Recipe(108, 180, 360.0), AAMI),
    "03 simple CNN": ("simple_cnn", Recipe(108, 180, 360.0), AAMI),
    "03 complex CNN": ("complex_cnn", Recipe(108, 180, 360.0), AAMI),
    "04 default": ("micro_ecgnet", Recipe(128, 128, 128.0, highpass=0.5), FOUR),
    "04 full": ("lite_ecgnet", Recipe(360, 360, 360.0, highpass=0.5), FOUR),
    "06": (
        "beat_sequence",
        Recipe(40, 56, 125.0, highpass=0.5, scaling="recording", reference="recording", rr="mean"),
        AAMI,
    ),
    "06 causal": (
        "beat_sequence",
        Recipe(40, 56, 125.0, highpass=0.5, scaling="recording", reference="so far", rr="running", next_rr=False),
        AAMI,
    ),
}


def saved(folder, name, recipe, classes):
    """Save a network as a lesson's run does, its fresh head so large that it tells beats apart."""
    set_seed(0)
    options = {"n_samples": recipe.n_samples, "n_classes": len(classes.split())}
    if name == "beat_sequence":
        options |= {"n_timing": recipe.n_timing, "causal": not recipe.next_rr}
    network = models.create(name, **options).eval()
    layers = [part for part in network.modules() if isinstance(part, torch.nn.Linear)]
    (head,) = [layer for layer in layers if layer.out_features == options["n_classes"]]
    beats = load_mitdb("synthetic", records=["100"], cache=False, **recipe.window)
    with torch.no_grad():
        scores = class_scores(network(torch.from_numpy(recipe.of(beats).rows)))
        factor = 3 / scores.std(dim=0).mean()
        head.weight *= factor
        head.bias.copy_(factor * (head.bias - scores.mean(dim=0)))
    models.save(network, folder / "best_model.pth", **recipe.to_values(), classes=classes)
    return network


def served(path, record, **options):
    """Return what `classify` says of a record's beats at its reference peaks, and the signals it gave the network."""
    classifier, seen = load_classifier(path), []
    plain = classifier.probabilities
    classifier.probabilities = lambda inputs: seen.append(inputs.rows) or plain(inputs)
    wave = record.wave(classifier.recipe.lead)
    found = classify_recording(wave, record.fs, classifier=classifier, r_sample=record.r_sample, **options).beats
    whole = found[found["confidence"].notna()]
    return whole[[f"p_{name}" for name in classifier.classes]].to_numpy(), np.concatenate(seen)


def trained_on(network, recipe, data, record):
    """Return the probabilities of the lesson's path: beats cut, scaled, predicted."""
    beats = load_mitdb(data, records=[record], cache=False, **recipe.window)
    signal = torch.from_numpy(recipe.of(beats).rows)
    output = predict(network, signal, batch_size=len(signal))  # the whole recording: a beat's neighbours count
    return (output if isinstance(output, torch.Tensor) else output[1]).softmax(1).numpy(), signal.numpy()


def compare(folder, lesson, data, name):
    kind, recipe, classes = LESSONS[lesson]
    network = saved(folder, kind, recipe, classes)
    expected, trained_signal = trained_on(network, recipe, data, name)
    (record,) = load_records([name], data=data)
    found, served_signal = served(folder / "best_model.pth", record)
    np.testing.assert_allclose(served_signal, trained_signal, atol=2e-5)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected.std(axis=0).max() > 0.05, "the network tells beats apart, so the test can fail"


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lessons_model_is_served_as_it_was_trained(tmp_path, lesson):
    compare(tmp_path, lesson, "synthetic", "100")


@pytest.mark.parametrize("lesson", ["02", "03 simple CNN", "04 default", "06", "06 causal"])
def test_on_real_records_in_blocks(real_mitdb, tmp_path, lesson):
    compare(tmp_path, lesson, "real", "114")  # half an hour, three blocks; its MLII is the second signal


def test_the_test_can_fail(tmp_path, synthetic_records, monkeypatch):
    """Served without its high-pass, a network of lesson 04 gives other probabilities."""
    kind, recipe, classes = LESSONS["04 default"]
    network = saved(tmp_path, kind, recipe, classes)
    expected, _ = trained_on(network, recipe, "synthetic", "100")
    monkeypatch.setattr("ecgnb.classifier.recipe.highpassed", lambda wave, fs, cutoff: wave)
    found, _ = served(tmp_path / "best_model.pth", load_records(["100"], data="synthetic")[0])
    assert np.abs(found - expected).max() > 1e-3


@pytest.mark.parametrize("lesson", ["02", "04 default", "04 full", "06", "06 causal"])
def test_blocks_do_not_show(tmp_path, lesson, monkeypatch):
    kind, recipe, classes = LESSONS[lesson]
    saved(tmp_path, kind, recipe, classes)
    (record,) = load_records(["100"], data="synthetic")
    at_once, _ = served(tmp_path / "best_model.pth", record)
    monkeypatch.setattr(module, "BLOCK_SECONDS", 17.0)
    in_blocks, _ = served(tmp_path / "best_model.pth", record)
    np.testing.assert_allclose(in_blocks, at_once, atol=1e-5)


def test_onnx_serves_alike(tmp_path):
    for lesson in ("03 LSTM", "04 default"):
        kind, recipe, classes = LESSONS[lesson]
        saved(tmp_path, kind, recipe, classes)
        classifier = load_classifier(tmp_path / "best_model.pth")
        export_onnx(classifier, tmp_path / "model.onnx")
        exported = OnnxClassifier(tmp_path / "model.onnx")
        assert exported.recipe == recipe and exported.classes == classes.split()
        inputs = recipe.of(load_mitdb("synthetic", records=["100"], cache=False, **recipe.window))
        np.testing.assert_allclose(exported.probabilities(inputs), classifier.probabilities(inputs), atol=1e-4)


def test_inputs_hold_signal_and_timing():
    (record,) = load_records(["100"], data="synthetic")
    recipe = Recipe(75, 112, 125.0)
    beats = load_mitdb("synthetic", records=["100"], cache=False, **recipe.window)
    inputs = recipe.inputs(record.wave("MLII"), record.fs, record.r_sample)
    of_beats = recipe.of(beats)
    assert isinstance(inputs, Inputs) and inputs.signal.shape == (len(beats), 187)
    np.testing.assert_array_equal(inputs.signal, of_beats.signal)
    np.testing.assert_array_equal(inputs.rows, inputs.signal)
    assert (inputs.why == "").sum() == len(beats) and len(inputs.why) == len(record.r_sample)


@pytest.mark.parametrize("highpass", [None, 0.5])
def test_values_come_back(highpass):
    recipe = Recipe(128, 128, 128.0, lead="II", highpass=highpass)
    assert Recipe.from_values(recipe.to_values(), "m.pth") == recipe
    assert Recipe.from_values({"fs": 125.0, "classes": "N"}, "m.pth") is None


@pytest.mark.parametrize(
    "wrong",
    [{"reference": "me"}, {"rr": 1}, {"next_rr": 1}, {"before": True}, {"after": 10**6},
     {"fs": float("nan")}, {"fs": "fast"}, {"lead": 3}, {"highpass": 900.0},
     {"scaling": "mV"}, {"before": -1}],
)  # fmt: skip
def test_a_recipe_that_cuts_nothing_is_refused(wrong):
    with pytest.raises(ModelError, match=r"m\.pth has a recipe that no beat can be cut by"):
        Recipe.from_values(Recipe(75, 112, 125.0).to_values() | wrong, "m.pth")


def test_a_wrong_recipe_of_ones_own():
    for wrong in (
        {"before": -1},
        {"fs": 0.0},
        {"highpass": 100.0},
        {"after": 10**6},
        {"rr": "mode"},
        {"scaling": "mV"},
    ):
        with pytest.raises(UsageError, match="expected"):
            Recipe(**({"before": 75, "after": 112, "fs": 125.0} | wrong))


@pytest.mark.parametrize("classes", ["N N N N N", "N S V F ?", "N S V F", "=1+2 @x -3 +4 z", ""])
def test_classes_that_are_no_names(tmp_path, classes):
    network = models.create("cnn_lstm", n_samples=187, n_classes=5)
    models.save(network, tmp_path / "m.pth", **Recipe(75, 112, 125.0).to_values(), classes=classes)
    with pytest.raises(ModelError, match=r"m\.pth.*(expected words that differ|names 4 classes)"):
        load_classifier(tmp_path / "m.pth")


def test_an_autoencoder_labels_nothing(tmp_path):
    """Lesson 01's best_model.pth."""
    models.save(models.create("lstm_autoencoder", n_samples=140), tmp_path / "best_model.pth", threshold=0.25)
    with pytest.raises(ModelError, match=r"best_model\.pth \(lstm_autoencoder\) does not say which classes"):
        load_classifier(tmp_path / "best_model.pth")


def test_nested_values_are_refused_at_once(tmp_path):
    """A value of ten nested tuples is small in a file and endless when printed."""
    network = models.create("cnn_lstm", n_samples=187, n_classes=5)
    models.save(network, tmp_path / "m.pth", **Recipe(75, 112, 125.0).to_values(), classes=AAMI)
    content, laughs = torch.load(tmp_path / "m.pth", weights_only=True), ("ha",)
    for _ in range(40):
        laughs = (laughs,) * 10
    for part, key in (("extra", "before"), ("extra", "classes"), ("options", "n_samples")):
        torch.save(content | {part: content[part] | {key: laughs}}, tmp_path / "laughs.pth")
        with pytest.raises(ModelError, match=r"laughs\.pth holds values within values where numbers or text were"):
            load_classifier(tmp_path / "laughs.pth")
    torch.save(content | {"name": "x" * 10**5}, tmp_path / "laughs.pth")
    with pytest.raises(ModelError, match="holds a text of 100,000 characters"):
        load_classifier(tmp_path / "laughs.pth")


SEQUENCE = LESSONS["06"][1]


def test_each_recording_stands_for_itself():
    """Beats of two recordings give what each alone gives, and no context crosses the border."""
    beats = load_mitdb("synthetic", records=["100", "200"], cache=False, **SEQUENCE.window)
    classifier, inputs = load_classifier("beat_sequence"), SEQUENCE.of(beats)
    assert sorted(set(inputs.recording)) == [0, 1]
    both = classifier.probabilities(inputs)
    for name in ("100", "200"):
        here = beats.record == name
        alone = SEQUENCE.of(beats[np.flatnonzero(here)])
        np.testing.assert_array_equal(alone.rows, inputs.rows[here])
        np.testing.assert_allclose(classifier.probabilities(alone), both[here], atol=1e-5)
    assert len(SEQUENCE.of(beats[np.arange(0)]).signal) == 0


def test_a_causal_recipe_knows_no_future():
    """What comes later changes no earlier beat, once the first 64 are in."""
    causal, classifier = LESSONS["06 causal"][1], load_classifier("beat_sequence_causal")
    assert classifier.recipe == causal and classifier.network.reach[1] == 0
    (record,) = load_records(["100"], data="synthetic")
    windows, _ = causal.cut(record.wave("MLII"), record.fs, record.r_sample)
    windows, seconds = np.tile(windows, (4, 1)), np.arange(4 * len(windows)) * 0.8
    changed = windows.copy()
    changed[150:] = -3 * changed[150:, ::-1]
    later = np.r_[seconds[:150], seconds[150:] * 1.7 - 0.7 * seconds[149]]
    none = np.full(len(windows), "")
    plain, other = (
        classifier.probabilities(causal.inputs_of(part, none, at))
        for part, at in ((windows, seconds), (changed, later))
    )
    np.testing.assert_allclose(plain[:150], other[:150], atol=1e-5)
    assert np.abs(plain[150:] - other[150:]).max() > 1e-3


@pytest.mark.filterwarnings("error::RuntimeWarning", "ignore:The inplace keyword")
@pytest.mark.parametrize("n", [0, 1, 2, 10])
def test_short_recordings(n):
    """Some beats or none: an answer for each, and no warning of NumPy."""
    (record,) = load_records(["100"], data="synthetic")
    r = record.r_sample[3 : 3 + n]
    for name in ("beat_sequence", "beat_sequence_causal"):
        found = classify_recording(record.wave("MLII"), 360, classifier=load_classifier(name), r_sample=r)
        assert len(found.beats) == n and found.beats["confidence"].notna().all()


@pytest.mark.filterwarnings("error::RuntimeWarning", "ignore:The inplace keyword")
def test_recordings_without_a_usual_beat():
    """Two populations of beats, or beats that are all alike to the last bit: an answer."""
    rng = np.random.default_rng(0)
    shapes = np.stack([np.exp(-0.5 * ((np.arange(96) - 40) / width) ** 2) for width in (2, 9)]).astype(np.float32)
    none, seconds = np.full(200, ""), np.cumsum(rng.uniform(0.5, 1.1, 200))
    for windows in (shapes[np.arange(200) % 2], np.tile(shapes[0], (200, 1)), np.zeros((200, 96), np.float32)):
        inputs = SEQUENCE.inputs_of(windows, none, seconds)
        p = load_classifier("beat_sequence").probabilities(inputs)
        assert np.isfinite(inputs.rows).all() and np.isfinite(p).all()


def test_marks_in_disorder_are_refused():
    (record,) = load_records(["100"], data="synthetic")
    with pytest.raises(UsageError, match="each after the one before"):
        classify_recording(record.wave("MLII"), 360, r_sample=record.r_sample[::-1])


def test_beats_without_timing_are_refused():
    beats = load_mitdb("synthetic", records=["100"], cache=False, **SEQUENCE.window)
    with pytest.raises(UsageError, match="reads the timing of beats, and these beats have none"):
        SEQUENCE.of(replace(beats, rr=None))
