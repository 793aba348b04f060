"""The page that reads an ECG, opened from a folder: twenty real recordings, what it refuses, whether all can use it."""

import functools
import http.server
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import wfdb
from axe_playwright_python.sync_playwright import Axe
from browser import IN_CHROMIUM
from javascript import SOURCE, built_page, runtime_or_skip
from playwright.sync_api import expect

from ecgnb.app.browser.build import build_page
from ecgnb.app.minute import classified_minute
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.recording import classify_recording
from ecgnb.datasets import fetch
from ecgnb.datasets.own.recording import read_one_lead
from ecgnb.detection.gate import looks_like_ecg

pytestmark = IN_CHROMIUM

MITDB = ("100", "104", "106", "108", "111", "114", "119", "200", "203", "207", "208", "215", "222", "228", "232")
SVDB = ("800", "803", "820", "849", "880")
SECONDS = 90


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with built_page(tmp_path_factory.mktemp("page"), width=1400, height=1400) as page:
        yield page


def drop(page, *files, fs="", lead=""):
    """Give the page files, and wait for what it says of them."""
    page.fill("#fs", fs)
    page.fill("#lead", lead)
    page.evaluate("shown = null; part('fault').hidden = true; part('files').value = ''")
    page.set_input_files("#files", [one if isinstance(one, dict) else str(one) for one in files])
    page.wait_for_function("shown || !part('fault').hidden")


def text_file(name, text):
    return {"name": name, "mimeType": "text/csv", "buffer": text.encode()}


def found_on(page):
    return page.evaluate(
        "({ beats: shown.beats.map((beat) => ({ ...beat, confidence: beat.confidence || 0, rr_s: beat.rr_s || 0 })),"
        " warnings: shown.warnings, counts: shown.counts, read: part('read').textContent })"
    )


def excerpt(folder, record, seconds=SECONDS):
    """Two files of a WFDB record: the first minutes of another."""
    whole = wfdb.rdrecord(str(folder[0] / record), physical=False, sampto=seconds * folder[1])
    whole.wrheader(write_dir=str(folder[2]), expanded=False)
    whole.wr_dats(expanded=False, write_dir=str(folder[2]))
    return [folder[2] / f"{record}.hea", folder[2] / f"{record}.dat"]


def test_twenty_real_recordings(page, real_mitdb, tmp_path):
    """R peaks within a sample, labels equal on 99.9 % of beats; so are the reasons for none, the sets, the warnings."""
    svdb = fetch("svdb")
    classifier, n_beats, n_alike = load_classifier(quick=True), 0, 0
    for folder, fs, record in [*((real_mitdb, 360, one) for one in MITDB), *((svdb, 128, one) for one in SVDB)]:
        files = excerpt((folder, fs, tmp_path), record)
        drop(page, *files)
        found = found_on(page)
        read = read_one_lead(files[0], looks_like_ecg=looks_like_ecg)
        expected = classify_recording(read.signal, read.fs, classifier=classifier)
        beats, rows = expected.beats, found["beats"]
        assert len(rows) == len(beats), record
        assert np.abs([row["r_sample"] for row in rows] - beats["r_sample"]).max() <= 1, record
        n_beats += len(beats)
        columns = ("label", "why", "could_be", "irregular")
        n_alike += sum(
            all(row[name] == beat[name] for name in columns)
            for row, (_, beat) in zip(rows, beats.iterrows(), strict=True)
        )
        np.testing.assert_allclose([row["confidence"] for row in rows], beats["confidence"].fillna(0), atol=1e-3)
        assert found["warnings"] == expected.warnings(), record
        assert found["read"] == read.read
    assert n_beats > 2000 and n_alike >= 0.999 * n_beats, (n_alike, n_beats)


def test_the_sample(page):
    """A minute of a real heart, as the app shows it: its strip, its letters, its table, its counts."""
    page.click("#sample")
    page.wait_for_function("shown && shown.name.startsWith('One minute')")
    expected = classified_minute()
    expected = expected.with_confidence(expected.usual_confidence)
    found = found_on(page)
    assert [beat["label"] for beat in found["beats"]] == expected.beats["label"].tolist()
    assert found["counts"] == expected.counts().to_dict()
    here = expected.beats[expected.beats["time_s"] < 12]
    assert page.locator("#strip text.letter").all_inner_texts() == here["label"].tolist() or len(here) > 12
    expect(page.locator("#strip circle.mark")).to_have_count(len(here))
    assert "0.04 s wide and 0.1 mV high" in page.inner_text("#paper")
    assert "Ventricular premature beat: 9" in page.inner_text("#counts")
    expect(page.locator("#beats tr")).to_have_count(len(expected.beats))
    page.select_option("#seek", "V")
    expect(page.locator("#strip circle.picked.class-V")).to_have_count(1)
    before = page.locator("#strip").inner_html()
    page.click("#on")
    page.wait_for_function("before => document.getElementById('strip').innerHTML !== before", arg=before)
    with page.expect_download() as saved:
        page.click("#save")
    lines = saved.value.path().read_text().splitlines()
    assert lines[0].startswith("beat,time_s") and len(lines) == 1 + len(expected.beats)


def test_its_picture(page, tmp_path):
    """`make screenshot` keeps it for the book's front page."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.click("#sample")
    page.wait_for_function("shown && shown.name.startsWith('One minute')")
    page.wait_for_timeout(500)  # it scrolls to what it found
    target = Path(os.environ.get("ECGNB_SCREENSHOT") or tmp_path / "page.png")
    page.screenshot(path=target)
    page.set_viewport_size({"width": 1400, "height": 1400})
    assert target.stat().st_size > 30_000


def test_turned_over(page):
    """A lead upside down is said to be, and turned over it is as before."""
    page.check("#flip")
    page.click("#sample")
    page.wait_for_function("shown && part('name').textContent.includes('upside down')")
    assert any("beats point down" in one for one in found_on(page)["warnings"])
    page.uncheck("#flip")
    page.click("#again")
    page.wait_for_function("!part('name').textContent.includes('upside down')")


def heart(seconds=20, fs=250):
    """Narrow waves once a second on a little noise."""
    time = np.arange(seconds * fs) / fs
    noise = np.random.default_rng(0).normal(0, 0.01, len(time))
    return np.exp(-(((time % 0.9) - 0.3) ** 2) / 2e-4) + 0.2 * np.exp(-(((time % 0.9) - 0.55) ** 2) / 3e-3) + noise


def test_a_rate_that_nobody_says_is_asked_for(page):
    file = text_file("heart.csv", "\n".join(f"{one:.4f}" for one in heart()))
    drop(page, file)
    expect(page.locator("#fault")).to_contain_text("does not say its sampling rate")
    expect(page.locator("#fs")).to_be_focused()
    page.fill("#fs", "-3")
    page.click("#again")
    expect(page.locator("#fault")).to_contain_text("no number above 0")
    page.fill("#fs", "250")
    page.click("#again")
    page.wait_for_function("shown")
    assert "250 Hz (given)" in page.inner_text("#read") and len(found_on(page)["beats"]) > 18
    assert "names no unit" in page.inner_text("#paper")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([text_file("empty.csv", "")], "empty.csv is empty"),
        ([{"name": "a.csv", "mimeType": "", "buffer": b"\x89PNG\r\n"}], "a picture, which is not read here"),
        ([{"name": "a.dat", "mimeType": "", "buffer": bytes(range(256))}], "a.hea is missing"),
        ([{"name": "a.atr", "mimeType": "", "buffer": b"12"}], "holds marks and no signal"),
        ([{"name": "a.zip", "mimeType": "", "buffer": b"PK\x03\x04"}], "the app does"),
        ([text_file("a.csv", "1"), text_file("b.csv", "2")], "2 files; expected one"),
        ([text_file("a.csv", "a,b\n" + "0.1,0.4\n0.7,0.2\n0.3,0.9\n" * 300)], "the field 'Lead or column'"),
        ([text_file("a.csv", "time\n" + "\n".join(f"{k / 250:.3f}" for k in range(900)))], "a column of time and"),
        ([text_file("<b>x</b>.csv", "words\n")], "<b>x</b>.csv has no line of numbers"),
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_in_a_sentence(page, files, told):
    drop(page, *files, fs="250" if files[0]["name"] == "a.csv" and b"0.1" in files[0]["buffer"] else "")
    expect(page.locator("#fault")).to_contain_text(told)
    expect(page.locator("#result")).to_be_hidden()
    assert page.locator("#fault b").count() == 0


def test_files_that_are_dropped(page):
    """Anywhere on the page; a folder's worth of strange files is refused like any other."""
    text = "\n".join(f"{one:.4f}" for one in heart())
    page.fill("#fs", "250")
    page.evaluate(
        """(text) => {
            shown = null;
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([text], "dropped.csv"));
            for (const kind of ["dragover", "drop"]) {
                document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
            }
        }""",
        text,
    )
    page.wait_for_function("shown && shown.name === 'dropped'")
    expect(page.locator("#drop")).not_to_have_class("over")


def test_nothing_is_kept_and_a_closed_tab_harms_none(page):
    other = page.context.browser.new_page()
    other.goto(page.url)
    other.wait_for_function("document.body.dataset.ready")
    other.click("#sample")
    other.close()
    kept = page.evaluate("[localStorage.length, document.cookie]")
    assert kept == [0, ""]


def test_from_any_folder_of_a_server(page, tmp_path):
    build_page(SOURCE, tmp_path / "deep" / "er" / "browser", runtime_or_skip())
    handler = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        folder = f"http://localhost:{server.server_port}/deep/er/browser/"
        other, asked = page.context.browser.new_page(), []
        other.on("request", lambda request: asked.append(request.url))
        other.goto(f"{folder}index.html")
        other.wait_for_function("document.body.dataset.ready")
        other.click("#sample")
        other.wait_for_function("shown")
        assert all(url.startswith((folder, "blob:")) for url in asked), asked
        other.close()
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_a_file_that_is_too_large_is_refused_before_it_is_read(page, tmp_path):
    with (tmp_path / "large.csv").open("wb") as large:
        large.truncate(500 * 2**20)
    drop(page, tmp_path / "large.csv")
    expect(page.locator("#fault")).to_contain_text("large.csv has 500 MB; expected at most 200 MB in a browser")


def test_a_new_file_takes_the_place_of_one_that_is_being_read(page, tmp_path):
    """The page answers while it reads; what was given up never comes back."""
    lines = "\n".join(f"{k / 250:.3f},{one:.3f}" for k, one in enumerate(heart(3600)))
    (tmp_path / "long.csv").write_text(f"time (s),ecg (mV)\n{lines}\n")
    page.evaluate("shown = null")
    page.set_input_files("#files", str(tmp_path / "long.csv"))
    assert page.evaluate("!part('progress').hidden")
    page.click("#sample")
    page.wait_for_function("shown")
    page.wait_for_timeout(1000)
    assert page.inner_text("#name").startswith("One minute")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_it_is_readable_for_all(page, scheme, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.evaluate("shown = null")
    page.click("#sample")
    page.wait_for_function("shown")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    rules = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "best-practice"]},
        "preload": False,
    }
    found = Axe().run(page, options=rules).response["violations"]
    assert not found, [f"{one['id']}: {one['nodes'][0]['html'][:150]}" for one in found]
