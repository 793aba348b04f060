"""A synthetic stand-in for the data, written in the same file formats, for machines with neither data nor network.

Each beat is a sum of Gaussian waves over the phase of the heart cycle, after McSharry et al. 2003, A dynamical model
for generating synthetic electrocardiogram signals, IEEE Transactions on Biomedical Engineering 50(3),
doi:10.1109/TBME.2003.808805. It shows how a lesson runs; it says nothing about hearts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
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
        (folder / f"ECG5000_{part}.arff").write_text("\n".join(header) + body)
