"""Grading: right answers have their points, wrong ones a reason, and what is meant to do harm does none."""

import csv
import json
import os
import socket
import sys
import textwrap
import time
from contextlib import suppress

import nbformat
import psutil
import pytest
from conftest import fuzz
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from ecgnb.cli import main
from ecgnb.course.exercises import exercises, notebook
from ecgnb.course.grading import parsing, processes, similar, submissions, table
from ecgnb.course.grading.doubts import doubts
from ecgnb.course.grading.grade import Asked, grade, journal_of
from ecgnb.course.grading.walls import Limits, View, view
from ecgnb.course.lessons import find
from ecgnb.errors import RunError, UsageError

LESSON = """
# %% [markdown]
# # A lesson with exercises

# %% tags=["parameters"]
seed: int = 0  # of nothing
output_dir: str = ""  # folder to fill

# %%
numbers = [3, 1, 2]


def doubled():
    return [2 * number for number in numbers]


# %% [markdown]
# ## Exercises
#
# **1. Twice.** Call twice the sum of `numbers` `twice`.
#
# <details><summary>A solution</summary>
#
# ```python
# twice = 2 * sum(numbers)  # PEEKED
# ```
# </details>
# <details><summary>A check: <code>twice</code></summary>
#
# ```python
# assert twice == 12 and numbers == [3, 1, 2], f"twice is {twice}; expected 12"
# ```
# </details>

# %% [markdown]
# **2. In order.** Call the numbers in order `ordered`.
#
# <details><summary>A solution</summary>
#
# ```python
# ordered = sorted(numbers)
# ```
# </details>
# <details><summary>A check: <code>ordered</code></summary>
#
# ```python
# assert list(ordered) == [1, 2, 3], f"ordered is {ordered}"
# ```
# </details>

# %% [markdown]
# **3. An open one.** Write about numbers.
"""

RIGHT = "ordered = [1, 2, 3]"

FORGED = """
import json, os
for said in {"ran": 0}, {"word": None, "status": "ok", "message": ""}:
    os.write(4, (json.dumps(said) + chr(10)).encode())
os._exit(0)
"""

SEARCH = """
import gc, os, pathlib, sys
word = "".join(reversed("DEKEEP"))
large = "/proc", "/usr", "/room", sys.prefix, sys.base_prefix, os.environ["ECGNB_DATA_DIR"]
found = []
for place, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(place, name) not in large]
    for name in names:
        try:
            with open(os.path.join(place, name), "rb") as stream:
                found += [place] * (word.encode() in stream.read(200_000))
        except OSError:
            pass
gc.unfreeze()
texts = (one for holder in gc.get_objects() for one in gc.get_referents(holder) if isinstance(one, str))
found += ["memory"] * any(word in one and one != word for one in texts)
environment = pathlib.Path("/proc/1/environ").read_bytes() + repr(dict(os.environ)).encode()
twice = f"found {found} {b'TEACHERS_TOKEN' in environment}"
"""

HOSTILE = {
    "loop": "while True: pass",
    "hides its loop": "try:\n    while True: pass\nexcept BaseException:\n    pass\nwhile True: pass",
    "bomb": "import os\nwhile True:\n    os.fork()",
    "fills": "out = open('full', 'wb')\nwhile True: out.write(bytes(1_000_000))",
    "many files": "import itertools\nfor n in itertools.count(): open(f'file{n}', 'w').write('x')",
    "hoards": "kept = []\nwhile True: kept.append(bytearray(10_000_000))",
    "prints": "while True: print('x' * 1_000_000)",
    "searches": SEARCH,
    "calls": "import socket\nsocket.create_connection(('127.0.0.1', PORT), timeout=2)",
    "syntax": "twice = = 12",
    "leaves": "import os\nos._exit(0)",
    "forges": FORGED,
    "demon": "import subprocess\nsubprocess.Popen(['sleep', '86413'], start_new_session=True)\ntwice = 12",
    "exits": "raise SystemExit(0)",
    "odd": "class Odd(Exception):\n    def __str__(self): raise self\nraise Odd",
    "strange": "class Same:\n    def __eq__(self, other): raise KeyboardInterrupt\ntwice = Same()",
    "equals": "class Same:\n    def __eq__(self, other): return True\ntwice = Same()",
    "changes": "numbers = []\ntwice = 12",
    "blank": "twice = ...",
    "right": "%matplotlib inline\n!pip install what\ntwice = 2 * sum(numbers)",
    "wrong": "twice = 13",
}


@pytest.fixture
def course(tmp_path, monkeypatch):
    folder = tmp_path / "lessons"
    (folder / "profiles").mkdir(parents=True)
    (folder / "90_short.py").write_text(LESSON)
    (folder / "profiles" / "smoke.yaml").write_text('"90":\n  seed: 1\n')
    monkeypatch.setenv("ECGNB_LESSONS_DIR", str(folder))
    monkeypatch.setenv("TEACHERS_TOKEN", "secret")
    (tmp_path / "class").mkdir()
    return tmp_path


def handed_in(place, first="twice = 12", second=RIGHT):
    made = notebook(find("90"))
    made.cells[4].source, made.cells[7].source = first, second
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(nbformat.writes(made))


def asked(course, **more):
    return Asked(course / "class", course / "grades.csv", jobs=2, **more)


def by_check(rows):
    return {(row.student, row.exercise): row for row in rows}


def is_running(words):
    """Say whether a process is there for long: what is killed may take a moment to end."""
    for _ in range(50):
        if not any(words in " ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])):
            return False
        time.sleep(0.1)
    return True


@pytest.mark.slow
def test_nothing_that_is_handed_in_does_harm(course, monkeypatch):
    course.chmod(0o755)  # as if all lay in a folder of Python's own: what is within and secret is hidden
    monkeypatch.setattr(processes, "view", lambda hidden, readable: view(hidden, [*readable, str(course)]))
    notes = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        for name, code in HOSTILE.items():
            handed_in(course / "class" / f"{name}.ipynb", code.replace("PORT", str(server.getsockname()[1])))
        rows = grade(asked(course, limits=Limits(seconds=6, memory=2**28, disk=2**24, processes=20)), notes.append)
    if any("NOT walled in" in note for note in notes):
        pytest.skip(f"this machine builds no walls: {notes}")
    found = by_check(rows)
    assert all(found[name, 2].status == "ok" for name in HOSTILE), "what one exercise does costs no other"
    status = {name: found[name, 1].status for name in HOSTILE}
    assert status == {
        "loop": "timeout", "hides its loop": "timeout", "bomb": status["bomb"], "fills": "error", "many files": "error",
        "hoards": "memory", "prints": "timeout", "searches": "failed", "calls": "error", "syntax": "syntax error",
        "leaves": "died", "forges": "died", "demon": "ok", "exits": "error", "odd": "error", "strange": "failed",
        "equals": "ok", "changes": "ok", "blank": "not solved", "right": "ok", "wrong": "failed",
    }  # fmt: skip
    assert status["bomb"] in ("error", "killed", "memory")
    assert found["searches", 1].message == "twice is found [] False; expected 12"
    assert "unreachable" in found["calls", 1].message
    assert found["syntax", 1].message == "SyntaxError: line 1: invalid syntax"
    assert found["equals", 1].message == "look at the code: it has __eq__, which could deceive the check"
    assert found["wrong", 1].message == "twice is 13; expected 12"
    assert found["right", 3].status == "open" and found["right", 3].max == 0
    assert found["right", 1].similar_to == "" and found["right", 2].points == 1
    assert not is_running("86413")
    assert not [one for one in psutil.Process().children(recursive=True) if "lesson_process" in str(one.cmdline())]


@pytest.mark.slow
def test_without_walls_it_says_so_and_ends_what_it_can(course, monkeypatch):
    monkeypatch.setattr(processes, "view", lambda hidden, readable: View(("/nowhere",)))
    for name in ("loop", "fills", "calls", "demon", "right", "leaves"):
        code = HOSTILE[name].replace("PORT", "9").replace("86413", "86414")
        handed_in(course / "class" / f"{name}.ipynb", code)
    notes = []
    rows = grade(asked(course, limits=Limits(seconds=6, memory=2**28, disk=2**24)), notes.append)
    assert "NOT walled in here (a stranger cannot read /nowhere)" in notes[1] and "only discouraged" in notes[1]
    found = by_check(rows)
    assert all(found[name, 2].status == "ok" for name in ("loop", "fills", "calls", "demon", "right", "leaves"))
    status = {row.student: row.status for row in rows if row.exercise == 1}
    assert status.pop("fills") in ("error", "killed")
    assert status == {"loop": "timeout", "calls": "error", "demon": "ok", "right": "ok", "leaves": "died"}
    assert "no network" in found["calls", 1].message
    assert not is_running("86414")


@pytest.mark.slow
def test_the_command_goes_on_where_it_ended(course, capsys, monkeypatch):
    for student, first in (("anna", ""), ("=cmd()", "twice = 13"), (os.fsdecode(b"\xff\n"), "")):
        handed_in(course / "class/submitted" / student / "exercise" / "90_short.ipynb", first)
    (course / "class/submitted/anna/exercise/timestamp.txt").write_text("today")
    (course / "class/submitted/bob").mkdir()
    (course / "class/submitted/bob/broken.ipynb").write_text("{")
    table_file = course / "grades.csv"
    command = ["ecgnb", "grade", str(course / "class"), "-o", str(table_file), "--seconds", "20", "--jobs", "1"]
    monkeypatch.setattr(sys, "argv", command)
    main_quietly()
    told = capsys.readouterr()
    assert "1 other files, which are no notebooks" in told.err
    assert "anna\t90\t1/2\t1: missing, 3: open\t" in told.out and "bob\t\t0/0\tfile: unreadable" in told.out
    first = table_file.read_bytes()
    rows = list(csv.DictReader(first.decode().splitlines()))
    assert [row["student"] for row in rows] == ["'=cmd()"] * 3 + ["anna"] * 3 + ["bob"] + ["? "] * 3
    assert "broken JSON" in rows[6]["message"]
    assert len(journal_of(table_file).read_text().splitlines()) == 4
    monkeypatch.setattr(processes.LessonProcess, "begin", None)  # nothing is executed again
    with journal_of(table_file).open("a") as stream:
        stream.write('{"key": "cut sho')
    main_quietly()
    assert table_file.read_bytes() == first


def main_quietly():
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def test_outputs_are_protected(course):
    handed_in(course / "class" / "anna.ipynb")
    grades = course / "grades.csv"
    grades.write_text("my,own\n1,2\n")
    with pytest.raises(UsageError, match="is there and is no table of grades"):
        grade(asked(course), print)
    assert grades.read_text() == "my,own\n1,2\n"
    grades.unlink()
    journal_of(grades).write_text("mine\n")
    with pytest.raises(UsageError, match="is no journal of grades"):
        grade(asked(course), print)
    journal_of(grades).unlink()
    with FileLock(course / ".grades.csv.lock"), pytest.raises(RunError, match="another grading is at work"):
        grade(asked(course), print)
    for output, what in (("grades.txt", "is no table"), ("no/grades.csv", "does not exist")):
        with pytest.raises(UsageError, match=what):
            grade(Asked(course / "class", course / output), print)
    with pytest.raises(UsageError, match="is no folder"):
        grade(Asked(course / "none", grades), print)
    with pytest.raises(UsageError, match="unknown profile 'huge'"):
        grade(asked(course, profile="huge"), print)
    with pytest.raises(UsageError, match="unknown lesson"):
        grade(asked(course, lesson="77"), print)
    (course / "class" / "anna.ipynb").unlink()
    with pytest.raises(UsageError, match="holds no notebook"):
        grade(asked(course), print)


def test_a_lesson_of_the_course_that_fails_is_told_of(course):
    handed_in(course / "class" / "anna.ipynb")
    script = course / "lessons" / "90_short.py"
    script.write_text(script.read_text().replace("numbers = [3, 1, 2]", "1 / 0"))
    with pytest.raises(RunError, match=r"the course's own lesson cannot be run: .* ZeroDivisionError"):
        grade(asked(course), print)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"PK\x03\x04", "broken JSON"),
        (b"\xff\xfe{\x00", "is not UTF-8"),
        (b'{"cells": [', "broken JSON"),
        (b"[" * 1_000_000, "nested too deep"),
        (b'{"cells": ' + b'{"a":' * 100_000, "nested too deep"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "broken JSON"),
        (b"[1]", "no list of cells"),
        (b'{"cells": {}}', "no list of cells"),
        (b'{"worksheets": []}', "format 4"),
        (json.dumps({"cells": [{}] * 2001}).encode(), "2,001 cells"),
        (json.dumps({"cells": [{"cell_type": "code", "source": "x" * 100_001}]}).encode(), "characters of code"),
    ],
)
def test_what_is_no_notebook(tmp_path, content, what):
    file = tmp_path / "x.ipynb"
    file.write_bytes(content)
    with pytest.raises(submissions.UnreadableError, match=what):
        submissions.read_cells(submissions.read_bytes(file))


def test_files_that_are_none(tmp_path):
    with (tmp_path / "huge.ipynb").open("wb") as stream:
        stream.truncate(2**31)
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "secret")
    (tmp_path / "folder.ipynb").mkdir()
    os.mkfifo(tmp_path / "pipe.ipynb")
    told = {"huge": "clear the outputs", "link": "symbolic link", "folder": "is no file", "pipe": "is no file"}
    for name, what in told.items():
        with pytest.raises(submissions.UnreadableError, match=what):
            submissions.read_bytes(tmp_path / f"{name}.ipynb")
    found, notes = submissions.find_submissions(tmp_path)
    assert [one.student for one in found] == ["huge", "link", "pipe"]
    assert notes == [
        "folder.ipynb: no notebook (.ipynb) was handed in",
        "1 other files, which are no notebooks (.ipynb), were passed over",
    ]


def test_odd_cells_are_passed_over():
    cells = [{"cell_type": 3, "source": 4}, 5, {"cell_type": "code", "source": ["a = ", 1, "2"]}, {"source": "\ud800"}]
    found = submissions.read_cells(json.dumps({"cells": cells}).encode())
    assert [(cell.kind, cell.source) for cell in found] == [("", ""), ("code", "a = 2"), ("", "?")]


def steps_of(*cells):
    made = [submissions.Cell(kind, source) for kind, source in cells]
    found = submissions.answer_steps(made, submissions.Form(find("90")))
    return [(step.exercise, step.code, step.checked) for step in found]


def test_answers_are_found_and_checks_are_not_the_submissions(course):
    one, two, _ = exercises(find("90"))
    lenient = ("code", "answered(twice=twice)\nassert True")
    assert steps_of(
        ("code", 'profile = "default"  # or "smoke"'), ("code", 'prepare("90", globals(), profile=profile)'),
        ("markdown", one.task), ("code", "half = 6"), ("code", "twice = 2 * half"), lenient, ("code", one.checking),
        ("markdown", "# my notes"), ("code", "# more"), ("markdown", two.task), ("code", RIGHT),
    ) == [(1, "half = 6", False), (1, "twice = 2 * half", False), (1, "# more", True), (2, RIGHT, True)]  # fmt: skip
    both = ("markdown", f"{one.task}\n\n{two.task}")
    for heading in ([], [both]):  # by the names alone
        assert steps_of(*heading, ("code", "import math"), ("code", RIGHT), lenient, ("code", "twice = 12")) == [
            (0, "import math", False), (2, RIGHT, True), (1, "twice = 12", True),
        ]  # fmt: skip
    assert steps_of(("markdown", "nothing")) == []


def test_the_lesson_is_found(course):
    def of(path, *sources):
        one = submissions.Submission("anna", "week90", course / path)
        return submissions.find_lesson(one, [submissions.Cell("code", source) for source in sources]).number

    assert of("x.ipynb", 'prepare("90", globals())') == of("x.ipynb", "# Exercises to lesson 90") == "90"
    assert of("my_90.ipynb") == of("x.ipynb") == "90"
    lost = submissions.Submission("anna", "", course / "x.ipynb")
    with pytest.raises(submissions.UnreadableError, match="belongs to lesson 90; expected 91"):
        submissions.find_lesson(lost, [submissions.Cell("code", 'prepare("90", globals())')], "91")
    with pytest.raises(submissions.UnreadableError, match="grade with --lesson"):
        submissions.find_lesson(lost, [])


LONG = textwrap.dedent("""
    def mean_error(prediction, target, weight):
        # weighted by how often a class is met in training
        gap = abs(prediction - target) * weight
        return gap.sum() / (weight.sum() + 1e-9)
    best = min(mean_error(row, truth, share) for row, share in zip(rows, shares))
""")


def test_renamed_copies_are_alike_and_the_courses_code_is_nobodys():
    renamed = LONG.replace("gap", "d").replace("prediction", "p").replace("mean_error", "score")
    other = "for epoch in range(20):\n    loss = step(model, batch)\n    history.append(loss.item())\nplot(history)\n"
    found = similar.alike({"a": [LONG], "b": [renamed], "c": [other * 2], "d": ["x = 1"], "e": ["x = 1"]}, [])
    assert set(found["a"]) == {"b"} and set(found["b"]) == {"a"}
    assert found["a"]["b"] > 0.9 and found["c"] == found["d"] == found["e"] == {}
    assert similar.alike({"a": [LONG], "b": [renamed]}, [LONG]) == {"a": {}, "b": {}}
    assert similar.alike({"a": [LONG + "x ="], "b": [LONG + "x ="]}, [])["a"]["b"] == 1, "broken code is compared, too"
    assert similar.same_code("a = 1 + b  # so\n", "c = 1+b") and not similar.same_code("a = 1", "a = 2")
    assert not similar.same_code("", "")


def test_code_that_could_deceive_the_checks_is_shown_to_a_person():
    plain = "%matplotlib inline\nimport numpy as np\nnet.weight = np.mean(x)\nnet = 1", "def __init__(self): self.x = 1"
    assert doubts(plain) == []
    tricks = {
        "np.isclose = lambda *_: True": "np.isclose =",
        "%time\nimport builtins": "builtins",
        "from sys import _getframe": "_getframe",
        "class A:\n    def __eq__(self, other): return True": "__eq__",
        "from ecgnb.course.grading import inside": "ecgnb.course",
        "().__class__.__subclasses__()": "__subclasses__",
    }
    assert all(told in doubts([code]) for code, told in tricks.items())
    assert doubts(["a = = 1", "(" * 10_000]) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["source", "id", "a"]), inner, max_size=3)
    ),
)


@fuzz(100)
@given(st.lists(JSON, max_size=4) | JSON)
def test_any_cells_are_read_or_refused(cells):
    with suppress(submissions.UnreadableError):
        for cell in submissions.read_cells(json.dumps({"cells": cells}).encode()):
            assert all(type(text) is str for text in (cell.kind, cell.source, cell.identity))


@fuzz(100)
@given(st.text(alphabet="%!()=:# \n\t'\"\\x0azlambdforiné\0") | st.text())
def test_any_code_is_looked_at(code):
    similar.alike({"a": [code], "b": [code + "x"]}, [code])
    assert doubts([code]) is not None and parsing.own_names(parsing.parsed(code)) is not None


def test_cells_of_the_table_compute_nothing():
    assert [table.safe(text) for text in ("=1+1", "@x", "a\nb", -1)] == ["'=1+1", "'@x", "a b", "-1"]
