"""The architectures of lesson 04, and what they cost."""

import re

import numpy as np
import pytest
import torch
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ecgnb import metrics, models
from ecgnb.errors import ModelError, UsageError
from ecgnb.models.layers import BeatClassifier, SqueezeExcitation
from ecgnb.models.lite_ecgnet import SincFilters
from ecgnb.training.loop import fit, set_seed

SEVEN = ("lite_ecgnet", "ecgnet", "se_ecgnet", "bircnn", "resnet1d", "deep_ecgnet", "ldcnn")
EIGHT = ("micro_ecgnet", *SEVEN)
SLIM = 0.25  # width


@settings(max_examples=16, deadline=None)
@given(name=st.sampled_from(EIGHT), n=st.integers(2, 4), n_samples=st.integers(64, 200), n_classes=st.integers(2, 6))
def test_three_forms_of_input(name, n, n_samples, n_classes):
    model = models.create(name, n_samples=n_samples, n_classes=n_classes, width=SLIM).eval()
    beats = torch.randn(n, n_samples)
    scores = model(beats)
    assert scores.shape == (n, n_classes)
    for form in (beats[:, None], beats[:, :, None]):
        torch.testing.assert_close(model(form), scores)


@pytest.mark.parametrize("name", EIGHT)
def test_each_learns_sixteen_segments_by_heart(name):
    set_seed(0)
    model = models.create(name, n_samples=64, n_classes=4, width=0.5)
    beats, label = torch.randn(16, 64), torch.arange(16) % 4
    fit(model, (beats, label), None, nn.CrossEntropyLoss(), epochs=60, lr=0.01, batch_size=16, verbose=False)
    with torch.inference_mode():
        assert (model(beats).argmax(dim=1) == label).float().mean() > 0.9


@pytest.mark.parametrize("name", EIGHT)
def test_width_scales_and_the_model_comes_back_from_its_file(name, tmp_path):
    slim, usual, wide = (models.create(name, n_samples=256, width=width) for width in (SLIM, 1.0, 1.5))
    counts = [models.count_parameters(model) for model in (slim, usual, wide)]
    assert counts[0] < counts[1] < counts[2]
    models.save(slim, tmp_path / "model.pth")
    again, _ = models.load(tmp_path / "model.pth")
    beats = torch.randn(2, 256)
    torch.testing.assert_close(again(beats), slim.eval()(beats), rtol=0, atol=0)


def test_sizes():
    count = {name: models.count_parameters(models.create(name, n_samples=720, n_classes=4)) for name in EIGHT}
    assert count["micro_ecgnet"] <= 15_000
    assert count["lite_ecgnet"] <= 300_000
    assert count["se_ecgnet"] > 50 * count["lite_ecgnet"], "it is called light, and is not"
    assert min(count, key=count.get) == "micro_ecgnet" and max(count, key=count.get) == "se_ecgnet"


def kernels(model):
    return [layer.kernel_size[1] for layer in model.modules() if isinstance(layer, nn.Conv2d)]


def test_the_architectures_are_what_they_say():
    made = {name: models.create(name, n_samples=720, n_classes=4) for name in SEVEN}
    assert kernels(made["ldcnn"]) == [13, 15, 17, 19, 21]
    assert [layer.out_channels for layer in made["ldcnn"].modules() if isinstance(layer, nn.Conv2d)] == [
        16,
        32,
        64,
        128,
        256,
    ]
    assert made["ldcnn"].head[0].out_features == 35
    assert kernels(made["ecgnet"])[:4] == [15, 17, 19, 21] and made["ecgnet"].lstm.input_size == 8
    assert kernels(made["resnet1d"])[0] == 15 and kernels(made["resnet1d"]).count(7) == 16
    for branch, kernel in zip(made["se_ecgnet"].branches, (3, 5, 7), strict=True):
        assert kernels(branch).count(kernel) == 16
        assert sum(isinstance(layer, SqueezeExcitation) for layer in branch.modules()) == 8
    lstm = made["bircnn"].lstm
    assert lstm.bidirectional and lstm.num_layers == 2 and lstm.input_size == 128
    layers = made["deep_ecgnet"].encoder.layers
    assert len(layers) == 2 and all(layer.norm_first and layer.self_attn.num_heads == 4 for layer in layers)
    assert layers[0].self_attn.embed_dim == 128


def test_sinc_filters_pass_their_band_and_no_other():
    filters = SincFilters(8, kernel=255, stride=1)
    response = np.abs(np.fft.rfft(filters.kernels().detach().numpy(), 4096, axis=1))
    frequency = np.fft.rfftfreq(4096)
    for low, high, gain in zip(*(edge.detach().numpy() for edge in filters.cutoffs()), response, strict=True):
        inside, outside = (frequency > low) & (frequency < high), (frequency < low - 0.02) | (frequency > high + 0.02)
        assert gain[inside].max() > 5 * gain[outside].max()
    assert sum(part.numel() for part in filters.parameters()) == 16, "two numbers a filter are learned"


def test_rr_features_reach_the_answer_of_the_bircnn():
    set_seed(0)
    model = models.create("bircnn", n_samples=64, width=SLIM, n_rr=4).eval()
    rows = torch.randn(2, 68)
    changed = rows.clone()
    changed[:, 64:] += 5
    assert not torch.equal(model(rows), model(changed))
    with pytest.raises(ModelError, match=r"expected \(n, 64 \+ 4\), with one lead"):
        model(rows[:, :64])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lite_ecgnet", {"n_samples": 31}, "n_samples=31 is too short for LiteECGNet; expected at least 32"),
        ("bircnn", {"n_samples": 63}, "n_samples=63 is too short for BiRCNN; expected at least 64"),
        ("resnet1d", {"n_samples": 256, "width": 0}, "a width above 0"),
        ("resnet1d", {"n_samples": 256, "n_classes": 1}, "at least 2 classes"),
        ("bircnn", {"n_samples": 256, "n_rr": -1}, "0 or more extras"),
        ("lite_ecg", {"n_samples": 256}, "unknown model 'lite_ecg'; did you mean 'lite_ecgnet'"),
        ("resnet", {"n_samples": 256}, "did you mean 'resnet1d'"),
    ],
)
def test_wrong_options(name, options, message):
    with pytest.raises(ModelError, match=message):
        models.create(name, **options)


@pytest.mark.parametrize("shape", [(2, 300), (2, 2, 256), (256,)])
def test_beats_of_another_shape(shape):
    with pytest.raises(ModelError, match=r"expected \(n, 256\), with one lead"):
        models.create("micro_ecgnet", n_samples=256)(torch.zeros(shape))


def test_an_eighth_model_is_one_file_and_one_line(monkeypatch):
    """The example that CONTRIBUTING shows is made, trained, saved and costed as ours are."""
    example = re.search(r"```python\n(.*?class .*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL).group(1)
    space = {}
    exec(example, space)
    own = next(
        kind
        for kind in space.values()
        if isinstance(kind, type) and issubclass(kind, BeatClassifier) and kind is not BeatClassifier
    )
    monkeypatch.setitem(models.registry._MODELS, "own", own)
    model = models.create("own", n_samples=128, n_classes=4)
    assert model(torch.randn(3, 128)).shape == (3, 4)
    found = metrics.measure_cost(model, 128)
    assert found["parameters"] == models.count_parameters(model) and found["macs"] > 0


class Wrapped(nn.Module):
    """A layer that takes (n, samples) to (n, steps, features) first."""

    def __init__(self, layer, shape):
        super().__init__()
        self.layer, self.shape = layer, shape

    def forward(self, beats):
        return self.layer(beats.reshape(len(beats), *self.shape))


def test_macs_by_hand():
    # 8 filters of 2 x 5 taps at 100 places.
    assert metrics.macs(Wrapped(nn.Conv1d(2, 8, 5, padding=2), (2, 100)), 200) == 8 * 2 * 5 * 100
    # Four gates, each of 16 units, from 10 inputs and 16 states, at 12 steps.
    assert metrics.macs(Wrapped(nn.LSTM(10, 16, batch_first=True), (12, 10)), 120) == 12 * 4 * 16 * (10 + 16)
    # 6 tokens of 8 numbers: four products with 8 x 8, two products of tokens with tokens, 8 x 32 and back.
    layer = nn.TransformerEncoderLayer(8, 2, 32, batch_first=True, norm_first=True)
    assert metrics.macs(Wrapped(layer, (6, 8)), 48) == 6 * 4 * 8 * 8 + 2 * 6 * 6 * 8 + 2 * 6 * 8 * 32


def test_counting_leaves_the_model_as_it_was():
    model = models.create("deep_ecgnet", n_samples=64, width=SLIM)
    before = {name: part.clone() for name, part in model.state_dict().items()}
    metrics.measure_cost(model, 64)
    assert next(model.parameters()).device.type == "cpu"
    for name, part in model.state_dict().items():
        torch.testing.assert_close(part, before[name], rtol=0, atol=0)


def test_peak_memory_by_hand():
    narrow = nn.Sequential(nn.Linear(1000, 4000, bias=False), nn.Linear(4000, 10, bias=False))
    weights = 4 * (1000 * 4000 + 4000 * 10)
    for batch_size in (1, 7):
        held = 4 * batch_size * (1000 + 4000 + 10)
        found = metrics.peak_memory_mb(narrow, 1000, batch_size=batch_size)
        assert found == pytest.approx((weights + held) / 1e6, rel=1e-6)
    # Of a chain only two neighbours and the input live at once.
    chain = nn.Sequential(*(nn.Linear(1000, 1000, bias=False) for _ in range(9)))
    assert metrics.peak_memory_mb(chain, 1000) == pytest.approx((9 * 4e6 + 3 * 4000) / 1e6, rel=1e-6)


def test_bytes_on_disk(tmp_path):
    model = models.create("ldcnn", n_samples=64, width=SLIM)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    assert metrics.bytes_on_disk(model) == pytest.approx((tmp_path / "weights.pth").stat().st_size, rel=0.02)


def test_latency_is_of_one_thread_and_ordered():
    n_threads = []
    model = nn.Linear(8, 2)
    model.register_forward_hook(lambda *_: n_threads.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    found = metrics.latency(model, 8, rounds=2, seconds=0.0)
    assert 0 < found.p50 <= found.p95 and set(n_threads) == {1} and torch.get_num_threads() == before
    assert len(n_threads) == 46, "two rounds of three to warm up and twenty"
    with pytest.raises(UsageError, match="rounds=0; expected at least 1"):
        metrics.latency(model, 8, rounds=0)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=3), st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1))
def test_pareto_front(points):
    cost, gain = ({name: float(pair[i]) for name, pair in points.items()} for i in (0, 1))
    front = metrics.pareto(cost, gain)
    assert [cost[name] for name in front] == sorted(cost[name] for name in front)

    def beaten(name):
        return any(
            cost[o] <= cost[name] and gain[o] >= gain[name] and (cost[o] < cost[name] or gain[o] > gain[name])
            for o in cost
        )

    assert set(front) == {name for name in points if not beaten(name)}
    with pytest.raises(UsageError, match="expected the same names"):
        metrics.pareto(cost, {})
