"""Ten seconds of twelve leads: what a network makes of them, the leads on ECG paper, what is doubtful."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pandas as pd
import streamlit as st

from ecgnb.app import sources
from ecgnb.app.fields import sampling_rate_field, upload_field
from ecgnb.app.plain import plain
from ecgnb.app.twelve_sample import SAMPLES, SYNTHETIC, sample_twelve
from ecgnb.app.visit import ONE_AT_A_TIME, hold, remembered
from ecgnb.classifier.load import OF_TWELVE_LEADS, WEIGHTS
from ecgnb.classifier.twelve import NOT_FOR_DIAGNOSIS, SECONDS, ClassifiedTwelveLeads, classify_twelve
from ecgnb.datasets.own.twelve import TwelveLeads
from ecgnb.plotting.ecg_paper import save_paper
from ecgnb.plotting.twelve_leads import plot_twelve_leads

OWN, OWN_FILE = "own", "A recording of mine"

AS_THE_FILE_SAYS = "as the file says"

COLUMNS = ("superclass", "name", "probability", "answer", "such answers were right")

MEANINGS = """
* **NORM** – nothing was found in the ECG that calls for another name. A heart can be ill all the same.
* **MI** – signs of a myocardial infarction, old or new. An infarction may leave none.
* **STTC** – the stretch from QRS to T is changed, as by poor blood supply, drugs, or electrolytes.
* **CD** – the excitation is conducted late or another way, as in a bundle branch block.
* **HYP** – signs of thick or strained walls.

"yes" and "no" are said only where a superclass could not be otherwise at a promise of 90 %, and is that probable by
80 %. How often such answers were right was counted on recordings of patients that a network made alike had not met.
"""


def twelve_page() -> None:
    """Take a recording of twelve leads, and show what a network makes of ten seconds of it."""
    with st.sidebar.expander("What this model can and cannot do"):
        card = WEIGHTS.joinpath(f"{OF_TWELVE_LEADS}.md").read_text(encoding="utf-8")
        st.markdown(card.replace("# Model card", "#### Model card"))
    chosen = _choose()
    if chosen is None:
        return
    key, read = chosen

    def read_and_hold() -> TwelveLeads:
        with ONE_AT_A_TIME:
            return hold(read())

    recording: TwelveLeads = remembered("twelve leads", key, read_and_hold, "twelve found", "twelve paper")
    start = 0.0
    if recording.seconds > SECONDS + 0.5:
        last = float(int(recording.seconds - SECONDS))
        start = float(st.number_input("Ten seconds from (s)", 0.0, last, 0.0, 1.0, key="twelve start"))
    st.header(f"{plain(recording.name)} · 12 leads · {recording.fs:g} Hz", anchor=False)
    st.caption(plain(recording.read))
    found: ClassifiedTwelveLeads = remembered(
        "twelve found", (key, start), lambda: classify_twelve(recording, start=start), "twelve paper"
    )
    _show(recording, found, (key, start))


def _choose() -> tuple[tuple[Any, ...], Callable[[], TwelveLeads]] | None:
    """Let the visitor choose a sample or upload a recording; return what tells it from others, and how to read it."""
    names = [*SAMPLES, OWN]
    name = str(st.selectbox("Recording", names, format_func=lambda one: SAMPLES.get(one, OWN_FILE), key="twelve"))
    if name == SYNTHETIC:
        st.error("SYNTHETIC signal, made by a formula: what is said of it says nothing about hearts.")
    if name != OWN:
        return (name,), lambda: sample_twelve(name)
    label = "One file (a table of text, EDF, BDF, .npy, a .zip of one), or the .hea and .dat of a record"
    uploads = upload_field(label, sources.RECORDING, "twelve_files", accept_multiple_files=True)
    left, right = st.columns(2)
    with left:
        fs = sampling_rate_field("twelve fs")
    unit = str(right.selectbox("Unit", [AS_THE_FILE_SAYS, "mV", "uV", "V"], key="twelve unit"))
    if not uploads:
        return None
    files = tuple((upload.name, upload.file_id) for upload in uploads)
    given = None if unit == AS_THE_FILE_SAYS else unit
    return (*files, fs, unit), lambda: sources.uploaded_twelve(uploads, fs, given)


def _show(recording: TwelveLeads, found: ClassifiedTwelveLeads, key: tuple[Any, ...]) -> None:
    """Show the answers, what is doubtful, the paper, and what it all means."""
    for doubt in found.doubts:
        st.error(f"Doubtful: {plain(doubt)}; so nothing is answered.")
    for note in found.notes:
        st.warning(plain(note))
    st.dataframe(pd.DataFrame(found.in_words(), columns=COLUMNS).set_index("superclass"))
    st.markdown(f"**{NOT_FOR_DIAGNOSIS}**")
    noted = replace(recording, notes=(*found.notes, *(f"doubtful: {doubt}" for doubt in found.doubts)))

    def drawn(kind: str) -> bytes:
        stream = BytesIO()
        save_paper(plot_twelve_leads(noted, start=found.start), stream, kind)
        return stream.getvalue()

    st.image(remembered("twelve paper", key, lambda: drawn("png")))
    st.caption("Three rows of four leads, 2.5 s each, one after the other, and lead II all the time below.")
    with st.container(horizontal=True, gap="small"):
        table = str(found.to_csv()).encode(errors="replace")
        st.download_button("Download the table (CSV)", table, f"{recording.name}_labels.csv", "text/csv")
        st.download_button("Download the paper (PDF)", lambda: drawn("pdf"), f"{recording.name}.pdf", "application/pdf")
    with st.expander("What the superclasses and the answers mean"):
        st.markdown(MEANINGS)
