"""The rows of a table, a block at a time: some columns as numbers, others as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.datasets.own.limits import BEHAVES
from ecgnb.datasets.own.table_form import TableForm, cells_of
from ecgnb.datasets.own.text import EMPTY, is_number
from ecgnb.errors import DataError, plain_text

BLOCK = 2_000_000  # rows read at a time


def blocks(path: Path, form: TableForm, numbers: list[int], texts: list[int], size: int | None = None) -> Iterator[Any]:
    """Yield blocks of rows: some columns as numbers, others as text.

    Raises
    ------
    DataError
        Naming the line where something is no number.
    """
    # A column that stands alone has nothing to divide, and its decimal comma must not.
    alone = form.n_columns == 1 and form.separator == r"\s+"
    with path.open("rb") as stream:
        quote = "'" if stream.read(1) == b"'" or any("'" in line[:1] for line in form.above[-1:]) else '"'
    types: dict[int, Any] = dict.fromkeys(numbers, np.float64) | dict.fromkeys(texts, str)
    try:
        yield from pd.read_csv(
            path, sep="\t" if alone else form.separator, decimal=form.decimal, header=None, skiprows=form.n_above,
            names=range(form.n_columns), usecols=[*numbers, *texts], dtype=types, index_col=False, compression=None,
            chunksize=size or BLOCK, encoding=form.encoding, encoding_errors="replace", na_values=list(EMPTY),
            quotechar=quote,
            skip_blank_lines=form.n_columns > 1,  # of a column that stands alone it is a sample without value
        )  # fmt: skip
    except (ValueError, pd.errors.ParserError, OverflowError, IndexError):
        raise DataError(f"{path.name}{_first_fault(path, form, numbers)}; expected a number") from None


def first_values(path: Path, form: TableForm, numbers: list[int]) -> dict[int, NDArray[np.float64]]:
    """Return the first values of some columns of numbers, to tell what they are."""
    table = next(iter(blocks(path, form, numbers, [], BEHAVES)), None)
    if table is None:
        raise DataError(f"{path.name} holds no sample; expected one a line")
    return {k: table[k].to_numpy(np.float64) for k in numbers}


def _first_fault(path: Path, form: TableForm, numbers: list[int]) -> str:
    """Return where a table first holds something else than numbers."""
    with path.open(encoding=form.encoding, errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if number <= form.n_above or not line.strip():
                continue
            cells = cells_of(line[:100_000], form.separator)
            if len(cells) > form.n_columns and any(cells[form.n_columns :]):
                return f", line {number}: {len(cells)} columns, where the first line has {form.n_columns}"
            for column in numbers:
                cell = cells[column] if column < len(cells) else ""
                if cell not in EMPTY and not is_number(cell, form.decimal):
                    return f", line {number}: {plain_text(cell[:20])!r} in column {column + 1}"
    return ": not a table of numbers"
