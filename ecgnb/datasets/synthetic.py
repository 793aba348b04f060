"""A synthetic stand-in for the data, written in the same file formats, for machines with neither data nor network.

Each beat is a sum of Gaussian waves over the phase of the heart cycle, after McSharry et al. 2003, A dynamical model
for generating synthetic electrocardiogram signals, IEEE Transactions on Biomedical Engineering 50(3),
doi:10.1109/TBME.2003.808805. It shows how a lesson runs; it says nothing about hearts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import wfdb
from numpy.typing import NDArray

# (centre in radians, amplitude, width in radians) of each wave, with the R peak at phase 0.
NORMAL = {
    "P": (-1.20, 0.15, 0.16),
    "Q": (-0.20, -0.12, 0.07),
    "R": (0.00, 1.10, 0.09),
    "S": (0.20, -0.25, 0.08),
    "T": (1.50, 0.32, 0.32),
}

# How the classes differ, as the real ones do: ventricular beats are wide and lack a P wave, their T turned over and, in
# R on T, the whole beat early; a supraventricular one keeps the QRS and has another P, nearer; "unclassified" is mixed.
R_ON_T = NORMAL | {"P": (-1.2, 0.0, 0.16), "R": (-0.9, 1.0, 0.28), "S": (-0.2, -0.60, 0.25), "T": (0.8, -0.35, 0.40)}

PVC = NORMAL | {"P": (-1.2, 0.0, 0.16), "R": (0.05, 1.3, 0.34), "S": (0.75, -0.70, 0.28), "T": (1.75, -0.30, 0.35)}

SUPRAVENTRICULAR = NORMAL | {"P": (-0.75, -0.10, 0.12), "T": (1.35, 0.22, 0.38)}

UNCLASSIFIED = NORMAL | {"R": (0.40, 0.7, 0.20), "S": (0.85, 0.25, 0.18), "T": (1.8, 0.05, 0.45)}

WAVES = {1: NORMAL, 2: R_ON_T, 3: PVC, 4: SUPRAVENTRICULAR, 5: UNCLASSIFIED}  # by ECG5000's class values

COUNTS = {"TRAIN": (292, 177, 10, 19, 2), "TEST": (2627, 1590, 86, 175, 22)}  # beats of each class in the real files


def beats(
    waves: dict[str, tuple[float, float, float]], n_beats: int, n_samples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return z-normalised beats of one class, each with its own jitter, baseline drift and noise.

    Returns
    -------
    (n_beats, n_samples) float array
    """
    phase = np.linspace(-np.pi, np.pi, n_samples)
    centre, amplitude, width = (np.array(column)[:, None] for column in zip(*waves.values(), strict=True))
    shape = (len(waves), n_beats)
    centre = centre + 0.04 * rng.standard_normal(shape) + 0.05 * rng.standard_normal(n_beats)
    amplitude = amplitude * (1 + 0.12 * rng.standard_normal(shape))
    width = width * np.exp(0.10 * rng.standard_normal(shape))
    signal = np.zeros((n_beats, n_samples))
    for wave in range(len(waves)):
        distance = (phase - centre[wave][:, None]) / width[wave][:, None]
        signal += amplitude[wave][:, None] * np.exp(-0.5 * distance**2)
    drift = 0.06 * rng.standard_normal((n_beats, 1)) * np.sin(phase / 2 + rng.uniform(0, 2 * np.pi, (n_beats, 1)))
    signal += drift + 0.02 * rng.standard_normal(signal.shape)
    signal -= signal.mean(axis=1, keepdims=True)
    return signal / signal.std(axis=1, keepdims=True)


def write_ecg5000(folder: Path, seed: int = 0) -> None:
    """Write a synthetic ECG5000_TRAIN.arff and ECG5000_TEST.arff, with the form and class counts of the real pair.

    TRAIN is sorted by class, as the real one is; TEST is shuffled. The same seed gives the same files.
    """
    rng = np.random.default_rng(seed)
    header = ["% Synthetic beats, not ECG5000", "@RELATION ECG5000_synthetic"]
    header += [f"@ATTRIBUTE att{sample + 1} NUMERIC" for sample in range(140)]
    header += ["@ATTRIBUTE target {1,2,3,4,5}", "@DATA", ""]
    for part, counts in COUNTS.items():
        target = np.repeat(list(WAVES), counts)
        signal = np.concatenate([beats(waves, n, 140, rng) for waves, n in zip(WAVES.values(), counts, strict=True)])
        order = np.arange(len(target)) if part == "TRAIN" else rng.permutation(len(target))
        rows = pd.DataFrame(signal[order]).assign(target=target[order])
        body = rows.to_csv(header=False, index=False, float_format="%.5g", lineterminator="\n")
        (folder / f"ECG5000_{part}.arff").write_text("\n".join(header) + body, encoding="utf-8", newline="\n")


# Beats of a recording, in seconds around the R peak and mV: (centre, amplitude, width) of each wave.
IN_MV = {
    "N": {"P": (-0.17, 0.15, 0.022), "Q": (-0.03, -0.12, 0.009), "R": (0.0, 1.1, 0.011), "S": (0.03, -0.25, 0.010),
          "T": (0.27, 0.30, 0.050)},
    "A": {"P": (-0.12, -0.10, 0.018), "Q": (-0.03, -0.12, 0.009), "R": (0.0, 1.05, 0.011), "S": (0.03, -0.25, 0.010),
          "T": (0.26, 0.27, 0.050)},
    "V": {"R": (0.0, 1.5, 0.040), "S": (0.09, -0.70, 0.045), "T": (0.30, -0.40, 0.060)},
    "F": {"P": (-0.16, 0.08, 0.022), "R": (0.0, 1.25, 0.024), "S": (0.06, -0.45, 0.028), "T": (0.28, 0.0, 0.055)},
    "/": {"spike": (-0.07, 1.2, 0.003), "R": (0.0, 0.9, 0.035), "S": (0.08, -0.50, 0.045), "T": (0.31, -0.30, 0.060)},
}  # fmt: skip

# Interval before and after a beat, as a share of the patient's usual one: early beats, then a pause after V.
TIMING = {"N": (1.0, 1.0), "A": (0.65, 1.05), "V": (0.65, 1.35), "F": (0.95, 1.05), "/": (1.0, 1.0)}

SIZES = (1.0, -0.5, 0.7, 0.4, -0.8, 0.5)  # of the waves in each lead, by turns

NOISE_FS = 360

SHARES = {"N": 0.80, "A": 0.07, "V": 0.08, "F": 0.05}


def write_mitdb(folder: Path, names: Sequence[str], *, paced: Sequence[str], seed: int = 0, seconds: int = 60) -> None:
    """Write synthetic WFDB records (.hea, .dat, .atr) with the form of mitdb's: 360 Hz, leads MLII and V1.

    Each name has its own patient: rate, size and place of the waves, noise. Beats are N, A, V and F; a paced record has
    paced beats besides. The same name and seed give the same files.
    """
    write_records(folder, names, fs=360, leads=("MLII", "V1"), paced=paced, seed=seed, seconds=seconds)


def write_records(
    folder: Path,
    names: Sequence[str],
    *,
    fs: int,
    leads: Sequence[str],
    paced: Sequence[str] = (),
    symbols: Mapping[str, str] | None = None,
    marks_early: float = 0.0,
    seed: int = 0,
    seconds: int = 60,
) -> None:
    """Write synthetic WFDB records as `write_mitdb` does, of another rate and other leads.

    Parameters
    ----------
    folder : path
    names : sequence of str
    fs : int
        Samples per second.
    leads : sequence of str
    paced : sequence of str
        Names of records with paced beats.
    symbols : mapping of str to str, optional
        What to write for a beat of `IN_MV`, where it is another symbol.
    marks_early : float
        By how many seconds the marks stand before the R peaks.
    seed, seconds : int
    """
    for name in names:
        rng = np.random.default_rng([seed, *name.encode()])
        kinds = {"/": 0.7, "N": 0.3} if name in paced else SHARES
        symbol, r, signal, _ = _recording(kinds, rng, seconds, fs, np.resize(SIZES, len(leads)))
        _write_signal(folder, name, fs, leads, signal)
        written = [(symbols or {}).get(one, one) for one in symbol]
        marks = np.r_[10, np.round((r - marks_early) * fs).astype(int)]  # a rhythm mark first, as in the real files
        wfdb.wrann(name, "atr", marks, np.r_[["+"], written].tolist(), write_dir=str(folder),
                   aux_note=["(N", *[""] * len(written)])  # fmt: skip


# Size of the waves in each of twelve leads, for a heart whose axis stands at 45 degrees; see `_twelve_leads`.
TWELVE_LEADS = {"i": 0.71, "ii": 0.97, "iii": 0.26, "avr": -0.84, "avl": 0.22, "avf": 0.61,
                "v1": -0.5, "v2": 0.3, "v3": 0.8, "v4": 1.2, "v5": 1.0, "v6": 0.8}  # fmt: skip

WAVE_MARKS = {"P": "p", "R": "N", "T": "t"}  # as LUDB writes them, at the peak

PARTS = {"P": ("P",), "R": ("Q", "R", "S"), "T": ("T",)}  # from the first to the last of which a wave lasts

EDGE = 2.5  # how many of its widths a wave reaches on each side: where an eye would see it begin and end


def write_ludb(folder: Path, names: Sequence[str], *, seed: int = 0, seconds: int = 10) -> None:
    """Write synthetic WFDB records with the form of LUDB's: 500 Hz, twelve leads, marks of P, QRS and T on each.

    All leads see one dipole, so that I + III = II, and the marks, the same on each, are exact. A beat in ten is early
    or wide. Waves that begin or end outside the recording have no marks, as in the real files.
    """
    for name in names:
        rng = np.random.default_rng([seed, *name.encode()])
        sizes = np.array(list(TWELVE_LEADS.values()))
        symbol, r, signal, shift = _recording({"N": 0.9, "A": 0.04, "V": 0.06}, rng, seconds, 500, sizes)
        _write_signal(folder, name, 500, tuple(TWELVE_LEADS), _twelve_leads(signal))
        marks = [mark for mark in _wave_marks(symbol, r, shift) if mark[1] > 0 and mark[3] < seconds]
        sample = np.array([round(500 * at) for mark in marks for at in mark[1:]])
        written = [one for mark in marks for one in ("(", WAVE_MARKS[mark[0]], ")")]
        wfdb.wrann(name, "ii", sample, written, write_dir=str(folder))
        for lead in TWELVE_LEADS:  # it writes no file whose ending holds a digit, such as .v1
            (folder / f"{name}.{lead}").write_bytes((folder / f"{name}.ii").read_bytes())


def _twelve_leads(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return twelve leads of which four follow from leads I and II, noise included, as in any recording."""
    i, ii = signal[:, 0], signal[:, 1]
    derived = np.stack([ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2], axis=1)
    return np.concatenate([signal[:, :2], derived, signal[:, 6:]], axis=1)


def _wave_marks(
    symbols: NDArray[np.str_], r: NDArray[np.float64], shift: NDArray[np.float64]
) -> list[tuple[str, float, float, float]]:
    """Return wave, onset, peak and offset (seconds) of each wave of a recording, in order of time."""
    marks = []
    for symbol, at in zip(symbols, r, strict=True):
        waves = {
            name: (centre + moved * (centre != 0), EDGE * width)
            for (name, (centre, _, width)), moved in zip(IN_MV[symbol].items(), shift, strict=False)
        }
        for wave, parts in PARTS.items():
            present = [waves[part] for part in parts if part in waves]
            if present:
                onset, offset = min(c - w for c, w in present), max(c + w for c, w in present)
                marks.append((wave, at + onset, at + waves[wave][0], at + offset))
    marks.sort(key=lambda mark: mark[2])
    for place in range(1, len(marks)):  # an early P may begin in the T wave before it: one ends where the other begins
        (wave, onset, peak, offset), (name, *times, end) = marks[place], marks[place - 1]
        if onset < end:
            middle = min(max((onset + end) / 2, times[1]), peak)
            marks[place - 1 : place + 1] = [(name, *times, middle), (wave, middle, peak, offset)]
    return marks


def write_ludb_table(folder: Path, names: Sequence[str]) -> Path:
    """Write a table with the form of ludb.csv for synthetic records, in which nobody has a diagnosis."""
    header = "ID,Sex,Age,Rhythms,Electric axis of the heart,Conduction abnormalities,Extrasystolies,Hypertrophies,"
    header += "Cardiac pacing,Ischemia,Non-specific repolarization abnormalities,Other states"
    rows = [f'{name},"{"FM"[place % 2]}\n","50\n",Sinus rhythm,,,,,,,,' for place, name in enumerate(names)]
    path = folder / "ludb.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8", newline="\n")
    return path


def write_nstdb(folder: Path, names: Sequence[str], *, seed: int = 0, seconds: int = 60) -> None:
    """Write synthetic records of noise with the form of nstdb's: bw slow, em abrupt, ma fast; no marks."""
    for name in names:
        rng = np.random.default_rng([seed, *name.encode()])
        white = rng.standard_normal((seconds * NOISE_FS, 2))
        if name == "bw":
            noise = _band(white, 0.05, 0.5)
        elif name == "em":  # an electrode that moves now and then
            steps = 30 * white * (rng.random(white.shape) < 0.004)
            noise = _band(steps, 0.3, 10) + 0.05 * _band(white, 0.5, 20)
        else:
            noise = _band(white, 20, 100)
        size = 0.3 * noise / noise.std(axis=0)
        _write_signal(folder, name, NOISE_FS, ("noise1", "noise2"), np.clip(size, -4, 4))  # what 12 bits hold


def _band(noise: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    sos = scipy.signal.butter(2, (low, high), "bandpass", fs=NOISE_FS, output="sos")
    return np.asarray(scipy.signal.sosfiltfilt(sos, noise, axis=0))


def _recording(
    kinds: dict[str, float], rng: np.random.Generator, seconds: int, fs: int, sizes: NDArray[np.float64]
) -> tuple[NDArray[np.str_], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Draw the patient, the order of the beats, their times, then the waves.

    Returns
    -------
    symbols : (n_beats,) str array
    r : (n_beats,) float array
        Seconds.
    signal : (n_samples, n_leads) float array
        mV.
    shift : (5,) float array
        By how many seconds this patient's waves stand beside `IN_MV`, by turns, but the one at 0.
    """
    usual = rng.uniform(0.7, 0.95)
    symbols = rng.choice(list(kinds), size=int(seconds / usual) + 1, p=list(kinds.values()))
    before, after = (np.array([TIMING[s][side] for s in symbols]) for side in (0, 1))
    interval = usual * np.r_[1, before[1:] * after[:-1]] * (1 + 0.02 * rng.standard_normal(len(symbols)))
    r = np.cumsum(interval)
    symbols, r = symbols[r < seconds - 0.3], r[r < seconds - 0.3]
    shift, size = 0.008 * rng.standard_normal(5), np.exp(0.15 * rng.standard_normal(5))  # this patient's waves
    window = np.arange(-int(0.4 * fs), int(0.6 * fs))
    signal = np.zeros((seconds * fs + 2 * fs, len(sizes)))  # a second of margin on each side
    for symbol, at in zip(symbols, np.round(r * fs).astype(int), strict=True):
        for wave, (centre, amplitude, width) in enumerate(IN_MV[symbol].values()):
            jitter = 1 + 0.06 * rng.standard_normal()
            distance = (window / fs - centre - shift[wave] * (centre != 0)) / width
            bump = amplitude * size[wave] * jitter * np.exp(-0.5 * distance**2)
            signal[at + fs + window] += bump[:, None] * sizes
    time = np.arange(len(signal)) / fs
    drift = 0.08 * np.sin(2 * np.pi * (0.25 * time + rng.uniform()))
    return symbols, r, (signal + drift[:, None] + 0.02 * rng.standard_normal(signal.shape))[fs:-fs], shift


def _write_signal(folder: Path, name: str, fs: int, leads: Sequence[str], signal: NDArray[np.float64]) -> None:
    n = len(leads)
    wfdb.wrsamp(
        name, fs=fs, units=["mV"] * n, sig_name=list(leads), p_signal=signal, fmt=["212"] * n,
        adc_gain=[200] * n, baseline=[1024] * n, comments=["Synthetic, not a recording"], write_dir=str(folder),
    )  # fmt: skip
