"""What slides run on: reveal.js, brought by npm, and MathJax for formulas, out of the book's packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ecgnb.datasets.store.npm import Package, fetch_package
from ecgnb.errors import DataError

PACKAGE = Package(
    "reveal.js",
    "6.0.2",
    "JYIg5D9aoxoaLeb84O+OvAwsKWdIavVgEDScxtYEXFCT6t6TQrhNtSgogcjdCpdLsWglhJn3zyE3fUOwiH5KEg==",
)

FILES = ("dist/reveal.js", "dist/reveal.css", "dist/plugin/notes.js", "LICENSE")


def fetch_reveal(cache: Path) -> list[Path]:
    """Return the library, its style, the plugin that shows the speaker's notes, and its licence.

    Raises
    ------
    DataError
        Where npm is not there, cannot download the package, or brings another one than is known here.
    """
    return fetch_package(PACKAGE, FILES, cache)


def mathjax() -> Path:
    """Return the script that sets formulas, in one file.

    Raises
    ------
    DataError
        Where the package that holds it is not installed.
    """
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise DataError("formulas need the book's packages; run: pip install -e '.[book]'")
    return Path(package.origin).parent / "static" / "mathjax" / "tex-svg.js"
