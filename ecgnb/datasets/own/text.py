"""A text file's first lines, whatever it is encoded in, and the files whose lines are leads."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgnb.datasets.own.columns import ECG_WORDS, TIME_WORDS
from ecgnb.datasets.own.limits import WHAT
from ecgnb.errors import DataError, plain_text

LOOKED_AT = 2**18  # bytes at the start that tell how a file is written

LONGEST_LINE = 2**24  # bytes of a file whose lines are leads

MOST_LEADS, LEAST_SAMPLES = 64, 200  # of a file whose lines are leads

LONGEST_NUMBER = 40  # characters; what is longer is no number, however many digits it has

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf|infinity)", re.I)

# Encodings of other scripts, by Python's name and by a browser's: one is believed where a known word is found in it.
CODE_PAGES = (
    ("cp932", "shift_jis"), ("gb18030", "gb18030"), ("big5", "big5"), ("cp949", "euc-kr"), ("cp1251", "windows-1251"),
    ("cp1253", "windows-1253"),
)  # fmt: skip

OTHER_SCRIPTS = sorted(word for word in (*TIME_WORDS, *ECG_WORDS) if not word.isascii())

EMPTY = ("", "!", "\x1a", "nan", "NaN", "NA", "N/A", "n/a", "null", "NULL", "None", "-", "--", "?", "#N/A")


class Head(NamedTuple):
    """The first lines of a text file.

    Parameters
    ----------
    lines : list of str
    encoding : str
        As Python and pandas call it.
    whole : bool
        Whether these are all of the file's lines.
    """

    lines: list[str]
    encoding: str
    whole: bool


def is_number(cell: str, decimal: str = ".") -> bool:
    """Say whether a cell is a number as people write them, with that decimal mark and no other."""
    if decimal != "." and "." in cell:
        return False
    return len(cell) <= LONGEST_NUMBER and bool(NUMBER.fullmatch(cell.replace(decimal, ".")))


def read_head(path: Path) -> Head:
    """Read the first lines of a file of text.

    Raises
    ------
    DataError
        Where it is none.
    """
    with path.open("rb") as stream:
        content = stream.read(LOOKED_AT)
    encoding = _encoding_of(content, path.name)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(content)
    lines = re.split(r"\r\n|\r|\n", text)
    whole = len(content) < LOOKED_AT
    return Head(lines if whole or len(lines) < 2 else lines[:-1], encoding, whole)


def _encoding_of(content: bytes, name: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    half = len(content) // 2
    for first, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):
        letters = content[1 - first :: 2]
        if half > 4 and content[first::2].count(0) >= 0.9 * half and min(letters) >= 9:
            return encoding
    if b"\0" in content:
        raise DataError(f"{plain_text(name)} is no text; expected {WHAT}")
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(content)  # its end may be half a letter
    except UnicodeDecodeError:
        for encoding, _ in CODE_PAGES:
            try:
                words = codecs.getincrementaldecoder(encoding)("strict").decode(content).lower()
            except UnicodeDecodeError:
                continue
            if any(word in words for word in OTHER_SCRIPTS):
                return encoding
        return "cp1252" if not re.search(b"[\x81\x8d\x8f\x90\x9d]", content) else "latin-1"
    return "utf-8"


def lines_are_leads(head: Head) -> bool:
    """Say whether each line of a file holds all samples of a lead, or one line all there is."""
    lines = [line for line in head.lines if not _says_nothing(line)]
    if not lines or len(lines) > MOST_LEADS or (not head.whole and len(lines) > MOST_LEADS // 2):
        return False
    return min(_rough_cells(line) for line in lines[: len(lines) if head.whole else 1]) >= LEAST_SAMPLES


def _says_nothing(line: str) -> bool:
    """Say whether a line is empty or a comment, as Octave writes above a matrix."""
    return not line.strip() or line.lstrip().startswith(("#", "%"))


def _rough_cells(line: str) -> int:
    return max(line.count("\t"), line.count(";"), line.count(","), len(line[:100_000].split())) + 1


def read_lines_as_leads(path: Path, head: Head) -> tuple[list[str], NDArray[np.float64]]:
    """Read a file whose lines are leads, each perhaps with its name in front.

    Returns
    -------
    names : list of str
        Empty text where nobody names it.
    signal : (n_samples, n_leads) float64 array

    Raises
    ------
    DataError
        Where lines differ in length, or hold something else than numbers.
    """
    too_many = f"{path.name} has lines of very many values; expected one sample a line, or at most {MOST_LEADS} leads"
    if path.stat().st_size > LONGEST_LINE:
        raise DataError(f"{too_many}, a line each, in {LONGEST_LINE / 2**20:.0f} MB; turn the table")
    lines = path.read_text(head.encoding, errors="replace").splitlines()
    if sum(bool(line.strip()) for line in lines) > MOST_LEADS:
        raise DataError(
            f"{too_many}, a line each, and not {len(lines):,}; beats that are cut already are read elsewhere"
        )
    names, rows, numbered = [], [], False
    for number, line in enumerate(lines, start=1):
        if _says_nothing(line):
            continue
        name, values = _lead_of(line)
        if values is None:
            raise DataError(f"{path.name}, line {number}: it has {_rough_cells(line):,} cells, and they are no numbers")
        if np.array_equal(values, np.arange(len(values))) or np.array_equal(values[1:], np.arange(len(values) - 1)):
            numbered = True  # numbers of the columns, and perhaps an empty place above those of the lines
            continue
        names.append(name)
        rows.append(values)
    if (len(rows) > 1 or numbered) and all(row[0] == k for k, row in enumerate(rows)):
        rows = [row[1:] for row in rows]  # each begins with its number
    if not rows:
        raise DataError(f"{path.name} has numbers of columns and no samples")
    if len({len(row) for row in rows}) > 1:
        raise DataError(
            f"{path.name} has {len(rows)} lines of {min(map(len, rows)):,} to {max(map(len, rows)):,} values; "
            "expected as many in each: one sample a line, or one lead a line"
        )
    return names, np.stack(rows, axis=1)


def _lead_of(line: str) -> tuple[str, NDArray[np.float64] | None]:
    """Return a line's name and numbers; None where they are none."""
    by_count = sorted(("\t", ";", ",", None), key=lambda mark: -(line.count(mark) if mark else 1))
    for separator in by_count[:2]:
        cells = [cell.strip(" '\"[]") for cell in line.strip().split(separator)]
        cells = cells[:-1] if not cells[-1] else cells
        for decimal in (".", ","):
            first = cells[0].rpartition("[")  # "ecg = [0.1"
            cells = [first[2], *cells[1:]] if first[1] else cells
            name = first[0].strip(" =:'\"") if first[1] else "" if is_number(cells[0], decimal) else cells[0]
            rest = cells[1:] if name and not first[1] else cells
            if (
                len(rest) >= LEAST_SAMPLES - 1
                and decimal != separator
                and (values := _numbers(rest, decimal)) is not None
            ):
                return name, values
    return "", None


def _numbers(cells: list[str], decimal: str) -> NDArray[np.float64] | None:
    try:
        return np.array(cells if decimal == "." else [cell.replace(",", ".") for cell in cells], dtype=np.float64)
    except ValueError:
        pass
    if not all(cell in EMPTY or is_number(cell, decimal) for cell in cells):
        return None
    return np.array([np.nan if cell in EMPTY else float(cell.replace(decimal, ".")) for cell in cells])
