"""What all figures of the app share, and the small ones."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from ecgnb.app.colours import Palette, palette
from ecgnb.app.meanings import MEANINGS
from ecgnb.app.plain import plain_in_figure
from ecgnb.classifier.result import UNSURE

MAX_POINTS = 12_000  # of one line; more make a browser slow

SYMBOLS = {"N": "circle", "S": "square", "V": "triangle-up", "F": "diamond", "Q": "cross", UNSURE: "x"}

SIGNS = {"N": "●", "S": "■", "V": "▲", "F": "◆", "Q": "✚", UNSURE: "✕"}  # the same for text

TIME_STEPS = (0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600)

PLAIN_BAR = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def clock(seconds: float, *, tenths: bool = False) -> str:
    """Return a time as minutes and seconds, with hours where there are some: 9:02, 1:09:02."""
    whole = round(max(0.0, seconds), 1)
    hours, rest = divmod(int(whole), 3600)
    minutes, second = divmod(rest, 60)
    part = f".{round(10 * (whole % 1)) % 10}" if tenths else ""
    return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{second:02d}{part}"


def time_ticks(low: float, high: float, most: float) -> dict[str, Any]:
    """Return at most so many ticks from `low` to `high`, labelled as a clock."""
    step = next((step for step in TIME_STEPS if (high - low) / step <= most), TIME_STEPS[-1])
    values = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return {"tickangle": 0, "tickvals": values, "ticktext": [clock(value, tenths=step < 1) for value in values]}


def class_name(label: str) -> str:
    """Return a class's letter and what it means."""
    return f"{label}: {MEANINGS[label].name}" if label in MEANINGS else plain_in_figure(label)


def legend(labels: list[str]) -> str:
    """Return HTML that says which colour and form is which class."""
    colours = palette()
    parts = [
        f'<span style="white-space:nowrap;margin-right:1.2em"><span style="color:{colours.of(label)}">'
        f"{SIGNS.get(label, '●')}</span> <b>{escape(plain_in_figure(label))}</b> "
        f"{escape(MEANINGS[label].name.lower()) if label in MEANINGS else ''}</span>"
        for label in labels
    ]
    return f'<div style="font-size:0.875rem">{" ".join(parts)}</div>'


def mark_texts(beats: pd.DataFrame) -> NDArray[Any]:
    """Return what each mark knows of its beat: its row, the likeliest class, how sure the network is."""
    likeliest = beats["likeliest"].map(plain_in_figure)
    return np.column_stack([beats.index, likeliest, beats["confidence"].map("{:.2f}".format)])


def marker(label: str, colours: Palette, size: int) -> dict[str, Any]:
    """Return a class's mark: told apart by colour and form."""
    return {"color": colours.of(label), "symbol": SYMBOLS.get(label, "circle"), "size": size}


def one_beat(window: NDArray[np.float32], label: str) -> go.Figure:
    """Draw a beat that came without its recording."""
    line = {"color": palette().of(label), "width": 2}
    figure = go.Figure(go.Scatter(y=window, mode="lines", line=line, hoverinfo="y"))
    figure.update_xaxes(title="sample")
    figure.update_yaxes(title="amplitude")
    return finished(figure, 320)


def probabilities(beat: pd.Series, classes: list[str]) -> go.Figure:
    """Draw how probable the network thinks each class is for one beat."""
    values = [float(beat[f"p_{name}"]) for name in classes]
    figure = go.Figure(_bars([plain_in_figure(name) for name in classes], values, classes, "{:.1%}", across=True))
    figure.update_xaxes(title="probability", range=[0, 1.18], tickvals=[0, 0.5, 1], fixedrange=True)
    figure.update_yaxes(autorange="reversed", type="category", fixedrange=True)  # a class may be called 1
    return finished(figure, 210)


def distribution(counts: pd.Series) -> go.Figure:
    """Draw how many beats each class has."""
    classes = [str(name) for name in counts.index]
    figure = go.Figure(_bars([plain_in_figure(name) for name in classes], list(counts), classes, "{:,}", across=False))
    figure.update_xaxes(title="class", type="category", fixedrange=True)
    figure.update_yaxes(title="beats", fixedrange=True)
    return finished(figure, 260)


def _bars(names: list[str], values: list[float], classes: list[str], form: str, *, across: bool) -> go.Bar:
    colours = palette()
    return go.Bar(
        x=values if across else names, y=names if across else values, orientation="h" if across else "v",
        marker={"color": [colours.of(name) for name in classes]}, text=[form.format(value) for value in values],
        textposition="outside", cliponaxis=False, hoverinfo="skip",
    )  # fmt: skip


def thinned(time: ArrayLike, value: ArrayLike, most: int = MAX_POINTS) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a line of at most so many points that looks the same: of each short stretch its lowest and highest."""
    time, value = np.asarray(time), np.asarray(value)
    if len(value) <= most:
        return time, value
    size = -(-len(value) // (most // 2))
    starts = np.arange(0, len(value), size)
    ends = np.column_stack([np.fmin.reduceat(value, starts), np.fmax.reduceat(value, starts)])
    return np.repeat(time[starts], 2), ends.ravel()


def finished(figure: go.Figure, height: int) -> go.Figure:
    """Give a figure the look that all share; it stands on the page's own ground, light or dark."""
    colours = palette()
    figure.update_layout(
        height=height, margin={"l": 8, "r": 8, "t": 12, "b": 8}, template="none", showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font={"color": colours.text, "size": 13},
        dragmode="pan", clickmode="event+select",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": colours.quiet, "activecolor": colours.text},
        hoverlabel={"bgcolor": colours.paper, "font": {"color": colours.text}},
    )  # fmt: skip
    quiet = "rgba(128,128,128,0.22)"
    figure.update_xaxes(automargin=True, gridcolor=quiet, zeroline=False, linecolor=quiet)
    figure.update_yaxes(automargin=True, gridcolor=quiet, zeroline=False, linecolor=quiet)
    return figure
