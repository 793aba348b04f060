"""P, QRS and T of a page of the strip, as bars below the signal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from ecgnb.classifier.result import NO_ECG

MARGIN = 5.0  # s of signal on either side that the network sees, too

# As in `ecgnb.plotting.waves`, lighter, to be seen on paper by day and by night; each has a height of its own besides.
COLOURS = {"P": ("#2E9E5B", 0.045), "QRS": ("#B0558A", 0.028), "T": ("#B98A1B", 0.011)}

NEAR = 1.0  # s from a beat, beyond which no wave is shown


def waves_of_page(
    signal: NDArray[np.float32], fs: float, beats: pd.DataFrame, start: float, stop: float
) -> pd.DataFrame:
    """Return the waves between two times: `wave`, `onset_s` and `offset_s`, seconds of the recording.

    None is shown where no beat is near, where the signal does not look like an ECG, and no P where the rhythm is
    irregular: the network finds some there, and there are none.

    Parameters
    ----------
    signal : (n_samples,) float32 array
    fs : float
    beats : DataFrame
        As `ClassifiedRecording.beats`.
    start, stop : float
        Seconds.
    """
    from ecgnb.classifier.waves import find_waves

    first = max(0, int((start - MARGIN) * fs))
    found = find_waves(signal[first : int((stop + MARGIN) * fs)], fs)
    table = pd.DataFrame({"wave": found["wave"]})
    for edge in ("onset", "offset"):
        table[f"{edge}_s"] = (found[edge] + first) / fs
    table = table[(table["offset_s"] >= start) & (table["onset_s"] < stop)]
    if not len(beats) or not len(table):
        return table[:0]
    time = beats["time_s"].to_numpy()
    middle = (table["onset_s"] + table["offset_s"]).to_numpy() / 2
    between = (time[1:] + time[:-1]) / 2
    nearest = np.searchsorted(between, middle)
    beside = beats.iloc[nearest]
    shown = (np.abs(time[nearest] - middle) <= NEAR) & (beside["why"].to_numpy() != NO_ECG)
    shown &= ~((table["wave"] == "P").to_numpy() & beside["irregular"].to_numpy())
    return table[shown]


def draw_waves(figure: go.Figure, waves: pd.DataFrame) -> None:
    """Draw the waves as bars along the bottom of the strip, one height for each kind."""
    for kind, (colour, height) in COLOURS.items():
        some = waves[waves["wave"] == kind]
        gaps = np.full(len(some), np.nan)
        x = np.stack([some["onset_s"], some["offset_s"], gaps], axis=1).ravel()
        figure.add_scatter(
            x=x, y=np.where(np.isnan(x), np.nan, height), yaxis="y2", mode="lines", name=kind,
            line={"color": colour, "width": 6}, hovertemplate=f"{kind}<extra></extra>",
        )  # fmt: skip


def in_words(waves: pd.DataFrame, start: float, stop: float) -> str:
    """Say the heights of the bars, and the median length of the QRS complexes on the page."""
    qrs = waves[(waves["wave"] == "QRS") & (waves["onset_s"] >= start) & (waves["offset_s"] < stop)]
    length = 1000 * (qrs["offset_s"] - qrs["onset_s"]).median()
    said = f" Median QRS of this page: {length:.0f} ms ({len(qrs)})." if len(qrs) >= 3 else ""
    return f"Bars below the signal, from above: P (green), QRS (purple), T (yellow), as a network found them.{said}"
