"""What a textbook measures in twelve leads: rate, intervals, axis, and each wave's height in each lead.

Measured in the recording's median beat, in which noise and single other beats nearly vanish. No network is asked.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from ecgnb.datasets.twelve_leads import LEADS
from ecgnb.datasets.windows import highpassed
from ecgnb.detection.r_peaks import check_fs, detect_r_peaks
from ecgnb.errors import UsageError

FS = 500.0  # Hz: the rate at which beats are measured

BEFORE, AFTER = 0.35, 0.55  # s: of the median beat around its R peak

HIGHPASS = 0.5  # Hz

FEWEST = 3  # beats that make a median

LATEST, LEAST_AFTER = 0.7, 0.3  # share of the RR interval, and s: T is over by then, the next beat's P has not begun

INDEPENDENT = [LEADS.index(name) for name in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]  # the other four follow

OF_A_LEAD = ("Q", "R", "S", "QRS_area", "J60", "T", "T_low", "T_high", "P")


class MedianBeat(NamedTuple):
    """The usual beat of a recording.

    Attributes
    ----------
    wave : (12, n_samples) float array
        mV, at 500 Hz; the R peak lies 350 ms after the start, and the next beat has not begun at the end.
    rr : (n_intervals,) float array
        s, between all beats.
    n_beats : int
        Of which the median was taken.
    share_unlike : float
        Of the beats, those of another form, which were left out.
    """

    wave: NDArray[np.float64]
    rr: NDArray[np.float64]
    n_beats: int
    share_unlike: float


def twelve_features(signal: NDArray[np.floating[Any]], fs: float) -> pd.DataFrame:
    """Measure recordings of twelve leads.

    Parameters
    ----------
    signal : (n, 12, n_samples) float array
        mV, all values finite, at least five seconds; the leads as in `LEADS`.
    fs : float
        Hz, 100 to 2,000; the edges of waves are sharper at 500 than at 100.

    Returns
    -------
    DataFrame
        One row a recording, all NaN where fewer than three beats were found, and NaN where a wave was not. Of the
        whole: `rate` (a minute), `rr_sd` and `rr_steps` (standard deviation of the RR intervals and of the steps
        between them, shares of their mean), `unlike` (share of beats of another form), `PR`, `QRS`, `QT`, `QTc` (s; the
        last as Fridericia corrects it), `axis_sin`, `axis_cos` (QRS, frontal), `T_axis_sin`, `T_axis_cos`, `QRS_T`
        (cosine of the angle between the two in all leads), `Sokolow`, `Cornell` (mV). Of each lead, as in `V1_R`, in mV
        from the PR segment: `Q`, `R`, `S`, `QRS_area` (mV s), `J60` (60 ms after the QRS), `T` (its largest
        deflection), `T_low`, `T_high`, `P`.

    Raises
    ------
    UsageError
        For another shape or rate, or values that are missing.
    """
    fs = check_fs(fs)
    signal = np.asarray(signal, dtype=np.float64)
    if signal.ndim != 3 or signal.shape[1] != len(LEADS) or not np.isfinite(signal).all():
        raise UsageError(f"signals of shape {signal.shape}; expected (n, 12, n_samples), all values finite")
    rows = []
    for one in signal:
        beat = median_beat(one, fs)
        rows.append({} if beat is None else measure_beat(beat))
    return pd.DataFrame(rows, columns=feature_names(), dtype=np.float64)


def feature_names() -> list[str]:
    """Return the columns of `twelve_features`."""
    whole = ["rate", "rr_sd", "rr_steps", "unlike", "PR", "QRS", "QT", "QTc"]
    whole += ["axis_sin", "axis_cos", "T_axis_sin", "T_axis_cos", "QRS_T", "Sokolow", "Cornell"]
    return whole + [f"{lead}_{what}" for lead in LEADS for what in OF_A_LEAD]


def median_beat(signal: NDArray[np.float64], fs: float) -> MedianBeat | None:
    """Return the usual beat of one recording, (12, n_samples) in mV; None where fewer than three beats are found."""
    wave = highpassed(signal, fs, HIGHPASS)
    n = round(wave.shape[1] * FS / fs)
    wave = wave if fs == FS else scipy.signal.resample(wave, n, axis=1)
    size = np.sqrt((wave[INDEPENDENT] ** 2).sum(axis=0))  # R peaks point up in it, wherever the heart's axis does
    r = detect_r_peaks(size, FS)
    if len(r) < FEWEST:
        return None
    rr = np.diff(r) / FS
    until = min(AFTER, max(LATEST * np.median(rr), LEAST_AFTER))
    before, after = round(BEFORE * FS), round(until * FS)
    whole = r[(r >= before) & (r + after <= n)]
    if len(whole) < FEWEST:
        return None
    around = whole[:, None] + np.arange(-before, after)
    near = np.abs(np.arange(-before, after)) < 0.1 * FS
    beats, sizes = wave[:, around], size[around][:, near]  # (12, n_beats, n_samples), (n_beats, n_near)
    alike = _alike(sizes)
    if alike.sum() < FEWEST:
        alike[:] = True
    return MedianBeat(np.median(beats[:, alike], axis=1), rr, int(alike.sum()), float(1 - alike.mean()))


def _alike(sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which beats have the form of most: correlated with the median by 0.9 or more."""
    form = sizes - sizes.mean(axis=1, keepdims=True)
    usual = np.median(form, axis=0)
    norm = np.linalg.norm(form, axis=1) * np.linalg.norm(usual)
    return form @ usual >= 0.9 * np.maximum(norm, 1e-12)


class Edges(NamedTuple):
    """Where the waves of a median beat begin and end, in its samples; NaN where one is not found."""

    p_onset: float
    p_peak: float
    onset: int
    offset: int
    t_peak: int
    t_end: float


def find_edges(wave: NDArray[np.float64]) -> Edges:
    """Find the waves of a median beat, (12, n_samples) at 500 Hz, in what all leads show together.

    QRS is where the leads move fast: from where their speed rises above 3.5 % of its height before the R peak, to
    where it falls below that after. P and T end where a tangent at their steepest flank reaches the ground.
    """
    r = round(BEFORE * FS)
    lead = wave[INDEPENDENT]
    speed = np.sqrt((np.gradient(lead, axis=1) ** 2).sum(axis=0))
    speed = scipy.ndimage.uniform_filter1d(speed, round(0.012 * FS))
    near = slice(r - round(0.06 * FS), r + round(0.08 * FS))
    least = np.quantile(speed, 0.3) + 0.035 * (speed[near].max() - np.quantile(speed, 0.3))
    fast = scipy.ndimage.binary_closing(speed > least, np.ones(round(0.03 * FS)))
    fast[r] = True
    onset = r - int(np.argmin(fast[r::-1])) + 1
    offset = r + int(np.argmin(fast[r:])) - 1
    onset, offset = max(onset, r - round(0.12 * FS)), min(offset, r + round(0.16 * FS))
    ground = wave[:, max(0, onset - round(0.02 * FS)) : onset].mean(axis=1, keepdims=True)
    size = np.sqrt(((wave - ground)[INDEPENDENT] ** 2).sum(axis=0))
    size = scipy.ndimage.gaussian_filter1d(size, 0.01 * FS)
    t_from = offset + round(0.08 * FS)
    t_peak = t_from + int(size[t_from:].argmax())
    t_end = _tangent(size, t_peak, len(size) - 1)
    p_from, p_to = max(0, onset - round(0.26 * FS)), onset - round(0.03 * FS)
    p_peak: float = np.nan
    p_onset: float = np.nan
    tops, _ = scipy.signal.find_peaks(size[p_from:p_to], prominence=0.03)
    if len(tops):
        top = p_from + int(tops[np.argmax(size[p_from:p_to][tops])])
        p_peak, p_onset = float(top), _tangent(size, top, p_from)
    return Edges(p_onset, p_peak, onset, offset, t_peak, t_end)


def _tangent(size: NDArray[np.float64], peak: int, end: int) -> float:
    """Return where the tangent at the steepest place between a peak and an end reaches the lowest value there."""
    step = 1 if end > peak else -1
    flank = size[peak : end + step : step] if end + step >= 0 else size[peak::-1]
    if len(flank) < 5:
        return np.nan
    lowest = int(flank.argmin())
    slope = np.diff(flank[: lowest + 1])
    if not len(slope) or slope.min() >= 0:
        return np.nan
    at = int(slope.argmin())
    reach = at + (flank[at] - flank[lowest]) / -slope[at]
    return float(peak + step * min(reach, len(flank) - 1))


def measure_beat(beat: MedianBeat) -> dict[str, float]:
    """Return the features of a median beat, by name."""
    edges = find_edges(beat.wave)
    onset, offset = edges.onset, edges.offset
    wave = beat.wave - beat.wave[:, max(0, onset - round(0.02 * FS)) : onset].mean(axis=1, keepdims=True)
    qrs, late = wave[:, onset : offset + 1], wave[:, offset + round(0.08 * FS) :]
    of_lead = _heights(wave, qrs, late, edges)
    found = {f"{lead}_{what}": float(of_lead[what][k]) for k, lead in enumerate(LEADS) for what in OF_A_LEAD}
    mean = beat.rr.mean()
    steps = np.diff(beat.rr).std() if len(beat.rr) > 1 else np.nan
    qt = (edges.t_end - onset) / FS
    found |= {"rate": 60 / mean, "rr_sd": beat.rr.std() / mean, "rr_steps": steps / mean, "unlike": beat.share_unlike}
    found |= {"PR": (onset - edges.p_onset) / FS, "QRS": (offset - onset) / FS, "QT": qt, "QTc": qt / np.cbrt(mean)}
    qrs_area, t_area = of_lead["QRS_area"], late.sum(axis=1)
    for name, area in (("axis", qrs_area), ("T_axis", t_area)):
        i, avf = area[LEADS.index("I")], area[LEADS.index("aVF")] * 2 / np.sqrt(3)
        found |= {f"{name}_sin": avf / (np.hypot(i, avf) or 1.0), f"{name}_cos": i / (np.hypot(i, avf) or 1.0)}
    one, other = qrs_area[INDEPENDENT], t_area[INDEPENDENT]
    found["QRS_T"] = one @ other / (np.linalg.norm(one) * np.linalg.norm(other) or 1.0)
    found["Sokolow"] = max(found["V5_R"], found["V6_R"]) - found["V1_S"]
    found["Cornell"] = found["aVL_R"] - found["V3_S"]
    return found


def _heights(
    wave: NDArray[np.float64], qrs: NDArray[np.float64], late: NDArray[np.float64], edges: Edges
) -> dict[str, NDArray[np.float64]]:
    """Return what is measured in each lead, (12,) by name."""
    top = qrs.argmax(axis=1)[:, None]
    place = np.arange(qrs.shape[1])
    t_top = np.abs(late).argmax(axis=1)
    j60 = min(edges.offset + round(0.06 * FS), wave.shape[1] - 1)
    p = np.full(len(wave), np.nan) if np.isnan(edges.p_peak) else wave[:, int(edges.p_peak)]
    return {
        "Q": np.minimum(0, np.where(place <= top, qrs, 0).min(axis=1)),
        "R": np.maximum(0, qrs.max(axis=1)),
        "S": np.minimum(0, np.where(place >= top, qrs, 0).min(axis=1)),
        "QRS_area": qrs.sum(axis=1) / FS,
        "J60": wave[:, j60],
        "T": late[np.arange(len(late)), t_top],
        "T_low": late.min(axis=1),
        "T_high": late.max(axis=1),
        "P": p,
    }
