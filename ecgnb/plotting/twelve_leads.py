"""Twelve leads on ECG paper as clinicians read them: three rows of four, and lead II all along below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecgnb.datasets.own.twelve import TwelveLeads
from ecgnb.datasets.twelve_leads import LEADS
from ecgnb.errors import UsageError
from ecgnb.plotting.ecg_paper import GREY, INK, MM_PER_INCH, MM_PER_SECOND, PULSE_MM, clock, paper, stretch
from ecgnb.plotting.fonts import BASE, put
from ecgnb.plotting.style import on_paper

ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))

RHYTHM = "II"

SECONDS, LEAST_SECONDS = 10.0, 4.0

GAINS = (10.0, 5.0, 2.5)  # mm/mV; the first at which all leads have room

MOST_MM = 180.0  # height of the paper: what A4 has room for

LEAST_SPACING, GAP_MM, NAME_MM = 25.0, 2.0, 4.0

NAME_SECONDS = 0.4  # of trace that stands below a lead's name

FURTHEST_MM = 60.0  # from a lead's baseline; what lies further out, such as an electrode that falls off, is cut

SIDE, TOP, BOTTOM = 8.0, 16.0, 12.0  # mm of page around the paper


@dataclass(frozen=True)
class Strip:
    """A lead's stretch on paper.

    Parameters
    ----------
    lead : str
    x : float
        mm from the paper's left edge, of its first sample.
    mv : (n,) float64 array
        Without the median of the ten seconds; NaN where there is no value.
    fs : float
    """

    lead: str
    x: float
    mv: NDArray[np.float64]
    fs: float


@on_paper()
def plot_twelve_leads(ecg: TwelveLeads, *, start: float = 0.0, title: str = "") -> Figure:
    """Draw ten seconds of twelve leads on ECG paper: 25 mm/s, 10 mm/mV, a calibration pulse before each row.

    The rows are I, aVR, V1, V4; II, aVL, V2, V5; III, aVF, V3, V6, a quarter of the time each, one after the other; the
    fourth row is lead II all the time. Where beats are so tall that the paper has no room, all leads are drawn at 5 or
    2.5 mm/mV, and that is said. A millimetre of the paper is one of the page: save it with `ecg_paper.save_paper`.

    Parameters
    ----------
    ecg : TwelveLeads
    start : float
        s; where the recording ends sooner, so does the paper.
    title : str
        The recording's name where it is not given.

    Raises
    ------
    UsageError
        Where from `start` on there are less than four seconds.
    """
    seconds = min(SECONDS, ecg.seconds - start)
    if start < 0 or seconds < LEAST_SECONDS - 1e-9:
        raise UsageError(
            f"from {start:g} s on {ecg.name} has {max(seconds, 0):.1f} s; expected at least {LEAST_SECONDS:g}, of "
            "which each lead gets a quarter"
        )
    rows = _strips(ecg, start, seconds)
    gain, bases, height = _room(rows)
    width = 5 * np.ceil((PULSE_MM + MM_PER_SECOND * seconds) / 5 - 1e-6)
    page = (width + 2 * SIDE, TOP + height + BOTTOM)
    figure = Figure(figsize=(page[0] / MM_PER_INCH, page[1] / MM_PER_INCH), dpi=100, facecolor="white")
    axis = paper(figure, SIDE, TOP, width, height)
    for row, base in zip(rows, bases, strict=True):
        _draw_row(axis, row, base, gain)
    for second in range(int(seconds + 1e-6) + 1):
        at = PULSE_MM + MM_PER_SECOND * second
        axis.plot([at, at], [0, -0.9], color=GREY, linewidth=0.5, clip_on=False)
        axis.text(at, -1.3, clock(start + second), ha="center", va="top", fontsize=5.5, color=GREY, family=BASE)
    _write_around(figure, ecg, title or ecg.name, f"25 mm/s, {gain:g} mm/mV", start, seconds)
    return figure


def _strips(ecg: TwelveLeads, start: float, seconds: float) -> list[list[Strip]]:
    """Cut the recording into the strips of four rows."""
    whole = {lead: stretch(one, ecg.fs, start, seconds) for lead, one in zip(LEADS, ecg.signal, strict=True)}
    n_samples = len(whole[RHYTHM])
    edges = np.round(np.linspace(0, n_samples, len(ROWS[0]) + 1)).astype(int)
    x = PULSE_MM + MM_PER_SECOND * edges / ecg.fs
    rows = [
        [Strip(lead, float(x[k]), whole[lead][edges[k] : edges[k + 1]], ecg.fs) for k, lead in enumerate(row)]
        for row in ROWS
    ]
    return [*rows, [Strip(RHYTHM, PULSE_MM, whole[RHYTHM], ecg.fs)]]


def _room(rows: list[list[Strip]]) -> tuple[float, list[float], float]:
    """Return the gain, each row's baseline and the paper's height (mm), so that no row runs into another."""
    for gain in GAINS:
        high, low = np.array([_reach(row, gain) for row in rows]).T
        needed = np.maximum(LEAST_SPACING, low[:-1] + GAP_MM + high[1:])
        from_top = np.cumsum([5 * np.ceil((high[0] + GAP_MM) / 5), *(5 * np.ceil(needed / 5 - 1e-6))])
        height = float(from_top[-1] + 5 * np.ceil((low[-1] + GAP_MM) / 5))
        if height <= MOST_MM:
            break
    return gain, [float(height - one) for one in from_top], height


def _reach(row: list[Strip], gain: float) -> tuple[float, float]:
    """Return how far a row reaches above and below its baseline, in mm, names and pulse included."""
    known = [strip.mv[np.isfinite(strip.mv)] * gain for strip in row]
    high = max([gain, *(float(mm.max()) for mm in known if mm.size)])
    names = max(_name_height(strip, gain) for strip in row) + NAME_MM
    low = max([5.0, *(-float(mm.min()) for mm in known if mm.size)])
    return min(max(high, names), FURTHEST_MM), min(low, FURTHEST_MM)


def _name_height(strip: Strip, gain: float) -> float:
    """Return how high above its baseline a lead's name stands, so that the trace does not cross it, in mm."""
    first = strip.mv[: max(1, round(NAME_SECONDS * strip.fs))]
    known = first[np.isfinite(first)]
    return float(np.clip(known.max() * gain + 1.5 if known.size else 4.0, 4.0, FURTHEST_MM - NAME_MM))


def _draw_row(axis: Axes, row: list[Strip], base: float, gain: float) -> None:
    """Draw the pulse, the leads one after the other, their names, and a tick where one ends."""
    pulse = np.array([[1, 0], [3, 0], [3, 1], [8, 1], [8, 0], [9.5, 0]]) * (1, gain) + (0, base)
    axis.plot(*pulse.T, color=INK, linewidth=0.7, zorder=3)
    for strip in row:
        x = strip.x + MM_PER_SECOND * np.arange(len(strip.mv)) / strip.fs
        mm = np.where(np.abs(strip.mv) * gain <= FURTHEST_MM, strip.mv * gain, np.nan)
        axis.plot(x, base + mm, color=INK, linewidth=0.75, solid_joinstyle="round", zorder=4)
        if not np.isfinite(mm).any():
            axis.text(x.mean(), base, "no value", ha="center", va="center", fontsize=7, color=GREY, family=BASE)
        if strip.x > PULSE_MM:
            axis.plot([strip.x, strip.x], [base - 2.5, base + 2.5], color=INK, linewidth=0.9, zorder=5)
        axis.text(
            strip.x + 1, base + _name_height(strip, gain), strip.lead, va="bottom", fontsize=8, fontweight="bold",
            color=INK, family=BASE, zorder=6,
        )  # fmt: skip


def _write_around(figure: Figure, ecg: TwelveLeads, title: str, scale: str, start: float, seconds: float) -> None:
    """Write name and scale above the paper, and below it what is doubtful and what the page is not for."""
    wide, high = (MM_PER_INCH * side for side in figure.get_size_inches())
    most = int((wide - 2 * SIDE) / 2.6)
    put(figure, SIDE / wide, 1 - 7 / high, title, most=most, fontsize=11, fontweight="bold", color=INK, va="center")
    said = f"{clock(start)} to {clock(start + seconds)}  ·  {scale}  ·  {ecg.fs:g} Hz"
    put(figure, SIDE / wide, 1 - 12.5 / high, said, fontsize=7.5, color=GREY, va="center")
    if ecg.notes:
        line = int((wide - 2 * SIDE) / 1.25)
        put(figure, SIDE / wide, 7 / high, "; ".join(ecg.notes), most=line, fontsize=6.5, color=INK, va="center")
    foot = "For learning and research, not for diagnosis."
    put(figure, SIDE / wide, 3.5 / high, foot, fontsize=6.5, color=GREY, va="center")
