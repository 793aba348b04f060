"""Models: shapes, gradients, saving and loading."""

import json
import pickle
from importlib.resources import files

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ecgnb import metrics, models
from ecgnb.classifier import Recipe, load_classifier
from ecgnb.course.authoring import card
from ecgnb.course.lessons import find, results_path
from ecgnb.datasets import DS2, load_mitdb
from ecgnb.errors import ModelError, UsageError
from ecgnb.models.files import FORMAT
from ecgnb.training.loop import fit, predict, set_seed
from ecgnb.training.losses import DualLoss


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 5), dim=st.integers(1, 9), hidden=st.none() | st.integers(1, 9), size=st.sampled_from([1, 7, 20])
)
def test_autoencoder_keeps_the_shape(n, dim, hidden, size):
    options = dict(n_samples=140, embedding_dim=dim, hidden_dim=hidden, samples_per_step=size)
    model = models.create("lstm_autoencoder", **options)
    beats = torch.randn(n, 140)
    assert model(beats).shape == (n, 140)
    assert model.encode(beats).shape == (n, dim)


DUAL = ("lstm_autoencoder_classifier", "simple_cnn", "complex_cnn")


def in_one(output):
    """Return a model's output, or its several outputs side by side."""
    return output if isinstance(output, torch.Tensor) else torch.cat(output, dim=1)


@pytest.mark.parametrize("name", models.names())
def test_gradients_reach_every_parameter(name):
    torch.manual_seed(0)
    options = {} if name == "wave_unet" else {"n_samples": 140}  # it takes any length
    model = models.create(name, **options, **({"samples_per_step": 7} if name == DUAL[0] else {}))
    output = in_one(model(torch.randn(4, getattr(model, "n_numbers", 140))))
    (output * torch.randn_like(output)).sum().backward()
    silent = [key for key, value in model.named_parameters() if value.grad is None or not value.grad.abs().sum()]
    assert not silent


@pytest.mark.parametrize("name", sorted({*models.names()} - {"beat_sequence", "wave_unet"}))
def test_beats_do_not_influence_each_other(name):
    torch.manual_seed(0)
    model = models.create(name, n_samples=160).eval()
    beats = torch.randn(3, 160)
    torch.testing.assert_close(in_one(model(beats))[1:2], in_one(model(beats[1:2])))


def test_the_textbook_form_has_about_990_000_parameters():
    model = models.create("lstm_autoencoder", n_samples=140, embedding_dim=128, samples_per_step=1)
    assert 980_000 < models.count_parameters(model) < 1_000_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_samples": 140, "samples_per_step": 9}, r"does not divide n_samples=140; take one of \[1, 2, 4, 5, 7"),
        ({"n_samples": 140, "embedding_dim": 0}, "must all be at least 1"),
        ({"n_samples": 140, "embedding_dim": "8"}, "lstm_autoencoder cannot be made with"),
        ({}, "cannot be made with .*n_samples"),
        ({"n_samples": 140, "width": 3}, "has no option width; it takes: n_samples, embedding_dim"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ModelError, match=message):
        models.create("lstm_autoencoder", **options)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 4), n_samples=st.integers(8, 300), n_classes=st.integers(2, 6))
def test_cnn_lstm_takes_three_forms_of_input(n, n_samples, n_classes):
    model = models.create("cnn_lstm", n_samples=n_samples, n_classes=n_classes).eval()
    beats = torch.randn(n, n_samples)
    scores = model(beats)
    assert scores.shape == (n, n_classes)
    for form in (beats[:, None], beats[:, :, None]):
        torch.testing.assert_close(model(form), scores)


@pytest.mark.parametrize("shape", [(2, 300), (2, 20), (2, 2, 187), (2, 187, 2), (187,)])
def test_beats_of_another_shape(shape):
    with pytest.raises(ModelError, match=r"expected \(n, 187\), with one lead"):
        models.create("cnn_lstm", n_samples=187)(torch.zeros(shape))


def test_cnn_lstm_is_the_network_it_says_it_is():
    """The same numbers from a plain version: Conv1d, ReLU before pooling."""
    torch.manual_seed(0)
    model = models.create("cnn_lstm", n_samples=187).eval()
    assert models.count_parameters(model) == 182_917
    for layer in model.blocks:
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(), layer.running_var.uniform_(0.5, 2)
    beats = torch.randn(5, 187)
    x, conv, norm = beats[:, None], None, None
    kernels = []
    for layer in model.blocks:
        if isinstance(layer, nn.Conv2d):
            conv = layer
            kernels.append((conv.in_channels, conv.out_channels, conv.kernel_size[1]))
        elif isinstance(layer, nn.BatchNorm2d):
            norm = layer
            x = nn.functional.conv1d(x, conv.weight[:, :, 0], conv.bias, padding="same")
            x = nn.functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
            x = nn.functional.max_pool1d(x.relu(), 2)
    assert kernels == [(1, 64, 5), (64, 128, 3), (128, 128, 3)]
    _, (last, _) = model.lstm(x.transpose(1, 2))
    torch.testing.assert_close(model(beats), model.head(torch.cat([last[0], last[1]], dim=1)), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_samples": 7}, "expected at least 8 samples and 2 classes"),
        ({"n_samples": 187, "n_classes": 1}, "expected at least 8 samples and 2 classes"),
        ({"n_samples": 187, "dropout": 1.0}, r"expected shares within \[0, 1\)"),
    ],
)
def test_wrong_options_of_the_cnn_lstm(options, message):
    with pytest.raises(ModelError, match=message):
        models.create("cnn_lstm", **options)


@settings(max_examples=15, deadline=None)
@given(name=st.sampled_from(DUAL), n=st.integers(1, 4), n_steps=st.integers(2, 40), n_classes=st.integers(2, 6))
def test_dual_models_take_three_forms_of_input(name, n, n_steps, n_classes):
    model = models.create(name, n_samples=8 * n_steps, n_classes=n_classes, latent_dim=5).eval()
    beats = torch.randn(n, 8 * n_steps)
    reconstruction, logits = model(beats)
    assert reconstruction.shape == beats.shape and logits.shape == (n, n_classes)
    for form in (beats[:, None], beats[:, :, None]):
        again, same, latent = model(form, return_latent=True)
        torch.testing.assert_close((again, same), (reconstruction, logits))
        assert latent.shape == (n, 5)
        torch.testing.assert_close(latent, model.encode(beats))


@pytest.mark.parametrize("name", DUAL)
def test_losses_of_the_dual_models(name):
    torch.manual_seed(0)
    model = models.create(name, n_samples=288).eval()
    beats, label, weight = torch.randn(6, 1, 288), torch.tensor([0, 1, 2, 3, 4, 0]), torch.rand(5) + 0.1
    reconstruction, logits = model(beats)
    drawn, named = model.reconstruction_loss(reconstruction, beats), model.classification_loss(logits, label, weight)
    assert drawn.item() == pytest.approx(((reconstruction - beats[:, 0]) ** 2).mean().item(), rel=1e-5)
    surprise = -logits.log_softmax(dim=1)[torch.arange(6), label]
    assert named.item() == pytest.approx(((surprise * weight[label]).sum() / weight[label].sum()).item(), rel=1e-5)
    both = DualLoss(0.3, 2.0, nn.CrossEntropyLoss(weight))((reconstruction, logits), beats, label)
    assert both.item() == pytest.approx((0.3 * drawn + 2 * named).item(), rel=1e-5)


@pytest.mark.parametrize("name", DUAL)
def test_a_dual_model_can_learn_four_beats_by_heart(name):
    set_seed(0)
    model = models.create(name, n_samples=32, latent_dim=16, dropout=0.0)
    beats, label = torch.randn(4, 32), torch.tensor([0, 1, 2, 3])
    fit(model, (beats, beats, label), None, DualLoss(), epochs=200, lr=0.01, batch_size=4, verbose=False)
    reconstruction, logits = predict(model, beats)
    assert logits.argmax(dim=1).tolist() == [0, 1, 2, 3]
    assert torch.nn.functional.mse_loss(reconstruction, beats) < 0.2 * beats.var()


def test_sizes_of_the_dual_models():
    count = {name: models.count_parameters(models.create(name, n_samples=288)) for name in DUAL}
    assert 60_000 < count["simple_cnn"] < 70_000
    assert 3_200_000 < count["complex_cnn"] < 3_400_000
    plain = models.create(DUAL[0], n_samples=288, samples_per_step=1)
    assert plain.squeeze.in_features == 128, "the textbook form squeezes the last state alone"
    assert plain.encoder.num_layers == plain.decoder.num_layers == 2
    assert plain.encoder.hidden_size == plain.decoder.hidden_size == 128
    assert plain(torch.zeros(1, 288), return_latent=True)[2].shape == (1, 64)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dim": 0}, "latent_dim=0; expected at least 16 samples, 2 classes and 1 latent number"),
        ({"samples_per_step": 7}, r"does not divide n_samples=288; one of \[1, 2, 3, 4, 6, 8"),
        ({"samples_per_step": 0}, "expected at least 1"),
        ({"bottleneck": "first"}, "expected 'all' or 'last'"),
        ({"dropout": 1.5}, r"expected a share within \[0, 1\)"),
        ({"n_classes": 1}, "expected at least 16 samples, 2 classes"),
    ],
)
def test_wrong_options_of_the_dual_models(options, message):
    with pytest.raises(ModelError, match=message):
        models.create("lstm_autoencoder_classifier", n_samples=288, **options)


@pytest.mark.parametrize("shape", [(2, 300), (2, 2, 288), (288,)])
def test_dual_models_refuse_beats_of_another_shape(shape):
    with pytest.raises(ModelError, match=r"expected \(n, 288\), with one lead"):
        models.create("simple_cnn", n_samples=288)(torch.zeros(shape))


def test_pretrained_weights():
    model = models.load_pretrained("cnn_lstm")
    assert not model.training and model(torch.randn(2, 1, 187)).shape == (2, 5)
    recipe = Recipe(before=75, after=112, fs=125.0, lead="MLII")
    assert Recipe.from_values(model.saved_values, "it") == recipe and model.saved_values["classes"] == "N S V F Q"
    weights = files("ecgnb.models") / "weights"
    for name in models.pretrained_names():
        assert (weights / f"{name}.pth").stat().st_size < 1_000_000
    with pytest.raises(ModelError, match="no pretrained weights of 'lstm_autoencoder'; there are some of: beat_seq"):
        models.load_pretrained("lstm_autoencoder")


def test_pretrained_weights_do_what_their_card_says(real_mitdb):
    text = (files("ecgnb.models") / "weights" / "cnn_lstm.md").read_text()
    assert card.model_card("cnn_lstm", find("02")) == text, "run: make weights"
    recorded = json.loads(results_path(find("02"), "default").read_text())["metrics"]["splits"]["patient"]
    assert max(recorded["per_class"][name]["recall"] for name in "SF") < 0.5, (
        "it misses most S and F beats, says the card"
    )
    model, ds2 = models.load_pretrained("cnn_lstm"), load_mitdb("real", records=DS2)
    predicted = predict(model, torch.from_numpy(ds2.zscored().signal), bf16=True).argmax(dim=1).numpy()
    found = metrics.confusion_by_record(ds2.label, predicted, ds2.record, 5).sum(axis=0)
    assert metrics.accuracy(found) == pytest.approx(recorded["accuracy"], abs=0.002)
    assert metrics.macro_f1(range(3))(found) == pytest.approx(recorded["macro_f1"], abs=0.005)


@pytest.mark.parametrize("name", ["beat_sequence", "beat_sequence_causal"])
def test_networks_of_sequences_do_what_their_card_says(real_mitdb, name):
    text = (files("ecgnb.models") / "weights" / f"{name}.md").read_text()
    assert card.model_card(name, find("06")) == text, "run: make weights"
    run = json.loads(results_path(find("06"), "default").read_text())["metrics"]["shipped"]
    recorded = run["causal" if name.endswith("causal") else "whole"]
    classifier = load_classifier(name)
    ds2 = load_mitdb("real", records=DS2, **classifier.recipe.window)
    predicted = classifier.probabilities(classifier.recipe.of(ds2)).argmax(axis=1)
    found = metrics.confusion_by_record(ds2.label, predicted, ds2.record, 5).sum(axis=0)
    assert metrics.accuracy(found) == pytest.approx(recorded["accuracy"], abs=0.002)
    assert metrics.macro_f1(range(3))(found) == pytest.approx(recorded["macro_f1"], abs=0.005)


def test_bf16_names_the_same_beats(real_mitdb):
    model, ds2 = models.load_pretrained("cnn_lstm"), load_mitdb("real", records=DS2)
    some = torch.from_numpy(ds2[::20].zscored().signal)
    single, half = (predict(model, some, bf16=flag).softmax(dim=1) for flag in (False, True))
    assert (single.argmax(dim=1) == half.argmax(dim=1)).float().mean() > 0.995
    assert (single - half).abs().mean() < 0.005


def test_weights_of_another_architecture(tmp_path):
    content = torch.load(files("ecgnb.models") / "weights" / "cnn_lstm.pth", weights_only=True)
    torch.save(
        content | {"name": "lstm_autoencoder", "options": {"n_samples": 187, "samples_per_step": 11}}, tmp_path / "x"
    )
    with pytest.raises(ModelError, match="its weights do not fit lstm_autoencoder"):
        models.load(tmp_path / "x")


def test_unknown_model():
    with pytest.raises(
        ModelError,
        match=r"unknown model 'lstm'; did you mean 'cnn_lstm'. expected one of: beat_sequence, bircnn, cnn_lstm",
    ):
        models.create("lstm")


def test_save_and_load(tmp_path):
    model = models.create("lstm_autoencoder", n_samples=140, embedding_dim=3)
    models.save(model, tmp_path / "best_model.pth", threshold=0.25)
    again, extra = models.load(tmp_path / "best_model.pth")
    beats = torch.randn(2, 140)
    assert extra == {"threshold": 0.25} and not again.training
    torch.testing.assert_close(again(beats), model(beats), rtol=0, atol=0)


def test_numpy_numbers_are_kept_as_plain_ones(tmp_path):
    model = models.create("lstm_autoencoder", n_samples=np.int64(140))
    models.save(model, tmp_path / "model.pth", threshold=np.float64(0.25))
    assert models.load(tmp_path / "model.pth")[1] == {"threshold": 0.25}
    with pytest.raises(UsageError, match="threshold is a ndarray; a model file keeps numbers"):
        models.save(model, tmp_path / "model.pth", threshold=np.ones(2))


class Evil:
    """Content that would run code if it were unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("code from a model file was run",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda path: path.write_text("hello"), "not a model file that can be read safely"),
        (lambda path: path.write_bytes(b""), "not a model file that can be read safely"),
        (lambda path: path.write_bytes(pickle.dumps(Evil())), "not a model file that can be read safely"),
        (lambda path: torch.save({"weights": torch.ones(2)}, path), "was not saved by this course"),
        (lambda path: torch.save([1, 2], path), "was not saved by this course"),
        (lambda path: torch.save({"format": FORMAT}, path), "lacks what a saved model holds"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: None, "does not exist"),
    ],
)
def test_a_file_that_is_not_ours(tmp_path, content, message):
    path = tmp_path / "other.pth"
    content(path)
    with pytest.raises(ModelError, match=message):
        models.load(path)


def test_weights_that_do_not_fit(tmp_path):
    path = tmp_path / "model.pth"
    models.save(models.create("lstm_autoencoder", n_samples=140), path)
    content = torch.load(path, weights_only=True)
    content["state_dict"].pop("read_out.bias")
    torch.save(content, path)
    with pytest.raises(ModelError, match="weights do not fit lstm_autoencoder"):
        models.load(path)


def test_what_load_would_refuse_is_not_saved(tmp_path):
    model = models.create("micro_ecgnet", n_samples=140)
    models.save(model, tmp_path / "model.pth", note="an old file")
    before = (tmp_path / "model.pth").read_bytes()
    odd = ({"note": "x" * 2_000}, {"note": "\x1b[2J"}, {"note": 10**40}, {"a note": 1}, {"n" * 99: 1})
    for extra in odd:
        with pytest.raises(UsageError, match=r"the model (holds|keeps) a "):
            models.save(model, tmp_path / "model.pth", **extra)
    with pytest.raises(UsageError, match="reads beats of 20000 samples; expected a number up to 10,000"):
        models.save(models.create("micro_ecgnet", n_samples=20_000), tmp_path / "model.pth")
    with pytest.raises(UsageError, match="is a folder; expected the name of a file"):
        models.save(model, tmp_path)
    assert (tmp_path / "model.pth").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "kind"),
    [("width", "float"), ("n_classes", "int"), ("n_samples", "int")],
)
@pytest.mark.parametrize("value", ["1", True, float("nan"), float("inf"), None, [1]])
def test_an_option_of_another_kind(option, kind, value):
    with pytest.raises(ModelError, match=rf"micro_ecgnet cannot be made with .*{option}=.*; expected {kind}"):
        models.create("micro_ecgnet", **({"n_samples": 140} | {option: value}))


def test_only_a_model_that_can_be_rebuilt_is_saved(tmp_path):
    with pytest.raises(UsageError, match="made by create"):
        models.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")
