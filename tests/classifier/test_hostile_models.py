"""Model files that somebody else wrote: whatever they hold is a `ModelError` of one line, in little time and memory."""

import csv
import errno
import inspect
import io
import json
import pickle
import re
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ecgnb import models
from ecgnb.classifier import Recipe, TorchClassifier, classify_beats, classify_recording, load_classifier
from ecgnb.classifier.onnx import OnnxClassifier, export_onnx
from ecgnb.classifier.recipe import plain_inputs
from ecgnb.classifier.result import beats_to_csv
from ecgnb.classifier.trial import PATIENCE
from ecgnb.errors import ModelError, UsageError
from ecgnb.files import MAX_TEXT
from ecgnb.models.files import FORMAT
from ecgnb.models.registry import _MODELS

VALUES = Recipe(75, 112, 125.0).to_values() | {"classes": "N S V F Q"}


def laughs(depth=40):
    """Ten times ten times ten ...: small in a file, endless when printed."""
    value = ("ha",)
    for _ in range(depth):
        value = (value,) * 10
    return value


@pytest.fixture(scope="module")
def content():
    """What a good file of a small network holds."""
    network = models.create("micro_ecgnet", n_samples=187)
    return {
        "format": FORMAT,
        "name": "micro_ecgnet",
        "options": {"n_samples": 187},
        "extra": dict(VALUES),
        "state_dict": network.state_dict(),
    }


def fault_in(path, seconds=5.0):
    """Return the one line that is said of a model file; nothing else may come of it, nor late."""
    begun = time.process_time()
    with pytest.raises(ModelError) as caught:
        load_classifier(path)
    assert time.process_time() - begun < seconds
    return checked(caught.value)


def checked(fault):
    said = str(fault)
    assert said.isprintable() and 20 < len(said) < 1000, said
    return said


def test_the_good_file_is_good(content, tmp_path):
    torch.save(content, tmp_path / "m.pth")
    assert load_classifier(tmp_path / "m.pth").classes == ["N", "S", "V", "F", "Q"]


PLACES = [("extra", "before"), ("extra", "classes"), ("extra", "fs"), ("extra", "odd"), ("options", "n_samples")]


@pytest.mark.parametrize(
    "place", [*PLACES, ("name",), ("format",), ("extra",), ("options",), ("state_dict",)], ids="/".join
)
@pytest.mark.parametrize("deep", [True, False])
def test_values_within_values(content, tmp_path, place, deep):
    odd = laughs() if deep else [["N"], {"a": 1}]
    new = {place[1]: odd} if len(place) == 2 else odd
    torch.save(content | {place[0]: content[place[0]] | new if len(place) == 2 else new}, tmp_path / "m.pth")
    fault_in(tmp_path / "m.pth")


def packed(pickled, path):
    """Write an archive as PyTorch does, around any pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in {"data.pkl": pickled, "byteorder": b"little", "version": b"3\n"}.items():
            archive.writestr(f"m/{name}", part)


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02}" + pickle.dumps(laughs(), 2)[2:-1] + b"K\x01s.",  # as a key: its hash alone takes years
        b"\x80\x02})" + b"\x85" * 140_000 + b"K\x01s.",  # a key so deep that its hash overruns the stack
        b"\x80\x02}(" + b"".join(pickle.dumps((2**61 - 1) * n, 2)[2:-1] + b"N" for n in range(1, 9_000)) + b"u.",
        b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\x00\x00\x00\x10\x85R.",
        b"\x80\x02ctorch._utils\n_rebuild_qtensor\n)R.",
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
        b"\x80\x02" + b"(" * 140_000 + b".",
        b"\x80\x02" + b"]" * 400_000 + b".",
        b"",
        b"\x80\x02N.",
    ],
    ids=[
        "laughs as a key",
        "deep key",
        "keys of one hash",
        "bytearray",
        "qtensor",
        "code",
        "marks",
        "long",
        "",
        "None",
    ],
)
def test_pickles_by_hand(tmp_path, pickled):
    packed(pickled, tmp_path / "m.pth")
    fault_in(tmp_path / "m.pth")


def test_weights_that_are_more_than_their_file(content, tmp_path):
    weights = content["state_dict"]
    name, part = max(weights.items(), key=lambda entry: entry[1].numel())
    wide = {"n_samples": 10_000}
    with torch.device("meta"):
        shape = models.create("micro_ecgnet", **wide).state_dict()[name].shape
    spread = torch.zeros(1).expand(shape)  # one number, seen as many
    torch.save(content | {"options": wide, "state_dict": weights | {name: spread}}, tmp_path / "m.pth")
    assert "more than its file holds" in fault_in(tmp_path / "m.pth")
    shared = torch.zeros(max(one.numel() for one in weights.values()))
    views = {key: shared[: one.numel()].reshape(one.shape) for key, one in weights.items()}
    torch.save(content | {"state_dict": views}, tmp_path / "m.pth")
    assert "more than its file holds" in fault_in(tmp_path / "m.pth")
    for odd in (part.to_sparse(), part.to(torch.complex64), part.long(), torch.nn.Parameter(part), 3):
        torch.save(content | {"state_dict": weights | {name: odd}}, tmp_path / "m.pth")
        fault_in(tmp_path / "m.pth")
    torch.save(content | {"state_dict": weights | {name: part * np.nan}}, tmp_path / "m.pth")
    assert "no numbers" in fault_in(tmp_path / "m.pth")


ODD = [
    float("inf"),
    float("nan"),
    -1,
    0,
    1,
    3,
    10**4,
    10**6,
    2**62,
    10**40,
    10**5000,
    -1e300,
    187.0,
    "x",
    "",
    True,
    None,
]


@pytest.mark.parametrize("name", models.names())
def test_one_odd_option(name, tmp_path):
    """Options that ask for much, or for nothing: refused before anything is made."""
    good = (
        {} if name == "wave_unet" else {"n_samples": 140} | ({"samples_per_step": 7} if name.startswith("lstm") else {})
    )
    network = models.create(name, **good)
    weights = network.state_dict() if models.count_parameters(network) < 200_000 else {}  # a large file takes long
    begun = time.process_time()
    for option in [*inspect.signature(_MODELS[name]).parameters, "colour", "n\x1b[2J", 3]:
        for value in ODD:
            file = {"format": FORMAT, "name": name, "options": good | {option: value}}
            torch.save(file | {"extra": {"classes": "A B"}, "state_dict": weights}, tmp_path / "m.pth")
            with pytest.raises(ModelError) as caught:
                load_classifier(tmp_path / "m.pth")
            checked(caught.value)
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("name", [3, None, "", "x" * 900, "cnn\x1b[2J", "\u202ecnn_lstm", "cnn_lstm\n"])
def test_names_of_no_network(content, tmp_path, name):
    torch.save(content | {"name": name}, tmp_path / "m.pth")
    fault_in(tmp_path / "m.pth")


CLASSES = [
    "N N N N N", "N S V F ?", "N S N F Q", "![](http://127.0.0.1:9/b.png) [x](javascript:alert(1)) <script> b c",
    "a\x00b \x1b[2J c\u202e d e", "x" * 25 + " a b c d", "=1+2 @SUM(1) -3 +4 N", "", " ", "N S V", "N|S `V` F$ Q* ~e~",
    "_N_ S V F Q", "N S V F www.example.com", "a&b S V F Q", "x" * 2000, 7, None, "['N', 'S', 'V', 'F', 'Q']",
    " ".join(map(str, range(300))),
]  # fmt: skip


@pytest.mark.parametrize("classes", CLASSES)
def test_names_of_classes(content, tmp_path, classes):
    torch.save(content | {"extra": content["extra"] | {"classes": classes}}, tmp_path / "m.pth")
    fault_in(tmp_path / "m.pth")


def test_names_of_classes_that_are_in_use(content, tmp_path):
    for classes in ("N SVEB VEB Other 5", "Sinus-R PVC/VEB early(S) n_1 Ä"):
        torch.save(content | {"extra": content["extra"] | {"classes": classes}}, tmp_path / "m.pth")
        assert load_classifier(tmp_path / "m.pth").classes == classes.split()


RECIPES = [
    {"before": 10**9}, {"before": -1}, {"before": 10**10, "after": 0}, {"before": 10**9, "after": 187 - 10**9},
    {"before": "75"}, {"before": 75.9, "after": 111.1}, {"before": True}, {"before": None}, {"before": 10, "after": 10},
    {"after": 0}, {"fs": 0}, {"fs": "x"}, {"fs": float("nan")}, {"fs": -125.0}, {"fs": 1e-300}, {"fs": 1e300},
    {"fs": 10**400}, {"fs": float("inf")}, {"fs": 1.0}, {"fs": True}, {"highpass": float("nan")},
    {"highpass": 62.5}, {"highpass": "0.5"}, {"lead": "<script>alert(1)</script>"}, {"lead": "\x1b]0;x\x07"},
    {"lead": "![](http://127.0.0.1:9/x.png)"}, {"lead": "[" * 900}, {"lead": ""}, {"lead": 3}, {"scaling": "x"},
    {"scaling": "recording"}, {"rr": "mean"}, {"reference": "recording"}, {"next_rr": 1}, {"n\x1b": 1},
    {"note": "x" * (MAX_TEXT + 1)}, {"note": "\x1b[2J"}, {"temperature": 1},
    {"temperature": 0.0, "least": "0 0 0 0 0", "min_confidence": 0.5},
    {"temperature": "1", "least": "0 0 0 0 0", "min_confidence": 0.5},
    {"temperature": 1.0, "least": "0 0 0 0", "min_confidence": 0.5},
    {"temperature": 1.0, "least": 0, "min_confidence": 0.5}, {"temperature": 1e-320, "least": "0 0 0 0 0"},
    {3: 4, "note": 10**5000},  # which JSON has no form for
]  # fmt: skip


@pytest.mark.parametrize("odd", RECIPES, ids=lambda odd: str(list(odd))[:40])
def test_recipes(content, tmp_path, odd):
    torch.save(content | {"extra": content["extra"] | odd}, tmp_path / "m.pth")
    fault_in(tmp_path / "m.pth")


def test_a_beat_of_many_samples(tmp_path):
    """What one layer makes of a batch stays small, however long the beats are."""
    long = Recipe(2500, 7500, 1000.0)
    for name in ("cnn_lstm", "beat_sequence"):
        options = {"n_samples": long.n_samples}
        options |= {"reference": False, "n_timing": 0} if name == "beat_sequence" else {}
        models.save(models.create(name, **options), tmp_path / "m.pth", **long.to_values(), classes="N S V F Q")
        assert 1 <= load_classifier(tmp_path / "m.pth").batch < 500
    classifier = load_classifier(tmp_path / "m.pth")
    assert classifier.scores(np.zeros((classifier.batch, 10_000), np.float32)).shape == (classifier.batch, 5)
    wide = {"n_samples": 10_000, "reference": False, "n_timing": 0, "context": 10, "causal": True}
    models.save(models.create("beat_sequence", **wide), tmp_path / "m.pth", **long.to_values(), classes="N S V F Q")
    assert "takes too much memory" in fault_in(tmp_path / "m.pth")
    with pytest.raises(UsageError, match="expected windows of at most 10,000 samples"):
        Recipe(25_000, 75_000, 10_000.0)
    for name in models.pretrained_names():
        assert load_classifier(name).batch == 512, "as ever, to the last bit of a score"


def test_a_model_with_two_tasks_is_used(tmp_path, synthetic_records):
    """Lesson 03's: it draws a beat and names it."""
    recipe = Recipe(108, 180, 360.0)
    models.save(
        models.create("simple_cnn", n_samples=288), tmp_path / "m.pth", **recipe.to_values(), classes="N S V F Q"
    )
    wave = synthetic_records[0].signal[:, 0]
    found = classify_recording(wave, 360, classifier=load_classifier(tmp_path / "m.pth")).beats
    assert found["confidence"].notna().any()


def test_no_file_at_all(tmp_path):
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "loop.pth").symlink_to(tmp_path / "loop.pth")
    (tmp_path / "\x1b[2J.pth").write_bytes(b"")
    with (tmp_path / "large.pth").open("wb") as large:
        large.truncate(10**11)
    names = [
        "folder.pth",
        "loop.pth",
        "\x1b[2J.pth",
        "large.pth",
        "a\x00b.pth",
        "none\x1b.pth",
        "/dev/zero/x.pth",
        "x" * 999,
    ]
    for name in [*names, "none\x1b.onnx", "folder.onnx", "x\x00.onnx", "\x1b[2J"]:
        fault_in(tmp_path / name)


ODD_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@fuzz(150)
@given(st.data())
def test_any_value_anywhere(content, tmp_path_factory, data):
    """Fuzzed values: a file is used, or it is a `ModelError`."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.pth"
    part = data.draw(st.sampled_from(["name", "options", "extra", "state_dict", "format"]))
    if part in ("name", "format"):
        new = data.draw(ODD_VALUES)
    else:
        known = {**content[part], "temperature": 1, "least": 1, "min_confidence": 1, "width": 1}
        key = data.draw(st.sampled_from(sorted(known)) | st.text(max_size=9) | st.integers())
        new = content[part] | {key: data.draw(ODD_VALUES)}
    torch.save(content | {part: new}, path)
    used_or_refused(path)


@fuzz(150)
@given(st.data())
def test_any_bytes_anywhere(content, tmp_path_factory, data):
    """A file with some bytes changed, and one of bytes alone."""
    path, stream = tmp_path_factory.getbasetemp() / "fuzzed.pth", io.BytesIO()
    torch.save(content, stream)
    whole = bytearray(stream.getvalue())
    if data.draw(st.booleans()):
        with zipfile.ZipFile(stream) as archive:
            pickled = bytearray(archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl"))))
        for place in data.draw(st.lists(st.integers(0, len(pickled) - 1), min_size=1, max_size=4)):
            pickled[place] = data.draw(st.integers(0, 255))
        packed(bytes(pickled), path)
    else:
        for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=9)):
            whole[place] = data.draw(st.integers(0, 255))
        path.write_bytes(bytes(whole) if data.draw(st.booleans()) else data.draw(st.binary(max_size=200)))
    used_or_refused(path)


def used_or_refused(path):
    try:
        classifier = load_classifier(path)
    except ModelError as fault:
        checked(fault)
    else:
        assert len(classifier.probabilities(plain_inputs(np.zeros((3, classifier.n_samples), np.float32)))) == 3


def graph(nodes, constants, given=("n", 187), scores=("n", 5), kinds=(TensorProto.FLOAT, TensorProto.FLOAT), **values):
    """Return an ONNX file: any layers, with the good recipe or another."""
    beats = helper.make_tensor_value_info("beats", kinds[0], given)
    out = [] if scores is None else [helper.make_tensor_value_info("scores", kinds[1], scores)]
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "g", [beats], out, held), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    stored = VALUES | {"name": "it", "n_samples": 187, "reach": [0, 0]} | values
    helper.set_model_props(model, {name: json.dumps(value) for name, value in stored.items()})
    return model


def layer(kind, given, output="scores", **attributes):
    return helper.make_node(kind, given.split(), output.split(), **attributes)


W = np.random.default_rng(0).standard_normal((187, 5)).astype(np.float32)
LINEAR = layer("MatMul", "beats w")
MIDDLE = layer("MatMul", "beats w", "middle")


def loop(rounds):
    body = helper.make_graph(
        [layer("Identity", "go", "on"), layer("Identity", "x", "y")],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
        ],
    )
    return graph([MIDDLE, layer("Loop", "m c middle", body=body)], {"w": W, "m": np.int64(rounds), "c": np.array(True)})


def filled(*shape, then="Add"):
    """Return a file in which a constant becomes a tensor of a shape."""
    nodes = [MIDDLE, layer("ConstantOfShape", "shape", "much"), layer("ReduceMax", "much", "one", keepdims=0)]
    return graph([*nodes, layer(then, "middle one")], {"w": W, "shape": np.array(shape)})


def doubled(times):
    nodes = [layer("Concat", f"x{k} x{k}", f"x{k + 1}", axis=0) for k in range(times)]
    nodes = [layer("Identity", "w", "x0"), *nodes, layer("ReduceMax", f"x{times}", "one", keepdims=0)]
    return graph([MIDDLE, *nodes, layer("Add", "middle one")], {"w": W})


def multiplied(size, times):
    """Return a file that fits into memory and takes long: products of square matrices."""
    nodes = [layer("ConstantOfShape", "shape", "x0")]
    nodes += [layer("MatMul", f"x{k} x0", f"x{k + 1}") for k in range(times)]
    nodes += [layer("ReduceMax", f"x{times}", "one", keepdims=0), MIDDLE, layer("Add", "middle one")]
    return graph(nodes, {"w": W, "shape": np.array([size, size])})


def by_what_a_beat_looks_like(kind):
    """Return a file that grows with what it is given, such as by padding as much as a sample says."""
    size = [layer("ReduceMax", "beats", "most", keepdims=0), layer("Cast", "most", "whole", to=TensorProto.INT64)]
    size += [layer("Reshape", "whole to", "size")]
    grown = layer(kind, "size", "much") if kind == "ConstantOfShape" else layer(kind, "zero size", "much")
    end = [layer("ReduceMax", "much", "one", keepdims=0), MIDDLE, layer("Add", "middle one")]
    return graph([*size, grown, *end], {"w": W, "to": np.array([1]), "zero": np.zeros(1, np.float32)})


def by_the_number_of_beats():
    """Return a file that grows for 100 beats alone, which no trial would find."""
    nodes = [layer("Shape", "beats", "all"), layer("Mod", "all hundred", "rest"), layer("Sub", "much rest", "size")]
    nodes += [layer("ConstantOfShape", "size", "zeros"), layer("ReduceMax", "zeros", "one", keepdims=0)]
    constants = {"w": W, "hundred": np.array([100, 188]), "much": np.array([10**6, 1])}
    return graph([*nodes, MIDDLE, layer("Add", "middle one")], constants)


def elsewhere():
    model = graph([LINEAR], {"w": W})
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return model


def of_functions():
    model = graph([LINEAR], {"w": W})
    body = [helper.make_node("Identity", ["x"], ["y"])]
    model.functions.append(helper.make_function("", "MatMul", ["x", "w"], ["y"], body, [helper.make_opsetid("", 17)]))
    return model


TWICE = [layer("Concat", "beats beats", "two", axis=0), layer("MatMul", "two w")]
BEYOND = [MIDDLE, layer("Gather", "w far", "one", axis=0), layer("Add", "middle one")]
AS_TEXT = [MIDDLE, layer("Cast", "middle", to=TensorProto.STRING)]
AS_FLOAT = [layer("Cast", "beats", "x", to=TensorProto.FLOAT), layer("MatMul", "x w")]
ONE_NUMBER = [layer("ReduceMax", "beats", keepdims=0)]
SQUARE_ROOT = [MIDDLE, layer("Sqrt", "middle")]
GRAPHS = {
    "loop": (lambda: loop(2**62), "it computes Loop"),
    "400 GB": (lambda: filled(10**11), "it needs more than 1 GB"),
    "6.4 GB": (lambda: filled(40_000, 40_000), "it needs more than 1 GB"),
    "doubled 40 times": (lambda: doubled(40), "it needs more than 1 GB"),
    "padded by a sample": (lambda: by_what_a_beat_looks_like("Pad"), "depends on what a beat looks like"),
    "filled by a sample": (lambda: by_what_a_beat_looks_like("ConstantOfShape"), "depends on what a beat looks like"),
    "spread by a sample": (lambda: by_what_a_beat_looks_like("Expand"), "depends on what a beat looks like"),
    "a number of beats": (by_the_number_of_beats, "computes with the number of beats"),
    "batch of 3": (lambda: graph([LINEAR], {"w": W}, (3, 187), (3, 5)), "expected any number of beats"),
    "int64": (lambda: graph(AS_FLOAT, {"w": W}, kinds=(TensorProto.INT64, 1)), r"takes tensor\(int64\)"),
    "text": (lambda: graph(AS_TEXT, {"w": W}, kinds=(1, TensorProto.STRING)), r"gives tensor\(string\)"),
    "twice": (lambda: graph(TWICE, {"w": W}, scores=("m", 5)), r"scores of shape \(2, 5\) for 1 beats"),
    "beyond": (lambda: graph(BEYOND, {"w": W, "far": np.array(10**6)}), ""),
    "scalar": (lambda: graph(ONE_NUMBER, {}, scores=()), "expected any number of beats"),
    "no output": (lambda: graph([LINEAR], {"w": W}, scores=None), "expected one input, one output"),
    "no layer": (lambda: graph([], {}), ""),
    "no numbers": (lambda: graph(SQUARE_ROOT, {"w": W}), "no numbers"),
    "by chance": (lambda: graph([layer("RandomNormal", "", shape=[10**5, 10**5])], {}), "computes RandomNormal"),
    "weights elsewhere": (elsewhere, "lie in another file"),
    "functions": (of_functions, "neither functions"),
    "no rows": (lambda: graph([LINEAR], {"w": W}, (), ("n", 5)), ""),
    "without end": (lambda: graph([layer("MatMul", "scores w")], {"w": W}), ""),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(tmp_path, name):
    make, message = GRAPHS[name]
    (tmp_path / "m.onnx").write_bytes(make().SerializeToString())
    begun = time.monotonic()
    said = fault_in(tmp_path / "m.onnx")
    assert said.startswith("m.onnx is no ONNX network that can be used: ") and re.search(message, said), said
    assert time.monotonic() - begun < PATIENCE


@pytest.mark.slow
def test_a_graph_that_takes_long(tmp_path):
    (tmp_path / "m.onnx").write_bytes(multiplied(6_000, 2_000).SerializeToString())
    begun = time.monotonic()
    assert "it needs more than" in fault_in(tmp_path / "m.onnx")
    assert time.monotonic() - begun < PATIENCE


def test_the_good_graph_is_good(tmp_path):
    for content in (graph([LINEAR], {"w": W}), filled(1_000)):
        (tmp_path / "m.onnx").write_bytes(content.SerializeToString())
        classifier = load_classifier(tmp_path / "m.onnx")
        beats = np.random.default_rng(1).standard_normal((700, 187)).astype(np.float32)
        np.testing.assert_allclose(classifier.all_scores(plain_inputs(beats)), beats @ W, atol=1e-4)


def test_a_graph_that_fails_later(tmp_path):
    """What no trial found is an error of one line all the same."""
    whole = layer("Cast", "most", "place", to=TensorProto.INT64)
    nodes = [layer("ReduceMax", "beats", "most", keepdims=0), whole, layer("Gather", "w place", "row", axis=0)]
    (tmp_path / "m.onnx").write_bytes(graph([*nodes, MIDDLE, layer("Add", "middle row")], {"w": W}).SerializeToString())
    classifier = load_classifier(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="the ONNX network it failed: ") as caught:
        classifier.probabilities(plain_inputs(np.full((3, 187), 1e6, np.float32)))
    checked(caught.value)


ONNX_VALUES = [
    {"n_samples": "187"}, {"n_samples": 187.0}, {"n_samples": 10**9}, {"n_samples": None}, {"name": 3},
    {"name": "\x1b"}, {"reach": [0]}, {"reach": "00"}, {"reach": [-1, 0]}, {"reach": [10**6, 0]}, {"reach": 7},
    {"reach": [5000, 0]}, {"reach": [1.5, 0]}, {"classes": ["N", "S", "V", "F", "Q"]}, {"classes": {"N": 1}},
    {"before": [75]},
]  # fmt: skip


@pytest.mark.parametrize("odd", [*RECIPES[:-1], *ONNX_VALUES], ids=lambda odd: str(list(odd))[:40])
def test_what_an_onnx_file_says_of_itself(tmp_path, odd):
    (tmp_path / "m.onnx").write_bytes(graph([LINEAR], {"w": W}, **odd).SerializeToString())
    with pytest.raises(ModelError) as caught:
        OnnxClassifier(tmp_path / "m.onnx", foreign=False)
    checked(caught.value)


@pytest.mark.parametrize("raw", ["[" * 900, "[" * 50_000, '{"a":' * 190, "1" * 990, "x", "", '"\\u001b[2J"', "NaN"])
@pytest.mark.parametrize("key", ["lead", "fs", "classes", "reach", "n_samples"])
def test_raw_text_in_an_onnx_file(tmp_path, key, raw):
    model = graph([LINEAR], {"w": W})
    next(entry for entry in model.metadata_props if entry.key == key).value = raw
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError) as caught:
        OnnxClassifier(tmp_path / "m.onnx", foreign=False)
    checked(caught.value)


def test_classes_and_scores_are_as_many(tmp_path):
    for classes in CLASSES:
        (tmp_path / "m.onnx").write_bytes(graph([LINEAR], {"w": W}, classes=classes).SerializeToString())
        with pytest.raises(ModelError) as caught:
            OnnxClassifier(tmp_path / "m.onnx", foreign=False)
        checked(caught.value)


@fuzz(15)
@given(st.data())
def test_any_bytes_of_an_onnx_file(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzzed.onnx"
    whole = bytearray(graph([LINEAR], {"w": W}).SerializeToString())
    for place in data.draw(st.lists(st.integers(0, 300) | st.integers(3_700, len(whole) - 1), min_size=1, max_size=5)):
        whole[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(whole))
    used_or_refused(path)


def test_cells_that_a_spreadsheet_would_compute(tmp_path, content):
    """A classifier made by hand may name its classes as it likes; the table is text all the same."""
    torch.save(content, tmp_path / "m.pth")
    classes = ["=1+2", "@SUM(1)", "+4", "-3", "\tx"]
    classifier = replace(load_classifier(tmp_path / "m.pth"), classes=classes)
    beats = np.random.default_rng(0).standard_normal((30, 187)).cumsum(axis=1)
    table = classify_beats(beats, classifier=classifier, min_confidence=0.0)
    cells = list(csv.reader(io.StringIO(beats_to_csv(table))))
    assert {row[1].lstrip("'") for row in cells[1:]} <= set(classes)
    assert not [cell for row in cells for cell in row if re.match(r"[=@+\t\r]|-(?!\d|$)", cell)]
    assert table["label"].isin(classes).all(), "the table itself is as it was"


def test_export_writes_whole_and_never_over_its_model(tmp_path, content):
    torch.save(content, tmp_path / "m.pth")
    before = (tmp_path / "m.pth").read_bytes()
    classifier = load_classifier(tmp_path / "m.pth")
    (tmp_path / "link.onnx").symlink_to("m.pth")
    (tmp_path / "hard.onnx").hardlink_to(tmp_path / "m.pth")
    for target in ("m.pth", "link.onnx", "hard.onnx"):
        with pytest.raises(UsageError, match="is the model itself; give another name"):
            export_onnx(classifier, tmp_path / target)
    assert (tmp_path / "m.pth").read_bytes() == before
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="is a folder; expected the name of a file"):
        export_onnx(classifier, tmp_path / "folder")
    assert not list((tmp_path / "folder").iterdir())


def test_a_full_disk_leaves_the_old_file(tmp_path, content, monkeypatch):
    torch.save(content, tmp_path / "m.pth")
    (tmp_path / "old.onnx").write_text("old")

    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ecgnb.classifier.onnx.onnx.save", full)
    with pytest.raises(UsageError, match=r"old\.onnx cannot be written: No space left on device"):
        export_onnx(load_classifier(tmp_path / "m.pth"), tmp_path / "old.onnx")
    assert (tmp_path / "old.onnx").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.pth", "old.onnx"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["lite_ecgnet", "deep_ecgnet"])
def test_networks_that_onnx_does_not_know(tmp_path, name):
    network = models.create(name, n_samples=256).eval()
    with pytest.raises(ModelError, match="cannot be written as ONNX") as caught:
        export_onnx(TorchClassifier("it", network, None, list("NSVFQ"), 256), tmp_path / "m.onnx")
    checked(caught.value)
    assert not list(tmp_path.iterdir())
