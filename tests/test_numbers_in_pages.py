"""Numbers that README and the pages say by hand are those of the code, the lists of files and the recorded runs."""

import inspect
import json
import tomllib

import jupytext
import pytest
from conftest import ROOT

from ecgnb import cli
from ecgnb.classifier.stream import AHEAD
from ecgnb.course.authoring.text import SECONDS_PER_LINE, WORDS_PER_MINUTE, reading_minutes
from ecgnb.course.grading.similar import ALIKE, WIDTH
from ecgnb.course.grading.submissions import MOST_BYTES
from ecgnb.course.grading.walls import Limits
from ecgnb.course.lecture.deck import MOST_SLIDES
from ecgnb.course.lessons import PROFILES, lessons, results_path
from ecgnb.datasets.mitbih import DS2
from ecgnb.datasets.ptbxl import SUPERCLASSES
from ecgnb.datasets.reference import N_BETWEEN
from ecgnb.detection.r_peaks import MAX_FS, MIN_FS
from ecgnb.plotting.ecg_paper import MM_PER_MV, MM_PER_SECOND

LIMITS = Limits()


def option(command, name):
    """The default of an option of the command line."""
    return inspect.signature(command).parameters[name].default


NAMES = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
IN_WORDS = dict(enumerate(NAMES))
REGISTRY = ROOT / "ecgnb" / "datasets" / "store" / "registry"
N_RECORDS = {
    name: (REGISTRY / f"{name}.sha256").read_text().count(".hea  ") for name in ("mitdb", "svdb", "ludb", "ptbxl")
}
N_TWELVE = N_RECORDS["ptbxl"]
RUNS = {
    (lesson.number, profile): json.loads(results_path(lesson, profile).read_text())
    for lesson in lessons()
    for profile in PROFILES
}

TOLD = [
    ("notebooks/index.md", f"{IN_WORDS[len(lessons())].capitalize()} lessons, each a Jupyter notebook"),
    ("notebooks/pages/instructors.md", f"writes each lesson as at most {MOST_SLIDES} slides"),
    ("notebooks/pages/instructors.md", f"*Text* is reading at {WORDS_PER_MINUTE} words a minute"),
    ("notebooks/pages/instructors.md", f"*with code* adds {IN_WORDS[SECONDS_PER_LINE]} seconds a line"),
    ("notebooks/pages/instructors.md", f"beats of {len(DS2)} records are {len(DS2)} pieces of evidence"),
    ("notebooks/pages/recordings.md", f"At {MIN_FS:.0f} to {MAX_FS:,.0f} samples per second"),
    ("notebooks/pages/recordings.md", f"{MM_PER_SECOND:.0f} mm/s and {MM_PER_MV:.0f} mm/mV"),
    ("notebooks/pages/recordings.md", f"It says of {IN_WORDS[len(SUPERCLASSES)]} superclasses"),
    ("notebooks/pages/recordings.md", f"It learned from {N_TWELVE} recordings alone"),
    ("notebooks/pages/recordings.md", f"the first {N_BETWEEN} get their labels together"),
    ("notebooks/pages/grading.md", f"{ALIKE * 100:.0f} % of runs of {IN_WORDS[WIDTH]} tokens or more"),
    ("notebooks/pages/grading.md", f"It can write {LIMITS.disk // 2**20} MB, in memory"),
    ("notebooks/pages/grading.md", f"`--seconds` ({option(cli.grade_submissions, 'seconds')} for each exercise)"),
    ("notebooks/pages/grading.md", f"`--memory` ({option(cli.grade_submissions, 'memory')} GB beyond the lesson's)"),
    ("notebooks/pages/grading.md", f"and {LIMITS.processes} processes are the most"),
    ("README.md", f"at http://localhost:{option(cli.web_app, 'port')}"),
    ("notebooks/pages/grading.md", f"Notebooks of more than {MOST_BYTES // 2**20} MB"),
    (
        "data/README.md",
        f"PTB-XL, {N_TWELVE} of its 21,799 records ({RUNS['09', 'default']['metrics']['n_patients']} patients)",
    ),
    ("data/README.md", f"Arrhythmia Database: {N_RECORDS['mitdb']} records of 30 minutes"),
    ("data/README.md", f"Supraventricular Arrhythmia Database: {N_RECORDS['svdb']} records of 30 minutes"),
    ("data/README.md", f"Electrocardiography Database: {N_RECORDS['ludb']} records of 10 seconds"),
]


def words(page):
    return " ".join((ROOT / page).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(("page", "told"), TOLD)
def test_a_page_says_what_the_code_does(page, told):
    assert told in words(page)


def test_what_is_said_of_times_is_so():
    assert "Each beat is printed within a second of its R peak" in words("notebooks/pages/recordings.md") and AHEAD < 1
    assert "`smoke` (synthetic data, a minute or so)" in words("notebooks/pages/running.md")
    assert "up to an hour on two cores" in words("notebooks/pages/running.md")
    assert "A lesson is one to two hours with every line of code" in words("notebooks/index.md")
    for lesson in lessons():
        assert RUNS[lesson.number, "smoke"]["seconds"]["total"] < 90
        assert RUNS[lesson.number, "full"]["seconds"]["total"] < 3600
        assert 60 <= reading_minutes(jupytext.read(lesson.script))[1] <= 135


def test_which_run_had_a_gpu():
    assert "without a GPU but for lesson 03's full one" in words("notebooks/pages/instructors.md")
    assert "lesson 03's was recorded on a GPU" in words("notebooks/pages/running.md")
    assert {key for key, run in RUNS.items() if not run["device"].startswith("cpu")} == {("03", "full")}


def test_readme_names_extras_that_there_are():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    text = words("README.md")
    assert {"notebooks", "export", "edf", "app"} <= set(extras) and "[notebooks,export,edf,app]" in text
