"""A lead with its waves: marked by hand, and found."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

WAVE_COLOURS = {"P": "#117733", "QRS": "#882255", "T": "#DDAA33"}  # Paul Tol's; no class of beats has them


def plot_waves(
    wave: NDArray[Any],
    fs: float,
    marked: pd.DataFrame,
    found: pd.DataFrame | None = None,
    *,
    start: float,
    seconds: float,
    title: str,
    axis: Axes | None = None,
) -> Figure:
    """Draw a stretch of a lead, each marked wave shaded over its length, each found one as a bar below.

    Parameters
    ----------
    wave : (n_samples,) float array
        In mV.
    fs : float
        Hz, of the lead and of both tables.
    marked, found : DataFrame
        `wave`, `onset` and `offset` in samples; one without an onset or offset is left out.
    start, seconds : float
        The stretch.
    title : str
    axis : Axes, optional
        Where to draw; a new figure where it is not given.
    """
    axis = axis or plt.subplots(figsize=(8.2, 2.8))[1]
    time = np.arange(len(wave)) / fs
    shown = (time >= start) & (time <= start + seconds)
    axis.plot(time[shown], wave[shown], color="black", linewidth=0.9)
    low, high = axis.get_ylim()
    bar = low - 0.07 * (high - low)
    for table, is_marked in ((marked, True), (found, False)):
        if table is None:
            continue
        whole = table[(table["onset"] >= 0) & (table["offset"] >= 0)]
        ends = whole[(whole["offset"] >= start * fs) & (whole["onset"] <= (start + seconds) * fs)]
        for kind, onset, offset in zip(ends["wave"], ends["onset"] / fs, ends["offset"] / fs, strict=True):
            if is_marked:
                axis.axvspan(onset, offset, color=WAVE_COLOURS[kind], alpha=0.25, linewidth=0)
            else:
                axis.plot([onset, offset], [bar, bar], color=WAVE_COLOURS[kind], linewidth=4, solid_capstyle="butt")
    axis.set(xlim=(start, start + seconds), xlabel="time (s)", ylabel="amplitude (mV)", title=title)
    for kind, colour in WAVE_COLOURS.items():
        axis.plot([], [], color=colour, linewidth=4, label=kind)
    axis.legend(ncols=3, loc="upper right", fontsize=8, frameon=True)
    figure = axis.get_figure()
    assert isinstance(figure, Figure)
    return figure
