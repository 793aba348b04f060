"""The app in a real browser: upload, see, click, download, with no console error and no request off the machine."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import IN_CHROMIUM, free_port, open_page, serving
from playwright.sync_api import TimeoutError, expect

from ecgnb.app import serve
from ecgnb.app.colours import DARK, LIGHT
from ecgnb.app.plain import WORD_JOINER
from ecgnb.datasets import load_records

pytestmark = IN_CHROMIUM


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
        whole(opened)
        yield opened


def whole(page):
    """Wait until a recording is on the page, from top to bottom."""
    page.get_by_text("What the classes mean").last.wait_for()
    page.locator(".js-plotly-plot").nth(5).wait_for()
    settled(page)


def shown(page):
    """The seconds that the strip shows."""
    return page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range")


def shows(page, start, stop):
    page.wait_for_function(
        """([start, stop]) => {
            const layout = document.querySelector(".js-plotly-plot")?._fullLayout;
            return layout && layout.xaxis.range[0] === start && layout.xaxis.range[1] === stop;
        }""",
        arg=[start, stop],
    )


def turn(page, key, start):
    """Press a key that turns pages, and wait until the strip shows the ten seconds from `start` on."""
    settled(page)
    page.keyboard.press(key)
    shows(page, start, start + 10)


def settled(page):
    """Wait until the page's script has run to its end: on a busy machine a click in between may be lost."""
    page.wait_for_timeout(500)
    page.locator('[data-test-script-state="notRunning"]').first.wait_for()


def until(page, act, done):
    """Do something that the page answers, and once more where a busy machine lost it; `done` waits for the answer."""
    for timeout in (20_000, 20_000, 60_000):
        settled(page)
        act()
        try:
            return done(timeout)
        except TimeoutError:
            late = timeout
    raise TimeoutError(f"no answer within {late} ms")


def download(page, name):
    """Click a button that hands out a file; return what comes."""
    for timeout in (20_000, 20_000, 60_000):
        settled(page)  # the button of a run that has not ended is replaced by the next one's, with the click on it
        try:
            with page.expect_download(timeout=timeout) as started:
                page.get_by_role("button", name=name).click()
            return started.value
        except TimeoutError:
            continue
    raise TimeoutError(f"{name}: nothing came")


def the_sample(page):
    """Go back from a file of one's own to the recording that comes with the app."""
    until(
        page,
        page.get_by_text("A sample", exact=True).click,
        lambda timeout: page.get_by_role("heading", name="record 213").wait_for(timeout=timeout),
    )


def mine(page):
    """Show the fields for a recording of one's own."""
    settled(page)  # those of an upload before this one are still there while a run goes on
    until(
        page,
        page.get_by_text("A recording of mine").click,
        lambda timeout: page.get_by_text("Sampling rate (Hz)").wait_for(timeout=timeout),
    )
    settled(page)  # the field of an upload is made anew by the run that shows it


def upload(page, *files):
    mine(page)
    chip = page.get_by_test_id("stFileChip").filter(has_text=Path(files[-1]).stem).first
    for _ in range(3):
        page.locator("input[type=file]").first.set_input_files([str(file) for file in files])
        try:
            chip.wait_for(timeout=15_000)
        except TimeoutError:  # on a busy machine a new field may take the place of the one that was given the file
            continue
        settled(page)
        if chip.is_visible():
            return
    raise TimeoutError(f"the page has not taken {files}")


def click_mark(page, label):
    """Click the first mark of a class on the strip, and return its beat's number."""
    beat, x, y = page.evaluate(
        """label => {
            const plot = document.querySelector(".js-plotly-plot");
            const trace = plot._fullData.find(trace => trace.customdata && trace.name.startsWith(label + ":"));
            const layout = plot._fullLayout, box = plot.getBoundingClientRect(), range = layout.xaxis.range;
            const n = trace.x.findIndex(x => x > range[0] + 0.3 && x < range[1] - 0.3);
            return [trace.customdata[n][0], box.x + layout.xaxis._offset + layout.xaxis.d2p(trace.x[n]),
                    box.y + layout.yaxis._offset + layout.yaxis.d2p(trace.y[n])];
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
    assert plot.bounding_box()["height"] > 200
    whole(page)
    page.wait_for_timeout(1000)
    settled(page)
    number = click_mark(page, "V")
    expect(page.get_by_role("heading", name=f"Beat {number}:")).to_be_visible()
    expect(page.get_by_text("Ventricular premature beat").first).to_be_visible()
    came = download(page, "Download the table (CSV)")
    table = pd.read_csv(came.path())
    assert came.suggested_filename == "mine_beats.csv"
    assert len(table) == pytest.approx(len(record.r_sample), abs=3) and (table["label"] == "V").any()


def test_a_bad_file_and_a_good_one_after_it(page, tmp_path):
    (tmp_path / "prose.txt").write_text("to be or not to be\n")
    upload(page, tmp_path / "prose.txt")
    expect(page.get_by_text("prose.txt has no line of numbers")).to_be_visible()
    the_sample(page)
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
        the_sample(page)
        table = pd.DataFrame({"time": seconds, name: record.signal[:, 0]})
        table.to_csv(tmp_path / f"mine{number}.csv", index=False)
        upload(page, tmp_path / f"mine{number}.csv")
        heading = page.get_by_role("heading", name=f"mine{number} · lead")
        heading.wait_for()
        assert heading.inner_text().replace(WORD_JOINER, "") == f"mine{number} · lead {name} · 360 Hz"
        assert page.locator("[href*='127.0.0.1:9'], [src*='127.0.0.1:9'], [href*=evil]").count() == 0
        assert heading.locator("img, span[role=img], .katex").count() == 0


def test_keys_a_time_the_overview_and_a_second_model(page):
    assert shown(page) == [0, 10]
    for key, start in (("ArrowRight", 10), ("s", 30), ("u", 50), ("b", 30), ("ArrowLeft", 20)):
        turn(page, key, start)
    page.wait_for_url("**start=0%3A20")
    field = page.get_by_label("Go to (min:s)")
    field.fill("0:12")
    field.press("Enter")
    shows(page, 12, 22)
    page.wait_for_timeout(1000)  # until the overview is drawn anew, too
    plot = page.locator(".js-plotly-plot").nth(2)
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    x, y = box["x"] + 0.72 * box["width"], box["y"] + 40
    page.mouse.move(x, y)
    page.wait_for_timeout(300)
    page.mouse.click(x, y)
    shows(page, 40, 50)
    settled(page)
    page.get_by_label("Compare with").click()
    page.get_by_role("option", name="cnn_lstm").click()
    expect(page.get_by_text("beat_sequence and cnn_lstm call")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first.get_by_text("other", exact=True)).to_be_visible()
    came = download(page, "Download a report (PDF)")
    assert came.suggested_filename == "record 213_report.pdf"
    assert Path(came.path()).read_bytes().startswith(b"%PDF")


def test_keys_turn_pages_wherever_the_focus_is(page, tmp_path):
    record = load_records(["208"], data="synthetic")[0]
    seconds = np.arange(len(record.signal)) / record.fs
    pd.DataFrame({"time": seconds, "MLII": record.signal[:, 0]}).to_csv(tmp_path / "mine.csv", index=False)
    radio = page.get_by_role("radio", name="A recording of mine")
    upload(page, tmp_path / "mine.csv")
    page.get_by_role("heading", name="mine · lead MLII").wait_for()
    whole(page)
    radio.check(force=True)
    radio.evaluate("radio => radio.focus()")
    first = page.evaluate("document.querySelector('.js-plotly-plot')._fullData[0].x.length")
    for key, place in (("ArrowRight", 10), ("ArrowRight", 20), ("ArrowLeft", 10)):
        turn(page, key, place)
    assert first and page.evaluate("document.activeElement.type") == "radio"
    expect(page.get_by_role("radio", name="A recording of mine")).to_be_checked()
    box = page.get_by_label("Turn the signal upside down")
    page.get_by_text("Finding the beats").click()
    settled(page)
    page.get_by_text("Turn the signal upside down").click()
    page.get_by_role("heading", name="upside down").wait_for()
    assert box.is_checked() and page.evaluate("document.activeElement.type") == "checkbox"
    turn(page, "ArrowRight", 10)
    turn(page, "b", 0)
    field = page.get_by_label("Go to (min:s)")
    field.fill("")
    field.press("b")
    field.press("ArrowLeft")
    assert field.input_value() == "b" and shown(page) == [0, 10], "a text field keeps its keys"
    page.reload()
    page.get_by_role("heading", name="record 213").wait_for()
    whole(page)
    page.get_by_text("Read an ECG, beat by beat").click()
    while page.evaluate("document.activeElement.type") != "radio":
        page.keyboard.press("Tab")
    page.keyboard.press("n")
    page.keyboard.press("ArrowRight")
    expect(radio).to_be_checked()  # who came with Tab chooses with the arrows


def test_a_dragged_strip_shows_what_is_beside_it_and_stays_there(page):
    box = page.locator(".js-plotly-plot").first.bounding_box()
    turn(page, "ArrowRight", 10)
    settled(page)
    page.mouse.move(box["x"] + 800, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 300, steps=5)
    page.mouse.up()
    settled(page)
    low, high = shown(page)
    assert low > 13 and high - low == pytest.approx(10)
    last = page.evaluate("document.querySelector('.js-plotly-plot')._fullData[0].x.at(-1)")
    assert last >= high, "there is a signal to see"
    number = click_mark(page, "N")
    page.get_by_role("heading", name=f"Beat {number}:").wait_for()
    assert shown(page) == [low, high], "a click does not lose the place"
    for _ in range(12):
        page.mouse.move(box["x"] + 800, box["y"] + 300)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 300, steps=3)
        page.mouse.up()
    assert shown(page)[1] <= 30.01, "nobody drags into nothing"


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (390, "dark")])
def test_everybody_can_read_it(server, width, scheme):
    """At a desk and on a phone, by day and by night: no fault for axe-core, nothing to scroll sideways."""
    with open_page(server, width, 900) as page:
        page.emulate_media(color_scheme=scheme)
        page.goto(server)
        whole(page)
        page.wait_for_timeout(1000)
        faults = [fault["id"] for fault in Axe().run(page).response["violations"]]
        assert faults == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        paper = page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.plot_bgcolor")
        assert paper.upper() == (DARK if scheme == "dark" else LIGHT).paper


def test_limits_are_said_as_they_are_and_all_can_read_them(page):
    mine(page)
    expect(page.get_by_text("450MB per file").first).to_be_visible()
    page.wait_for_timeout(500)
    assert [fault["id"] for fault in Axe().run(page).response["violations"]] == []


def test_a_real_record_and_its_picture(page, real_mitdb, tmp_path):
    """`make screenshot` keeps the picture, which lesson 05 shows."""
    settled(page)
    page.get_by_role("button", name="Next S (3)").click()
    shows(page, 30, 40)
    expect(page.get_by_text("Supraventricular premature beat").first).to_be_visible()
    page.mouse.move(5, 5)
    page.wait_for_timeout(1500)
    target = Path(os.environ.get("ECGNB_SCREENSHOT") or tmp_path / "app.png")
    page.screenshot(path=target)
    assert target.stat().st_size > 50_000
    upload(page, real_mitdb / "200.hea", real_mitdb / "200.dat")
    page.get_by_text("200 · lead MLII · 360 Hz").wait_for()
