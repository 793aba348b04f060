"""A report: the same bytes each time, no network, and nobody else's text is more than text."""

import hashlib
import io
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgnb.classifier import classify_recording
from ecgnb.datasets import load_records
from ecgnb.datasets.own.recording import Recording
from ecgnb.errors import ModelError, UsageError
from ecgnb.plotting.ecg_paper import scale_of
from ecgnb.plotting.report import report_bytes, report_pages, write_report
from ecgnb.plotting.report_page import Page, mm_wide, shortened, wrapped
from ecgnb.plotting.report_words import limits_of, model_facts, words_of
from ecgnb.plotting.style import use_style

EVIL = "<script>alert(1)</script><img src=http://x.example/a onerror=b>\u202e$\\frac{"


@pytest.fixture(scope="module")
def mine():
    """A synthetic record of a minute as a reader's own recording, classified."""
    record = load_records(["208"], data="synthetic")[0]
    signal = record.signal[:, 0].astype(np.float32)
    read = f"208.hea, MLII, {record.fs} Hz (from its header), in mV, {len(signal) / record.fs:.1f} s"
    recording = Recording("208", signal, float(record.fs), "MLII", "mV", read)
    return recording, classify_recording(recording.signal, recording.fs)


def html_of(recording, found, **how):
    return report_bytes(recording, found, model="beat_sequence", form="html", **how).decode()


def parts(recording, seconds):
    """The start of a recording, classified."""
    short = replace(recording, signal=recording.signal[: int(seconds * recording.fs)])
    return short, classify_recording(short.signal, short.fs, force=True)


@pytest.mark.parametrize("form", ["pdf", "html"])
def test_the_same_bytes_twice(mine, form, tmp_path):
    write_report(*mine, tmp_path / f"a.{form}")
    stream = io.BytesIO()
    write_report(*mine, stream, form=form)
    assert (tmp_path / f"a.{form}").read_bytes() == stream.getvalue()
    assert b"CreationDate" not in stream.getvalue() and str(tmp_path).encode() not in stream.getvalue()
    assert [file.name for file in tmp_path.iterdir()] == [f"a.{form}"]


def test_the_style_of_a_notebook_changes_nothing(mine):
    plain = [report_bytes(*mine, model="beat_sequence", form=form) for form in ("pdf", "html")]
    with mpl.rc_context():
        use_style()
        plt.rcParams.update({"font.size": 20, "xtick.labelsize": 20, "text.color": "red", "lines.linewidth": 9})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            styled = [report_bytes(*mine, model="beat_sequence", form=form) for form in ("pdf", "html")]
    assert styled == plain


def test_threads_of_an_app(mine):
    expected = report_bytes(*mine, model="beat_sequence", form="html")
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: report_bytes(*mine, model="beat_sequence", form="html"), range(4)))
    assert all(one == expected for one in made)


def test_what_it_says(mine):
    recording, found = mine
    said = html_of(recording, found)
    sha256 = model_facts("beat_sequence", "")[1]
    for words in (recording.read, "For learning and research, not for diagnosis", "What to believe", sha256, "ecgnb 0"):
        assert (words in said) == (words != "What to believe"), words
    for label, n in found.counts().items():
        assert re.search(rf">{re.escape(str(label))}</b>.*?>{n:,}<", said), label
    assert "could be of one class only" in said and "25 mm/s, 10 mm/mV" in said and "Boston" in said
    assert len(sha256) == 64


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_hostile_names_are_text(mine):
    recording, found = mine
    evil = replace(recording, name=EVIL, lead=EVIL, unit=EVIL[:20], read=EVIL, notes=(EVIL,) * 9)
    said = html_of(evil, found)
    tags = Tags()
    tags.feed(said)
    assert {tag for tag, _ in tags.found} <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "div", "b", "span", "table", "thead",
        "tbody", "tr", "th", "td", "ul", "li", "figure", "figcaption", "img", "footer", "br",
    }  # fmt: skip
    sources = [attrs["src"] for tag, attrs in tags.found if tag == "img"]
    assert sources and all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert not [name for _, attrs in tags.found for name in attrs if name.startswith("on")]
    assert "default-src 'none'" in said and "&lt;script&gt;" in said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert report_bytes(evil, found, model="beat_sequence").startswith(b"%PDF")


def test_classes_of_a_foreign_model_are_text(mine, tmp_path):
    recording, found = mine
    names = ["<b>x</b>", "$y$", "=cmd()", *(f"c{k}" for k in range(40))]
    rng = np.random.default_rng(0)
    table = found.beats.assign(label=rng.choice(names, len(found.beats)), could_be="<b>x</b> $y$")
    foreign = replace(found, beats=table.assign(likeliest=table["label"]), classes=names)
    (tmp_path / "my.pth").write_bytes(b"weights")
    said = report_bytes(recording, foreign, model=tmp_path / "my.pth", form="html").decode()
    assert "<b>x</b>" not in said and hashlib.sha256(b"weights").hexdigest() in said and "has no card" in said
    assert report_bytes(recording, foreign, model=tmp_path / "my.pth", model_name=EVIL).startswith(b"%PDF")


def pages_of(recording, found):
    words = words_of(recording, found, "beat_sequence")
    pages = report_pages(recording, found, words, scale_of(recording, found))
    assert 1 <= len(pages) <= 2
    return words, pages


def test_a_page_or_two_of_a4(mine):
    _, pages = pages_of(*mine)
    for page in pages:
        assert page.get_size_inches() * 25.4 == pytest.approx((210, 297))
        for axis in page.axes[1:] if page is pages[0] else page.axes:
            width, _ = np.diff(axis.get_xlim())[0], axis
            assert axis.get_window_extent().width / page.dpi * 25.4 == pytest.approx(width), "a mm is a mm"


def test_telling_beats_are_of_each_class(mine):
    recording, found = mine
    words, _ = pages_of(recording, found)
    shown = {found.beats["label"].loc[one.beat] for one in words.telling}
    assert shown == set(found.beats["label"]) and len(words.telling) <= 6
    for one in words.telling:
        assert one.start <= found.beats["time_s"].loc[one.beat] <= one.start + 7


def test_ten_seconds(mine):
    pages_of(*parts(mine[0], 10))


def test_no_beats(mine):
    recording, found = mine
    nothing = replace(found, beats=found.beats[:0])
    words, _ = pages_of(recording, nothing)
    assert "No R peak was found" in words.doubts[0] and len(words.telling) == 1
    html_of(recording, nothing)


def test_all_uncertain(mine):
    recording, found = mine
    unsure = found.with_confidence(1.0)
    words, _ = pages_of(recording, unsure)
    assert "not classified" in words.telling[0].caption
    without = replace(unsure, beats=unsure.beats.drop(columns="could_be"))
    assert "makes no prediction sets" in pages_of(recording, without)[0].could_be[0]


def test_gaps_and_noise(mine):
    recording, _ = mine
    signal = np.tile(recording.signal, 3)
    signal[2000:6000] = np.nan
    signal[9000:14000] = np.random.default_rng(0).standard_normal(5000)
    damaged = replace(recording, signal=signal)
    found = classify_recording(damaged.signal, damaged.fs, force=False)
    words, _ = pages_of(damaged, found)
    assert any("has no value" in doubt for doubt in words.doubts)
    assert any("does not look like an ECG" in doubt for doubt in words.doubts)
    for one in words.telling:
        part = signal[int(one.start * damaged.fs) : int((one.start + 7) * damaged.fs)]
        assert np.isfinite(part).all(), "a strip without a gap is chosen where there is one"


def test_a_form_that_is_none(mine, tmp_path):
    with pytest.raises(UsageError, match="expected one of: pdf, html"):
        write_report(*mine, tmp_path / "report.doc")
    with pytest.raises(ModelError, match="does not exist"):
        write_report(*mine, tmp_path / "report.pdf", model=tmp_path / "gone.pth")
    assert not list(tmp_path.iterdir())


def test_limits_of_a_card():
    card = (
        "x\n\n**What to believe.** Of `V`,\nmuch.\n\n**Limits.** For learning and research, not for diagnosis. Few.\n"
    )
    assert limits_of(card) == ["Of V, much.", "Few."]
    assert "no card" in limits_of("")[0]


def test_lines_fit_their_column():
    text = "some words of several lengths " * 5 + "x" * 300
    assert all(mm_wide(line, 8) <= 60 for line in wrapped(text, 60, 8))
    assert "".join(wrapped(text, 60, 8)).replace(" ", "") == text.replace(" ", "")
    assert shortened(text, 60, 8).endswith("…") and mm_wide(shortened(text, 60, 8), 8) <= 60
    page = Page()
    before = page.top
    page.write(text, size=8, most_lines=2)
    assert page.top - before == pytest.approx(2 * 8 * 25.4 / 72 * 1.36)
