"""The noise of the MIT-BIH Noise Stress Test Database: half an hour each of what disturbs an ECG of a moving person.

Moody, Muldrow and Mark 1984, A noise stress test for arrhythmia detectors, Computers in Cardiology 11; data
doi:10.13026/C2HS3T. Recorded with electrodes placed where the heart is hardly seen. There are no beats in it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgnb.datasets import synthetic
from ecgnb.datasets.database import Database
from ecgnb.datasets.wfdb import Record
from ecgnb.errors import UsageError

NOISES = {"bw": "baseline wander", "em": "electrode motion", "ma": "muscle artefact"}

NSTDB = Database(
    name="nstdb",
    records=tuple(NOISES),
    leads=("noise1", "noise2"),
    lead="noise1",
    fs=360.0,
    annotator=None,
    write_stand_in=synthetic.write_nstdb,
)


def load_noise(name: str, *, data: str = "auto") -> Record:
    """Return half an hour of one noise, two signals at 360 Hz.

    Parameters
    ----------
    name : str
        A key of `NOISES`.
    data : {"auto", "real", "synthetic"}
        As for `load_mitdb`; `Record.source` says which it is.

    Returns
    -------
    Record
        Leads noise1 and noise2, each of mean 0 and root mean square 1: the recordings are not calibrated, so their
        size in mV is unknown. Bring it to a signal's size with `add_noise`.

    Raises
    ------
    UsageError, DataError
        As `load_records` does.
    """
    (record,) = NSTDB.load_records([name], data=data)
    signal = record.signal - record.signal.mean(axis=0, dtype=np.float64)
    return replace(record, signal=(signal / signal.std(axis=0)).astype(np.float32))


def add_noise(wave: ArrayLike, noise: ArrayLike, snr: float) -> NDArray[np.float32]:
    """Return a signal with noise added at a signal-to-noise ratio.

    Parameters
    ----------
    wave : (..., n_samples) float array
        Each row gets noise for its own power.
    noise : (..., n_samples) float array
        At the rate of `wave`, and as long.
    snr : float
        Ten times the logarithm of the power of the signal over that of the noise, each about its mean, in dB.

    Raises
    ------
    UsageError
        Where the noise is not as long as the signal, or the ratio is not finite.
    """
    signal, added = np.asarray(wave, dtype=np.float64), np.asarray(noise, dtype=np.float64)
    if signal.shape[-1:] != added.shape[-1:] or not np.isfinite(snr):
        raise UsageError(
            f"a signal of shape {signal.shape}, noise of shape {added.shape}, snr={snr!r}; expected noise as long as "
            "the signal, and a ratio in dB"
        )
    added = added - added.mean(axis=-1, keepdims=True)
    power = added.var(axis=-1, keepdims=True)
    wanted = signal.var(axis=-1, keepdims=True) / 10 ** (snr / 10)
    return (signal + added * np.sqrt(wanted / np.where(power > 0, power, 1))).astype(np.float32)
