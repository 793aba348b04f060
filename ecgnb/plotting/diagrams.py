"""Drawings that explain: the waves of a heartbeat, and the blocks of a network.

The glossary's picture is made from here: ``python -c "from ecgnb import plotting; plotting.use_style();
plotting.plot_heartbeat(ecg5000_window=True).savefig('notebooks/images/heartbeat.png')"``.
"""

from __future__ import annotations

import itertools
import math
import re
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from numpy.typing import NDArray

from ecgnb.plotting.style import ALARM_COLOUR, CLASS_COLOURS, VAL_COLOUR

# (time of the top in s from the R peak, amplitude in mV, width in s) of each wave of an ordinary beat in lead II.
WAVES = {
    "P": (-0.17, 0.15, 0.022),
    "Q": (-0.030, -0.14, 0.009),
    "R": (0.0, 1.1, 0.011),
    "S": (0.032, -0.28, 0.010),
    "T": (0.27, 0.30, 0.050),
}
RR = 0.8  # s: 75 beats a minute
BOX, GAP, ROW = 1.45, 0.35, 1.75  # width of a network's box, space to the next one, height of a row; in inches


def plot_heartbeat(*, ecg5000_window: bool = False) -> Figure:
    """Draw one labelled heartbeat and the next: P wave, QRS complex, T wave and the RR interval.

    Parameters
    ----------
    ecg5000_window : bool
        Shade the stretch that one row of ECG5000 seems to show, from one R peak to the next. The archive does not say
        where its windows were cut; this is read from the shape of its normal beats.

    Returns
    -------
    Figure
        Time in s from the first R peak, amplitude in mV. The beat is a sum of Gaussian waves, not a recording.
    """
    time = np.arange(-0.32, RR + 0.45, 1 / 1000)
    wave = _beat(time) + _beat(time - RR)
    figure, axis = plt.subplots(figsize=(8.2, 4.0))
    if ecg5000_window:
        axis.axvspan(0, RR, color=VAL_COLOUR, alpha=0.18, linewidth=0)
        axis.annotate("what one window of ECG5000 shows", (RR / 2, -0.58), ha="center", color="#7a5200")
    axis.plot(time, wave, color=CLASS_COLOURS["Normal"])
    for name, (centre, amplitude, _) in WAVES.items():
        top = float(_beat(np.array([centre]))[0])
        offset = ({"Q": -10, "S": 10}.get(name, 0), 5 if amplitude > 0 else -13)
        axis.annotate(name, (centre, top), xytext=offset, textcoords="offset points", ha="center", fontweight="bold")
    axis.annotate("P wave:\natria contract", (-0.17, 0.36), ha="center", fontsize=9)
    axis.annotate("T wave:\nventricles recover", (0.27, 0.52), ha="center", fontsize=9)
    axis.annotate("QRS complex:\nventricles contract", (0.06, 0.8), fontsize=9)
    axis.annotate(
        "R peak",
        (0, 1.1),
        xytext=(-0.08, 1.1),
        ha="right",
        va="center",
        fontsize=9,
        arrowprops={"arrowstyle": "->", "color": "black"},
    )
    axis.annotate("next beat", (RR + 0.06, 0.8), fontsize=9)
    _bracket(axis, -0.045, 0.05, -0.47, "QRS")
    axis.annotate("", (RR, 1.28), xytext=(0, 1.28), arrowprops={"arrowstyle": "<->", "color": ALARM_COLOUR})
    axis.annotate(
        f"RR interval: {RR:g} s, so {60 / RR:.0f} beats a minute", (RR / 2, 1.31), ha="center", color=ALARM_COLOUR
    )
    axis.set(xlabel="time from the R peak (s)", ylabel="amplitude (mV)", ylim=(-0.7, 1.48), xlim=(time[0], time[-1]))
    axis.set_title("An ordinary heartbeat and the next one, in lead II (a drawing)")
    return figure


def plot_labelled_window(signal: NDArray[np.float32], waves: Mapping[str, int], *, title: str) -> Figure:
    """Draw one z-scored window over its samples, with the name of each wave at its sample.

    Parameters
    ----------
    signal : (n_samples,) array
    waves : mapping of str to int
        Text, and the sample that it belongs to.
    title : str
    """
    figure, axis = plt.subplots(figsize=(7.2, 3.4))
    axis.plot(signal, color=CLASS_COLOURS["Normal"])
    for text, sample in waves.items():
        below = signal[sample] < signal.mean()
        axis.annotate(
            text,
            (sample, signal[sample]),
            xytext=(14, 8) if below else (0, 12),
            textcoords="offset points",
            ha="left" if below else "center",
            fontsize=9,
            arrowprops={"arrowstyle": "-", "color": "#888888"},
        )
    axis.set(xlabel="sample", ylabel="amplitude (z-score)", title=title)
    axis.margins(y=0.25)
    return figure


def plot_network(blocks: Sequence[tuple[str, str]], *, title: str) -> Figure:
    """Draw a network as boxes from left to right; the more numbers leave a box, the taller it is.

    Parameters
    ----------
    blocks : sequence of (str, str)
        Name of each block and the shape of what leaves it, the input first: ``[("beat", "1 x 187"), ("convolution 1",
        "32 x 62"), ...]``.
    title : str

    Returns
    -------
    Figure
        Six boxes in a row at most.
    """
    n_rows = math.ceil(len(blocks) / 6)
    per_row = math.ceil(len(blocks) / n_rows)
    width, height = per_row * (BOX + GAP), n_rows * ROW
    figure, axis = plt.subplots(figsize=(width, height + 0.35))
    axis.set(xlim=(0, width), ylim=(0, height), title=title)
    axis.set_axis_off()
    places = [
        ((position % per_row) * (BOX + GAP) + (BOX + GAP) / 2, height - ROW * (position // per_row + 0.5) + 0.12)
        for position in range(len(blocks))
    ]
    for (x, y), (name, shape) in zip(places, blocks, strict=True):
        tall = _height(shape)
        box = FancyBboxPatch(
            (x - BOX / 2, y - tall / 2),
            BOX,
            tall,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="#e8f1f8",
            edgecolor=CLASS_COLOURS["Normal"],
            linewidth=1.2,
        )
        axis.add_patch(box)
        axis.annotate(textwrap.fill(name, 17), (x, y), ha="center", va="center", fontsize=10)
        axis.annotate(shape.replace(" x ", " × "), (x, y - tall / 2 - 0.06), ha="center", va="top", color="#444444")
    for (x, y), (next_x, next_y) in itertools.pairwise(places):
        _arrow(axis, (x + BOX / 2, y), (next_x - BOX / 2, next_y))
    return figure


def _beat(time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the amplitude in mV of one beat at times in s from its R peak."""
    waves = [amplitude * np.exp(-0.5 * ((time - centre) / width) ** 2) for centre, amplitude, width in WAVES.values()]
    return np.sum(waves, axis=0)


def _bracket(axis: Axes, left: float, right: float, y: float, text: str) -> None:
    """Draw a bracket under a stretch of the curve."""
    axis.plot([left, left, right, right], [y + 0.04, y, y, y + 0.04], color="black", linewidth=1)
    axis.annotate(text, ((left + right) / 2, y - 0.03), ha="center", va="top", fontsize=9)


def _height(shape: str) -> float:
    """Return the height of a box in inches: by the logarithm of how many numbers leave it."""
    sizes = [int(size) for size in re.findall(r"\d+", shape.replace(",", ""))]
    return float(np.clip(0.1 * math.log2(math.prod(sizes)) if sizes else 0.6, 0.5, 1.3))


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow from a box to the next, by way of the space between two rows where the next is in another row."""
    line = {"arrowstyle": "-|>", "color": "#444444", "shrinkA": 0, "shrinkB": 0}
    if start[1] == end[1]:
        axis.annotate("", end, xytext=start, arrowprops=line)
        return
    out, back, between = start[0] + 0.1, end[0] - 0.15, end[1] + ROW / 2 + 0.02
    axis.plot(
        [start[0], out, out, back, back], [start[1], start[1], between, between, end[1]], color="#444444", linewidth=1
    )
    axis.annotate("", end, xytext=(back, end[1]), arrowprops=line)
