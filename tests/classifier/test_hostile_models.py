"""Model files that somebody else wrote: whatever they hold is a `ModelError` of one line, in little time and memory."""

import inspect
import io
import pickle
import time
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgnb import models
from ecgnb.classifier import Recipe, classify_recording, load_classifier
from ecgnb.classifier.recipe import plain_inputs
from ecgnb.errors import ModelError, UsageError
from ecgnb.models.files import FORMAT, MAX_TEXT
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
        b"\x80\x02}(" + b"".join(pickle.dumps((2**61 - 1) * n, 2)[2:-1] + b"N" for n in range(1, 12_000)) + b"u.",
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
    good = {"n_samples": 140} | ({"samples_per_step": 7} if name.startswith("lstm") else {})
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
    {"scaling": "recording"}, {"rr": "mean"}, {"reference": "recording"}, {"next_rr": 1}, {"n\x1b": 1}, {3: 4},
    {"note": "x" * (MAX_TEXT + 1)}, {"note": "\x1b[2J"}, {"note": 10**5000}, {"temperature": 1},
    {"temperature": 0.0, "least": "0 0 0 0 0", "min_confidence": 0.5},
    {"temperature": "1", "least": "0 0 0 0 0", "min_confidence": 0.5},
    {"temperature": 1.0, "least": "0 0 0 0", "min_confidence": 0.5},
    {"temperature": 1.0, "least": 0, "min_confidence": 0.5}, {"temperature": 1e-320, "least": "0 0 0 0 0"},
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


@settings(max_examples=150, deadline=None)
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


@settings(max_examples=150, deadline=None)
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
