"""The page that reads an ECG, for tests: built once, and its engine in a Chromium of its own, to ask single stages."""

import base64
import contextlib
import os

import numpy as np
import pytest
from browser import open_page
from conftest import ROOT

from ecgnb.app.browser.build import build_page, engine, recipe_script
from ecgnb.app.browser.runtime import fetch_runtime
from ecgnb.errors import DataError

SOURCE = ROOT / "notebooks" / "browser"


def runtime_or_skip():
    """The runtime that npm brings; where npm is, it must come."""
    try:
        return fetch_runtime(ROOT / "build")
    except DataError as fault:
        if os.environ.get("CI") and "not installed" not in str(fault):
            raise
        pytest.skip(str(fault))


@contextlib.contextmanager
def built_page(folder, **size):
    """Yield the page, opened from a folder without any server; complain about requests to elsewhere."""
    build_page(SOURCE, folder / "a b" / "browser", runtime_or_skip())
    address = (folder / "a b" / "browser").as_uri()
    with open_page(address, **size) as page:
        page.goto(f"{address}/index.html")
        page.wait_for_function("document.body.dataset.ready")
        yield page


class Engine:
    """The page's scripts, called from Python."""

    def __init__(self, page):
        self.page = page
        page.add_script_tag(content=recipe_script())
        page.add_script_tag(content="\n".join(script.read_text() for script in engine(SOURCE)[:-1]))

    def __call__(self, code, *given):
        """What an expression gives, of arguments a, b, c; arrays come as arrays of float32, files as File."""
        body = f"const [a, b, c] = await Promise.all(given.map(opened)); return plainly(await ({code}));"
        return self.page.evaluate(f"async (given) => {{ {HELPERS} {body} }}", [packed(one) for one in given])

    def read(self, content, name, fs=None, lead=None):
        """How a table is read, or the sentence that refuses it."""
        told = "({ fault: fault.message, kind: fault instanceof DataError ? '' : fault.stack })"
        code = f"readOne([a], b, c).catch((fault) => {told})"
        return self(code, (name, content), fs, lead)


HELPERS = """
const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
const opened = (one) => {
  if (one && one.wave) return new Float32Array(bytes(one.wave).buffer);
  return one && one.file ? new File([bytes(one.content)], one.file) : one;
};
const plainly = (found) => JSON.parse(JSON.stringify(found, (key, value) => {
  if (ArrayBuffer.isView(value)) return Array.from(value);
  return Number.isFinite(value) || typeof value !== "number" ? value : null;
}));
"""


def packed(given):
    """An argument as JSON bears it."""
    if isinstance(given, np.ndarray):
        return {"wave": base64.b64encode(given.astype("<f4").tobytes()).decode()}
    if isinstance(given, tuple):
        return {"file": given[0], "content": base64.b64encode(given[1]).decode()}
    return given


def numbers(values):
    """What came back, null as NaN."""
    return np.array(values, dtype=float)


def near(found, expected, within=1e-9):
    """Assert that what came back is what Python has, but for rounding."""
    np.testing.assert_allclose(numbers(found), np.asarray(expected, dtype=float), rtol=within, atol=within)
