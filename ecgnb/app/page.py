"""The page itself. Streamlit runs this file from top to bottom at every click; `ecgnb app` starts it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.errors import StreamlitAPIException

import ecgnb.models
from ecgnb.app import charts, sources
from ecgnb.app.meanings import MEANINGS
from ecgnb.app.plain import plain
from ecgnb.classifier.base import Classifier
from ecgnb.classifier.load import OF_SINGLE_BEATS, load_classifier
from ecgnb.classifier.recording import classify_beats, classify_recording
from ecgnb.classifier.result import UNSURE, ClassifiedRecording, beats_to_csv, relabelled, usual_confidence
from ecgnb.datasets.heartbeat_csv import BeatTable
from ecgnb.datasets.own.recording import Recording
from ecgnb.detection.r_peaks import DETECTORS, MAX_FS, MIN_FS
from ecgnb.errors import DataError, EcgnbError

KINDS = ("A sample", "A recording of mine", "Beats already cut")

OWN_MODEL = "a model of mine"


@st.cache_resource
def pretrained(name: str) -> Classifier:
    """Return pretrained weights, read once for all visitors."""
    return load_classifier(name)


def remembered(name: str, key: tuple[Any, ...], make: Any) -> Any:
    """Return what was made for this key before in this visit, or make it: only the last one is kept."""
    slot = f"last {name}"
    if slot not in st.session_state or st.session_state[slot][0] != key:
        st.session_state.pop(slot, None)  # the old one's memory first
        st.session_state[slot] = (key, make())
        st.session_state.pop("beat", None)
    return st.session_state[slot][1]


def upload_field(label: str, endings: tuple[str, ...], key: str, **options: Any) -> Any:
    """Let the visitor upload files; a name that Streamlit does not take becomes an error that says so."""
    try:
        return st.file_uploader(label, type=list(endings), key=key, **options)
    except StreamlitAPIException:
        raise DataError(f"a file of that name is not read here; expected .{', .'.join(endings)}") from None


def choose_classifier() -> tuple[Classifier, tuple[Any, ...]]:
    """Let the visitor choose a model; return it and what tells it from others. The first one reads recordings."""
    choice = st.sidebar.selectbox("Model", [*ecgnb.models.pretrained_names(), OWN_MODEL], key="model")
    if choice != OWN_MODEL:
        card = Path(ecgnb.models.__file__).with_name("weights") / f"{choice}.md"
        with st.sidebar.expander("What this model can and cannot do"):
            st.markdown(card.read_text(encoding="utf-8").replace("# Model card", "#### Model card"))
        return pretrained(choice), (choice,)
    tip = "patient_wise_model.pth of a run folder; only numbers are read, never code"
    with st.sidebar:
        upload = upload_field("Model of a run of lesson 02", sources.MODEL, "model_file", help=tip)
    if upload is None:
        st.sidebar.info("Upload a model file, such as `runs/02/…/patient_wise_model.pth`.")
        st.stop()
    key = (upload.name, upload.file_id)
    return remembered("model", key, lambda: sources.uploaded_classifier(upload)), key


def choose_sample() -> tuple[tuple[Any, ...], Callable[[], Recording]]:
    """Let the visitor choose a sample; return what tells it from others, and how to make it."""
    name = str(st.selectbox("Sample", [*sources.SYNTHETIC, *sources.recorded_samples()], key="sample"))
    if name in sources.SYNTHETIC:
        st.error("SYNTHETIC signal, made by a formula: what is said of it says nothing about hearts.")
    return (name,), lambda: sources.sample_recording(name)


def choose_recording() -> tuple[tuple[Any, ...], Callable[[], Recording]] | None:
    """Let the visitor upload a recording; return what tells it from others, and how to read it."""
    label = "One file (a table of text, EDF, BDF, .npy, a .zip of one), or the .hea and the .dat of a WFDB record"
    uploads = upload_field(label, sources.RECORDING, "recording_files", accept_multiple_files=True)
    left, right = st.columns(2)
    fs = left.number_input("Sampling rate (Hz)", value=None, key="fs", placeholder="as the file says",
                           help=f"{MIN_FS:g} to {MAX_FS:g}; needed where the file does not say it")  # fmt: skip
    lead = right.text_input("Lead or column", key="lead", placeholder="the first, or MLII where there is one").strip()
    if not uploads:
        return None
    if len(uploads) > 1 and any(sources.ending(upload) == sources.MARKS for upload in uploads):
        st.caption(f"The .{sources.MARKS} file is passed over: the marks here are the app's own.")
    key = (*[(upload.name, upload.file_id) for upload in uploads], fs, lead)
    return key, lambda: sources.uploaded_recording(uploads, fs, lead or None)


def show_recording(recording: Recording, found: ClassifiedRecording, least: float, *, flip: bool) -> None:
    """Show a named recording: what it is, its strip as the network saw it, one beat of it, all of it as numbers."""
    found = found.with_confidence(least)
    summary, counts = found.summary(), found.counts()
    columns = st.columns(4)
    columns[0].metric(
        "Length", f"{found.seconds / 60:.1f} min" if found.seconds < 7200 else f"{found.seconds / 3600:.1f} h"
    )
    columns[1].metric("Beats", f"{summary['beats']:,}")
    rate = summary["heart_rate_bpm"]
    columns[2].metric("Heart rate", "–" if rate is None else f"{rate:.0f} /min",
                      help=None if rate is None else f"over ten beats {summary['lowest_heart_rate_bpm']:.0f} to "
                                                     f"{summary['highest_heart_rate_bpm']:.0f}")  # fmt: skip
    columns[3].metric("Not classified", "–" if not summary["beats"] else f"{summary['not_classified']:.1%}")
    for warning in (*recording.notes, *found.warnings()):
        st.warning(plain(warning))
    if not summary["beats"]:
        return
    left, right = st.columns(2)
    with left:
        picked = pick_beat(found.beats)
    width = right.select_slider("Seconds shown", [5, 10, 20, 30, 60], value=10, key="width")
    start = float(found.beats["time_s"].iloc[picked] // width * width)
    lead = recording.lead if recording.lead.lower().startswith("lead") else recording.lead and f"lead {recording.lead}"
    parts = (recording.name, lead, f"{found.fs:g} Hz", "upside down" if flip else "")
    st.subheader(" · ".join(plain(part) for part in parts if part), anchor=False)
    st.caption(plain(recording.read))
    signal = -recording.signal if flip else recording.signal
    shown = charts.strip(signal, found.fs, found.beats, start=start, seconds=width, picked=picked, unit=recording.unit)
    st.plotly_chart(shown, key="strip", on_select=take_click, selection_mode="points", theme=None)
    st.caption("Click a mark to see what the network thinks of that beat. Colours and forms are the classes.")
    show_beat(found.beats.iloc[picked], found.classes)
    st.subheader("The whole recording")
    left, right = st.columns([1, 2])
    left.plotly_chart(charts.distribution(counts), key="distribution", theme=None)
    right.plotly_chart(charts.rhythm(found.beats), key="rhythm", theme=None)
    show_table(found.beats, f"{recording.name}_beats.csv")
    show_meanings(counts)


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
    picked = pick_beat(found)
    st.plotly_chart(charts.one_beat(table.signal[picked], str(found["label"].iloc[picked])), key="one_beat", theme=None)
    show_beat(found.iloc[picked], classes)
    st.plotly_chart(charts.distribution(counts), key="distribution", theme=None)
    show_table(found, "beats.csv")
    show_meanings(counts)


def pick_beat(beats: pd.DataFrame) -> int:
    """Let the visitor pick a beat by number; a click on the strip sets the same number."""
    last = len(beats) - 1
    first_whole = int(np.argmax(beats["confidence"].notna()))
    st.session_state["beat"] = min(int(st.session_state.get("beat", first_whole)), last)
    return int(st.number_input(f"Beat (0 to {last:,})", 0, last, key="beat"))


def take_click() -> None:
    """Pick the beat whose mark was clicked."""
    points = st.session_state["strip"]["selection"]["points"]
    if points and "customdata" in points[0]:
        st.session_state["beat"] = int(points[0]["customdata"][0])


def show_beat(beat: pd.Series, classes: list[str]) -> None:
    """Show what the network thinks of one beat, and what that means."""
    left, right = st.columns([1, 1])
    label = str(beat["label"])
    name = MEANINGS[label].name if label in MEANINGS else "a class of your model"
    left.markdown(f"#### Beat {beat.name}: {plain(label)} – {name}")
    if beat["why"]:
        left.warning(f"Not classified: {plain(beat['why'])}.")
    if beat.get("could_be"):
        left.markdown("Could be: " + " or ".join(f"**{plain(name)}**" for name in beat["could_be"].split()))
    if label in MEANINGS:
        left.markdown(f"{MEANINGS[label].what}\n\n{MEANINGS[label].then}")
    left.caption("For learning, not for diagnosis.")
    if np.isfinite(beat["confidence"]):
        right.plotly_chart(charts.probabilities(beat, classes), key="probabilities", theme=None)


def show_table(beats: pd.DataFrame, name: str) -> None:
    """Show all beats as a table, to look through and to download."""
    st.dataframe(beats, height=250)
    st.download_button(
        "Download the table (CSV)", lambda: str(beats_to_csv(beats)).encode(errors="replace"), name, "text/csv"
    )


def show_meanings(counts: pd.Series) -> None:
    """Say what each class means and what to do about it."""
    with st.expander("What the classes mean, and what to do about them"):
        for label in counts.index:
            if label in MEANINGS:
                meaning = MEANINGS[label]
                st.markdown(f"**{label} – {meaning.name}** ({counts[label]:,} here). {meaning.what} {meaning.then}")
        st.markdown(
            "This is a course's network, tested on 22 recordings of adults. It is for learning, not for diagnosis."
        )


def work_through(
    recording: Recording, classifier: Classifier, detector: str, *, flip: bool, force: bool
) -> ClassifiedRecording:
    """Name the beats of a recording, with a bar that says how far."""
    if recording.fs is None:
        raise DataError("the file does not say its sampling rate; enter it in the field above")
    bar = st.progress(0.0, text="finding and naming the beats")
    try:
        return classify_recording(
            recording.signal, recording.fs, classifier=classifier, detector=detector, flip=flip, force=force,
            min_confidence=0.0,
            progress=lambda share: bar.progress(min(1.0, share), text="finding and naming the beats"),
        )  # fmt: skip
    finally:
        bar.empty()


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


def recording_page(kind: str, classifier: Classifier, model_key: tuple[Any, ...], least: float) -> None:
    """Take a recording, and show its beats named."""
    with st.sidebar.expander("Finding the beats"):
        detector = str(st.selectbox("Detector of R peaks", list(DETECTORS), key="detector"))
        flip = st.checkbox("Turn the signal upside down", key="flip")
        force = st.checkbox("Classify what does not look like an ECG, too", key="force")
    chosen = choose_sample() if kind == KINDS[0] else choose_recording()
    if chosen is None:
        return
    key, read = chosen
    recording = remembered("recording", key, read)
    found = remembered(
        "classified",
        (key, model_key, detector, flip, force),
        lambda: work_through(recording, classifier, detector, flip=flip, force=force),
    )
    show_recording(recording, found, least, flip=flip)


def main() -> None:
    """Draw the page."""
    st.set_page_config(page_title="Read an ECG", layout="wide")
    st.title("Read an ECG, beat by beat")
    st.warning("For learning and research, **not for diagnosis**. Nothing you upload leaves this computer.")
    classifier, model_key = choose_classifier()
    tip = "A beat whose likeliest class is less probable is not classified."
    usual = usual_confidence(classifier.certainty)
    least = st.sidebar.slider("Least confidence", 0.0, 1.0, usual, 0.01, key=f"least {classifier.name}", help=tip)
    kind = str(st.radio("What do you have?", KINDS, horizontal=True, key="kind"))
    if kind == KINDS[2]:
        beats_page(classifier, model_key, least)
    else:
        recording_page(kind, classifier, model_key, least)


def _in_the_page(fault: str) -> str:
    """Name the fields of the page where an error names options of the command line."""
    for option in ("the rate (--fs, fs=)", "fs (--fs)"):
        fault = fault.replace(option, "the rate in its field")
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


try:
    main()
except Exception as fault:
    st.error(fault_line(fault))
