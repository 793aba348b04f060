"""A report of a recording, to keep: a page or two of A4, or a page of HTML that needs no network."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from ecgnb.classifier.result import ClassifiedRecording
from ecgnb.datasets.own.recording import Recording
from ecgnb.errors import UsageError
from ecgnb.files import written_whole
from ecgnb.plotting.ecg_paper import (
    GREY,
    MM_PER_INCH,
    MM_PER_SECOND,
    PULSE_MM,
    Scale,
    draw_line,
    paper,
    room_for,
    save_paper,
    scale_of,
    stretch,
)
from ecgnb.plotting.fonts import BASE
from ecgnb.plotting.report_html import page_of
from ecgnb.plotting.report_page import HIGH, Page
from ecgnb.plotting.report_words import DISCLAIMER, STRIP_SECONDS, Telling, Words, words_of
from ecgnb.plotting.style import class_colour, class_marker, on_paper

FORMS = ("pdf", "html")

STRIP_MM = PULSE_MM + MM_PER_SECOND * STRIP_SECONDS

BOTTOM, CAPTION = 11.5, 10.0  # mm below what is written, and around each strip

MANY = 5_000  # marks, which are drawn smaller, and as a picture

CELLS = (600, 100)  # of the tachogram, across and up: one mark in each, so that a day is no heavier than an hour

IRREGULAR_COLOUR, NOISE_COLOUR = "#F6E3B4", "#DDDDDD"


def write_report(
    recording: Recording,
    found: ClassifiedRecording,
    target: str | Path | BinaryIO,
    *,
    model: str | Path = "beat_sequence",
    model_name: str = "",
    form: str | None = None,
) -> None:
    """Write a report of a recording: the same bytes for the same recording, labels and versions.

    Parameters
    ----------
    recording : Recording
        As it was classified: turned over where that was.
    found : ClassifiedRecording
    target : path or binary stream
        A path that ends in .pdf or .html, or what bytes are written to.
    model : str or path
        What labelled the beats: name of pretrained weights, or a model's file.
    model_name : str
        What the model is called, where its file has another name.
    form : str, optional
        pdf or html; where it is not given, what the path ends in, and pdf for a stream.

    Raises
    ------
    UsageError
        For a form that is neither, or a path that cannot be written.
    ModelError
        Where the model's file is gone.
    """
    is_path = isinstance(target, str | Path)
    form = form or (Path(str(target)).suffix.lower().removeprefix(".") if is_path else "pdf")
    if form not in FORMS:
        raise UsageError(f"{form or target!r} is no form of a report; expected one of: {', '.join(FORMS)}")
    content = report_bytes(recording, found, model=model, model_name=model_name, form=form)
    if not isinstance(target, str | Path):
        target.write(content)
        return
    with written_whole(target) as new:
        new.write_bytes(content)


@on_paper()
def report_bytes(
    recording: Recording, found: ClassifiedRecording, *, model: str | Path, model_name: str = "", form: str = "pdf"
) -> bytes:
    """Return a report as `write_report` writes it."""
    words = words_of(recording, found, model, model_name)
    scale = scale_of(recording, found)
    return _html(recording, found, words, scale) if form == "html" else _pdf(recording, found, words, scale)


def _pdf(recording: Recording, found: ClassifiedRecording, words: Words, scale: Scale) -> bytes:
    stream = io.BytesIO()
    about: dict[str, Any] = {"CreationDate": None, "Creator": "ecgnb", "Title": "ECG report"}
    with PdfPages(stream, metadata=about) as pages:
        for figure in report_pages(recording, found, words, scale):
            save_paper(figure, pages, "pdf")
    return stream.getvalue()


def _html(recording: Recording, found: ClassifiedRecording, words: Words, scale: Scale) -> bytes:
    figure = Figure(figsize=((STRIP_MM + 6) / MM_PER_INCH, 50 / MM_PER_INCH))
    draw_tachogram(_axes(figure, 12, 6, STRIP_MM - 9, 35), found)
    strips = []
    height, base = _room(recording, found, words.telling, scale)
    for one in words.telling:
        strip = Figure(figsize=((STRIP_MM + 6) / MM_PER_INCH, (height + 7) / MM_PER_INCH))
        _draw_strip(strip, recording, found, one, scale, left=3, top=1, height=height, base=base)
        strips.append((one.caption, _svg(strip)))
    return page_of(words, scale.said, _svg(figure), strips).encode()


def _svg(figure: Figure) -> bytes:
    stream = io.BytesIO()
    save_paper(figure, stream, "svg")
    return stream.getvalue()


def report_pages(recording: Recording, found: ClassifiedRecording, words: Words, scale: Scale) -> list[Figure]:
    """Return the pages of a report, one or two: what was found, how far to believe it, the beats on ECG paper."""
    first = _first_page(found, words)
    height, base = _room(recording, found, words.telling, scale)
    pages, page, rest = [first.figure], first, list(words.telling)
    while rest:
        room = int((HIGH - BOTTOM - 8 - page.top) // (height + CAPTION))
        if page is not first or room > 0:
            page.heading("Beats that tell most", f"{scale.said}; shaded: the beat; print without scaling")
        for one in rest[: max(0, room)]:
            page.write(one.caption, size=8, most_lines=1)
            page.skip(0.6)
            _draw_strip(
                page.figure, recording, found, one, scale, left=page.left, top=page.top, height=height, base=base
            )
            page.skip(height + 6)
        rest = rest[max(0, room) :] if page is first else []
        if rest:
            page = Page()
            pages.append(page.figure)
            page.put(page.left + page.width, DISCLAIMER, size=8.5, colour=GREY, align="right")
            with page.column(page.left, page.width - 75):
                page.write(words.title, size=13, bold=True, most_lines=1)
            page.skip(2)
            page.foot(words.versions)
    return pages


def _first_page(found: ClassifiedRecording, words: Words) -> Page:
    page = Page()
    page.foot(words.versions)
    page.skip(2)
    page.put(page.left + page.width, f"ECG report. {DISCLAIMER}", size=8.5, colour=GREY, align="right")
    page.skip(-2)
    with page.column(page.left, page.width - 92):
        page.write(words.title, size=17, bold=True, most_lines=1)
    page.write(words.read[0], size=8.5, colour=GREY, most_lines=2)
    for note in words.read[1:]:
        page.write(note, size=8, colour=GREY, most_lines=1)
    page.skip(1.5)
    page.rule()
    page.tiles(words.tiles)
    page.heading("Heart rate, beat by beat")
    draw_tachogram(_axes(page.figure, page.left + 9, page.top + 4.0, page.width - 10, 30), found)
    page.skip(45)
    top = page.top
    page.heading("What the network found")
    _count_rows(page, words)
    end, page.top = page.top, top
    with page.column(page.left + 103, page.width - 103):
        page.heading("How sure it is")
        page.bullets(words.could_be, 2)
    page.top = max(page.top, end) + 1.5
    page.heading("What not to believe")
    page.bullets(words.doubts, 3)
    for paragraph in words.limits:
        page.bullets([paragraph], 5)
    page.skip(2)
    return page


def _count_rows(page: Page, words: Words) -> None:
    """Write a row a class: form, letter, name, number, share."""
    for label, name, n, share in words.counts:
        strength = 1.0 if n else 0.4
        page.mark(page.left + 1.5, page.top + 1.9, class_marker(label), class_colour(label), strength)
        page.put(page.left + 5, label[:12], size=8.5, bold=True, colour=class_colour(label), alpha=strength)
        page.put(page.left + (11 if len(label) < 3 else 28), name, size=8.5, alpha=strength)
        page.put(page.left + 80, f"{n:,}", size=8.5, align="right", alpha=strength)
        page.put(page.left + 93, f"{share:.1%}", size=8.5, align="right", colour=GREY, alpha=strength)
        page.skip(4.6)


def _room(
    recording: Recording, found: ClassifiedRecording, telling: list[Telling], scale: Scale
) -> tuple[float, float]:
    parts = [stretch(recording.signal, found.fs, one.start, STRIP_SECONDS) for one in telling]
    return room_for(parts, scale, most=50.0)


def _draw_strip(
    figure: Figure,
    recording: Recording,
    found: ClassifiedRecording,
    one: Telling,
    scale: Scale,
    *,
    left: float,
    top: float,
    height: float,
    base: float,
) -> None:
    axis = paper(figure, left, top, STRIP_MM, height)
    seconds = min(STRIP_SECONDS, found.seconds - one.start)
    at = None if one.beat < 0 else float(found.beats["time_s"].loc[one.beat])
    draw_line(axis, recording, found, start=one.start, seconds=seconds, scale=scale, base=base, telling=at)


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return axes on a figure, in mm from its left and upper edge."""
    wide, high = (MM_PER_INCH * side for side in figure.get_size_inches())
    return figure.add_axes((left / wide, 1 - (top + height) / high, width / wide, height / high))


def draw_tachogram(axis: Axes, found: ClassifiedRecording) -> None:
    """Draw beats a minute over time, coloured by class; shaded where the rhythm is irregular, or nothing like an ECG.

    Parameters
    ----------
    axis : Axes
    found : ClassifiedRecording
    """
    unit, per = ("h", 3600.0) if found.seconds > 2 * 3600 else ("min", 60.0) if found.seconds > 120 else ("s", 1.0)
    beats = found.beats.dropna(subset=["rr_s"])
    rate = 60 / beats["rr_s"].to_numpy(dtype=np.float64)
    low, high = _range_of(rate)
    kept = _one_a_cell(beats["time_s"].to_numpy() / found.seconds, (rate - low) / (high - low), beats["label"])
    handles: list[Any] = []
    order = [name for name in [*found.classes, "?"] if (beats["label"] == name).any()]
    many = int(kept.sum()) > MANY
    for label in sorted(order, key=lambda name: (name != "N", name != "?")):  # the rarer above the usual
        some = kept & (beats["label"] == label).to_numpy()
        how: dict[str, Any] = {"marker": class_marker(label), "color": class_colour(label), "markeredgewidth": 0}
        size = (1.9 if label == "N" else 2.6) * (0.55 if many else 1)
        at, height = beats["time_s"][some] / per, np.clip(rate[some], low, high)
        axis.plot(at, height, linestyle="", markersize=size, rasterized=many, **how)
        handles.append(Line2D([], [], linestyle="", markersize=4, label=label[:12], **how))
    noise = found.quality[~found.quality["is_ecg"]]
    for table, colour, what in (
        (found.irregular, IRREGULAR_COLOUR, "irregular rhythm"), (noise, NOISE_COLOUR, "does not look like an ECG"),
    ):  # fmt: skip
        if len(table):
            _shade(axis, _joined(table, found.seconds / 1000) / per, colour)
            handles.append(Patch(color=colour, label=what))
    axis.set(xlim=(0, found.seconds / per), ylim=(low, high), facecolor="white")
    axis.set_xlabel(f"time ({unit})", fontsize=7, color=GREY, family=BASE, labelpad=2)
    axis.set_ylabel("beats a minute", fontsize=7, color=GREY, family=BASE, labelpad=3)
    axis.tick_params(labelsize=7, labelcolor=GREY, color="#BBBBBB", length=2, labelfontfamily=BASE)
    axis.grid(True, color="#E9E9E9", linewidth=0.5)
    axis.set_axisbelow(True)
    for side, spine in axis.spines.items():
        spine.set(visible=side in ("left", "bottom"), color="#BBBBBB", linewidth=0.6)
    axis.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1.01), ncols=8, frameon=False, borderaxespad=0,
        handletextpad=0.3, columnspacing=1.2, handlelength=1.2, prop={"family": BASE, "size": 7},
    )  # fmt: skip


def _range_of(rate: np.ndarray) -> tuple[float, float]:
    """Return the rates to draw: nearly all beats', in tens; the others lie on the border."""
    if not len(rate):
        return 40.0, 120.0
    low, high = np.quantile(rate, [0.002, 0.998])
    return max(0.0, 10 * np.floor(low / 10) - 10), float(min(300.0, 10 * np.ceil(high / 10) + 10))


def _one_a_cell(x: np.ndarray, y: np.ndarray, label: pd.Series) -> np.ndarray:
    """Say which beats to draw: of those of one class in one cell of the picture, the first."""
    cells = pd.DataFrame({"x": (CELLS[0] * x).astype(int), "y": (CELLS[1] * np.clip(y, 0, 1)).astype(int)})
    return ~cells.assign(label=label.to_numpy()).duplicated().to_numpy()


def _joined(table: pd.DataFrame, near: float) -> np.ndarray:
    """Return start and length of stretches, (n, 2); those nearer to each other than `near` seconds are one."""
    start, end = table["start_s"].to_numpy(), (table["start_s"] + table["seconds"]).to_numpy()
    apart = start[1:] - end[:-1] > near
    first, last = start[np.r_[True, apart]], end[np.r_[apart, True]]
    return np.column_stack([first, last - first])


def _shade(axis: Axes, stretches: np.ndarray, colour: str) -> None:
    """Shade stretches of time, and mark each at the foot, where no beat hides it."""
    across = axis.get_xaxis_transform()
    for start, length in stretches:
        for height, order in ((1.0, 0.4), (0.035, 3.0)):
            axis.add_patch(
                Rectangle((start, 0), length, height, transform=across, color=colour, linewidth=0, zorder=order)
            )


__all__ = ["FORMS", "draw_tachogram", "report_bytes", "report_pages", "write_report"]
