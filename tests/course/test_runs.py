"""Run folders: what they hold, and that a half run is never taken for a whole one."""

import subprocess
import sys
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgnb import models
from ecgnb.course import folders
from ecgnb.course.folders import is_finished, read_metrics
from ecgnb.course.run import Run
from ecgnb.errors import RunError, UsageError
from ecgnb.metrics import Estimate


@pytest.fixture(autouse=True)
def runs_in_tmp(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGNB_RUNS_DIR", str(tmp_path / "runs"))


@pytest.fixture
def run(synthetic_beats, tmp_path):
    return Run("01", {"seed": 3}, synthetic_beats, str(tmp_path / "run"))


def test_a_whole_run(run):
    figure, _ = plt.subplots()
    run.show(figure, "empty", alt="An empty pair of axes.")
    model = models.create("lstm_autoencoder", n_samples=140)
    run.save_model(model, threshold=0.5)
    run.save_predictions(score=[0.1, 0.2], y_true=np.array([False, True]))
    assert not is_finished(run.folder)
    run.finish({"auroc": np.float32(0.5), "nested": {"n": np.int64(3)}}, train_seconds=1.23)
    assert is_finished(run.folder)
    record = read_metrics(run.folder)
    assert set(record) == {"lesson", "parameters", "data", "metrics", "seconds", "seed", "versions", "device"}
    assert record["data"]["source"] == "synthetic" and len(record["data"]["sha256"]) == 2
    assert record["seconds"]["train"] == 1.2 and record["seed"] == 3 and record["metrics"]["nested"] == {"n": 3}
    assert "SYNTHETIC" in (run.folder / "SUMMARY.txt").read_text()
    assert figure.get_suptitle() == "SYNTHETIC DATA"
    with np.load(run.folder / "predictions.npz") as stored:
        assert stored["score"].tolist() == [0.1, 0.2]
    assert models.load(run.folder / "best_model.pth")[1] == {"threshold": 0.5}


LESSON = """# %% tags=["parameters"]
seed: int = 0  # of nothing [0, 10]
names: list[str] = []  # of anything
output_dir: str = ""  # folder to fill
"""


@pytest.fixture
def small_lesson(tmp_path, monkeypatch):
    """A lesson 90 with three parameters, in place of the course's; a namespace with their values."""
    (tmp_path / "90_small.py").write_text(LESSON)
    monkeypatch.setenv("ECGNB_LESSONS_DIR", str(tmp_path))
    return {"seed": 3, "names": ["a"], "output_dir": str(tmp_path / "run"), "other": 1}


def test_a_run_starts_with_what_the_parameters_cell_declares(small_lesson, synthetic_beats, tmp_path):
    started = Run.start("90", small_lesson, synthetic_beats)
    small_lesson["names"].append("b")
    assert started.parameters == {"seed": 3, "names": ["a"]} and started.folder == tmp_path / "run"
    with pytest.raises(UsageError, match=r"seed must lie in \[0, 10\]; got 11"):
        Run.start("90", small_lesson | {"seed": 11}, synthetic_beats)
    with pytest.raises(RunError, match="names has no value: run the cell with the lesson's parameters first"):
        Run.start("90", {"seed": 3, "output_dir": ""}, synthetic_beats)
    with pytest.raises(UsageError, match="unknown lesson '77'; there are: 90"):
        Run.start("77", small_lesson, synthetic_beats)


def test_an_estimate_becomes_value_and_interval(run):
    found = run.finish({"f1": Estimate(np.float64(0.5), 0.4, 0.6), "none": None, "text": "a"}, train_seconds=0)
    assert found["metrics"] == {"f1": 0.5, "f1_interval": [0.4, 0.6], "none": None, "text": "a"}
    assert "f1 " in (run.folder / "SUMMARY.txt").read_text()


def test_a_model_is_saved_with_its_recipe(run):
    class Recipe:
        def to_values(self):
            return {"before": 75, "fs": 125.0, "highpass": None}

    model = models.create("lstm_autoencoder", n_samples=140)
    run.save_model(model, "two.pth", recipe=Recipe(), classes=("N", "S"), threshold=0.5)
    kept = models.load(run.folder / "two.pth")[1]
    assert kept == {"before": 75, "fs": 125.0, "highpass": None, "classes": "N S", "threshold": 0.5}
    run.save_model(model, classes="N S", fs=360.0)
    assert models.load(run.folder / "best_model.pth")[1] == {"classes": "N S", "fs": 360.0}
    with pytest.raises(UsageError, match="names without a space"):
        run.save_model(model, classes=["R-on-T PVC"])


def test_the_course_is_imported_without_pytorch():
    code = "import sys, ecgnb.course; print({'torch', 'matplotlib', 'pandas', 'papermill'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_synthetic_data_is_announced_with_its_reason(synthetic_beats, tmp_path, capsys):
    Run("01", {}, replace(synthetic_beats, note="no <network>"), str(tmp_path / "run"))
    shown = capsys.readouterr().out
    assert "SYNTHETIC DATA, made by a formula" in shown and "no &lt;network&gt;" in shown
    Run("01", {}, replace(synthetic_beats, source="real"), str(tmp_path / "other"))
    assert "SYNTHETIC" not in capsys.readouterr().out


def test_a_finished_run_is_not_written_over(run, synthetic_beats):
    run.finish({}, train_seconds=0)
    with pytest.raises(RunError, match="already holds a finished run; give another folder"):
        Run("01", {}, synthetic_beats, str(run.folder))


def test_a_killed_run_leaves_nothing_that_looks_whole(run):
    code = f"""
import os
from pathlib import Path
from ecgnb.course import folders
Path.replace = lambda *_: os._exit(9)  # killed after writing, before the file takes its name
folders.write_atomically(Path({str(run.folder)!r}) / "metrics.json", "{{}}")
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    assert not is_finished(run.folder)
    with pytest.raises(RunError, match="holds no finished run"):
        read_metrics(run.folder)


def test_a_metric_that_is_not_a_number_is_refused(run):
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.finish({"auroc": float("nan")}, train_seconds=0)
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.finish({"auroc": Estimate(0.5, float("nan"), 1)}, train_seconds=0)
    with pytest.raises(TypeError, match="a metric is a set"):
        run.finish({"auroc": {1}}, train_seconds=0)
    assert not is_finished(run.folder)


def test_a_headless_run_is_finished_only_when_its_page_is_written(run, monkeypatch):
    monkeypatch.setenv("ECGNB_METRICS_PENDING", "1")
    run.finish({}, train_seconds=0)
    assert (run.folder / "metrics.json.pending").is_file()
    assert not is_finished(run.folder)


def test_damaged_metrics(tmp_path):
    (tmp_path / "metrics.json").write_text('{"lesson": ')
    with pytest.raises(RunError, match="is damaged"):
        read_metrics(tmp_path)


def test_new_folders_differ():
    assert folders.new_run_folder("01") != folders.new_run_folder("01")


def test_a_folder_that_cannot_be_made(synthetic_beats, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write to .*; give another folder"):
        Run("01", {}, synthetic_beats, str(tmp_path / "file" / "run"))
