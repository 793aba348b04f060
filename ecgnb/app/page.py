"""The page itself. Streamlit runs this file from top to bottom at every click; `ecgnb app` starts it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from ecgnb.app.beats import beats_page
from ecgnb.app.compare import Others, by_another, by_marks
from ecgnb.app.faults import told_plainly
from ecgnb.app.fields import choose_classifier, choose_recording, choose_sample, choose_second
from ecgnb.app.minute import Marks, read_reading
from ecgnb.app.reading import show_recording
from ecgnb.app.sources import MINUTE
from ecgnb.app.visit import FIRST_SCREEN, ONE_AT_A_TIME, Shown, hold, pretrained, remembered
from ecgnb.classifier.base import Classifier
from ecgnb.classifier.load import DEFAULT
from ecgnb.classifier.recording import classify_recording
from ecgnb.classifier.result import ClassifiedRecording, usual_confidence
from ecgnb.datasets.own.recording import Recording
from ecgnb.detection.r_peaks import DETECTORS
from ecgnb.errors import DataError

CLOSER = """<style>
@media (min-width: 800px) { .stMainBlockContainer { padding-top: 2.2rem } }
.stMainBlockContainer h1 { font-size: 1.9rem; padding-top: 0 }
.stMainBlockContainer h2 { font-size: 1.35rem }
.stMainBlockContainer h3 { font-size: 1.15rem }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p { color: inherit; opacity: 0.88 }
[data-testid="stSliderThumbValue"], [data-testid="stSliderThumbValue"] p { color: inherit }
</style>"""

# What a visitor sees before they choose anything, as `all_of_it` below: how it reads comes with the app.
FIRST = ((MINUTE,), (DEFAULT,), next(iter(DETECTORS)), False, False)

KINDS = ("A sample", "A recording of mine", "Beats already cut", "Twelve leads, ten seconds")


def work_through(recording: Recording, classifier: Classifier, text: str, **options: Any) -> ClassifiedRecording:
    """Name the beats of a recording, with a bar that says how far."""
    if recording.fs is None:
        raise DataError("the file does not say its sampling rate; enter it in the field above")
    bar = st.progress(0.0, text=text)
    try:
        return classify_recording(
            recording.signal, recording.fs, classifier=classifier, min_confidence=0.0,
            progress=lambda share: bar.progress(min(1.0, share), text=text), **options,
        )  # fmt: skip
    finally:
        bar.empty()


def other_names(
    recording: Recording, found: ClassifiedRecording, marks: Marks | None, key: tuple[Any, ...], model: tuple[Any, ...],
    **options: Any,
) -> list[Others]:  # fmt: skip
    """Return what cardiologists and a second network call the beats, where there are such."""
    others = [] if marks is None else [by_marks(found, marks)]
    second = choose_second(model)
    if second is not None:
        classifier = pretrained(second)
        peaks = found.beats["r_sample"].to_numpy()

        def name() -> ClassifiedRecording:
            text = "naming the beats a second time"
            again = work_through(recording, classifier, text, r_sample=peaks, **options)
            return again.with_confidence(usual_confidence(classifier.certainty))

        others.append(by_another(second, remembered("compared", (key, second), name)))
    return others


def recording_page(kind: str, classifier: Classifier, model: tuple[Any, ...], least: float) -> None:
    """Take a recording, and show its beats named."""
    with st.sidebar.expander("Finding the beats"):
        detector = str(st.selectbox("Detector of R peaks", list(DETECTORS), key="detector"))
        flip = st.checkbox("Turn the signal upside down", key="flip")
        force = st.checkbox("Classify what does not look like an ECG, too", key="force")
    st.sidebar.checkbox("Show P, QRS and T", key="waves")
    chosen = choose_sample() if kind == KINDS[0] else choose_recording()
    if chosen is None:
        return
    key, read = chosen
    how = {"flip": flip, "force": force}

    def read_and_hold() -> tuple[Recording, Marks | None]:
        with ONE_AT_A_TIME:
            recording, marks = read()
            return hold(recording), marks

    recording, marks = remembered("recording", key, read_and_hold, "classified", "compared")
    all_of_it = (key, model, detector, flip, force)

    def find_and_name() -> ClassifiedRecording:
        if all_of_it == FIRST:
            return read_reading()
        return work_through(recording, classifier, "finding and naming the beats", detector=detector, **how)

    found: ClassifiedRecording = remembered("classified", all_of_it, find_and_name)
    found = found.with_confidence(least)
    others = other_names(recording, found, marks, all_of_it, model, **how)
    drawn = replace(recording, signal=-recording.signal) if flip else recording
    show_recording(Shown((*all_of_it, least), classifier.name, drawn, found, others, len(model) == 1), flip=flip)


@told_plainly
def main() -> None:
    """Draw the page."""
    st.set_page_config(page_title="Read an ECG", layout="wide")
    st.title("Read an ECG, beat by beat", anchor=False)
    st.html(CLOSER)
    left, right = st.columns([3, 4], gap="medium", vertical_alignment="bottom")
    left.markdown("For learning and research, **not for diagnosis**. Nothing you upload leaves this computer.")
    kind = str(right.radio("What do you have?", KINDS, horizontal=True, key="kind"))
    if kind == KINDS[3]:
        from ecgnb.app.twelve import twelve_page  # matplotlib takes a second to import, and the first screen needs none

        twelve_page()
        return
    classifier, model = choose_classifier()
    tip = "A beat whose likeliest class is less probable is not classified."
    usual = usual_confidence(classifier.certainty)
    least = st.sidebar.slider("Least confidence", 0.0, 1.0, usual, 0.01, key=f"least {classifier.name}", help=tip)
    if kind == KINDS[2]:
        beats_page(classifier, model, least)
    else:
        recording_page(kind, classifier, model, least)


main()
FIRST_SCREEN.set()
