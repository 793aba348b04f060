"""What the lines above the numbers say: the sampling rate in several languages, and what known devices write there."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from ecgnb.datasets.own.limits import HIGHEST_FS, LOWEST_FS
from ecgnb.datasets.own.table_form import CHANNELS

LONGEST = 500  # characters of a line that are looked at; a line of JSON may be longer
LONGEST_JSON = 20_000

_NUMBER = r"(\d{1,3}(?:[ '.,\u2019]\d{3}){1,2}(?:[.,]\d{1,9})?|\d{1,9}(?:[.,]\d{1,9})?)"
HERTZ = re.compile(_NUMBER + r" ?(k?)(?:hz|hertz|hercios|ヘルツ|赫兹|헤르츠|гц|sps|s/s)(?![a-z])", re.I)
PER_SECOND = re.compile(_NUMBER + r" ?(?:samples?|muestras|amostras|[ée]chantillons|abtastwerte|campioni)? ?"
                        r"(?:/|per|pro|por|par) ?(?:s|sec|second|sekunde|segundo|seconde)\b", re.I)  # fmt: skip
STEP = re.compile(_NUMBER + r" ?(ns|nsec|us|µs|usec|ms|msec|milliseconds?|s|sec|seconds?)\b", re.I)
UNIT_THEN_NUMBER = re.compile(r"[\[(_ ](ns|us|µs|ms|msec|s|sec)[\])]?\s*[=:,;\t ]\s*" + _NUMBER + r"\s*$", re.I)
SET_TO = re.compile(r"[=:,;\t ]\s{0,3}" + _NUMBER + r"[^\d]{0,8}$")

# Only a line that says so is about the rate: others tell of filters, mains, hearts, or how many samples there are.
RATE_WORDS = re.compile(
    r"sampl\w{0,6}[ _-]?(?:rate|freq\w*)|sampl(?:ing|ed at)\b\s*[:=]?(?= ?\d)|samples per second|"
    r"\bfs\b(?: ?[\[(]hz[\])])?\s*[:=,;\t ](?=\s*\d)|sampling\s*[:=]|\bsr(?:ate)?\s*[=]|\bsfreq|\bsps\b|abtast\w*|"
    r"messrate|fr[ée]quence d.{0,3}[ée]chantillonnage|frecuencia de muestreo|(?:taxa|frequ[êe]ncia) de amostragem|"
    r"frequenza di campionamento|bemonster\w*|samplings?frekvens|częstotliwość próbkowania|"
    r"采样|サンプ(?:リング|ルレート)|샘플링|частота дискретизации",
    re.I,
)
AT_RATE = re.compile(
    _NUMBER + r" ?(k?)(?:sps|s/s)\b|\bat " + _NUMBER + r" ?(k?)hz\b|^" + _NUMBER + r" ?(k?)(?:hz|hertz)$", re.I
)
STEP_WORDS = re.compile(
    r"^interval\s*=|sampl\w{0,6}[ _-]?(?:interval|period|time)|sec/sample|\bdt\s*[=:]|delta_?x|abtastzeit", re.I
)
OF_OTHERS = re.compile(
    r"\b(?:acc\w*|gyro\w*|ppg|resp\w*|eda|emg|eeg|temp\w*|hr|heart|original|rhythm|befund|battery|sensor rate)\b", re.I
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
        A line that seems to be about the rate and is not understood, or contradicts another.
    unit : str
        Of a single column.
    units : list of str
        Of the columns, where a device's header has them; else empty.
    """

    fs: float | None
    said: str
    names: list[str]
    not_understood: str
    unit: str
    units: Sequence[str] = ()


def read_above(lines: Sequence[str], n_columns: int, n_filled: int | None = None) -> Above:
    """Read the lines above a table of so many columns, of which so many are not empty.

    Where several say different rates, none is believed.
    """
    unit = next((found for line in lines if (found := _unit_of(line[:LONGEST]))), "") if n_columns < 3 else ""
    for line in lines:
        if device := _open_signals(line, n_columns):
            return device._replace(unit=unit)
    names, units = _acqknowledge(lines, n_columns, n_columns if n_filled is None else n_filled)
    said: list[tuple[float, str]] = []
    not_understood = ""
    for line in lines:
        text = line[:LONGEST].replace('"', " ").strip().strip("#%;, ")
        if OF_OTHERS.search(text) and not re.search(r"sampled at|ecg|ekg", text, re.I):
            continue
        rate = _rate_of(text)
        if rate is not None and LOWEST_FS <= rate <= HIGHEST_FS:
            said.append((rate, text))
        elif re.search(r"\d", text) and (rate is not None or RATE_WORDS.search(text)):
            not_understood = not_understood or text
    if len({fs for fs, _ in said}) == 1:
        fs, text = said[0]
        return Above(fs, text, names, "", unit, units)
    return Above(None, "", names, said[0][1] if said else not_understood, unit, units)


def _rate_of(text: str) -> float | None:
    """Return the samples per second that a line says; None where it says none that is understood."""
    if STEP_WORDS.search(text):
        inside, given = UNIT_THEN_NUMBER.search(text), STEP.search(text)
        size, number = (inside[1], inside[2]) if inside else (given[2], given[1]) if given else ("", "")
        plain = SET_TO.search(text)
        step = _plain_number(number or (plain[1] if plain else "0")) * SECONDS[(size or "s")[0].lower()]
        return round(1 / step, 6) if step else None
    if RATE_WORDS.search(text):
        at = RATE_WORDS.search(text)
        rest = text[at.start() :] if at else text
        if re.search(r"\d ?(?:-|to|bis) ?\d+ ?k?hz", rest, re.I):
            return None  # a range of rates
        for pattern in (HERTZ, PER_SECOND, SET_TO):
            if number := pattern.search(rest):
                kilo = pattern is HERTZ and number[2]
                return _plain_number(number[1], 1000 if kilo else 1)
        return None
    at = AT_RATE.search(text)
    if at is None:
        return None
    number, kilo = next((at[k], at[k + 1]) for k in (1, 3, 5) if at[k])
    return _plain_number(number, 1000 if kilo else 1)


def _plain_number(text: str, times: int = 1) -> float:
    """Return a number that may be written 1,000 or 511,443 or 1.000,5 or 1 000: the one that can be a sampling rate."""
    text = re.sub("[ '\u2019]", "", text)
    grouped = re.fullmatch(r"[1-9]\d{0,2}(?:[.,]\d{3})+(?:[.,]\d+)?", text)
    decimal = max(text.rfind("."), text.rfind(","))
    whole = text if decimal < 0 else f"{re.sub('[.,]', '', text[:decimal])}.{text[decimal + 1 :]}"
    if grouped and len(text) - decimal == 4:
        thousands = float(re.sub("[.,]", "", text))
        if thousands * times <= HIGHEST_FS / 2 and (text[decimal] == "," or float(whole) < LOWEST_FS):
            return thousands * times
    return float(whole) * times


def _unit_of(line: str) -> str:
    found = re.match(
        r"\s*#?\s*(?:unit|units|einheit|unit[ée]|unidad|unidade|unit[àa]|単位|单位|단위)\s*[,;:=\t]\s*([^\s,;]{1,10})",
        line,
        re.I,
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


def _acqknowledge(lines: Sequence[str], n_columns: int, n_filled: int) -> tuple[list[str], list[str]]:
    """Return names and units of channels, which AcqKnowledge writes a line each, in turn, after their number."""
    for place, line in enumerate(lines):
        found = CHANNELS.fullmatch(line[:LONGEST])
        if found and len(lines) > place + 2 * int(found[1]):
            n = int(found[1])
            told = [line.strip()[:60] for line in lines[place + 1 : place + 1 + 2 * n]]
            before = [""] * max(0, n_filled - n)  # a column of time
            after = [""] * n_columns
            return [*before, *told[::2], *after][:n_columns], [*before, *told[1::2], *after][:n_columns]
    return [], []
