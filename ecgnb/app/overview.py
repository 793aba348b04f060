"""The whole recording at a glance: its rate, its rarer beats, what is irregular or no ECG. A click goes there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ecgnb.app.charts import class_name, finished, time_ticks
from ecgnb.app.colours import palette
from ecgnb.app.plain import plain_in_figure
from ecgnb.app.rhythm import FASTEST, SLOWEST, no_ecg
from ecgnb.classifier.result import ClassifiedRecording

PLACES = 700  # along the time: what is nearer together looks like one

MOST_SHADES = 200

MARGIN = {"l": 62, "r": 10, "t": 12, "b": 30}  # pixels; fixed, so that `frame` finds its place

LEAST_SPAN = 50.0  # beats a minute: a steady rhythm looks steady


def _one_a_place(beats: pd.DataFrame, seconds: float) -> pd.DataFrame:
    """Return one beat of each place that has any; so a rare class is never lost."""
    place = (beats["time_s"].to_numpy() * (PLACES / max(seconds, 1e-9))).astype(int)
    return beats[np.diff(place, prepend=-1) > 0]


def overview(found: ClassifiedRecording) -> go.Figure:
    """Draw the rate over the whole recording, and a lane of marks for each class but the commonest."""
    colours, beats, counts = palette(), found.beats, found.counts()
    figure = go.Figure()
    for stretches, colour in ((found.irregular, colours.irregular), (no_ecg(found), colours.no_ecg)):
        _shade(figure, stretches.nlargest(MOST_SHADES, "seconds"), colour)
    rate = (60 / beats["rr_s"]).clip(SLOWEST, FASTEST)
    rate = rate.rolling(9, center=True, min_periods=1).median()
    line = _one_a_place(beats, found.seconds)
    commonest = str(counts.idxmax())
    figure.add_scatter(
        x=line["time_s"], y=rate[line.index], mode="lines+markers", name="rate", customdata=line.index,
        line={"color": colours.of(commonest), "width": 1.5}, marker={"size": 3, "color": colours.of(commonest)},
        hovertemplate="%{y:.0f} a minute<extra></extra>",
    )  # fmt: skip
    lanes = [str(name) for name in counts.index if counts[name] and name != commonest]
    for lane, label in enumerate(lanes):
        some = _one_a_place(beats[beats["label"] == label], found.seconds)
        figure.add_scatter(
            x=some["time_s"], y=np.full(len(some), lane), yaxis="y2", mode="markers", name=class_name(label),
            customdata=some.index,
            marker={"symbol": "line-ns", "size": 11, "line": {"width": 2, "color": colours.of(label)}},
            hovertemplate=f"beat %{{customdata}}: {plain_in_figure(label)}<extra></extra>",
        )  # fmt: skip
    figure.update_traces(selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}})
    finished(figure, 150 + 18 * len(lanes))
    split = 0.16 * len(lanes)
    figure.update_layout(margin=MARGIN | {"l": max(MARGIN["l"], 24 + 8 * max(map(len, lanes), default=0))})
    figure.update_xaxes(range=[0, found.seconds], anchor="y2" if lanes else "y", automargin=False, fixedrange=True,
                        **time_ticks(0, found.seconds, 8))  # fmt: skip
    figure.update_yaxes(automargin=False)
    lowest, highest = float(rate.min(skipna=True)), float(rate.max(skipna=True))
    room = max(5.0, (LEAST_SPAN - (highest - lowest)) / 2)
    if np.isfinite(lowest):
        figure.update_yaxes(range=[max(0, lowest - room), highest + room])
    figure.update_yaxes(title="beats / min", fixedrange=True, domain=[split + 0.04 if lanes else 0, 1], nticks=4)
    figure.update_layout(
        yaxis2={
            "domain": [0, max(split, 0.01)], "range": [len(lanes) - 0.5, -0.5], "tickvals": list(range(len(lanes))),
            "ticktext": [f"<b>{plain_in_figure(label)}</b>" for label in lanes], "fixedrange": True, "showgrid": False,
            "zeroline": False, "automargin": False,
        },
        yaxis3={"overlaying": "y", "range": [0, 1], "fixedrange": True, "visible": False},
        dragmode=False, hovermode="closest", hoverdistance=-1,
    )  # fmt: skip
    return figure


def _shade(figure: go.Figure, stretches: pd.DataFrame, colour: str) -> None:
    """Shade stretches of time, all as one line that is filled: a form for each takes plotly seconds."""
    begin, end = stretches["start_s"].to_numpy(), (stretches["start_s"] + stretches["seconds"]).to_numpy()
    gap = np.full(len(begin), np.nan)
    low, high = np.zeros(len(begin)), np.ones(len(begin))
    figure.add_scatter(
        x=np.column_stack([begin, end, end, begin, gap]).ravel(),
        y=np.column_stack([low, low, high, high, gap]).ravel(),
        yaxis="y3", mode="lines", fill="toself", fillcolor=colour, line={"width": 0}, hoverinfo="skip",
    )  # fmt: skip


def frame(figure: go.Figure, start: float, seconds: float) -> str:
    """Return HTML that, below the overview, frames in it the page that is shown above.

    The figure itself stays as it is: to draw its thousand marks anew at each page takes a browser a quarter of a
    second.
    """
    end = float(figure.layout.xaxis.range[1])
    left, width = 100 * start / end, 100 * min(seconds, end - start) / end
    margin = figure.layout.margin
    height = figure.layout.height - margin.t - margin.b
    return (
        f'<div style="position:relative;height:0;margin:0 {margin.r}px 0 {margin.l}px;pointer-events:none">'
        f'<div style="position:absolute;box-sizing:border-box;left:{left:.4f}%;width:{width:.4f}%;min-width:3px;'
        f"bottom:{margin.b}px;height:{height}px;border:1.5px solid {palette().picked};"
        'background:rgba(204,0,0,0.08)"></div></div>'
    )
