"""What npm brings is the package that is known here, or nothing of it is used."""

import base64
import hashlib
import io
import tarfile

import pytest

from ecgnb.datasets.store.npm import Package, fetch_package
from ecgnb.errors import DataError

KNOWN = Package("onnxruntime-web", "1.30.0", "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7Qm==")
FILES = ("dist/ort.js", "LICENSE")


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A folder that is the only one on the path; what is written there as npm is npm."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def install(script):
        path = tmp_path / "bin" / "npm"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return install


def package(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def test_without_npm(npm, tmp_path):
    with pytest.raises(DataError, match="npm is not installed"):
        fetch_package(KNOWN, FILES, tmp_path / "cache")


def test_without_a_network(npm, tmp_path):
    npm("echo 'request failed: ENOTFOUND' >&2; exit 1")
    with pytest.raises(DataError, match=r"could not download onnxruntime-web .*ENOTFOUND"):
        fetch_package(KNOWN, FILES, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_another_package_than_is_known(npm, tmp_path):
    package(tmp_path / "package.tgz", {"package/dist/ort.js": b"send('everything')"})
    npm(f"/bin/cp {tmp_path}/package.tgz ort.tgz")
    with pytest.raises(DataError, match="npm brought another onnxruntime-web"):
        fetch_package(KNOWN, FILES, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_only_what_is_needed_is_kept(npm, tmp_path):
    known, cache = packed(
        tmp_path, {f"package/{file}": file.encode() for file in FILES} | {"package/../../evil": b"no"}
    )
    npm(f"/bin/cp {tmp_path}/package.tgz ort.tgz")
    found = fetch_package(known, FILES, cache)
    assert [path.read_text() for path in found] == list(FILES)
    assert {path.name for path in cache.rglob("*") if path.is_file()} == {"ort.js", "LICENSE"}
    npm("exit 1")
    assert fetch_package(known, FILES, cache) == found, "and taken from there the next time"


def test_a_package_without_what_is_needed(npm, tmp_path):
    known, cache = packed(tmp_path, {"package/LICENSE": b"MIT"})
    npm(f"/bin/cp {tmp_path}/package.tgz ort.tgz")
    with pytest.raises(DataError, match=r"holds no dist/ort\.js"):
        fetch_package(known, FILES, cache)
    assert not list(cache.iterdir())


def packed(folder, members):
    """Write an archive; return the package that it is, and a folder to keep files in."""
    package(folder / "package.tgz", members)
    sha512 = hashlib.sha512((folder / "package.tgz").read_bytes()).digest()
    return Package("onnxruntime-web", "1.30.0", base64.b64encode(sha512).decode()), folder / "cache"
