"""Scores and measures: distributions, curves, confusion matrices, intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from ecgnb.plotting.style import ALARM_COLOUR, CLASS_COLOURS, TRAIN_COLOUR


def plot_confidence(probability: ArrayLike, y_true: ArrayLike, class_names: Sequence[str], *, low: float) -> Figure:
    """Draw a classifier's confidence: of right and of wrong beats, and of each class.

    Parameters
    ----------
    probability : (n_beats, n_classes) array
    y_true : (n_beats,) int array
    class_names : sequence of str
    low : float
        Beats of less confidence count as uncertain; drawn as a line.
    """
    probability, y_true = np.asarray(probability), np.asarray(y_true)
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == y_true
    figure, (left, middle) = plt.subplots(1, 2, figsize=(9, 3.4))
    bins = np.linspace(min(confidence.min(), 0.99), 1, 31)
    parts = {"right": (confidence[right], TRAIN_COLOUR), "wrong": (confidence[~right], ALARM_COLOUR)}
    for name, (values, colour) in parts.items():
        left.hist(values, bins=bins, color=colour, label=name, histtype="stepfilled", alpha=0.6, log=True)
    left.axvline(low, color="black", linestyle=":")
    left.set(xlabel="confidence", ylabel="beats (log scale)", title="All beats")
    left.legend()
    present = [position for position in range(len(class_names)) if (y_true == position).any()]
    boxes = middle.boxplot(
        [confidence[y_true == position] for position in present],
        tick_labels=[class_names[position] for position in present],
        patch_artist=True,
        whis=(5, 95),
        showfliers=False,
        medianprops={"color": "black"},
    )
    for box, position in zip(boxes["boxes"], present, strict=True):
        box.set(facecolor=CLASS_COLOURS[class_names[position]], alpha=0.6)
    middle.axhline(low, color="black", linestyle=":")
    middle.set(xlabel="true class", ylabel="confidence", title="By class: middle half, 5 to 95 %")
    return figure


def plot_reliability(tables: Mapping[str, pd.DataFrame], *, least: int = 20) -> Figure:
    """Draw a reliability diagram: how often a classifier is right at each level of its confidence, beside the diagonal.

    Parameters
    ----------
    tables : mapping of name to DataFrame
        One row a level of confidence, columns "beats", "confidence" (its mean) and "right" (the share of the beats).
    least : int
        A level of fewer beats is left out: its share means little.
    """
    figure, (axis, below) = plt.subplots(2, 1, figsize=(5.2, 5.2), sharex=True, height_ratios=(3, 1))
    axis.plot([0, 1], [0, 1], color="grey", linestyle=":", label="calibrated")
    lowest = 1.0
    for (name, table), marker, colour in zip(tables.items(), "os^D", ("#000000", "#E69F00", "#0072B2"), strict=False):
        shown = table[table["beats"] >= least]
        lowest = min([lowest, *shown["confidence"], *shown["right"]])
        axis.plot(shown["confidence"], shown["right"], marker, linestyle="-", color=colour, label=name)
        below.plot(shown["confidence"], shown["beats"], marker, linestyle="-", color=colour)
    axis.set(ylabel="share that is right", title="Reliability diagram", xlim=(max(0, lowest - 0.05), 1.02))
    axis.set_ylim(max(0, lowest - 0.05), 1.02)
    axis.legend(loc="lower right")
    below.set(xlabel="confidence, mean of the level", ylabel="beats", yscale="log")
    return figure


def plot_measure_by_class(tables: Mapping[str, pd.DataFrame], measure: str, *, ylabel: str, title: str) -> Figure:
    """Draw a measure of each class with its interval, grouped by class; tables as of `metrics.report`."""
    figure, axis = plt.subplots(figsize=(7.6, 3.8))
    names = list(next(iter(tables.values())).index)
    offsets = np.linspace(-0.25, 0.25, len(tables))
    for (label, table), offset, marker in zip(tables.items(), offsets, "osD^vPX", strict=False):
        for position, name in enumerate(names):
            value, low, high = (table.loc[name, column] for column in (measure, f"{measure}_low", f"{measure}_high"))
            x, colour = position + offset, CLASS_COLOURS[str(name)]
            axis.plot([x, x], [low, high], color=colour, linewidth=4, alpha=0.35)
            axis.plot(x, value, marker, color=colour, markersize=7)
            if np.isfinite(value):
                top = high if np.isfinite(high) else value
                axis.annotate(
                    f"{value:.2f}", (x, top), xytext=(0, 6), textcoords="offset points", fontsize=8, ha="center"
                )
        axis.plot([], [], marker, color="black", linestyle="none", label=label)
    axis.set_xticks(range(len(names)), names)
    axis.set(xlabel="class", ylabel=ylabel, title=title, ylim=(-0.03, 1.1), xlim=(-0.5, len(names) - 0.35))
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=len(tables))
    return figure


def plot_score_distribution(
    scores: ArrayLike, class_name: ArrayLike, *, threshold: float, xlabel: str, title: str
) -> Figure:
    """Draw the histogram of each class's scores, one above the other on one logarithmic axis, and the threshold."""
    table = pd.DataFrame({"score": np.asarray(scores), "class": np.asarray(class_name)})
    present = [name for name in CLASS_COLOURS if (table["class"] == name).any()]
    figure, axes = plt.subplots(len(present), 1, figsize=(7.2, 1 + 0.8 * len(present)), sharex=True, squeeze=False)
    for axis, name in zip(axes[:, 0], present, strict=True):
        part = table[table["class"] == name]
        sns.histplot(
            part, x="score", color=CLASS_COLOURS[name], log_scale=True, bins=60, element="step",
            binrange=tuple(np.log10([table["score"].min(), table["score"].max()])), ax=axis,
        )  # fmt: skip
        axis.axvline(threshold, color="black", linewidth=1.2)
        axis.set(ylabel="beats")
        axis.annotate(f"{name} ({len(part):,})", (0.01, 0.72), xycoords="axes fraction", color=CLASS_COLOURS[name])
    axes[0, 0].set_title(title)
    axes[0, 0].annotate(f" threshold {threshold:.2f}", (threshold, 0.72), xycoords=("data", "axes fraction"))
    ticks = [tick for tick in (0.05, 0.1, 0.2, 0.5, 1, 2, 5) if table["score"].min() <= tick <= table["score"].max()]
    axes[-1, 0].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes[-1, 0].set_xlabel(xlabel)
    return figure


def plot_roc_and_precision_recall(scores: Mapping[str, NDArray[np.float64]], is_anomaly: ArrayLike) -> Figure:
    """Draw the ROC curve (its crowded corner) and the precision-recall curve of detectors, the last in black."""
    is_anomaly = np.asarray(is_anomaly, dtype=bool)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8))
    colours = [*plt.colormaps["viridis"](np.linspace(0.1, 0.85, len(scores) - 1)), "black"]  # no class's colour
    for axis in (left, right):
        axis.set_prop_cycle(color=colours)
    for name, values in scores.items():
        false_alarms, detected, _ = roc_curve(is_anomaly, values)
        precision, recall, _ = precision_recall_curve(is_anomaly, values)
        left.plot(false_alarms, detected, label=name)
        right.plot(recall, precision, label=name)
    left.set(xlabel="false-alarm rate", ylabel="detection rate", title="ROC, upper left corner")
    left.set(xlim=(0, 0.3), ylim=(0.7, 1.005))
    left.legend(loc="lower right")
    chance = is_anomaly.mean()
    right.axhline(chance, color="grey", linestyle=":")
    right.annotate(f"chance: {chance:.2f}", (0.02, chance), xytext=(0, 4), textcoords="offset points", color="grey")
    right.set(xlabel="recall (detection rate)", ylabel="precision", title="Precision and recall", ylim=(0.75, 1.005))
    return figure


def plot_confusion_matrix(matrix: ArrayLike, true_names: Sequence[str], predicted_names: Sequence[str]) -> Figure:
    """Draw a confusion matrix: counts, and the share of each true class as colour."""
    matrix = np.asarray(matrix)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    text = np.array(
        [[f"{n:,}\n{s:.1%}" for n, s in zip(*row, strict=True)] for row in zip(matrix, shares, strict=True)]
    )
    figure, axis = plt.subplots(figsize=(1.6 + 1.3 * matrix.shape[1], 1.2 + 0.7 * matrix.shape[0]))
    sns.heatmap(
        shares, annot=text, fmt="", cmap="Blues", vmin=0, vmax=1, cbar_kws={"label": "share of the true class"},
        xticklabels=predicted_names, yticklabels=true_names, ax=axis,
    )  # fmt: skip
    axis.set(xlabel="predicted", ylabel="true", title="Confusion matrix")
    axis.tick_params(axis="y", rotation=0)
    return figure


def plot_intervals(table: pd.DataFrame, *, xlabel: str, title: str) -> Figure:
    """Draw one row a line: a point and its interval, from columns value, low and high; classes keep their colours."""
    figure, axis = plt.subplots(figsize=(7.2, 0.8 + 0.38 * len(table)))
    for position, (name, row) in enumerate(table.iterrows()):
        colour = CLASS_COLOURS.get(str(name), "#444444")
        axis.plot([row["low"], row["high"]], [position, position], color=colour, linewidth=3, alpha=0.4)
        axis.plot(row["value"], position, "o", color=colour)
        axis.annotate(f"{row['value']:.3f}", (row["value"], position), xytext=(0, 6), textcoords="offset points",
                      ha="center", fontsize=8)  # fmt: skip
    axis.set_yticks(range(len(table)), [str(name) for name in table.index])
    axis.set(xlabel=xlabel, title=title, ylim=(-0.6, len(table) - 0.3))
    axis.invert_yaxis()
    return figure
