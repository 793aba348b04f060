"""What the readers of a user's own files share: what they take, how large, and which lead of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ecgnb.errors import DataError

MAX_BYTES = 512 * 2**20  # more than a day at 360 Hz, as text

PREFERRED = ("MLII", "II", "ML2", "I", "V5")  # leads in which R stands upright in most people

WHAT = "a WFDB record (.hea with its .dat), a table of numbers (.csv, .txt, .tsv) or a NumPy array (.npy)"


def check_size(path: Path) -> None:
    """Raise `DataError` for a file that is absent, empty or too large to be a recording."""
    try:
        n_bytes = 1 if path.is_dir() else path.stat().st_size
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror}; expected {WHAT}") from None
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected {WHAT}")
    if not n_bytes:
        raise DataError(f"{path.name} is empty; expected {WHAT}")
    if n_bytes > MAX_BYTES:
        raise DataError(
            f"{path.name} has {n_bytes / 2**20:,.0f} MB; expected at most {MAX_BYTES / 2**20:.0f} MB, a day of ECG; "
            "cut it into parts"
        )


def pick_lead(names: Sequence[str], lead: str | None, where: str) -> int:
    """Return the position of the lead asked for, by name or by number from 1 on.

    Raises
    ------
    DataError
        Where there is no such lead.
    """
    if lead is None:
        return next((names.index(name) for name in PREFERRED if name in names), 0)
    wanted = str(lead).strip().lower()
    for position, name in enumerate(names):
        if name.lower() == wanted:
            return position
    if wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise DataError(f"{where} has no lead {lead!r}; it has: {', '.join(names)}")
