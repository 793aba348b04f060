"""What a lesson claims is measured again on every machine that has the data. In a file of its own: it takes minutes."""

import json

import pytest

from ecgnb import authoring
from ecgnb.lessons import execute, lessons
from ecgnb.runs import read_metrics


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.number)
def test_default_run_on_real_data(lesson, real_ecg5000, tmp_path):
    record = read_metrics(execute(lesson, {"data": "real"}, output_dir=tmp_path / "run"))
    committed = json.loads(authoring.results_path(lesson, "default").read_text())
    assert record["data"] == committed["data"], "the same files"
    if lesson.number == "01":
        metrics = record["metrics"]
        assert metrics["auroc"] >= 0.990
        assert metrics["balanced_accuracy"] >= 0.94
        assert metrics["baselines"] == pytest.approx(committed["metrics"]["baselines"], abs=1e-3)
        assert metrics["auroc"] == pytest.approx(committed["metrics"]["auroc"], abs=0.004)
