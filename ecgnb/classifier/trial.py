"""Try a foreign ONNX file in a process of its own, which gets little memory and little time.

The process imports nothing else of the package, so that it starts within half a second: `python -P trial.py < it.onnx`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import onnxruntime

try:
    import resource
except ImportError:  # Windows bounds no process's memory this way; the time is bounded all the same
    resource = None  # type: ignore[assignment]

SECONDS, PATIENCE = 10, 40  # of computing, for graph and two batches, and on a busy machine; our networks need 0.2 to 3
MEMORY = 2**30  # bytes
TOO_LONG = f"it needs more than {SECONDS} s for its first beats"
TOO_MUCH = f"it needs more than {MEMORY / 2**30:.2g} GB"

# What networks of beats compute: no loops, no branches, nothing drawn by chance.
_OPS = (
    "Abs Add AveragePool BatchNormalization Cast Clip Concat Constant ConstantOfShape Conv ConvTranspose "
    "DequantizeLinear Div DynamicQuantizeLSTM DynamicQuantizeLinear Elu Equal Erf Exp Expand Flatten GRU Gather Gemm "
    "GlobalAveragePool GlobalMaxPool Greater HardSigmoid HardSwish Identity InstanceNormalization LSTM "
    "LayerNormalization LeakyRelu Less Log MatMul MatMulInteger Max MaxPool Min Mod Mul Neg PRelu Pad Pow QLinearConv "
    "QuantizeLinear Reciprocal ReduceMax ReduceMean ReduceSum Relu Reshape Selu Shape Sigmoid Slice Softmax Softplus "
    "Split Sqrt Squeeze Sub Tanh Transpose Unsqueeze Where"
)
OPS = frozenset(_OPS.split())

# The size of a value follows from the file, and from the number of beats as it is: what is made of it may go nowhere
# else. So what a batch takes grows with its beats, and the largest batch tells of all.
OF_SIZES = {"Cast", "Concat", "Gather", "Identity", "Reshape", "Shape", "Slice", "Squeeze", "Unsqueeze"}
SIZE_FROM = {"ConstantOfShape": 0} | dict.fromkeys(
    ("Expand", "Pad", "Reshape", "Slice", "Split", "Squeeze", "Unsqueeze"), 1
)


class Refused(Exception):
    """Why a file is not used."""


def rows_at_once(n_numbers: int) -> int:
    """Return how many beats of so many numbers a session is ever given at once."""
    return max(1, min(1280, 2**18 // n_numbers))


def fault_of(content: bytes) -> str | None:
    """Return why the content of an ONNX file cannot be used, tried in a process of its own; None where it can."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        tried = subprocess.run(
            [sys.executable, "-P", __file__], input=content, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=os.environ | limits, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return TOO_LONG
    except OSError as fault:
        return f"no process can be started to try it: {fault.strerror}"
    if tried.returncode == 0:
        return None
    if resource is not None and tried.returncode == -signal.SIGXCPU:
        return TOO_LONG
    said = tried.stdout[:1000].decode("utf-8", "replace").strip()
    return said or f"it ends the process that tries it, or {TOO_MUCH}"


def check_graph(model: Any) -> None:
    """Raise `Refused` for a graph that could compute without end, or read other files."""
    from onnx import AttributeProto  # only foreign files need it

    graph = model.graph
    if model.functions or graph.sparse_initializer or (len(graph.input), len(graph.output)) != (1, 1):
        raise Refused("expected one input, one output, and neither functions nor sparse tensors")
    if foreign := sorted({node.op_type for node in graph.node} - OPS):
        raise Refused(f"it computes {', '.join(foreign)[:60]}, which no network of beats needs")
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    plain = {getattr(AttributeProto, kind) for kind in ("FLOAT", "INT", "STRING", "TENSOR", "FLOATS", "INTS")}
    if any(attribute.type not in plain for attribute in attributes):
        raise Refused("a layer has a graph within")
    if any(tensor.external_data for tensor in [*graph.initializer, *(attribute.t for attribute in attributes)]):
        raise Refused("its weights lie in another file")
    _check_sizes(graph)


def _check_sizes(graph: Any) -> None:
    """Raise `Refused` where the size of a value depends on more than the file and the number of beats."""
    rows: set[str] = {graph.input[0].name}
    sizes: set[str] = set()
    for node in graph.node:
        given = set(node.input)
        sets_size = node.op_type in SIZE_FROM and set(node.input[SIZE_FROM[node.op_type] :])
        if sets_size and (sets_size & rows or (node.op_type != "Reshape" and sets_size & sizes)):
            raise Refused("the size of a layer depends on what a beat looks like")
        if given & sizes and node.op_type not in OF_SIZES:
            raise Refused("it computes with the number of beats")
        if node.op_type == "Shape" or (given & sizes and node.op_type != "Reshape"):
            sizes |= set(node.output) if given & (rows | sizes) else set()
        elif given & rows:
            rows |= set(node.output)


def check_scores(content: bytes) -> None:
    """Raise `Refused` where the file does not score one beat, and as many as will ever be asked for at once."""
    session = onnxruntime.InferenceSession(content, session_options(), providers=["CPUExecutionProvider"])
    (given,), (scores,) = session.get_inputs(), session.get_outputs()
    if (given.type, scores.type) != ("tensor(float)", "tensor(float)"):
        raise Refused(f"it takes {given.type} and gives {scores.type}; expected tensor(float)")
    free = len(given.shape) == len(scores.shape) == 2 and not isinstance(given.shape[0], int)
    if not free or not all(isinstance(size, int) and size > 0 for size in (given.shape[1], scores.shape[1])):
        raise Refused(f"it takes {given.shape} and gives {scores.shape}; expected any number of beats")
    n_numbers, rng = given.shape[1], np.random.default_rng(0)
    for n in (1, rows_at_once(n_numbers)):
        found = session.run(None, {given.name: rng.standard_normal((n, n_numbers), dtype=np.float32)})[0]
        if found.shape != (n, scores.shape[1]) or not np.isfinite(found).all():
            raise Refused(f"it gives scores of shape {found.shape} for {n} beats, or such as are no numbers")


def session_options() -> Any:
    """Return the options of all sessions: one thread, since batches go to the cores, and no log."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return options


def main() -> None:
    """Try the file that comes in by standard input; say why it is refused, if so."""
    if resource is not None:
        for kind, most in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0)):
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, hard))
    import onnx

    content = sys.stdin.buffer.read()
    try:
        check_graph(onnx.load_model_from_string(content))
        check_scores(content)
    except Refused as fault:
        sys.exit(_told(str(fault)))
    except Exception as fault:  # onnxruntime has no common class of errors
        sys.exit(_told(TOO_MUCH if "alloc" in str(fault) else f"{type(fault).__name__}: {fault}"))


def _told(fault: str) -> int:
    print(" ".join(fault.split())[:200])
    return 1


if __name__ == "__main__":
    main()
