"""Beats: of each class, of each record, one by one."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ecgnb.datasets.beats import Beats
from ecgnb.errors import UsageError
from ecgnb.plotting.style import CLASS_COLOURS


def plot_beats_by_class(beats: Beats, *, per_class: int = 25, seed: int = 0) -> Figure:
    """Draw some beats of each class, thin, with the class's mean beat over them."""
    rng = np.random.default_rng(seed)
    present = [position for position in range(len(beats.class_names)) if (beats.label == position).any()]
    figure, axes = plt.subplots(1, len(present), figsize=(2.1 * len(present), 2.7), sharey=True, squeeze=False)
    for axis, position in zip(axes[0], present, strict=True):
        name = beats.class_names[position]
        rows = np.flatnonzero(beats.label == position)
        some = rng.choice(rows, min(per_class, len(rows)), replace=False)
        axis.plot(beats.signal[some].T, color=CLASS_COLOURS[name], alpha=0.2, linewidth=0.7)
        axis.plot(beats.signal[rows].mean(axis=0), color=CLASS_COLOURS[name])
        axis.set(title=f"{name}\n{len(rows):,} beats", xlabel="sample")
    axes[0, 0].set_ylabel(f"amplitude ({beats.unit})")
    return figure


def plot_mean_beats(beats: Beats, *, before: int) -> Figure:
    """Draw each class's mean beat, with a band of one standard deviation, over the time from the R peak.

    Parameters
    ----------
    beats : Beats
        With a sampling rate.
    before : int
        Samples of a window before the R peak.
    """
    if beats.fs is None:
        raise UsageError(f"beats of {beats.name} have no sampling rate, so no time axis; expected beats of a recording")
    time = (np.arange(beats.n_samples) - before) / beats.fs
    present = [position for position in range(len(beats.class_names)) if (beats.label == position).any()]
    figure, axes = plt.subplots(1, len(present), figsize=(2.1 * len(present), 2.7), sharey=True, squeeze=False)
    for axis, position in zip(axes[0], present, strict=True):
        name, part = beats.class_names[position], beats.signal[beats.label == position]
        mean, spread = part.mean(axis=0), part.std(axis=0)
        axis.fill_between(time, mean - spread, mean + spread, color=CLASS_COLOURS[name], alpha=0.25, linewidth=0)
        axis.plot(time, mean, color=CLASS_COLOURS[name])
        axis.set(title=f"{name}\n{len(part):,} beats", xlabel="time from R (s)")
    axes[0, 0].set_ylabel(f"amplitude ({beats.unit})")
    return figure


def plot_record_counts(beats: Beats) -> Figure:
    """Draw how many beats of each class each record has, on a logarithmic scale."""
    table = pd.crosstab(beats.class_name, beats.record).reindex(list(beats.class_names)).fillna(0)
    figure, axis = plt.subplots(figsize=(0.5 + 0.21 * table.shape[1], 2.6))
    sns.heatmap(
        table.where(table > 0), cmap="Blues", norm=LogNorm(0.5, table.to_numpy().max()), linewidths=0.4, ax=axis,
        cbar_kws={"label": "beats", "ticks": [1, 10, 100, 1000], "format": "{x:,.0f}"}, xticklabels=True,
    )  # fmt: skip
    axis.set(xlabel="record", ylabel="class", title="Beats of each class by record; white: none")
    axis.tick_params(axis="x", rotation=90, labelsize=7)
    axis.tick_params(axis="y", rotation=0)
    axis.grid(visible=False)
    return figure


def plot_beat_gallery(beats: Beats, titles: Sequence[str], *, before: int, columns: int = 5) -> Figure:
    """Draw single beats, each in its class's colour and under its own title."""
    if beats.fs is None:
        raise UsageError(f"beats of {beats.name} have no sampling rate, so no time axis; expected beats of a recording")
    time = (np.arange(beats.n_samples) - before) / beats.fs
    rows = -(-len(beats) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(10, 2.1 * rows), sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(beats) :]:
        axis.set_visible(False)
    for axis, signal, name, title in zip(axes.flat, beats.signal, beats.class_name, titles, strict=False):
        axis.plot(time, signal, color=CLASS_COLOURS[name], linewidth=1.2)
        axis.axvline(0, color="black", linewidth=0.5, linestyle=":")
        axis.set_title(title, fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("time from R (s)")
    for axis in axes[:, 0]:
        axis.set_ylabel(beats.unit)
    return figure
