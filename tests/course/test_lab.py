"""Lesson 01 in JupyterLab in a real browser: pairing, figures, a bar that ends, a slider that moves a figure."""

import contextlib
import json
import os
import re
import shutil
import sys
import time

import jupytext
import nbformat
import pytest
from browser import IN_CHROMIUM, free_port, open_page, serving
from conftest import ROOT
from playwright.sync_api import TimeoutError, expect

from ecgnb.course.lessons import find, profile_parameters
from ecgnb.paths import HEADLESS

pytestmark = IN_CHROMIUM
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # every cell is there to be looked at
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A folder with lesson 01 in smoke size, and JupyterLab as `make lab` starts it upon it."""
    folder = tmp_path_factory.mktemp("lab")
    lesson, notebooks = find("01"), folder / "notebooks"
    (notebooks / "images").mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "images" / "01_hero.png", notebooks / "images")
    made = jupytext.read(lesson.script)
    (cell,) = [cell for cell in made.cells if "parameters" in cell.metadata.get("tags", [])]
    for name, value in profile_parameters(lesson, "smoke").items():
        cell.source = re.sub(rf"^({name}: \w+ = )\S+", rf"\g<1>{value!r}", cell.source, flags=re.MULTILINE)
    jupytext.write(made, notebooks / lesson.script.name)
    nbformat.write(made, notebooks / lesson.notebook.name)
    for name, setting in SETTINGS.items():
        path = folder / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(setting))
    environment = os.environ | {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "ECGNB_RUNS_DIR": str(folder / "runs"),
    }  # fmt: skip
    for name in (HEADLESS, "MPLBACKEND"):  # the other is set by Streamlit in any process that imports it, so in tests
        environment.pop(name, None)
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", str(notebooks), "--no-browser", f"--port={port}", "--allow-root",
               "--IdentityProvider.token=", "--ServerApp.port_retries=0"]  # fmt: skip
    with serving(command, port, "api/status", folder, environment) as site:
        yield site, notebooks


@pytest.fixture
def opened(lab):
    """The lesson in the browser, its kernel idle."""
    site, notebooks = lab
    with open_page(site, width=1400, height=1200) as page:
        page.goto(f"{site}/lab/tree/{find('01').notebook.name}")
        page.get_by_text("| Idle").wait_for()
        yield page, notebooks


def menu(page, *names):
    for name in names:
        page.get_by_role("menuitem", name=name, exact=True).first.click()


def test_step_through_lesson_01(opened):
    page, notebooks = opened
    cells = page.locator(".jp-CodeCell")
    made = nbformat.read(notebooks / find("01").notebook.name, as_version=4)
    n_cells = sum(cell.cell_type == "code" for cell in made.cells)
    expect(cells).to_have_count(n_cells)  # the lab draws them one by one
    menu(page, "Run", "Run All Cells")
    prompt = cells.nth(n_cells - 1).locator(".jp-InputPrompt")
    expect(prompt).to_have_text(f"[{n_cells}]:", timeout=240_000)
    assert page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    expect(page.get_by_role("alert").filter(has_text="SYNTHETIC DATA").first).to_be_visible()
    widths = page.evaluate("[...document.querySelectorAll('.jp-RenderedImage img')].map(i => i.naturalWidth)")
    assert len(widths) >= 5 and min(widths) > 200

    bar = page.locator(".widget-hprogress .progress-bar").first
    assert "progress-bar-success" in bar.get_attribute("class") and "width: 100%" in bar.get_attribute("style")
    expect(page.get_by_text("training: 100%").first).to_be_visible()

    slider = page.get_by_role("slider").last
    picture = page.locator(".widget-interact .jp-RenderedImage img, .widget-output .jp-RenderedImage img").last
    before = picture.get_attribute("src")
    slider.scroll_into_view_if_needed()
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(picture).not_to_have_attribute("src", before)

    solution = page.locator("details", has_text="A solution").first
    solution.locator("summary").first.click()
    expect(solution.locator("pre").first).to_be_visible()


def test_saving_writes_the_pair_and_back(opened):
    page, notebooks = opened
    script, notebook = notebooks / find("01").script.name, notebooks / find("01").notebook.name
    first = page.locator(".jp-CodeCell").first
    first.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("# typed in the lab\n")
    page.keyboard.press("Control+s")
    deadline = time.monotonic() + 30
    while "# typed in the lab" not in script.read_text() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "# typed in the lab" in script.read_text() and "# typed in the lab" in notebook.read_text()
    time.sleep(1.1)  # the younger file of a pair is the one that is read
    script.write_text(script.read_text().replace("# typed in the lab", "# typed in an editor"))
    menu(page, "File", "Reload Notebook from Disk")
    confirm = page.get_by_role("button", name="Reload")
    with contextlib.suppress(TimeoutError):  # it asks where the notebook was touched since
        confirm.click(timeout=3000)
    expect(first.locator(".cm-content")).to_contain_text("# typed in an editor")
