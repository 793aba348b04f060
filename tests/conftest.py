"""What several test files share: a private data folder, synthetic beats, and a faulty publisher on loopback."""

import contextlib
import copy
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jupytext
import pytest
from hypothesis import HealthCheck, settings
from shown import Shown
from xdist.scheduler import LoadScopeScheduling

from ecgnb.cli import main
from ecgnb.course.execute import execute
from ecgnb.course.exercises import answered, exercises
from ecgnb.course.folders import read_metrics
from ecgnb.course.lessons import check_parameters, code_sha256, find, profile_parameters, results_path
from ecgnb.course.sections import listed, run_first, sections
from ecgnb.datasets import fetch, load_ecg5000, load_records
from ecgnb.errors import DataError

FUZZ = int(os.environ.get("ECGNB_FUZZ", "1"))  # times as many examples: see `make fuzz`


def fuzz(n):
    """Let hypothesis try a parser on some hundred inputs; `make fuzz` tries on."""
    checks = [HealthCheck.function_scoped_fixture]
    more = settings(max_examples=n * FUZZ, deadline=None, suppress_health_check=checks)
    return lambda test: pytest.mark.fuzz(more(test))


SHORT_LESSON = """
# %% [markdown]
# # A lesson of one cell

# %% tags=["parameters"]
value: int = 1  # a number that it doubles [0, 1000000]
wait: float = 0.0  # seconds that it takes
seed: int = 0  # of nothing
output_dir: str = ""  # folder to fill

# %%
import json, os, time
from pathlib import Path

with open(Path(os.environ["BEGUN"]), "a") as begun:
    begun.write(f"{value}\\n")
time.sleep(wait)
assert value != 13, "thirteen is not for us"
if value == 666:
    os.kill(os.getppid(), 9)
threads = os.environ.get("OMP_NUM_THREADS")
record = dict(lesson="90", parameters=dict(value=value, wait=wait, seed=seed, output_dir=output_dir),
              data=dict(name="none", source="synthetic", sha256={}), metrics=dict(double=2.0 * value, text="no number"),
              seconds=dict(train=0.0, total=wait), seed=seed, device=f"{threads} threads")
(Path(output_dir) / "SUMMARY.txt").write_text("done")
(Path(output_dir) / "metrics.json.pending").write_text(json.dumps(record))
"""

ROOT = Path(__file__).resolve().parents[1]
os.environ["ECGNB_HEADLESS"] = "1"


# What takes minutes, and is started before the rest; a worker would idle while the other one does the last of them.
LONGEST = ("lesson", "test_real_run", "test_smoke_runs", "test_book", "test_lab", "test_sweeps", "test_app_browser")
OF_A_LESSON = {"smoke", "smoke_namespace", "section_faults"}  # fixtures that execute a lesson


def pytest_collection_modifyitems(items):
    """Mark what executes a lesson, and what does so by papermill or on real data; put the longest first."""

    def rank(item):
        share = shared_run(item.nodeid)
        return next((n for n, kind in enumerate(LONGEST) if kind in share), len(LONGEST)), share

    for item in items:
        if item.path.name.startswith("test_real_run") or "smoke" in item.fixturenames:
            item.add_marker("rerun")
        if OF_A_LESSON & set(item.fixturenames) or item.path.name.startswith("test_real_run"):
            item.add_marker("slow")
    items.sort(key=rank)


def shared_run(nodeid):
    """Return what a test shares with others, so that one worker runs them: a lesson's run, a module's fixtures."""
    file = nodeid.partition("::")[0].rpartition("/")[2].removesuffix(".py")
    lesson = re.search(r"test_lesson_(\d\d)", file) or re.search(
        r"test_(?:smoke_runs|sections)\.py::.*\[(\d\d)\]$", nodeid
    )
    if lesson:
        return f"lesson {lesson.group(1)}"
    return nodeid if file in ("test_sweeps", "test_smoke_runs") else file


class BySharedRun(LoadScopeScheduling):
    """Hands whole shares of the tests to the workers."""

    def _split_scope(self, nodeid):
        return shared_run(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Take the place of xdist's own: its groups of marked tests do not come about with pytest 9.2."""
    return BySharedRun(config, log)


def real(dataset):
    """Return the folder of real files; where a mirror is set they must be there, so no test may skip then."""
    try:
        return fetch(dataset)
    except DataError as fault:
        if os.environ.get("ECGNB_MIRROR"):
            raise
        pytest.skip(f"real data is not available: {fault}")


@pytest.fixture(scope="session")
def real_data():
    """Fetch a data set by its name, or skip."""
    return real


@pytest.fixture(scope="session")
def real_ecg5000():
    return real("ecg5000")


@pytest.fixture(scope="session")
def real_mitdb():
    return real("mitdb")


@pytest.fixture(scope="session")
def smoke_namespace(tmp_path_factory):
    """Call it with a lesson's number: a copy of the variables that its smoke run, once a worker, leaves behind.

    What the copies hold they share, so a test that changes an array or a table in place must copy that first.
    """
    runs: dict[str, dict | Exception] = {}

    def of_lesson(number):
        if number not in runs:
            try:
                runs[number], faults = run_by_sections(find(number), tmp_path_factory.mktemp(f"smoke_{number}"))
                faults_file(tmp_path_factory, number).write_text(json.dumps(faults))
            except Exception as fault:
                runs[number] = fault
        if isinstance(runs[number], Exception):
            raise runs[number]
        return dict(runs[number])

    return of_lesson


@pytest.fixture(scope="session")
def section_faults(smoke_namespace, tmp_path_factory):
    """Call it with a lesson's number: what failed in each section that had only what it says it starts from.

    Whichever worker runs the lesson first finds out, for all.
    """

    def of_lesson(number):
        file = faults_file(tmp_path_factory, number)
        if not file.is_file():
            smoke_namespace(number)
        return json.loads(file.read_text())

    return of_lesson


def check_exercise(lesson, number, namespace, **answers):
    """Run the check of an exercise on answers, as its notebook does; an answer that is wrong raises AssertionError."""
    exercise = exercises(lesson)[number - 1]
    assert set(exercise.names) == set(answers)
    exec(exercise.checking, dict(namespace) | {"answered": answered} | answers)


def solve_exercise(lesson, number, namespace):
    """Return the variables that the solution of an exercise leaves."""
    namespace = dict(namespace)
    exec(exercises(lesson)[number - 1].solution, namespace)
    return namespace


def faults_file(tmp_path_factory, number):
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    return shared / f"section_faults_{number}.json"


def run_by_sections(lesson, folder):
    """Run a lesson, smoke size, in this process; return the variables it leaves, and what failed.

    Each section sees what Setup and the sections have left that it says it starts from, as they left it; no more. One
    that fails so is run again with all there is.
    """
    import torch
    from matplotlib import pyplot as plt

    found = sections(jupytext.read(lesson.script))
    values = check_parameters(lesson, profile_parameters(lesson, "smoke"))
    namespace, versions, faults, shown = {"__name__": "__main__"}, {"__name__": {"": "__main__"}}, {}, Shown()
    n_threads, random_state = torch.get_num_threads(), torch.get_rng_state()
    plt.switch_backend("agg")

    def run(section, seen):
        """Run a section's cells where nothing is but what the seen sections have left; note what it leaves."""
        given = {name: [left[heading] for heading in left if heading in seen] for name, left in versions.items()}
        given = {name: copied(left[-1]) for name, left in given.items() if left}
        namespace.clear()
        namespace.update(given)
        before = {name: copied(value) for name, value in given.items()}
        for code in section.code:
            shown.run(code, f"<lesson {lesson.number}, {section.heading or 'head'}>", namespace)
            if not section.heading:
                namespace.update(values)
        for name, value in namespace.items():
            if name not in given or value is not given[name] or not same_items(value, before[name]):
                versions.setdefault(name, {})[section.heading] = copied(value)

    try:
        with pytest.MonkeyPatch.context() as patch, plt.rc_context(), warnings.catch_warnings():
            plt.rcdefaults()
            warnings.simplefilter("default")
            patch.setenv("ECGNB_RUNS_DIR", str(folder))
            patch.chdir(folder)
            for section in found:
                try:
                    run(section, [*run_first(found), *listed(section, found)])
                except Exception as fault:
                    faults[section.heading] = f"{type(fault).__name__}: {fault}"
                    run(section, [other.heading for other in found])
        namespace.update({name: list(left.values())[-1] for name, left in versions.items()})
        (folder / "shown.json").write_text(json.dumps(shown.by_cell))
        return namespace, faults
    finally:
        plt.close("all")
        torch.set_num_threads(n_threads)
        torch.set_rng_state(random_state)


def copied(value):
    """Return a copy of a container, so that what a later section puts into it stays out; anything else as it is."""
    return copy.copy(value) if type(value) in (dict, list, set) else value


def same_items(one, other):
    """Say whether two containers hold the same objects."""
    if type(one) is dict:
        return list(map(id, one.values())) == list(map(id, other.values())) and list(one) == list(other)
    return type(one) is not list or list(map(id, one)) == list(map(id, other))


@pytest.fixture(scope="session")
def synthetic_records():
    return load_records(data="synthetic")


def recorded_metrics(lesson):
    """Return the metrics of the committed default run of a lesson, which must be of its code as it stands."""
    run = json.loads(results_path(lesson, "default").read_text())
    assert run["code_sha256"] == code_sha256(jupytext.read(lesson.script)), "run: make notebooks"
    return run["metrics"]


def run_on_real_data(number, folder, **parameters):
    """Return the record of a run on real data, and the committed record of the default run."""
    record = read_metrics(execute(find(number), {"data": "real"} | parameters, output_dir=folder / "run"))
    committed = json.loads(results_path(find(number), "default").read_text())
    assert record["data"] == committed["data"], "the same files"
    assert record["metrics"]["baselines"] == pytest.approx(committed["metrics"]["baselines"], abs=1e-3)
    return record["metrics"], committed["metrics"]


def ecgnb(*arguments, cwd=None, **environment):
    """Call the `ecgnb` command in this process, which has its imports behind it; return what a process would."""
    out, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["ecgnb", *map(str, arguments)])
        patch.chdir(cwd or Path.cwd())
        for name, value in environment.items():
            patch.setenv(name, str(value))
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        except Exception:  # what Python itself does with it
            traceback.print_exc()
            code = 1
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


@pytest.fixture
def short_lesson(tmp_path, monkeypatch):
    """A lesson 90 of one cell that takes as long as it is told, in place of the course's; the file that it begins."""
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "90_short.py").write_text(SHORT_LESSON)
    monkeypatch.setenv("ECGNB_LESSONS_DIR", str(tmp_path / "lessons"))
    monkeypatch.setenv("BEGUN", str(tmp_path / "begun"))
    return tmp_path / "begun"


@pytest.fixture(scope="session")
def synthetic_beats():
    return load_ecg5000("synthetic")


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    """An empty data folder of the test's own, no mirror."""
    folder = tmp_path / "data"
    monkeypatch.setenv("ECGNB_DATA_DIR", str(folder))
    monkeypatch.delenv("ECGNB_MIRROR", raising=False)
    return folder


@dataclass
class Publisher:
    """A web server that can misbehave: cut a connection, stall, drip, ignore ranges."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)  # bytes after which to hang up, one for each answer to come
    stall: bool = False
    drip: float = 0.0  # seconds between single bytes
    ranges: bool = True
    busy: int = 0  # answers of 503 to give first
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path and Range header of each request


@pytest.fixture
def publisher():
    state = Publisher()
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            state.requests.append((self.path, wanted))
            if state.busy:
                state.busy -= 1
                return self.send_error(503)
            content = state.files.get(self.path.lstrip("/"))
            if content is None:
                return self.send_error(404)
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted).group(1)) if wanted and state.ranges else 0
            if start and start >= len(content):
                return self.send_error(416)
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            if state.stall:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                stop.wait(20)
            elif state.drip:
                for byte in body:
                    if stop.is_set():
                        break
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(state.drip)
            else:
                self.wfile.write(body[: state.cut_after.pop(0)] if state.cut_after else body)
            self.close_connection = True

        def log_message(self, *_):
            pass

        def handle(self):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    stop.set()
    server.shutdown()
    server.server_close()
    thread.join(5)
