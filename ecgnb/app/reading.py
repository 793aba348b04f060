"""A recording as it is read: the strip to page through, the beat in hand, the whole at a glance, its rhythm."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pandas as pd
import streamlit as st

from ecgnb.app import charts, places, rhythm
from ecgnb.app.colours import palette
from ecgnb.app.compare import agreement
from ecgnb.app.faults import told_plainly
from ecgnb.app.meanings import MEANINGS
from ecgnb.app.overview import frame, overview
from ecgnb.app.plain import plain
from ecgnb.app.strip import paper_in_words, scale_of, strip
from ecgnb.app.visit import Shown, kept
from ecgnb.app.waves import in_words, waves_of_page
from ecgnb.classifier.result import UNSURE, beats_to_csv

KEYS = {"V": "V", "S": "S", "F": "F", UNSURE: "U", places.DIFFERS: "D"}

NO_BAR = {"displayModeBar": False}

SCROLLS = charts.PLAIN_BAR | {"scrollZoom": True}


def show_recording(shown: Shown, *, flip: bool) -> None:
    """Show a named recording."""
    recording, found = shown.recording, shown.found
    st.session_state["shown"] = shown
    places.start_at_the_front((shown.key, recording.name), found.seconds)
    lead = recording.lead if recording.lead.lower().startswith("lead") else recording.lead and f"lead {recording.lead}"
    parts = (recording.name, lead, f"{found.fs:g} Hz", "upside down" if flip else "")
    st.header(" · ".join(plain(part) for part in parts if part), anchor=False)
    st.markdown(in_numbers(shown))
    for others in shown.others:
        st.markdown(agreement(found.beats, others, shown.model))
    for note in recording.notes:
        st.warning(plain(note))
    if len(found.beats):
        reader()
    for warning in found.warnings():
        st.warning(plain(warning))
    st.caption(plain(recording.read))
    if len(found.beats):
        show_rhythm(shown)
        show_table(found.beats, f"{recording.name}_beats.csv")
        offer_report(shown)
        show_meanings(found.counts())


@st.fragment
@told_plainly
def reader() -> None:
    """Show the strip, the beat in hand and the overview: a click draws these anew, and nothing else of the page."""
    shown = places.shown()
    recording, found = shown.recording, shown.found
    turn_pages(shown)
    paper = st.container()
    picked = go_elsewhere(shown)
    start, seconds = st.session_state["place"], places.width()
    scale = kept("scale", shown.key, lambda: scale_of(recording.signal, recording.unit))
    waves = None
    if st.session_state.get("waves"):
        waves = waves_of_page(recording.signal, found.fs, found.beats, start - seconds, start + 2 * seconds)
    figure = strip(
        recording.signal, found.fs, found.beats, shown.others, scale=scale, start=start, seconds=seconds,
        marked=st.session_state.setdefault("marked", picked), unit=recording.unit, waves=waves,
    )  # fmt: skip
    paper.plotly_chart(
        figure, key="strip", on_select=lambda: places.take_click("strip"), selection_mode="points", theme=None,
        config=SCROLLS,
    )  # fmt: skip
    of = (*shown.key, *(others.who for others in shown.others))
    paper.html(charts.legend(kept("classes", of, lambda: classes_here(shown))))
    st.caption(
        f"ECG paper: {plain(paper_in_words(recording.unit, scale, seconds))}. Drag it, or turn the wheel to look "
        "closer; click a mark to see what the network thinks of that beat."
        + (" Underlaid: what is called otherwise." if shown.others else "")
    )
    if waves is not None:
        st.caption(in_words(waves, start, start + seconds))
    show_beat(found.beats.iloc[picked], found.classes, [(o.who, str(o.label[picked])) for o in shown.others])
    st.header("The whole recording", anchor=False)
    whole = kept("overview", (*shown.key, palette().paper), lambda: overview(found))
    with st.container(gap=None):
        st.plotly_chart(
            whole, key="overview", on_select=lambda: places.take_click("overview"), selection_mode="points",
            theme=None, config=NO_BAR,
        )  # fmt: skip
        st.html(frame(whole, start, seconds))
    st.caption("Click it to go there. Yellow: an irregular rhythm, as in atrial fibrillation; grey: no ECG.")


def classes_here(shown: Shown) -> list[str]:
    """Return the classes that somebody gives a beat of the recording, in the network's order."""
    given = set(shown.found.beats["label"]).union(*(set(others.label) for others in shown.others))
    return [name for name in (*shown.found.classes, UNSURE) if name in given]


def turn_pages(shown: Shown) -> None:
    """Let the visitor turn pages, and go to the next beat of a kind."""
    with st.container(horizontal=True, gap="small"):
        st.button("Previous", on_click=places.turn, args=(-1,), shortcut="Left", key="previous page")
        st.button("Next", on_click=places.turn, args=(1,), shortcut="Right", key="next page")
        kinds = [*KEYS] if shown.others else [kind for kind in KEYS if kind != places.DIFFERS]
        for kind in kinds:
            n = len(places.of_kind(kind))
            name = "difference" if kind == places.DIFFERS else kind
            if n:
                st.button(f"Next {name} ({n:,})", on_click=places.find, args=(kind,), shortcut=KEYS[kind],
                          key=f"next {kind}")  # fmt: skip
        st.button("Back", on_click=places.back, shortcut="B", disabled=not st.session_state["back"], key="back there")


def go_elsewhere(shown: Shown) -> int:
    """Let the visitor go to a time or a beat by its number; return the beat in hand."""
    beats = shown.found.beats
    last = len(beats) - 1
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input("Go to (min:s)", key="start", bind="query-params", width=120, placeholder="0:00",
                             max_chars=20)  # fmt: skip
        st.selectbox("Seconds", places.WIDTHS, index=1, key="width", width=90)
        is_time = places.read_start(text)
        here = beats["confidence"].notna() & (beats["time_s"] >= st.session_state["place"])
        st.session_state["beat"] = min(int(st.session_state.get("beat", np.argmax(here))), last)
        st.number_input(f"Beat (0 to {last:,})", 0, last, key="beat", on_change=places.show_beat, width=170)
    if not is_time:
        st.error(f"{plain(text)} is no time of this recording; expected such as 0:30, at most "
                 f"{charts.clock(shown.found.seconds)}")  # fmt: skip
    return int(st.session_state["beat"])


def show_beat(beat: pd.Series, classes: list[str], others: Sequence[tuple[str, str]] = ()) -> None:
    """Show what the network thinks of one beat, what others (in words) call it, and what that means."""
    left, right = st.columns([1, 1], gap="medium")
    label = str(beat["label"])
    name = MEANINGS[label].name if label in MEANINGS else "a class of your model"
    left.markdown(f"### Beat {beat.name}: {plain(label)} – {name}")
    if beat["why"]:
        left.warning(f"Not classified: {plain(beat['why'])}.")
    if beat.get("could_be"):
        left.markdown("Could be: " + " or ".join(f"**{plain(name)}**" for name in beat["could_be"].split()))
    for who, theirs in others:
        left.markdown(f"{plain(who[:1].upper() + who[1:])} call it **{plain(theirs)}**." if theirs else
                      f"{plain(who[:1].upper() + who[1:])} mark no beat here.")  # fmt: skip
    if label in MEANINGS:
        left.markdown(f"{MEANINGS[label].what}\n\n{MEANINGS[label].then}")
    left.caption("For learning, not for diagnosis.")
    if np.isfinite(beat["confidence"]):
        right.plotly_chart(charts.probabilities(beat, classes), key="probabilities", theme=None,
                           config=NO_BAR)  # fmt: skip


def in_numbers(shown: Shown) -> str:
    """Return a recording in one line: its length, its beats, their rate, how many have no class."""
    summary, seconds = shown.found.summary(), shown.found.seconds
    parts = [f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h", f"{summary['beats']:,} beats"]
    if summary["heart_rate_bpm"] is not None:
        parts += [f"{summary['heart_rate_bpm']:.0f} a minute", f"{summary['not_classified']:.1%} not classified"]
    return " · ".join(parts)


def show_rhythm(shown: Shown) -> None:
    """Show the rhythm in words and two figures, and how often the network would not settle on one class."""
    found = shown.found
    st.header("Rhythm", anchor=False)
    st.markdown(" ".join(rhythm.in_words(found)))
    left, right = st.columns([2, 1], gap="medium")
    left.plotly_chart(rhythm.tachogram(found.beats, found.seconds), key="rhythm", theme=None, config=charts.PLAIN_BAR)
    left.caption("The rate at each beat, and its running median.")
    right.plotly_chart(rhythm.poincare(found.beats), key="poincare", theme=None, config=charts.PLAIN_BAR)
    right.caption("Each interval against the next: an even rhythm is a spot, early beats lie aside, fibrillation is a "
                  "cloud.")  # fmt: skip
    st.header("Classes", anchor=False)
    doubts = rhythm.doubts_in_words(found.beats)
    if doubts:
        st.markdown(plain(" ".join(doubts)))
    st.plotly_chart(charts.distribution(found.counts()), key="distribution", theme=None,
                    config=NO_BAR)  # fmt: skip


def show_table(beats: pd.DataFrame, name: str) -> None:
    """Show all beats as a table, to look through and to download."""
    shown = beats.round({column: 4 for column in beats.columns if column.startswith("p_") or column == "confidence"})
    st.dataframe(shown.rename_axis("beat"), height=250)
    st.download_button(
        "Download the table (CSV)", lambda: str(beats_to_csv(beats)).encode(errors="replace"), name, "text/csv"
    )


def offer_report(shown: Shown) -> None:
    """Let the visitor keep a page of it all."""
    if not shown.is_pretrained:
        return  # whose card would be in it

    def written() -> bytes:
        from ecgnb.plotting.report import write_report  # matplotlib takes a second to import

        stream = BytesIO()
        write_report(shown.recording, shown.found, stream, model=shown.model)
        return stream.getvalue()

    st.download_button("Download a report (PDF)", written, f"{shown.recording.name}_report.pdf", "application/pdf")


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
