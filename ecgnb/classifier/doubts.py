"""What may be wrong with a whole recording or stream, in a sentence each."""

from __future__ import annotations

NO_BEAT = "No R peak was found; is this an ECG, and is its sampling rate right?"

NO_WAVES = "There is neither a P nor a T wave beside the beats: is this an ECG, or a train of pulses?"

HARDLY_POSSIBLE = (20, 250)  # beats a minute that no heart keeps up lie outside

RARE = (40, 180)  # from start to end: few hearts keep up what lies outside, and a wrong rate ends there easily


def doubt_of_rate(heart_rate_bpm: float | None, fs: float) -> str:
    """Return what is odd about a heart rate, that of the median interval; empty text where nothing is.

    Parameters
    ----------
    heart_rate_bpm : float or None
    fs : float
        Samples per second, which may be wrong.
    """
    if heart_rate_bpm is None or RARE[0] <= heart_rate_bpm <= RARE[1]:
        return ""
    how = "rare" if HARDLY_POSSIBLE[0] <= heart_rate_bpm <= HARDLY_POSSIBLE[1] else "hardly possible"
    return f"A heart rate of {heart_rate_bpm:.0f} a minute is {how}; is {fs:g} Hz the right rate?"
