"""Stretches of a recording, with beats marked on them."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ecgnb.classifier.result import ClassifiedRecording
from ecgnb.datasets.own.recording import Recording
from ecgnb.datasets.wfdb import CLASS_NAMES, Record
from ecgnb.plotting.style import CLASS_COLOURS


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
