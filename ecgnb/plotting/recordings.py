"""How detectors and classifiers do, recording by recording."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecgnb.plotting.style import ALARM_COLOUR


def plot_errors_by_record(errors: pd.DataFrame, *, ylabel: str, title: str) -> Figure:
    """Draw the errors of several detectors on each record, on a scale that is logarithmic from ten on.

    Parameters
    ----------
    errors : DataFrame of int
        One row a record, one column a detector; the last one, ours, is black.
    ylabel, title : str
    """
    figure, axis = plt.subplots(figsize=(10, 3.2))
    colours = [*plt.colormaps["viridis"](np.linspace(0.2, 0.9, errors.shape[1] - 1)), "black"]  # no class's colour
    for (name, column), marker, colour in zip(errors.items(), "osD^vP", colours, strict=False):
        axis.plot(list(errors.index), column, marker, color=colour, label=name, alpha=0.8, markersize=6)
    axis.set_yscale("symlog", linthresh=10)
    axis.set(xlabel="record", ylabel=ylabel, title=title, ylim=(-1, None))
    axis.tick_params(axis="x", rotation=90)
    axis.legend(ncols=errors.shape[1], loc="upper center", bbox_to_anchor=(0.5, -0.28))
    return figure


def plot_moved_windows(accuracy: pd.DataFrame, *, highlight: str) -> Figure:
    """Draw the accuracy on each record when its windows are moved a little.

    Parameters
    ----------
    accuracy : DataFrame of float
        One row a record, one column a shift in ms, in order.
    highlight : str
        The record that is drawn in colour.
    """
    figure, axis = plt.subplots(figsize=(6.8, 3.6))
    for name, row in accuracy.drop(index=highlight).iterrows():
        axis.plot(row.index, 100 * row.to_numpy(), color="#999999", alpha=0.6, label=f"_{name}")
    chosen = accuracy.loc[[highlight]].iloc[0]
    axis.plot(chosen.index, 100 * chosen.to_numpy(), "o-", color=ALARM_COLOUR, label=f"record {highlight}")
    axis.set(xlabel="all windows are moved by (ms)", ylabel="accuracy (%)", ylim=(0, 102))
    axis.set_title("Accuracy on each record when its windows are moved")
    axis.legend(loc="lower right")
    return figure
