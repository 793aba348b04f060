"""Write the page: its own files, and beside them as scripts the constants, the network, the runtime and a sample.

All are classic scripts, since a page that was opened from a folder may neither fetch a file nor import a module. What
the page's worker computes with is text in such a script: a worker may not be loaded from a folder, either.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ecgnb.app.browser.constants import constants
from ecgnb.app.browser.runtime import Runtime
from ecgnb.app.colours import DARK, LIGHT, Palette
from ecgnb.app.minute import GAIN, SOURCE, read_minute
from ecgnb.classifier.load import DEFAULT, WEIGHTS

AS_THEY_ARE = ("page.css", "page.js", "strip.js", "table.js", "licence.txt")


def build_page(source: Path, target: Path, runtime: Runtime) -> None:
    """Write the page into a folder.

    Parameters
    ----------
    source : path
        ``notebooks/browser``.
    target : path
        Made where it is not there.
    runtime : Runtime
    """
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "page.html", target / "index.html")
    for name in AS_THEY_ARE:
        shutil.copyfile(source / name, target / name)
    shutil.copyfile(source.parent / "pages" / "_static" / "icon.svg", target / "icon.svg")
    (target / "colours.css").write_text(_colours(), encoding="utf-8")
    (target / "recipe.js").write_text(recipe_script(), encoding="utf-8")
    _write(target / "sample.js", "ECG_SAMPLE", _sample())
    _write(
        target / "engine.js", "ECG_ENGINE", "\n".join(script.read_text(encoding="utf-8") for script in engine(source))
    )
    _write(target / "runtime.js", "ECG_RUNTIME", runtime_values(runtime))


def engine(source: Path) -> list[Path]:
    """Return the scripts that compute, in any order but that the worker's own is the last."""
    found = sorted((source / "engine").glob("*.js"))
    return sorted(found, key=lambda script: script.name == "worker.js")


def runtime_values(runtime: Runtime) -> dict[str, str]:
    """Return the runtime as texts; its computing part packed, a quarter of its size."""
    return {
        "script": runtime.script.read_text(encoding="utf-8"),
        "loader": runtime.loader.read_text(encoding="utf-8"),
        "wasm": _as_text(gzip.compress(runtime.wasm.read_bytes(), mtime=0)),
    }


def recipe_script() -> str:
    """Return the script of all that Python knows, the network among it."""
    network = WEIGHTS.joinpath(f"{DEFAULT}.onnx").read_bytes()
    return _script("ECG_RECIPE", constants() | {"model": _as_text(network)})


def _sample() -> dict[str, Any]:
    minute, _ = read_minute()
    assert minute.fs is not None
    counts = np.round(minute.signal * GAIN).astype("<i2")
    return {
        "name": "One minute of record 213", "lead": minute.lead, "unit": "mV", "fs": minute.fs, "gain": GAIN,
        "read": SOURCE, "values": _as_text(counts.tobytes()),
    }  # fmt: skip


def _colours() -> str:
    """Return the colours of the app, by day and by night, for the page's style sheet."""
    return (
        f":root {{\n{_variables(LIGHT)}}}\n@media (prefers-color-scheme: dark) {{\n:root {{\n{_variables(DARK)}}}\n}}\n"
    )


def _variables(palette: Palette) -> str:
    classes = {f"class-{'unsure' if label == '?' else label}": colour for label, colour in palette.classes.items()}
    rest = {name.replace("_", "-"): value for name, value in palette._asdict().items() if isinstance(value, str)}
    return "".join(f"--{name}: {colour};\n" for name, colour in (classes | rest).items())


def _as_text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _script(name: str, value: Any) -> str:
    return f"const {name} = {json.dumps(value, allow_nan=False)};\n"


def _write(path: Path, name: str, value: Any) -> None:
    path.write_text(_script(name, value), encoding="utf-8")
