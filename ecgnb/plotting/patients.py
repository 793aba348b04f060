"""Figures of lesson 06: a beat beside its recording's own, what each ingredient is worth, what was promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgnb.datasets.beats import Beats
from ecgnb.metrics.intervals import Estimate
from ecgnb.plotting.style import CLASS_COLOURS

TESTS = {"DS2": "#0072B2", "DS2 without 232": "#56B4E9", "svdb": "#D55E00"}
WITH, WITHOUT = "#D55E00", "#0072B2"


def plot_minus_reference(
    beats: Beats,
    apart: NDArray[np.float32],
    reference: NDArray[np.float32],
    *,
    before: int,
    classes: str = "NVF",
    n_beats: int = 20,
) -> Figure:
    """Draw the reference beat of each recording, and some beats of each class minus it.

    Parameters
    ----------
    beats : Beats
        Of a few recordings.
    apart, reference : (n_beats, n_samples) array
        Each beat minus the reference of its recording, and that reference.
    before : int
        Samples before the R peak.
    classes : str
    n_beats : int
        Beats of each class.
    """
    records = np.unique(beats.record)
    figure, axes = plt.subplots(
        len(records), len(classes), figsize=(10, 2.4 * len(records)), sharex=True, sharey=True, squeeze=False
    )
    at = (np.arange(beats.n_samples) - before) / (beats.fs or 1)
    for line, name in zip(axes, records, strict=True):
        usual = reference[np.flatnonzero(beats.record == name)[0]]
        for axis, kind in zip(line, classes, strict=True):
            rows = np.flatnonzero((beats.record == name) & (beats.class_name == kind))[:n_beats]
            axis.plot(at, apart[rows].T, color=CLASS_COLOURS[kind], alpha=0.35, linewidth=0.8)
            axis.plot(at, usual, color="black", linewidth=1.3)
            axis.set_title(f"record {name}: {len(rows)} beats of class {kind}", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("time from the R peak (s)")
    figure.supylabel("height of the reference beat", fontsize=9)
    return figure


def plot_steps(gains: pd.DataFrame, *, xlabel: str, title: str) -> Figure:
    """Draw what each step changes: one line a step, one dot with its interval a test.

    Parameters
    ----------
    gains : DataFrame
        One row a step, one column a test, each cell an `Estimate`.
    """
    figure, axis = plt.subplots(figsize=(8.5, 0.8 + 0.65 * len(gains)))
    for shift, column in enumerate(gains.columns):
        colour = TESTS.get(column, "#444444")
        for place, one in enumerate(gains[column]):
            at = place + 0.2 * (shift - 1)
            axis.plot([one.low, one.high], [at, at], color=colour, linewidth=1.5)
            axis.plot(one.value, at, "o", color=colour, label=None if place else column)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(gains)), gains.index)
    axis.invert_yaxis()
    axis.set(xlabel=xlabel, title=title)
    axis.legend(fontsize=8)
    return figure


def plot_with_and_without(scores: Mapping[str, Estimate], false_s: Sequence[int], *, patient: str) -> Figure:
    """Draw a score, and one patient's false predictions, with and without another recording in training.

    Parameters
    ----------
    scores : mapping of str to Estimate
        Two, by what was trained on.
    false_s : (2,) sequence of int
        Normal beats of the patient that are predicted as S, in the same order.
    patient : str
        Title of the second panel.
    """
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2))
    names, found = list(scores), list(scores.values())
    axes[0].bar(names, [one.value for one in found], color=[WITH, WITHOUT])
    for place, one in enumerate(found):
        axes[0].plot([place, place], [one.low, one.high], color="black", linewidth=1.2)
    axes[0].set(ylabel="F1 of S", ylim=(0, 1), title="All of DS2")
    bars = axes[1].bar(names, false_s, color=[WITH, WITHOUT])
    axes[1].bar_label(bars, fmt="{:,.0f}")
    axes[1].set(ylabel="N beats predicted as S", title=patient)
    return figure


def plot_promise(table: pd.DataFrame, promises: Mapping[str, str], test: str) -> Figure:
    """Draw a test's score against what was promised, one dot a setting, one panel a promise.

    Parameters
    ----------
    table : DataFrame
        One row a setting, one column a score.
    promises : mapping of str to str
        Column and title of each panel.
    test : str
        Column of the test.
    """
    figure, axes = plt.subplots(1, len(promises), figsize=(4.3 * len(promises), 3.8), sharey=True, squeeze=False)
    low = float(table.fillna(0).to_numpy().min()) - 0.05
    for axis, (column, title) in zip(axes[0], promises.items(), strict=True):
        axis.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
        axis.plot(table[column], table[test], "o", color=TESTS["DS2"])
        for name, row in table.iterrows():
            axis.annotate(str(name), (row[column], row[test]), xytext=(5, -4), textcoords="offset points", fontsize=7)
        axis.set(xlim=(low, 1), ylim=(low, 1), xlabel=f"macro F1, {column}", title=title)
    axes[0][0].set_ylabel(f"macro F1, {test}")
    return figure
