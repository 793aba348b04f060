"""A synthetic stand-in for PTB-XL: twelve leads that all see one dipole, written in the same file formats.

The heart is a vector that turns and grows in the chest; an electrode's potential is what of it points there (Burger and
van Milaan 1946, Heart-vector and leads, British Heart Journal 8(3), doi:10.1136/hrt.8.3.157). The leads are made of the
electrodes' potentials as an electrocardiograph makes them, so that I + III = II, noise included. The five superclasses
differ in the way the real ones do, more plainly. It shows how a lesson runs; it says nothing about hearts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.datasets.twelve_leads import LEADS

FS, SECONDS = 500, 10

# Where each electrode sees the dipole from: x to the patient's left, y to the feet, z to the front. An equilateral
# triangle of the limbs, so that lead I looks to the left and aVF to the feet, and six places around the left chest.
ELECTRODES = {
    "RA": (-0.50, -0.29, 0.0),
    "LA": (0.50, -0.29, 0.0),
    "LL": (0.0, 0.58, 0.0),
    "V1": (-0.55, 0.0, 0.85),
    "V2": (0.10, 0.05, 1.30),
    "V3": (0.60, 0.15, 1.15),
    "V4": (1.00, 0.30, 0.80),
    "V5": (1.05, 0.25, 0.25),
    "V6": (0.95, 0.20, 0.0),
}


class Wave(NamedTuple):
    """A Gaussian bump of the dipole: its vector at the peak (mV), its time after the R peak and its width (s)."""

    x: float
    y: float
    z: float
    at: float
    width: float


NORMAL = {
    "P": Wave(0.08, 0.12, 0.03, -0.16, 0.022),
    "Q": Wave(-0.10, -0.02, 0.16, -0.028, 0.009),
    "R": Wave(0.85, 0.80, -0.15, 0.0, 0.012),
    "S": Wave(-0.12, -0.22, -0.55, 0.026, 0.011),
    "ST": Wave(0.0, 0.0, 0.0, 0.13, 0.040),
    "T": Wave(0.24, 0.22, 0.14, 0.28, 0.048),
}

# What each superclass changes, in two forms by turns. MI: Q waves below or in front, where T turns over. STTC: ST
# depressed, T turned over. CD: a QRS that ends late, to the left and back or to the right and front, and T against it.
# HYP: tall, with a T that begins to turn.
CHANGES: Mapping[str, tuple[Mapping[str, Wave], ...]] = {
    "NORM": ({}, {}),
    "MI": (
        {"Q": Wave(-0.05, -0.60, 0.10, -0.026, 0.014), "R": Wave(0.75, 0.45, -0.20, 0.006, 0.012),
         "T": Wave(0.20, -0.22, 0.12, 0.28, 0.050)},
        {"Q": Wave(-0.12, 0.02, -0.55, -0.020, 0.016), "ST": Wave(0.04, 0.02, 0.12, 0.13, 0.045),
         "T": Wave(0.10, 0.18, -0.26, 0.28, 0.050)},
    ),
    "STTC": (
        {"ST": Wave(-0.10, -0.09, -0.07, 0.12, 0.045), "T": Wave(-0.18, -0.15, -0.14, 0.29, 0.052)},
        {"ST": Wave(-0.07, -0.05, -0.09, 0.12, 0.045), "T": Wave(-0.06, -0.04, -0.20, 0.29, 0.055)},
    ),
    "CD": (
        {"Q": Wave(0.05, 0.02, -0.20, -0.020, 0.016), "R": Wave(0.80, 0.50, -0.35, 0.012, 0.028),
         "S": Wave(0.60, 0.15, -0.40, 0.062, 0.024), "T": Wave(-0.22, -0.10, 0.26, 0.31, 0.055)},
        {"S": Wave(-0.55, -0.05, 0.60, 0.062, 0.024), "T": Wave(0.22, 0.20, -0.16, 0.30, 0.050)},
    ),
    "HYP": (
        {"R": Wave(1.75, 1.10, -0.70, 0.0, 0.014), "S": Wave(-0.15, -0.30, -1.10, 0.028, 0.012),
         "T": Wave(-0.10, 0.02, 0.14, 0.29, 0.050)},
        {"R": Wave(1.45, 1.30, -0.85, 0.0, 0.014), "S": Wave(-0.10, -0.25, -0.95, 0.028, 0.012)},
    ),
}  # fmt: skip

CODES = {"NORM": ("NORM", "NORM"), "MI": ("IMI", "ASMI"), "STTC": ("NDT", "ISC_"), "CD": ("CLBBB", "CRBBB"),
         "HYP": ("LVH", "LVH")}  # fmt: skip

# Kinds of patients, in turns of twenty, with shares somewhat like the real ones; two of a kind may go together.
KINDS = (
    *[("NORM",)] * 9, *[("STTC",)] * 2, *[("CD",)] * 3, *[("MI",)] * 2, ("HYP",), ("MI", "STTC"), ("HYP", "STTC"),
    ("CD", "MI"),
)  # fmt: skip

STATEMENTS = """,description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass
NORM,normal ECG,1.0,,,NORM,NORM
IMI,inferior myocardial infarction,1.0,,,MI,IMI
ASMI,anteroseptal myocardial infarction,1.0,,,MI,AMI
NDT,non-diagnostic T abnormalities,1.0,1.0,,STTC,STTC
ISC_,non-specific ischemic,1.0,,,STTC,ISC_
CLBBB,complete left bundle branch block,1.0,,,CD,CLBBB
CRBBB,complete right bundle branch block,1.0,,,CD,CRBBB
LVH,left ventricular hypertrophy,1.0,,,HYP,LVH
SR,sinus rhythm,,,1.0,,
SBRAD,sinus bradycardia,,,1.0,,
STACH,sinus tachycardia,,,1.0,,
"""


def write_ptbxl(folder: Path, n_records: int = 160, *, seed: int = 0) -> None:
    """Write synthetic records with the layout of PTB-XL: records500, ptbxl_database.csv, scp_statements.csv.

    One patient in six has two records, in which the shape of the waves is the same. The same seed gives the same files.

    Parameters
    ----------
    folder : path
    n_records : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    patient = 0
    while len(rows) < n_records:
        patient += 1
        kind, form = KINDS[(7 * patient) % len(KINDS)], int(rng.integers(2))
        waves = patient_waves(kind, form, rng)
        about = dict(patient_id=float(1000 + patient), age=float(rng.integers(18, 89)), sex=int(rng.integers(2)))
        for _ in range(min(2 if patient % 6 == 0 else 1, n_records - len(rows))):
            rate = float(np.clip(rng.normal(70, 11), 48, 110))
            name = _write_record(folder, len(rows) + 1, twelve_leads(waves, rate, rng))
            rows.append({"ecg_id": len(rows) + 1, **about, **_row(kind, form, rate, patient, name)})
    pd.DataFrame(rows).to_csv(folder / "ptbxl_database.csv", index=False)
    (folder / "scp_statements.csv").write_text(STATEMENTS, encoding="utf-8", newline="\n")


def patient_waves(kind: tuple[str, ...], form: int, rng: np.random.Generator) -> dict[str, Wave]:
    """Return the waves of one patient with these superclasses: none of two has the same."""
    waves = dict(NORMAL)
    for name in kind:
        waves |= CHANGES[name][form]
    turn = rng.normal(0, 0.25)  # radians, of the axis in the frontal plane
    size = np.exp(rng.normal(0, 0.12))
    mine = {}
    for name, wave in waves.items():
        own = size * np.exp(rng.normal(0, 0.15))
        x, y = wave.x * np.cos(turn) - wave.y * np.sin(turn), wave.x * np.sin(turn) + wave.y * np.cos(turn)
        at = wave.at + rng.normal(0, 0.006) * (wave.at != 0)
        mine[name] = Wave(own * x, own * y, own * wave.z, at, wave.width * np.exp(rng.normal(0, 0.06)))
    return mine


def twelve_leads(waves: Mapping[str, Wave], rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return ten seconds of these waves at so many beats a minute, as twelve leads.

    Returns
    -------
    (12, 5000) float64 array
        mV; the leads as in `LEADS`.
    """
    interval = 60 / rate
    r = np.cumsum(interval * (1 + 0.025 * rng.standard_normal(int(SECONDS / interval) + 4))) - 2 * interval
    time = np.arange(FS * SECONDS) / FS
    dipole = np.zeros((3, len(time)))
    for wave in waves.values():
        stretch = np.sqrt(interval) if wave.at > 0.1 else 1.0  # T comes earlier in a fast heart
        size = 1 + 0.04 * rng.standard_normal((len(r), 1))
        bumps = size * np.exp(-0.5 * ((time - r[:, None] - wave.at * stretch) / wave.width) ** 2)
        dipole += np.outer([wave.x, wave.y, wave.z], bumps.sum(axis=0))
    potential = np.array(list(ELECTRODES.values())) @ dipole
    potential += 0.012 * rng.standard_normal(potential.shape)
    drift = rng.uniform(0.1, 0.35, (len(potential), 1))  # Hz, of breathing
    potential += 0.05 * np.sin(2 * np.pi * (drift * time + rng.uniform(size=(len(potential), 1))))
    right, left, foot, *chest = potential
    centre = (right + left + foot) / 3  # Wilson's terminal
    i, ii = left - right, foot - right
    limbs = [i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2]
    return np.stack([*limbs, *(one - centre for one in chest)])


def _write_record(folder: Path, number: int, signal: NDArray[np.float64]) -> str:
    """Write a header and 16-bit samples as PTB-XL has them; return the path without an ending."""
    name = f"records500/{number // 1000 * 1000:05}/{number:05}_hr"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    samples = np.round(1000 * signal).astype("<i2")
    file = f"{number:05}_hr"
    lines = [f"{file} 12 {FS} {samples.shape[1]}"]
    for lead, row in zip(LEADS, samples, strict=True):
        checksum = int(row.sum(dtype=np.int64)) % 65536
        lines.append(f"{file}.dat 16 1000.0(0)/mV 16 0 {row[0]} {checksum} 0 {lead.upper()}")
    (folder / f"{name}.hea").write_text(
        "\n".join([*lines, "# Synthetic, not a recording", ""]), encoding="utf-8", newline="\n"
    )
    (folder / f"{name}.dat").write_bytes(samples.T.tobytes())
    return name


def _row(kind: tuple[str, ...], form: int, rate: float, patient: int, name: str) -> dict[str, object]:
    rhythm = "SBRAD" if rate < 60 else "STACH" if rate > 100 else "SR"
    codes = {CODES[one][form]: 100.0 for one in kind} | {rhythm: 0.0}
    return dict(
        report="synthetic, not a recording", scp_codes=str(codes), validated_by_human=True, electrodes_problems="",
        strat_fold=patient % 10 + 1, filename_lr=name.replace("500", "100").replace("_hr", "_lr"), filename_hr=name,
    )  # fmt: skip
