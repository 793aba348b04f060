"""What `fit` refuses before it starts: rows that do not match, numbers out of range."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from ecgnb.errors import UsageError


def check_data(train: Sequence[Tensor], val: Sequence[Tensor] | None, sample_weight: Tensor | None) -> None:
    """Raise `UsageError` for data without a beat, with rows that do not match, or with weights that are none."""
    for part in [train] if val is None else [train, val]:
        if not len(part[0]):
            raise UsageError("training and validation need at least one beat each")
        lengths = [len(tensor) for tensor in part]
        if len(set(lengths)) > 1:
            raise UsageError(f"the tensors have {', '.join(map(str, lengths))} rows; expected as many in each")
    if sample_weight is None:
        return
    if not isinstance(sample_weight, Tensor) or sample_weight.shape != (len(train[0]),):
        raise UsageError(f"sample_weight: expected a tensor of {len(train[0])} weights, one a beat")
    if not (sample_weight.isfinite().all() and (sample_weight >= 0).all() and sample_weight.sum() > 0):
        raise UsageError("sample_weight: expected finite weights of at least 0, some of them above 0")


def check_numbers(*, lr: float, weight_decay: float, **counts: int | None) -> None:
    """Raise `UsageError` for a count below 1 (`patience` may be None) or a rate that is out of range."""
    for name, value in counts.items():
        if value is None and name == "patience":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"{name}={value!r}; expected a whole number of at least 1")
    if isinstance(lr, bool) or not isinstance(lr, int | float) or not 0 < lr < math.inf:
        raise UsageError(f"lr={lr!r}; expected a number above 0")
    if not 0 <= weight_decay < math.inf:
        raise UsageError(f"weight_decay={weight_decay!r}; expected a number of at least 0")


def check_schedule(schedule: str, *, patience: int | None, validated: bool) -> None:
    """Raise `UsageError` for an unknown schedule, or one that watches a validation loss where there is none."""
    if schedule not in ("one-cycle", "plateau"):
        raise UsageError(f"schedule={schedule!r}; expected 'one-cycle' or 'plateau'")
    if not validated and (patience is not None or schedule == "plateau"):
        raise UsageError("patience and schedule='plateau' watch the validation loss, and there is no validation data")
