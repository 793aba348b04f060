"""Which column of a file is the ECG: by its name, by what it does, and otherwise by asking."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgnb.errors import DataError, plain_text

# Leads and names, the most useful to a network of lead II first: those in which R stands upright in most people.
RANKS = (
    ("mlii", "ml2", "ii", "d2", "dii"), ("ecg", "ekg"), ("i", "mli", "d1", "di"), ("v5", "ml5", "cm5"),
    ("v4", "v6", "avf"), ("avl", "iii", "d3", "diii", "mliii", "ml3"), ("v2", "v3", "v1", "mv1", "mcl1", "avr"),
    ("vx", "vy", "vz"),
)  # fmt: skip

ELECTRODES = {"llra": "ii", "lara": "i", "llla": "iii", "vxra": "v1"}  # two electrodes that make a lead

TIME_WORDS = {
    "time", "timestamp", "timestamps", "tstamp", "elapsed", "millis", "micros", "milliseconds", "microseconds",
    "nanoseconds", "datetime", "uhrzeit", "zeit", "zeitstempel", "temps", "horodatage", "tiempo", "tempo", "tijd",
    "unixtime", "aika", "ido", "cas", "zaman", "время", "χρονος", "时间", "時間", "시간",
}  # fmt: skip

TIME = TIME_WORDS | {
    "t", "ts", "sec", "secs", "second", "seconds", "ms", "msec", "millisecond", "us", "usec", "ns", "clock", "date",
    "datum", "heure", "hora", "fecha", "tid", "czas", "unix", "epoch",
}  # fmt: skip

ECG_WORDS = ("ecg", "ekg", "elektrokardio", "electrocardio", "心电", "心電", "экг", "ηκγ", "심전도")

NO_ECG_OF_AN_ECG = {
    "rate", "quality", "phase", "peak", "peaks", "noise", "baseline", "sqi", "flag", "status", "template", "annotation",
    "annotations", "label", "labels", "event", "events", "marker", "impedance", "leadoff", "artifact", "residual", "r",
    "resp", "respiration", "rsp", "edr",
}  # fmt: skip

OTHER = {
    "acc", "accel", "accelerometer", "accx", "accy", "accz", "gyro", "gyroscope", "mag", "magnetometer", "hr", "bpm",
    "heart", "heartrate", "pulse", "puls", "rate", "rr", "rri", "ibi", "hrv", "nn", "resp", "respiration", "rsp",
    "atmung", "breath", "breathing", "thorax", "abdomen", "airflow", "ppg", "pleth", "bvp", "spo2", "oxygen", "eda",
    "gsr", "emg", "eeg", "eog", "temp", "temperature", "abp", "bp", "art", "icp", "cvp", "pap", "co2", "etco2", "scg",
    "pcg", "bcg", "event", "events", "marker", "markers", "trigger", "label", "labels", "class", "annotation",
    "annotations", "quality", "sqi", "battery", "bat", "red", "ir", "infrared", "green", "peaks", "peak", "flag",
    "status", "state", "leadoff", "off", "impedance", "speed", "altitude", "humidity", "pressure", "rhythm", "phase",
}  # fmt: skip

DULL = {
    "lead", "leads", "channel", "chan", "ch", "ableitung", "derivation", "derivacion", "derivacao", "signal", "mv",
    "uv", "in", "svod",
}  # fmt: skip

FEW_VALUES = 6  # a signal of fewer is a state, not an ECG
ENOUGH = 50  # values that tell what a column does


LooksLikeEcg = Callable[[NDArray[np.float64], float], bool]  # asked of a signal and its rate


class Column(NamedTuple):
    """A column of numbers, or a signal of a file.

    Parameters
    ----------
    name : str
        Empty where nobody names it.
    values : (n,) float64 array
        Its first values; NaN where there is none.
    fs : float or None
        Samples per second, where it has a rate of its own.
    """

    name: str
    values: NDArray[np.float64]
    fs: float | None = None

    def looks_like(self, looks_like_ecg: LooksLikeEcg, fs: float) -> bool:
        """Say whether it looks like an ECG at its own rate, else at the one given."""
        return looks_like_ecg(self.values, self.fs or fs)


def plain(name: str) -> str:
    """Return a name without unit, brackets, accents and decoration, in small letters: "Dérivation II (mV)" is "ii"."""
    name = re.sub(r"[\[(<{][^\])>}]{0,40}[\])>}]", " ", name[:200])
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    words = [word for word in re.split(r"[\W_]+", unicodedata.normalize("NFC", letters).lower()) if word]
    return " ".join([word for word in words if word not in DULL and word not in ("μv", "μ")] or words)


def role(name: str) -> tuple[str, int]:
    """Return what a name says: "ecg", "time", "other" or "" (nothing); and an ECG's rank."""
    short = plain(name)
    words, squashed = set(short.split()), short.replace(" ", "")
    is_ecg = any(word in squashed for word in ECG_WORDS)
    if words & TIME_WORDS or (not is_ecg and (words & TIME or squashed.startswith(("timestamp", "elapsed", "time")))):
        return "time", 0
    inside = re.search(r"[\[(]\s*([\w ]{1,8}?)\s*[\])]", name[:200])  # "Ch 2 [II]"
    lead = next((one for pair, one in ELECTRODES.items() if pair in squashed), "") or _rankless(words)
    for rank, names in enumerate(RANKS):
        if lead in names or (inside and inside[1].lower() in names and not words & OTHER):
            return ("other", 0) if words & NO_ECG_OF_AN_ECG else ("ecg", rank)
    if is_ecg:
        common = next(k for k, names in enumerate(RANKS) if "ecg" in names)
        return ("other", 0) if words & NO_ECG_OF_AN_ECG else ("ecg", common)
    return ("other", 0) if words & OTHER or squashed in OTHER else ("", 0)


def _rankless(words: set[str]) -> str:
    """Return the one word that names a lead, where the others only say that it is an ECG; else empty text."""
    leads = {name for names in RANKS for name in names} - {"ecg", "ekg"}
    found = sorted(words & leads, key=lambda word: -len(word))
    rest = words - leads - {"ecg", "ekg"}
    sure = len(found) == 1 and (len(found[0]) > 1 or not rest or words & {"ecg", "ekg"})
    return found[0] if sure and not words & OTHER - {"red", "off", "green", "ir", "eeg"} else ""


def only_rises(values: NDArray[np.float64]) -> bool:
    """Say whether a column never falls, but for starting anew as a counter does, as a clock or a number of samples."""
    known = values[np.isfinite(values)]
    steps = np.diff(known)
    if len(known) < ENOUGH or not (steps > 0).any():
        return False
    falls = steps < 0
    if not falls.any():
        return True
    starts_anew = known[1:][falls].max() <= known.min() + 0.02 * np.ptp(known)
    ends_high = known[:-1][falls].min() >= known.max() - 0.02 * np.ptp(known)
    rising = steps[~falls]
    return bool(starts_anew and ends_high and np.ptp(rising) <= 1e-6 * max(1.0, np.ptp(known)))


def cannot_be(values: NDArray[np.float64]) -> str:
    """Return why a column cannot be an ECG by what it does, or "" where it can."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "is empty"
    if len(known) < ENOUGH:
        return ""
    if np.ptp(known) == 0:
        return "never changes"
    if (n := len(np.unique(known))) < FEW_VALUES:
        return f"has {n} values"
    return "only rises" if only_rises(known) else ""


def _are_of_r(names: Sequence[str]) -> bool:
    """Say whether names are those that R gives to columns without any: V1, V2, ..., and not six chest leads."""
    return 1 < len(names) != 6 and list(names) == [f"V{k}" for k in range(1, len(names) + 1)]


def pick_lead(names: Sequence[str], lead: str, where: str) -> int:
    """Return the position of the lead asked for, by name or by number from 1 on.

    Raises
    ------
    DataError
        Where there is no such lead.
    """
    wanted = str(lead).strip().lower()
    for same in (str.lower, plain):
        for position, name in enumerate(names):
            if same(name) == (wanted if same is str.lower else plain(wanted)) and name:
                return position
    if wanted.isdecimal() and len(wanted) < 6 and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    counts = " (numbers count these, from 1 on)" if wanted.isdecimal() else ""  # and not the column of time
    raise DataError(f"{where} has no lead {plain_text(lead)!r}; it has: {listed(names)}{counts}")


def choose(
    columns: Sequence[Column], where: str, fs: float | None = None, looks_like_ecg: LooksLikeEcg | None = None
) -> tuple[int, str]:
    """Return which of several columns is the ECG, and what should be said about the choice.

    Parameters
    ----------
    columns : sequence of Column
        That of time is not among them.
    where : str
        What the file is called, for errors.
    fs : float, optional
        Samples per second.
    looks_like_ecg : callable, optional
        Asked, where the rate is known, if neither names nor what columns do can tell.

    Raises
    ------
    DataError
        Where several could be it, or none: names them all, and asks for one.
    """
    names = [column.name for column in columns]
    roles = [("", 0)] * len(names) if _are_of_r(names) else [role(name) for name in names]
    named = sorted((rank, k) for k, (kind, rank) in enumerate(roles) if kind == "ecg")
    unnamed = [k for k, (kind, _) in enumerate(roles) if kind == ""]
    possible = [k for _, k in named if not cannot_be(columns[k].values)] or [
        k for k in unnamed if not cannot_be(columns[k].values)
    ]
    if possible and possible[0] in [k for _, k in named]:
        if fs is not None and looks_like_ecg is not None and len(possible) > 1:
            alike = [k for k in possible if roles[k] == roles[possible[0]]]  # a dead one among them is passed over
            return next((k for k in alike if columns[k].looks_like(looks_like_ecg, fs)), alike[0]), ""
        return possible[0], ""
    alone = ([k for _, k in named] or unnamed) if len(columns) == 1 else []
    if alone and cannot_be(columns[alone[0]].values) != "only rises":
        return alone[0], ""  # what is wrong with it is said where it is read
    if len(possible) > 1 and looks_like_ecg is not None and fs is not None:
        possible = [k for k in possible if columns[k].looks_like(looks_like_ecg, fs)] or possible
    if len(possible) == 1:
        why = "" if len(columns) == 1 else "the only column that could be an ECG"
        return possible[0], why
    if possible:
        told = f"several columns could be the ECG: {listed([names[k] or str(k + 1) for k in possible])}"
    else:
        faults = [
            f"{listed([name or str(k)])} {cannot_be(column.values) or 'is named as something else'}"
            for k, (name, column) in enumerate(zip(names, columns, strict=True), start=1)
        ]
        told = f"no column looks like an ECG: {'; '.join(faults[:12])}{' ...' if len(faults) > 12 else ''}"
    which = f"by name or by number from 1 to {len(columns)}" if len(columns) > 1 else "as --lead 1 if it is one"
    raise DataError(f"{where}: {told}; say which with --lead (lead=), {which}")


def listed(names: Sequence[str]) -> str:
    """Return names one after the other, the number where there is no name, and not more than a dozen."""
    some = ", ".join(plain_text(name, 60) or str(k) for k, name in enumerate(names[:12], start=1))
    return f"{some} and {len(names) - 12:,} more" if len(names) > 12 else some
