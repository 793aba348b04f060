"""What the app remembers of a visit: the weights for all visitors, a visitor's own recording for that visitor alone."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ecgnb.app.compare import Others
from ecgnb.app.limits import MOST_HELD
from ecgnb.classifier.base import Classifier
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.result import ClassifiedRecording
from ecgnb.datasets.own.recording import Recording, TwelveLeads
from ecgnb.errors import DataError

ONE_AT_A_TIME = threading.Lock()  # to read and to hold: thirty at once would pass the bound before any is counted

FIRST_SCREEN = threading.Event()  # has been sent to somebody

_held: weakref.WeakSet[Recording | TwelveLeads] = weakref.WeakSet()

Held = TypeVar("Held", Recording, TwelveLeads)


@dataclass(frozen=True, eq=False)
class Shown:
    """All that is on the page of a recording.

    Parameters
    ----------
    key : tuple
        What tells it from another one.
    model : str
    recording : Recording
        As it is drawn: turned over, where the visitor wants that.
    found : ClassifiedRecording
    others : list of Others
        The cardiologists, a second network; any of them may lack.
    is_pretrained : bool
        Whether the model came with the package.
    """

    key: tuple[Any, ...]
    model: str
    recording: Recording
    found: ClassifiedRecording
    others: list[Others]
    is_pretrained: bool = True


@st.cache_resource(max_entries=8)
def pretrained(name: str) -> Classifier:
    """Return pretrained weights, read once for all visitors."""
    return load_classifier(name, quick=True)


def remembered(name: str, key: tuple[Any, ...], make: Callable[[], Any], *made_of_it: str) -> Any:
    """Return what was made for this key before in this visit, or make it: only the last one is kept.

    Before another one is made, the old one's memory is freed, and that of what was made of it.
    """
    slot = f"last {name}"
    if slot not in st.session_state or st.session_state[slot][0] != key:
        for old in ("shown", slot, *(f"last {other}" for other in (*made_of_it, "scale", "classes", "overview"))):
            st.session_state.pop(old, None)
        st.session_state[slot] = (key, make())
    return st.session_state[slot][1]


def kept(name: str, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """Return a part of what is shown, or make it; what is shown stays."""
    slot = f"last {name}"
    if slot not in st.session_state or st.session_state[slot][0] != key:
        st.session_state[slot] = (key, make())
    return st.session_state[slot][1]


def n_held() -> int:
    """Return the bytes of signal, and of the files it came from, that all visits hold together."""
    return sum(one.signal.nbytes for one in _held) + sum(len(file.data) for file in _uploads())


def _uploads() -> list[Any]:
    """Return the files that Streamlit keeps of all visits."""
    return [file for files in list(_stored_files().values()) for file in list(files.values())]


def drop_uploads() -> None:
    """Let go of the files of this visit."""
    context = get_script_run_ctx()
    if context is not None:
        _stored_files().pop(context.session_id, None)


def _stored_files() -> dict[str, dict[str, Any]]:
    """Return Streamlit's own store: of each visit its files by their identity; {} where it keeps them elsewhere."""
    context = get_script_run_ctx()
    files: dict[str, dict[str, Any]] = getattr(context and context.uploaded_file_mgr, "file_storage", {})
    return files


def hold(recording: Held) -> Held:
    """Return a recording, and count its memory as long as some visit keeps it.

    Raises
    ------
    DataError
        Where all visits together hold too much; then the files of this visit are let go, too.
    """
    room = MOST_HELD - recording.signal.nbytes
    if (held := n_held()) > room:
        gc.collect()  # what a visit that ended held may wait for it
        held = n_held()
    if held > room:
        drop_uploads()
        raise DataError(
            f"the open pages of this app hold {held / 2**20:,.0f} MB of recordings, and this one would be too much; "
            "close some of them, wait two minutes, and upload it again"
        )
    _held.add(recording)
    return recording
