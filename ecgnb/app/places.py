"""Where in a recording the visitor is, and how they get elsewhere: by page, by time, to the next beat of a kind.

The place is kept as the text of the field "Go to", which the address of the page holds, too.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ecgnb.app.charts import clock
from ecgnb.app.visit import Shown

WIDTHS = (5, 10, 20, 30, 60)

DIFFERS = "differs"  # a beat that others call otherwise

MOST_STEPS_BACK = 50

_TIME = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,6}(?:[.,]\d{1,3})?)")


def seconds_of(text: str) -> float | None:
    """Return a time such as 1:02:03, 9:02.5 or 75, in seconds; None where it is none."""
    parts = _TIME.fullmatch(text.strip())
    if parts is None:
        return None
    hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in parts.groups())
    return 3600 * hours + 60 * minutes + seconds


def shown() -> Shown:
    """Return what is on the page."""
    found: Shown = st.session_state["shown"]
    return found


def start_at_the_front(key: tuple[Any, ...], seconds: float) -> None:
    """Go to the front of a recording that was not on the page before; the first one begins where the address says."""
    state = st.session_state
    if state.get("place of") != key:
        if "place of" in state:
            state["start"] = ""
        state.update({"place of": key, "back": [], "place": 0.0})
        for beat in ("beat", "marked"):
            state.pop(beat, None)
    state["length"] = seconds


def width() -> int:
    """Return the seconds that are shown."""
    return int(st.session_state.get("width", 10))


def read_start(text: str) -> bool:
    """Take the place that the field names; say whether it names one."""
    seconds = seconds_of(text) if text.strip() else 0.0
    if seconds is None or seconds >= st.session_state["length"]:
        return False
    st.session_state["place"] = seconds
    return True


def go(seconds: float, beat: int | None = None) -> None:
    """Go to a time, and to a beat there."""
    state = st.session_state
    state["back"] = [*state["back"], (state["place"], state.get("beat"))][-MOST_STEPS_BACK:]
    _stand(seconds, beat)


def _stand(seconds: float, beat: int | None) -> None:
    state = st.session_state
    place = float(np.clip(seconds, 0, max(0.0, np.ceil(state["length"]) - 1)))
    state["place"] = place
    state["start"] = clock(place, tenths=place % 1 != 0)
    if beat is not None:
        state["beat"] = beat
    state["marked"] = state.get("beat")


def back() -> None:
    """Go where one was before."""
    if st.session_state["back"]:
        *st.session_state["back"], (seconds, beat) = st.session_state["back"]
        _stand(seconds, beat)


def turn(pages: int) -> None:
    """Turn some pages; the beat in hand is then the first one there."""
    state = st.session_state
    last = max(0.0, np.ceil(state["length"] / width() - 1) * width())
    go(float(np.clip(state["place"] + pages * width(), 0, last)))
    time = shown().found.beats["time_s"].to_numpy()
    first = int(np.searchsorted(time, state["place"]))
    if first < len(time) and time[first] < state["place"] + width():
        state["beat"] = state["marked"] = first


def is_in_view(time: float) -> bool:
    """Say whether a time lies within the page."""
    return bool(st.session_state["place"] <= time < st.session_state["place"] + width())


def page_of(time: float) -> float:
    """Return where the page with a time begins."""
    return float(time // width() * width())


def show_beat() -> None:
    """Turn to the page of the beat whose number was entered."""
    st.session_state["marked"] = beat = int(st.session_state["beat"])
    time = float(shown().found.beats["time_s"].iloc[beat])
    if not is_in_view(time):
        go(page_of(time))


def of_kind(kind: str) -> NDArray[np.int64]:
    """Return the beats of a class, those not classified, or those that others call otherwise."""
    now = shown()
    if kind == DIFFERS:
        differ = np.zeros(len(now.found.beats), dtype=bool)
        for others in now.others:
            differ |= others.differs(now.found.beats)
        return np.flatnonzero(differ)
    return np.flatnonzero(now.found.beats["label"].to_numpy() == kind)


def find(kind: str) -> None:
    """Go to the next beat of a kind; after the last one comes the first."""
    beats = of_kind(kind)
    if not len(beats):
        return
    after = beats[beats > int(st.session_state.get("beat", -1))]
    beat = int(after[0] if len(after) else beats[0])
    time = float(shown().found.beats["time_s"].iloc[beat])
    go(st.session_state["place"] if is_in_view(time) else page_of(time), beat)


def take_click(chart: str) -> None:
    """Go to what was clicked: a beat on the strip, a time on the overview."""
    points = st.session_state[chart]["selection"]["points"]
    if not points or "customdata" not in points[0]:
        return
    beat = int(np.ravel(points[0]["customdata"])[0])
    if chart == "strip":
        st.session_state["beat"] = beat
    else:
        go(page_of(float(shown().found.beats["time_s"].iloc[beat])), beat)
