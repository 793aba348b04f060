"""Text in any script, drawn with fonts that this machine has: never a box, never a warning, never a formula."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font
from matplotlib.text import Text

from ecgnb.errors import plain_text

BASE = "DejaVu Sans"  # comes with matplotlib

LIKELY = re.compile(r"noto sans|cjk|gothic|hei|unicode|arial|segoe|symbola|dejavu|stix", re.IGNORECASE)

NOT_UNICODE = re.compile(r"^cm|STIX(Non|Siz)|last.?resort|symbol$|dingbats", re.IGNORECASE)  # other signs at each place

MOST_FONTS = 400  # that are opened in search of a sign: a machine may have thousands


def drawable(text: object, most: int = 200) -> tuple[str, list[str]]:
    """Return text as it can be drawn here, in one line, and the font families to draw it with.

    A sign that no font has becomes its plain letters where it has any ("ﬁ" is "fi"), else a question mark.

    Parameters
    ----------
    text : any
        Somebody else's, such as a file's name.
    most : int
        Signs that are kept.

    Returns
    -------
    text : str
    families : list of str
        The first one that has a sign draws it.
    """
    families, signs = [BASE], []
    for sign in plain_text(text, most):
        known = _family_of(sign)
        plain = sign if known else _plain(sign)
        if known and known not in families:
            families.append(known)
        signs.append(plain)
    return "".join(signs), families


def put(figure: Figure, x: float, y: float, text: object, *, most: int = 400, **how: Any) -> Text:
    """Write text on a figure (`x` and `y` in its fractions), as it is: a dollar sign starts no formula."""
    shown, families = drawable(text, most)
    if len(families) > 1:
        how["fontweight"] = "normal"  # matplotlib complains of a family that has no bold letters
    return figure.text(x, y, shown, family=families, parse_math=False, **how)


def _plain(sign: str) -> str:
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me"):
        return ""
    letters = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return letters if letters.strip() else "?"


@lru_cache(maxsize=10_000)
def _family_of(sign: str) -> str:
    """Return the family of a font that has a sign; empty where there is none."""
    if sign.isascii():
        return BASE
    return next((family for family, path in _fonts() if _has(path, sign)), "")


@lru_cache(maxsize=1)
def _fonts() -> tuple[tuple[str, str], ...]:
    """Return upright fonts, family and path: the one that comes with matplotlib, those that have many signs, others."""
    found: dict[str, str] = {}
    for font in fontManager.ttflist:
        if font.style == "normal" and str(font.weight) in ("400", "normal", "regular") and font.name not in found:
            found[font.name] = font.fname
    order = sorted(found, key=lambda family: (family != BASE, not LIKELY.search(family), family))
    return tuple((family, found[family]) for family in order if not NOT_UNICODE.search(family))[:MOST_FONTS]


@lru_cache(maxsize=MOST_FONTS)
def _signs(path: str) -> frozenset[int]:
    try:
        font = get_font(path)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()  # coloured emoji are pictures
    except (OSError, RuntimeError, ValueError):  # a font that is damaged, or of a kind nobody can draw
        return frozenset()


def _has(path: str, sign: str) -> bool:
    return ord(sign) in _signs(path)
