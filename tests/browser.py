"""A headless Chromium for the tests of app, lab and book, and the servers that it looks at."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest
from playwright.sync_api import expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# A minute is a bound that a machine with other work to do may miss: a test that waited in vain is begun again, twice at
# most, and the report says so. What is wrong on a page, rather than late, fails at once.
MAY_BE_LATE = pytest.mark.flaky(reruns=2, only_rerun=["TimeoutError", "with timeout"])
IN_CHROMIUM = [pytest.mark.slow, pytest.mark.browser, MAY_BE_LATE]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextlib.contextmanager
def open_page(origin, width=1280, height=1500):
    """Yield a page; complain at the end about console errors and about requests to elsewhere than `origin`."""
    chromium = next((found for name in NAMES if (found := shutil.which(name))), None)
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Chromium; .ci/run installs it")
        pytest.skip("no Chromium on this machine; on Debian install chromium")
    here = (origin, origin.replace("http", "ws"), "data:", "blob:")
    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.on("request", lambda request: None if request.url.startswith(here) else complaints.append(request.url))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    assert complaints == [], complaints


def free_port():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def serving(command, port, health, folder, environment):
    """Run a server's command in a folder, with its output in ``log`` there; yield its address once it answers."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
        try:
            for _ in range(120):
                try:
                    urllib.request.urlopen(f"http://localhost:{port}/{health}", timeout=2).close()
                    break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text()
                    time.sleep(0.5)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            process.wait(20)
