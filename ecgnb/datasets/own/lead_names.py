"""Which of a file's signals is which of the twelve standard leads, whatever they are called and in whatever order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ecgnb.datasets.own.columns import listed, plain
from ecgnb.datasets.twelve_leads import CHEST_LEADS, LEADS, LIMB_LEADS
from ecgnb.errors import DataError, plain_text

ALIASES = {
    **{name.lower(): name for name in LEADS},
    **{f"{letter}{numeral}": lead for letter in "dl" for numeral, lead in zip(("i", "ii", "iii"), LEADS, strict=False)},
    **{f"{letter}{number}": lead for letter in "dl" for number, lead in zip("123", LEADS, strict=False)},
}

NO_PART_OF_A_NAME = {"ecg", "ekg", "raw", "filtered", "filt", "clean", "std", "standard", "elektrokardiogramm"}

NUMBERED = re.compile(r"(?:lead|leads|ch|chan|channel|col|column|signal|sig|x|ecg)?[ _.-]*[0-9]{1,3}", re.IGNORECASE)

TURNED = re.compile(r"\s*(?:[-−–]|minus\s|inverted\s|neg\s)\s*(?=a)", re.IGNORECASE)  # -aVR, as some print it


UNIT = re.compile(r"(?<=[0-9A-Za-z])[\s_-]+[muµμn]?[vV]\s*$")  # "V6_uV"


class Place(NamedTuple):
    """Where a lead is in a file.

    Parameters
    ----------
    position : int
    sign : int
        -1 where the file has it upside down, and says so.
    """

    position: int
    sign: int


def standard_lead(name: str) -> str:
    """Return which of the twelve leads a name means: "V1 (mV)", "ECG I", "avr", "Lead II"; empty text for none."""
    bare = TURNED.sub("", name[:200], count=1) if TURNED.match(name[:200]) else name[:200]
    bare = UNIT.sub("", bare)
    inside = re.search(r"[\[(]\s*([\w ]{1,8}?)\s*[\])]", bare)  # "Ch 2 [II]"
    for one in (bare, inside[1] if inside else ""):
        words = [word for word in plain(one).split() if word not in NO_PART_OF_A_NAME]
        if lead := ALIASES.get("".join(words)):
            return lead
    return ""


def places_of(names: Sequence[str], where: str) -> tuple[dict[str, Place], bool]:
    """Return where each lead is, and whether that was assumed, because nobody names them.

    Parameters
    ----------
    names : sequence of str
        Of all signals of a file; empty text where nobody names one.
    where : str
        What the file is called, for errors.

    Raises
    ------
    DataError
        Where a lead is there twice, or leads are missing that do not follow from the others.
    """
    found: dict[str, Place] = {}
    for position, name in enumerate(names):
        lead = standard_lead(name)
        if not lead:
            continue
        if lead in found:
            both = listed([names[found[lead].position], name])
            raise DataError(f"{where} has lead {lead} twice ({both}); expected each lead once")
        found[lead] = Place(position, -1 if TURNED.match(name[:200]) else 1)
    if len(names) == len(LEADS) and _say_nothing(names):
        return {lead: Place(position, 1) for position, lead in enumerate(LEADS)}, True
    _refuse_too_few(found, names, where)
    return found, False


def _say_nothing(names: Sequence[str]) -> bool:
    """Say whether names are none, or numbers alone; R calls columns without any V1, V2, ..."""
    if list(names) == [f"V{number}" for number in range(1, len(names) + 1)]:
        return True
    return all(not name.strip() or NUMBERED.fullmatch(name.strip()[:40]) for name in names)


def _refuse_too_few(found: dict[str, Place], names: Sequence[str], where: str) -> None:
    missing = [lead for lead in LEADS if lead not in found]
    chest = [lead for lead in missing if lead in CHEST_LEADS]
    n_limbs = len(LIMB_LEADS) - len(missing) + len(chest)
    if not chest and n_limbs >= 2:
        return
    why = f"{' and '.join(chest)} cannot be derived from other leads" if chest else "two limb leads tell the others"
    unknown = [name for name in names if not standard_lead(name)]
    of_them = f"; not understood: {listed(unknown)}" if unknown and found else ""
    has = f"{len(found)} of the twelve leads ({', '.join(found)})" if found else f"signals called {listed(names)}"
    if not found:
        why = "expected I, II, III, aVR, aVL, aVF and V1 to V6 by name, or twelve signals without names in that order"
        raise DataError(f"{plain_text(where)} has {has}; {why}")
    raise DataError(f"{where} has {has}; {', '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing, and "
                    f"{why}{of_them}")  # fmt: skip
