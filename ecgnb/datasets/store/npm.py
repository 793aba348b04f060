"""Packages that npm brings: one version each, its contents known in advance."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ecgnb.errors import DataError

SECONDS = 300  # to download some 30 MB


class Package(NamedTuple):
    """A package of the npm registry.

    Attributes
    ----------
    name, version : str
    integrity : str
        SHA-512 of its archive in base 64, as the registry gives it.
    """

    name: str
    version: str
    integrity: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def fetch_package(package: Package, files: Sequence[str], cache: Path) -> list[Path]:
    """Return some files of a package, out of a folder where they were kept, else by npm.

    Parameters
    ----------
    package : Package
    files : sequence of str
        Which files, by their path within the package.
    cache : path
        Never committed; the files lie in a folder of it, beside each other.

    Raises
    ------
    DataError
        Where npm is not there, cannot download the package, or brings another one than is known here.
    """
    folder = cache / f"{package.name}-{package.version}"
    kept = [folder / Path(file).name for file in files]
    if all(file.is_file() for file in kept):
        return kept
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed; on Debian install npm")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        _unpacked(_downloaded(npm, package, Path(work)), files, Path(work) / "new")
        shutil.rmtree(folder, ignore_errors=True)  # half of an earlier one
        (Path(work) / "new").replace(folder)
    return kept


def _downloaded(npm: str, package: Package, folder: Path) -> Path:
    """Download the package and compare it with what is known of it."""
    command = [npm, "pack", "--silent", f"{package.name}@{package.version}"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise DataError(f"npm could not download {package}: {type(fault).__name__}") from None
    found = list(folder.glob("*.tgz"))
    if done.returncode or len(found) != 1:
        why = " ".join(done.stderr.split())[:120] or f"it ended with {done.returncode}"
        raise DataError(f"npm could not download {package}: {why}")
    sha512 = base64.b64encode(hashlib.sha512(found[0].read_bytes()).digest()).decode()
    if sha512 != package.integrity:
        raise DataError(f"npm brought another {package} (SHA-512 {sha512[:12]}…); expected {package.integrity[:12]}…")
    return found[0]


def _unpacked(archive: Path, files: Sequence[str], folder: Path) -> None:
    """Take the files that are needed out of the package, and no other."""
    folder.mkdir()
    with tarfile.open(archive) as package:
        for file in files:
            try:
                member = package.extractfile(f"package/{file}")
            except KeyError:
                member = None
            if member is None:
                raise DataError(f"{archive.name} holds no {file}")
            (folder / Path(file).name).write_bytes(member.read())
