"""Models: shapes, gradients, saving and loading."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgnb import models
from ecgnb.errors import ModelError, UsageError


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


@pytest.mark.parametrize("name", models.names())
def test_gradients_reach_every_parameter(name):
    model = models.create(name, n_samples=140)
    model(torch.randn(4, 140)).abs().mean().backward()
    silent = [key for key, value in model.named_parameters() if value.grad is None or not value.grad.abs().sum()]
    assert not silent


def test_beats_do_not_influence_each_other():
    torch.manual_seed(0)
    model = models.create("lstm_autoencoder", n_samples=140).eval()
    beats = torch.randn(3, 140)
    torch.testing.assert_close(model(beats)[1:2], model(beats[1:2]))


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


def test_unknown_model():
    with pytest.raises(ModelError, match="unknown model 'lstm'; expected one of: lstm_autoencoder"):
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
        (lambda path: torch.save({"format": models.FORMAT}, path), "lacks what a saved model holds"),
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


def test_only_a_model_that_can_be_rebuilt_is_saved(tmp_path):
    with pytest.raises(UsageError, match="made by create"):
        models.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")
