"""Get a data set's files from the data folder, a mirror or the publisher, each verified by SHA-256."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from ecgnb.datasets.store.download import download
from ecgnb.datasets.store.unpack import file_sha256, place, unpack
from ecgnb.errors import DataError, UsageError
from ecgnb.paths import data_dir

LOCK_SECONDS = 600  # how long to wait for another process that fetches the same data set


@dataclass(frozen=True)
class Dataset:
    """What the course knows of a data set.

    Parameters
    ----------
    name, title : str
    archive : str
        File name of the archive a mirror holds.
    url : str
        The publisher's address: of an archive (ending in .zip), or of a folder (ending in /) with one URL a file.
    unpacked : int
        Bytes that an archive of it may unpack to, some more than it does: one that holds more is refused unread.
    licence, citation : str
    """

    name: str
    title: str
    archive: str
    url: str
    unpacked: int
    licence: str
    citation: str

    @cached_property
    def sha256(self) -> Mapping[str, str]:
        """SHA-256 of every file, by file name, from the publisher's list."""
        lines = files("ecgnb.datasets.store").joinpath(f"registry/{self.name}.sha256").read_text().splitlines()
        return {name: digest for digest, name in (line.split() for line in lines)}


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="ecg5000",
            title="ECG5000 (UCR archive, from PhysioNet chfdb record chf07)",
            archive="ECG5000.zip",
            url="https://timeseriesclassification.com/aeon-toolkit/ECG5000.zip",
            unpacked=100_000_000,  # the publisher's holds other formats besides
            licence="publicly available; chfdb is ODC-By 1.0",
            citation="Chen et al. 2015, doi:10.1007/s10618-014-0388-4; Goldberger et al. 2000, "
            "doi:10.1161/01.CIR.101.23.e215",
        ),
        Dataset(
            name="mitdb",
            title="MIT-BIH Arrhythmia Database",
            archive="mitdb-1.0.0.tar.xz",
            url="https://physionet.org/files/mitdb/1.0.0/",
            unpacked=150_000_000,
            licence="ODC-By 1.0",
            citation="Moody and Mark 2001, doi:10.1109/51.932724; data doi:10.13026/C2F305",
        ),
        Dataset(
            name="svdb",
            title="MIT-BIH Supraventricular Arrhythmia Database",
            archive="svdb-1.0.0.tar.xz",
            url="https://physionet.org/files/svdb/1.0.0/",
            unpacked=100_000_000,
            licence="ODC-By 1.0",
            citation="Greenwald 1990, Improved detection and classification of arrhythmias in noise-corrupted "
            "electrocardiograms using contextual information (thesis, MIT); data doi:10.13026/C2V30W",
        ),
        Dataset(
            name="nstdb",
            title="MIT-BIH Noise Stress Test Database (the noise alone)",
            archive="nstdb-1.0.0.tar.xz",
            url="https://physionet.org/files/nstdb/1.0.0/",
            unpacked=30_000_000,
            licence="ODC-By 1.0",
            citation="Moody, Muldrow and Mark 1984, A noise stress test for arrhythmia detectors, Computers in "
            "Cardiology 11; data doi:10.13026/C2HS3T",
        ),
    )
}


def find_dataset(name: str) -> Dataset:
    """Return the data set of that name, or raise `UsageError` with the names there are."""
    if name not in DATASETS:
        raise UsageError(f"unknown data set {name!r}; the course uses: {', '.join(DATASETS)}")
    return DATASETS[name]


def unverified(dataset: Dataset, folder: Path) -> dict[str, str]:
    """Return the files that are not there whole: name, and "missing", "damaged" or "unreadable"."""
    state = {}
    for name, digest in dataset.sha256.items():
        path = folder / name
        try:
            if not path.is_file():
                state[name] = "missing"
            elif file_sha256(path) != digest:
                state[name] = "damaged"
        except OSError:  # no right to read it, say; fetching it anew tells more
            state[name] = "unreadable"
    return state


def fetch(name: str, *, progress: bool = False) -> Path:
    """Return the folder that holds the verified files of a data set, fetching what is not there.

    The data folder comes first, then an archive laid in the data folder by hand, then the mirror
    ``$ECGNB_MIRROR`` (a folder or base URL), then the publisher.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.
    progress : bool
        Show a progress bar on standard error.

    Raises
    ------
    DataError
        Where the files cannot be had; each source tried is named with what was wrong.
    """
    dataset = find_dataset(name)
    folder = data_dir() / name
    if not unverified(dataset, folder):  # needs no lock, and works in a read-only folder
        return folder
    with _plain_os_errors(dataset, folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / ".lock", timeout=LOCK_SECONDS):
                if wanted := unverified(dataset, folder):  # another process may have fetched it while we waited
                    _from_first_source(dataset, folder, wanted, progress)
                    for part in folder.glob("*.part"):  # begun at a source that another one made up for
                        part.unlink()
        except Timeout:
            raise DataError(
                f"{name}: another process has been fetching into {folder} for over {LOCK_SECONDS} s; "
                "end it, or set ECGNB_DATA_DIR to another folder"
            ) from None
    return folder


def _from_first_source(dataset: Dataset, folder: Path, wanted: dict[str, str], progress: bool) -> None:
    """Fill in the wanted files from the first source that has them."""
    mirror = os.environ.get("ECGNB_MIRROR", "")
    sources = [str(folder.parent / dataset.archive)]
    if mirror.startswith(("http://", "https://")):
        sources.append(f"{mirror.rstrip('/')}/{dataset.archive}")
    elif mirror:
        sources.append(str(Path(mirror).expanduser() / dataset.archive))
    sources.append(dataset.url)
    faults = []
    for source in sources:
        try:
            if not source.startswith(("http://", "https://")):
                _check_readable(Path(source))
                unpack(Path(source), folder, dataset.sha256, dataset.unpacked)
            elif source.endswith("/"):
                _download_each(source, dataset, folder, progress)
            else:
                _download_archive(source, dataset, folder, progress)
        except DataError as fault:
            faults.append(str(fault))
        else:
            if not (lacking := unverified(dataset, folder)):
                return
            faults.append(f"{source} lacks {_few(lacking)}")
    raise DataError(
        f"{dataset.name}: cannot get {_few(wanted)}: {'; '.join(faults)}. Check the network, put {dataset.archive} "
        f"into {folder.parent}, or set ECGNB_MIRROR to a folder or URL that holds it"
    )


def _check_readable(archive: Path) -> None:
    try:
        archive.open("rb").close()
    except OSError as fault:
        raise DataError(f"{archive}: {fault.strerror}") from None


def _few(names: Mapping[str, str]) -> str:
    shown = ", ".join(list(names)[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more files"


def _download_each(base: str, dataset: Dataset, folder: Path, progress: bool) -> None:
    """Download the files that are not there yet from a publisher that has one URL a file."""
    for name in unverified(dataset, folder):

        def use(part: Path, name: str = name) -> None:
            with part.open("rb") as stream:
                place(stream, folder / name, dataset.sha256[name], origin=base + name)

        _download(base + name, folder, use, progress)


def _download_archive(url: str, dataset: Dataset, folder: Path, progress: bool) -> None:
    _download(url, folder, lambda part: unpack(part, folder, dataset.sha256, dataset.unpacked, origin=url), progress)


def _download(url: str, folder: Path, use: Callable[[Path], None], progress: bool) -> None:
    """Download a URL and use the file; where the end of another version was added to an old beginning, begin anew."""
    mark = hashlib.sha256(url.encode()).hexdigest()[:8]  # what one server began, no other may complete
    part = folder / f"{PurePosixPath(url).name}.{mark}.part"
    for resumed in (part.exists(), False):
        download(url, part, progress=progress)
        try:
            return use(part)
        except DataError:
            if not resumed:
                raise
        finally:
            part.unlink(missing_ok=True)  # whole, so of no more use: only one that was cut is worth resuming


@contextmanager
def _plain_os_errors(dataset: Dataset, folder: Path) -> Iterator[None]:
    """Say what a full disk or a read-only folder means for the reader."""
    try:
        yield
    except OSError as fault:
        reason = fault.strerror or str(fault)
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "free some space, or set ECGNB_DATA_DIR to a folder on another disk"
        else:
            advice = "set ECGNB_DATA_DIR to a folder you can write to"
        raise DataError(f"{dataset.name}: cannot write to {folder}: {reason}; {advice}") from fault
