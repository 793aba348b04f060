"""What `fit` refuses before it starts: rows that do not match, numbers out of range."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from ecgnb.errors import UsageError


def _check_rows(part: Sequence[Tensor], sample_weight: Tensor | None = None) -> None:
    lengths = [len(tensor) for tensor in part]
    if len(set(lengths)) > 1:
        raise UsageError(f"the tensors have {', '.join(map(str, lengths))} rows; expected as many in each")
    if sample_weight is None:
        return
    if not isinstance(sample_weight, Tensor) or sample_weight.shape != (lengths[0],):
        raise UsageError(f"sample_weight: expected a tensor of {lengths[0]} weights, one a beat")
    if not (sample_weight.isfinite().all() and (sample_weight >= 0).all() and sample_weight.sum() > 0):
        raise UsageError("sample_weight: expected finite weights of at least 0, some of them above 0")


def _check(*, lr: float, **counts: int | None) -> None:
    for name, value in counts.items():
        if value is None and name == "patience":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"{name}={value!r}; expected a whole number of at least 1")
    if isinstance(lr, bool) or not isinstance(lr, int | float) or not 0 < lr < math.inf:
        raise UsageError(f"lr={lr!r}; expected a number above 0")
