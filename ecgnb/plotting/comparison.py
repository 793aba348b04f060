"""Several networks side by side: what each one finds or how long it takes over what it costs, losses, confusions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike, NDArray

from ecgnb.training import History

FRONT_COLOUR, OTHER_COLOUR = "#D55E00", "#444444"
# Where a name may stand beside its point: offset in points, horizontal and vertical alignment; the first is liked best.
PLACES = (
    ((7, 0), "left", "center"),
    ((-7, 0), "right", "center"),
    ((0, 7), "center", "bottom"),
    ((0, -7), "center", "top"),
    ((6, 6), "left", "bottom"),
    ((-6, 6), "right", "bottom"),
    ((6, -6), "left", "top"),
    ((-6, -6), "right", "top"),
    ((6, 18), "left", "bottom"),
    ((-6, 18), "right", "bottom"),
    ((6, -18), "left", "top"),
    ((-6, -18), "right", "top"),
)


def plot_cost(
    table: pd.DataFrame,
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    front: Collection[str] = (),
    reference: tuple[str, float] | None = None,
    log: bool = False,
) -> Figure:
    """Draw one point a network over its cost, on a logarithmic scale, each with its name.

    Parameters
    ----------
    table : DataFrame
        One row a network, its name as index: ``cost``, ``value`` and, if known, the interval ``low`` to ``high``.
    xlabel, ylabel, title : str
    front : collection of str
        Names on the Pareto front: joined by a line, and of another colour.
    reference : (str, float), optional
        Name and value of a horizontal line, such as a baseline.
    log : bool
        Put the values on a logarithmic scale too.
    """
    figure, axis = plt.subplots(figsize=(8.4, 4.4))
    colours = [FRONT_COLOUR if name in front else OTHER_COLOUR for name in table.index]
    if "low" in table:
        axis.vlines(table["cost"], table["low"], table["high"], color=colours, linewidth=4, alpha=0.25)
    axis.scatter(table["cost"], table["value"], color=colours, zorder=3)
    joined = table.loc[[name in front for name in table.index]].sort_values("cost")
    axis.plot(joined["cost"], joined["value"], color=FRONT_COLOUR, linewidth=1)
    axis.set(xscale="log", yscale="log" if log else "linear", xlabel=xlabel, ylabel=ylabel, title=title)
    axis.margins(x=0.14, y=0.1)
    if reference is not None:
        axis.axhline(reference[1], color="grey", linestyle=":", label=f"{reference[0]}: {reference[1]:.3f}")
        axis.legend(loc="lower left")
    names = [str(name) for name in table.index]
    lines = [joined[["cost", "value"]].to_numpy()]
    if "low" in table:
        lines += [np.array([[row.cost, row.low], [row.cost, row.high]]) for row in table.itertuples()]
    label_points(axis, table["cost"].tolist(), table["value"].tolist(), names, colours, avoid=lines)
    return figure


def label_points(
    axis: Axes,
    x: Sequence[float],
    y: Sequence[float],
    names: Sequence[str],
    colours: Sequence[str],
    *,
    avoid: Sequence[NDArray[np.float64]] = (),
) -> None:
    """Write each point's name beside it, where it covers no other name and no point; where there is no room, the least.

    Parameters
    ----------
    axis : Axes
        With its limits settled; they stay as they are.
    x, y : (n,) sequence of float
    names, colours : (n,) sequence of str
    avoid : sequence of (m, 2) arrays
        Corners of lines that a name should not cover.
    """
    axis.set(xlim=axis.get_xlim(), ylim=axis.get_ylim())
    axis.figure.canvas.draw()  # settles where everything is
    points = axis.transData.transform(list(zip(x, y, strict=True)))
    taken = [Bbox.from_bounds(left - 5, bottom - 5, 10, 10) for left, bottom in points]
    for line in avoid:
        for start, end in pairwise(axis.transData.transform(line)):
            for left, bottom in np.linspace(start, end, 200) - 1:
                taken.append(Bbox.from_bounds(left, bottom, 2, 2))
    inside = axis.get_window_extent()
    for place, name, colour in zip(zip(x, y, strict=True), names, colours, strict=True):
        texts = [
            axis.annotate(
                name, place, xytext=offset, textcoords="offset points", ha=ha, va=va, fontsize=9, color=colour
            )
            for offset, ha, va in PLACES
        ]
        boxes = [text.get_window_extent() for text in texts]
        costs = [_covered(box, taken, inside) for box in boxes]
        best = costs.index(min(costs))
        taken.append(boxes[best])
        for position, text in enumerate(texts):
            if position != best:
                text.remove()


def plot_losses(histories: Mapping[str, History]) -> Figure:
    """Draw the loss of each network by epoch, training and validation beats in a panel each."""
    figure, panels = plt.subplots(1, 2, figsize=(9.6, 3.6), sharex=True)
    colours = plt.colormaps["tab10"].colors  # type: ignore[attr-defined]
    kinds = {"train_loss": "training beats", "val_loss": "validation beats"}
    for axis, (column, title) in zip(panels, kinds.items(), strict=True):
        for position, (name, history) in enumerate(histories.items()):
            colour, marker = colours[position % len(colours)], "osD^vPX*"[position % 8]
            axis.plot(history.to_frame()[column], color=colour, marker=marker, markersize=4, label=name)
        axis.set(xlabel="epoch", ylabel="loss", title=f"Loss on {title}")
        axis.set_xticks(range(1, 1 + max(len(history.epochs) for history in histories.values())))
    panels[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_confusion_shares(matrices: Mapping[str, ArrayLike], class_names: Sequence[str]) -> Figure:
    """Draw a small confusion matrix for each network, as shares of the true class; four in a row.

    Parameters
    ----------
    matrices : mapping of str to (n_classes, n_classes) array
        True class by predicted class; a class without a beat has an empty row.
    class_names : sequence of str
    """
    n_rows = -(-len(matrices) // 4)
    figure, axes = plt.subplots(n_rows, 4, figsize=(10, 2.7 * n_rows), squeeze=False)
    for axis in axes.flat[len(matrices) :]:
        axis.set_visible(False)
    for axis, (name, matrix) in zip(axes.flat, matrices.items(), strict=False):
        counts = np.asarray(matrix, dtype=np.float64)
        shares = counts / np.where(counts.any(axis=1, keepdims=True), counts.sum(axis=1, keepdims=True), np.nan)
        sns.heatmap(
            shares,
            annot=True,
            fmt=".2f",
            cmap="Blues",
            vmin=0,
            vmax=1,
            cbar=False,
            square=True,
            ax=axis,
            xticklabels=class_names,
            yticklabels=class_names,
            annot_kws={"fontsize": 8},
        )
        axis.set(title=name, xlabel="predicted")
        axis.grid(visible=False)
    for axis in axes[:, 0]:
        axis.set_ylabel("true class")
    figure.suptitle("Share of each true class")
    return figure


def plot_records(counts: pd.DataFrame) -> Figure:
    """Draw one bar a class, divided by the records that its beats come from; large parts bear the record's name.

    Parameters
    ----------
    counts : DataFrame
        Beats of each record (rows) and class (columns).
    """
    shares = counts / counts.sum()
    names = [str(name) for name in counts.columns]
    figure, axis = plt.subplots(figsize=(8.4, 0.8 + 0.45 * len(names)))
    left = np.zeros(len(names))
    for position, (record, share) in enumerate(shares.iterrows()):
        colour = ("#9ecae1", "#6baed6")[position % 2]
        axis.barh(names, share, left=left, color=colour, edgecolor="white", linewidth=0.5)
        for row, (start, part) in enumerate(zip(left, share, strict=True)):
            if part > 0.06:
                axis.annotate(str(record), (start + part / 2, row), ha="center", va="center", fontsize=9)
        left = left + share.fillna(0).to_numpy()
    axis.set(xlabel="share of the class's test beats", xlim=(0, 1), title="Whose beats are they? Parts are records")
    axis.invert_yaxis()
    axis.grid(visible=False)
    return figure


def _covered(box: Bbox, taken: Sequence[Bbox], inside: Bbox) -> float:
    """Return how many square pixels of other names and points a name would cover, or of itself lie outside."""
    shared = [Bbox.intersection(box, other) for other in taken]
    within = Bbox.intersection(box, inside)
    outside = box.width * box.height - (within.width * within.height if within is not None else 0.0)
    return outside + sum(part.width * part.height for part in shared if part is not None)
