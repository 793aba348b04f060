"""onnxruntime-web, brought by npm."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ecgnb.datasets.store.npm import Package, fetch_package

PACKAGE = Package(
    "onnxruntime-web",
    "1.30.0",
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
)

FILES = (
    "dist/ort.wasm.min.js",
    "dist/ort-wasm-simd-threaded.mjs",
    "dist/ort-wasm-simd-threaded.wasm",
)


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
    return Runtime(*fetch_package(PACKAGE, FILES, cache))
