"""Figures of lesson 03: a network with two heads, its two losses, maps of its latent vectors, gains of an ablation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from numpy.typing import ArrayLike

from ecgnb.plotting.style import ALARM_COLOUR, CLASS_COLOURS, TRAIN_COLOUR, VAL_COLOUR

Block = tuple[str, str | int]  # a name, and the shape of what leaves it
WIDTH, HEIGHT, STEP, RISE = 2.1, 0.9, 2.6, 0.75  # of a box; from one box to the next; of a branch over the trunk


def plot_two_heads(trunk: Sequence[Block], reconstruct: Sequence[Block], classify: Sequence[Block]) -> Figure:
    """Draw a network that parts in two: boxes left to right, the shape of what leaves each box under its name.

    Parameters
    ----------
    trunk, reconstruct, classify : sequence of (str, str or int)
        Blocks up to the latent vector; those that follow it in the upper branch; those in the lower one.

    Returns
    -------
    Figure
    """
    columns = len(trunk) + max(len(reconstruct), len(classify))
    figure, axis = plt.subplots(figsize=(10, 3))
    last = _row(axis, trunk, 0, 0.0, None)
    for blocks, y, colour in ((reconstruct, RISE, TRAIN_COLOUR), (classify, -RISE, VAL_COLOUR)):
        _row(axis, blocks, len(trunk), y, last, colour)
    axis.set(xlim=(-WIDTH / 2 - 0.1, STEP * (columns - 1) + WIDTH / 2 + 0.1), ylim=(-1.35, 1.35))
    axis.set_axis_off()
    axis.set_title("One latent vector, two tasks; the last line in a box is the shape of what leaves it")
    return figure


def _row(
    axis: Axes,
    blocks: Sequence[Block],
    first: int,
    y: float,
    before: tuple[float, float] | None,
    colour: str = "#444444",
) -> tuple[float, float]:
    """Draw boxes from column `first` on, each joined to the one before it; return where the last one ends."""
    for column, (name, shape) in enumerate(blocks, first):
        x = STEP * column
        box = FancyBboxPatch(
            (x - WIDTH / 2, y - HEIGHT / 2),
            WIDTH,
            HEIGHT,
            boxstyle="round,pad=0.02",
            facecolor="white",
            edgecolor=colour,
        )
        axis.add_patch(box)
        axis.annotate(f"{name}\n{shape}", (x, y), ha="center", va="center", fontsize=9, linespacing=1.4)
        if before is not None:
            arrow = {"arrowstyle": "->", "color": colour}
            axis.annotate("", xy=(x - WIDTH / 2, y), xytext=before, arrowprops=arrow)
        before = (x + WIDTH / 2, y)
    assert before is not None, "no block"
    return before


def plot_two_losses(curves: pd.DataFrame, *, reference: float) -> Figure:
    """Draw the reconstruction loss and the classification loss by epoch, each for training and validation beats.

    Parameters
    ----------
    curves : DataFrame
        Columns epoch, part ("training" or "validation"), mse (z-score²), cross_entropy.
    reference : float
        Error of a linear method on the validation beats, drawn as a dotted line.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
    for part, colour in (("training", TRAIN_COLOUR), ("validation", VAL_COLOUR)):
        rows = curves[curves["part"] == part]
        left.plot(rows["epoch"], rows["mse"], "o-", color=colour, label=part)
        right.plot(rows["epoch"], rows["cross_entropy"], "o-", color=colour, label=part)
    left.axhline(reference, color="black", linestyle=":", label="PCA, validation")
    left.set(title="Reconstruction", xlabel="epoch", ylabel="mean squared error (z-score²)", ylim=(0, None))
    right.set(title="Classification", xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    for axis in (left, right):
        axis.legend()
        axis.xaxis.get_major_locator().set_params(integer=True)
    return figure


def plot_latent_maps(maps: Mapping[str, ArrayLike], class_name: ArrayLike, record: ArrayLike) -> Figure:
    """Draw maps of latent vectors, one a row, on the left coloured by class and on the right by record.

    Parameters
    ----------
    maps : mapping of str to (n_beats, 2) array
        Name of each method and the places it gives the beats.
    class_name, record : (n_beats,) str array
    """
    class_name, number = np.asarray(class_name), np.unique(record, return_inverse=True)[1]
    shades = plt.colormaps["viridis"](number / max(1, number.max()))
    figure, axes = plt.subplots(len(maps), 2, figsize=(9, 4 * len(maps)), squeeze=False)
    for (left, right), (method, given) in zip(axes, maps.items(), strict=True):
        places = np.asarray(given)
        for name in [name for name in CLASS_COLOURS if (class_name == name).any()]:
            part = places[class_name == name]
            left.scatter(*part.T, color=CLASS_COLOURS[name], s=6, alpha=0.7, linewidths=0, label=name)
        right.scatter(*places.T, c=shades, s=6, alpha=0.8, linewidths=0)
        left.set_title(f"{method}, coloured by class")
        right.set_title(f"{method}, one shade a record ({number.max() + 1} of them)")
        for axis in (left, right):
            axis.set(xlabel=f"{method} 1", ylabel=f"{method} 2")
    axes[0, 0].legend(markerscale=2.5)
    return figure


def plot_gains(
    gains: pd.DataFrame, *, mixtures: Sequence[str], titles: Mapping[str, str], xlabels: Mapping[str, str]
) -> Figure:
    """Draw what each mixture of losses gains, one panel a measure: point, interval over records, one tick a training.

    Parameters
    ----------
    gains : DataFrame
        One row a mixture and measure: mixture, measure, gain, gain_low, gain_high, each (a list, one gain a training).
    mixtures : sequence of str
        From top to bottom.
    titles, xlabels : mapping of str to str
        By measure, in the order of the panels.
    """
    figure, axes = plt.subplots(1, len(titles), figsize=(11, 3.4), sharey=True)
    for axis, (measure, title) in zip(axes, titles.items(), strict=True):
        part = gains[gains["measure"] == measure]
        for row, each in zip(part.itertuples(), part["each"], strict=True):
            y = mixtures.index(row.mixture)
            axis.plot([row.gain_low, row.gain_high], [y, y], color="#444444", linewidth=4, alpha=0.35)
            axis.plot(row.gain, y, "o", color="#444444")
            if len(each) > 1:
                axis.plot(each, [y + 0.22] * len(each), "|", color=ALARM_COLOUR, markersize=9)
        axis.axvline(0, color="black", linewidth=0.8, linestyle=":")
        axis.set(title=title, xlabel=xlabels[measure])
        axis.locator_params(axis="x", nbins=5)
    axes[0].set_yticks(range(len(mixtures)), mixtures)
    axes[0].set(ylabel="α : β", ylim=(len(mixtures) - 0.5, -0.5))
    return figure
