"""Each lesson's quiz: five questions, one right choice in each, feedback for all, and numbers of the recorded run."""

import copy
import json
import re
import statistics
from collections import Counter
from html.parser import HTMLParser

import jupytext
import nbformat
import pytest

from ecgnb.course.authoring import quiz, text
from ecgnb.course.authoring.__main__ import main
from ecgnb.course.authoring.numbers import evaluate, filled, values
from ecgnb.course.authoring.quiz import broken, faults, quiz_lines, quiz_path, read_quiz, with_numbers
from ecgnb.course.lessons import Lesson, code_sha256, lessons, results_path
from ecgnb.errors import UsageError

LESSONS = lessons()
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)

RUN = {
    "metrics": {
        "f1": 0.5, "gain": [0.1, -0.02, 0.3], "best": "a < b", "n": 1200, "none": None, "held": True,
        "10 : 1.x": {"error grad..QRS": 0.25}, "rows": [{"a - b": 3}], "1 - p": 0.75,
    },
    "parameters": {"epochs": 4},
}  # fmt: skip

SMALL = """
questions:
  - ask: >-
      The F1 is {f1:.2f}. Is *that* good & fair, at $5?
    choices:
      - wrong: Yes, it's `{best}`
        because: Of {n:,} beats.
      - right: It isn't
        because: It is, after {parameters.epochs} epochs, "{gain.0:+.1f}".
      - wrong: Perhaps
        because: "{1 - p:.0%} is {1 - f1 / 2:.0%}."
    holds: [f1 < 0.6, "-1 < gain.1 < 0 < gain.2", "n / 100 == 12"]
"""


def recorded(lesson):
    return json.loads(results_path(lesson, "default").read_text())


@each_lesson
def test_five_questions_with_one_right_choice_and_an_explanation_of_each(lesson):
    questions = read_quiz(quiz_path(lesson))
    assert len(questions) == 5
    for question in questions:
        assert question.ask.endswith("?") and 15 <= len(question.ask) <= 420
        assert sum(choice.right for choice in question.choices) == 1
        assert len({choice.text for choice in question.choices}) == len(question.choices) in (3, 4)
        for choice in question.choices:
            assert 20 <= len(choice.because) <= 330, choice.because
            assert len(choice.text) < 140, choice.text


def test_right_choices_are_told_neither_by_their_place_nor_by_their_length():
    places, longest = Counter(), []
    for lesson in LESSONS:
        questions = read_quiz(quiz_path(lesson))
        own = [[choice.right for choice in question.choices].index(True) for question in questions]
        assert len(set(own)) >= 3, lesson.number
        places.update(own)
        for place, question in zip(own, questions, strict=True):
            sizes = [len(choice.text) for choice in question.choices]
            longest.append(sizes[place] == max(sizes))
    assert max(places.values()) <= 0.4 * len(longest)
    assert statistics.mean(longest) < 0.4, "chance would be some three in ten"


@each_lesson
def test_what_makes_an_answer_right_holds_in_the_recorded_run(lesson):
    assert faults(lesson, recorded(lesson)) == [], "write another question, or another answer"


def bent(found, path, value):
    """A copy of metrics with another value at a path, which must be there."""
    found = copy.deepcopy(found)
    inner = found
    for name in path[:-1]:
        inner = inner[name]
    assert path[-1] in inner or isinstance(inner, list)
    inner[path[-1]] = value
    return found


@pytest.mark.parametrize(
    ("number", "path", "value", "question"),
    [
        ("01", ("wide_network", "auroc_difference"), [0.01, 0.005, 0.02], 4),
        ("02", ("splits", "patient", "macro_f1"), 0.94, 2),
        ("04", ("on_top", "se_ecgnet"), 0.99, 3),
        ("05", ("sensitivity",), 0.9999, 1),
        ("08", ("checks", "occlusion", "holds still when shifted"), True, 5),
    ],
)
def test_a_recording_that_makes_an_answer_wrong_is_found_out(number, path, value, question):
    (lesson,) = [one for one in LESSONS if one.number == number]
    run = recorded(lesson)
    found = faults(lesson, run | {"metrics": bent(run["metrics"], path, value)})
    assert found and all(one.startswith(f"question {question}: ") for one in found)


@each_lesson
def test_the_lesson_shows_it_between_its_marks(lesson):
    """In the script and in the notebook, in one cell of text; no code is left of it that a reader would have to run."""
    shown = "\n".join(quiz_lines(with_numbers(read_quiz(quiz_path(lesson)), values(recorded(lesson)))))
    for notebook in (jupytext.read(lesson.script), nbformat.read(lesson.notebook, as_version=4)):
        (place,) = [place for place, cell in enumerate(notebook.cells) if cell.source.startswith("## Quiz\n")]
        cell, after = notebook.cells[place : place + 2]
        assert cell.cell_type == after.cell_type == "markdown"
        marked = cell.source.partition("<!-- quiz:start -->\n")[2].partition("\n<!-- quiz:end -->")[0]
        assert marked == shown, "run: make readme"


class Folds(HTMLParser):
    """Reads the tags of a quiz: nothing but folds, one closed before the next is opened."""

    def __init__(self):
        super().__init__()
        self.open, self.kinds, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        assert tag in ("details", "summary", "code")
        if tag == "details":
            assert self.open == []
            self.kinds.append(dict(attributes)["class"])
        if tag == "summary":
            assert self.open == ["details"]
            self.texts.append("")
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "summary" in self.open:
            self.texts[-1] += data


@each_lesson
def test_its_html_is_whole_and_its_lines_are_text(lesson):
    questions = read_quiz(quiz_path(lesson))
    lines = quiz_lines(with_numbers(questions, values(recorded(lesson))))
    folds = Folds()
    folds.feed("\n".join(lines))
    folds.close()
    assert folds.open == []
    expected = ["choice right" if choice.right else "choice wrong" for one in questions for choice in one.choices]
    assert folds.kinds == expected
    assert all(re.match(r"[A-D]\. \S", said) for said in folds.texts)
    for before, line in zip(["", *lines], lines, strict=False):
        assert len(line) <= quiz.WIDTH + 40 and not re.search(r"[{}]", line), line
        assert not before or not quiz.ENTRY.match(line), f"Markdown would take this for a list: {line}"
        assert not line.startswith("<details") or before in ("", "</details>")


def test_how_a_question_is_written(tmp_path):
    path = tmp_path / "90.yaml"
    path.write_text(SMALL)
    (question,) = read_quiz(path)
    assert broken(question, values(RUN)) == []
    made = "\n".join(quiz_lines(with_numbers([question], values(RUN))))
    assert "**1.** The F1 is 0.50. Is *that* good &amp; fair, at &#36;5?" in made
    opened = '<details class="choice wrong"><summary>A. Yes, it&rsquo;s <code>a &lt; b</code></summary>'
    assert opened in " ".join(made.split())
    assert (
        '\n\n**No.** Of 1,200 beats.\n</details>\n<details class="choice right"><summary>B. It isn&rsquo;t</summary>'
        in made
    )
    assert '**Right.** It is, after 4 epochs, "+0.1".' in made and "**No.** 75% is 75%." in made


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("f1", 0.5), ("gain.1", -0.02), ("10 : 1.x.error grad..QRS", 0.25), ("rows.0.a - b", 3), ("1 - p", 0.75),
        ("1 - f1", 0.5), ("n / 100", 12), ("1 - n / 2400", 0.5), ("n * f1", 600), ('"a < b"', "a < b"), ("-2.5", -2.5),
        ("held", True), ("parameters.epochs", 4),
    ],
)  # fmt: skip
def test_what_a_term_stands_for(term, value):
    assert evaluate(term, values(RUN)) == pytest.approx(value)


def shown_and_checked(path):
    questions = read_quiz(path)
    with_numbers(questions, values(RUN))
    broken(questions[0], values(RUN))


def test_a_metric_whose_name_has_a_colon_is_found_where_a_format_follows():
    assert filled("{10 : 1.x.error grad..QRS:.0%} of {best}", values(RUN)) == "25% of a < b"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{f1:.2f}", "{f2:.2f}", "has no metric 'f2'; it has: f1, gain"),
        ("{f1:.2f}", "{gain:.2f}", "has no metric 'gain'"),
        ("{f1:.2f}", "{none}", "has no metric 'none'"),
        ("{f1:.2f}", "{__import__('os').getcwd()}", "has no metric"),
        ("{f1:.2f}", "{best:.2f}", "cannot write 'a < b' as '{best:.2f}'"),
        ("{f1:.2f}", "{f1.__class__}", "has no metric 'f1.__class__'"),
        ("{f1:.2f}", "{f1 / 0}", "cannot calculate 'f1 / 0'"),
        ("{f1:.2f}", "{best - f1}", "cannot calculate 'best - f1'"),
        ("[f1 < 0.6,", "[f1,", "'f1' compares nothing"),
        ("[f1 < 0.6,", "[best < 0.6,", "cannot compare"),
        ("right: It", "wrong: It", "question 1 has 3 choices, 0 of them right"),
        ("wrong: Perhaps", "right: Perhaps", "question 1 has 3 choices, 2 of them right"),
        ("        because: Of {n:,} beats.\n", "", "question 1: a choice is .*; expected 'right' or 'wrong'"),
        ("because: Of {n:,} beats.", "because: ", "got None where text was expected"),
        ("right: It isn't", "right: no", "got False where text was expected"),
        ("    holds:", "    hold:", "question 1 is .*; expected 'ask', 'choices'"),
        ("holds: [", "holds: ['", "is not YAML"),
        ("holds: [f1 < 0.6, \"-1 < gain.1 < 0 < gain.2\", \"n / 100 == 12\"]", "holds: f1 < 0.6", "are lists"),
        ("questions:\n", "answers:\n", "has no list of questions"),
        ("questions:\n", "questions: &all\n", "has an anchor"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_clear_error(tmp_path, old, new, message):
    path = tmp_path / "90.yaml"
    assert SMALL.count(old) == 1
    path.write_text(SMALL.replace(old, new))
    with pytest.raises(UsageError, match=message) as fault:
        shown_and_checked(path)
    assert "\n" not in str(fault.value) and len(str(fault.value)) < 1200


def test_numbers_follow_a_new_recording_and_wait_where_the_code_is_newer(tmp_path):
    folders = [tmp_path / name for name in ("quizzes", "results")]
    for folder in folders:
        folder.mkdir()
    lesson = Lesson("90", "90_small", tmp_path / "90_small.py")
    lesson.script.write_text("# %% [markdown]\n# # A\n\n# %% [markdown]\n# ## Quiz\n#\n# <!-- quiz:start -->\n# old\n"
                             "# <!-- quiz:end -->\n\n# %%\n1\n")  # fmt: skip
    quiz_path(lesson).write_text(SMALL)
    code = code_sha256(jupytext.read(lesson.script))
    run = RUN | {"code_sha256": code, "device": "cpu", "seconds": {"total": 1}, "data": {"source": "real"}}
    for f1 in (0.5, 0.25):
        run["metrics"] = RUN["metrics"] | {"f1": f1}
        results_path(lesson, "default").write_text(json.dumps(run))
        text.refresh_text(lesson)
        assert f"# **1.** The F1 is {f1:.2f}. Is" in lesson.script.read_text()
        assert "# old" not in lesson.script.read_text()
        assert "The F1 is" in text.lesson_text(lesson)
    results_path(lesson, "default").write_text(json.dumps(run | {"code_sha256": "of other code"}))
    assert text.lesson_text(lesson) == lesson.script.read_text(), "the numbers stay those of the last run of this code"
    assert code_sha256(jupytext.read(lesson.script)) == code, "a quiz is no code"


def test_authors_are_told_which_answer_a_recording_makes_wrong(monkeypatch, capsys):
    monkeypatch.setattr("ecgnb.course.authoring.__main__.lessons", lambda: LESSONS[:1])
    monkeypatch.setattr("ecgnb.course.authoring.__main__.update_notebook", lambda lesson: False)
    monkeypatch.setattr("ecgnb.course.authoring.__main__.update_readme", lambda: None)
    assert main(["readme"]) == 0
    assert "wrong" not in capsys.readouterr().out
    monkeypatch.setattr("ecgnb.course.authoring.__main__.faults", lambda lesson, run: ["question 2: f1 < 0.6"])
    assert main(["readme"]) == 0
    assert "makes an answer of its quiz wrong: question 2: f1 < 0.6" in capsys.readouterr().out
