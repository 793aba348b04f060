"""Some seconds of a recording on ECG paper, a mark on each beat, and above it what each reader calls it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from ecgnb.app.charts import class_name, finished, mark_texts, marker, thinned, time_ticks
from ecgnb.app.colours import Palette, palette
from ecgnb.app.compare import Others
from ecgnb.app.plain import plain_in_figure
from ecgnb.app.waves import draw_waves

HEIGHT = 400

ROOM = 0.11  # of the height, for a row of letters

# The lines of ECG paper in s, fine and coarse, by the most seconds that are shown: 1 mm and 5 mm where there is room.
LINES = ((12, 0.04, 0.2), (35, 0.2, 1.0), (np.inf, 1.0, 5.0))

IN_MV = {"mv": 1.0, "µv": 1000.0, "uv": 1000.0, "μv": 1000.0, "v": 0.001}


def height_lines(unit: str, span: float) -> tuple[float, float]:
    """Return the fine and the coarse lines across: 0.1 and 0.5 mV, or what fits a signal of an unknown unit."""
    scale = IN_MV.get(unit.strip().lower())
    if scale is not None and span / (0.5 * scale) <= 24:
        return 0.1 * scale, 0.5 * scale
    coarse = 10.0 ** np.floor(np.log10(max(span, 1e-9) / 4))
    coarse *= next(factor for factor in (1, 2, 5, 10) if span / (coarse * factor) <= 12)
    return coarse / 5, coarse


def scale_of(signal: NDArray[np.float32], unit: str) -> tuple[float, float, float, float]:
    """Return the lowest and the highest value drawn of a recording on all its pages, and the two kinds of lines."""
    part = signal[:: max(1, len(signal) // 200_000)]
    low, high = (float(value) for value in np.nanquantile(part, [0.0005, 0.9995]))
    fine, coarse = height_lines(unit, high - low)
    low, high = np.floor(low / coarse - 0.3) * coarse, np.ceil(high / coarse + 0.3) * coarse
    return float(low), float(high), fine, coarse


def strip(
    signal: NDArray[np.float32],
    fs: float,
    beats: pd.DataFrame,
    others: list[Others],
    *,
    scale: tuple[float, float, float, float],
    start: float,
    seconds: float,
    marked: int,
    unit: str,
    waves: pd.DataFrame | None = None,
) -> go.Figure:
    """Draw a page of a recording, and the pages beside it, for the visitor to drag into view.

    Parameters
    ----------
    signal : (n_samples,) float32 array
    fs : float
    beats : DataFrame
        As `ClassifiedRecording.beats`.
    others : list of Others
        Each gets a row of letters, and where they differ the beat is underlaid.
    scale : tuple
        As `scale_of` gives it.
    start, seconds : float
        The page.
    marked : int
        A beat that stands out until another one is clicked. A click alone draws nothing anew: so a page that was
        dragged stays where it is.
    unit : str
    waves : DataFrame, optional
        P, QRS and T, as `waves_of_page` gives them.
    """
    colours = palette()
    time = beats["time_s"].to_numpy()
    low, high = max(0.0, start - seconds), min(len(signal) / fs, start + 2 * seconds)
    first, last = int(low * fs), min(len(signal), int(high * fs) + 1)
    x, y = thinned(np.arange(first, last) / fs, signal[first:last])
    figure = go.Figure()
    figure.add_scatter(x=x, y=y, mode="lines", name="ECG", hoverinfo="skip",
                       line={"color": colours.trace, "width": 1.5})  # fmt: skip
    rows = slice(*np.searchsorted(time, [low, high]))
    here = beats[["time_s", "r_sample", "label", "likeliest", "confidence"]].iloc[rows]
    near = [Others(o.who, o.row, o.label[rows], o.missed_s, o.missed_label) for o in others]
    _underlay(figure, here, near, colours)
    for label, some in here.groupby("label", sort=False):
        _marks(figure, str(label), some, signal[some["r_sample"]], marked, colours)
    _letters(figure, here, near, (low, high), colours)
    if waves is not None:
        draw_waves(figure, waves)
    _paper(figure, scale, start, seconds, (low, high), unit, 1 + len(others), colours)
    return figure


def _marks(figure: go.Figure, label: str, beats: pd.DataFrame, y: NDArray[Any], marked: int, colours: Palette) -> None:
    figure.add_scatter(
        x=beats["time_s"], y=y, mode="markers", name=class_name(label), customdata=mark_texts(beats),
        marker=marker(label, colours, 10) | {"line": {"color": colours.paper, "width": 1}},
        selectedpoints=np.flatnonzero(beats.index == marked),
        selected={"marker": {"opacity": 1, "size": 14, "color": colours.picked}}, unselected={"marker": {"opacity": 1}},
        hovertemplate="beat %{customdata[0]}: %{customdata[1]}, confidence %{customdata[2]}<extra></extra>",
    )  # fmt: skip


def _row_height(row: int) -> float:
    return 1 - ROOM * (row + 0.6)


def _letters(
    figure: go.Figure, beats: pd.DataFrame, others: list[Others], between: tuple[float, float], colours: Palette
) -> None:
    """Write a row of letters for the network, and one for each of the others."""
    ours = beats["label"].astype(str).to_numpy()
    rows = [("network", beats["time_s"].to_numpy(), ours)]
    for other in others:
        missed = (other.missed_s >= between[0]) & (other.missed_s < between[1])
        times = np.r_[beats["time_s"].to_numpy(), other.missed_s[missed]]
        rows.append((other.row, times, np.r_[other.label.astype(str), other.missed_label[missed].astype(str)]))
    for number, (name, times, letters) in enumerate(rows):
        for letter in np.unique(letters).tolist():
            x, colour = times[letters == letter], {"color": colours.of(letter)}
            figure.add_scatter(
                x=x, y=np.full(len(x), _row_height(number)), yaxis="y2", mode="text", name=name, hoverinfo="skip",
                text=f"<b>{plain_in_figure(letter)}</b>" if letter else "·", textfont=colour | {"size": 14},
                unselected={"textfont": colour},  # a click picks a beat, and the letters stay to be read
            )  # fmt: skip
    figure.update_layout(yaxis2={
        "overlaying": "y", "side": "left", "range": [0, 1], "fixedrange": True, "showgrid": False, "zeroline": False,
        "tickvals": [_row_height(number) for number in range(len(rows))], "ticktext": [row[0] for row in rows],
        "automargin": True, "tickfont": {"color": colours.quiet, "size": 12},
    })  # fmt: skip


def _underlay(figure: go.Figure, beats: pd.DataFrame, others: list[Others], colours: Palette) -> None:
    """Underlay the beats that somebody calls otherwise."""
    differs = np.zeros(len(beats), dtype=bool)
    for other in others:
        differs |= other.differs(beats)
    height = ROOM * (1 + len(others)) + 0.02
    form = {"type": "rect", "y0": 1 - height, "y1": 1, "yref": "y2", "layer": "below", "fillcolor": colours.differs,
            "line": {"width": 0}}  # fmt: skip
    times = beats["time_s"].to_numpy()[differs].tolist()
    figure.update_layout(shapes=[form | {"x0": time - 0.13, "x1": time + 0.13} for time in times])


def _paper(
    figure: go.Figure,
    scale: tuple[float, float, float, float],
    start: float,
    seconds: float,
    between: tuple[float, float],
    unit: str,
    n_rows: int,
    colours: Palette,
) -> None:
    """Rule the paper; its scale is one for the whole recording, so that heights can be compared from page to page."""
    low, high, fine, coarse = scale
    top = low + (high - low) / (1 - ROOM * n_rows)
    finished(figure, HEIGHT)
    figure.update_layout(margin={"t": 30}, plot_bgcolor=colours.paper, hovermode="closest", hoverdistance=30)
    quick, slow = next((fine, coarse) for most, fine, coarse in LINES if seconds <= most)
    lines = np.arange(np.ceil(between[0] / slow), between[1] / slow) * slow
    labels = time_ticks(*between, most=6 * (between[1] - between[0]) / seconds)
    named = dict(zip(np.round(labels["tickvals"], 3).tolist(), labels["ticktext"], strict=True))
    figure.update_xaxes(
        range=[start, start + seconds], minallowed=between[0], maxallowed=max(between[1], start + seconds),
        tickvals=lines, ticktext=[named.get(round(x, 3), "") for x in lines.tolist()],
        gridcolor=colours.coarse, ticklen=0, tickangle=0,
        minor={"dtick": quick, "tick0": 0, "showgrid": True, "gridcolor": colours.fine, "gridwidth": 1},
    )  # fmt: skip
    across = np.arange(round(low / coarse), np.ceil(top / coarse) + 1) * coarse
    figure.update_layout(yaxis={
        "range": [low, top], "fixedrange": True, "tickvals": across, "gridcolor": colours.coarse, "ticklen": 0,
        "ticktext": [f"{height:g}" if height <= high and round(height / coarse) % 2 == 0 else "" for height in
                     np.round(across, 6).tolist()],
        "minor": {"dtick": fine, "tick0": 0, "showgrid": True, "gridcolor": colours.fine, "gridwidth": 1},
        "title": plain_in_figure(unit) if unit else "no unit known",
    })  # fmt: skip


def paper_in_words(unit: str, scale: tuple[float, float, float, float], seconds: float) -> str:
    """Say what a box of the paper is."""
    quick, slow = next((fine, coarse) for most, fine, coarse in LINES if seconds <= most)
    fine, coarse = scale[2:]
    what = unit or "in a unit that the file does not name"
    return f"a small box {quick:g} s × {fine:g} {what}, a large one {slow:g} s × {coarse:g} {what}"
