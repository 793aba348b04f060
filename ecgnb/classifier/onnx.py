"""Networks as ONNX files: written with all that is needed to use them, proven equal to PyTorch, and read back."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ecgnb.classifier.base import TorchClassifier, batches, class_scores, classes_of, probabilities_of, reach_of
from ecgnb.classifier.certainty import Certainty
from ecgnb.classifier.recipe import SCALINGS, Inputs, Recipe, plain_inputs
from ecgnb.datasets import synthetic
from ecgnb.datasets.beats import zscored
from ecgnb.datasets.wfdb import read_record
from ecgnb.datasets.windows import cut_beats
from ecgnb.errors import ModelError, UsageError
from ecgnb.metrics.cost import Latency, fastest_latency, fastest_rate

try:
    import onnx
    import onnxruntime
except ImportError as fault:
    raise UsageError(f"{fault.name} is not installed; get it with: pip install 'ecgnb[export]'") from None

PARITY = 1e-4  # most that a score may differ from PyTorch's

OPSET = 17

TRACED = 3  # beats in the batch that the exporter watches


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
    ModelError
        Where the file cannot be written, or its scores differ by more than 1e-4 (of an 8-bit file: are no numbers).
    """
    path, n_samples = Path(path), classifier.n_samples
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
        onnx.save(graph, plain)
        gap = _largest_difference(network, OnnxClassifier(plain), n_numbers)
        if not gap < (np.inf if int8 else PARITY):
            raise ModelError(f"the ONNX scores differ from PyTorch's by {gap:.2g}; expected less than {PARITY:g}")
        try:  # whatever lay there before goes only for a file that is proven
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(plain, path)
        except OSError as fault:
            raise ModelError(f"{path} cannot be written: {fault.strerror}") from None
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


class OnnxClassifier:
    """A network in an ONNX file that `export_onnx` wrote.

    Parameters
    ----------
    path : path

    Raises
    ------
    ModelError
        Where the file is absent, damaged, or does not say how its beats are cut.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        if not path.is_file():
            raise ModelError(f"{path} does not exist; expected a file that `ecgnb export` wrote")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one batch a core, instead of all cores on one batch
        options.log_severity_level = 4
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as fault:  # onnxruntime has no common class of errors
            raise ModelError(f"{path.name} is no ONNX network: {' '.join(str(fault).split())[:100]}") from None
        try:
            stored = self.session.get_modelmeta().custom_metadata_map
            values = {name: json.loads(value) for name, value in stored.items()}
            self.name = str(values["name"])[:200]
            self.recipe = Recipe.from_values(values, path.name)
            self.classes = classes_of(values, path.name)
            self.n_samples = int(values["n_samples"])
            self.certainty = Certainty.from_values(values, len(self.classes), path.name)
            before, after = values.get("reach", (0, 0))
            self.reach = int(before), int(after)
            self.n_numbers = self.recipe.n_numbers if self.recipe else self.n_samples
            shapes = self.session.get_inputs()[0].shape[-1], self.session.get_outputs()[0].shape[-1]
            if shapes != (self.n_numbers, len(self.classes)) or not 0 <= min(self.reach) <= max(self.reach) < 10_000:
                raise ValueError
            if self.recipe and self.recipe.n_samples != self.n_samples:
                raise ValueError
        except (KeyError, ValueError, TypeError, AttributeError):
            raise ModelError(
                f"{path.name} does not say how its beats are cut; expected a file that `ecgnb export` wrote"
            ) from None

    def scores(self, beats: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the score of each class: rows of one batch, (n_beats, n_numbers), to (n_beats, n_classes)."""
        return self.session.run(None, {self.session.get_inputs()[0].name: beats})[0]

    def all_scores(self, inputs: Inputs, batch_size: int = 256) -> NDArray[np.float32]:
        """Give the score of each class, (n_kept, n_classes), in batches on all cores."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = pool.map(lambda batch: self.scores(batch[0])[batch[1]], batches(inputs, self.reach, batch_size))
            return np.concatenate([np.zeros((0, len(self.classes)), dtype=np.float32), *parts])

    def probabilities(self, inputs: Inputs) -> NDArray[np.float32]:
        """Give the probability of each class, (n_kept, n_classes), of what the recipe made of some beats."""
        return probabilities_of(self.all_scores(inputs), self.certainty)


def onnx_latency(classifier: OnnxClassifier, *, rounds: int = 5) -> Latency:
    """Return the time for one beat on one thread, as `metrics.latency` measures it."""
    beat = np.random.default_rng(0).standard_normal((1, classifier.n_numbers), dtype=np.float32)
    return fastest_latency(lambda: classifier.scores(beat), rounds=rounds)


def onnx_beats_per_second(classifier: OnnxClassifier, *, n_beats: int = 4096, n_passes: int = 3) -> float:
    """Return how many beats a second pass in batches of 256 on all cores: the best of some passes."""
    beats = np.random.default_rng(0).standard_normal((n_beats, classifier.n_numbers), dtype=np.float32)
    return fastest_rate(lambda: classifier.all_scores(plain_inputs(beats)), n_beats, n_passes=n_passes)
