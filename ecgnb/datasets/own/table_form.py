"""How a table of text is written: what divides its columns, what they hold, what they are called."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecgnb.datasets.own.columns import only_rises, role
from ecgnb.datasets.own.text import EMPTY, Head, is_number, read_head
from ecgnb.errors import DataError, plain_text

MOST_ABOVE = 300  # lines that may stand above the numbers

MOST_COLUMNS = 2000

LONGEST_TITLES = 100_000  # characters of a line above that names columns

BODY = 5000  # lines of numbers that are looked at

FOLLOW = 20  # lines of the same form that make a table

_HALF = r"(?: ?[AaPp]\.?[Mm]\.?)?"
CLOCK = re.compile(
    rf"(?:\d{{1,4}} days? )?(?:\d{{1,6}}:){{1,2}}\d{{1,2}}(?:[.,]\d{{1,9}})?{_HALF}|\d{{1,2}}:\d{{2}}:\d{{2}}:\d{{3}}"
)

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DAY = (
    rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}|\d{{1,2}}[- ]{_MONTH}[- ]\d{{2,4}})"
)
_HOUR = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,:]\d{1,9})?)?" + _HALF
DATE = re.compile(rf"\[?(?:{_DAY}(?:[T ]{{1,2}}{_HOUR})?(?: ?(?:Z|UTC|[+-]\d{{2}}:?\d{{2}}))?|{_HOUR} {_DAY})\]?")

UNIT = re.compile(
    r"[kmuµμn]?v(?:olts?)?|[muµμn]?s(?:ec(?:onds?)?)?|min(?:utes?)?|hours?|days?|hz|mm:ss.*|hh:mm.*|date|y{2,4}/.*|"
    r".*ss\.0+|adc|adu|nu|counts?|raw|no_?units?|unitless|bpm|%|g|m/\(?s\^?2\)?|deg.*|ohms?|mmhg|local",
    re.I,
)


CHANNELS = re.compile(r"\s*(\d{1,3}) channels?\s*")  # AcqKnowledge, before their names

LIST = re.compile(r"\[(?:\s{0,2}[-+]?\d[\d.eE+-]{0,20}\s{0,2},){50}")  # samples in one cell

LEAD_LINE = re.compile(
    r"\s*#?\s*(?:lead|ableitung|d[ée]riv\w{0,10}|deriva\w{0,10}|channel|kanal|誘導|导联|유도)\s*[,;:=\t]\s*(.{1,40})",
    re.I,
)


@dataclass(frozen=True)
class TableForm:
    """How a table of text is written.

    Parameters
    ----------
    n_above : int
        Lines before the first one of numbers.
    names, units : list of str
        Of all columns; empty text where nobody says.
    kinds : list of str
        What each column holds: "number", "clock" (mm:ss or longer), "date", "empty" or "text".
    separator, decimal, encoding : str
    above : list of str
        The lines above the numbers.
    body : list of list of str
        Cells of the first lines of numbers.
    """

    n_above: int
    names: list[str]
    units: list[str]
    kinds: list[str]
    separator: str
    decimal: str
    encoding: str
    above: list[str]
    body: list[list[str]]

    @property
    def n_columns(self) -> int:
        """Columns, of any kind."""
        return len(self.kinds)


def first_lines(path: Path, head: Head | None = None) -> TableForm:
    """Find out from the first lines how a table is written.

    Raises
    ------
    DataError
        Where no line holds a number in a place where the next ones do, too.
    """
    head = head or read_head(path)
    lines = head.lines
    inside = next((k for k, line in enumerate(lines[:MOST_ABOVE], start=1) if LIST.search(line[:LONGEST_TITLES])), 0)
    if inside:
        raise DataError(
            f"{path.name}, line {inside}: all samples stand in brackets in one cell; expected one sample a line"
        )
    found = _best_start(lines)
    if found is None:
        first = next((line for line in lines if line.strip()), "")
        raise DataError(
            f"{path.name} has no line of numbers among its first {min(len(lines), MOST_ABOVE)}; the first line is "
            f"{plain_text(first.strip()[:40])!r}; expected one sample a line"
        )
    n_above, separator, decimal, kinds = found
    body = [cells_of(other, separator) for other in lines[n_above : n_above + BODY] if other.strip()]
    if separator == "," and decimal == "." and _commas_do_both(body):
        raise DataError(
            f"{path.name}: commas divide its columns and stand in its numbers, too; save it with semicolons or tabs"
        )
    titles, names, units = _titles(lines[:n_above], separator, kinds)
    kinds = [_later(body, k, names[k], decimal) if kind == "empty" else kind for k, kind in enumerate(kinds)]
    in_lines = any(CHANNELS.fullmatch(line) for line in lines[:n_above])  # names stand in lines of their own
    above = [line for k, line in enumerate(lines[:n_above]) if k != titles or in_lines]
    return TableForm(n_above, names, units, kinds, separator, decimal, head.encoding, above, body)


def _best_start(lines: list[str]) -> tuple[int, str, str, list[str]] | None:
    """Return where the numbers start and in which form: the first line whose cells all tell something, if any."""
    best: tuple[int, str, str, list[str]] | None = None
    best_score = 0.0
    for n_above, line in enumerate(lines[:MOST_ABOVE]):
        if not line.strip():
            continue
        following = [other for other in lines[n_above + 1 : n_above + 1 + 3 * FOLLOW] if other.strip()][:FOLLOW]
        found = _form_from(line, following, lines[n_above:], lines[n_above - 1] if n_above else "")
        other = best is None or found is None or best[1:3] != found[:2]  # in the same form the first line counts
        if (
            found
            and other
            and found[3] > best_score + 1e-9
            and len(following) >= min(FOLLOW, len(lines) - n_above - 2, 3)
        ):
            best, best_score = (n_above, found[0], found[1], found[2]), found[3]
        if best_score >= 1 or (best and n_above > best[0] + 2 * FOLLOW):
            break
    return best


def _commas_do_both(body: list[list[str]]) -> bool:
    """Say whether pairs of cells look like numbers that a comma has parted, as in 0,004,-0,055."""
    n = len(body[0])
    if n < 4 or n % 2 or any("." in cell for row in body[:200] for cell in row):
        return False
    rests = [[row[k] for row in body[:200] if len(row) > k] for k in range(1, n, 2)]
    return all(
        all(cell.isdigit() for cell in rest) and any(cell[0] == "0" and len(cell) > 1 for cell in rest)
        for rest in rests
    )


def cells_of(line: str, separator: str) -> list[str]:
    """Return the cells of a line, without what surrounds them."""
    if separator == r"\s+":
        cells = line.split()
    elif '"' in line and len(line) < 100_000:
        cells = next(csv.reader([line], delimiter=separator), [])
    else:
        cells = line.split(separator)
    return [cell.strip(" '\"\r\n") for cell in cells]


def kind_of(cell: str, decimal: str) -> str:
    """Return what a cell holds, as in `TableForm.kinds`."""
    if cell in EMPTY:
        return "empty"
    if is_number(cell, decimal):
        return "number"
    if len(cell) > 40:
        return "text"
    return "clock" if CLOCK.fullmatch(cell) else "date" if DATE.fullmatch(cell) else "text"


def _form_from(
    line: str, following: list[str], rest: list[str], title: str
) -> tuple[str, str, list[str], float] | None:
    """Return separator, decimal mark and kinds of the columns that a line and those after it share, and how well."""
    best, best_score = None, 0.0
    for decimal in (".", ","):
        for separator in ("\t", ";", ",", "|", r"\s+"):
            if decimal == separator and '"' not in line:
                continue
            found = _fits(line, following, separator, decimal)
            if found is None:
                continue
            kinds, score = found
            if separator == "," and decimal == "." and _is_decimal_comma(kinds, rest, title):
                continue
            if score > best_score + 1e-9:
                best, best_score = (separator, decimal, kinds, score), score
    return best


def _fits(line: str, following: list[str], separator: str, decimal: str) -> tuple[list[str], float] | None:
    """Return the kinds of the columns and which share of the cells tells something; None where lines differ."""
    cells = cells_of(line, separator)
    if len(cells) > MOST_COLUMNS or (separator not in (r"\s+",) and len(cells) == 1):
        return None
    mine = [kind_of(cell, decimal) for cell in cells]
    others = [[kind_of(cell, decimal) for cell in cells_of(other, separator)] for other in following]
    kinds = [_usual(column) for column in zip(*[row for row in [mine, *others] if len(row) == len(mine)], strict=True)]
    if "number" not in kinds or any(
        one not in (usual, "empty") and usual != "text" for one, usual in zip(mine, kinds, strict=True)
    ):
        return None
    if any(cell.endswith((":", "=")) and kind == "text" for cell, kind in zip(cells, mine, strict=True)):
        same = [cells_of(other, separator)[:1] == cells[:1] for other in following]
        if not following or not all(same):
            return None  # "Gain: 200" is no row of a table
    fit = [
        len(row) == len(kinds) and all(one in (usual, "empty", "text") for one, usual in zip(row, kinds, strict=True))
        and sum(one in (usual, "empty") for one, usual in zip(row, kinds, strict=True)) * 2 >= len(kinds)
        for row in others
    ]  # fmt: skip
    if others and sum(fit) < (0.9 if len(fit) >= 10 else 0.5) * len(fit):
        return None
    told = sum(kind != "text" for kind in kinds) / len(kinds)
    return kinds, told


def _later(body: list[list[str]], column: int, name: str, decimal: str) -> str:
    """Return what a column holds that is empty at first."""
    kind = _usual([kind_of(row[column], decimal) for row in body if len(row) > column])
    return "number" if kind == "empty" and role(name)[0] == "ecg" else kind


def _usual(column: Sequence[str]) -> str:
    counted = Counter(kind for kind in column if kind != "empty")
    return counted.most_common(1)[0][0] if counted else "empty"


def _is_decimal_comma(kinds: list[str], lines: list[str], title: str) -> bool:
    """Say whether the commas in lines such as -0,055 part a number and not two.

    A whole number has no leading zero and no sign but its own; a constant before the comma says nothing else; and of a
    signal in whole numbers and hundredths, the hundredths alone jump about where both together do not.
    """
    titles = [cell for cell in cells_of(title, ",") if cell]
    are_two = len(titles) == 2 and any(role(cell)[0] for cell in titles) and not LEAD_LINE.match(title[:200])
    if kinds != ["number", "number"] or are_two:
        return False
    pairs = [re.fullmatch(r"\s*([+-]?\d{1,6}),(\d{1,9})\s*", line) for line in lines[:2000] if line.strip()]
    pairs = pairs[:-1] if len(pairs) > 1 and pairs[-1] is None else pairs  # the last may be cut off
    if not pairs or any(pair is None for pair in pairs):
        return False
    whole = [pair[1] for pair in pairs if pair]
    rest = [pair[2] for pair in pairs if pair]
    if any(first == "-0" or re.fullmatch(r"0\d+", second) for first, second in zip(whole, rest, strict=True)):
        return True
    width = max(map(len, rest))
    if any(len(second) < width and second.endswith("0") and second != "0" for second in rest):
        return False
    first = np.array([float(number) for number in whole])
    if len(first) >= FOLLOW and np.ptp(first) == 0 and abs(first[0]) < 100 and 1 < width == min(map(len, rest)):
        return True
    if only_rises(first):
        return False
    if len(first) < FOLLOW or (np.diff(first) >= 0).all():
        return False
    sign = np.where(np.char.startswith(np.array(whole), "-"), -1.0, 1.0)
    both = first + sign * np.array([float(f"0.{second}") for second in rest])
    return _roughness(both) < _roughness(np.array([float(second) for second in rest]))


def _roughness(values: np.ndarray) -> float:
    return float(np.abs(np.diff(values)).mean() / (values.std() or np.inf))


def _titles(above: list[str], separator: str, kinds: list[str]) -> tuple[int, list[str], list[str]]:
    """Return which line names the columns (-1: none), and their names and units."""
    n, none = len(kinds), [""] * len(kinds)
    rows = {k: row for k, line in enumerate(above) if line.strip() and (row := _title_cells(line, separator, kinds))}
    fitting = {k: row for k, row in rows.items() if not all(map(_is_unit, row))}
    if n == 1:
        fitting = {k: row for k, row in fitting.items() if not re.search(r"[=:]|\d{2,}", row[0][:200])}
    number = {k for k, row in fitting.items() if any(is_number(cell) or DATE.fullmatch(cell) for cell in row if cell)}
    fitting = {k: row for k, row in fitting.items() if k not in number}
    if not fitting and n > 1:
        fitting = {k: row for k, row in rows.items() if all(row)}  # "ms,mV" names them, too
    if not fitting:
        return -1, _named_in_a_line_each(above, n), none
    place = max(fitting, key=lambda k: (sum(role(cell)[0] != "" for cell in fitting[k]), k))
    names = fitting[place]
    if n == 1 and sum(bool(line.strip()) for line in above) > 1 and role(names[0])[0] != "ecg":
        return -1, _named_in_a_line_each(above, n), none
    units = next((row for k, row in rows.items() if k != place and all(map(_is_unit, row)) and any(row)), none)
    return place, names, [unit.strip("[]()") or _unit_in(name) for unit, name in zip(units, names, strict=True)]


def _title_cells(line: str, separator: str, kinds: list[str]) -> list[str]:
    """Return the cells of a line above as names of so many columns; empty where it has another number of them."""
    n, text = len(kinds), line[:LONGEST_TITLES].strip("\r\n").lstrip("#% ")
    spare = sum(kind == "empty" for kind in kinds[-1:])  # a separator at the end of each line
    ways = [cells_of(text, separator)]
    if separator == r"\s+":  # "Elapsed time      MLII"; and tabs or commas above a table in spaces
        ways += [[cell.strip(" '\"") for cell in re.split(r"\s{2,}|\t|,", text.strip())]]
    if ways[0] and ways[0][0].startswith("ChannelTitle="):  # LabChart names the signals, and not the clock before them
        ways = [["Time", *ways[0][1:]]]
    for row in ways:
        if n - spare <= len(row) <= n:
            return [*row, *[""] * n][:n]
    row = ways[0]
    if n > 1 and len(row) == n - 1 and row[-1] and kinds[0] == "number" and "=" not in text and ":" not in text:
        return ["", *row]  # R leaves out the name of the column of row names
    return []


def _unit_in(name: str) -> str:
    """Return the unit that a name has in brackets, or as its last word."""
    inside = re.search(rf"[\[(]({UNIT.pattern})[\])]", name[:100], re.I)
    last = re.search(r"(?:[_/ ]|in )([muµμ]?V)$", name[:100])
    return inside[1] if inside else last[1] if last else ""


def _named_in_a_line_each(above: list[str], n: int) -> list[str]:
    """Return the name of a single column that a line such as "Lead,Lead I" gives."""
    for line in above if n == 1 else []:
        found = LEAD_LINE.match(line[:200])
        if found:
            return [found[1].strip(" '\"")]
    return [""] * n


def _is_unit(cell: str) -> bool:
    return not cell or (len(cell) < 30 and bool(UNIT.fullmatch(cell.strip("[]() "))))
