"""Figures of lesson 07: what silence buys, how far a promise holds for each patient, noise, what is no ECG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_curve

from ecgnb.plotting.style import ALARM_COLOUR

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#444444")
STYLES = ("-", "--", "-.", ":")


def plot_risk_coverage(curves: Mapping[str, pd.DataFrame], *, title: str, chosen: float | None = None) -> Figure:
    """Draw the share of errors among the beats that are answered, against the share that is.

    Parameters
    ----------
    curves : mapping of name to DataFrame
        As `metrics.risk_coverage` gives them.
    chosen : float, optional
        A coverage to mark.
    """
    figure, axis = plt.subplots(figsize=(6.4, 3.8))
    for (name, curve), colour, style in zip(curves.items(), COLOURS, STYLES, strict=False):
        some = curve.iloc[np.unique(np.linspace(len(curve) // 50, len(curve) - 1, 500).astype(int))]
        axis.plot(some["coverage"], some["risk"], color=colour, linestyle=style, label=name)
    if chosen is not None:
        axis.axvline(chosen, color="grey", linestyle=":")
    axis.set(xlabel="coverage: share of beats that are answered", ylabel="risk: share of those that is wrong")
    axis.set(title=title, xlim=(0, 1.01), ylim=(0, None))
    axis.legend()
    return figure


def plot_coverage_by_patient(tables: Mapping[str, pd.Series], *, promise: float, title: str) -> Figure:
    """Draw the coverage of each patient's prediction sets, patients in order of it, one line a way to calibrate.

    Parameters
    ----------
    tables : mapping of name to Series
        Coverage by patient.
    promise : float
        What was promised; drawn as a line.
    """
    figure, axis = plt.subplots(figsize=(7.2, 3.8))
    for (name, coverage), colour, style in zip(tables.items(), COLOURS, STYLES, strict=False):
        ordered = np.sort(coverage.to_numpy())
        at = (np.arange(len(ordered)) + 0.5) / len(ordered)
        axis.plot(at, ordered, color=colour, linestyle=style, label=name)
    axis.axhline(promise, color="black", linewidth=0.8)
    axis.annotate(f"promised: {promise:.0%}", (0.99, promise), xytext=(0, -11), textcoords="offset points", ha="right")
    axis.axvspan(0, 0.1, color="#eeeeee")
    axis.set(xlabel="patients, from the worst covered on (grey: the worst tenth)", xlim=(0, 1), ylim=(None, 1.01))
    axis.set(ylabel="coverage", title=title)
    axis.legend(loc="lower right")
    return figure


def plot_by_noise(table: pd.DataFrame, measures: Mapping[str, str], *, title: str) -> Figure:
    """Draw measures against the signal-to-noise ratio, one panel a measure, one line a noise.

    Parameters
    ----------
    table : DataFrame
        One row a noise and ratio: columns noise, snr (dB), and the measures.
    measures : mapping of str to str
        Columns, and what to write at their axis.
    """
    n_columns = 2
    n_rows = -(-len(measures) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(9, 2.9 * n_rows), sharex=True, squeeze=False)
    for axis, (column, label) in zip(axes.flat, measures.items(), strict=False):
        for (name, part), colour, marker in zip(table.groupby("noise", sort=False), COLOURS, "osD^", strict=False):
            axis.plot(part["snr"], part[column], f"{marker}-", color=colour, label=str(name))
        axis.set(ylabel=label)
    for axis in axes.flat[len(measures) :]:
        axis.set_visible(False)
    axes[0, 0].invert_xaxis()
    for axis in axes[-1]:
        axis.set_xlabel("signal-to-noise ratio (dB)")
    axes[0, 0].legend()
    figure.suptitle(title)
    return figure


def plot_signals(signals: Mapping[str, NDArray[np.floating]], fs: float, *, seconds: float = 4.0) -> Figure:
    """Draw some seconds of several signals, each in a panel of its own, without a scale of amplitude."""
    n_rows = -(-len(signals) // 3)
    figure, axes = plt.subplots(n_rows, 3, figsize=(10, 1.15 * n_rows), sharex=True, squeeze=False)
    at = np.arange(round(seconds * fs)) / fs
    for axis, (name, wave) in zip(axes.flat, signals.items(), strict=False):
        axis.plot(at, wave[: len(at)], color=ALARM_COLOUR if name != "ECG" else "black", linewidth=0.8)
        axis.set_title(name, fontsize=9, pad=2)
        axis.set_yticks([])
    for axis in axes.flat[len(signals) :]:
        axis.set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("time (s)")
    return figure


def plot_gate(p_ecg: ArrayLike, is_ecg: ArrayLike, threshold: float) -> Figure:
    """Draw how well a gate tells ECG from the rest: its answers, and the ROC curve's corner.

    Parameters
    ----------
    p_ecg : (n_stretches,) array
    is_ecg : (n_stretches,) bool array
    threshold : float
    """
    p_ecg, is_ecg = np.asarray(p_ecg), np.asarray(is_ecg, dtype=bool)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    bins = np.linspace(0, 1, 41)
    for name, chosen, colour in (("ECG", is_ecg, COLOURS[0]), ("no ECG", ~is_ecg, COLOURS[1])):
        weights = np.full(int(chosen.sum()), 1 / max(1, chosen.sum()))
        left.hist(p_ecg[chosen], bins=bins, weights=weights, color=colour, alpha=0.6, label=name)
    left.axvline(threshold, color="black", linestyle=":")
    left.set(
        xlabel="probability of an ECG", ylabel="share of the stretches", yscale="log", title="Ten-second stretches"
    )
    left.legend()
    wrongly_passed, passed, _ = roc_curve(is_ecg, p_ecg)
    right.plot(wrongly_passed, passed, color="black")
    right.set(xlabel="share of other signals that pass", ylabel="share of ECG that passes", title="ROC, a corner")
    right.set(xlim=(-0.002, 0.1), ylim=(0.9, 1.003))
    return figure


def plot_irregularity(values: Mapping[str, Sequence[float]], threshold: float) -> Figure:
    """Draw the distribution of a measure of irregularity in several rhythms, and the threshold."""
    figure, axis = plt.subplots(figsize=(7.2, 3.2))
    finite = np.concatenate([np.asarray(part) for part in values.values()])
    low, high = np.nanpercentile(finite, [0.2, 99.8])
    bins = np.linspace(low, high, 50).tolist()
    for (name, part), colour in zip(values.items(), COLOURS, strict=False):
        axis.hist(part, bins=bins, density=True, histtype="step", color=colour, linewidth=1.5, label=name)
    axis.axvline(threshold, color="black", linestyle=":")
    axis.set(xlabel="coefficient of sample entropy over 48 beats", ylabel="density", title="How irregular is a rhythm?")
    axis.legend()
    return figure
