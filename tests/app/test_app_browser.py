"""The app in a real browser: upload, see, click, download, with no console error and no request off the machine."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import free_port, open_page, serving
from playwright.sync_api import expect

from ecgnb.app import serve
from ecgnb.app.plain import WORD_JOINER
from ecgnb.datasets import load_records

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The app as `ecgnb app` starts it, with an empty data folder."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    environment = os.environ | {"ECGNB_DATA_DIR": str(folder / "data")}
    with serving(serve.command(port), port, "_stcore/health", folder, environment) as site:
        yield site
    assert "Traceback" not in (folder / "log").read_text()
    assert [entry.name for entry in folder.iterdir()] == ["log"], "nothing was written beside the temporary folder"


@pytest.fixture
def page(server):
    """A page of the app."""
    with open_page(server) as opened:
        opened.goto(server)
        opened.get_by_text("The whole recording").wait_for()
        yield opened


def upload(page, *files):
    page.get_by_text("A recording of mine").click()
    page.get_by_text("Sampling rate (Hz)").wait_for()
    page.locator("input[type=file]").first.set_input_files([str(file) for file in files])


def click_mark(page, label):
    """Click the first mark of a class on the strip, and return its beat's number."""
    beat, x, y = page.evaluate(
        """label => {
            const plot = document.querySelector(".js-plotly-plot");
            const trace = plot._fullData.find(trace => trace.customdata && trace.name.startsWith(label + ":"));
            const layout = plot._fullLayout, box = plot.getBoundingClientRect();
            return [trace.customdata[0][0], box.x + layout.xaxis._offset + layout.xaxis.d2p(trace.x[0]),
                    box.y + layout.yaxis._offset + layout.yaxis.d2p(trace.y[0])];
        }""",
        label,
    )
    page.mouse.move(x, y)
    page.wait_for_timeout(300)
    page.mouse.click(x, y)
    return int(beat)


def test_upload_see_click_download(page, tmp_path):
    record = load_records(["208"], data="synthetic")[0]
    seconds = np.arange(len(record.signal)) / record.fs
    pd.DataFrame({"time": seconds, "MLII": record.signal[:, 0]}).to_csv(tmp_path / "mine.csv", index=False)
    upload(page, tmp_path / "mine.csv")
    page.get_by_text("mine · lead MLII").wait_for()
    plot = page.locator(".js-plotly-plot").first
    plot.wait_for()
    assert plot.bounding_box()["height"] > 200 and plot.locator("canvas").count() > 0
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length >= 4")
    page.wait_for_timeout(1000)
    number = click_mark(page, "V")
    expect(page.get_by_role("heading", name=f"Beat {number}:")).to_be_visible()
    expect(page.get_by_text("Ventricular premature beat").first).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download the table (CSV)").click()
    table = pd.read_csv(started.value.path())
    assert started.value.suggested_filename == "mine_beats.csv"
    assert len(table) == pytest.approx(len(record.r_sample), abs=3) and (table["label"] == "V").any()


def test_a_bad_file_and_a_good_one_after_it(page, tmp_path):
    (tmp_path / "prose.txt").write_text("to be or not to be\n")
    upload(page, tmp_path / "prose.txt")
    expect(page.get_by_text("prose.txt has no line of numbers")).to_be_visible()
    page.get_by_text("A sample", exact=True).click()
    expect(page.get_by_text("The whole recording")).to_be_visible()


def test_text_of_a_file_fetches_nothing_and_links_nowhere(page, tmp_path):
    """`open_page` complains about each request to elsewhere, and about what the page's own policy had to stop."""
    image = "![a](http://127.0.0.1:9/x.png)"
    (tmp_path / "first.txt").write_text(image + "\n")
    upload(page, tmp_path / "first.txt")
    page.get_by_text("first.txt has no line of numbers").wait_for()
    assert image in page.get_by_test_id("stAlert").last.inner_text().replace(WORD_JOINER, "")
    record = load_records(["208"], data="synthetic")[0]
    seconds = np.arange(len(record.signal)) / record.fs
    for number, name in enumerate(
        (
            "MLII ![](http://127.0.0.1:9/x.png)",
            "MLII [a](http://evil.example) $x^2$",
            "MLII www.evil.example me@evil.example",
            "MLII :material/home: :smile: :blue[x]",
        )
    ):
        page.get_by_text("A sample", exact=True).click()
        page.get_by_text("SYNTHETIC signal").wait_for()
        table = pd.DataFrame({"time": seconds, name: record.signal[:, 0]})
        table.to_csv(tmp_path / f"mine{number}.csv", index=False)
        upload(page, tmp_path / f"mine{number}.csv")
        heading = page.get_by_role("heading", name=f"mine{number} · lead")
        heading.wait_for()
        assert heading.inner_text().replace(WORD_JOINER, "") == f"mine{number} · lead {name} · 360 Hz"
        assert page.locator("[href*='127.0.0.1:9'], [src*='127.0.0.1:9'], [href*=evil]").count() == 0
        assert heading.locator("img, span[role=img], .katex").count() == 0


def test_limits_are_said_as_they_are(page):
    page.get_by_text("A recording of mine").click()
    page.get_by_text("Sampling rate (Hz)").wait_for()
    expect(page.get_by_text("450MB per file").first).to_be_visible()


def test_a_real_record_and_its_picture(page, real_mitdb, tmp_path):
    """`make screenshot` keeps the picture, which lesson 05 shows."""
    upload(page, real_mitdb / "200.hea", real_mitdb / "200.dat")
    page.get_by_text("200 · lead MLII · 360 Hz").wait_for()
    page.wait_for_timeout(2000)
    click_mark(page, "V")
    expect(page.get_by_text("Ventricular premature beat").first).to_be_visible()
    page.wait_for_timeout(1500)
    target = Path(os.environ.get("ECGNB_SCREENSHOT") or tmp_path / "app.png")
    page.screenshot(path=target)
    assert target.stat().st_size > 50_000
