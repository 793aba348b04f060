"""`Beats`, the one container that carries heartbeats through every lesson."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgnb.errors import UsageError

PER_BEAT = ("signal", "label", "record", "r_sample", "rr", "moved")


@dataclass(frozen=True, eq=False)
class Beats:
    """Heartbeats of equal length, one a row, of one lead or of several.

    Parameters
    ----------
    name : str
        Data set, such as "ecg5000".
    signal : (n_beats, n_samples) or (n_beats, n_leads, n_samples) float32 array
        In `unit`; with an axis of leads only where there are several.
    label : (n_beats,) int64 array
        Index into `class_names`.
    class_names : sequence of str
    record : (n_beats,) str array
        The record each beat was cut from.
    fs : float or None
        Samples per second; None where beats were stretched to a common length, so that a sample has no fixed duration.
    r_sample : (n_beats,) int array, optional
        Sample of the R peak in its record.
    rr : (n_beats, n_features) float array, optional
        Timing features.
    moved : (n_beats,) float32 array, optional
        By how many seconds each mark was moved to its R peak, for a database whose marks stand elsewhere.
    leads : sequence of str
        Name of each lead; empty where nobody says.
    unit : str
        Unit of `signal`, such as "mV".
    source : {"real", "synthetic"}
    dropped : mapping of str to int
        How many beats of the recordings are not here, by reason.
    sha256 : mapping of str to str
        Each file the beats came from, and its hash.
    note : str
        Why the beats are synthetic, where that was not asked for.
    """

    name: str
    signal: NDArray[np.float32]
    label: NDArray[np.int64]
    class_names: tuple[str, ...]
    record: NDArray[np.str_]
    fs: float | None = None
    r_sample: NDArray[np.int64] | None = None
    rr: NDArray[np.float32] | None = None
    moved: NDArray[np.float32] | None = None
    leads: tuple[str, ...] = ()
    unit: str = "z-score"
    source: str = "real"
    dropped: Mapping[str, int] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        shape = self.signal.shape
        if len(shape) not in (2, 3) or self.signal.dtype != np.float32:
            raise UsageError(
                f"signal is {self.signal.dtype} of shape {shape}; expected float32 (n_beats, n_samples), "
                "or (n_beats, n_leads, n_samples) of several leads"
            )
        if (len(shape) == 3 and len(self.leads) != shape[1]) or (len(shape) == 2 and len(self.leads) > 1):
            raise UsageError(
                f"signal is of shape {shape} and leads names {len(self.leads)}: {', '.join(self.leads) or 'none'}; "
                "expected a name for each lead"
            )
        if self.source not in ("real", "synthetic"):
            raise UsageError(f"source is {self.source!r}; expected 'real' or 'synthetic'")
        for name in PER_BEAT:
            values = getattr(self, name)
            if values is not None and len(values) != len(self.signal):
                raise UsageError(f"{name} has {len(values)} rows, signal has {len(self.signal)}; expected one a beat")
        if len(self) and not (self.label.min() >= 0 and self.label.max() < len(self.class_names)):
            raise UsageError(
                f"labels run from {self.label.min()} to {self.label.max()}; expected 0 to {len(self.class_names) - 1}"
            )

    def __len__(self) -> int:
        return len(self.signal)

    def __getitem__(self, index: ArrayLike | slice) -> Beats:
        """Select beats by an index array, a mask or a slice."""
        picked = index if isinstance(index, slice) else np.atleast_1d(np.asarray(index))
        if not isinstance(picked, slice) and not picked.size:
            picked = picked.astype(np.int64)  # NumPy takes an empty list for floats
        columns = {name: getattr(self, name) for name in PER_BEAT}
        chosen: dict[str, Any] = {name: None if rows is None else rows[picked] for name, rows in columns.items()}
        return replace(self, **chosen)

    @property
    def n_samples(self) -> int:
        """Samples per beat."""
        return self.signal.shape[-1]

    @property
    def class_name(self) -> NDArray[np.str_]:
        """Name of each beat's class, (n_beats,)."""
        return np.asarray(self.class_names)[self.label]

    def zscored(self) -> Beats:
        """Return the beats with each window shifted and scaled to mean 0 and standard deviation 1; a flat one is 0.

        Each lead by itself.
        """
        return replace(self, signal=zscored(self.signal), unit="z-score")

    def regrouped(self, groups: Mapping[str, str]) -> Beats:
        """Return the beats under other classes.

        Parameters
        ----------
        groups : mapping of str to str
            The new name of every present class, in the order that the new classes shall have; several may share one.

        Raises
        ------
        UsageError
            Where a class is left without a new name, or one is named that there is not.
        """
        if set(groups) != set(self.class_names):
            raise UsageError(f"groups name the classes {', '.join(groups)}; expected {', '.join(self.class_names)}")
        names = tuple(dict.fromkeys(groups.values()))
        position = np.array([names.index(groups[name]) for name in self.class_names], dtype=np.int64)
        return replace(self, label=position[self.label], class_names=names)

    def counts(self) -> pd.Series:
        """Return the number of beats of every class, in the order of `class_names`."""
        return pd.Series(np.bincount(self.label, minlength=len(self.class_names)), self.class_names, name="beats")


def zscored(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return windows, (..., n_samples), each with mean 0 and standard deviation 1; a flat one is 0."""
    centred = signal - signal.mean(axis=-1, keepdims=True)
    scale = centred.std(axis=-1, keepdims=True)
    return (centred / np.where(scale > 1e-6, scale, 1)).astype(np.float32, copy=False)


def concatenate(parts: Sequence[Beats]) -> Beats:
    """Join beats of one data set, in the order given.

    Raises
    ------
    UsageError
        Where the parts differ in anything but their beats.
    """
    first = parts[0]
    for part in parts[1:]:
        for name in ("name", "class_names", "fs", "unit", "source", "leads", "n_samples"):
            if getattr(part, name) != getattr(first, name):
                raise UsageError(
                    f"cannot join beats whose {name} differ: {getattr(first, name)}, {getattr(part, name)}"
                )
    columns = {name: [getattr(part, name) for part in parts] for name in PER_BEAT}
    for name, column in columns.items():
        if any(rows is None for rows in column) and not all(rows is None for rows in column):
            raise UsageError(f"cannot join beats of which some have {name} and some do not")
    joined: dict[str, Any] = {
        name: None if column[0] is None else np.concatenate(column) for name, column in columns.items()
    }
    hashes = {file: sha for part in parts for file, sha in part.sha256.items()}
    dropped: Counter[str] = Counter()
    for part in parts:
        dropped.update(part.dropped)
    return replace(first, **joined, sha256=hashes, dropped=dict(dropped))
