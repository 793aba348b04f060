"""How a training went, and what an autoencoder reconstructs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ecgnb.plotting.style import ALARM_COLOUR, CLASS_COLOURS, TRAIN_COLOUR, VAL_COLOUR
from ecgnb.training.history import History


def plot_history(history: History, *, unit: str, title: str, reference: Mapping[str, float] | None = None) -> Figure:
    """Draw training and validation loss by epoch, the epoch whose weights were kept, and losses to compare with."""
    frame = history.to_frame()
    figure, axis = plt.subplots()
    marker = "." if len(frame) < 10 else None  # a line of one point would not be seen
    axis.plot(frame["train_loss"], color=TRAIN_COLOUR, marker=marker, label="training")
    axis.plot(frame["val_loss"], color=VAL_COLOUR, marker=marker, label="validation")
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
    for axis, beat, rebuilt, name, title in zip(axes.flat, signal, reconstruction, class_name, titles, strict=False):
        axis.fill_between(x, beat, rebuilt, color=ALARM_COLOUR, alpha=0.25, linewidth=0, label="gap")
        axis.plot(x, beat, color=CLASS_COLOURS[name], linewidth=1.6, alpha=0.7, label="beat, in its class's colour")
        axis.plot(x, rebuilt, color="black", linewidth=0.9, linestyle="--", label="reconstruction")
        axis.set_title(title, fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("sample" if time is None else "time from R (s)")
    for axis in axes[:, 0]:
        axis.set_ylabel("z-score")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
