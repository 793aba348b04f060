"""Figures of lesson 08: importance maps over beats, and what tests make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgnb.plotting.waves import WAVE_COLOURS

SHARE_COLOURS = WAVE_COLOURS | {"other beats": "#888888", "between": "#DDDDDD"}
WAVE_NUMBERS = {1: "P", 2: "QRS", 3: "T", 4: "other beats"}
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444", "#AA0000")


def plot_marked_beat(signal: NDArray[np.floating], wave: NDArray[np.integer], seconds: NDArray[np.floating]) -> Figure:
    """Draw one beat with its waves shaded as they are marked.

    Parameters
    ----------
    signal : (n_samples,) float array
        Z-scored.
    wave : (n_samples,) int array
        1 in its P wave, 2 in its QRS complex, 3 in its T wave, 4 in a wave of another beat, else 0.
    seconds : (n_samples,) float array
        Time from the R peak.
    """
    figure, axis = plt.subplots(figsize=(7.2, 3.2))
    shade_waves(axis, wave, seconds)
    axis.plot(seconds, signal, color="black")
    axis.set(
        xlabel="time from the R peak (s)", ylabel="amplitude (z-score)", title="A beat and its waves, as annotated"
    )
    axis.legend(loc="upper right")
    return figure


def shade_waves(axis: Axes, wave: NDArray[np.integer], seconds: NDArray[np.floating]) -> None:
    """Shade each run of samples that lie in one wave, and name each kind of wave once."""
    edges = np.flatnonzero(np.diff(np.r_[0, wave, 0]))
    named: set[str] = set()
    for begin, end in pairwise(edges):
        if kind := WAVE_NUMBERS.get(int(wave[begin])):
            label = None if kind in named else kind
            axis.axvspan(seconds[begin], seconds[end - 1], color=SHARE_COLOURS[kind], alpha=0.25, label=label)
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
        One row a method, columns "P", "QRS", "T", "other beats" and "between".
    """
    figure, axis = plt.subplots(figsize=(7.2, 0.36 * len(table) + 1.1))
    left = np.zeros(len(table))
    for wave in ("QRS", "P", "T", "other beats", "between"):
        share = np.array([one.value for one in table[wave]])
        axis.barh(range(len(table)), share, left=left, color=SHARE_COLOURS[wave], label=wave)
        left += share
    low, high = (np.array([getattr(one, end) for one in table["QRS"]]) for end in ("low", "high"))
    middle = np.array([one.value for one in table["QRS"]])
    axis.errorbar(middle, range(len(table)), xerr=[middle - low, high - middle], fmt="none", color="black", capsize=2)
    axis.set(yticks=range(len(table)), yticklabels=list(table.index), xlim=(0, 1), xlabel="share of the map")
    axis.invert_yaxis()
    axis.set_title("Where the maps lie (bars of the QRS: 95 % intervals over patients)", fontsize=10)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def plot_forgetting(table: pd.DataFrame) -> Figure:
    """Draw how alike maps stay to their originals as layers are randomised, one panel a network.

    Parameters
    ----------
    table : DataFrame
        Columns `network`, `method`, `forgotten` (share of the layers, from the last on), `likeness`, and its `lowest`
        and `highest` over random networks.
    """
    networks = list(dict.fromkeys(table["network"]))
    figure, axes = plt.subplots(1, len(networks), figsize=(3.1 * len(networks), 3.6), sharey=True, squeeze=False)
    methods = list(dict.fromkeys(table["method"]))
    for axis, network in zip(axes[0], networks, strict=True):
        for number, method in enumerate(methods):
            mine = table[(table["network"] == network) & (table["method"] == method)]
            if len(mine):
                colour, places = COLOURS[number % len(COLOURS)], mine["forgotten"] + 0.012 * number
                style = STYLES[number % len(STYLES)]
                axis.plot([0, *places], [1, *mine["likeness"]], marker="o", markersize=3, label=method, color=colour,
                          linestyle=style)  # fmt: skip
                axis.vlines(places, mine["lowest"], mine["highest"], color=colour, linewidth=1)
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


def plot_changes(
    changes: Mapping[str, tuple[NDArray[np.floating], NDArray[np.integer], int]], fs: float, *, seconds: float = 1.6
) -> Figure:
    """Draw a beat as it was, and as it is after each change, the beat before on its place.

    Parameters
    ----------
    changes : mapping of name to (signal, R peaks, which of them is the changed beat)
        Signals in mV, at one rate; the R peaks in samples.
    fs : float
    seconds : float
        To draw after the beat before.
    """
    figure, axes = plt.subplots(1, len(changes), figsize=(2.1 * len(changes), 2.6), sharey=True, squeeze=False)
    for axis, (name, (wave, r, beat)) in zip(axes[0], changes.items(), strict=True):
        begin = max(0, int(r[beat - 1] - 0.3 * fs))
        part = wave[begin : int(r[beat - 1] + seconds * fs)]
        axis.plot((begin - r[beat - 1] + np.arange(len(part))) / fs, part, color="black", linewidth=0.9)
        axis.axvline((r[beat] - r[beat - 1]) / fs, color="#CC0000", linewidth=0.8, linestyle=":")
        axis.set(title=name.replace(", ", ",\n", 1), xlabel="time (s)")
        axis.title.set_fontsize(9)
    axes[0, 0].set_ylabel("amplitude (mV)")
    return figure


def plot_u(down: Sequence[str], up: Sequence[str], *, title: str) -> Figure:
    """Draw a U-Net: the way down, and above it the way up, with a bridge at each level.

    Parameters
    ----------
    down : sequence of str
        Shape at the input and at each level, from fine to coarse.
    up : sequence of str
        Shape at the output and at each level on the way up, from fine to coarse: one fewer.
    title : str
    """
    figure, axis = plt.subplots(figsize=(8.6, 3.4))
    box = {"boxstyle": "round,pad=0.45", "facecolor": "#E8F0F7", "edgecolor": "#0072B2"}
    arrow = {"arrowstyle": "->", "color": "#444444", "shrinkA": 26, "shrinkB": 26}
    for level, shape in enumerate(down):
        height = -level * 0.55
        axis.text(level, height, shape, ha="center", va="center", fontsize=8.5, bbox=box)
        if level + 1 < len(down):
            axis.annotate("", (level + 1, height - 0.55), xytext=(level, height), arrowprops=arrow)
    right = 2 * (len(down) - 1)
    for level, shape in enumerate(up):
        place, height = right - level, -level * 0.55
        axis.text(place, height, shape, ha="center", va="center", fontsize=8.5, bbox=box)
        axis.annotate("", (place, height), xytext=(place - 1, height - 0.55), arrowprops=arrow)
        if level:
            axis.annotate("", (place, height), xytext=(level, height), arrowprops=arrow | {"linestyle": ":"})
    axis.text(right / 2, -0.32, "bridges: where exactly", ha="center", fontsize=8.5, color="#444444")
    axis.set(xlim=(-0.7, right + 0.7), ylim=(-0.55 * (len(down) - 1) - 0.4, 0.35), title=title)
    axis.set_axis_off()
    return figure
