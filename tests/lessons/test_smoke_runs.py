"""Every lesson runs in smoke size from anywhere, shows the same in a second run, and its exercises can be solved."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from shown import in_notebook

from ecgnb.course.execute import execute
from ecgnb.course.exercises import NotSolvedError, answered, exercises
from ecgnb.course.folders import is_finished, read_metrics
from ecgnb.course.lessons import lessons, results_path
from ecgnb.datasets import load_mitdb

FIGURE = re.compile(r'"(\w+)",\s*alt=')  # the name in run.show(figure, "name", alt=...)


@pytest.fixture(scope="module", params=lessons(), ids=lambda lesson: lesson.number)
def smoke(request, tmp_path_factory):
    """A lesson executed in smoke size, from a foreign working directory."""
    folder = tmp_path_factory.mktemp("smoke")
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    try:
        return request.param, execute(request.param, profile="smoke", output_dir=folder / "run")
    finally:
        os.chdir(before)


def test_a_smoke_run_leaves_all_files(smoke):
    lesson, folder = smoke
    assert is_finished(folder)
    for name in ("executed.ipynb", "executed.html", "SUMMARY.txt", "best_model.pth", "predictions.npz"):
        assert (folder / name).stat().st_size > 0
    figures = list((folder / "figures").glob("*.png"))
    assert len(figures) >= 5 and min(figure.stat().st_size for figure in figures) > 3000
    record = read_metrics(folder)
    assert record["data"]["source"] == "synthetic"
    recorded = json.loads(results_path(lesson, "default").read_text())
    assert set(record["metrics"]) == set(recorded["metrics"]), "a smoke run measures what a real one measures"
    page = (folder / "executed.html").read_text()
    assert "SYNTHETIC DATA" in page and 'alt="' in page
    assert "<details>" in page and "</summary>\n</details>" not in page, "answers are folded away"
    assert (folder / "images" / f"{lesson.number}_hero.png").is_file()


def without_times(value):
    if isinstance(value, dict):
        times = re.compile(r"seconds|s per epoch|beats_per_second|latency_ms")
        return {name: without_times(part) for name, part in value.items() if not times.search(name)}
    return value


def test_a_second_run_shows_the_same(smoke, smoke_namespace):
    """First by papermill in a kernel, then section by section in this process: numbers, tables, sentences, figures."""
    lesson, first = smoke
    second = smoke_namespace(lesson.number)["run"].folder
    assert without_times(read_metrics(second)) == without_times(read_metrics(first))
    shown = json.loads((second.parents[1] / "shown.json").read_text())
    seen = in_notebook(first / "executed.ipynb")
    assert len(seen) > 40 and seen == {cell: shown[cell] for cell in seen}
    timed = {name for cell in shown.keys() - seen.keys() for name in FIGURE.findall(cell)}
    for figure in (first / "figures").glob("*.png"):
        if figure.stem not in timed:
            assert (second / "figures" / figure.name).read_bytes() == figure.read_bytes(), figure.name
    with np.load(first / "predictions.npz") as one, np.load(second / "predictions.npz") as other:
        assert one.files == other.files
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.number)
def test_a_blank_exercise_fails_at_its_check_and_the_solution_passes(lesson, smoke_namespace, capsys):
    for exercise in exercises(lesson):
        if exercise.check:
            namespace = smoke_namespace(lesson.number) | {"answered": answered}
            exec(exercise.blank, namespace)
            with pytest.raises(NotSolvedError, match="a value in the cell above"):
                exec(exercise.checking, namespace)
            exec(exercise.solution, namespace)
            exec(exercise.checking, namespace)
            assert capsys.readouterr().out.endswith("right\n")


@pytest.mark.rerun
@pytest.mark.slow
def test_lesson_02_runs_on_pre_cut_files(tmp_path):
    """The random split on mitbih_train.csv and mitbih_test.csv, here written from synthetic beats."""
    beats = load_mitdb("synthetic", records=["102", "106", "119", "208"])
    low, high = beats.signal.min(axis=1, keepdims=True), beats.signal.max(axis=1, keepdims=True)
    table = np.column_stack([(beats.signal - low) / (high - low), beats.label])
    for name, rows in (("train", table[::2]), ("test", table[1::2])):
        np.savetxt(tmp_path / f"mitbih_{name}.csv", rows, delimiter=",", fmt="%.6e")
    paths = {f"{name}_csv": str(tmp_path / f"mitbih_{name}.csv") for name in ("train", "test")}
    given = paths | dict(epochs=1, compare_beats=100)
    record = read_metrics(execute(lessons()[1], given, profile="smoke", output_dir=tmp_path / "run"))
    support = [row["support"] for row in record["metrics"]["splits"]["beat"]["per_class"].values()]
    assert support == np.bincount(beats.label[1::2], minlength=5).tolist(), "the pair's own division"
    with np.load(tmp_path / "run" / "predictions.npz") as kept:
        assert (kept["y_true"] == beats.label[1::2]).all() and kept["y_probs"].shape == (len(table[1::2]), 5)
