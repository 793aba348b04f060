"""The recording's page without a browser: the real minute, ECG paper, places, two models, rhythm, bounded memory."""

import gc
import json
import subprocess
import sys
import textwrap
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ecgnb.app import colours, minute, overview, places, rhythm, serve, sources, strip, visit, waves
from ecgnb.app.charts import clock, thinned
from ecgnb.app.compare import Others, agreement, by_marks
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.recording import classify_recording
from ecgnb.classifier.result import NO_ECG, ClassifiedRecording
from ecgnb.datasets.mitbih import DS2
from ecgnb.datasets.own.recording import Recording
from ecgnb.datasets.wfdb import read_record
from ecgnb.errors import DataError
from ecgnb.plotting.style import CLASS_COLOURS

PAGE = Path(serve.__file__).with_name("page.py")


@pytest.fixture(scope="module")
def real_minute():
    return minute.read_minute()


@pytest.fixture(scope="module")
def found(real_minute):
    return classify_recording(real_minute[0].signal, 360, classifier=load_classifier(quick=True))


@pytest.fixture
def app(data_dir):
    started = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not started.exception and not started.error
    return started


def figures(app):
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def shown_range(app):
    return figures(app)[0]["layout"]["xaxis"]["range"]


def beat(app):
    return app.number_input(key="beat").value


def test_the_minute_is_the_records(real_mitdb, real_minute, tmp_path):
    recording, marks = real_minute
    record = read_record(real_mitdb, "213")
    first = 10 * 60 * 360
    np.testing.assert_allclose(recording.signal, record.signal[first : first + 21_600, 0], atol=1e-6)
    whole = minute.marks_of(record)
    inside = (whole.r_sample >= first) & (whole.r_sample < first + 21_600)
    np.testing.assert_array_equal(marks.r_sample, whole.r_sample[inside] - first)
    np.testing.assert_array_equal(marks.label, whole.label[inside])
    minute.write_minute(real_mitdb, tmp_path / "again.npz")
    kept = Path(minute.__file__).with_name("sample") / "minute.npz"
    with np.load(tmp_path / "again.npz") as again, np.load(kept) as shipped:
        assert again.files == shipped.files
        assert all(np.array_equal(again[name], shipped[name]) for name in again.files), "chosen by its annotations"
    assert kept.stat().st_size < 60_000


def test_what_the_network_made_of_the_minute_is_kept_as_it_is():
    new, kept = minute.classified_minute(), minute.read_reading()
    for name, values in vars(new).items():
        if name in minute.TABLES:
            pd.testing.assert_frame_equal(getattr(kept, name), values, rtol=1e-4, atol=1e-5)
        else:
            same = pytest.approx(values, rel=1e-4) if isinstance(values, float) else values
            assert getattr(kept, name) == same, name


def test_the_first_screen_shows_the_cardiologists(app, real_minute):
    _, marks = real_minute
    assert {"N", "S", "V", "F"} == set(marks.label)
    (line,) = [text.value for text in app.markdown if "the cardiologists call" in text.value]
    assert f"of {len(marks.label)} beats alike" in line
    letters = [trace for trace in figures(app)[0]["data"] if trace["mode"] == "text"]
    assert {trace["name"] for trace in letters} == {"network", "experts"}
    assert any("doi" in caption.value for caption in app.caption), "it is cited"


def test_the_first_screen_needs_no_slow_imports(data_dir):
    code = f"""
        import sys
        from streamlit.testing.v1 import AppTest

        app = AppTest.from_file({str(PAGE)!r}, default_timeout=60).run()
        assert not app.exception and not app.error and len(app.get("plotly_chart")) == 6
        slow = {{"torch", "matplotlib", "sklearn", "scipy.signal", "scipy.special", "scipy.stats", "scipy.ndimage"}}
        print(*sorted(slow & sys.modules.keys()))
    """
    told = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.split() == []


def test_going_about(app):
    assert shown_range(app) == [0, 10] and app.button(key="back there").disabled
    height = figures(app)[0]["layout"]["yaxis"]["range"]
    app.button(key="next page").click().run()
    assert shown_range(app) == [10, 20] and app.text_input(key="start").value == "0:10"
    assert figures(app)[0]["layout"]["yaxis"]["range"] == height, "heights can be compared from page to page"
    app.button(key="next S").click().run()
    labels = app.dataframe[0].value["label"].to_numpy()
    (early,) = {np.flatnonzero((labels == "S") & (np.arange(len(labels)) > 18))[0]}
    assert beat(app) == early and shown_range(app) == [30, 40]
    app.button(key="next ?").click().run()
    assert labels[beat(app)] == "?"
    app.button(key="next differs").click().run()
    app.button(key="back there").click().run()
    app.button(key="back there").click().run()
    assert beat(app) == early and shown_range(app) == [30, 40]
    for _ in range(9):
        app.button(key="next page").click().run()
    assert shown_range(app) == [50, 60], "the last page is the last"
    app.number_input(key="beat").set_value(0).run()
    assert shown_range(app) == [0, 10]
    app.text_input(key="start").set_value("0:25,5").run()
    assert shown_range(app) == [25.5, 35.5] and not app.error
    for wrong in ("1:00", "soon", "![](http://127.0.0.1:9)"):
        app.text_input(key="start").set_value(wrong).run()
        assert "is no time of this recording" in app.error[0].value and shown_range(app) == [25.5, 35.5]
    app.selectbox(key="sample").set_value("heart").run()
    assert shown_range(app) == [0, 10] and app.button(key="back there").disabled


def test_a_link_leads_to_a_place(data_dir):
    app = AppTest.from_file(str(PAGE), default_timeout=60)
    app.query_params.update({"sample": "heart", "start": "0:20"})
    app.run()
    assert app.selectbox(key="sample").value == "heart" and shown_range(app) == [20, 30]
    strange = AppTest.from_file(str(PAGE), default_timeout=60)
    strange.query_params.update({"sample": "![](http://127.0.0.1:9)", "start": "<b>"})
    strange.run()
    assert not strange.exception and strange.selectbox(key="sample").value == sources.MINUTE


def test_two_models(app):
    app.selectbox(key="second").set_value("cnn_lstm").run()
    assert not app.error and any("and cnn\\_lstm call" in text.value for text in app.markdown)
    names = {trace["name"] for trace in figures(app)[0]["data"] if trace["mode"] == "text"}
    assert names == {"network", "experts", "other"}
    app.button(key="next differs").click().run()
    assert any("Cnn\\_lstm call" in text.value for text in app.markdown)


def test_agreement_in_words(found, real_minute):
    others = by_marks(found, real_minute[1])
    differs = others.differs(found.beats)
    line = agreement(found.beats, others, "net")
    assert f"call {len(found.beats) - differs.sum()} of 109 beats alike" in line and "left open (?) by net" in line
    moved = minute.Marks(real_minute[1].r_sample[1:] + 1000, real_minute[1].label[1:])
    far = by_marks(found, moved)
    n_paired = (far.label != "").sum()
    assert n_paired + len(far.missed_s) == 108, "each mark is laid beside one beat at most"
    nothing = by_marks(found, minute.Marks(np.zeros(0, dtype=np.int64), np.zeros(0, dtype="<U1")))
    assert "0 of 0" in agreement(found.beats, nothing, "net")


def test_the_paper(found, real_minute):
    signal = real_minute[0].signal
    scale = strip.scale_of(signal, "mV")
    assert scale[2:] == (0.1, 0.5) and scale[0] <= signal.min() and scale[1] >= np.quantile(signal, 0.9995)
    assert strip.scale_of(1000 * signal, "µV")[2:] == (100, 500)
    assert strip.scale_of(37 * signal, "")[3] > 5, "an unknown unit gets lines that fit"
    figure = strip.strip(signal, 360, found.beats, [], scale=scale, start=20, seconds=10, marked=40, unit="mV")
    axis = figure.layout.xaxis
    assert (axis.minor.dtick, np.diff(axis.tickvals)[0]) == pytest.approx((0.04, 0.2))
    assert figure.data[0].x[0] == pytest.approx(10, abs=0.01) and figure.data[0].x[-1] == pytest.approx(40, abs=0.01)
    assert (axis.minallowed, axis.maxallowed) == (10, 40), "nobody drags it into nothing"
    for seconds in places.WIDTHS:
        long = strip.strip(np.tile(signal, 60), 2000, found.beats, [], scale=scale, start=0, seconds=seconds, marked=0,
                           unit="mV")  # fmt: skip
        assert len(long.data[0].x) <= 12_000


def test_a_thinned_line_keeps_its_peaks():
    value = np.zeros(100_000)
    value[[777, 50_001]] = 5, -3
    value[10] = np.nan
    time, thin = thinned(np.arange(100_000), value, 1000)
    assert len(time) == len(thin) <= 1000 and (np.nanmax(thin), np.nanmin(thin)) == (5, -3)
    assert not np.isnan(thin).any()


def test_colours_are_the_lessons():
    assert {name: CLASS_COLOURS[name] for name in "NSVFQ"} == {name: colours.LIGHT.classes[name] for name in "NSVFQ"}
    assert colours.LIGHT.classes.keys() == colours.DARK.classes.keys()


def test_times_are_read_and_written():
    assert [clock(value) for value in (0, 9, 542, 3723, 86_399)] == ["0:00", "0:09", "9:02", "1:02:03", "23:59:59"]
    assert clock(25.5, tenths=True) == "0:25.5" and clock(59.96, tenths=True) == "1:00.0"
    read = {"75": 75, "9:02": 542, "1:02:03": 3723, "0:25,5": 25.5, " 7 ": 7, "": None, "1:2:3:4": None, "-5": None,
            "1e5": None, "９": 9}  # fmt: skip
    assert {text: places.seconds_of(text) for text in read} == read


def day(n=110_000):
    """Beats of a day: all N but a few, with an irregular hour and one that is no ECG."""
    rng = np.random.default_rng(0)
    time = np.sort(rng.uniform(0, 86_400, n))
    label = np.full(n, "N", dtype=object)
    label[[5, 50_000]] = "S"
    label[70_000] = "V"
    table = pd.DataFrame({"time_s": time, "r_sample": (250 * time).astype(int), "rr_s": np.diff(time, prepend=np.nan)})
    table = table.assign(label=label, likeliest=label, confidence=0.9, irregular=(time > 3600) & (time < 7200), why="")
    quality = pd.DataFrame({"start_s": np.arange(0, 86_400, 10.0), "seconds": 10.0})
    quality["is_ecg"] = ~quality["start_s"].between(10_000, 10_595)
    faults = pd.DataFrame({"fault": [], "start_s": [], "seconds": []})
    return ClassifiedRecording(table, list("NSVFQ"), faults, quality, 86_400.0, 250.0, 1.0)


def test_the_overview_of_a_day():
    whole = day()
    figure = overview.overview(whole)
    lanes = {trace.name[:1]: trace for trace in figure.data if trace.yaxis == "y2"}
    assert sorted(lanes) == ["S", "V"] and len(lanes["S"].x) == 2, "what is rare is never lost"
    assert sum(len(trace.x) for trace in figure.data) < 4000
    assert sum(trace.fill == "toself" and len(trace.x) > 0 for trace in figure.data) == 2
    assert "left:25.0000%;width:25.0000%" in overview.frame(figure, 21_600, 21_600)
    assert "left:99.9977%;width:0.0023%" in overview.frame(figure, 86_398, 60), "it ends where the recording ends"


def test_the_rhythm_in_words():
    words = " ".join(rhythm.in_words(day()))
    assert (
        "irregular, as in atrial fibrillation, from 1:00:0" in words and "It does not look like an ECG from " in words
    )
    assert "from 2:46:40 to 2:56:40" in words
    assert "too short to say" in " ".join(rhythm.in_words(replace_beats(day(), 40)))
    assert rhythm.doubts_in_words(pd.DataFrame({"label": ["N"]})) == []
    sets = pd.DataFrame({"could_be": ["N", "N S", "N S", "-"], "likeliest": ["N", "N", "S", "N"], "confidence": 0.5})
    assert rhythm.doubts_in_words(sets) == [
        "Of 1 of 4 beats it is sure enough to name one class alone.",
        "Others could be one of several: 2 × N or S.",
    ]


def replace_beats(whole, n):
    return replace(whole, beats=whole.beats.iloc[:n].assign(irregular=False))


def test_figures_of_few_beats():
    for n in (1, 2, 3):
        few = replace_beats(day(), n)
        for figure in (overview.overview(few), rhythm.tachogram(few.beats, 86_400), rhythm.poincare(few.beats)):
            assert figure.to_json()


def test_memory_is_bounded_for_all_visits_together(monkeypatch):
    monkeypatch.setattr(visit, "MOST_HELD", 2_000_000)
    monkeypatch.setattr(visit, "_held", type(visit._held)())
    kept = [visit.hold(Recording("a", np.zeros(200_000, dtype=np.float32), 250)) for _ in range(2)]
    with pytest.raises(DataError, match="the open pages of this app hold 2 MB of recordings"):
        visit.hold(Recording("b", np.zeros(200_000, dtype=np.float32), 250))
    kept.pop()
    assert visit.hold(Recording("c", np.zeros(200_000, dtype=np.float32), 250)).name == "c"


def test_files_that_wait_count_and_a_refused_one_is_let_go(data_dir, monkeypatch):
    monkeypatch.setattr(visit, "_held", type(visit._held)())
    monkeypatch.setattr(visit, "MOST_HELD", 300_000)
    n_held, drop = [], visit.drop_uploads

    def watched():
        n_held.append(visit.n_held())
        drop()
        n_held.append(visit.n_held())

    monkeypatch.setattr(visit, "drop_uploads", watched)
    app = AppTest.from_file(str(PAGE), default_timeout=60).run()
    app.radio(key="kind").set_value("A recording of mine").run()
    stream = BytesIO()
    np.save(stream, np.tile(minute.read_minute()[0].signal, 2))
    app.number_input(key="fs").set_value(360.0)
    app.file_uploader(key="recording_files").set_value([("mine.npy", stream.getvalue(), "")]).run()
    assert "upload it again" in app.error[0].value
    assert n_held[0] - n_held[1] == len(stream.getvalue()), "the file is gone from memory"


def test_each_visit_has_its_own_file_and_a_bound_for_all(data_dir, monkeypatch):
    """Nobody sees another's file, one visit too many is refused, and one that ends makes room."""
    monkeypatch.setattr(visit, "_held", type(visit._held)())
    signal = np.tile(minute.read_minute()[0].signal, 2)

    def visitor(number):
        app = AppTest.from_file(str(PAGE), default_timeout=60).run()
        app.radio(key="kind").set_value("A recording of mine").run()
        stream = BytesIO()
        np.save(stream, signal[number:])
        app.number_input(key="fs").set_value(360.0)
        app.file_uploader(key="recording_files").set_value([(f"mine{number}.npy", stream.getvalue(), "")]).run()
        assert not app.exception
        return app

    n_bytes = signal.nbytes
    # three signals and one file: here each visit has a store of files of its own
    monkeypatch.setattr(visit, "MOST_HELD", round(4.5 * n_bytes))
    visitors = [visitor(number) for number in range(3)]
    for number, app in enumerate(visitors):
        assert not app.error, [element.value for element in app.error]
        assert f"mine{number}" in app.header[0].value
        app.button(key="next page").click().run()
        shown = " ".join(element.value for kind in ("header", "caption", "markdown") for element in app.get(kind))
        assert not any(f"mine{other}" in shown for other in range(3) if other != number)
    refused = visitor(3)
    assert "close some of them, wait two minutes, and upload it again" in refused.error[0].value.replace("\\", "")
    assert not any("mine3" in header.value for header in refused.header)
    assert sum(one.signal.nbytes for one in visit._held) <= 3 * n_bytes
    visitors.pop()
    del app, refused
    gc.collect()
    assert len(visit._held) == 2, "a visit that ended holds nothing"
    after = visitor(4)
    assert not after.error, [element.value for element in after.error]


def test_samples_say_what_they_hold():
    assert set(sources.ABOUT) == {*DS2, *sources.SYNTHETIC, sources.MINUTE}
    assert sources.about("222") == "Record 222: early beats from above, flutter and fibrillation"


def test_rows_of_others_know_what_they_call_otherwise(found):
    label = found.beats["label"].to_numpy(dtype=object).copy()
    label[3] = "Q"
    other = Others("somebody", "other", label, np.zeros(0), np.zeros(0, dtype=str))
    assert np.flatnonzero(other.differs(found.beats)).tolist() == [3]


def test_waves_of_a_page_stand_where_the_beats_are(real_minute, found):
    named, signal = found, real_minute[0].signal
    found = waves.waves_of_page(signal, 360, named.beats, 20, 30)
    qrs = found[found["wave"] == "QRS"]
    time = named.beats["time_s"][named.beats["time_s"].between(20.2, 29.8)].to_numpy()
    assert all(((qrs["onset_s"] <= at + 0.06) & (qrs["offset_s"] >= at - 0.06)).any() for at in time)
    of_none = named.beats.assign(why=NO_ECG)
    assert not len(waves.waves_of_page(signal, 360, of_none, 20, 30)), "nothing is claimed of what is no ECG"
    irregular = waves.waves_of_page(signal, 360, named.beats.assign(irregular=True), 20, 30)
    assert set(irregular["wave"]) == {"QRS", "T"}, "no P in an irregular rhythm"
    assert not len(waves.waves_of_page(signal, 360, named.beats[:0], 20, 30))
    scale = strip.scale_of(signal, "mV")
    figure = strip.strip(
        signal, 360, named.beats, [], scale=scale, start=20, seconds=10, marked=40, unit="mV", waves=found
    )
    assert {"P", "QRS", "T"} <= {trace.name for trace in figure.data}


def test_the_page_shows_waves_where_that_is_asked_for(app):
    assert not {"P", "QRS", "T"} & {trace["name"] for trace in figures(app)[0]["data"]}
    app.checkbox(key="waves").check().run()
    assert not app.exception
    assert {"P", "QRS", "T"} <= {trace["name"] for trace in figures(app)[0]["data"]}
    assert any("Median QRS of this page" in caption.value for caption in app.caption)
