"""What the visitor chooses: a model, one to compare it with, a sample or a file of theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from ecgnb.app import sources
from ecgnb.app.minute import Marks
from ecgnb.app.visit import kept, pretrained, remembered
from ecgnb.classifier.base import Classifier
from ecgnb.classifier.load import WEIGHTS, pretrained_names
from ecgnb.datasets.own.recording import Recording
from ecgnb.detection.r_peaks import MAX_FS, MIN_FS
from ecgnb.errors import DataError

OWN_MODEL = "a model of mine"

NOBODY = "nobody"

Chosen = tuple[tuple[Any, ...], Callable[[], tuple[Recording, Marks | None]]]


def upload_field(label: str, endings: tuple[str, ...], key: str, **options: Any) -> Any:
    """Let the visitor upload files; a name that Streamlit does not take becomes an error that says so."""
    try:
        return st.file_uploader(label, type=list(endings), key=key, **options)
    except StreamlitAPIException:
        raise DataError(f"a file of that name is not read here; expected .{', .'.join(endings)}") from None


def choose_classifier() -> tuple[Classifier, tuple[Any, ...]]:
    """Let the visitor choose a model; return it and what tells it from others. The first one reads recordings."""
    choice = st.sidebar.selectbox("Model", [*pretrained_names(), OWN_MODEL], key="model")
    if choice != OWN_MODEL:
        card = WEIGHTS.joinpath(f"{choice}.md").read_text(encoding="utf-8")
        with st.sidebar.expander("What this model can and cannot do"):
            st.markdown(card.replace("# Model card", "#### Model card"))
        return pretrained(choice), (choice,)
    tip = "patient_wise_model.pth of a run folder; only numbers are read, never code"
    with st.sidebar:
        upload = upload_field("Model of a run of lesson 02", sources.MODEL, "model_file", help=tip)
    if upload is None:
        st.sidebar.info("Upload a model file, such as `runs/02/…/patient_wise_model.pth`.")
        st.stop()
    key = (upload.name, upload.file_id)
    st.sidebar.caption("Nobody has measured this model. What a smoke run made has learned from synthetic hearts alone.")
    return remembered("model", key, lambda: sources.uploaded_classifier(upload)), key


def choose_second(first: tuple[Any, ...]) -> str | None:
    """Let the visitor choose a second model to lay beside the first."""
    others = [name for name in pretrained_names() if (name,) != first]
    choice = str(st.sidebar.selectbox("Compare with", [NOBODY, *others], key="second"))
    return None if choice == NOBODY else choice


def choose_sample() -> Chosen:
    """Let the visitor choose a sample; return what tells it from others, and how to make it."""
    names = [sources.MINUTE, *sources.recorded_samples(), *sources.SYNTHETIC]
    asked = st.query_params.get("sample", "")
    if "sample" not in st.session_state and asked in names:
        st.session_state["sample"] = asked
    name = str(st.selectbox("Sample", names, format_func=sources.about, key="sample"))
    st.query_params["sample"] = name
    if name in sources.SYNTHETIC:
        st.error("SYNTHETIC signal, made by a formula: what is said of it says nothing about hearts.")
    return (name,), lambda: sources.sample_recording(name)


def choose_recording() -> Chosen | None:
    """Let the visitor upload a recording; return what tells it from others, and how to read it."""
    label = "One file (a table of text, EDF, BDF, .npy, a .zip of one), or the .hea, .dat and perhaps .atr of a record"
    uploads = upload_field(label, sources.RECORDING, "recording_files", accept_multiple_files=True)
    left, right = st.columns(2)
    with left:
        fs = sampling_rate_field("fs")
    files = tuple((upload.name, upload.file_id) for upload in uploads)
    names = kept("leads", (*files, fs), lambda: sources.leads_of(uploads, fs))
    with right:
        lead = _choose_lead(names, files)
    if not uploads:
        return None
    return (*files, fs, lead), lambda: sources.uploaded_recording(uploads, fs, lead or None)


def sampling_rate_field(key: str) -> float | None:
    """Let the visitor enter a sampling rate, or leave that to the file."""
    tip = f"{MIN_FS:g} to {MAX_FS:g}; needed where the file does not say it"
    return st.number_input("Sampling rate (Hz)", value=None, key=key, placeholder="as the file says", help=tip)


def _choose_lead(names: list[str], files: tuple[Any, ...]) -> str:
    """Let the visitor choose one of the leads that a file names, or enter one where nobody knows them."""
    free = "let the app choose"
    if len(names) < 2:
        return st.text_input("Lead or column", key="lead", placeholder=free).strip()
    if st.session_state.get("leads are of") != files:
        st.session_state.update({"leads are of": files, "lead of file": 0})
    number = st.selectbox("Lead or column", range(len(names) + 1), key="lead of file",
                          format_func=lambda one: f"{one}: {names[one - 1]}".strip(": ") if one else free)  # fmt: skip
    return str(number) if number else ""
