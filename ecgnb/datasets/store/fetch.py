"""Get a data set's files from the data folder, a mirror or the publisher, each verified by size and SHA-256."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from ecgnb.datasets.store.download import download, hide_secrets
from ecgnb.datasets.store.excerpt import Excerpt, excerpt_blocks
from ecgnb.datasets.store.unpack import KnownFile, file_blocks, is_whole, place, unpack
from ecgnb.errors import DataError, UsageError
from ecgnb.paths import data_dir

LOCK_SECONDS = 600  # how long to wait for another process that fetches the same data set

# The first 500 records of PTB-XL, without those that version 1.0.3 withdrew.
PTBXL_IDS = frozenset(range(1, 501)) - {137, 139, 140, 141, 142, 143, 145, 456, 458, 459, 461, 462}


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
    excerpts : mapping of str to Excerpt
        Files of which the publisher has a longer form, by path: of that, some rows are taken and verified.
    """

    name: str
    title: str
    archive: str
    url: str
    unpacked: int
    licence: str
    citation: str
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)

    @cached_property
    def known(self) -> Mapping[str, KnownFile]:
        """What is known of every file, by path: the hash of the publisher's list, and the size it has."""
        lines = (
            files("ecgnb.datasets.store")
            .joinpath(f"registry/{self.name}.sha256")
            .read_text(encoding="utf-8")
            .splitlines()
        )
        return {name: KnownFile(digest, int(size)) for digest, name, size in (line.split() for line in lines)}

    @property
    def sha256(self) -> Mapping[str, str]:
        """SHA-256 of every file, by path."""
        return {name: file.sha256 for name, file in self.known.items()}

    @property
    def packed(self) -> int:
        """Bytes that an archive of it may have: twice those of its files, for what else a publisher packs with them."""
        return max(2 * sum(file.n_bytes for file in self.known.values()), 2**20)


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
        Dataset(
            name="ludb",
            title="Lobachevsky University Electrocardiography Database",
            archive="ludb-1.0.1.tar.xz",
            url="https://physionet.org/files/ludb/1.0.1/",
            unpacked=60_000_000,
            licence="ODC-By 1.0",
            citation="Kalyakulina et al. 2020, doi:10.1109/ACCESS.2020.3029211; data doi:10.13026/eegm-h675",
        ),
        Dataset(
            name="ptbxl",
            title="PTB-XL, 488 of its 21,799 records",
            archive="ptbxl-1.0.3-subset488.tar.xz",
            url="https://physionet.org/files/ptb-xl/1.0.3/",
            unpacked=80_000_000,
            licence="CC BY 4.0",
            citation="Wagner et al. 2020, doi:10.1038/s41597-020-0495-6; data doi:10.13026/kfzx-aw45",
            excerpts={"ptbxl_database.csv": Excerpt(20_000_000, PTBXL_IDS)},
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
    for name, file in dataset.known.items():
        path = folder / name
        try:
            if not path.is_file():
                state[name] = "missing"
            elif not is_whole(path, file):
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
        _clean_if_idle(dataset, folder)
        return folder
    with plain_os_errors(name, folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / ".lock", timeout=LOCK_SECONDS):
                if wanted := unverified(dataset, folder):  # another process may have fetched it while we waited
                    _clean(dataset, folder, but="*.part")  # where that source is tried again, it goes on
                    _from_first_source(dataset, folder, wanted, progress)
                _clean(dataset, folder)
        except Timeout:
            raise DataError(
                f"{name}: another process has been fetching into {folder} for over {LOCK_SECONDS} s; "
                "end it, or set ECGNB_DATA_DIR to another folder"
            ) from None
    return folder


def _left_over(dataset: Dataset, folder: Path) -> list[Path]:
    """Return what fetches that were killed left: files half-written, downloads half-done."""
    hidden = {f".{PurePosixPath(name).name}" for name in dataset.known}
    folders = {folder / name for name in map(os.path.dirname, dataset.known)}
    inside = (path for one in folders if one.is_dir() for path in one.iterdir())
    left = (path for path in inside if path.suffix == ".part" or path.stem in hidden)
    return [path for path in left if not path.is_dir()]


def _clean(dataset: Dataset, folder: Path, but: str = "") -> None:
    for path in _left_over(dataset, folder):
        if not (but and path.match(but)):
            path.unlink(missing_ok=True)


def _clean_if_idle(dataset: Dataset, folder: Path) -> None:
    """Clean a folder that is whole, unless another process fetches into it, or it may not be written to."""
    with suppress(OSError, Timeout):
        if _left_over(dataset, folder):
            with FileLock(folder / ".lock", timeout=0):
                _clean(dataset, folder)


def _from_first_source(dataset: Dataset, folder: Path, wanted: dict[str, str], progress: bool) -> None:
    """Fill in the wanted files from the first source that has them."""
    faults = []
    for source in _sources(dataset, folder):
        try:
            _use(source, dataset, folder, progress)
        except DataError as fault:
            faults.append(str(fault))
        else:
            if not (lacking := unverified(dataset, folder)):
                return
            faults.append(f"{hide_secrets(source)} lacks {_few(lacking)}")
    raise DataError(
        f"{dataset.name}: cannot get {_few(wanted)}: {'; '.join(faults)}. Check the network, put {dataset.archive} "
        f"into {folder.parent}, or set ECGNB_MIRROR to a folder or URL that holds it"
    )


def _sources(dataset: Dataset, folder: Path) -> Iterator[str]:
    yield str(folder.parent / dataset.archive)
    if mirror := os.environ.get("ECGNB_MIRROR", "").strip():
        yield f"{mirror.rstrip('/')}/{dataset.archive}"
    yield dataset.url


def _use(source: str, dataset: Dataset, folder: Path, progress: bool) -> None:
    """Fill in what a source has: an archive in a folder or behind a URL, or files behind a URL each."""
    is_url = re.match(r"https?://", source, re.IGNORECASE)
    if not is_url and "://" in source:
        raise DataError(f"{hide_secrets(source)}: expected a folder, or a URL that begins with http:// or https://")
    if not is_url:
        _unpack_local(source, dataset, folder)
    elif source.endswith("/"):
        _download_each(source, dataset, folder, progress)
    else:
        _download_archive(source, dataset, folder, progress)


def _unpack_local(source: str, dataset: Dataset, folder: Path) -> None:
    origin = hide_secrets(source)
    try:
        archive = Path(source).expanduser()
        if not stat.S_ISREG(archive.stat().st_mode):  # a named pipe would keep us waiting
            raise DataError(f"{origin} is no file; expected an archive")
        archive.open("rb").close()
        n_bytes = archive.stat().st_size
    except (OSError, RuntimeError) as fault:  # the latter of a ~user who is not there
        raise DataError(f"{origin}: {getattr(fault, 'strerror', None) or fault}") from None
    if n_bytes > dataset.packed:
        raise DataError(f"{origin} has {n_bytes:,} bytes; expected at most {dataset.packed:,}")
    unpack(archive, folder, dataset.known, dataset.unpacked, origin=origin)


def _few(names: Mapping[str, str]) -> str:
    shown = ", ".join(list(names)[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more files"


def _download_each(base: str, dataset: Dataset, folder: Path, progress: bool) -> None:
    """Download the files that are not there yet from a publisher that has one URL a file."""
    for name in unverified(dataset, folder):
        file, excerpt = dataset.known[name], dataset.excerpts.get(name)

        def use(part: Path, name: str = name, file: KnownFile = file, excerpt: Excerpt | None = excerpt) -> None:
            blocks = excerpt_blocks(part, excerpt) if excerpt else file_blocks(part)
            place(blocks, folder / name, file, origin=hide_secrets(base + name))

        download_and_use(base + name, folder, excerpt.most if excerpt else file.n_bytes, use, progress)


def _download_archive(url: str, dataset: Dataset, folder: Path, progress: bool) -> None:
    def use(part: Path) -> None:
        unpack(part, folder, dataset.known, dataset.unpacked, origin=hide_secrets(url))

    download_and_use(url, folder, dataset.packed, use, progress)


def download_and_use(url: str, folder: Path, most: int, use: Callable[[Path], None], progress: bool) -> None:
    """Download a URL and use the file; where the end of another version was added to an old beginning, begin anew.

    Parameters
    ----------
    url : str
    folder : path
        Where the file lies until it was used.
    most : int
        Bytes that it may have.
    use : callable
        Of the file's path; raises `DataError` where it is of no use.
    progress : bool

    Raises
    ------
    DataError
        As `download` and `use` do.
    """
    mark = hashlib.sha256(hide_secrets(url).encode()).hexdigest()[:8]  # what one server began, no other may complete
    part = folder / f"{PurePosixPath(url).name}.{mark}.part"
    for resumed in (part.exists(), False):
        download(url, part, most=most, progress=progress)
        try:
            return use(part)
        except DataError:
            if not resumed:
                raise
        finally:
            part.unlink(missing_ok=True)  # whole, so of no more use: only one that was cut is worth resuming


@contextmanager
def plain_os_errors(name: str, folder: Path) -> Iterator[None]:
    """Say what a full disk or a read-only folder means for the reader."""
    try:
        yield
    except OSError as fault:
        reason = fault.strerror or str(fault)
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "free some space, or set ECGNB_DATA_DIR to a folder on another disk"
        else:
            advice = "set ECGNB_DATA_DIR to a folder you can write to"
        raise DataError(f"{name}: cannot write to {folder}: {reason}; {advice}") from fault
