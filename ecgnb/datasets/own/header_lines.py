"""What the lines above the numbers say: the sampling rate in several languages, and what known devices write there."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from ecgnb.datasets.own.limits import HIGHEST_FS, LOWEST_FS
from ecgnb.errors import DataError, plain_text

LONGEST = 500  # characters of a line that are looked at; a line of JSON may be longer
LONGEST_JSON = 20_000

_NUMBER = r"(\d{1,9}(?:[.,]\d{1,9}){0,3})"
HERTZ = re.compile(_NUMBER + r" ?(k?)(?:hz|hertz)\b", re.I)
PER_SECOND = re.compile(_NUMBER + r" ?(?:samples?|sps)\b ?(?:/|per|pro)? ?(?:s|sec|second|sekunde)?\b", re.I)
STEP = re.compile(_NUMBER + r" ?(ns|nsec|us|µs|usec|ms|msec|milliseconds?|s|sec|seconds?)\b", re.I)
SET_TO = re.compile(r"[=:,;\t ]\s?" + _NUMBER + r"[^\d]{0,8}$")

RATE_WORDS = re.compile(
    r"sampl|\bfs\b|\bsr\b|\bsps\b|\bsfreq\b|abtast|messrate|[ée]chantillon|muestreo|amostra|campion|frequen|fr[ée]quen|"
    r"frecuen|\brate\b|bemonster|pr[øo]b|sampel|采样|サンプリング",
    re.I,
)
STEP_WORDS = re.compile(r"interval|period|msec/sample|ms/sample|sec/sample|pas\b|abtastzeit", re.I)
NO_RATE = re.compile(
    r"filter|notch|pass|cut.?off|band|mains|netz|heart|bpm|gain|records?\b|start|date|time of|unit", re.I
)

SECONDS = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "s": 1.0}


class Above(NamedTuple):
    """What the lines above a table say.

    Parameters
    ----------
    fs : float or None
        Samples per second.
    said : str
        The line that says so.
    names : list of str
        Of the columns, where a device's header has them; else empty.
    not_understood : str
        A line that seems to be about the rate and is not understood.
    unit : str
        Of a single column.
    """

    fs: float | None
    said: str
    names: list[str]
    not_understood: str
    unit: str


def read_above(lines: Sequence[str], n_columns: int) -> Above:
    """Read the lines above a table of so many columns.

    Raises
    ------
    DataError
        Where a line gives a rate that no file can have meant.
    """
    unit = next((found for line in lines if (found := _unit_of(line[:LONGEST]))), "") if n_columns < 3 else ""
    for line in lines:
        if device := _open_signals(line, n_columns):
            return device._replace(unit=unit)
    names = _acqknowledge_names(lines, n_columns)
    not_understood = ""
    for by_word in (True, False):
        for line in lines:
            text = line[:LONGEST].strip().strip("#%;, ")
            about = bool(RATE_WORDS.search(text) or STEP_WORDS.search(text))
            if about != by_word or (NO_RATE.search(text) and not re.search("sampl|abtast", text, re.I)):
                continue
            fs = _rate_of(text, by_word)
            if fs is None:
                not_understood = not_understood or (text if by_word and re.search(r"\d", text) else "")
                continue
            if not LOWEST_FS <= fs <= HIGHEST_FS:
                raise DataError(
                    f"the line {plain_text(text)!r} seems to say {fs:g} samples per second; "
                    f"expected {LOWEST_FS:g} to {HIGHEST_FS:g}; give the rate (--fs, fs=)"
                )
            return Above(fs, text, names, "", unit)
    return Above(None, "", names, not_understood, unit)


def _rate_of(text: str, by_word: bool) -> float | None:
    """Return the samples per second that a line says; None where it says none that is understood."""
    if found := HERTZ.search(text):
        return _plain_number(found[1]) * (1000 if found[2] else 1)
    if not by_word:
        return None
    if STEP_WORDS.search(text) and (found := STEP.search(text)):
        step = _plain_number(found[1]) * SECONDS[found[2][0].lower()]
        return round(1 / step, 6) if step else None
    if found := PER_SECOND.search(text):
        return _plain_number(found[1])
    if STEP_WORDS.search(text):
        return None
    found = SET_TO.search(text)
    return _plain_number(found[1]) if found else None


def _plain_number(text: str) -> float:
    """Return a number that may be written 1,000 or 511,443 or 1.000,5: the one that can be a sampling rate."""
    if text.count(".") + text.count(",") > 1:
        decimal = max(text.rfind("."), text.rfind(","))
        whole = text[:decimal].replace(".", "").replace(",", "")
        return float(f"{whole}.{text[decimal + 1 :]}")
    if re.fullmatch(r"[1-9]\d{0,2}[,]\d{3}", text) and float(text.replace(",", "")) <= HIGHEST_FS / 2:
        return float(text.replace(",", ""))
    return float(text.replace(",", "."))


def _unit_of(line: str) -> str:
    found = re.match(
        r"\s*#?\s*(?:unit|units|einheit|unit[ée]|unidad|unidade|unit[àa])\s*[,;:=\t]\s*([^\s,;]{1,10})", line, re.I
    )
    return found[1].strip("'\"") if found else ""


def _open_signals(line: str, n_columns: int) -> Above | None:
    """Read the header of OpenSignals (BITalino, biosignalsplux): JSON in a comment."""
    text = line.lstrip("# \t")
    if not text.startswith("{") or len(text) > LONGEST_JSON or text.count("{") + text.count("[") > 200:
        return None
    try:
        device = next(iter(json.loads(text).values()))
        names = [str(name) for name in device["column"]]
        sensors = dict(zip(map(str, device["label"]), map(str, device["sensor"]), strict=False))
        rate = float(device["sampling rate"])
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        return None
    if not LOWEST_FS <= rate <= HIGHEST_FS or len(names) > n_columns:
        return None
    named = [f"{name} {sensors[name]}" if name in sensors else name for name in names]
    named = ["digital " + name if re.fullmatch(r"[IO]\d", name) else name for name in named]
    return Above(rate, "", [*named, *[""] * (n_columns - len(named))], "", "")


def _acqknowledge_names(lines: Sequence[str], n_columns: int) -> list[str]:
    """Return the names of channels that AcqKnowledge writes a line each, name and unit in turn, after their number."""
    for place, line in enumerate(lines):
        found = re.fullmatch(r"(\d{1,3}) channels?", line.strip()[:LONGEST])
        if found and len(lines) > place + 2 * int(found[1]):
            n = int(found[1])
            own = [lines[place + 1 + 2 * k].strip()[:60] for k in range(n)]
            spare = [""] * n_columns
            return [*spare[: max(0, n_columns - n - 1)], *own, *spare][:n_columns] if n_columns > n else own[:n_columns]
    return []
