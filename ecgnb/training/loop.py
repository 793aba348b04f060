"""Train any `nn.Module`: a plain loop that keeps the best weights and survives an interruption."""

from __future__ import annotations

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
from ecgnb.training.checks import check_data, check_numbers, check_schedule
from ecgnb.training.history import BestWeights, History


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
        Data augmentation: changes the inputs of each training batch, and them alone; with noise an autoencoder becomes
        a denoising one.
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
    check_numbers(epochs=epochs, batch_size=batch_size, patience=patience, lr=lr, weight_decay=weight_decay)
    check_schedule(schedule, patience=patience, validated=val is not None)
    check_data(train, val, sample_weight)
    device = device or pick_device()
    model.to(device)
    loss = loss.to(device) if isinstance(loss, nn.Module) else loss  # it may hold the weights of the classes
    train = [part.to(device) for part in train]
    val = None if val is None else [part.to(device) for part in val]
    steps = epochs * math.ceil(len(train[0]) / batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay, fused=True)
    one_cycle, plateau = _schedules(optimizer, schedule, lr, steps)
    order = torch.Generator().manual_seed(seed)
    history, best = History(), BestWeights(model)
    bar = tqdm(
        total=steps, desc="training", unit=" batches", disable=not (verbose and is_interactive()), mininterval=0.2
    )

    def after_step() -> None:
        if one_cycle:
            one_cycle.step()
        bar.update()

    try:
        for epoch in range(1, epochs + 1):
            started = time.perf_counter()
            batches = _order(len(train[0]), sample_weight, order).to(device).split(batch_size)
            train_loss = train_one_epoch(
                model, train, loss, optimizer, batches, augment=augment, bf16=bf16, clip=clip, after_step=after_step
            )
            val_loss = math.nan if val is None else mean_loss(model, val, loss, bf16=bf16)
            if not math.isfinite(train_loss) or (val is not None and not math.isfinite(val_loss)):
                best.restore(model)
                raise _not_a_number(epoch, lr, history.best_epoch)
            history.epochs.append((train_loss, val_loss, time.perf_counter() - started))
            if best.keep(model, val_loss):
                history.best_epoch = epoch
            if plateau:
                plateau.step(val_loss)
            if verbose:
                validated = "" if val is None else f"  val {val_loss:.4f}"
                print(f"epoch {epoch:3d}/{epochs}  train {train_loss:.4f}{validated}  {history.seconds[-1]:.1f} s")
            if after_epoch is not None:
                model.eval()
                after_epoch(epoch, model)
            if history.stalled(patience):
                break
        bar.total = bar.n  # patience may have ended it early: the bar ends with it
    except KeyboardInterrupt:
        if not history.epochs:  # nothing was learned yet
            raise
        history.interrupted = True
        print(f"interrupted in epoch {len(history.epochs) + 1}; the best weights so far are kept")
    finally:
        bar.close()
    best.restore(model)
    model.eval()
    return history


def _not_a_number(epoch: int, lr: float, best_epoch: int) -> TrainingError:
    return TrainingError(
        f"the loss is not a number after epoch {epoch} (lr={lr:g}); lower lr, look for NaN in the data. "
        f"The model holds its best weights, of epoch {best_epoch}"
    )


def train_one_epoch(
    model: nn.Module,
    data: Sequence[Tensor],
    loss: Callable[..., Tensor],
    optimizer: torch.optim.Optimizer,
    batches: Sequence[Tensor],
    *,
    augment: Callable[[Tensor], Tensor] | None = None,
    bf16: bool = False,
    clip: float = 1.0,
    after_step: Callable[[], None] | None = None,
) -> float:
    """Take one gradient step for each batch; return the mean loss of the beats.

    Parameters
    ----------
    data : sequence of tensors
        Inputs, then what the loss needs, one row a beat.
    batches : sequence of (n,) int tensors
        Rows of each batch.
    after_step : callable, optional
        Called after each step: the learning rate follows its schedule.
    """
    model.train()
    total = torch.zeros((), device=data[0].device)
    for rows in batches:
        inputs, *targets = (part[rows] for part in data)
        if augment is not None:
            inputs = augment(inputs)
        value = loss(forward(model, inputs, bf16), *targets)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if after_step is not None:
            after_step()
        total += value.detach() * len(rows)
    return float(total) / sum(len(rows) for rows in batches)


@torch.no_grad()
def mean_loss(
    model: nn.Module, data: Sequence[Tensor], loss: Callable[..., Tensor], *, bf16: bool = False, batch: int = 1024
) -> float:
    """Return the mean loss over data in evaluation mode, in batches that fit memory."""
    model.eval()
    total = 0.0
    for start in range(0, len(data[0]), batch):
        inputs, *targets = (part[start : start + batch] for part in data)
        total += float(loss(forward(model, inputs, bf16), *targets)) * len(inputs)
    return total / len(data[0])


def forward(model: nn.Module, inputs: Tensor, bf16: bool = False) -> Any:
    """Return the model's output, computed in bfloat16 where asked for and safe; always given in single precision."""
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=bf16):
        output = model(inputs)
    return output.float() if isinstance(output, Tensor) else tuple(part.float() for part in output)


def _schedules(optimizer: torch.optim.Optimizer, schedule: str, lr: float, steps: int) -> tuple[Any, Any]:
    """Return the schedule that steps after each batch and the one that steps after each epoch; one of them is None."""
    rates = torch.optim.lr_scheduler
    if schedule == "plateau":
        return None, rates.ReduceLROnPlateau(optimizer, factor=1 / 3, patience=2)
    # One step more than are taken: the last rate is near zero, and a training of one step would rest on it.
    return rates.OneCycleLR(optimizer, lr, steps + 1), None


def _order(n: int, sample_weight: Tensor | None, generator: torch.Generator) -> Tensor:
    """Return the rows of one epoch: each once, or drawn by weight."""
    if sample_weight is None:
        return torch.randperm(n, generator=generator)
    return torch.multinomial(sample_weight.double().cpu(), n, replacement=True, generator=generator)


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
