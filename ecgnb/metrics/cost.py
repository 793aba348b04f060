"""What a network costs: parameters, bytes, operations, milliseconds and memory."""

from __future__ import annotations

import copy
import io
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from ecgnb.errors import UsageError
from ecgnb.models.registry import count_parameters

Inputs = int | tuple[int, ...]


class Latency(NamedTuple):
    """Time of one forward pass of one beat, in ms."""

    p50: float
    p95: float


def bytes_on_disk(model: nn.Module) -> int:
    """Return the size of a file that holds the weights."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file.getbuffer().nbytes


def macs(model: nn.Module, n_inputs: Inputs) -> int:
    """Return the multiply-accumulate operations of one forward pass of one beat.

    Counted without computing anything, on PyTorch's "meta" device; half of the floating-point operations that PyTorch
    counts there. Products of matrices and convolutions count (LSTM and attention are made of them); sums, activations
    and normalisations, which are few beside them, do not.

    Parameters
    ----------
    model : nn.Module
    n_inputs : int or tuple of int
        Numbers in a row of input, or (n_leads, n_samples) of a network that reads several leads.
    """
    shadow = copy.deepcopy(model).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with counter:  # with gradients: without, a transformer layer is one fused operation that is counted as nothing
        shadow(_inputs(1, n_inputs, torch.device("meta")))
    return counter.get_total_flops() // 2


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Compute with `n` threads within."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.inference_mode()
def latency(model: nn.Module, n_inputs: Inputs, *, rounds: int = 5, seconds: float = 0.2) -> Latency:
    """Return the median and the 95th percentile of the time for one beat, on one thread.

    They are those of the fastest of some rounds: what else runs on the machine can only add to a time.

    Parameters
    ----------
    model : nn.Module
    n_inputs : int or tuple of int
        Numbers in a row of input, or (n_leads, n_samples) of a network that reads several leads.
    rounds : int
        At least 1.
    seconds : float
        Least time of a round, and least number of passes 20: fewer tell no percentile.
    """
    model.eval()
    beat = _inputs(1, n_inputs, _device(model))
    with threads(1):
        return fastest_latency(lambda: _forward(model, beat), rounds=rounds, seconds=seconds)


def fastest_latency(call: Callable[[], Any], *, rounds: int = 5, seconds: float = 0.2) -> Latency:
    """Return the median and the 95th percentile of the time that a call takes, in the fastest of some rounds.

    Parameters
    ----------
    call : callable
    rounds, seconds
        As for `latency`.
    """
    if rounds < 1:
        raise UsageError(f"rounds={rounds}; expected at least 1")
    best = Latency(np.inf, np.inf)
    for _ in range(rounds):
        times: list[float] = []
        for _ in range(3):  # to warm up
            call()
        while len(times) < 20 or sum(times) < seconds:
            times.append(_seconds(call))
        best = min(best, Latency(*(1000 * float(value) for value in np.percentile(times, [50, 95]))))
    return best


@torch.inference_mode()
def beats_per_second(model: nn.Module, n_inputs: Inputs, *, batch_size: int = 256, n_passes: int = 3) -> float:
    """Return how many beats a second pass in batches, on all threads: the best of some passes after one to warm up."""
    model.eval()
    batch = _inputs(batch_size, n_inputs, _device(model))
    return fastest_rate(lambda: _forward(model, batch), batch_size, n_passes=n_passes)


def fastest_rate(call: Callable[[], Any], n_beats: int, *, n_passes: int = 3) -> float:
    """Return how many beats a second a call does that does `n_beats`: the best of some after one to warm up."""
    call()
    return n_beats / min(_seconds(call) for _ in range(n_passes))


class _Held(TorchDispatchMode):
    """Follows how many bytes the results of operations hold, from each one's making to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor) and (storage := tensor.untyped_storage()) not in self.known:
                self.known.add(storage)  # a view shares that of another result
                weakref.finalize(storage, self._freed, storage.nbytes())
                self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        return result

    def _freed(self, n_bytes: int) -> None:
        self.now -= n_bytes


@torch.inference_mode()
def peak_memory_mb(model: nn.Module, n_inputs: Inputs, *, batch_size: int = 1) -> float:
    """Return the most memory that weights, inputs and results of operations hold at once in a forward pass, in MB.

    What an operation takes for itself while it runs is not seen.
    """
    model.eval()
    held = _Held()
    with held:
        model(_inputs(batch_size, n_inputs, _device(model)))
    weights = sum(part.nbytes for part in (*model.parameters(), *model.buffers()))
    return (weights + held.peak) / 1e6


def measure_cost(model: nn.Module, n_inputs: Inputs) -> dict[str, Any]:
    """Return all that a network costs, as a run records it: see the functions of this module."""
    p50, p95 = latency(model, n_inputs)
    return {
        "parameters": count_parameters(model),
        "bytes": bytes_on_disk(model),
        "macs": macs(model, n_inputs),
        "latency_ms_p50": p50,
        "latency_ms_p95": p95,
        "beats_per_second": beats_per_second(model, n_inputs),
        "peak_memory_mb": peak_memory_mb(model, n_inputs),
    }


def pareto(cost: dict[str, float], gain: dict[str, float]) -> list[str]:
    """Return the names that no other one beats in cost and gain at once, cheapest first.

    Parameters
    ----------
    cost : dict of float
        The less the better, such as operations.
    gain : dict of float
        The more the better, such as macro F1; of the same names.
    """
    if cost.keys() != gain.keys():
        raise UsageError(f"costs of {', '.join(cost)} and gains of {', '.join(gain)}; expected the same names")
    return [
        name
        for name in sorted(cost, key=lambda name: (cost[name], -gain[name]))
        if not any(
            cost[other] <= cost[name]
            and gain[other] >= gain[name]
            and (cost[other], gain[other]) != (cost[name], gain[name])
            for other in cost
        )
    ]


def _inputs(n: int, n_inputs: Inputs, device: torch.device) -> Tensor:
    """Return random inputs, (n, *n_inputs)."""
    return torch.randn(n, *(n_inputs if isinstance(n_inputs, tuple) else (n_inputs,)), device=device)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _forward(model: nn.Module, batch: Tensor) -> None:
    """Compute, and wait for it: a GPU computes while Python goes on."""
    model(batch)
    if batch.is_cuda:
        torch.cuda.synchronize()


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
