"""The rhythm of a recording: intervals beat by beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ecgnb.plotting.style import CLASS_COLOURS


def plot_tachogram(
    interval: ArrayLike,
    label: ArrayLike,
    names: Sequence[str],
    *,
    levels: Mapping[str, float],
    title: str,
    predicted: ArrayLike | None = None,
) -> Figure:
    """Draw each beat's interval to the one before, coloured by class.

    Parameters
    ----------
    interval : (n_beats,) float array
        Seconds.
    label : (n_beats,) int array
        True class, an index into `names`.
    names : sequence of str
    levels : mapping of str to float
        Name and height of dashed lines, such as the recording's mean interval.
    title : str
    predicted : (n_beats,) int array, optional
        Predicted class: its letter stands above each beat where it is wrong.
    """
    interval, label = np.asarray(interval), np.asarray(label)
    figure, axis = plt.subplots(figsize=(9, 3))
    axis.plot(interval, color="#bbbbbb", linewidth=0.8, zorder=1)
    for number in np.unique(label).tolist():
        at = np.flatnonzero(label == number)
        axis.plot(at, interval[at], "o", markersize=4, color=CLASS_COLOURS[names[number]], label=names[number])
    for (name, level), style in zip(levels.items(), ("--", ":", "-."), strict=False):
        axis.axhline(level, color="black", linestyle=style, linewidth=0.9, label=f"{name} {level:.2f} s")
    given = label if predicted is None else np.asarray(predicted)
    for wrong in np.flatnonzero(label != given).tolist():
        letter = names[int(given[wrong])]
        axis.annotate(letter, (wrong, interval[wrong]), xytext=(0, 6), textcoords="offset points", ha="center")
    axis.margins(y=0.18)
    axis.set(xlabel="beat", ylabel="previous RR (s)", title=title)
    axis.legend(loc="upper right", ncols=6, fontsize=8)
    return figure
