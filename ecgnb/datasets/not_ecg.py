"""Signals that are no ECG, for those who want to know what a program says of them.

Each is made by a formula from a random generator, of any length, at any rate: noise of several colours, hum, what other
sensors of a body give, columns of a table that are mistaken for an ECG. No person is behind any of them; a muscle's
noise that was recorded is in `datasets.nstdb`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy
from numpy.typing import NDArray

from ecgnb.errors import UsageError

Made = Callable[[int, float, np.random.Generator], NDArray[np.float64]]


def make(name: str, seconds: float, fs: float, seed: int = 0) -> NDArray[np.float32]:
    """Return a signal that is no ECG, (n_samples,).

    Parameters
    ----------
    name : str
        A key of `SIGNALS`.
    seconds, fs : float
        Length, and samples per second.
    seed : int
        Each seed has its own pitch, pace and noise.
    """
    if name not in SIGNALS:
        raise UsageError(f"no signal {name!r}; expected one of: {', '.join(SIGNALS)}")
    rng = np.random.default_rng([seed, *name.encode()])
    return SIGNALS[name](round(seconds * fs), fs, rng).astype(np.float32)


def _coloured(power: float) -> Made:
    """Return noise whose power falls with frequency to the given power: 0 white, 1 pink, 2 brown."""

    def made(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
        spectrum = np.fft.rfft(rng.standard_normal(n))
        frequency = np.maximum(np.fft.rfftfreq(n, 1 / fs), 0.05)  # it wanders over twenty seconds at most
        return np.fft.irfft(spectrum / frequency ** (power / 2), n)

    return made


def _phase(n: int, fs: float, rng: np.random.Generator, pace: float, wander: float) -> NDArray[np.float64]:
    """Return the phase of something that repeats, in radians: `pace` times a second, its pace wandering a little."""
    drift = np.cumsum(rng.standard_normal(n)) / np.sqrt(fs)
    drift -= np.linspace(0, drift[-1], n)
    return 2 * np.pi * (rng.random() + pace * np.arange(n) / fs + wander * drift)


def _hum(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    mains = rng.choice([50, 60]) * (1 + 0.002 * rng.standard_normal())
    at = 2 * np.pi * mains * np.arange(n) / fs
    return np.sin(at) + 0.3 * np.sin(3 * at + rng.random()) * rng.random() + 0.05 * rng.standard_normal(n)


def _sine(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.sin(_phase(n, fs, rng, np.exp(rng.uniform(np.log(0.3), np.log(12))), 0))


def _triangle(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    pace, width = np.exp(rng.uniform(np.log(0.3), np.log(5))), rng.uniform(0, 1)
    return np.asarray(scipy.signal.sawtooth(_phase(n, fs, rng, pace, 0.01), width) + 0.02 * rng.standard_normal(n))


def _breathing(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    phase = _phase(n, fs, rng, rng.uniform(0.15, 0.5), 0.03)
    return np.sin(phase) + 0.3 * np.sin(2 * phase + 1) + 0.02 * rng.standard_normal(n)


def _pulse_wave(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a pulse at the finger: a steep front, a slow fall, and the notch of the closing valve."""
    turn = (_phase(n, fs, rng, rng.uniform(0.8, 2.2), 0.02) / (2 * np.pi)) % 1
    front, echo = rng.uniform(0.08, 0.15), rng.uniform(0.38, 0.5)
    wave = np.exp(-0.5 * ((turn - 0.2) / front) ** 2) + 0.35 * np.exp(-0.5 * ((turn - echo) / 0.1) ** 2)
    return wave + 0.1 * np.sin(_phase(n, fs, rng, 0.25, 0.02)) + rng.uniform(0, 0.03) * rng.standard_normal(n)


def _square(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    pace = np.exp(rng.uniform(np.log(0.3), np.log(5)))
    wave = scipy.signal.square(_phase(n, fs, rng, pace, 0), rng.uniform(0.2, 0.8))
    return np.asarray(wave + 0.01 * rng.standard_normal(n))


def _clock(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a column of time, in whole milliseconds, as it is written down: it only rises."""
    return np.floor(1000 * np.arange(n) / fs + rng.uniform(0, 2, n)) + rng.integers(0, 100_000)


def _counter(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the number of a packet, which starts anew after 16 or after 256."""
    per_packet = int(rng.integers(1, 20))
    return (np.arange(n) // per_packet % rng.choice([16, 128, 256])).astype(float)


def _accelerometer(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return what a walking person shakes: steps, their overtones, noise."""
    phase = _phase(n, fs, rng, rng.uniform(1.2, 2.5), 0.05)
    steps = sum(rng.uniform(0.2, 1) / k * np.sin(k * phase + 2 * np.pi * rng.random()) for k in range(1, 7))
    noise = rng.uniform(0.15, 0.45) * np.sqrt(fs / 250)  # as much in each Hz at any rate
    return np.asarray(9.81 + steps + noise * rng.standard_normal(n))


def _muscle(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return what a muscle gives that tightens now and then: noise above 20 Hz, in bursts."""
    noise = rng.standard_normal(n)
    high = scipy.signal.sosfiltfilt(scipy.signal.butter(2, 20, "highpass", fs=fs, output="sos"), noise)
    effort = np.interp(np.arange(n) / fs, np.arange(0, n / fs + 2, 1.0), rng.gamma(1.0, 1.0, int(n / fs) + 2))
    return np.asarray(high * (0.1 + effort))


def _brain(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return an EEG: pink noise, and a rhythm of ten a second that waxes and wanes."""
    waxing = np.abs(np.sin(_phase(n, fs, rng, 0.1, 0.05)))
    pink = _coloured(1)(n, fs, rng)
    return pink / pink.std() + rng.uniform(0.5, 2) * waxing * np.sin(_phase(n, fs, rng, rng.uniform(8, 12), 0.1))


def _chirp(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    pace = np.exp(np.interp(np.sin(_phase(n, fs, rng, 0.05, 0.0)), [-1, 1], np.log([0.5, 30])))
    return np.sin(2 * np.pi * np.cumsum(pace) / fs)


def _steps(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a value that somebody sets anew now and then: a heart rate, a state, a label."""
    changes = rng.random(n) < rng.uniform(0.5, 3) / fs
    return np.round(70 + 10 * rng.standard_normal(int(changes.sum()) + 1))[np.cumsum(changes)]


def _speech(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return noise of a middle band that comes in syllables."""
    syllable = np.maximum(0, np.sin(_phase(n, fs, rng, rng.uniform(2, 5), 0.3))) ** 2
    band = (5, min(60, 0.4 * fs))
    voice = scipy.signal.butter(2, band, "bandpass", fs=fs, output="sos")
    return np.asarray(syllable * scipy.signal.sosfiltfilt(voice, rng.standard_normal(n)))


def _beat_starts(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return samples some 0.5 to 1.2 s apart, more or less evenly."""
    apart = rng.normal(rng.uniform(0.5, 1.2), rng.uniform(0, 0.1), int(4 * n / fs) + 4).clip(0.25)
    at = (np.cumsum(apart) * fs).astype(np.int64)
    return at[at < n]


def _clicks(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a column of events: 0, and 1 for a moment when something happens."""
    events = np.zeros(n)
    events[_beat_starts(n, fs, rng)] = 1
    return np.convolve(events, np.ones(int(rng.integers(1, 4))), "same") + rng.uniform(0, 0.02) * rng.standard_normal(n)


def _heart_sounds(n: int, fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return what a microphone on the chest hears: two dull tones a beat."""
    first = _beat_starts(n, fs, rng)
    second = first + int(rng.uniform(0.25, 0.35) * fs)
    struck = np.zeros(n)
    struck[first], struck[second[second < n]] = 1, rng.uniform(0.4, 1)
    at = np.arange(int(0.2 * fs)) / fs
    tone = np.exp(-at / rng.uniform(0.02, 0.05)) * np.sin(2 * np.pi * rng.uniform(20, min(60, 0.45 * fs)) * at)
    return np.convolve(struck, tone)[:n] + 0.03 * rng.standard_normal(n)


SIGNALS: dict[str, Made] = {
    "white noise": _coloured(0),
    "pink noise": _coloured(1),
    "brown noise": _coloured(2),
    "hum of the mains": _hum,
    "sine": _sine,
    "triangle": _triangle,
    "chirp": _chirp,
    "square wave": _square,
    "breathing": _breathing,
    "pulse wave": _pulse_wave,
    "heart sounds": _heart_sounds,
    "accelerometer": _accelerometer,
    "muscle noise": _muscle,
    "EEG": _brain,
    "syllables": _speech,
    "clock": _clock,
    "counter": _counter,
    "steps": _steps,
    "clicks": _clicks,
}
