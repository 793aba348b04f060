"""Interactive figures of the app, in the colours that the lessons give each class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from ecgnb.app.meanings import MEANINGS
from ecgnb.app.plain import plain_in_figure
from ecgnb.classifier.result import UNSURE
from ecgnb.plotting.style import CLASS_COLOURS

MAX_POINTS = 20_000  # more make a browser slow

SIGNAL_COLOUR, PICKED_COLOUR, UNSURE_COLOUR = "#333333", "#CC0000", "#8A6D00"

SYMBOLS = {"N": "circle", "S": "square", "V": "triangle-up", "F": "diamond", "Q": "cross", UNSURE: "x"}


def colour(label: str) -> str:
    """Return a class's colour; also of a class this course does not know."""
    return UNSURE_COLOUR if label == UNSURE else CLASS_COLOURS.get(label, "#56B4E9")


def strip(
    signal: NDArray[np.float32], fs: float, beats: pd.DataFrame, *, start: float, seconds: float, picked: int, unit: str
) -> go.Figure:
    """Draw some seconds of a recording, a mark over each beat; `beats` as `ClassifiedRecording.beats`."""
    low, high = max(0, int(start * fs)), min(len(signal), int((start + seconds) * fs) + 1)
    step = max(1, (high - low) // MAX_POINTS)
    part = signal[low:high:step]
    figure = go.Figure()
    figure.add_scattergl(
        x=(low + step * np.arange(len(part))) / fs, y=part, mode="lines", name="ECG", hoverinfo="skip",
        line={"color": SIGNAL_COLOUR, "width": 1.3}, showlegend=False,
    )  # fmt: skip
    here = beats[(beats["time_s"] >= start) & (beats["time_s"] < start + seconds)]
    for label, some in here.groupby("label", sort=False):
        add_marks(figure, str(label), some, some["time_s"], signal[some["r_sample"]])
    if picked in here.index:
        figure.add_vline(x=float(beats["time_s"].iloc[picked]), line={"color": PICKED_COLOUR, "dash": "dot"})
    figure.update_xaxes(title="time (s)", range=[start, start + seconds])
    figure.update_yaxes(title=f"amplitude ({plain_in_figure(unit)})" if unit else "amplitude")
    return _finished(figure, 340)


def rhythm(beats: pd.DataFrame) -> go.Figure:
    """Draw the interval before each beat over the whole recording; a rare class is never thinned out."""
    figure = go.Figure()
    for label, some in beats.dropna(subset=["rr_s"]).groupby("label", sort=False):
        thinned = some.iloc[:: max(1, len(some) // (MAX_POINTS // 4))]
        add_marks(figure, str(label), thinned, thinned["time_s"] / 60, thinned["rr_s"], size=5)
    figure.update_xaxes(title="time (min)")
    figure.update_yaxes(title="interval before the beat (s)", rangemode="tozero")
    return _finished(figure, 260)


def add_marks(
    figure: go.Figure, label: str, beats: pd.DataFrame, x: pd.Series, y: pd.Series | NDArray[np.float32], size: int = 10
) -> None:
    """Add one class's beats: told apart by colour and form, each knowing its row."""
    likeliest = beats["likeliest"].map(plain_in_figure)
    name = f"{label}: {MEANINGS[label].name}" if label in MEANINGS else plain_in_figure(label)
    figure.add_scattergl(
        x=x, y=y, mode="markers", name=name,
        customdata=np.column_stack([beats.index, likeliest, beats["confidence"].map("{:.2f}".format)]),
        marker={"color": colour(label), "symbol": SYMBOLS.get(label, "circle"), "size": size},
        unselected={"marker": {"opacity": 1}},  # a click picks a beat, and the others stay to be seen
        hovertemplate="beat %{customdata[0]}: %{customdata[1]}, confidence %{customdata[2]}<extra></extra>",
    )  # fmt: skip


def one_beat(window: NDArray[np.float32], label: str) -> go.Figure:
    """Draw a beat that came without its recording."""
    figure = go.Figure(go.Scatter(y=window, mode="lines", line={"color": colour(label), "width": 2}, hoverinfo="y"))
    figure.update_xaxes(title="sample")
    figure.update_yaxes(title="amplitude")
    return _finished(figure, 340)


def probabilities(beat: pd.Series, classes: list[str]) -> go.Figure:
    """Draw how probable the network thinks each class is for one beat."""
    values = [float(beat[f"p_{name}"]) for name in classes]
    bars = go.Bar(
        x=values, y=[plain_in_figure(name) for name in classes], orientation="h",
        marker={"color": [colour(name) for name in classes]},
        text=[f"{value:.1%}" for value in values], textposition="auto", hoverinfo="skip",
    )  # fmt: skip
    figure = go.Figure(bars)
    figure.update_xaxes(title="probability", range=[0, 1])
    figure.update_yaxes(autorange="reversed", title="class", type="category")  # a class may be called 1
    return _finished(figure, 260)


def distribution(counts: pd.Series) -> go.Figure:
    """Draw how many beats each class has."""
    bars = go.Bar(
        x=[plain_in_figure(name) for name in counts.index], y=list(counts),
        marker={"color": [colour(name) for name in counts.index]},
        text=[f"{n:,}" for n in counts], textposition="outside", cliponaxis=False, hoverinfo="skip",
    )  # fmt: skip
    figure = go.Figure(bars)
    figure.update_xaxes(title="class", type="category")
    figure.update_yaxes(title="beats")
    return _finished(figure, 260)


def _finished(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height, margin={"l": 10, "r": 10, "t": 30, "b": 10}, template="plotly_white", font={"color": "#222222"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, dragmode="pan", clickmode="event+select",
    )  # fmt: skip
    return figure
