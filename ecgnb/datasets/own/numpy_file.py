"""One lead of an array that NumPy saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.own import columns as choice
from ecgnb.datasets.own.columns import Column, LooksLikeEcg
from ecgnb.datasets.own.limits import BEHAVES
from ecgnb.datasets.own.recorded import Recording, as_recording, of_offset, offset_of
from ecgnb.errors import DataError


def read_npy_file(
    path: Path, fs: float | None, lead: str | None, looks_like_ecg: LooksLikeEcg | None = None
) -> Recording:
    """Read one lead of an array of shape (n_samples,) or (n_samples, n_leads).

    Raises
    ------
    DataError
        Where it is no such array.
    """
    array = _array(path)
    names = [""] * array.shape[1]
    if lead is not None:
        position = choice.pick_lead(names, lead, path.name)
    else:
        first = [Column("", column.astype(np.float64)) for column in array[:BEHAVES].T]
        position, _ = choice.choose(first, path.name, fs, looks_like_ecg)
    values = np.asarray(array[:, position], dtype=np.float64)
    offset = offset_of(values[:BEHAVES])
    notes = (of_offset(offset),) if offset else ()
    return as_recording(
        path.stem, values - offset, fs, f"lead {position + 1}", "", "given", notes, path.name, of=f"of {len(names)}"
    )


def signals_of_npy(path: Path) -> list[tuple[str, str]]:
    """Return an empty name and unit for each signal; raises as `read_npy_file` does."""
    return [("", "")] * _array(path).shape[1]


def _array(path: Path) -> NDArray[Any]:
    """Return the array as (n_samples, n_leads), mapped."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)  # mapped: a lying header takes no memory
    except Exception:  # NumPy raises whatever a file that is none happens to trip
        raise DataError(f"{path.name} is no NumPy array of numbers; expected shape (n_samples,)") from None
    if not isinstance(array, np.ndarray):  # an archive of several, whatever it is called
        array.close()
        raise DataError(f"{path.name} is an archive of arrays; expected one array, as np.save writes it")
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu" or not array.size:
        raise DataError(
            f"{path.name} holds {array.dtype} of shape {array.shape}; "
            "expected numbers (n_samples,) or (n_samples, n_leads)"
        )
    if array.ndim == 1:
        array = array[:, None]
    elif array.shape[0] < array.shape[1]:
        array = array.T  # a recording is longer than it has leads
    return array
