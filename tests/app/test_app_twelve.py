"""The app's page of twelve leads: what is answered, what is doubtful, and every bad file with one line."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ecgnb.app import serve
from ecgnb.app.plain import WORD_JOINER
from ecgnb.app.twelve_sample import LEARNED_FROM, REAL, SAMPLES, SYNTHETIC, sample_twelve, telling_record
from ecgnb.classifier import classify_twelve
from ecgnb.datasets.ptbxl import SUPERCLASSES, load_ptbxl
from ecgnb.datasets.synthetic_twelve import NORMAL, twelve_leads
from ecgnb.datasets.twelve_leads import LEADS, limb_leads

PAGE = Path(serve.__file__).with_name("page.py")

ECG = np.round(twelve_leads(NORMAL, 72, np.random.default_rng(3)), 3)


@pytest.fixture
def app(data_dir):
    started = AppTest.from_file(str(PAGE), default_timeout=60).run()
    started.radio(key="kind").set_value("Twelve leads, ten seconds").run()
    assert not started.exception
    return started


def csv_of(signal=ECG, names=LEADS, unit=" (mV)"):
    seconds = {"time (s)": np.arange(np.shape(signal)[1]) / 500}
    leads = {f"{name}{unit}": one for name, one in zip(names, signal, strict=True)}
    return pd.DataFrame(seconds | leads).to_csv(index=False).encode()


def upload(app, *files):
    if not app.get("file_uploader"):
        app.selectbox(key="twelve").set_value("own").run()
    app.file_uploader(key="twelve_files").set_value([(*file, "application/octet-stream") for file in files]).run()
    assert not app.exception and not any("unlike all that this app foresees" in said(error) for error in app.error)
    return app


def said(element):
    """What a reader sees of text that was made plain."""
    return re.sub(r"\\(\W|_)", r"\1", element.value).replace(WORD_JOINER, "")


def answers(app):
    return app.dataframe[0].value["answer"].to_dict()


def test_the_samples(app):
    assert app.selectbox(key="twelve").options == [*SAMPLES.values(), "A recording of mine"]
    assert not app.error and [said(one) for one in app.warning] == [LEARNED_FROM]
    assert [*answers(app)] == [*SUPERCLASSES] and "CC BY 4.0" in " ".join(said(one) for one in app.caption)
    assert app.get("image") and len(app.get("download_button")) == 2
    assert any("488 recordings (459 patients) of one source" in text.value for text in app.markdown)
    assert any("Model card: twelve_leads" in text.value for text in app.sidebar.markdown)
    app.selectbox(key="twelve").set_value(SYNTHETIC).run()
    assert not app.exception and "SYNTHETIC" in said(app.error[0]) and len(answers(app)) == 5


def test_the_real_sample_is_that_record(real_data):
    real_data("ptbxl")
    records = load_ptbxl(100, data="real")
    assert np.abs(sample_twelve(REAL).signal - records.signal[telling_record(records)]).max() < 6e-4
    assert not classify_twelve(sample_twelve(REAL)).doubts


def test_a_recording_of_ones_own(app):
    upload(app, ("mine.csv", csv_of()))
    assert not app.error and not app.warning and len(answers(app)) == 5
    assert any(said(one).startswith("mine.csv, 12 leads, 500 Hz") for one in app.caption)
    upload(app, ("eleven.csv", csv_of(np.delete(ECG, 4, axis=0), [lead for lead in LEADS if lead != "aVL"])))
    assert any("aVL derived from" in said(one) for one in app.warning) and len(answers(app)) == 5
    upload(app, ("long.csv", csv_of(np.tile(ECG, (1, 2)))))
    app.number_input(key="twelve start").set_value(3.0).run()
    assert any("10 s from 3 s on were read, of 20.0 s" in said(one) for one in app.warning)
    app.radio(key="kind").set_value("A sample").run()
    assert not app.exception and not app.error


def test_the_unit_is_asked_for(app):
    upload(app, ("mine.csv", csv_of(1000 * ECG, unit="")))
    assert "does not say in which unit" in said(app.error[0]) and "'Unit' above" in said(app.error[0])
    app.selectbox(key="twelve unit").set_value("uV").run()
    assert not app.error and len(answers(app)) == 5


def test_in_doubt_nothing_is_answered(app):
    swapped = np.stack([*limb_leads({"I": -ECG[0], "II": ECG[2]}).values(), *ECG[6:]])
    upload(app, ("mine.csv", csv_of(swapped)))
    assert "Doubtful: the arm electrodes look swapped; so nothing is answered." in [said(one) for one in app.error]
    assert set(answers(app).values()) == {"cannot say"}


BAD = {
    "does not look like an ECG": csv_of(np.random.default_rng(0).standard_normal(ECG.shape)),
    "lasts 5.0 s; expected ten seconds": csv_of(ECG[:, :2500]),
    "V3 is missing": csv_of(np.delete(ECG, 8, axis=0), [lead for lead in LEADS if lead != "V3"]),
    "one and the same signal": csv_of(np.tile(ECG[1], (12, 1))),
    "is empty": b"",
    "mine.csv": b"\x00\x01" * 500,
    "no line of numbers": b"# a heart\nis no table\n",
}


def test_what_is_none_gets_one_line(app):
    for words, content in BAD.items():
        upload(app, ("mine.csv", content))
        assert len(app.error) == 1 and words in said(app.error[0]) and not app.dataframe, words
    upload(app, ("a.csv", csv_of()), ("b.csv", csv_of()))
    assert "2 files; expected one" in said(app.error[0])


def test_the_first_screen_needs_none_of_it():
    code = "import sys, ecgnb.app.beats, ecgnb.app.reading, ecgnb.app.fields; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
