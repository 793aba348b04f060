"""What the app draws with: the lessons' colours by day, the same hues lighter by night, and those of ECG paper."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from ecgnb.classifier.result import UNSURE


class Palette(NamedTuple):
    """The colours of all figures; `classes` by a class's letter."""

    classes: dict[str, str]
    other: str
    paper: str
    fine: str
    coarse: str
    trace: str
    text: str
    quiet: str
    picked: str
    differs: str
    irregular: str
    no_ecg: str

    def of(self, label: str) -> str:
        """Return a class's colour; also of a class this course does not know."""
        return self.classes.get(label, self.other)


LIGHT = Palette(
    # as in `ecgnb.plotting.style`, whose import takes a second; a test holds them to it
    classes={"N": "#0072B2", "S": "#009E73", "V": "#D55E00", "F": "#CC79A7", "Q": "#444444", UNSURE: "#8A6D00"},
    other="#56B4E9", paper="#FFFBFA", fine="#FBE6E3", coarse="#F3C4BD", trace="#22262B", text="#31333F",
    quiet="#6B7280", picked="#CC0000", differs="rgba(230,159,0,0.30)", irregular="rgba(230,159,0,0.22)",
    no_ecg="rgba(110,110,120,0.30)",
)  # fmt: skip

DARK = Palette(
    classes={"N": "#56B4E9", "S": "#2FC79A", "V": "#F28544", "F": "#E6A5C9", "Q": "#C4C4C4", UNSURE: "#D9B84A"},
    other="#9AD0F5", paper="#1A1517", fine="#2B2023", coarse="#4A3035", trace="#ECECEC", text="#FAFAFA",
    quiet="#A3A8B4", picked="#FF6B6B", differs="rgba(230,159,0,0.35)", irregular="rgba(230,159,0,0.25)",
    no_ecg="rgba(170,170,180,0.30)",
)  # fmt: skip


def palette() -> Palette:
    """Return the colours that fit the visitor's screen, which follows their system."""
    return DARK if st.context.theme.type == "dark" else LIGHT
