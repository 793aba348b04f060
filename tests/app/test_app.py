"""The app without a browser: every path through the page, and every bad file with a message and no traceback."""

import base64
import io
import json
import pickle
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import wfdb
from markdown_it import MarkdownIt
from streamlit.errors import StreamlitAPIException
from streamlit.testing.v1 import AppTest

from ecgnb import models
from ecgnb.app import serve, sources
from ecgnb.app.fields import OWN_MODEL
from ecgnb.app.plain import WORD_JOINER
from ecgnb.classifier.load import load_classifier
from ecgnb.datasets import cut_beats, load_records
from ecgnb.datasets.own.limits import MAX_BYTES
from ecgnb.errors import DataError, ModelError

PAGE = Path(serve.__file__).with_name("page.py")

KINDS = ("A sample", "A recording of mine", "Beats already cut")


@pytest.fixture
def app(data_dir):
    started = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not started.exception
    return started


def choose(app, kind):
    app.radio(key="kind").set_value(kind).run()
    return app


def upload(app, key, *files):
    """Upload (name, content) pairs; whatever happens, the page stays up."""
    given = [(name, content, "application/octet-stream") for name, content in files]
    app.file_uploader(key=key).set_value(given if app.file_uploader(key=key).accept_multiple_files else given[0]).run()
    assert not app.exception and not any("unlike all that this app foresees" in said(error) for error in app.error)
    return app


def said(element):
    """What a reader sees of text that was made plain."""
    return re.sub(r"\\(\W|_)", r"\1", element.value).replace(WORD_JOINER, "")


def numbers(app):
    """The line of numbers on a recording: its length, beats, heart rate and share that is not classified."""
    (line,) = [text.value for text in app.markdown if re.match(r"[\d.]+ (min|h) · [\d,]+ beats", text.value)]
    return dict(zip(("length", "beats", "rate", "not classified"), line.split(" · "), strict=False))


def n_beats(app):
    return int(numbers(app)["beats"].removesuffix(" beats").replace(",", ""))


def csv_of(record, separator=","):
    seconds = np.arange(len(record.signal)) / record.fs
    rows = [f"{t:.5f}{separator}{value:.4f}" for t, value in zip(seconds, record.signal[:, 0], strict=True)]
    return "\n".join([f"time{separator}MLII", *rows]).encode()


@pytest.fixture(scope="module")
def record():
    return load_records(["208"], data="synthetic")[0]


def test_samples_need_no_data(app):
    assert app.selectbox(key="sample").options == [sources.about(name) for name in ("minute", "heart", "pacemaker")]
    for name in sources.SYNTHETIC:
        app.selectbox(key="sample").set_value(name).run()
        assert not app.exception and "SYNTHETIC" in said(app.error[0])
        assert numbers(app)["length"] == "1.0 min" and n_beats(app) > 50
        assert "not for diagnosis" in said(app.markdown[0])


def test_recorded_samples_where_there_are_some(data_dir, real_mitdb):
    (data_dir / "mitdb").mkdir(parents=True)
    for ending in ("hea", "dat"):
        (data_dir / "mitdb" / f"100.{ending}").symlink_to(real_mitdb / f"100.{ending}")
    app = AppTest.from_file(str(PAGE), default_timeout=60).run()
    app.selectbox(key="sample").set_value("100").run()
    assert not app.exception and not app.error
    assert numbers(app)["length"] == "30.1 min" and numbers(app)["rate"] == "75 a minute"


def test_a_recording_as_csv(app, record):
    upload(choose(app, KINDS[1]), "recording_files", ("mine.csv", csv_of(record)))
    assert not app.error and numbers(app)["length"] == "1.0 min"
    assert n_beats(app) == pytest.approx(len(record.r_sample), abs=3)
    table = app.dataframe[0].value
    assert len(table) == n_beats(app) and {"time_s", "label", "confidence", "p_N"} <= set(table.columns)
    app.number_input(key="beat").set_value(7).run()
    assert any(text.value.startswith("### Beat 7:") for text in app.markdown)
    assert app.get("plotly_chart") and app.get("download_button")


def test_confidence_detector_and_flip(app, record):
    upload(choose(app, KINDS[1]), "recording_files", ("mine.csv", csv_of(record)))
    before = numbers(app)["not classified"]
    app.slider(key="least beat_sequence").set_value(1.0).run()
    assert float(numbers(app)["not classified"].split("%")[0]) > float(before.split("%")[0])
    assert not any("unlike those" in said(warning) for warning in app.warning), "the visitor asked for it"
    app.checkbox(key="flip").set_value(True).run()
    assert any("upside down" in said(warning) for warning in app.warning)
    app.selectbox(key="detector").set_value("sleepecg").run()
    assert not app.exception and not app.error


def test_what_is_no_ecg_is_refused_unless_one_insists(app):
    noise = pd.DataFrame({"ecg": np.random.default_rng(0).standard_normal(15_000).round(4)})
    upload(choose(app, KINDS[1]), "recording_files", ("noise.csv", noise.to_csv(index=False).encode()))
    app.number_input(key="fs").set_value(250.0).run()
    assert any("this does not look like an ECG" in said(error) for error in app.error) and not app.exception
    app.checkbox(key="force").set_value(True).run()
    assert not app.error and any("does not look like an ECG" in said(warning) for warning in app.warning)
    assert n_beats(app) > 20


def test_what_was_read_is_said(app, record):
    upload(choose(app, KINDS[1]), "recording_files", ("mine.csv", csv_of(record)))
    assert any("mine.csv, MLII (column 2 of 2), 360 Hz" in said(caption) for caption in app.caption)
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive:
        archive.writestr("inside.csv", csv_of(record))
    upload(app, "recording_files", ("mine.zip", stream.getvalue()))
    assert not app.error and any("mine.zip: inside.csv, MLII" in said(caption) for caption in app.caption)
    counts = "\n".join(f"{n},{n + 1}" for n in range(2000)).encode()
    upload(app, "recording_files", ("counts.csv", b"a,b\n" + counts))
    assert "--" not in said(app.error[0]) and "the field" in said(app.error[0]), "what the command line calls otherwise"


def test_a_wfdb_pair_and_half_of_one(app, record, tmp_path):
    turned = record.signal[:, ::-1].astype(float)
    wfdb.wrsamp("rec", fs=360, units=["mV", "mV"], sig_name=["V1", "MLII"], p_signal=turned, fmt=["212", "212"],
                write_dir=str(tmp_path))  # fmt: skip
    pair = [(f"rec.{ending}", (tmp_path / f"rec.{ending}").read_bytes()) for ending in ("dat", "hea")]
    upload(choose(app, KINDS[1]), "recording_files", *pair)
    assert not app.error and said(app.header[0]) == "rec · lead MLII · 360 Hz"
    leads = app.selectbox(key="lead of file")
    assert leads.options == ["let the app choose", "1: V1", "2: MLII"]
    leads.set_value(1).run()
    assert said(app.header[0]) == "rec · lead V1 · 360 Hz"
    for half in pair:
        upload(app, "recording_files", half)
        assert "a WFDB record needs rec.hea and rec.dat" in said(app.error[0])
    upload(app, "recording_files", *pair, ("more.csv", b"1\n2\n"))
    assert "3 files; expected one, or the .hea and the .dat" in said(app.error[0])


def test_marks_beside_a_record_are_laid_beside_the_networks(app, record, tmp_path):
    wfdb.wrsamp("rec", fs=360, units=["mV"], sig_name=["MLII"], p_signal=record.signal[:, :1].astype(float),
                fmt=["212"], write_dir=str(tmp_path))  # fmt: skip
    symbols = record.mark_symbol[record.is_beat]
    wfdb.wrann("rec", "atr", record.r_sample, symbols, write_dir=str(tmp_path))
    files = [(name, (tmp_path / name).read_bytes()) for name in ("rec.atr", "rec.dat", "rec.hea")]
    upload(choose(app, KINDS[1]), "recording_files", *files)
    assert not app.error and not any("passed over" in said(note) for note in app.warning)
    (line,) = [said(text) for text in app.markdown if "beats alike.**" in text.value]
    alike, of = map(int, re.search(r"the marks in rec.atr call ([\d,]+) of ([\d,]+) beats alike", line).groups())
    assert of == len(symbols) and alike > 0.8 * of
    letters = [trace["name"] for trace in json.loads(app.get("plotly_chart")[0].proto.spec)["data"]]
    assert ".atr" in letters and "network" in letters
    upload(app, "recording_files", *files[1:])
    assert not any("beats alike.**" in text.value for text in app.markdown), "the marks went with their file"


def test_a_column_is_chosen_where_several_could_be_the_ecg(app, record):
    wave = record.signal[:, 0]
    columns = [np.arange(len(wave)) / 360, wave, -wave, np.roll(wave, 50)]
    rows = "\n".join(",".join(f"{value:.4f}" for value in row) for row in zip(*columns, strict=True))
    upload(choose(app, KINDS[1]), "recording_files", ("three.csv", f"time,left,right,back\n{rows}".encode()))
    assert "left, right, back; choose it in the field 'Lead or column' above" in said(app.error[0])
    field = app.selectbox(key="lead of file")
    assert field.label == "Lead or column" and field.options[1:] == ["1: left", "2: right", "3: back"]
    field.set_value(2).run()
    assert not app.error and said(app.header[0]).startswith("three · lead right")
    upload(app, "recording_files", ("again.csv", f"time,a,MLII,c\n{rows}".encode()))
    assert app.selectbox(key="lead of file").value == 0, "the choice was of another file"
    assert said(app.header[0]).startswith("again · lead MLII")
    stream = io.BytesIO()
    np.save(stream, np.column_stack([wave, -wave]).astype(np.float32))
    app.number_input(key="fs").set_value(360.0)
    upload(app, "recording_files", ("two.npy", stream.getvalue()))
    assert app.selectbox(key="lead of file").options[1:] == ["1", "2"]
    app.selectbox(key="lead of file").set_value(1).run()
    assert not app.error and said(app.header[0]).startswith("two · lead 1")


def test_the_rate_can_be_entered(app, record):
    content = "\n".join(f"{value:.4f}" for value in record.signal[:, 0]).encode()
    upload(choose(app, KINDS[1]), "recording_files", ("bare.txt", content))
    assert "does not say its sampling rate; enter it" in said(app.error[0])
    app.number_input(key="fs").set_value(5.0).run()
    assert "the sampling rate fs is 5.0; expected 100 to 2000" in said(app.error[0])
    app.number_input(key="fs").set_value(360.0).run()
    assert not app.error and n_beats(app) > 50


def test_a_lead_is_called_so_once(app, record):
    np.save(stream := io.BytesIO(), record.signal[:, 0])
    upload(choose(app, KINDS[1]), "recording_files", ("day.npy", stream.getvalue()))
    app.number_input(key="fs").set_value(360.0).run()
    assert said(app.header[0]) == "day · lead 1 · 360 Hz"
    upload(app, "recording_files", ("mine.csv", csv_of(record).replace(b"MLII", b"Lead II")))
    assert said(app.header[0]) == "mine · Lead II · 360 Hz"


def test_beats_already_cut(app, record):
    choose(app, KINDS[2])
    app.checkbox(key="beat_sample").set_value(True).run()
    assert not app.exception and "SYNTHETIC beats" in said(app.error[0]) and app.metric[0].value == "12"
    beats = cut_beats(record, 75, 112, fs=125)
    for rows in (1, 20):
        stream = io.BytesIO()
        np.savetxt(stream, np.column_stack([beats.signal, beats.label])[:rows], delimiter=",")
        upload(app, "beat_file", ("beats.csv", stream.getvalue()))
        assert not app.error and app.metric[0].value == str(rows) and "% agree" in said(app.info[0])
    assert any("be it of an ECG or not" in caption.value for caption in app.caption), "no gate looks at a row"
    np.savetxt(stream := io.BytesIO(), np.zeros((3, 186)), delimiter=",")
    upload(app, "beat_file", ("beats.csv", stream.getvalue()))
    assert "beats.csv has 186 columns; expected 187 values a row" in said(app.error[0])


def test_a_pair_by_whatever_name(app, record, tmp_path):
    wfdb.wrsamp("rec", fs=360, units=["mV"], sig_name=["MLII"], p_signal=record.signal[:, :1].astype(float),
                fmt=["212"], write_dir=str(tmp_path))  # fmt: skip
    dat, hea = ((tmp_path / f"rec.{ending}").read_bytes() for ending in ("dat", "hea"))
    choose(app, KINDS[1])
    for signals, header in (
        ("rec (1).dat", "rec (1).hea"),
        ("rec.dat", "rec (2).hea"),
        ("rec - Copy.dat", "rec copy 2.hea"),
        ("REC.DAT", "REC.HEA"),
        ("C:\\ecg\\rec.dat", "rec.hea"),
    ):
        upload(app, "recording_files", (header, hea), (signals, dat))
        assert not app.error and said(app.header[0]) == "rec · lead MLII · 360 Hz"
        assert not app.warning
    for bad, why in ((b"\x00\x00", "marks no beat"), (b"x", "cannot be read"), (b"\xff" * 999, "")):
        upload(app, "recording_files", ("rec.atr", bad), ("rec.hea", hea), ("rec.dat", dat))
        assert not app.error and any(why in (text := said(note)) and "is passed over" in text for note in app.warning)
    upload(app, "recording_files", ("100.atr", b"\x00\x00"), ("rec.hea", hea), ("rec.dat", dat))
    assert "rec.hea and 100.atr are of two records; expected two files of one name" in said(app.error[0])
    upload(app, "recording_files", ("rec.hea", hea), ("100.dat", dat))
    assert "rec.hea and 100.dat are of two records; expected two files of one name" in said(app.error[0])
    upload(app, "recording_files", ("rec.atr", b"\x00\x00"))
    assert "rec.atr holds marks and no signal" in said(app.error[0])
    upload(app, "recording_files", ("rec.atr", b"\x00\x00"), ("rec.hea", hea))
    assert "a WFDB record needs rec.hea and rec.dat" in said(app.error[0])


class Given:
    """An upload by any name: a browser's form can be forged."""

    def __init__(self, name, content=b"1\n2\n"):
        self.name, self.content, self.size = name, content, len(content)

    def getbuffer(self):
        return memoryview(self.content)


def test_any_name_of_an_upload():
    for name, message in (
        ("x.csv.exe", r"x\.csv\.exe is no file that is read here; expected \.csv, "),
        ("x", "x is no file that is read here"),
        ("", "the file is no file that is read here"),
        ("..", "is no file that is read here"),
        (".csv", "is no file that is read here"),
        ("\ud800.exe", "is no file that is read here"),
        ("a\nb\r\nX: y.csv", "a_b__X_ y.csv has no line of numbers"),
        ("x.csv/", r"x\.csv has no line of numbers"),
        ("\x00evil.csv", "_evil.csv has no line of numbers"),
        ("\ud800.csv", "_.csv has no line of numbers"),
        ("x" * 5000 + ".csv", "x{80}.csv has no line of numbers"),
        ("x (1).CSV", r"x \(1\)\.csv has no line of numbers"),
        ("../../-rf ~.csv", r"-rf _\.csv has no line of numbers"),
    ):
        with pytest.raises(DataError, match=message):
            sources.uploaded_recording([Given(name, b"word\n")], 250.0, None)
    with pytest.raises(DataError, match=r"b\.npy is no file that is read here; expected \.csv, \.txt, \.tsv$"):
        sources.uploaded_beats(Given("b.npy"), None)
    with pytest.raises(ModelError, match="is no model of this course"):
        sources.uploaded_classifier(Given("m.onnx"))


def test_a_name_that_streamlit_refuses(app, monkeypatch):
    def refuse(*_, **__):
        raise StreamlitAPIException("Filename cannot contain null bytes.")

    monkeypatch.setattr("streamlit.file_uploader", refuse)
    for kind in KINDS[1:]:
        choose(app, kind)
        assert not app.exception and "a file of that name is not read here; expected .csv" in said(app.error[0])


def test_no_error_tells_where_a_file_lay(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ModelError) as told, sources.stored([Given("m.pth")]) as paths:
        raise ModelError(f"{paths[0]} is not a model file; {paths[0].parent} neither")
    assert str(told.value) == "m.pth is not a model file; it neither" and told.value.__suppress_context__
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ModelError) as told:
        sources.uploaded_classifier(Given("m.pth", b"hello"))
    assert "ecgnb-" not in str(told.value) and str(tmp_path) not in str(told.value)


HOSTILE = "MLII ![](http://127.0.0.1:9/x.png)"


def markdown_of(app):
    """All that the page reads as Markdown."""
    kinds = (app.markdown, app.error, app.warning, app.info, app.caption, app.header, app.title)
    return [element.value for kind in kinds for element in kind] + [expander.label for expander in app.expander]


def images_and_links(app):
    found = [MarkdownIt("gfm-like", {"linkify": False}).render(text) for text in markdown_of(app)]
    return [text for text in found if re.search(r"<(a|img)\b", text) and "127.0.0.1" in text]


def test_text_of_a_file_is_no_markdown(app, record, tmp_path):
    choose(app, KINDS[1])
    upload(app, "recording_files", ("first.txt", HOSTILE.encode()))
    assert HOSTILE in said(app.error[0]) and not images_and_links(app)
    upload(app, "recording_files", ("mine.csv", csv_of(record).replace(b"MLII", HOSTILE.encode())))
    assert said(app.header[0]) == f"mine · lead {HOSTILE} · 360 Hz" and not images_and_links(app)
    app.text_input(key="lead").set_value("[click](http://127.0.0.1:9)").run()
    assert "[click](http://127.0.0.1:9)" in said(app.error[0]) and not images_and_links(app)
    app.text_input(key="lead").set_value("").run()
    wfdb.wrsamp("rec", fs=360, units=["mV"], sig_name=[HOSTILE], p_signal=record.signal[:, :1].astype(float),
                fmt=["212"], write_dir=str(tmp_path))  # fmt: skip
    pair = [(f"rec.{ending}", (tmp_path / f"rec.{ending}").read_bytes()) for ending in ("dat", "hea")]
    upload(app, "recording_files", *pair)
    assert said(app.header[0]) == f"rec · lead {HOSTILE} · 360 Hz" and not images_and_links(app)


def test_class_names_of_a_model_are_no_markdown(app, monkeypatch):
    link, script = "[x](http://127.0.0.1:9/b)", "<a href='http://127.0.0.1:9'>x</a>"
    hostile = replace(load_classifier("cnn_lstm"), classes=[HOSTILE, link, script, "javascript:1", "1"])
    monkeypatch.setattr(sources, "uploaded_classifier", lambda _: hostile)
    app.selectbox(key="model").set_value(OWN_MODEL).run()
    upload(app, "model_file", ("m.pth", b"any"))
    assert n_beats(app) > 50 and not images_and_links(app)
    assert any("![](http" in said(text) for text in app.markdown), "it is shown"
    figures = [chart.proto.spec for chart in app.get("plotly_chart")]
    assert len(figures) == 6 and not any("<a" in figure or "\\u003ca" in figure for figure in figures)


def test_what_nobody_foresaw_is_one_line(app, monkeypatch, caplog):
    def fails(*_, **__):
        raise RuntimeError("can't allocate memory: ![](http://127.0.0.1:9/x.png)\nat /srv/somebody")

    monkeypatch.setattr("ecgnb.app.sources.sample_recording", fails)
    app.selectbox(key="sample").set_value("pacemaker").run()
    assert not app.exception
    fault = said(app.error[-1])
    assert "(RuntimeError). Try another file or another model" in fault and "somebody" not in fault
    (record,) = caplog.records
    assert re.fullmatch(r"RuntimeError at (\w+\.py:\d+( > )?)+", record.getMessage()) and record.exc_info is None
    caplog.clear()
    monkeypatch.setattr("ecgnb.app.sources.sample_recording", lambda _: sources.read_recording("nowhere.hea"))
    app.selectbox(key="sample").set_value("heart").run()
    assert "nowhere.hea is missing" in said(app.error[-1]) and not caplog.records, "what was foreseen is not logged"


def test_flipped_is_drawn_flipped(app):
    def drawn():
        (spec, *_) = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
        values = spec["data"][0]["y"]
        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])

    before = drawn()
    app.checkbox(key="flip").set_value(True).run()
    np.testing.assert_array_equal(drawn(), -before)
    assert said(app.header[0]).endswith(" · upside down")


def test_a_class_of_two_numbers_is_not_named(app, record):
    """`ptbdb_abnormal.csv` says 1 for abnormal, `mitbih_test.csv` for S."""
    choose(app, KINDS[2])
    beats = cut_beats(record, 75, 112, fs=125).signal[:12]
    for label, compared in (([1] * 12, False), ([0, 1] * 6, False), ([0] * 12, True), ([0, 1, 2] * 4, True)):
        stream = io.BytesIO()
        np.savetxt(stream, np.column_stack([beats, label]), delimiter=",")
        upload(app, "beat_file", ("ptbdb_abnormal.csv", stream.getvalue()))
        assert ("in_file" in app.dataframe[0].value) == compared
        assert ("% agree" if compared else "may mean S, or abnormal") in said(app.info[0])


def bomb():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)
    return stream.getvalue()


class Evil:
    def __reduce__(self):
        return (Path("pwned").touch, ())


BAD = {
    "empty.csv": (b"", "empty.csv is empty"),
    "prose.txt": (b"to be or not to be\n" * 9, "no line of numbers"),
    "bomb.csv": (bomb(), "bomb.csv holds 0 recordings"),
    "bomb.npy": (bomb(), "bomb.npy holds 0 recordings"),
    "pickle.npy": (pickle.dumps({"a": 1}), "no NumPy array of numbers"),
    "nan.csv": (b"nan\n" * 3000 + b"1\n2\n", "no line of numbers|is no number"),
    "inf.csv": (b"1\n" + b"inf\n" * 3000, "is no number"),
    "flat.csv": (b"1.5\n" * 3000, "from start to end"),
    "short.csv": (b"0.1\n0.7\n-0.2\n0.3\n" * 125, "are 2 s of signal; expected at least 5 s"),
    "../../etc/evil.csv": (b"word\n", "evil.csv has no line of numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_recordings(app, name, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    content, message = BAD[name]
    choose(app, KINDS[1])
    app.number_input(key="fs").set_value(250.0)
    upload(app, "recording_files", (name, content))
    assert any(word in said(app.error[0]) for word in message.split("|")), said(app.error[0])
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
    app.radio(key="kind").set_value(KINDS[0]).run()
    assert not app.exception and numbers(app)["length"] == "1.0 min", "and the app goes on"


@pytest.mark.parametrize("content", [b"1" * 16_000 + b"x", b"sampl_rate " * 1500], ids=["digits", "words"])
def test_a_line_that_matches_in_very_many_ways(app, content):
    """A server that looks for a number in it as long as it can serves no other visitor meanwhile."""
    choose(app, KINDS[1])
    given = [("digits.txt", content, "text/plain")]
    app.file_uploader(key="recording_files").set_value(given).run(timeout=10)
    assert not app.exception and re.match(r"digits\.txt.* no (line of )?numbers", said(app.error[0]))


def test_a_file_too_large(monkeypatch):
    class Huge:
        name, size = "huge.csv", 2**30

    with (
        pytest.raises(DataError, match=r"huge\.csv has 1,024 MB; expected at most 450 MB"),
        sources.stored([Huge()]),
    ):
        pass
    assert serve.SETTINGS["server.maxUploadSize"] * 2**20 == sources.MAX_UPLOAD <= MAX_BYTES, (
        "and Streamlit before that"
    )


def saved(tmp_path, **values):
    """Return the content of a model file with these values beside the weights; none: what `load_classifier` needs."""
    values = values or load_classifier("cnn_lstm").recipe.to_values() | {"classes": "N S V F Q"}
    network = models.create("cnn_lstm", n_samples=187, n_classes=5)
    models.save(network, tmp_path / "m.pth", **values)
    return (tmp_path / "m.pth").read_bytes()


def test_a_model_of_a_run(app, tmp_path):
    app.selectbox(key="model").set_value(OWN_MODEL).run()
    assert "Upload a model file" in said(app.info[0])
    upload(
        app,
        "model_file",
        ("patient_wise_model.pth", saved(tmp_path)),
    )
    assert not app.error or "SYNTHETIC" in said(app.error[0])
    assert n_beats(app) > 50
    upload(app, "model_file", ("cut.pth", saved(tmp_path, fs=125.0, classes="N S V F Q")))
    assert any("does not say how its beats are cut" in said(error) for error in app.error)


def test_models_that_are_none(app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app.selectbox(key="model").set_value(OWN_MODEL).run()
    torch.save(Evil(), stream := io.BytesIO())
    large = {
        "format": models.files.FORMAT,
        "name": "cnn_lstm",
        "options": {"n_samples": 10**9, "n_classes": 5},
        "extra": {},
    }
    torch.save(large | {"state_dict": {}, "extra": {}}, absurd := io.BytesIO())
    good = torch.load(io.BytesIO(saved(tmp_path)), weights_only=True)
    torch.save(good | {"options": good["options"] | {"n_samples": 10**8}}, long := io.BytesIO())
    hollow = {name: torch.zeros((), dtype=part.dtype).expand(part.shape) for name, part in good["state_dict"].items()}
    torch.save(good | {"state_dict": hollow}, stretched := io.BytesIO())
    for name, content, message in (
        ("pickle.pth", pickle.dumps(Evil()), "cannot be|can be read safely"),
        ("torch.pth", stream.getvalue(), "can be read safely"),
        ("bomb.pth", bomb(), "unpacks to 50,000,000"),
        ("text.pth", b"hello", "can be read safely"),
        ("absurd.pth", absurd.getvalue(), "do not fit|number up to"),
        ("long.pth", long.getvalue(), "do not fit|number up to"),
        ("stretched.pth", stretched.getvalue(), "do not fit"),
        ("a.pth", b"a word", "can be read safely"),
    ):
        upload(app, "model_file", (name, content))
        assert any(word in said(app.error[0]) for word in message.split("|")), said(app.error[0])
        assert not (tmp_path / "pwned").exists(), "no code of it ran"
