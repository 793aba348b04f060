"""Exercises: made from the lessons, a blank answer fails with a word of help, a right one passes, a wrong one fails."""

import os
import subprocess
import sys

import nbformat
import papermill
import pytest
from measures import names_bound

from ecgnb.course.exercises import NotSolvedError, answered, exercises, notebook, path, prepare, update
from ecgnb.course.lessons import Lesson, lessons
from ecgnb.errors import RunError, UsageError


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.number)
def test_committed_exercises_are_those_of_the_lesson(lesson):
    assert path(lesson).read_text() == nbformat.writes(notebook(lesson)) + "\n", "run: make notebooks"
    nbformat.validate(notebook(lesson))
    found = exercises(lesson)
    assert len(found) == 3 and sum(bool(exercise.check) for exercise in found) >= 2
    for exercise in found:
        assert "<summary>A solution" not in exercise.task and "<summary>A check" not in exercise.task
        assert set(exercise.names) <= names_bound(exercise.solution), "the solution defines what the check looks at"
        assert all(f"`{name}" in exercise.task for name in exercise.names), "the task says what to call it"
        assert all(name in exercise.check for name in exercise.names)


def test_answers_are_not_overwritten(tmp_path):
    lesson = Lesson("01", lessons()[0].name, tmp_path / lessons()[0].script.name)
    lesson.script.write_text(lessons()[0].script.read_text())
    update(lesson)
    changed = lesson.script.read_text().replace("and call it `strict`", "and call that `strict`")
    lesson.script.write_text(changed)
    update(lesson)
    assert "and call that `strict`" in path(lesson).read_text()
    answered_one = nbformat.read(path(lesson), as_version=4)
    answered_one.cells[4].source = "strict = 0.3"
    nbformat.write(answered_one, path(lesson))
    with pytest.raises(RunError, match="holds answers, which this would overwrite"):
        update(lesson)


def test_a_blank_answer_is_told_from_others():
    answered(strict=0.5, own=None)
    with pytest.raises(NotSolvedError, match="not solved yet: give strict and own a value in the cell above"):
        answered(strict=..., fine=1, own=...)


def expecting(cell, **output):
    """Return a check's cell with the output that nbval shall find when it runs it."""
    cell.outputs = [nbformat.v4.new_output(**output)]
    cell.metadata["tags"] = ["raises-exception"] if output["output_type"] == "error" else []
    return cell


@pytest.mark.rerun
@pytest.mark.slow
def test_a_student_runs_the_notebook_of_lesson_01(tmp_path):
    """Blank and then solved, in a kernel, under nbval; in this process all lessons' are: test_smoke_runs."""
    lesson, cell = lessons()[0], nbformat.v4.new_code_cell
    preparing = notebook(lesson).cells[2].source.replace("profile=profile", 'profile="smoke"')
    preparing = preparing.replace("\n\n", "\n\nwith capture_output() as its_output:\n    ")
    cells = [cell(f"from IPython.utils.capture import capture_output\n{preparing}")]
    cells.append(cell('assert "SYNTHETIC DATA" in str([output.data for output in its_output.outputs])'))
    for exercise in exercises(lesson):
        if exercise.check:
            with pytest.raises(NotSolvedError) as blank:
                answered(**dict.fromkeys(exercise.names, ...))
            raised = dict(output_type="error", ename="NotSolvedError", evalue=str(blank.value))
            cells += [cell(exercise.blank), expecting(cell(exercise.checking), **raised)]
            printed = dict(output_type="stream", name="stdout", text="right\n")
            cells += [cell(exercise.solution), expecting(cell(exercise.checking), **printed)]
    for position, one in enumerate(cells, 1):
        one.execution_count = position  # nbval compares only what was run
        one.metadata.setdefault("tags", ["nbval-ignore-output"])
    made = nbformat.v4.new_notebook(cells=cells, metadata=notebook(lesson).metadata)
    nbformat.write(made, tmp_path / "student.ipynb")
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull, "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", *options, str(tmp_path / "student.ipynb")],
        capture_output=True, text=True, timeout=300, cwd=tmp_path, env=os.environ | {"ECGNB_RUNS_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0 and f"{len(cells)} passed" in done.stdout, done.stdout[-5000:]


def test_papermill_can_choose_the_size():
    found = papermill.inspect_notebook(notebook(lessons()[0]))
    assert found["profile"]["default"] == '"default"'


def test_a_lesson_that_fails_or_is_none(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="unknown lesson '77'"):
        prepare("77", {})
    with pytest.raises(UsageError, match="unknown profile 'huge'"):
        prepare("01", {}, profile="huge")
    script = tmp_path / "90_broken.py"
    script.write_text('# %% tags=["parameters"]\nseed: int = 0  # seed\n\n# %%\n1 / 0\n')
    monkeypatch.setenv("ECGNB_LESSONS_DIR", str(tmp_path))
    with pytest.raises(RunError, match=r"lesson 90 failed in its code cell 2: ZeroDivisionError"):
        prepare("90", {})
    assert exercises(Lesson("90", "90_broken", script)) == []
