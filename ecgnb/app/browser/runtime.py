"""onnxruntime-web, brought by npm: one version, its contents known in advance."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from ecgnb.errors import DataError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"

INTEGRITY = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # SHA-512

SECONDS = 300  # to download 33 MB


class Runtime(NamedTuple):
    """The files of onnxruntime-web that the page needs.

    Attributes
    ----------
    script, loader, wasm : path
        The library, the module that it loads its computing part by, and that part, for one thread.
    """

    script: Path
    loader: Path
    wasm: Path


FILES = Runtime(
    Path("ort.wasm.min.js"), Path("ort-wasm-simd-threaded.mjs"), Path("ort-wasm-simd-threaded.wasm")
)  # in the package's folder "dist"


def fetch_runtime(cache: Path) -> Runtime:
    """Return the runtime's files, out of a folder where they were kept, else by npm.

    Parameters
    ----------
    cache : path
        Never committed.

    Raises
    ------
    DataError
        Where npm is not there, cannot download the package, or brings another one than is known here.
    """
    folder = cache / f"{PACKAGE}-{VERSION}"
    kept = Runtime(*(folder / file for file in FILES))
    if all(file.is_file() for file in kept):
        return kept
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed; on Debian install npm")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        _unpacked(_downloaded(npm, Path(work)), Path(work) / "new")
        shutil.rmtree(folder, ignore_errors=True)  # half of an earlier one
        (Path(work) / "new").replace(folder)
    return kept


def _downloaded(npm: str, folder: Path) -> Path:
    """Download the package and compare it with what is known of it."""
    command = [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise DataError(f"npm could not download {PACKAGE} {VERSION}: {type(fault).__name__}") from None
    found = list(folder.glob("*.tgz"))
    if done.returncode or len(found) != 1:
        why = " ".join(done.stderr.split())[:120] or f"it ended with {done.returncode}"
        raise DataError(f"npm could not download {PACKAGE} {VERSION}: {why}")
    sha512 = base64.b64encode(hashlib.sha512(found[0].read_bytes()).digest()).decode()
    if sha512 != INTEGRITY:
        raise DataError(f"npm brought another {PACKAGE} {VERSION} (SHA-512 {sha512[:12]}…); expected {INTEGRITY[:12]}…")
    return found[0]


def _unpacked(archive: Path, folder: Path) -> None:
    """Take the files that are needed out of the package, and no other."""
    folder.mkdir()
    with tarfile.open(archive) as package:
        for file in FILES:
            member = package.extractfile(f"package/dist/{file}")
            if member is None:
                raise DataError(f"{archive.name} holds no {file}")
            (folder / file).write_bytes(member.read())
