"""Exercises: made from the lessons, a blank answer fails with a word of help, a right one passes, a wrong one fails."""

import nbformat
import papermill
import pytest
from nbclient import NotebookClient

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
        assert all(f"{name} = " in exercise.solution or f"def {name}(" in exercise.solution for name in exercise.names)
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


def test_the_blank_form_fails_at_each_check_and_the_solved_form_at_none(tmp_path, monkeypatch):
    """Lesson 01's, as a student runs it: blank, then solved, then wrong. (Those of all lessons: test_notebooks.)"""
    monkeypatch.setenv("ECGNB_RUNS_DIR", str(tmp_path))
    made = nbformat.read(path(lessons()[0]), as_version=4)
    made.cells[1].source = 'profile = "smoke"'
    made.cells += notebook(lessons()[0], solved=True).cells[3:]
    blunder = "strict = val_errors.max()\nsquared = squared.mean()\nown = own[:1]"
    checks = [exercise.checking for exercise in exercises(lessons()[0])]
    made.cells += map(nbformat.v4.new_code_cell, [blunder, *checks])
    client = NotebookClient(made, timeout=300, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in made.cells for output in cell.get("outputs", [])]
    errors = [f"{output.ename}: {output.evalue}" for output in outputs if output.output_type == "error"]
    assert [error.partition(" a value")[0] for error in errors[:3]] == [
        f"NotSolvedError: not solved yet: give {name}" for name in ("strict and pays", "squared and better", "own")
    ]
    assert len(errors) == 6, errors
    assert errors[3].startswith("AssertionError: 0 of") and "validation normals lie above strict" in errors[3]
    assert errors[4].startswith("AssertionError: one score a beat is")
    assert errors[5].startswith("AssertionError: own must return what it was given")
    assert sum("right" in output.get("text", "") for output in outputs) == 3
    assert "SYNTHETIC DATA" in str(made.cells[2].outputs)


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
