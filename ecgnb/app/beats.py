"""Beats that somebody has cut already: a row each, named one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from ecgnb.app import charts, sources
from ecgnb.app.fields import upload_field
from ecgnb.app.plain import plain
from ecgnb.app.reading import show_beat, show_meanings, show_table
from ecgnb.app.visit import pretrained, remembered
from ecgnb.classifier.base import Classifier
from ecgnb.classifier.load import OF_SINGLE_BEATS
from ecgnb.classifier.recording import classify_beats
from ecgnb.classifier.result import UNSURE, relabelled
from ecgnb.datasets.heartbeat_csv import BeatTable


def beats_page(classifier: Classifier, model_key: tuple[Any, ...], least: float) -> None:
    """Take beats that somebody has cut, and show them named."""
    if classifier.recipe is not None and classifier.recipe.of_recordings:
        st.caption(
            f"{plain(classifier.name)} reads a beat beside the rest of its recording; "
            f"beats alone go to {plain(OF_SINGLE_BEATS)}."
        )
        classifier, model_key = pretrained(OF_SINGLE_BEATS), (OF_SINGLE_BEATS,)
    wanted = f"A file with {classifier.n_samples} values a row, one beat each"
    upload = upload_field(wanted, sources.BEATS, "beat_file")
    st.caption(
        "Each row is given a class, be it of an ECG or not: the gate that refuses other signals needs a recording."
    )
    if upload is None and not st.checkbox("Show some synthetic beats", key="beat_sample"):
        return
    key = ("sample",) if upload is None else (upload.name, upload.file_id)

    def read() -> BeatTable:
        return sources.sample_beats(classifier) if upload is None else sources.uploaded_beats(upload, classifier)

    def name() -> pd.DataFrame:
        return classify_beats(table.signal, classifier=classifier, min_confidence=0.0)

    table: BeatTable = remembered("beats", (key, model_key), read)
    if upload is None:
        st.error("SYNTHETIC beats, made by a formula: what is said of them says nothing about hearts.")
    show_beats(table, relabelled(remembered("named beats", (key, model_key), name), least), classifier.classes)


def show_beats(table: BeatTable, found: pd.DataFrame, classes: list[str]) -> None:
    """Show beats that came without their recording."""
    counts = found["label"].value_counts().reindex([*classes, UNSURE], fill_value=0)
    columns = st.columns(2)
    columns[0].metric("Beats", f"{len(found):,}")
    columns[1].metric("Not classified", f"{counts[UNSURE] / len(found):.1%}")
    if table.class_name is not None and not sources.tells_classes(table):
        st.info("The last column holds no number above 1: its 1 may mean S, or abnormal. It is not compared.")
    elif table.class_name is not None:
        found = found.assign(in_file=table.class_name)
        st.info(f"The file names the classes too: {(found['likeliest'] == found['in_file']).mean():.1%} agree.")
    last = len(found) - 1
    first_whole = int(np.argmax(found["confidence"].notna()))
    st.session_state["row"] = min(int(st.session_state.get("row", first_whole)), last)
    picked = int(st.number_input(f"Beat (0 to {last:,})", 0, last, key="row"))
    st.plotly_chart(charts.one_beat(table.signal[picked], str(found["label"].iloc[picked])), key="one_beat", theme=None)
    show_beat(found.iloc[picked], classes)
    st.plotly_chart(charts.distribution(counts), key="distribution", theme=None)
    show_table(found, "beats.csv")
    show_meanings(counts)
