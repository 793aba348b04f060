"""The whole of PTB-XL from its publisher, each file verified by the list of hashes that the publisher has with it.

The course knows no hash of most of these files. It believes the publisher's list where that agrees with what the
course does know: the hashes of the 488 records that `fetch` verifies, and the number of records.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from ecgnb.datasets.store.download import hide_secrets
from ecgnb.datasets.store.fetch import DATASETS, Dataset, download_and_use, plain_os_errors
from ecgnb.datasets.store.unpack import KnownFile, file_blocks, file_sha256, place
from ecgnb.errors import DataError
from ecgnb.paths import data_dir

NAME = "ptbxl-full"

N_RECORDS = 21_799

N_BYTES = 2_700_000_000  # of all files, some more than they have

LIST, TABLES = "SHA256SUMS.txt", ("ptbxl_database.csv", "scp_statements.csv")

LINE = re.compile(r"([0-9a-f]{64})[ \t]{1,3}[*]?(\S{1,200})")

SIGNAL_FILE = re.compile(r"records500/[0-9]{5}/[0-9]{5}_hr\.(?:dat|hea)")

MOST_BYTES = {".txt": 20_000_000, ".csv": 20_000_000, ".dat": 1_000_000, ".hea": 10_000}  # of a file, by its ending

AT_ONCE = 4  # downloads; PhysioNet is everybody's


def whole_folder() -> Path:
    """Return where `fetch_whole_ptbxl` puts PTB-XL."""
    return data_dir() / NAME


def fetch_whole_ptbxl(*, progress: bool = False, n_records: int = N_RECORDS) -> Path:
    """Return a folder with the whole of PTB-XL at 500 Hz, fetching what is not there; some hours, 2.7 GB.

    A call that was cut short is gone on with by the next one.

    Parameters
    ----------
    progress : bool
        Show a progress bar on standard error.
    n_records : int
        How many there are to be.

    Raises
    ------
    DataError
        Where the publisher cannot be reached, its list does not agree with what the course knows, a file does not
        agree with the list, or the disk has no room.
    """
    dataset, folder = DATASETS["ptbxl"], whole_folder()
    with plain_os_errors(NAME, folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / ".lock", timeout=1):
                listed = _listed(dataset, folder, n_records)
                wanted = _wanted(listed, folder, progress)
                _check_room(folder, len(wanted) / len(listed))
                _download_all(dataset.url, wanted, folder, progress)
        except Timeout:
            raise DataError(f"{NAME}: another process fetches into {folder}; wait for it") from None
    return folder


def _listed(dataset: Dataset, folder: Path, n_records: int) -> dict[str, str]:
    """Return the SHA-256 of each file that is to be there, from the publisher's list."""
    lines: list[str] = []

    def use(part: Path) -> None:
        lines.extend(part.read_text("ascii", "replace").splitlines())

    download_and_use(dataset.url + LIST, folder, MOST_BYTES[".txt"], use, progress=False)
    found = {match[2]: match[1] for line in lines if (match := LINE.fullmatch(line.strip()))}
    listed = {name: digest for name, digest in found.items() if name in TABLES or SIGNAL_FILE.fullmatch(name)}
    origin = hide_secrets(dataset.url + LIST)
    for name, digest in dataset.sha256.items():
        if name not in dataset.excerpts and listed.get(name) != digest:
            raise DataError(f"{origin} is refused: of {name} it says {listed.get(name, 'nothing')}, expected {digest}")
    n_files = 2 * n_records + len(TABLES)
    if len(listed) != n_files:
        raise DataError(f"{origin} is refused: it lists {len(listed):,} files at 500 Hz, expected {n_files:,}")
    return listed


def _wanted(listed: Mapping[str, str], folder: Path, progress: bool) -> dict[str, str]:
    """Return those files that are not there whole."""
    shown = tqdm(listed.items(), "looking at files", unit="file", disable=not progress, leave=False)
    return {
        name: sha256 for name, sha256 in shown if not (folder / name).is_file() or file_sha256(folder / name) != sha256
    }


def _check_room(folder: Path, share: float) -> None:
    free, needed = shutil.disk_usage(folder).free, share * N_BYTES
    if free < needed:
        raise DataError(
            f"{NAME} needs {needed / 1e9:.1f} GB more, and {folder} has room for {free / 1e9:.1f}; free some space, or "
            "set ECGNB_DATA_DIR to a folder on another disk"
        )


def _download_all(base: str, wanted: Mapping[str, str], folder: Path, progress: bool) -> None:
    """Download files a few at a time; the first that cannot be had ends it."""
    with (
        ThreadPoolExecutor(AT_ONCE) as pool,
        tqdm(total=len(wanted), desc=NAME, unit="file", disable=not progress) as bar,
    ):
        jobs = [pool.submit(_download_one, base, name, sha256, folder) for name, sha256 in wanted.items()]
        try:
            for job in as_completed(jobs):
                job.result()
                bar.update()
        except DataError as fault:
            n_done = sum(job.done() and not job.cancelled() and not job.exception() for job in jobs)
            left = len(wanted) - n_done
            raise DataError(f"{NAME}: {left:,} files are still to come: {fault}; call again to go on") from None
        finally:
            for job in jobs:
                job.cancel()


def _download_one(base: str, name: str, sha256: str, folder: Path) -> None:
    def use(part: Path) -> None:
        known = KnownFile(sha256, part.stat().st_size)  # the list says no size
        place(file_blocks(part), folder / name, known, origin=hide_secrets(base + name))

    download_and_use(base + name, folder, MOST_BYTES[Path(name).suffix], use, progress=False)
