"""What npm brings is the package that is known here, or nothing of it is used."""

import base64
import hashlib
import io
import tarfile

import pytest

from ecgnb.app.browser import runtime
from ecgnb.errors import DataError


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
        runtime.fetch_runtime(tmp_path / "cache")


def test_without_a_network(npm, tmp_path):
    npm("echo 'request failed: ENOTFOUND' >&2; exit 1")
    with pytest.raises(DataError, match=r"could not download onnxruntime-web .*ENOTFOUND"):
        runtime.fetch_runtime(tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_another_package_than_is_known(npm, tmp_path):
    package(tmp_path / "package.tgz", {"package/dist/ort.wasm.min.js": b"send('everything')"})
    npm(f"/bin/cp {tmp_path}/package.tgz ort.tgz")
    with pytest.raises(DataError, match="npm brought another onnxruntime-web"):
        runtime.fetch_runtime(tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_only_what_is_needed_is_kept(npm, tmp_path, monkeypatch):
    members = {f"package/dist/{file}": str(file).encode() for file in runtime.FILES}
    package(tmp_path / "package.tgz", members | {"package/../../evil": b"no"})
    sha512 = hashlib.sha512((tmp_path / "package.tgz").read_bytes()).digest()
    monkeypatch.setattr(runtime, "INTEGRITY", base64.b64encode(sha512).decode())
    npm(f"/bin/cp {tmp_path}/package.tgz ort.tgz")
    found = runtime.fetch_runtime(tmp_path / "cache")
    assert [path.read_text() for path in found] == [str(file) for file in runtime.FILES]
    assert {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()} == set(map(str, runtime.FILES))
    npm("exit 1")
    assert runtime.fetch_runtime(tmp_path / "cache") == found, "and taken from there the next time"
