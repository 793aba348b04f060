"""The `ecgnb` command as a user meets it: exit codes, one-line errors; once, and where it is stopped, as a process."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from conftest import ecgnb

from ecgnb.datasets import load_records
from ecgnb.datasets.synthetic import write_mitdb

COMMAND = [str(Path(sys.executable).with_name("ecgnb"))]


def assert_one_line_error(done, code, *words):
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("ecgnb: "), done.stderr
    for word in words:
        assert word in lines[0], lines[0]


def test_lists(tmp_path):
    done = subprocess.run([*COMMAND, "lessons"], capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0 and "01" in done.stdout and "01_ecg5000_anomaly_detection.ipynb" in done.stdout
    done = ecgnb("params", "01", cwd=tmp_path)
    assert done.returncode == 0
    for text in (
        "epochs",
        "int",
        "threshold_quantile",
        "0.95",
        "how often the network sees all training beats [1, 10000]",
    ):
        assert text in done.stdout


def test_fetch_and_data(tmp_path):
    environment = {"ECGNB_DATA_DIR": tmp_path / "data", "ECGNB_MIRROR": tmp_path / "none"}
    done = ecgnb("data", **environment)
    assert done.returncode == 0 and "of 2 files 2 missing (get them: ecgnb fetch ecg5000)" in done.stdout
    (tmp_path / "data" / "ecg5000").mkdir(parents=True)
    (tmp_path / "data" / "ecg5000" / "ECG5000_TRAIN.arff").write_text("spoiled")
    assert "of 2 files 1 damaged, 1 missing" in ecgnb("data", **environment).stdout


def test_fetch_of_the_real_thing(real_ecg5000, tmp_path):
    """From the folder that holds the real files, packed anew, as a mirror."""
    import zipfile

    with zipfile.ZipFile(tmp_path / "ECG5000.zip", "w") as archive:
        for path in real_ecg5000.glob("*.arff"):
            archive.write(path, path.name)
    environment = {"ECGNB_DATA_DIR": tmp_path / "data", "ECGNB_MIRROR": tmp_path}
    done = ecgnb("fetch", "ecg5000", **environment)
    assert done.returncode == 0 and "ecg5000: 2 files, verified, in" in done.stdout
    assert "2 files verified" in ecgnb("data", **environment).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "99"], ["unknown lesson '99'", "01"]),
        (["params", "nine"], ["unknown lesson 'nine'"]),
        (["run", "01", "-p", "epoch=5"], ["has no parameter 'epoch'", "epochs"]),
        (["run", "01", "-p", "epochs=ten"], ["epochs takes a whole number", "'ten'"]),
        (["run", "01", "-p", "epochs=0"], ["epochs must lie in [1, 10000]", "'0'"]),
        (["run", "01", "-p", "seed=-1"], ["seed must lie in [0, 4.29497e+09]", "'-1'"]),
        (["run", "01", "-p", "data=fake"], ["data must be one of auto, real, synthetic", "'fake'"]),
        (["run", "01", "-p", "epochs"], ["-p takes NAME=VALUE"]),
        (["run", "01", "--profile", "huge"], ["unknown profile 'huge'", "smoke, default, full"]),
        (["run", "01", "-f", "/nowhere/none.yaml"], ["cannot read /nowhere/none.yaml"]),
        (["fetch", "ptb"], ["unknown data set 'ptb'"]),
    ],
)
def test_wrong_usage(arguments, words):
    assert_one_line_error(ecgnb(*arguments), 2, *words)


def test_usage_errors_of_the_command_line_itself():
    assert ecgnb("fly").returncode == 2
    assert ecgnb("run").returncode == 2


@pytest.mark.parametrize(("content", "word"), [("- 1\n- 2\n", "holds list"), ("a: [", "is not YAML")])
def test_a_parameter_file_that_is_none(tmp_path, content, word):
    (tmp_path / "p.yaml").write_text(content)
    assert_one_line_error(ecgnb("run", "01", "-f", tmp_path / "p.yaml"), 2, word)


def test_failure_is_one_line_and_exit_code_1(tmp_path):
    environment = {"ECGNB_DATA_DIR": tmp_path / "file" / "data", "ECGNB_MIRROR": tmp_path / "none"}
    (tmp_path / "file").write_text("")
    assert_one_line_error(ecgnb("fetch", "ecg5000", **environment), 1, "cannot write to", "set ECGNB_DATA_DIR")
    done = ecgnb("--debug", "fetch", "ecg5000", **environment)
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_a_lesson_that_fails_says_where(short_lesson, tmp_path):
    done = ecgnb("run", "90", "-p", "value=13", "--output-dir", tmp_path / "run")
    assert_one_line_error(
        done, 1, "lesson 90 failed in cell 4: AssertionError: thirteen is not for us", "executed.ipynb"
    )
    assert (tmp_path / "run" / "executed.ipynb").is_file() and not (tmp_path / "run" / "metrics.json").exists()


def test_a_folder_for_runs_that_cannot_be_made():
    done = ecgnb("run", "01", "--profile", "smoke", ECGNB_RUNS_DIR="/dev/null/runs")
    assert_one_line_error(done, 1, "cannot make a run folder in /dev/null/runs/01", "set ECGNB_RUNS_DIR")


def begun_run(begun, folder):
    """Start a run that takes a minute; return its process once its cell has begun."""
    process = subprocess.Popen(
        [*COMMAND, "run", "90", "-p", "wait=60", "-p", f"output_dir={folder}"],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests run in the background ignore Ctrl-C
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not begun.is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    return process


@pytest.mark.slow
def test_an_interrupted_run(short_lesson, tmp_path):
    process = begun_run(short_lesson, tmp_path / "run")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.strip().splitlines()[-1] == ("ecgnb: interrupted; what is in the output folder is not a finished run")
    assert not (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.slow
def test_a_killed_run_is_not_taken_for_a_finished_one(short_lesson, tmp_path):
    process = begun_run(short_lesson, tmp_path / "run")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert short_lesson.is_file(), "it was killed half way, not before"
    assert (tmp_path / "run").is_dir() and not (tmp_path / "run" / "metrics.json").exists()


def test_parameters_from_file_and_command_line(short_lesson, tmp_path):
    (tmp_path / "p.yaml").write_text("wait: 1e-1\nvalue: 2\nseed: 5\n")  # YAML reads 1e-1 as text
    folder = tmp_path / "run"
    done = ecgnb("run", "90", "-f", tmp_path / "p.yaml", "-p", "value=4", "--output-dir", folder)
    assert done.returncode == 0, done.stderr
    for name in ("executed.ipynb", "executed.html", "metrics.json"):
        assert str(folder / name) in done.stdout and (folder / name).exists()
    assert (folder / "SUMMARY.txt").read_text() in done.stdout
    record = json.loads((folder / "metrics.json").read_text())
    assert (record["parameters"]["wait"], record["parameters"]["value"], record["seed"]) == (0.1, 4, 5)
    assert_one_line_error(ecgnb("run", "90", "--output-dir", folder), 1, "already holds a finished run")


# Recordings of one's own


@pytest.fixture(scope="module")
def own_csv(tmp_path_factory):
    record = load_records(["208"], data="synthetic")[0]
    path = tmp_path_factory.mktemp("own") / "mine.csv"
    path.write_text("ecg\n" + "\n".join(f"{value:.4f}" for value in record.signal[:, 0]) + "\n")
    return path, len(record.r_sample)


def test_classify(own_csv, tmp_path):
    path, n_beats = own_csv
    done = ecgnb("classify", path, "--fs", 360, "-o", "beats.csv", "--plot", "strip.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "class\tbeats\nN\t" in done.stdout and "not for diagnosis" in done.stdout
    table = pd.read_csv(tmp_path / "beats.csv")
    assert abs(len(table) - n_beats) <= 3 and {"time_s", "label", "p_V"} <= set(table.columns)
    assert (tmp_path / "strip.png").stat().st_size > 10_000
    assert done.stdout.startswith(f"read: {path.name}, ecg, 360 Hz (given), ")
    lines = dict(line.split("\t") for line in done.stdout.splitlines() if "\t" in line)
    assert sum(int(n) for label, n in lines.items() if label != "class") == len(table)


def test_waves_of_each_beat(own_csv, tmp_path):
    plain, told = ("classify", own_csv[0], "--fs", 360, "-o", tmp_path / "a.csv"), tmp_path / "b.csv"
    assert "QT" not in ecgnb(*plain).stdout
    done = ecgnb("classify", own_csv[0], "--fs", 360, "--waves", "-o", told)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Median of the beats in which it was found: PR \d+ ms \(\d+\), QRS \d+ ms", done.stdout)
    without, beats = pd.read_csv(tmp_path / "a.csv"), pd.read_csv(told)
    pd.testing.assert_frame_equal(beats[without.columns], without)
    added = ["P_onset_s", "P_offset_s", "QRS_onset_s", "QRS_offset_s", "T_onset_s", "T_offset_s"]
    assert list(beats.columns[-9:]) == [*added, "PR_ms", "QRS_ms", "QT_ms"]
    known = beats.dropna(subset=["QRS_onset_s", "QRS_offset_s"])
    assert len(known) > 0.9 * len(beats)
    assert ((known.QRS_onset_s - 0.06 <= known.time_s) & (known.time_s <= known.QRS_offset_s + 0.06)).all()


def test_plot_and_report(own_csv, tmp_path):
    path = own_csv[0].rename(tmp_path / "心电图 $x 💓.csv")
    call = ("classify", path, "--fs", 360, "--plot", "strip.svg", "--start", "0:20", "--seconds", 10)
    done = ecgnb(*call, "--report", "report.pdf", "--flip", cwd=tmp_path)
    path.rename(own_csv[0])
    assert done.returncode == 0 and "arning" not in done.stderr.replace("warning: ", ""), done.stderr
    assert (tmp_path / "strip.svg").read_text().startswith("<?xml")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_annotations_that_wfdb_reads(own_csv, tmp_path):
    path, n_beats = own_csv
    done = ecgnb("classify", path, "--fs", 360, "--annotations", "mine.ecgnb", "-o", "beats.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    marks, table = wfdb.rdann(str(tmp_path / "mine"), "ecgnb"), pd.read_csv(tmp_path / "beats.csv")
    assert marks.fs == 360 and abs(len(marks.sample) - n_beats) <= 3
    assert marks.sample.tolist() == table["r_sample"].tolist()
    expected = table["label"].replace("?", "Q").tolist()
    assert marks.symbol == expected
    silent = np.array(marks.aux_note)[table["label"].to_numpy() == "?"]
    assert all(note.startswith("(") for note in silent)


def test_nothing_is_written_over(tmp_path):
    write_mitdb(tmp_path, ["r"], paced=())
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "r.dat")
    (tmp_path / "soft.csv").symlink_to(tmp_path / "r.hea")
    for record in ("r", "r.hea", "r.dat"):
        for target in ("r.dat", "r.hea", "r.atr", "hard.csv", "soft.csv"):
            done = ecgnb("classify", tmp_path / record, "-o", tmp_path / target)
            assert_one_line_error(done, 2, f"{target} is the recording itself")
    assert_one_line_error(ecgnb("classify", tmp_path / "r", "--annotations", tmp_path / "r.atr"), 2, "r.atr is the")
    assert_one_line_error(
        ecgnb("classify", tmp_path / "r", "--report", tmp_path / "r.dat"), 2, "r.dat is the recording"
    )
    same = ("-o", tmp_path / "x.png", "--plot", tmp_path / "x.png")
    assert_one_line_error(ecgnb("classify", tmp_path / "r", *same), 2, "x.png is given twice")
    assert_one_line_error(ecgnb("classify", tmp_path / "r", "-o", tmp_path), 2, "is a folder")
    assert_one_line_error(ecgnb("export", "cnn_lstm", tmp_path), 2, "is a folder")
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_what_is_no_ecg_is_refused_in_one_line(tmp_path):
    noise = pd.DataFrame({"ecg": np.random.default_rng(0).standard_normal(15_000).round(4)})
    noise.to_csv(tmp_path / "noise.csv", index=False)
    call = ("classify", tmp_path / "noise.csv", "--fs", 250, "-o", tmp_path / "beats.csv")
    assert_one_line_error(ecgnb(*call), 1, "this does not look like an ECG: 0 of 6 stretches", "--force")
    assert not (tmp_path / "beats.csv").exists()
    done = ecgnb(*call, "--force")
    assert done.returncode == 0 and "100.0% of the time does not look like an ECG" in done.stderr
    assert {"could_be", "irregular", "why"} <= set(pd.read_csv(tmp_path / "beats.csv").columns)


def test_export_and_classify_with_it(own_csv, tmp_path):
    for options in ((), ("--int8",)):
        done = ecgnb("export", "cnn_lstm", tmp_path / "m.onnx", *options)
        assert done.returncode == 0 and "of PyTorch's" in done.stdout and not done.stderr
        done = ecgnb("classify", own_csv[0], "--fs", 360, "--model", tmp_path / "m.onnx")
        assert done.returncode == 0 and "N\t" in done.stdout, done.stderr
    assert_one_line_error(ecgnb("export", tmp_path / "m.onnx", "x.onnx"), 2, "is an ONNX file already")
    assert_one_line_error(
        ecgnb("export", "resnet", "x.onnx"),
        1,
        "expected one of: beat_sequence, beat_sequence_causal, cnn_lstm, or a file",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, ["mine.csv does not say its sampling rate", "--fs 250"]),
        (["--fs", "5"], 2, ["fs is 5.0; expected 100 to 2000"]),
        (["--fs", "360", "--lead", "V5"], 1, ["mine.csv has no lead 'V5'; it has: ecg"]),
        (["--fs", "360", "-o", "no/where.csv"], 2, ["the folder no does not exist"]),
        (["--fs", "360", "--plot", "strip.docx"], 2, ["strip.docx", "expected one of: .png"]),
        (["--fs", "360", "--plot", "a.png", "--start", "99:00"], 2, ["the start, 5940 s, lies outside", "less than"]),
        (["--fs", "360", "--plot", "a.png", "--start", "1e3"], 2, ["--start 1e3 is no time", "such as 1:30"]),
        (["--fs", "360", "--plot", "a.png", "--start", "-5"], 2, ["--start -5 is no time"]),
        (["--fs", "360", "--plot", "a.png", "--seconds", "nan"], 2, ["seconds=nan; expected 1 to 300"]),
        (["--fs", "360", "--start", "5"], 2, ["give --plot"]),
        (["--fs", "360", "--report", "report.doc"], 2, ["report.doc is no report; expected one of: .pdf, .html"]),
        (["--fs", "360", "--report", "no/report.pdf"], 2, ["the folder no does not exist"]),
        (["--fs", "360", "--min-confidence", "7"], 2, ["min_confidence=7.0; expected a probability"]),
        (["--fs", "360", "--detector", "magic"], 2, ["expected one of: slope, xqrs, sleepecg"]),
        (["--fs", "360", "--model", "bad.pth"], 1, ["bad.pth is not a model file that can be read safely"]),
    ],
)
def test_classify_errors(own_csv, tmp_path, arguments, code, words):
    (tmp_path / "bad.pth").write_bytes(pickle.dumps({"not": "a model"}))
    assert_one_line_error(ecgnb("classify", own_csv[0], *arguments, cwd=tmp_path), code, *words)
    assert not [file for file in tmp_path.iterdir() if file.name != "bad.pth"]


def test_classify_files_that_are_none(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    assert_one_line_error(ecgnb("classify", tmp_path / "empty.csv"), 1, "empty.csv is empty")
    assert_one_line_error(ecgnb("classify", tmp_path / "none.csv"), 1, "No such file")
