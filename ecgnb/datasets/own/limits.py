"""What the readers of a user's own files share: what they take, how large it may be."""

from __future__ import annotations

from pathlib import Path

from ecgnb.errors import DataError

MAX_BYTES = 512 * 2**20  # more than a day at 360 Hz, as text

BEHAVES = 60_000  # first samples, which tell what a column or a lead does

LOWEST_FS, HIGHEST_FS = 10.0, 20_000.0  # Hz; what is outside is no sampling rate that a file can have meant

WHAT = (
    "a WFDB record (.hea with its .dat or .mat), a table of numbers (.csv, .txt, .tsv), EDF or BDF, "
    "or a NumPy array (.npy)"
)


def check_size(path: Path) -> None:
    """Raise `DataError` for a file that is absent, empty or too large to be a recording."""
    try:
        n_bytes = 1 if path.is_dir() else path.stat().st_size
    except (OSError, ValueError) as fault:  # a name that no file can have is a ValueError
        raise DataError(f"{path} cannot be read: {getattr(fault, 'strerror', fault)}; expected {WHAT}") from None
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected {WHAT}")
    if not n_bytes:
        raise DataError(f"{path.name} is empty; expected {WHAT}")
    if n_bytes > MAX_BYTES:
        raise DataError(
            f"{path.name} has {n_bytes / 2**20:,.0f} MB; expected at most {MAX_BYTES / 2**20:.0f} MB, a day of ECG; "
            "cut it into parts"
        )
