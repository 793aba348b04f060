"""Where the course keeps things: the checkout, the data folder, the run folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from platformdirs import user_cache_path

HEADLESS = "ECGNB_HEADLESS"  # set where nobody sits at the notebook


def is_interactive() -> bool:
    """Say whether a person sits at the notebook; a headless run (papermill, CI) sets ``$ECGNB_HEADLESS``."""
    if "IPython" not in sys.modules:  # it takes a while to import, and where it was not there is no notebook
        return False
    from IPython import get_ipython

    return get_ipython() is not None and not os.environ.get(HEADLESS)


_PARENT = Path(__file__).resolve().parents[1]


def checkout() -> Path | None:
    """Return the root of the course's checkout, or None where only the package is installed."""
    return _PARENT if (_PARENT / "notebooks").is_dir() and (_PARENT / "pyproject.toml").is_file() else None


def _folder(variable: str, name: str) -> Path:
    if os.environ.get(variable):
        return Path(os.environ[variable]).expanduser().resolve()
    return (checkout() or user_cache_path("ecgnb")) / name


def data_dir() -> Path:
    """Return the data folder: ``$ECGNB_DATA_DIR``, else the checkout's ``data/``, else one in the user's cache."""
    return _folder("ECGNB_DATA_DIR", "data")


def runs_dir() -> Path:
    """Return the folder of runs: ``$ECGNB_RUNS_DIR``, else the checkout's ``runs/``, else one in the user's cache."""
    return _folder("ECGNB_RUNS_DIR", "runs")


def shown(path: Path) -> str:
    """Return a path as a reader should see it: relative to the checkout where it lies inside."""
    root = checkout()
    return path.relative_to(root).as_posix() if root and path.is_relative_to(root) else str(path)
