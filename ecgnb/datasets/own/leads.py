"""The leads or columns of a file to choose from, before one of them is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ecgnb.datasets.own.edf import edf_labels, is_edf
from ecgnb.datasets.own.limits import check_size
from ecgnb.datasets.own.table_form import first_lines
from ecgnb.datasets.own.table_layout import layout_of
from ecgnb.datasets.own.text import lines_are_leads, read_head, read_lines_as_leads
from ecgnb.datasets.own.zip_file import unpacked
from ecgnb.errors import DataError

FIRST_BYTES = 256

__all__ = ["lead_names"]


def lead_names(path: str | Path, *, fs: float | None = None) -> list[str]:
    """Return the leads of a table, EDF, BDF, ``.npy`` or a ``.zip`` of one, in the order that their numbers count.

    Parameters
    ----------
    path : path
    fs : float, optional
        Samples per second, where the file does not say it.

    Returns
    -------
    list of str
        A name is empty where the file has none for it; no name where the file cannot be read so: to read it says why.
    """
    path = Path(path)
    try:
        check_size(path)
        return _names(path, fs)
    except DataError:
        return []


def _names(path: Path, fs: float | None) -> list[str]:
    with path.open("rb") as stream:
        content = stream.read(FIRST_BYTES)
    if content.startswith(b"PK\x03\x04"):
        with unpacked(path) as inside:
            return lead_names(inside, fs=fs) if inside.suffix.lower() not in (".hea", ".dat", ".mat") else []
    if content.startswith(b"\x93NUMPY"):
        return _of_array(path)
    if is_edf(content):
        return edf_labels(path)
    head = read_head(path)
    if lines_are_leads(head):
        return list(read_lines_as_leads(path, head)[0])
    layout = layout_of(first_lines(path, head), path, fs)
    return [layout.form.names[column] for column in layout.signals]


def _of_array(path: Path) -> list[str]:
    try:
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
    except Exception:  # NumPy raises whatever a file that is none happens to trip
        return []
    return [""] * min(shape) if len(shape) == 2 else []
