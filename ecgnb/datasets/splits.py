"""Train, validation and test sets as index arrays that prove themselves disjoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgnb.errors import UsageError


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the beats used to train, to choose, and to test."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]

    def check(self, n_beats: int) -> Split:
        """Prove the split: no part is empty, no row is outside the data, no row is used twice.

        Raises
        ------
        UsageError
            Naming the part at fault.
        """
        for name in ("train", "val", "test"):
            rows = getattr(self, name)
            if not len(rows):
                raise UsageError(f"the {name} part of the split is empty: more beats are needed")
            if rows.min() < 0 or rows.max() >= n_beats:
                raise UsageError(f"the {name} part names rows outside 0 to {n_beats - 1}")
        rows = np.concatenate([self.train, self.val, self.test])
        used_twice = len(rows) - len(np.unique(rows))
        if used_twice:
            raise UsageError(f"{used_twice} rows stand in the split more than once")
        return self


def one_class_split(
    is_normal: ArrayLike,
    *,
    seed: int,
    reserved: ArrayLike = (),
    fractions: tuple[float, float] = (0.70, 0.15),
) -> Split:
    """Split for one-class learning: normal beats are divided, every anomaly is tested on.

    Parameters
    ----------
    is_normal : (n_beats,) bool array
    seed : int
        Decides which normal beats fall where.
    reserved : (n,) int array
        Rows of anomalies that were used to choose hyper-parameters and so may not be tested on.
    fractions : (float, float)
        Shares of the normal beats for training and validation; the rest is for the test.

    Returns
    -------
    Split
        `train` and `val` hold normal beats alone; `test` holds the other normal beats, then the anomalies.
    """
    is_normal = np.asarray(is_normal, dtype=bool)
    reserved = np.asarray(reserved, dtype=np.int64)
    if len(reserved) and is_normal[reserved].any():
        raise UsageError("reserved rows must be anomalies, and some are normal beats")
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(is_normal))
    ends = np.round(np.cumsum(fractions) * len(normal)).astype(int)
    train, val, test = np.split(normal, ends)
    anomalies = np.setdiff1d(np.flatnonzero(~is_normal), reserved)
    return Split(train, val, np.concatenate([test, anomalies])).check(len(is_normal))
