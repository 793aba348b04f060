"""Train any `nn.Module`: a plain loop that keeps the best weights and survives an interruption."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ecgnb.errors import TrainingError, UsageError
from ecgnb.paths import is_interactive
from ecgnb.training.checks import _check, _check_rows
from ecgnb.training.history import History


def set_seed(seed: int, *, deterministic: bool = False) -> None:
    """Seed PyTorch's random numbers.

    Parameters
    ----------
    seed : int
        At least 0.
    deterministic : bool
        Let PyTorch take only operations that repeat themselves bit by bit, at some cost in speed on a GPU. On a CPU
        the course's models repeat themselves anyway, given the same number of threads.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise UsageError(f"seed={seed!r}; expected a whole number of at least 0")
    torch.manual_seed(seed)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for
    torch.use_deterministic_algorithms(deterministic)


def pick_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fit(
    model: nn.Module,
    train: Sequence[Tensor],
    val: Sequence[Tensor] | None,
    loss: Callable[..., Tensor],
    *,
    epochs: int,
    batch_size: int = 32,
    lr: float = 1e-3,
    weight_decay: float = 0.0,
    schedule: str = "one-cycle",
    sample_weight: Tensor | None = None,
    patience: int | None = None,
    clip: float = 1.0,
    bf16: bool = False,
    seed: int = 0,
    device: torch.device | None = None,
    augment: Callable[[Tensor], Tensor] | None = None,
    after_epoch: Callable[[int, nn.Module], None] | None = None,
    verbose: bool = True,
) -> History:
    """Train a model in place with AdamW; it ends with the weights of its best epoch.

    Parameters
    ----------
    model : nn.Module
        Called with the first tensor of a batch.
    train, val : sequence of tensors
        Inputs, then what the loss needs: ``(signal, signal)`` for an autoencoder, ``(signal, label)`` for a classifier.
        Without `val` (None) all epochs are run and the last weights stay.
    loss : callable
        ``loss(model(inputs), *rest)`` gives a scalar.
    epochs, batch_size : int
    lr : float
        Peak of the one-cycle schedule, first rate of "plateau".
    weight_decay : float
    schedule : {"one-cycle", "plateau"}
        The learning rate rises and falls once over all batches (Smith and Topin 2018, arXiv:1708.07120), or is cut to
        a third whenever the validation loss has not fallen for two epochs.
    sample_weight : (n,) tensor, optional
        Draw each epoch's beats with replacement, a beat's chance in proportion to its weight; else each comes once.
    patience : int, optional
        Stop after this many epochs without a lower validation loss.
    clip : float
        Largest norm of the gradient; recurrent networks need the bound.
    bf16 : bool
        Compute in bfloat16 where PyTorch deems it safe.
    seed : int
        Decides the order of the batches (weights are drawn before, by `set_seed`).
    device : torch.device, optional
        The GPU where there is one, unless told otherwise.
    augment : callable, optional
        Disturbs the inputs of each training batch, and them alone; noise makes an autoencoder a denoising one.
    after_epoch : callable, optional
        Called with the epoch and the model, for a look along the way.
    verbose : bool
        Print a line an epoch and, where a person sits at the notebook, show a bar.

    Returns
    -------
    History
        Ctrl-C after the first epoch ends training early and keeps what was learned; `interrupted` then says so.

    Raises
    ------
    UsageError
        For epochs, batch size, learning rate or patience out of range.
    TrainingError
        Where the loss is not a number.
    """
    _check(epochs=epochs, batch_size=batch_size, patience=patience, lr=lr)
    if not 0 <= weight_decay < math.inf:
        raise UsageError(f"weight_decay={weight_decay!r}; expected a number of at least 0")
    if schedule not in ("one-cycle", "plateau"):
        raise UsageError(f"schedule={schedule!r}; expected 'one-cycle' or 'plateau'")
    if not len(train[0]) or (val is not None and not len(val[0])):
        raise UsageError("training and validation need at least one beat each")
    if val is None and (patience is not None or schedule == "plateau"):
        raise UsageError("patience and schedule='plateau' watch the validation loss, and there is no validation data")
    _check_rows(train, sample_weight)
    if val is not None:
        _check_rows(val)
    device = device or pick_device()
    model.to(device)
    loss = loss.to(device) if isinstance(loss, nn.Module) else loss  # it may hold the weights of the classes
    train = [part.to(device) for part in train]
    val = None if val is None else [part.to(device) for part in val]
    n_batches = math.ceil(len(train[0]) / batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay, fused=True)
    # One step more than are taken: the schedule's last rate is near zero, and a training of one step would rest on it.
    steps = epochs * n_batches + 1
    one_cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps) if schedule == "one-cycle" else None
    plateau = None if one_cycle else torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=1 / 3, patience=2)
    order = torch.Generator().manual_seed(seed)
    history = History()
    best_loss, best_weights = math.inf, copy.deepcopy(model.state_dict())

    watched = verbose and is_interactive()
    bar = tqdm(total=epochs * n_batches, desc="training", unit=" batches", disable=not watched, mininterval=0.2)

    def batch_loss(batch: Sequence[Tensor]) -> Tensor:
        inputs = augment(batch[0]) if augment is not None and model.training else batch[0]
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            output = model(inputs)
        return loss(_float32(output), *batch[1:])

    try:
        for epoch in range(1, epochs + 1):
            started = time.perf_counter()
            model.train()
            total = torch.zeros((), device=device)
            for rows in _order(len(train[0]), sample_weight, order).to(device).split(batch_size):
                batch = [part[rows] for part in train]
                optimizer.zero_grad(set_to_none=True)
                value = batch_loss(batch)
                value.backward()
                nn.utils.clip_grad_norm_(model.parameters(), clip)
                optimizer.step()
                if one_cycle:
                    one_cycle.step()
                total += value.detach() * len(rows)
                bar.update()
            train_loss = float(total) / len(train[0])
            val_loss = math.nan if val is None else _mean_loss(model, val, batch_loss)
            if not math.isfinite(train_loss) or (val is not None and not math.isfinite(val_loss)):
                model.load_state_dict(best_weights)
                raise TrainingError(
                    f"the loss is not a number after epoch {epoch} (lr={lr:g}); lower lr, look for NaN in the data. "
                    f"The model holds its best weights, of epoch {history.best_epoch}"
                )
            history.epochs.append((train_loss, val_loss, time.perf_counter() - started))
            if val is None or val_loss < best_loss:
                best_loss, best_weights, history.best_epoch = val_loss, copy.deepcopy(model.state_dict()), epoch
            if plateau:
                plateau.step(val_loss)
            if verbose:
                validated = "" if val is None else f"  val {val_loss:.4f}"
                print(f"epoch {epoch:3d}/{epochs}  train {train_loss:.4f}{validated}  {history.seconds[-1]:.1f} s")
            if after_epoch is not None:
                model.eval()
                after_epoch(epoch, model)
            if patience is not None and epoch - history.best_epoch >= patience:
                break
        bar.total = bar.n  # patience may have ended it early: the bar ends with it
    except KeyboardInterrupt:
        if not history.epochs:  # nothing was learned yet
            raise
        history.interrupted = True
        print(f"interrupted in epoch {len(history.epochs) + 1}; the best weights so far are kept")
    finally:
        bar.close()
    model.load_state_dict(best_weights)
    model.eval()
    return history


def _order(n: int, sample_weight: Tensor | None, generator: torch.Generator) -> Tensor:
    """Return the rows of one epoch: each once, or drawn by weight."""
    if sample_weight is None:
        return torch.randperm(n, generator=generator)
    return torch.multinomial(sample_weight.double().cpu(), n, replacement=True, generator=generator)


def _float32(output: Any) -> Any:
    """Return one tensor, or each of several, in single precision, so that losses never add up in bfloat16."""
    return output.float() if isinstance(output, Tensor) else tuple(part.float() for part in output)


@torch.no_grad()
def _mean_loss(model: nn.Module, data: Sequence[Tensor], batch_loss: Callable[..., Tensor], batch: int = 1024) -> float:
    """Return the mean loss over data in evaluation mode, in batches that fit memory."""
    model.eval()
    n = len(data[0])
    parts = [[part[start : start + batch] for part in data] for start in range(0, n, batch)]
    return sum(float(batch_loss(part)) * len(part[0]) for part in parts) / n


@torch.inference_mode()
def predict(model: nn.Module, inputs: Tensor, batch_size: int = 512, *, bf16: bool = False, **options: Any) -> Any:
    """Return the model's output for all inputs, on the CPU, in evaluation mode; `bf16` computes as in `fit`.

    Parameters
    ----------
    model : nn.Module
    inputs : (n, ...) tensor
    batch_size : int
    bf16 : bool
    **options
        Handed to the model with each batch.

    Returns
    -------
    (n, ...) tensor, or a tuple of such where the model gives several outputs
    """
    model.eval()
    device = next(model.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        outputs = [model(part.to(device), **options) for part in inputs.split(batch_size)]
    if isinstance(outputs[0], Tensor):
        return torch.cat([output.float().cpu() for output in outputs])
    return tuple(torch.cat([output.float().cpu() for output in column]) for column in zip(*outputs, strict=True))
