"""What every reader of a user's own file gives: one lead, and how it was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgnb.errors import plain_text

# What devices write where there is no value: rows of nines, and the ends of 16, 24 and 32 bits.
NO_VALUE_CODES = (
    *(sign * nines for sign in (-1, 1) for nines in (999, 9999, 99999, 999999)),
    *(end for bits in (16, 24, 32) for end in (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 2**bits - 1)),
)  # fmt: skip

CODES_OFF = 5  # times the range of all other values, from their median

LEAST_BESIDE_CODES = 50  # other values that tell what the signal's range is


@dataclass(frozen=True, eq=False)
class Recording:
    """One lead of a recording, without any mark.

    Parameters
    ----------
    name : str
    signal : (n_samples,) float32 array
        NaN where there is no value.
    fs : float or None
        Samples per second; None where neither the file nor the caller says.
    lead : str
        Empty where nobody says.
    unit : str
        Empty where nobody says.
    read : str
        One line: file, lead, rate and where it came from, unit, length.
    notes : tuple of str
        What is doubtful about how it was read.
    """

    name: str
    signal: NDArray[np.float32]
    fs: float | None
    lead: str = ""
    unit: str = ""
    read: str = ""
    notes: tuple[str, ...] = ()


def offset_of(values: NDArray[np.floating]) -> float:
    """Return what is to be taken off before a signal is kept in single precision; 0 where it does no harm.

    Parameters
    ----------
    values : (n,) float64 array
        The signal's first ones.
    """
    known = values[np.isfinite(values)]
    if not len(known) or np.ptp(known) == 0:
        return 0.0
    middle = float(np.median(known))
    with np.errstate(over="ignore", invalid="ignore"):
        return middle if abs(middle) * 1e-7 > 1e-4 * known.std() else 0.0  # single precision has seven digits


def codes_in(values: NDArray[np.floating]) -> list[float]:
    """Return the numbers that a device writes where it has no value: such as -9999, far off all others.

    Parameters
    ----------
    values : (n,) float64 array
        The signal's first ones.
    """
    known = values[np.isfinite(values)]
    is_code = np.isin(known, NO_VALUE_CODES)
    rest = known[~is_code]
    if not is_code.any() or len(rest) < LEAST_BESIDE_CODES or np.ptp(rest) == 0:
        return []
    far = np.abs(known - np.median(rest)) > CODES_OFF * np.ptp(rest)
    return [float(code) for code in np.unique(known[is_code & far])]


def of_codes(codes: Sequence[float]) -> str:
    """Say which numbers were read as no value; empty text where none was."""
    return (
        f"{' and '.join(f'{code:.10g}' for code in codes)}, far off all the rest, was read as no value" if codes else ""
    )


def of_offset(offset: float) -> str:
    """Say what was taken off; empty text where nothing was."""
    return f"an offset of {offset:,.10g} was taken off, which single precision would not bear" if offset else ""


def as_recording(
    name: str,
    signal: NDArray[np.floating],
    fs: float | None,
    lead: str,
    unit: str,
    fs_from: str,
    notes: Sequence[str],
    file: str,
    of: str = "",
) -> Recording:
    """Return a recording that says in one line how it was read.

    Parameters
    ----------
    name, signal, fs, lead, unit
        As for `Recording`.
    fs_from : str
        Where the rate came from.
    notes : sequence of str
    file : str
        Name of the file.
    of : str
        Which of the file's columns or leads, such as "column 3 of 5".
    """
    lead, unit = plain_text(lead, 60).strip(), plain_text(unit, 20).strip()
    which = f"{lead} ({of})" if lead and of else lead or of
    rate = "no sampling rate" if fs is None else f"{fs:g} Hz ({fs_from})"
    length = f"{len(signal):,} samples" if not fs else f"{len(signal) / fs:,.1f} s"
    read = ", ".join(part for part in (plain_text(file), which, rate, unit and f"in {unit}", length) if part)
    with np.errstate(over="ignore", invalid="ignore"):  # what single precision cannot hold is infinite
        kept = np.ascontiguousarray(signal, dtype=np.float32)
    return Recording(name, kept, fs, lead, unit, read, tuple(notes))
