"""Fetching: the order of the sources, verification, and every way it can go wrong."""

import errno
import gzip
import hashlib
import io
import lzma
import multiprocessing
import os
import random
import shutil
import struct
import tarfile
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ecgnb.datasets import fetch as fetch_function
from ecgnb.datasets.store import download as download_module
from ecgnb.datasets.store import unpack as unpack_module
from ecgnb.datasets.store.fetch import DATASETS, Dataset, unverified
from ecgnb.datasets.store.unpack import KnownFile
from ecgnb.errors import DataError, UsageError

CONTENT = {"a.dat": b"first " * 50_000, "b.hea": b"second"}


class Small(Dataset):
    """A data set whose registry is the content above."""

    @property
    def known(self):
        return {name: KnownFile(hashlib.sha256(text).hexdigest(), len(text)) for name, text in CONTENT.items()}


def zip_of(members, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(download_module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(download_module, "READ_SECONDS", 0.5)


@pytest.fixture
def small(monkeypatch, publisher, data_dir):
    """A small data set published as a zip archive."""
    publisher.files["small.zip"] = zip_of(CONTENT)
    dataset = Small("small", "Small", "small.zip", f"{publisher.url}/small.zip", 1_000_000, "none", "none")
    monkeypatch.setitem(DATASETS, "small", dataset)
    return dataset


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def test_publishers_archive(small, publisher, data_dir):
    assert contents(fetch_function("small")) == CONTENT
    fetch_function("small")
    assert len(publisher.requests) == 1, "what is there is not fetched again"


def test_publishers_folder_of_files(small, publisher, data_dir, monkeypatch):
    publisher.files |= {f"1.0.0/{name}": content for name, content in CONTENT.items()}
    monkeypatch.setitem(DATASETS, "small", replace(small, url=f"{publisher.url}/1.0.0/"))
    publisher.files.pop("1.0.0/b.hea")
    with pytest.raises(DataError, match=r"1\.0\.0/b\.hea answers HTTP 404"):
        fetch_function("small")
    publisher.files["1.0.0/b.hea"] = CONTENT["b.hea"]
    publisher.requests.clear()
    assert contents(fetch_function("small")) == CONTENT
    assert [path for path, _ in publisher.requests] == ["/1.0.0/b.hea"], "only the missing file is fetched"


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_mirror_folder(small, publisher, data_dir, tmp_path, monkeypatch, pack):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "small.zip").write_bytes(pack(CONTENT))
    monkeypatch.setenv("ECGNB_MIRROR", str(mirror))
    assert contents(fetch_function("small")) == CONTENT
    assert not publisher.requests, "the mirror comes before the publisher"


def test_mirror_url(small, publisher, data_dir, monkeypatch):
    publisher.files["share/small.zip"] = publisher.files.pop("small.zip")
    monkeypatch.setenv("ECGNB_MIRROR", f"{publisher.url}/share/")
    assert contents(fetch_function("small")) == CONTENT


def test_archive_laid_in_the_data_folder(small, publisher, data_dir):
    data_dir.mkdir()
    (data_dir / "small.zip").write_bytes(publisher.files["small.zip"])
    assert contents(fetch_function("small")) == CONTENT
    assert not publisher.requests


def test_a_bad_mirror_is_passed_over(small, publisher, data_dir, tmp_path, monkeypatch):
    (tmp_path / "small.zip").write_bytes(b"not an archive")
    monkeypatch.setenv("ECGNB_MIRROR", str(tmp_path))
    assert contents(fetch_function("small")) == CONTENT


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_a_mirror_damaged_inside_is_passed_over(small, publisher, data_dir, tmp_path, monkeypatch, pack):
    noise = random.Random(0).randbytes(50_000)  # does not compress, so that damage meets content
    archive = pack({"a.dat": noise} | {"b.hea": CONTENT["b.hea"]})
    monkeypatch.setenv("ECGNB_MIRROR", str(tmp_path))
    for start in range(0, len(archive), len(archive) // 20):
        damaged = bytearray(archive)
        damaged[start : start + 8] = bytes(byte ^ 0xFF for byte in damaged[start : start + 8])
        (tmp_path / "small.zip").write_bytes(damaged)
        assert contents(fetch_function("small")) == CONTENT
        shutil.rmtree(data_dir)


def test_what_a_mirror_began_the_publisher_does_not_complete(small, publisher, data_dir, monkeypatch):
    publisher.files["share/small.zip"] = tar_of(CONTENT)
    publisher.cut_after = [100, 0]
    monkeypatch.setenv("ECGNB_MIRROR", f"{publisher.url}/share")
    assert contents(fetch_function("small")) == CONTENT
    assert ("/small.zip", None) in publisher.requests


def test_a_file_that_changed_between_two_attempts_is_fetched_anew(small, publisher, data_dir):
    whole = publisher.files["small.zip"]
    publisher.files["small.zip"] = tar_of(CONTENT)
    publisher.cut_after = [100, 0, 0, 0]
    with pytest.raises(DataError, match="was cut"):
        fetch_function("small")
    publisher.files["small.zip"] = whole
    publisher.cut_after.clear()
    assert contents(fetch_function("small")) == CONTENT


def test_a_busy_server_is_asked_again(small, publisher, data_dir):
    publisher.busy = 2
    assert contents(fetch_function("small")) == CONTENT
    assert len(publisher.requests) == 3


def test_an_unreadable_mirror_is_named_and_passed_over(small, data_dir, tmp_path, monkeypatch):
    (tmp_path / "small.zip").mkdir()
    monkeypatch.setenv("ECGNB_MIRROR", str(tmp_path))
    assert contents(fetch_function("small")) == CONTENT
    monkeypatch.setitem(DATASETS, "small", replace(small, url="http://127.0.0.1:9/small.zip"))
    (data_dir / "small" / "b.hea").unlink()
    with pytest.raises(DataError, match=r"small\.zip is no file"):
        fetch_function("small")


def test_a_cut_download_is_resumed_within_a_call(small, publisher, data_dir):
    whole = publisher.files["small.zip"]
    publisher.cut_after = [len(whole) // 2]
    assert contents(fetch_function("small")) == CONTENT
    assert publisher.requests[1][1] == f"bytes={len(whole) // 2}-"


def test_a_cut_download_is_resumed_by_a_later_call(small, publisher, data_dir):
    publisher.cut_after = [1000, 0, 0, 0]
    with pytest.raises(DataError, match="the connection was cut"):
        fetch_function("small")
    assert unverified(small, data_dir / "small") == {"a.dat": "missing", "b.hea": "missing"}
    publisher.cut_after.clear()
    publisher.requests.clear()
    assert contents(fetch_function("small")) == CONTENT
    assert publisher.requests == [("/small.zip", "bytes=1000-")]


def test_a_server_without_ranges_is_asked_for_the_whole(small, publisher, data_dir, monkeypatch):
    publisher.files |= {f"1.0.0/{name}": content for name, content in CONTENT.items()}
    monkeypatch.setitem(DATASETS, "small", replace(small, url=f"{publisher.url}/1.0.0/"))
    publisher.ranges = False
    publisher.cut_after = [1000]
    assert contents(fetch_function("small")) == CONTENT
    assert len(publisher.requests) == 3, "a beginning is not put before the whole"


def test_a_leftover_longer_than_the_file_begins_anew(small, publisher, data_dir):
    publisher.cut_after = [1000, 0, 0, 0]
    with pytest.raises(DataError, match="was cut"):
        fetch_function("small")
    (part,) = (data_dir / "small").glob("small.zip.*.part")
    part.write_bytes(bytes(2 * len(publisher.files["small.zip"])))
    publisher.cut_after.clear()
    assert contents(fetch_function("small")) == CONTENT


def test_a_silent_server_is_given_up(small, publisher, data_dir):
    publisher.stall = True
    with pytest.raises(DataError, match="the server went silent"):
        fetch_function("small")


def test_a_dripping_server_is_given_up(small, publisher, data_dir, monkeypatch):
    monkeypatch.setattr(download_module, "SLOW_SECONDS", 0.3)
    publisher.drip = 0.02
    with pytest.raises(DataError, match="sends under"):
        fetch_function("small")


def test_no_network(small, data_dir, monkeypatch):
    monkeypatch.setitem(DATASETS, "small", replace(small, url="http://127.0.0.1:9/small.zip"))
    with pytest.raises(DataError, match=r"small: cannot get a\.dat, b\.hea: .*cannot be reached.*ECGNB_MIRROR"):
        fetch_function("small")


def test_a_wrong_file_is_refused_with_both_hashes(small, publisher, data_dir):
    publisher.files["small.zip"] = zip_of(CONTENT | {"b.hea": b"forged"})
    with pytest.raises(DataError) as caught:
        fetch_function("small")
    assert "b.hea" in str(caught.value)
    assert hashlib.sha256(b"forged").hexdigest() in str(caught.value)
    assert small.sha256["b.hea"] in str(caught.value)
    assert contents(data_dir / "small") == {"a.dat": CONTENT["a.dat"]}, "the good file is kept, the forged one is not"


def test_a_damaged_file_is_replaced_and_a_good_one_left(small, data_dir):
    folder = fetch_function("small")
    (folder / "b.hea").write_bytes(b"damaged")
    before = (folder / "a.dat").stat()
    assert contents(fetch_function("small")) == CONTENT
    assert (folder / "a.dat").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("pack", [zip_of, tar_of])
@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "x/../../evil", "..\\evil"])
def test_an_escaping_member_is_refused(small, publisher, data_dir, tmp_path, pack, name):
    publisher.files["small.zip"] = pack({name: b"evil"} | CONTENT)
    with pytest.raises(DataError, match=r"evil.* would land outside the data folder"):
        fetch_function("small")
    assert not list(tmp_path.rglob("evil")) and not Path("/etc/evil").exists()


def test_a_tar_link_is_never_followed(small, publisher, data_dir):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        info = tarfile.TarInfo("a.dat")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    publisher.files["small.zip"] = buffer.getvalue()
    with pytest.raises(DataError, match=r"lacks a\.dat, b\.hea"):
        fetch_function("small")


def tar_that_claims(name, size, sparse=False, **details):
    """A tar archive whose only member claims a size that it does not hold."""
    info = tarfile.TarInfo(name)
    for detail, value in details.items():
        setattr(info, detail, value)
    if sparse:
        info.pax_headers = {"GNU.sparse.size": str(size), "GNU.sparse.map": "0,0", "GNU.sparse.numblocks": "0"}
        info.pax_headers |= {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": name}
    else:
        info.size = size
    return info.tobuf(tarfile.PAX_FORMAT) + bytes(10_240)


def lying_zip(size):
    """A zip archive whose member holds so many bytes and claims those that are wanted."""
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dat", bytes(size))
    return buffer.getvalue().replace(struct.pack("<L", size), struct.pack("<L", len(CONTENT["a.dat"])))


def gnu_sparse_tar(size):
    """A tar archive of 10,240 bytes whose member is a sparse file of this size."""
    info = tarfile.TarInfo("a.dat")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT)[: tarfile.BLOCKSIZE])
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(9728)


BOMBS = {
    "zip": lambda: zip_of({"a.dat": bytes(3_000_000)}, zipfile.ZIP_DEFLATED),
    "zip of a byte more": lambda: zip_of({"a.dat": bytes(300_001), "b.hea": b"second"}, zipfile.ZIP_DEFLATED),
    "zip that lies": lambda: lying_zip(30_000_000),
    "zip of bz2": lambda: zip_of(CONTENT, zipfile.ZIP_BZIP2),
    "zip of many": lambda: zip_of({f"{n}": b"" for n in range(6000)} | CONTENT),
    "tar.xz": lambda: tar_of({"a.dat": bytes(3_000_000)}),
    "other member": lambda: tar_of({"b.hea": CONTENT["b.hea"], "c.bin": bytes(3_000_000)}),
    "many": lambda: tar_of({f"{n}.bin": bytes(100_000) for n in range(30)}),
    "sparse of GNU": lambda: gnu_sparse_tar(10**9),
    "sparse": lambda: tar_that_claims("a.dat", 10**12, sparse=True),
    "header of 3 GB": lambda: lzma.compress(tar_that_claims("a.dat", 3 * 10**9, type=tarfile.XHDTYPE)),
    "name of 3 GB": lambda: lzma.compress(tar_that_claims("a.dat", 3 * 10**9, type=tarfile.GNUTYPE_LONGNAME)),
    "member of 10 GB": lambda: lzma.compress(tar_that_claims("c.bin", 10**10)),
    "gzip": lambda: gzip.compress(lzma.decompress(tar_of({"a.dat": bytes(3_000_000)}))),
    "empty members": lambda: lzma.compress(tarfile.TarInfo("x").tobuf() * 11_000),
}
REFUSALS = (
    r"small\.zip (is refused: it would unpack to more than 1 MB|"
    r"is refused: its member 'a.dat' has (0|300,001) bytes, expected 300,000|is not a whole archive|lacks a\.dat)"
)


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_archive_that_would_fill_the_disk_or_the_memory_is_refused(small, publisher, data_dir, bomb, monkeypatch):
    """Nothing of it is written, but of one that lies: less than the file would have."""
    written = []
    copy = unpack_module._write

    def counted(*arguments):
        n_bytes, digest = copy(*arguments)
        written.append(n_bytes)
        return n_bytes, digest

    monkeypatch.setattr(unpack_module, "_write", counted)
    publisher.files["small.zip"] = BOMBS[bomb]()
    assert len(publisher.files["small.zip"]) < 1_000_000
    with pytest.raises(DataError, match=REFUSALS):
        fetch_function("small")
    assert not written and {path.name for path in (data_dir / "small").iterdir()} <= {".lock"}


@pytest.mark.parametrize("pack", [lambda tar: tar, gzip.compress], ids=["plain", "gzip"])
def test_a_tar_packed_otherwise(small, publisher, data_dir, pack):
    publisher.files["small.zip"] = pack(lzma.decompress(tar_of(CONTENT)))
    assert contents(fetch_function("small")) == CONTENT


def test_a_damaged_gzip_is_no_full_disk(small, publisher, data_dir):
    publisher.files["small.zip"] = gzip.compress(lzma.decompress(tar_of(CONTENT)))[:200] + b"damaged"
    with pytest.raises(DataError, match="is not a whole archive"):
        fetch_function("small")


@pytest.mark.parametrize("name", ["ecg5000", "mitdb", "svdb", "nstdb", "ludb", "ptbxl"])
def test_a_whole_copy_stays_below_its_bound(name, real_data):
    folder = real_data(name)
    size = sum((folder / file).stat().st_size for file in DATASETS[name].sha256)
    assert 1.3 * size < DATASETS[name].unpacked < 20 * size


def test_a_full_disk(small, data_dir, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ecgnb.datasets.store.unpack._write", full)
    with pytest.raises(DataError, match=r"No space left on device; free some space"):
        fetch_function("small")
    assert {path.name for path in (data_dir / "small").iterdir()} <= {".lock"}, "nothing half-written stays"


@pytest.fixture
def without_root_rights():
    """File permissions do not bind root, so give root's rights up for the test."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield


def make_read_only(folder):
    """Let everybody come as far as the folder, and nobody write to it."""
    for parent in folder.parents:
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(0o755)
    folder.chmod(0o555)


def test_a_read_only_data_folder(small, data_dir, request):
    data_dir.mkdir()
    make_read_only(data_dir)
    request.getfixturevalue("without_root_rights")
    with pytest.raises(DataError, match=r"cannot write to .*Permission denied; set ECGNB_DATA_DIR"):
        fetch_function("small")


def test_a_read_only_folder_that_has_the_files_is_enough(small, data_dir, request):
    folder = fetch_function("small")
    make_read_only(folder)
    request.getfixturevalue("without_root_rights")
    assert fetch_function("small") == folder


def _fetch_small(url, folder, answers):
    os.environ["ECGNB_DATA_DIR"] = folder
    DATASETS["small"] = Small("small", "Small", "small.zip", url, 1_000_000, "none", "none")
    fetch_function("small")
    answers.put(True)


def test_two_processes_fetch_at_once(small, publisher, data_dir):
    fork = multiprocessing.get_context("spawn")
    answers = fork.Queue()
    processes = [fork.Process(target=_fetch_small, args=(small.url, str(data_dir), answers)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert contents(data_dir / "small") == CONTENT
    assert len(publisher.requests) == 1, "the second one waited and found the files"


def test_unknown_data_set():
    with pytest.raises(
        UsageError, match="unknown data set 'ptb'; the course uses: ecg5000, mitdb, svdb, nstdb, ludb, ptbxl"
    ):
        fetch_function("ptb")


@pytest.mark.parametrize(
    ("name", "n_files"), [("ecg5000", 2), ("mitdb", 146), ("svdb", 235), ("nstdb", 6), ("ludb", 2802), ("ptbxl", 978)]
)
def test_registries(name, n_files):
    registry = DATASETS[name].known
    assert len(registry) == n_files
    assert all(len(file.sha256) == 64 and file.n_bytes > 0 for file in registry.values())
