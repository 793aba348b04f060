"""What went wrong, in one plain line."""

from __future__ import annotations

import functools
import logging
import re
import traceback
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from ecgnb.app.plain import plain
from ecgnb.errors import EcgnbError


def _in_the_page(fault: str) -> str:
    """Name the fields of the page where an error names options of the command line."""
    for option in ("the rate (--fs, fs=)", "fs (--fs)"):
        fault = fault.replace(option, "the rate in its field")
    fault = re.sub(r"give unit='mV' or .*", "choose it in the field 'Unit' above", fault)
    fault = re.sub(r"say which with --lead \(lead=\).*", "choose it in the field 'Lead or column' above", fault)
    return fault.replace("--lead (lead=)", "the field 'Lead or column'")


def fault_line(fault: Exception) -> str:
    """Return one plain line on what went wrong, and what to do; what nobody foresaw is noted in the log, too."""
    if isinstance(fault, EcgnbError):
        return plain(_in_the_page(str(fault)))
    if isinstance(fault, OSError):  # a disk that fills
        return f"A file could not be read or written: {plain(fault.strerror or type(fault).__name__)}."
    if isinstance(fault, MemoryError):
        return "This does not fit the memory of this computer; cut the recording into parts."
    frames = traceback.extract_tb(fault.__traceback__)
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    logging.getLogger("ecgnb.app").error("%s at %s", type(fault).__name__, places)
    return (
        f"Something here is unlike all that this app foresees ({plain(type(fault).__name__)}). "
        "Try another file or another model; where both are sound, this is a fault of the app."
    )


def told_plainly(draw: Callable[[], None]) -> Callable[[], None]:
    """Let a part of the page show its fault as one line where it would have drawn."""

    @functools.wraps(draw)
    def drawn() -> None:
        try:
            draw()
        except Exception as fault:
            st.error(fault_line(fault))

    return drawn
