"""ONNX files: equal to PyTorch at every size of batch, complete in themselves, refused where they are not ours."""

import json

import numpy as np
import onnx
import pytest
import torch
from scipy.special import softmax

from ecgnb import models
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.network import TorchClassifier
from ecgnb.classifier.onnx import OnnxClassifier, export_onnx, onnx_beats_per_second, onnx_latency
from ecgnb.classifier.recipe import plain_inputs
from ecgnb.classifier.recording import classify_recording
from ecgnb.datasets import DS2, load_mitdb, load_records
from ecgnb.errors import ModelError, UsageError


@pytest.fixture(scope="module")
def classifier():
    return load_classifier("cnn_lstm")


@pytest.fixture(scope="module")
def files(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    gaps = {int8: export_onnx(classifier, folder / f"{int8}.onnx", int8=int8) for int8 in (False, True)}
    return folder, gaps


def test_parity(classifier, files):
    folder, gaps = files
    assert gaps[False] < 1e-4
    exported = OnnxClassifier(folder / "False.onnx")
    rng = np.random.default_rng(1)
    for n in (1, 5, 600):
        beats = rng.standard_normal((n, 187)).astype(np.float32)
        given = plain_inputs(beats)
        with torch.inference_mode():
            expected = classifier.network(torch.from_numpy(beats)).numpy()
        np.testing.assert_allclose(exported.scores(beats), expected, atol=1e-4)
        np.testing.assert_allclose(exported.probabilities(given), classifier.probabilities(given), atol=1e-4)


def test_metadata(classifier, files):
    graph = onnx.load(files[0] / "False.onnx")
    stored = {entry.key: json.loads(entry.value) for entry in graph.metadata_props}
    assert stored["classes"] == "N S V F Q" and (stored["before"], stored["after"], stored["fs"]) == (75, 112, 125.0)
    assert "mean 0" in stored["scaling"] and stored["name"] == "cnn_lstm" and stored["int8"] is False
    (beats,), (scores,) = graph.graph.input, graph.graph.output
    assert [d.dim_param or d.dim_value for d in beats.type.tensor_type.shape.dim] == ["n_beats", 187]
    assert scores.type.tensor_type.shape.dim[0].dim_param == "n_beats"


def test_what_is_known_of_its_errors_travels_along(tmp_path):
    """Calibrated probabilities and prediction sets are the same from the ONNX file; 8-bit scores are not calibrated."""
    classifier = load_classifier("beat_sequence")
    rows = np.random.default_rng(0).standard_normal((40, classifier.recipe.n_numbers)).astype(np.float32)
    given = plain_inputs(rows)
    for int8 in (False, True):
        export_onnx(classifier, tmp_path / "m.onnx", int8=int8)
        exported = OnnxClassifier(tmp_path / "m.onnx")
        assert exported.certainty is None if int8 else exported.certainty == classifier.certainty
        if not int8:
            np.testing.assert_allclose(exported.probabilities(given), classifier.probabilities(given), atol=1e-4)
    scores = classifier.scores(rows)
    assert classifier.certainty.temperature > 1
    assert classifier.certainty.probabilities(scores).max() < softmax(scores, axis=1).max()


def test_int8(files, classifier, synthetic_records):
    folder, _ = files
    plain, small = (folder / f"{int8}.onnx" for int8 in (False, True))
    assert small.stat().st_size < plain.stat().st_size / 3
    kinds = {node.op_type for node in onnx.load(small).graph.node}
    assert {"QLinearConv", "DynamicQuantizeLSTM", "MatMulInteger"} <= kinds
    wave = synthetic_records[0].signal[:, 0]
    tables = [classify_recording(wave, 360, classifier=load_classifier(path)).beats for path in (plain, small)]
    assert (tables[0]["likeliest"] == tables[1]["likeliest"]).mean() > 0.95


@pytest.mark.parametrize("name", ["beat_sequence", "beat_sequence_causal"])
def test_a_network_of_sequences(tmp_path, synthetic_records, name):
    """Every size of batch, whole recordings and the borders between them: the scores are PyTorch's."""
    mine = load_classifier(name)
    assert export_onnx(mine, tmp_path / "it.onnx") < 1e-4
    exported = OnnxClassifier(tmp_path / "it.onnx")
    assert exported.recipe == mine.recipe and exported.reach == mine.network.reach
    beats = load_mitdb("synthetic", records=["100", "200"], cache=False, **mine.recipe.window)
    inputs = mine.recipe.of(beats)
    np.testing.assert_allclose(exported.probabilities(inputs), mine.probabilities(inputs), atol=1e-4)
    small = inputs._replace(recording=np.zeros_like(inputs.recording))
    np.testing.assert_allclose(
        exported.all_scores(small, batch_size=7), exported.all_scores(small, batch_size=900), atol=1e-4
    )
    wave = synthetic_records[0].signal[:, 0]
    tables = [classify_recording(wave, 360, classifier=one).beats for one in (mine, exported)]
    np.testing.assert_allclose(tables[0]["confidence"], tables[1]["confidence"], atol=1e-4)
    assert export_onnx(mine, tmp_path / "it8.onnx", int8=True) < np.inf
    eight = OnnxClassifier(tmp_path / "it8.onnx").probabilities(inputs)
    assert np.isfinite(eight).all() and eight.shape == (len(beats), 5)


def test_int8_names_real_beats_alike(real_mitdb, files, classifier):
    beats = classifier.recipe.of(load_mitdb("real", records=DS2)[::20])
    small = OnnxClassifier(files[0] / "True.onnx").probabilities(beats)
    assert (small.argmax(1) == classifier.probabilities(beats).argmax(1)).mean() > 0.985


def test_other_networks_export_too(tmp_path):
    network = models.create("micro_ecgnet", n_samples=256, n_classes=4)
    mine = TorchClassifier("micro", network.eval(), None, ["N", "SVEB", "VEB", "Other"], 256)
    assert export_onnx(mine, tmp_path / "new" / "micro.onnx") < 1e-4
    with pytest.raises(ModelError, match="8-bit weights need before, after and fs"):
        export_onnx(mine, tmp_path / "micro8.onnx", int8=True)


def test_speed_is_measured(files):
    exported = OnnxClassifier(files[0] / "False.onnx")
    assert 0 < onnx_latency(exported).p50 <= onnx_latency(exported).p95
    assert onnx_beats_per_second(exported, n_beats=300) > 0


def test_what_is_refused(tmp_path, classifier, files):
    with pytest.raises(ModelError, match="does not exist; expected a file that `ecgnb export` wrote"):
        OnnxClassifier(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"bad\.onnx is no ONNX network"):
        OnnxClassifier(tmp_path / "bad.onnx")
    graph = onnx.load(files[0] / "False.onnx")
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "bare.onnx")
    with pytest.raises(ModelError, match="does not say how its beats are cut"):
        OnnxClassifier(tmp_path / "bare.onnx")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        export_onnx(classifier, tmp_path / "file" / "model.onnx")


def test_a_difference_is_not_passed_over(tmp_path, classifier, monkeypatch):
    """Where the scores are off, nothing is left that could be taken for a good file."""
    monkeypatch.setattr(OnnxClassifier, "scores", lambda self, beats: np.ones((len(beats), 5), dtype=np.float32))
    with pytest.raises(ModelError, match="differ from PyTorch's by"):
        export_onnx(classifier, tmp_path / "off.onnx")
    assert not (tmp_path / "off.onnx").exists()


def test_the_twin_of_the_pretrained_weights_is_theirs():
    """`classify` reads the ONNX file, to do without PyTorch: it must not stay behind when weights are made anew."""
    plain, quick = load_classifier(), load_classifier(quick=True)
    assert isinstance(plain, TorchClassifier) and isinstance(quick, OnnxClassifier)
    for part in ("name", "recipe", "classes", "n_samples", "certainty"):
        assert getattr(plain, part) == getattr(quick, part), part
    record = load_records(["208"], data="synthetic")[0]
    found = [classify_recording(record.wave("MLII"), record.fs, classifier=one).beats for one in (plain, quick)]
    columns = [name for name in found[0] if name.startswith("p_")]
    np.testing.assert_allclose(found[0][columns], found[1][columns], atol=1e-5)
    assert found[0]["label"].tolist() == found[1]["label"].tolist()
