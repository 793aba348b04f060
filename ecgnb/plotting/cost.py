"""Networks as points: what each one finds, or how long it takes, over what it costs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

FRONT_COLOUR, OTHER_COLOUR = "#D55E00", "#444444"
# Where a name may stand beside its point: offset in points, horizontal and vertical alignment; the first is liked best.
PLACES = (
    (7, 0, "left", "center"),
    (-7, 0, "right", "center"),
    (0, 7, "center", "bottom"),
    (0, -7, "center", "top"),
    (6, 6, "left", "bottom"),
    (-6, 6, "right", "bottom"),
    (6, -6, "left", "top"),
    (-6, -6, "right", "top"),
    (6, 18, "left", "bottom"),
    (-6, 18, "right", "bottom"),
    (6, -18, "left", "top"),
    (-6, -18, "right", "top"),
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
    label_points(axis, table["cost"], table["value"], [str(name) for name in table.index], colours)
    return figure


def label_points(
    axis: Axes, x: Sequence[float], y: Sequence[float], names: Sequence[str], colours: Sequence[str]
) -> None:
    """Write each point's name beside it, where it covers no other name and no point; where there is no room, the least.

    Parameters
    ----------
    axis : Axes
        With its limits settled; they stay as they are.
    x, y : (n,) sequence of float
    names, colours : (n,) sequence of str
    """
    axis.set(xlim=axis.get_xlim(), ylim=axis.get_ylim())
    axis.figure.canvas.draw()  # settles where everything is
    points = axis.transData.transform(list(zip(x, y, strict=True)))
    taken = [Bbox.from_bounds(left - 5, bottom - 5, 10, 10) for left, bottom in points]
    inside = axis.get_window_extent()
    for place, name, colour in zip(zip(x, y, strict=True), names, colours, strict=True):
        texts = [
            axis.annotate(
                name, place, xytext=offset, textcoords="offset points", ha=ha, va=va, fontsize=9, color=colour
            )
            for *offset, ha, va in PLACES
        ]
        boxes = [text.get_window_extent() for text in texts]
        costs = [_covered(box, taken, inside) for box in boxes]
        best = costs.index(min(costs))
        taken.append(boxes[best])
        for position, text in enumerate(texts):
            if position != best:
                text.remove()


def _covered(box: Bbox, taken: Sequence[Bbox], inside: Bbox) -> float:
    """Return how many square pixels of other names and points a name would cover, or of itself lie outside."""
    shared = [Bbox.intersection(box, other) for other in taken]
    within = Bbox.intersection(box, inside)
    outside = box.width * box.height - (within.width * within.height if within is not None else 0.0)
    return outside + sum(part.width * part.height for part in shared if part is not None)
