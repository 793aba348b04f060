"""Figures of lesson 08: importance maps over beats, and what tests make of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgnb.plotting.waves import WAVE_COLOURS

SHARE_COLOURS = WAVE_COLOURS | {"between": "#DDDDDD"}
WAVE_NUMBERS = {1: "P", 2: "QRS", 3: "T"}
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444", "#AA0000")


def plot_marked_beat(signal: NDArray[np.floating], wave: NDArray[np.integer], seconds: NDArray[np.floating]) -> Figure:
    """Draw one beat with its waves shaded as they are marked.

    Parameters
    ----------
    signal : (n_samples,) float array
        Z-scored.
    wave : (n_samples,) int array
        1 in a P wave, 2 in a QRS complex, 3 in a T wave, else 0.
    seconds : (n_samples,) float array
        Time from the R peak.
    """
    figure, axis = plt.subplots(figsize=(7.2, 3.2))
    shade_waves(axis, wave, seconds)
    axis.plot(seconds, signal, color="black")
    axis.set(xlabel="time from the R peak (s)", ylabel="amplitude (z-score)", title="A beat and its waves, as marked")
    axis.legend(loc="upper right")
    return figure


def shade_waves(axis: Axes, wave: NDArray[np.integer], seconds: NDArray[np.floating]) -> None:
    """Shade each run of samples that lie in one wave, and name each kind of wave once."""
    edges = np.flatnonzero(np.diff(np.r_[0, wave, 0]))
    named: set[str] = set()
    for begin, end in pairwise(edges):
        if kind := WAVE_NUMBERS.get(int(wave[begin])):
            label = None if kind in named else kind
            axis.axvspan(seconds[begin], seconds[end - 1], color=WAVE_COLOURS[kind], alpha=0.25, label=label)
            named.add(kind)


def plot_importance(
    signal: NDArray[np.floating], maps: Mapping[str, NDArray[np.floating]], seconds: NDArray[np.floating]
) -> Figure:
    """Draw one beat once for each map, each sample coloured by its share, the map below it.

    Parameters
    ----------
    signal : (n_samples,) float array
        Z-scored.
    maps : mapping of name to (n_samples,) float array
        Shares of each sample.
    seconds : (n_samples,) float array
        Time from the R peak.
    """
    columns = 2
    n_rows = -(-len(maps) // columns)
    figure, axes = plt.subplots(n_rows, columns, figsize=(8.6, 1.75 * n_rows), sharex=True, sharey=True, squeeze=False)
    points = np.stack([seconds, signal], axis=1)
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    for axis, (name, one) in zip(axes.flat, maps.items(), strict=False):
        bright = one / max(one.max(), 1e-12)
        line = LineCollection(list(pieces), cmap="viridis_r", linewidths=2.5)
        line.set_array((bright[:-1] + bright[1:]) / 2)
        line.set_clim(0, 1)
        axis.add_collection(line)
        floor = signal.min() - 1.6
        axis.fill_between(seconds, floor, floor + 1.2 * bright, color="#666666", linewidth=0)
        axis.set_title(name, fontsize=9)
        axis.set(xlim=(seconds[0], seconds[-1]), ylim=(floor, signal.max() + 0.4))
    for axis in axes.flat[len(maps) :]:
        axis.set_axis_off()
    for axis in axes[-1]:
        axis.set_xlabel("time from the R peak (s)")
    for axis in axes[:, 0]:
        axis.set_ylabel("z-score")
    figure.suptitle("Dark and high: more important, says the map", fontsize=10)
    return figure


def plot_wave_shares(table: pd.DataFrame) -> Figure:
    """Draw which share of each method's maps lies in each wave.

    Parameters
    ----------
    table : DataFrame of Estimate
        One row a method, columns "P", "QRS", "T" and "between".
    """
    figure, axis = plt.subplots(figsize=(7.2, 0.36 * len(table) + 1.1))
    left = np.zeros(len(table))
    for wave in ("QRS", "P", "T", "between"):
        share = np.array([one.value for one in table[wave]])
        axis.barh(range(len(table)), share, left=left, color=SHARE_COLOURS[wave], label=wave)
        left += share
    low, high = (np.array([getattr(one, end) for one in table["QRS"]]) for end in ("low", "high"))
    middle = np.array([one.value for one in table["QRS"]])
    axis.errorbar(middle, range(len(table)), xerr=[middle - low, high - middle], fmt="none", color="black", capsize=2)
    axis.set(yticks=range(len(table)), yticklabels=list(table.index), xlim=(0, 1), xlabel="share of the map")
    axis.invert_yaxis()
    axis.set_title("Where the maps lie (bars of the QRS: 95 % intervals over patients)", fontsize=10)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def plot_forgetting(table: pd.DataFrame) -> Figure:
    """Draw how alike maps stay to their originals as layers are randomised, one panel a network.

    Parameters
    ----------
    table : DataFrame
        Columns `network`, `method`, `forgotten` (share of the layers, from the last on) and `likeness`.
    """
    networks = list(dict.fromkeys(table["network"]))
    figure, axes = plt.subplots(1, len(networks), figsize=(3.1 * len(networks), 3.6), sharey=True, squeeze=False)
    methods = list(dict.fromkeys(table["method"]))
    for axis, network in zip(axes[0], networks, strict=True):
        for number, method in enumerate(methods):
            mine = table[(table["network"] == network) & (table["method"] == method)]
            if len(mine):
                axis.plot(
                    [0, *mine["forgotten"]], [1, *mine["likeness"]], marker="o", markersize=3, label=method,
                    color=COLOURS[number % len(COLOURS)], linestyle=STYLES[number % len(STYLES)],
                )  # fmt: skip
        axis.axhline(0, color="grey", linewidth=0.8)
        axis.set(xlabel="share of the layers that is random", title=network)
    axes[0, 0].set_ylabel("likeness to the original map")
    handles = {label: handle for axis in axes[0] for handle, label in zip(*axis.get_legend_handles_labels())}  # noqa: B905
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def plot_deletion(
    fractions: NDArray[np.floating],
    deleted: Mapping[str, NDArray[np.floating]],
    inserted: Mapping[str, NDArray[np.floating]],
) -> Figure:
    """Draw the mean probability as samples are taken away, and as they come back, in the order of each map.

    Parameters
    ----------
    fractions : (n_steps,) float array
        Share of the samples that is gone, or there.
    deleted, inserted : mapping of name to (n_steps, n_beats) float array
    """
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.8), sharey=True)
    for axis, curves, title in zip(axes, (deleted, inserted), ("deletion", "insertion"), strict=True):
        for number, (name, one) in enumerate(curves.items()):
            axis.plot(
                fractions, one.mean(axis=1), label=name, color=COLOURS[number % len(COLOURS)],
                linestyle=STYLES[number % len(STYLES)], linewidth=2.2 if "no network" in name else 1.4,
            )  # fmt: skip
        axis.set(title=title, xlabel=f"share of the samples {'gone' if title == 'deletion' else 'there'}", ylim=(0, 1))
    axes[0].set_ylabel("mean probability of V")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    return figure
