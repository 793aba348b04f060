"""Some rows of a publisher's table: a data set may hold a part of what its publisher has in one file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple


class Excerpt(NamedTuple):
    """Which rows of a table a data set has.

    Parameters
    ----------
    most : int
        Bytes that the publisher's whole table may have.
    ids : frozenset of int
        What the first column of those rows holds.
    """

    most: int
    ids: frozenset[int]


def excerpt_blocks(path: Path, excerpt: Excerpt) -> Iterator[bytes]:
    """Yield a CSV table's line of names and the rows wanted, byte by byte as they stand in it.

    Parameters
    ----------
    path : path
        Of the publisher's whole table.
    excerpt : Excerpt
    """
    wanted = {str(number).encode() for number in excerpt.ids}
    with path.open("rb") as stream:
        yield stream.readline()
        for row in _rows(stream):
            if row.partition(b",")[0] in wanted:
                yield row


def _rows(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield rows, which go on over the end of a line where a quoted cell does."""
    row, is_open = [], False
    for line in lines:
        row.append(line)
        is_open ^= line.count(b'"') % 2 == 1
        if not is_open:
            yield b"".join(row)
            row = []
