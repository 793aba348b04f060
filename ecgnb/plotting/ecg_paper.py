"""ECG paper: 25 mm are a second and 10 mm a millivolt, on the screen's page as on the printed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from ecgnb.classifier.result import UNSURE, ClassifiedRecording
from ecgnb.datasets.own.recording import Recording
from ecgnb.errors import UsageError
from ecgnb.plotting.fonts import BASE, put
from ecgnb.plotting.style import class_colour, class_marker, on_paper

MM_PER_INCH, MM_PER_SECOND, MM_PER_MV = 25.4, 25.0, 10.0

DPI = 254  # ten pixels are a millimetre

LINE_SECONDS, MOST_SECONDS = 10.0, 300.0

PULSE_MM = 10.0  # of paper before the signal, for the pulse that says how high a millivolt is

LABELS_MM = 6.0  # of paper above the signal, for the labels

LEAST_MM, MOST_MM = 30.0, 60.0  # height of a line

IN_MV = {"mv": 1.0, "millivolt": 1.0, "millivolts": 1.0, "uv": 1e-3, "microvolt": 1e-3, "microvolts": 1e-3,
         "nv": 1e-6, "v": 1e3, "volt": 1e3, "volts": 1e3}  # fmt: skip

PLAUSIBLE_MV = (0.02, 20.0)  # that a QRS is high

PAPER, FINE, COARSE, INK, GREY = "#FFFBFA", "#F8DEDA", "#EDB9B2", "#1A1A1A", "#6B6B6B"


@dataclass(frozen=True)
class Scale:
    """How a recording's numbers become millimetres of paper.

    Parameters
    ----------
    mm_per_unit : float
        Millimetres that one unit of the signal is high.
    pulse_mm : float
        Height of the calibration pulse: of a millivolt; without a unit, of a usual QRS.
    highest_mm : float
        Height of the recording's highest beats, but for a few.
    has_unit : bool
        False where the unit says nothing of a millivolt: a usual QRS is then 10 mm high.
    said : str
        The same in words.
    """

    mm_per_unit: float
    pulse_mm: float
    highest_mm: float
    has_unit: bool
    said: str


def scale_of(recording: Recording, found: ClassifiedRecording) -> Scale:
    """Return the scale of a recording, the same on all its pages: 10 mm/mV, where the unit allows.

    Beats too high for the paper are drawn at 5 or 2.5 mm/mV, as on any electrocardiograph. Where there is no unit, or
    one that says nothing of millivolts, or a QRS of a height that no heart makes, a usual QRS is 10 mm high.
    """
    heights = _heights(recording.signal, found)
    usual = float(np.median(heights))
    high = min(float(np.quantile(heights, 0.98)), 3 * usual)  # higher than that is a lead that moves
    in_mv = IN_MV.get(recording.unit.strip().replace("µ", "u").replace("μ", "u").lower())
    if in_mv is None or not PLAUSIBLE_MV[0] <= usual * in_mv <= PLAUSIBLE_MV[1]:
        why = f" (the file says {recording.unit})" if recording.unit else ""
        said = f"25 mm/s, amplitude without unit{why}: a usual QRS is 10 mm high"
        return Scale(MM_PER_MV / usual, MM_PER_MV, MM_PER_MV * high / usual, False, said)
    gain = next((gain for gain in (10.0, 5.0, 2.5) if gain * in_mv * high <= MOST_MM - LABELS_MM - 4), 1.0)
    return Scale(gain * in_mv, gain, gain * in_mv * high, True, f"25 mm/s, {gain:g} mm/mV")


def _heights(signal: NDArray[np.float32], found: ClassifiedRecording, most: int = 500) -> NDArray[np.float64]:
    """Return how high beats are, of at most `most` of them, in the signal's unit; of its range where there are none."""
    reach = round(0.08 * found.fs)
    r = found.beats["r_sample"].to_numpy(dtype=np.int64)
    r = r[(r >= reach) & (r < len(signal) - reach)]
    r = r[np.linspace(0, len(r) - 1, min(most, len(r))).astype(np.int64)] if len(r) else r
    windows = signal[r[:, None] + np.arange(-reach, reach + 1)].astype(np.float64)
    heights = windows.max(axis=1) - windows.min(axis=1) if len(r) else np.zeros(0)
    heights = heights[np.isfinite(heights) & (heights > 0)]
    if len(heights):
        return heights
    some = signal[:: max(1, len(signal) // 100_000)]
    some = some[np.isfinite(some)]
    span = float(np.ptp(np.quantile(some, [0.005, 0.995]))) if len(some) else 0.0
    return np.array([span or 1.0])


@on_paper()
def plot_ecg_paper(
    recording: Recording,
    found: ClassifiedRecording,
    *,
    start: float = 0.0,
    seconds: float = 30.0,
    line_seconds: float = LINE_SECONDS,
) -> Figure:
    """Draw a stretch of a recording on ECG paper, each beat's label above it in its class's colour and form.

    A millimetre of the paper is one of the page: save it with `save_paper`, which crops nothing.

    Parameters
    ----------
    recording : Recording
        As it was classified: turned over where that was.
    found : ClassifiedRecording
    start, seconds : float
        Which stretch; where the recording ends sooner, so does the paper.
    line_seconds : float
        Of one line.

    Raises
    ------
    UsageError
        For a stretch outside the recording, or one of more than five minutes.
    """
    check_stretch(start, seconds, found.seconds)
    seconds = min(seconds, found.seconds - start)
    starts = start + line_seconds * np.arange(max(1, int(np.ceil(seconds / line_seconds - 1e-9))))
    lengths = [min(line_seconds, start + seconds - low) for low in starts]
    scale = scale_of(recording, found)
    height, base = room_for([stretch(recording.signal, found.fs, *line) for line in zip(starts, lengths, strict=True)],
                            scale)  # fmt: skip
    side, top, between, bottom = 8.0, 16.0, 8.0, 10.0
    page_width = max(PULSE_MM + MM_PER_SECOND * lengths[0], 110.0) + 2 * side
    page_height = top + len(starts) * (height + between) - between + bottom + 5
    figure = Figure(figsize=(page_width / MM_PER_INCH, page_height / MM_PER_INCH), dpi=100, facecolor="white")
    _write_title(figure, recording, scale, start, start + seconds, side)
    for place, (low, length) in enumerate(zip(starts, lengths, strict=True)):
        axis = paper(figure, side, top + place * (height + between), PULSE_MM + MM_PER_SECOND * length, height)
        draw_line(axis, recording, found, start=float(low), seconds=length, scale=scale, base=base)
    here = found.beats[found.beats["time_s"].between(start, start + seconds, inclusive="left")]
    _write_legend(figure, here, side)
    return figure


def check_stretch(start: float, seconds: float, length: float) -> None:
    """Raise `UsageError` where a stretch to draw is not one of a recording of `length` seconds."""
    if not 0 <= start < length:
        raise UsageError(
            f"the start, {start:g} s, lies outside the recording, which lasts {length:.1f} s; "
            f"expected 0 to less than {length:.1f}"
        )
    if not 1 <= seconds <= MOST_SECONDS:
        raise UsageError(f"seconds={seconds:g}; expected 1 to {MOST_SECONDS:g}, which are drawn on one page")


def save_paper(figure: Figure, target: Any, form: str = "png") -> None:
    """Save a figure whole: cropping nothing, scaling nothing, and the same bytes for the same figure.

    Parameters
    ----------
    figure : Figure
    target : path or binary stream
    form : str
        png, jpg, svg or pdf.
    """
    about = {"pdf": {"CreationDate": None, "Creator": "ecgnb"}, "svg": {"Date": None, "Creator": "ecgnb"}}
    how: dict[str, Any] = {"metadata": about[form]} if form in about else {}
    width, height = figure.get_size_inches()
    with on_paper():
        figure.savefig(
            target, format=form, dpi=DPI, bbox_inches=Bbox.from_bounds(0, 0, width, height), facecolor="white",
            **how,
        )  # fmt: skip


def paper(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return ECG paper on a figure, in mm from its left and upper edge; its coordinates are mm from its lower left."""
    wide, high = (MM_PER_INCH * side for side in figure.get_size_inches())
    axis = figure.add_axes((left / wide, 1 - (top + height) / high, width / wide, height / high))
    axis.set(xlim=(0, width), ylim=(0, height), xticks=[], yticks=[], facecolor=PAPER)
    axis.grid(False)
    for fine, colour, line in ((True, FINE, 0.3), (False, COARSE, 0.5)):
        x, y = (
            np.array([mm for mm in range(int(side + 1e-6) + 1) if (mm % 5 > 0) == fine]) for side in (width, height)
        )
        upright = [[(mm, 0), (mm, height)] for mm in x]
        level = [[(0, mm), (width, mm)] for mm in y]
        axis.add_collection(LineCollection(upright + level, colors=colour, linewidths=line, zorder=1), autolim=False)
    for spine in axis.spines.values():
        spine.set(visible=True, color=COARSE, linewidth=0.5)
    return axis


def stretch(signal: NDArray[np.float32], fs: float, start: float, seconds: float) -> NDArray[np.float64]:
    """Return a stretch of a signal, its median taken away as an electrocardiograph's filter would."""
    first = max(0, int(np.ceil(start * fs - 1e-6)))
    part = signal[first : int(np.ceil((start + seconds) * fs - 1e-6))].astype(np.float64)
    part = np.where(np.isfinite(part), part, np.nan)
    return part - np.nanmedian(part) if np.isfinite(part).any() else part


def room_for(parts: list[NDArray[np.float64]], scale: Scale, most: float = MOST_MM) -> tuple[float, float]:
    """Return the height of paper that holds some stretches, and where on it their medians lie, in mm.

    What lies further out than any beat of the recording, such as a lead that moves, is cut off at the paper's edge.
    """
    known = [part[np.isfinite(part)] * scale.mm_per_unit for part in parts if np.isfinite(part).any()]
    reach = scale.highest_mm + 3
    low = min([-5.0, *(max(float(part.min()), -reach) for part in known)])
    high = max([scale.pulse_mm + 1, *(min(float(part.max()), reach) for part in known)])
    height = float(np.clip(5 * np.ceil((high - low + LABELS_MM + 3) / 5), LEAST_MM, most))
    spare = height - LABELS_MM - (high - low)
    base = -low + (spare / 2 if spare > 0 else 2.0)
    return height, float(np.clip(5 * np.round(base / 5), 5, height - LABELS_MM - scale.pulse_mm))


def draw_line(
    axis: Axes,
    recording: Recording,
    found: ClassifiedRecording,
    *,
    start: float,
    seconds: float,
    scale: Scale,
    base: float,
    telling: float | None = None,
) -> None:
    """Draw one line on paper: pulse, signal, labels, seconds.

    Parameters
    ----------
    axis : Axes
        As `paper` gives it.
    recording, found
    start, seconds : float
    scale : Scale
    base : float
        Where the signal's median lies, mm.
    telling : float, optional
        Time of a beat to shade, s.
    """
    part = stretch(recording.signal, found.fs, start, seconds)
    first = max(0, int(np.ceil(start * found.fs - 1e-6)))
    x = PULSE_MM + MM_PER_SECOND * ((first + np.arange(len(part))) / found.fs - start)
    height = axis.get_ylim()[1]
    if telling is not None:
        at = PULSE_MM + MM_PER_SECOND * (telling - start)
        axis.axvspan(at - 7, at + 7, color="#FFE9A8", alpha=0.55, linewidth=0, zorder=0.5)
    pulse = np.array([[1, 0], [3, 0], [3, 1], [8, 1], [8, 0], [9.5, 0]]) * (1, scale.pulse_mm) + (0, base)
    axis.plot(*pulse.T, color=INK, linewidth=0.7, linestyle="-" if scale.has_unit else (0, (2, 1.5)), zorder=3)
    axis.plot(x, base + scale.mm_per_unit * part, color=INK, linewidth=0.75, solid_joinstyle="round", zorder=4)
    if not np.isfinite(part).any():
        middle = PULSE_MM + MM_PER_SECOND * seconds / 2
        axis.text(middle, height / 2, "no value", ha="center", va="center", fontsize=8, color=GREY, family=BASE)
    here = found.beats[found.beats["time_s"].between(start, start + seconds, inclusive="left")]
    for label, time in zip(here["label"], here["time_s"], strict=True):
        _write_label(axis, str(label), PULSE_MM + MM_PER_SECOND * (float(time) - start), height)
    for second in range(int(np.ceil(start - 1e-6)), int(start + seconds + 1e-6) + 1):
        at = PULSE_MM + MM_PER_SECOND * (second - start)
        axis.plot([at, at], [0, -0.9], color=COARSE, linewidth=0.5, clip_on=False)
        axis.text(at, -1.3, clock(second), ha="center", va="top", fontsize=5.5, color=GREY, family=BASE)


def _write_label(axis: Axes, label: str, x: float, height: float) -> None:
    """Write a beat's label at the upper edge of the paper, and its class's form below it."""
    colour = class_colour(label)
    axis.plot([x], [height - 5.0], class_marker(label), color=colour, markersize=2.8, markeredgewidth=0, zorder=5)
    axis.text(
        x, height - 0.9, label[:8], ha="center", va="top", fontsize=7.5, color=colour, family=BASE, zorder=5,
        fontweight="normal" if label == "N" else "bold", parse_math=False,
    )  # fmt: skip


def clock(seconds: float) -> str:
    """Return a time in a recording as a clock shows it: 0:05, 12:34, 1:02:03."""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _write_title(figure: Figure, recording: Recording, scale: Scale, start: float, end: float, side: float) -> None:
    wide, high = (MM_PER_INCH * length for length in figure.get_size_inches())
    name = f"{recording.name}, {recording.lead}" if recording.lead else recording.name
    most = int((wide - 2 * side) / 3)
    put(figure, side / wide, 1 - 7 / high, name, most=most, fontsize=11, fontweight="bold", color=INK, va="center")
    said = f"{clock(start)} to {clock(end)}  ·  {scale.said}"
    put(figure, side / wide, 1 - 12 / high, said, fontsize=7.5, color=GREY, va="center")


def _write_legend(figure: Figure, beats: pd.DataFrame, side: float) -> None:
    """Write at the foot what the labels are, and what the page is not for."""
    wide, high = (MM_PER_INCH * length for length in figure.get_size_inches())
    said = "Labels: a network's."
    if (beats["label"] == UNSURE).any():
        said += " ?: not classified."
    said += " For learning and research, not for diagnosis."
    put(figure, side / wide, 5 / high, said, fontsize=7, color=GREY, va="center")
