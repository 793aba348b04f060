"""The rhythm of a whole recording: the rate of each beat, each interval against the next, and it all in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ecgnb.app.charts import class_name, clock, finished, marker, time_ticks
from ecgnb.app.colours import palette
from ecgnb.classifier.result import ClassifiedRecording

MOST_MARKS = 1200  # of a class

MOST_STRETCHES = 6  # told in words

RUNNING_BEATS = 15

SLOWEST, FASTEST = 20.0, 250.0  # beats a minute that are drawn


def tachogram(beats: pd.DataFrame, seconds: float) -> go.Figure:
    """Draw the heart rate at each beat, and its running median; a rare class is never thinned out."""
    colours = palette()
    beats = beats.dropna(subset=["rr_s"])
    rate = (60 / beats["rr_s"]).clip(SLOWEST, FASTEST)
    figure = go.Figure()
    for label, some in beats.groupby("label", sort=False):
        kept = some.iloc[:: max(1, len(some) // MOST_MARKS)]
        figure.add_scatter(x=kept["time_s"], y=rate[kept.index], mode="markers", name=class_name(str(label)),
                             marker=marker(str(label), colours, 5), hoverinfo="skip")  # fmt: skip
    running = rate.rolling(RUNNING_BEATS, center=True, min_periods=1).median().iloc[:: max(1, len(rate) // MOST_MARKS)]
    figure.add_scatter(x=beats["time_s"][running.index], y=running, mode="lines", hoverinfo="skip",
                         line={"color": colours.trace, "width": 1.2})  # fmt: skip
    figure.update_xaxes(range=[0, seconds], **time_ticks(0, seconds, 7))
    figure.update_yaxes(title="beats a minute", fixedrange=True)
    return finished(figure, 300)


def poincare(beats: pd.DataFrame) -> go.Figure:
    """Draw each interval against the next: an even rhythm is a spot, early beats lie aside, fibrillation a cloud."""
    colours = palette()
    interval = beats["rr_s"].to_numpy()
    pairs = pd.DataFrame({"this": interval[:-1], "next": interval[1:], "label": beats["label"].to_numpy()[1:]})
    pairs = pairs[(pairs[["this", "next"]] < 60 / SLOWEST).all(axis=1)]
    figure = go.Figure()
    for label, some in pairs.groupby("label", sort=False):
        kept = some.iloc[:: max(1, len(some) // MOST_MARKS)]
        figure.add_scatter(x=kept["this"], y=kept["next"], mode="markers", name=class_name(str(label)),
                             marker=marker(str(label), colours, 5) | {"opacity": 0.7}, hoverinfo="skip")  # fmt: skip
    most = float(np.nanquantile(pairs[["this", "next"]].to_numpy(), 0.999)) * 1.15 if len(pairs) else 2.0
    figure.add_scatter(x=[0, most], y=[0, most], mode="lines", hoverinfo="skip",
                       line={"color": colours.quiet, "dash": "dot", "width": 1})  # fmt: skip
    figure.update_xaxes(title="interval before a beat (s)", range=[0, most])
    figure.update_yaxes(title="the next interval (s)", range=[0, most])
    return finished(figure, 300)


def in_words(found: ClassifiedRecording) -> list[str]:
    """Return what the rhythm is like, a sentence each: rate, irregular stretches, stretches that are no ECG."""
    summary = found.summary()
    told = []
    if summary["heart_rate_bpm"] is not None:
        told.append(
            f"The heart beats {summary['heart_rate_bpm']:.0f} times a minute; over ten beats between "
            f"{summary['lowest_heart_rate_bpm']:.0f} and {summary['highest_heart_rate_bpm']:.0f}."
        )
    stretches = found.irregular
    if len(stretches):
        told.append(
            f"The rhythm is irregular, as in atrial fibrillation, {_spans(stretches)}; there no beat is called early."
        )
    elif found.beats["irregular"].any() or len(found.beats) >= 48:
        told.append("No stretch of it is irregular as in atrial fibrillation.")
    else:
        told.append("It is too short to say whether its rhythm is irregular.")
    unlike = no_ecg(found)
    if len(unlike):
        told.append(f"It does not look like an ECG {_spans(unlike)}.")
    return told


def no_ecg(found: ClassifiedRecording) -> pd.DataFrame:
    """Return the stretches that do not look like an ECG, neighbours as one: start_s, seconds."""
    quality = found.quality
    bad = ~quality["is_ecg"]
    run = (bad != bad.shift()).cumsum()[bad]
    grouped = quality[bad].groupby(run)
    return pd.DataFrame({"start_s": grouped["start_s"].first(), "seconds": grouped["seconds"].sum()})


def _spans(stretches: pd.DataFrame) -> str:
    """Say from when to when, the longest ones in the order of time."""
    longest = stretches.nlargest(MOST_STRETCHES, "seconds").sort_index()
    begin = longest["start_s"].to_numpy(dtype=np.float64)
    end = begin + longest["seconds"].to_numpy(dtype=np.float64)
    told = [f"from {clock(first)} to {clock(last)}" for first, last in zip(begin, end, strict=True)]
    more = len(stretches) - len(longest)
    return ", ".join(told) + (f" and in {more:,} shorter stretches" if more else "")


def doubts_in_words(beats: pd.DataFrame) -> list[str]:
    """Return how often the network would not settle on one class, a sentence each; nothing where nobody measured it."""
    if "could_be" not in beats:
        return []
    sets = beats["could_be"][beats["confidence"].notna()]
    several = sets[sets.str.contains(" ")].value_counts()
    told = [f"{n:,} × {' or '.join(str(names).split())}" for names, n in several.items()]
    one = int(sets.isin(beats["likeliest"].unique()).sum())
    text = f"Of {one:,} of {len(sets):,} beats it is sure enough to name one class alone."
    return [text, f"Others could be one of several: {', '.join(told[:6])}."] if told else [text]
