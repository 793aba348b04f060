"""`fit`: it learns, repeats itself, keeps the best weights, and stops well."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, l1_loss

from ecgnb import models
from ecgnb.errors import TrainingError, UsageError
from ecgnb.training.loop import fit, predict, set_seed

X = torch.sin(torch.linspace(0, 6, 20) + torch.linspace(0, 1, 64)[:, None])


def autoencoder(seed=0):
    set_seed(seed)
    return models.create("lstm_autoencoder", n_samples=20, embedding_dim=4, samples_per_step=5)


def fit_it(model, **changes):
    options = dict(epochs=3, lr=0.01, verbose=False) | changes
    return fit(model, (X, X), (X[:16], X[:16]), l1_loss, **options)


def test_it_learns_and_ends_with_the_best_weights():
    model = autoencoder()
    history = fit_it(model, epochs=40, lr=0.03, batch_size=16)
    frame = history.to_frame()
    assert frame["train_loss"].iloc[-1] < frame["train_loss"].iloc[0] / 2
    assert history.best_epoch == frame["val_loss"].idxmin()
    assert l1_loss(predict(model, X[:16]), X[:16]).item() == pytest.approx(frame["val_loss"].min(), rel=1e-5)
    assert not model.training


def test_same_seed_same_weights():
    one, same, other = autoencoder(0), autoencoder(0), autoencoder(0)
    for model, seed in ((one, 0), (same, 0), (other, 1)):
        fit_it(model, seed=seed)
    pairs = zip(one.parameters(), same.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(one.read_out.weight, other.read_out.weight), "the seed decides the order of the batches"


def test_it_takes_a_readers_own_classifier(capsys):
    label = (X[:, 0] > X[:, 0].median()).long()
    model = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 2))
    fit(model, (X, label), (X, label), cross_entropy, epochs=40, lr=0.05)
    assert (predict(model, X).argmax(dim=1) == label).float().mean() > 0.9
    assert len(capsys.readouterr().out.splitlines()) == 40, "a line an epoch"


def test_several_outputs_and_bf16():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.draw, self.tell = nn.Linear(20, 20), nn.Linear(20, 2)

        def forward(self, x):
            return self.draw(x), self.tell(x)

    def loss(output, signal, label):
        assert output[0].dtype == output[1].dtype == torch.float32, "losses are summed in single precision"
        return l1_loss(output[0], signal) + cross_entropy(output[1], label)

    label = (X[:, 0] > 0).long()
    model = Both()
    history = fit(model, (X, X, label), (X, X, label), loss, epochs=3, bf16=True, verbose=False)
    assert history.train_loss[-1] < history.train_loss[0]
    drawn, named = predict(model, X, batch_size=10)
    torch.testing.assert_close((drawn, named), model(X))
    assert not drawn.requires_grad


def test_the_input_can_be_disturbed_and_the_target_is_not():
    seen = []

    def disturb(x):
        seen.append(x.clone())
        return torch.zeros_like(x)

    class Remember(nn.Linear):
        def forward(self, x):
            assert not self.training or not x.any(), "training sees the disturbed input, validation the beat itself"
            return super().forward(x)

    history = fit_it(Remember(20, 20), epochs=1, augment=disturb)
    assert sum(len(x) for x in seen) == len(X) and history.train_loss[0] > 0.1


def classifier(seed=0):
    set_seed(seed, deterministic=True)
    return models.create("cnn_lstm", n_samples=20, n_classes=3)


@pytest.mark.parametrize("options", [{}, {"bf16": True}, {"sample_weight": torch.ones(64)}, {"schedule": "plateau"}])
def test_deterministic_training_gives_the_same_weights(options):
    label = (torch.arange(64) % 3).long()
    found = []
    try:
        for seed in (0, 0, 1):
            model = classifier(seed)
            fit(
                model,
                (X, label),
                (X, label),
                cross_entropy,
                epochs=2,
                batch_size=16,
                seed=seed,
                verbose=False,
                **options,
            )
            found.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_sample_weight_decides_what_is_seen():
    seen = []
    weight = torch.zeros(64)
    weight[[3, 7]] = torch.tensor([1.0, 3.0])
    fit_it(autoencoder(), epochs=20, sample_weight=weight, augment=lambda x: seen.append(x) or x)
    rows = [(beat == X).all(dim=1).nonzero().item() for beat in torch.cat(seen)]
    assert set(rows) == {3, 7} and 0.7 < rows.count(7) / len(rows) < 0.8, "in proportion to the weights"


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.ones(10), "expected a tensor of 64 weights"),
        ([1.0] * 64, "expected a tensor of 64 weights"),
        (torch.zeros(64), "some of them above 0"),
        (-torch.ones(64), "finite weights of at least 0"),
        (torch.full((64,), float("nan")), "finite weights of at least 0"),
    ],
)
def test_sample_weights_that_are_refused(weight, message):
    with pytest.raises(UsageError, match=message):
        fit_it(autoencoder(), sample_weight=weight)


def test_tensors_of_unequal_length():
    with pytest.raises(UsageError, match="the tensors have 64, 63 rows; expected as many in each"):
        fit(autoencoder(), (X, X[1:]), None, l1_loss, epochs=1)
    with pytest.raises(UsageError, match="weight_decay=-1; expected a number of at least 0"):
        fit_it(autoencoder(), weight_decay=-1)


def test_the_loss_moves_to_the_device():
    """A loss that holds weights must be where the model is: on a GPU, too."""
    loss = nn.CrossEntropyLoss(torch.ones(2))
    moved = []
    loss.to = lambda device: moved.append(device) or loss
    label = (X[:, 0] > 0).long()
    fit(nn.Linear(20, 2), (X, label), None, loss, epochs=1, verbose=False)
    assert moved == [torch.device("cpu")] or moved == [torch.device("cuda")]


def test_without_validation_the_last_weights_stay():
    model, states = autoencoder(), []
    history = fit(
        model, (X, X), None, l1_loss, epochs=3, lr=0.01, verbose=False,
        after_epoch=lambda _, m: states.append(m.read_out.weight.clone()),
    )  # fmt: skip
    assert history.best_epoch == 3 and torch.equal(model.read_out.weight, states[-1])
    assert history.to_frame()["val_loss"].isna().all()
    for option in ({"patience": 2}, {"schedule": "plateau"}):
        with pytest.raises(UsageError, match="watch the validation loss, and there is no validation data"):
            fit(model, (X, X), None, l1_loss, epochs=3, **option)


def test_plateau_lowers_the_rate_where_the_loss_stays():
    class Stuck(nn.Linear):
        def forward(self, x):
            return super().forward(x) if self.training else torch.zeros_like(x)

    def distance(**options):
        set_seed(0)
        model = Stuck(20, 20)
        weights = []
        fit_it(model, epochs=30, lr=1e-3, after_epoch=lambda _, m: weights.append(m.weight.clone()), **options)
        return (weights[-1] - weights[-2]).abs().max() / (weights[1] - weights[0]).abs().max()

    assert distance(schedule="plateau") < 0.01
    with pytest.raises(UsageError, match="schedule='cosine'; expected 'one-cycle' or 'plateau'"):
        fit_it(autoencoder(), schedule="cosine")


def test_early_stopping():
    history = fit_it(autoencoder(), epochs=50, lr=1e-12, patience=2)
    assert len(history.val_loss) - history.best_epoch == 2


def test_an_interruption_keeps_what_was_learned(capsys):
    def interrupt(epoch, _):
        if epoch == 2:
            raise KeyboardInterrupt

    model = autoencoder()
    history = fit_it(model, epochs=10, after_epoch=interrupt)
    assert history.interrupted and len(history.train_loss) == 2
    assert "the best weights so far are kept" in capsys.readouterr().out
    assert l1_loss(predict(model, X[:16]), X[:16]).item() == pytest.approx(min(history.val_loss), rel=1e-5)


def test_an_interruption_before_anything_was_learned():
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_it(autoencoder(), augment=interrupt)


def test_a_single_step_moves_the_weights():
    model = autoencoder()
    before = model.read_out.weight.clone()
    fit_it(model, epochs=1, batch_size=len(X))
    assert (model.read_out.weight - before).abs().max() > 1e-4


def test_a_loss_that_is_not_a_number():
    spoiled = X.clone()
    spoiled[3, 3] = float("nan")
    model = autoencoder()
    before = [parameter.clone() for parameter in model.parameters()]
    with pytest.raises(TrainingError, match=r"not a number after epoch 1 \(lr=0.001\)"):
        fit(model, (spoiled, spoiled), (X, X), l1_loss, epochs=3, verbose=False)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)), (
        "no NaN stays in the weights"
    )


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"epochs": "ten"}, {"epochs": True}, {"batch_size": -1}, {"lr": 0}, {"lr": "x"}, {"patience": 0}],
)
def test_values_out_of_range(change):
    name = next(iter(change))
    with pytest.raises(UsageError, match=f"{name}=.*; expected a"):
        fit_it(autoencoder(), **change)


def test_no_beats():
    with pytest.raises(UsageError, match="at least one beat"):
        fit(autoencoder(), (X[:0], X[:0]), (X, X), l1_loss, epochs=1)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True])
def test_wrong_seed(seed):
    with pytest.raises(UsageError, match="expected a whole number of at least 0"):
        set_seed(seed)
