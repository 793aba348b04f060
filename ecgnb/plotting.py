"""Figures that more than one lesson draws, in the house style; one fixed colour for each class of beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from ecgnb.classify import ClassifiedRecording
from ecgnb.datasets import Beats, Record, Recording
from ecgnb.datasets.records import CLASS_NAMES
from ecgnb.errors import UsageError
from ecgnb.training import History

# Okabe and Ito's colours, told apart by colour-blind readers too. Classes that mean the same share one in all lessons.
CLASS_COLOURS = {
    "Normal": "#0072B2",
    "R-on-T PVC": "#E69F00",
    "PVC": "#D55E00",
    "SP": "#009E73",
    "UB": "#444444",
    "N": "#0072B2",
    "S": "#009E73",
    "V": "#D55E00",
    "F": "#CC79A7",
    "Q": "#444444",
    "SVEB": "#009E73",
    "VEB": "#D55E00",
    "Other": "#444444",
}
TRAIN_COLOUR, VAL_COLOUR, ALARM_COLOUR = "#0072B2", "#E69F00", "#CC0000"


def use_style() -> None:
    """Take the house style for all figures that follow."""
    plt.style.use(str(files("ecgnb").joinpath("ecgnb.mplstyle")))


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


def plot_strip(record: Record, *, start: float, seconds: float) -> Figure:
    """Draw all leads of a stretch of a recording, each beat's R peak marked in the colour of its class."""
    first, last = max(0, int(start * record.fs)), min(len(record.signal), int((start + seconds) * record.fs))
    time = np.arange(first, last) / record.fs
    shown = (record.r_sample >= first) & (record.r_sample < last)
    figure, axes = plt.subplots(len(record.leads), 1, figsize=(9, 1.7 * len(record.leads)), sharex=True, squeeze=False)
    for axis, lead, signal in zip(axes[:, 0], record.leads, record.signal.T, strict=True):
        axis.plot(time, signal[first:last], color="black", linewidth=0.8)
        for r, label in zip(record.r_sample[shown], record.label[shown], strict=True):
            name = CLASS_NAMES[label]
            axis.axvline(r / record.fs, color=CLASS_COLOURS[name], alpha=0.35, linewidth=4)
            axis.annotate(name, (r / record.fs, 1), xycoords=("data", "axes fraction"), ha="center", fontsize=8,
                          color=CLASS_COLOURS[name])  # fmt: skip
        axis.set_ylabel(f"{lead} (mV)")
    axes[-1, 0].set_xlabel("time (s)")
    figure.suptitle(f"Record {record.name}")
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


def plot_confidence(probability: ArrayLike, y_true: ArrayLike, class_names: Sequence[str], *, low: float) -> Figure:
    """Draw a classifier's confidence: right and wrong beats, each class, and how often it is right at each level.

    Parameters
    ----------
    probability : (n_beats, n_classes) array
    y_true : (n_beats,) int array
    class_names : sequence of str
    low : float
        Beats less sure than this count as uncertain; drawn as a line.
    """
    probability, y_true = np.asarray(probability), np.asarray(y_true)
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == y_true
    figure, (left, middle, last) = plt.subplots(1, 3, figsize=(10, 3.4))
    bins = np.linspace(confidence.min(), 1, 31)
    left.hist([confidence[right], confidence[~right]], bins=bins, color=[TRAIN_COLOUR, ALARM_COLOUR],
              label=["right", "wrong"], histtype="stepfilled", alpha=0.6, log=True)  # fmt: skip
    left.axvline(low, color="black", linestyle=":")
    left.set(xlabel="confidence", ylabel="beats", title="All beats")
    left.legend()
    present = [position for position in range(len(class_names)) if (y_true == position).any()]
    parts = [confidence[y_true == position] for position in present]
    boxes = middle.boxplot(parts, tick_labels=[class_names[position] for position in present], patch_artist=True,
                           whis=(5, 95), showfliers=False, medianprops={"color": "black"})  # fmt: skip
    for box, position in zip(boxes["boxes"], present, strict=True):
        box.set(facecolor=CLASS_COLOURS[class_names[position]], alpha=0.6)
    middle.axhline(low, color="black", linestyle=":")
    middle.set(xlabel="true class", ylabel="confidence", title="By class: middle half, 5 to 95 %")
    level = np.clip(np.digitize(confidence, edges := np.linspace(0, 1, 11)) - 1, 0, 9)
    filled = [bin_ for bin_ in range(10) if (level == bin_).sum() >= 5]
    last.plot([0, 1], [0, 1], color="grey", linestyle=":")
    last.plot([confidence[level == b].mean() for b in filled], [right[level == b].mean() for b in filled], "o-",
              color="black")  # fmt: skip
    last.set(xlabel="mean confidence", ylabel="share that is right", title="Is 0.8 right in 80 %?", ylim=(0, 1.02))
    last.set_xlim(max(0, edges[filled[0]] - 0.05) if filled else 0, 1.02)
    return figure


def plot_measure_by_class(tables: Mapping[str, pd.DataFrame], measure: str, *, ylabel: str, title: str) -> Figure:
    """Draw a measure of each class with its interval, grouped by class; tables as of `classification.report`."""
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
                axis.annotate(f"{value:.2f}", (x, value), xytext=(7, -3), textcoords="offset points", fontsize=8)
        axis.plot([], [], marker, color="black", linestyle="none", label=label)
    axis.set_xticks(range(len(names)), names)
    axis.set(xlabel="class", ylabel=ylabel, title=title, ylim=(-0.03, 1.05), xlim=(-0.5, len(names) - 0.35))
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=len(tables))
    return figure


def plot_classified(
    recording: Recording, found: ClassifiedRecording, *, start: float = 0.0, seconds: float = 30.0
) -> Figure:
    """Draw a stretch of a recording, ten seconds a line, each beat's label over it in its class's colour."""
    lines = max(1, int(np.ceil(min(seconds, found.seconds - start) / 10)))
    figure, axes = plt.subplots(lines, 1, figsize=(10, 1.9 * lines + 0.5), sharey=True, squeeze=False)
    for line, axis in enumerate(axes[:, 0]):
        low, high = start + 10 * line, start + 10 * line + 10
        first, last = int(low * found.fs), min(len(recording.signal), int(high * found.fs))
        axis.plot(np.arange(first, last) / found.fs, recording.signal[first:last], color="black", linewidth=0.9)
        for _, beat in found.beats[found.beats["time_s"].between(low, high, inclusive="left")].iterrows():
            y = float(recording.signal[int(beat["r_sample"])])
            below = y < float(np.nanmedian(recording.signal[first:last]))
            axis.annotate(
                beat["label"], (beat["time_s"], y), xytext=(0, -14 if below else 5), textcoords="offset points",
                ha="center", color=CLASS_COLOURS.get(beat["label"], "#8A6D00"), fontweight="bold",
            )  # fmt: skip
        axis.set(xlim=(low, high), ylabel=f"amplitude ({recording.unit})" if recording.unit else "amplitude")
        axis.margins(y=0.2)
    axes[-1, 0].set_xlabel("time (s)")
    name = f"{recording.name}, {recording.lead}" if recording.lead else recording.name
    axes[0, 0].set_title(f"{name}: the network's labels (?: not classified)")
    return figure


def plot_history(history: History, *, unit: str, title: str, reference: Mapping[str, float] | None = None) -> Figure:
    """Draw training and validation loss by epoch, the epoch whose weights were kept, and losses to compare with."""
    frame = history.to_frame()
    figure, axis = plt.subplots()
    axis.plot(frame["train_loss"], color=TRAIN_COLOUR, label="training")
    axis.plot(frame["val_loss"], color=VAL_COLOUR, label="validation")
    best = frame["val_loss"].loc[history.best_epoch]
    axis.plot(history.best_epoch, best, "o", color=VAL_COLOUR, label=f"kept: epoch {history.best_epoch}")
    for name, value in (reference or {}).items():
        axis.axhline(value, color="black", linestyle=":", label=name)
    axis.set(xlabel="epoch", ylabel=f"loss ({unit})", title=title, ylim=(0, None))
    axis.legend()
    return figure


def plot_reconstructions(
    signal: ArrayLike, reconstruction: ArrayLike, class_name: Sequence[str], scores: ArrayLike, *, columns: int = 5,
    time: ArrayLike | None = None, titles: Sequence[str] | None = None,
) -> Figure:  # fmt: skip
    """Draw beats, their reconstructions, and the gap between the two that is the score.

    `time` is that of each sample from the R peak, in s; samples are counted where it is not given. Unless there are
    `titles`, class and score stand over each beat.
    """
    signal, reconstruction, scores = np.asarray(signal), np.asarray(reconstruction), np.asarray(scores)
    rows = -(-len(signal) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(10, 2.3 * rows), sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(signal) :]:
        axis.set_visible(False)
    x = np.arange(signal.shape[1]) if time is None else np.asarray(time)
    titles = titles or [f"{name}, error {score:.2f}" for name, score in zip(class_name, scores, strict=True)]
    for axis, beat, redrawn, name, title in zip(axes.flat, signal, reconstruction, class_name, titles, strict=False):
        axis.fill_between(x, beat, redrawn, color=ALARM_COLOUR, alpha=0.25, linewidth=0, label="gap")
        axis.plot(x, beat, color=CLASS_COLOURS[name], linewidth=1.6, alpha=0.7, label="beat, in its class's colour")
        axis.plot(x, redrawn, color="black", linewidth=0.9, linestyle="--", label="reconstruction")
        axis.set_title(title, fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("sample" if time is None else "time from R (s)")
    for axis in axes[:, 0]:
        axis.set_ylabel("z-score")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
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
