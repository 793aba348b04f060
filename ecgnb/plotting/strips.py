"""Stretches of a recording, with beats marked on them."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ecgnb.classifier.result import ClassifiedRecording
from ecgnb.datasets.own.recording import Recording
from ecgnb.datasets.wfdb import CLASS_NAMES, Record
from ecgnb.detection.r_peaks import SlopeStages
from ecgnb.plotting.style import ALARM_COLOUR, CLASS_COLOURS


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


def plot_slope_stages(
    wave: NDArray[np.floating],
    stages: SlopeStages,
    *,
    fs: float,
    share: float,
    found: ArrayLike,
    reference: ArrayLike,
    start: float = 0.0,
    seconds: float = 4.0,
    title: str = "",
) -> Figure:
    """Draw how `detection.slope_detector` sees a stretch: the signal, its filtered form, the slope and the threshold.

    Parameters
    ----------
    wave : (n_samples,) float array
        In mV.
    stages : SlopeStages
        As `detection.slope_stages` gives it.
    fs : float
        Samples per second.
    share : float
        Of the usual height, where the threshold is.
    found, reference : (n,), (m,) int array
        R peaks that the detector gives in the end, and annotated ones.
    start, seconds : float
        Which stretch.
    title : str
    """
    first, last = int(start * fs), min(len(wave), int((start + seconds) * fs))
    time = np.arange(first, last) / fs
    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(10, 5.6), sharex=True)
    top.plot(time, wave[first:last], color="black", linewidth=0.9)
    high = float(np.nanmax(wave[first:last])) + 0.2 * float(np.ptp(wave[first:last]))
    for peaks, marker, colour, y, label in (
        (found, "o", ALARM_COLOUR, None, "detected R peak"),
        (reference, "v", "#555555", high, "reference peak"),
    ):
        inside = np.asarray(peaks, dtype=np.int64)
        inside = inside[(inside >= first) & (inside < last)]
        height = wave[inside] if y is None else np.full(len(inside), y)
        top.plot(inside / fs, height, marker, color=colour, markersize=5, label=label)
    top.set(ylabel="signal (mV)", title=title)
    middle.plot(time, stages.filtered[first:last], color="black", linewidth=0.9)
    middle.set(ylabel="3 to 20 Hz (mV)")
    bottom.plot(time, 1000 * stages.slope[first:last], color="black", linewidth=0.9)
    threshold, height = share * stages.usual, stages.slope[stages.peak]
    for chosen, face, label in (
        (height > threshold, ALARM_COLOUR, "candidate above it"),
        (height <= threshold, "white", "candidate below it"),
    ):
        at = stages.peak[chosen & (stages.peak >= first) & (stages.peak < last)]
        bottom.plot(at / fs, 1000 * stages.slope[at], "o", color=ALARM_COLOUR, markerfacecolor=face, label=label)
    if len(stages.peak):
        line = np.interp(time, stages.peak / fs, threshold)
        bottom.plot(time, 1000 * line, color=ALARM_COLOUR, linestyle="--", linewidth=1.2, label="threshold")
    bottom.set(ylabel="slope (µV per sample)", xlabel="time (s)", ylim=(0, None), xlim=(start, start + seconds))
    for axis in (top, bottom):
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    return figure
