"""Networks as ONNX files: written with all that is needed to use them, proven equal to PyTorch, and timed."""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ecgnb.classifier.network import TorchClassifier, class_scores, reach_of
from ecgnb.classifier.recipe import SCALINGS, Recipe, plain_inputs
from ecgnb.datasets import synthetic
from ecgnb.datasets.beats import zscored
from ecgnb.datasets.wfdb import read_record
from ecgnb.datasets.windows import cut_beats
from ecgnb.errors import EcgnbError, ModelError, UsageError, plain_text
from ecgnb.files import refuse_overwriting, written_whole
from ecgnb.metrics.cost import Latency, fastest_latency, fastest_rate

try:
    import onnx

    from ecgnb.classifier.onnx_file import OnnxClassifier
    from ecgnb.classifier.trial import check_graph
except ImportError as fault:
    raise UsageError(f"{fault.name} is not installed; get it with: pip install 'ecgnb[export]'") from None

PARITY = 1e-4  # most that a score may differ from PyTorch's

OPSET = 17

TRACED = 3  # beats in the batch that the exporter watches

EXPECTED = "a file that `ecgnb export` wrote"


def export_onnx(classifier: TorchClassifier, path: str | Path, *, int8: bool = False) -> float:
    """Write a network as an ONNX file, and prove that it computes the same.

    The file takes ``beats`` (n, n_numbers) for any n, and gives ``scores`` (n, n_classes), before the softmax. A row is
    what `Inputs.rows` holds: a beat's samples, scaled; where the recipe says so those of the recording's reference
    beat, and the timing. Its metadata say how a beat is cut, scaled and timed, what the classes are called, over how
    many beats before and after a network of sequences reaches, and how its scores become calibrated probabilities.

    Parameters
    ----------
    classifier : TorchClassifier
    path : path
    int8 : bool
        Compute with 8-bit integers: convolutions on a scale that synthetic beats fix in advance (static quantisation),
        linear and recurrent layers on that of each batch (dynamic). Such scores differ from PyTorch's by more than
        rounding: measure what that does to the classes.

    Returns
    -------
    float
        Largest difference to PyTorch's scores, on beats of all sizes of batch that were tried.

    Raises
    ------
    UsageError
        Where the file cannot be written, or is the one that the network was loaded from.
    ModelError
        Where the network cannot be written as ONNX, or its scores differ by more than 1e-4 (of an 8-bit file: are no
        numbers).
    """
    path = _target(classifier, path)
    with written_whole(path) as new:
        try:
            return _written(classifier, new, int8)
        except (EcgnbError, OSError):
            raise
        except Exception as fault:  # exporter, quantisation and checker have no common class of errors
            kind = type(classifier.network).__name__
            raise ModelError(f"{kind} cannot be written as{' 8-bit' * int8} ONNX: {plain_text(fault)}") from None


def _target(classifier: TorchClassifier, path: str | Path) -> Path:
    """Return where the file goes, its folder made; refuse a folder, and the model itself."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise UsageError(f"{plain_text(path, 500)} cannot be written: {fault.strerror}") from None
    refuse_overwriting(path, [classifier.source] if classifier.source else [], "the model")
    return path


def _written(classifier: TorchClassifier, path: Path, int8: bool) -> float:
    """Write the file, and return how far its scores are from PyTorch's."""
    n_samples = classifier.n_samples
    n_numbers = classifier.recipe.n_numbers if classifier.recipe else n_samples
    network = _Scores(classifier.network).eval()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracing exporter is the fast one, and deprecated
            torch.onnx.export(
                network, (torch.zeros(TRACED, n_numbers),), str(plain), dynamo=False, opset_version=OPSET,
                input_names=["beats"], output_names=["scores"],
                dynamic_axes={"beats": {0: "n_beats"}, "scores": {0: "n_beats"}},
            )  # fmt: skip
        graph = _free_batch(onnx.load(plain))
        if int8:
            graph = _quantised(graph, classifier.recipe, Path(folder))
    values = classifier.recipe.to_values() if classifier.recipe else {"scaling": SCALINGS["beat"]}
    values |= {"name": classifier.name, "classes": " ".join(classifier.classes)}
    values |= {"n_samples": n_samples, "int8": int8, "reach": reach_of(classifier.network)}
    if classifier.certainty is not None and not int8:  # 8-bit scores are others, and nobody measured their errors
        values |= classifier.certainty.to_values()
    onnx.helper.set_model_props(graph, {name: json.dumps(value) for name, value in values.items()})
    onnx.checker.check_model(graph, full_check=not int8)
    check_graph(graph)  # as whoever reads the file will
    onnx.save(graph, path)
    gap = _largest_difference(network, OnnxClassifier(path, foreign=False), n_numbers)
    if not gap < (np.inf if int8 else PARITY):
        raise ModelError(f"the ONNX scores differ from PyTorch's by {gap:.2g}; expected less than {PARITY:g}")
    return gap


class _Scores(torch.nn.Module):
    """A network that gives the scores of the classes, and nothing beside them."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        return class_scores(self.network(signal))


def _largest_difference(network: torch.nn.Module, written: OnnxClassifier, n_numbers: int) -> float:
    """Return how far the scores are apart on random curves, in batches of several sizes."""
    rng = np.random.default_rng(0)
    gap = 0.0
    for n in (1, 2, 257):
        beats = zscored(rng.standard_normal((n, n_numbers)).cumsum(axis=1).astype(np.float32))
        with torch.inference_mode():
            expected = network(torch.from_numpy(beats)).numpy()
        gap = max(gap, float(np.abs(written.scores(beats) - expected).max()))
    return gap


def _free_batch(graph: Any) -> Any:
    """Let the network take any number of beats: the exporter writes a `len(batch)` down as the number it traced.

    It stands in the shapes of reshapes, and in the zeros that an LSTM starts from, which ONNX does not need.
    """
    for node in graph.graph.node:
        if node.op_type == "LSTM":
            del node.input[5:]
    for node in reversed(list(graph.graph.node)):  # what made those zeros
        used = {name for other in graph.graph.node for name in other.input} | {out.name for out in graph.graph.output}
        if not used & set(node.output):
            graph.graph.node.remove(node)
    shapes = {node.input[1] for node in graph.graph.node if node.op_type == "Reshape"}
    constants = {node.output[0]: node.attribute[0].t for node in graph.graph.node if node.op_type == "Constant"}
    constants |= {tensor.name: tensor for tensor in graph.graph.initializer}
    for name in shapes & set(constants):
        shape = onnx.numpy_helper.to_array(constants[name]).copy()
        if len(shape) and shape[0] == TRACED and not (shape == -1).any():
            shape[0] = -1
            constants[name].CopyFrom(onnx.numpy_helper.from_array(shape, constants[name].name))
    return graph


def _quantised(graph: Any, recipe: Recipe | None, folder: Path) -> Any:
    """Return the network with 8-bit numbers in its convolutions, and 8-bit weights in linear and recurrent layers.

    A convolution has to know in advance how large its inputs become: synthetic beats say so, always at hand.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    plain, half, whole = (folder / f"{name}.onnx" for name in ("plain", "half", "whole"))
    onnx.save(graph, plain)
    logging.disable(logging.WARNING)  # advice on preparing graphs
    try:
        quantize_static(
            plain, half, _Calibration(_synthetic_beats(recipe)), quant_format=QuantFormat.QOperator,
            op_types_to_quantize=["Conv"], activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip
        layers = ["MatMul", "Gemm", "LSTM"]
        quantize_dynamic(half, whole, op_types_to_quantize=layers, weight_type=QuantType.QInt8)
    finally:
        logging.disable(logging.NOTSET)
    return onnx.load(whole)


class _Calibration:
    """Hands onnxruntime one batch of beats."""

    def __init__(self, beats: NDArray[np.float32]) -> None:
        self.batches = iter([{"beats": beats}])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self.batches, None)


def _synthetic_beats(recipe: Recipe | None) -> NDArray[np.float32]:
    if recipe is None:
        raise ModelError("this model does not say how its beats are cut; 8-bit weights need before, after and fs in it")
    with tempfile.TemporaryDirectory() as folder:
        names = ["a", "b", "c", "paced"]
        synthetic.write_mitdb(Path(folder), names, paced=["paced"])
        records = [read_record(folder, name, source="synthetic") for name in names]
    window = recipe.window | {"lead": records[0].leads[0]}
    return np.concatenate([recipe.of(cut_beats(record, **window)).rows for record in records])


def onnx_latency(classifier: OnnxClassifier, *, rounds: int = 5) -> Latency:
    """Return the time for one beat on one thread, as `metrics.latency` measures it."""
    beat = np.random.default_rng(0).standard_normal((1, classifier.n_numbers), dtype=np.float32)
    return fastest_latency(lambda: classifier.scores(beat), rounds=rounds)


def onnx_beats_per_second(classifier: OnnxClassifier, *, n_beats: int = 4096, n_passes: int = 3) -> float:
    """Return how many beats a second pass in batches of 256 on all cores: the best of some passes."""
    beats = np.random.default_rng(0).standard_normal((n_beats, classifier.n_numbers), dtype=np.float32)
    return fastest_rate(lambda: classifier.all_scores(plain_inputs(beats)), n_beats, n_passes=n_passes)
