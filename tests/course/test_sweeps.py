"""Sweeps: read and checked whole, done on this machine or on a cluster, none lost, none twice, none half written."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import dask
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from conftest import ROOT, ecgnb
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgnb.course.folders import is_finished
from ecgnb.course.sweeps import cluster as cluster_module
from ecgnb.course.sweeps.cluster import run_sweep
from ecgnb.course.sweeps.plan import claim, read_sweep
from ecgnb.course.sweeps.table import collect, plot
from ecgnb.course.sweeps.worker import run_job
from ecgnb.errors import EcgnbError, RunError, UsageError


@pytest.fixture
def short(short_lesson, tmp_path):
    """A function that writes sweeps of the short lesson."""

    def write(text):
        (tmp_path / "sweep.yaml").write_text('lesson: "90"\n' + text)
        return tmp_path / "sweep.yaml"

    return write


def sweep_file(tmp_path, text):
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    return path


def test_a_grid_is_every_combination(tmp_path):
    text = 'lesson: "03"\nparameters: {epochs: 1}\ngrid: {alpha: ["1e-1", 1], beta: [0.5], seed: [0, 1, 2]}\n'
    sweep = read_sweep(sweep_file(tmp_path, text))
    assert (sweep.lesson.number, sweep.profile, sweep.metric) == ("03", "default", "macro_f1")
    assert sweep.swept == ["alpha", "seed"], "beta has one value"
    assert [(job.parameters["alpha"], job.parameters["seed"]) for job in sweep.jobs] == [
        (alpha, seed) for alpha in (0.1, 1.0) for seed in (0, 1, 2)
    ]
    assert all(job.parameters["epochs"] == 1 for job in sweep.jobs)
    assert re.fullmatch(r"alpha-0.1_beta-0.5_seed-0_[0-9a-f]{8}", sweep.jobs[0].name)


def test_a_list_of_runs(tmp_path):
    sweep = read_sweep(
        sweep_file(tmp_path, "lesson: 1\nprofile: smoke\nruns: [{lr: 0.01}, {epochs: 2}]\nmetric: auprc")
    )
    assert [job.parameters for job in sweep.jobs] == [{"lr": 0.01}, {"epochs": 2}]
    assert set(sweep.swept) == {"lr", "epochs"} and sweep.metric == "auprc"


names = st.text("abcXYZ /:\\äé.", max_size=200)


@settings(max_examples=30, deadline=None)
@given(st.lists(names, min_size=2, max_size=5, unique=True))
def test_names_of_jobs_are_folders_that_differ(values):
    from ecgnb.course.sweeps import plan as sweeps

    found = [sweeps._name({"text": value}, {"text": value}) for value in values]
    assert len(set(found)) == len(values)
    assert all("/" not in name and len(name) <= 100 and not name.startswith(".") for name in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('lesson: "17"\ngrid: {seed: [0]}', "unknown lesson '17'; there are: 01"),
        ('lesson: "03"\ngrid: {gamma: [0]}', "lesson 03 has no parameter 'gamma'; it takes: data"),
        ('lesson: "03"\nparameters: {gamma: 0}\ngrid: {seed: [0]}', "lesson 03 has no parameter 'gamma'"),
        ('lesson: "03"\ngrid: {alpha: [high]}', "parameter alpha takes a number; got 'high'"),
        ('lesson: "03"\ngrid: {split: [patient]}', "parameter split must be one of patient-wise"),
        ('lesson: "03"\nruns: [{seed: 0}, {epochs: 1.5}]', "parameter epochs takes a whole number; got 1.5"),
        ('lesson: "03"\nruns: [{seed: 0}, 7]', "an entry of runs is 7; expected names and values"),
        ('lesson: "03"\nruns: []', "runs is []; expected a list"),
        ('lesson: "03"\ngrid: {}', "the grid is empty"),
        ('lesson: "03"\ngrid: {alpha: []}', "grid: alpha is []; expected a list of at least one value"),
        ('lesson: "03"\ngrid: {alpha: 1}', "grid: alpha is 1; expected a list"),
        ('lesson: "03"\ngrid: [1]', "grid is [1]; expected names and values"),
        ('lesson: "03"', "needs either a grid or runs"),
        ('lesson: "03"\ngrid: {seed: [0]}\nruns: [{seed: 0}]', "needs either a grid or runs"),
        ('lesson: "03"\nprofile: huge\ngrid: {seed: [0]}', "unknown profile 'huge'"),
        ('lesson: "03"\nmetric: beauty\ngrid: {seed: [0]}', "lesson 03 has no metric 'beauty'; it measures: accuracy"),
        ('lesson: "03"\ngrids: {seed: [0]}', "has 'grids'; a sweep takes: lesson"),
        ('lesson: "03"\nruns: [{seed: 1}, {seed: "1"}]', "asks for seed-1 more than once"),
        ('lesson: "03"\nparameters: {seed: 1}\ngrid: {seed: [0]}', "seed stands in parameters and in grid"),
        ('lesson: "03"\ngrid: {output_dir: [a, b]}', "leave output_dir out"),
        ('lesson: "03"\nruns: [{seed: 0}, {seed: 1, output_dir: a}, {seed: 2}]', "leave output_dir out"),
        (
            'lesson: "03"\nparameters: {alpha: 1}\nruns: [{seed: 0}, {alpha: 2}, {seed: 2}]',
            "alpha stands in parameters",
        ),
        ("grid: {seed: [0]}", "names no lesson"),
        ("- 1", "holds list; expected a mapping such as 'lesson"),
        ("lesson: [", "is not YAML"),
    ],
)
def test_what_is_no_sweep(tmp_path, text, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        read_sweep(sweep_file(tmp_path, text))


def test_a_million_jobs_are_asked_about(tmp_path):
    hundred = list(range(100))
    path = sweep_file(
        tmp_path, f'lesson: "03"\ngrid: {{seed: {hundred}, epochs: {hundred[1:]}, batch_size: {hundred[1:]}}}'
    )
    asked = []
    with pytest.raises(UsageError, match=r"has 980,100 combinations, over 10,000; --yes says"):
        read_sweep(path, confirm=lambda n_jobs: asked.append(n_jobs))
    assert asked == [980_100]


def test_a_folder_belongs_to_one_sweep(tmp_path):
    one = read_sweep(sweep_file(tmp_path, 'lesson: "03"\ngrid: {seed: [0, 1]}'))
    claim(tmp_path / "out", one)
    claim(tmp_path / "out", one)
    claim(tmp_path / "out", read_sweep(sweep_file(tmp_path, 'lesson: "03"\ngrid: {seed: [0, 1, 2]}')))
    for other in (
        'lesson: "03"\ngrid: {seed: [0, 1]}',  # it has grown since
        'lesson: "03"\nprofile: smoke\ngrid: {seed: [0, 1, 2]}',
        'lesson: "02"\ngrid: {seed: [0, 1, 2]}',
        'lesson: "03"\nparameters: {epochs: 1}\ngrid: {seed: [0, 1, 2]}',
    ):
        with pytest.raises(RunError, match="holds another sweep"):
            claim(tmp_path / "out", read_sweep(sweep_file(tmp_path, other)))
    with pytest.raises(RunError, match="holds other files and no sweep"):
        claim(tmp_path, one)
    (tmp_path / "out" / "sweep.json").write_text("[]")
    with pytest.raises(RunError, match="cannot use"):
        claim(tmp_path / "out", one)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{", "[]", "1", "{}", '{"jobs": 1}', '{"jobs": [{}]}', '{"jobs": [[1]]}', '"x"', "null", "\udc80"],
    ids=[
        "deep",
        "cut",
        "list",
        "number",
        "empty",
        "jobs 1",
        "jobs of dicts",
        "jobs of lists",
        "text",
        "null",
        "no text",
    ],
)
def test_a_damaged_mark_of_a_sweep_is_named(tmp_path, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sweep.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunError, match=r"sweep\.json is damaged"):
        claim(tmp_path / "out", read_sweep(sweep_file(tmp_path, 'lesson: "03"\ngrid: {seed: [0]}')))


def test_a_sweep_that_is_refused_changes_nothing(short, tmp_path):
    """A grown one, while the small one is at work; the small one then goes on."""
    small, folder = read_sweep(short("grid: {seed: [0]}")), tmp_path / "out"
    claim(folder, small)
    mark = (folder / "sweep.json").read_text()
    with FileLock(folder / ".lock"), pytest.raises(RunError, match="another sweep is at work in"):
        run_sweep(read_sweep(short("grid: {seed: [0, 1]}")), folder)
    assert (folder / "sweep.json").read_text() == mark
    claim(folder, small)
    others = tmp_path / "others"
    others.mkdir()
    (others / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="holds other files and no sweep"):
        run_sweep(small, others)
    assert [path.name for path in others.iterdir()] == ["mine.txt"]


def test_a_changed_lesson_begins_a_new_folder(short, short_lesson, tmp_path):
    file = short("grid: {seed: [0]}")
    claim(tmp_path / "out", read_sweep(file))
    script = short_lesson.parent / "lessons" / "90_short.py"
    script.write_text(script.read_text().replace("2.0 * value", "3.0 * value"))
    with pytest.raises(RunError, match="lesson 90 changed since"):
        claim(tmp_path / "out", read_sweep(file))


def test_one_sweep_at_a_time_in_a_folder(short, tmp_path):
    sweep, folder = read_sweep(short("grid: {seed: [0]}")), tmp_path / "out"
    claim(folder, sweep)
    with FileLock(folder / ".lock"), pytest.raises(RunError, match="another sweep is at work in"):
        run_sweep(sweep, folder)


def test_a_job_that_fails_says_where_its_notebook_is(short, tmp_path, monkeypatch):
    """Also where it failed before there was one, and of a fault that is not of ours."""
    folder = tmp_path / "out"
    claim(folder, read_sweep(short("grid: {value: [13]}")))
    with pytest.raises(RunError, match=re.escape(f"the notebook up to there: {folder / 'failed' / 'one'}")):
        run_job("90", "default", str(folder), 1, "one", {"value": 13})
    assert (folder / "failed" / "one" / "executed.ipynb").is_file()
    with pytest.raises(RunError, match="unknown lesson '91'"):
        run_job("91", "default", str(folder), 1, "two", {})
    with pytest.raises(RunError, match=r"sees no folder .*none; a sweep needs one"):
        run_job("90", "default", str(tmp_path / "none"), 1, "three", {})
    monkeypatch.setattr("ecgnb.course.sweeps.worker.execute", lambda *_, **__: 1 / 0)
    with pytest.raises(RunError, match="ZeroDivisionError: division by zero"):
        run_job("90", "default", str(folder), 1, "four", {})
    assert sorted(path.name for path in folder.iterdir()) == [".partial", "failed", "sweep.json"]


@pytest.mark.slow
def test_a_sweep_on_this_machine(short, tmp_path):
    """Jobs run, a failed one is retried and reported and the rest goes on; a second call does what is left."""
    folder, begun = tmp_path / "out", tmp_path / "begun"
    file = short(
        "parameters: {wait: 0.1}\ngrid: {value: [7, 13], seed: [0, 1]}\nmetric: treble"
    )  # not measured: another
    done = ecgnb("sweep", file, "--output-dir", folder, "--dry-run")
    assert done.returncode == 0 and not folder.exists()
    assert len(re.findall(r"value-\d+_seed-\d_\w+\tto do", done.stdout)) == 4
    done = ecgnb("sweep", file, "--output-dir", folder, "--workers", 2, "--threads", 3)
    assert done.returncode == 1
    out, errors = done.stdout, done.stderr
    assert "2 jobs done, 0 were there already, 2 failed" in out and "results.parquet" in out
    assert "2 of them ran on SYNTHETIC data" in out
    assert re.search(r"dashboard: http://127\.0\.0\.1:\d+/status", errors)
    assert "failed: value-13_seed-0" in errors and "thirteen is not for us" in errors
    assert errors.strip().splitlines()[-1].startswith("ecgnb: 2 of 4 jobs failed; what they did:")
    assert sorted(begun.read_text().split()) == ["13"] * 4 + ["7"] * 2, "a failed job is tried twice"
    (failed,) = (folder / "failed").glob("value-13_seed-1_*")
    assert "thirteen" in (failed / "executed.ipynb").read_text() and not is_finished(failed)
    table = pd.read_csv(folder / "results.csv", dtype={"lesson": str})
    assert table["metrics.double"].tolist() == [14, 14] and table["parameters.seed"].tolist() == [0, 1]
    assert set(table["device"]) == {"3 threads"} and "parameters.output_dir" not in table
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "results.parquet"), table, check_dtype=False)
    assert (folder / "results.png").stat().st_size > 5000
    assert not (folder / ".partial").exists()
    begun.unlink()
    grown = short("parameters: {wait: 0.1}\ngrid: {value: [7, 13, 8], seed: [0, 1]}")
    done = ecgnb("sweep", grown, "--output-dir", folder)
    assert done.returncode == 1 and "2 jobs done, 2 were there already, 2 failed" in done.stdout
    assert sorted(set(begun.read_text().split())) == ["13", "8"], "none is done again"
    assert len(collect(folder)) == 4


@pytest.mark.slow
def test_a_job_that_kills_its_worker_is_reported(short, tmp_path):
    told = []
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):  # three as shipped: each death takes seconds
        outcome = run_sweep(read_sweep(short("grid: {value: [666, 1]}")), tmp_path / "out", workers=2, tell=told.append)
    assert (outcome.done, list(outcome.failed.values())) == (
        1, ["its worker died again and again, perhaps for want of memory"])  # fmt: skip
    assert any(line.startswith("failed: value-666") for line in told)
    assert len(collect(tmp_path / "out")) == 1


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(short, tmp_path):
    file, folder = short("parameters: {wait: 0.3}\ngrid: {value: [1, 2, 3, 4, 5, 6, 7, 8]}"), tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "ecgnb.cli", "sweep", str(file), "--output-dir", str(folder), "--workers", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(folder.glob("value-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of its processes
    _, errors = process.communicate(timeout=60)
    done = len(collect(folder))
    assert 2 <= done < 8
    assert errors.strip().splitlines()[-1] == f"ecgnb: interrupted; {done} of 8 jobs are done and kept: call again"
    assert len(pd.read_csv(folder / "results.csv")) == done


@pytest.fixture
def impostor():
    """A function that starts a server which says some bytes to whoever connects, and then nothing; its address."""
    with contextlib.ExitStack() as ends:

        def start(greeting):
            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = server.accept()
                        ends.callback(connection.close)
                        connection.sendall(greeting)

            server = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
            ends.callback(server.shutdown, socket.SHUT_RDWR)
            threading.Thread(target=serve, daemon=True).start()
            return f"tcp://127.0.0.1:{server.getsockname()[1]}"

        yield start


@pytest.mark.slow
@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        bytes(64),
        (1).to_bytes(8, "little") + (2**62).to_bytes(8, "little"),
        (2**60).to_bytes(8, "little") * 8,
        (8).to_bytes(8, "little") + bytes(8) + b"\xc1" * 8,
    ],
    ids=["silent", "http", "ssh", "zeros", "huge frame", "huge count", "no msgpack"],
)
def test_what_is_no_scheduler_is_not_waited_for(short, impostor, tmp_path, monkeypatch, greeting):
    monkeypatch.setattr(cluster_module, "ANSWER_WITHIN", 1)
    monkeypatch.setattr(cluster_module, "Client", None)  # a half-made one blocks the next one's start when it goes
    started = time.monotonic()
    with pytest.raises(RunError, match=r"no scheduler answered at 'tcp://127.0.0.1:\d+' within 1 s .*dask-scheduler"):
        run_sweep(read_sweep(short("grid: {value: [1]}")), tmp_path / "out", scheduler=impostor(greeting))
    assert time.monotonic() - started < 10


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer(short, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "ANSWER_WITHIN", 1)
    monkeypatch.setattr(cluster_module, "Client", None)
    started = time.monotonic()
    with pytest.raises(RunError, match=r"no scheduler answered at 'tcp://127\.0\.0\.1:9' within 1 s .*dask-scheduler"):
        run_sweep(read_sweep(short("grid: {value: [1]}")), tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    assert time.monotonic() - started < 20
    for address in ("nowhere:port", "tcp://", "odd://127.0.0.1:9", "\0"):
        with pytest.raises(RunError, match="no scheduler answered at"):
            run_sweep(read_sweep(short("grid: {value: [1]}")), tmp_path / "out", scheduler=address)


@pytest.fixture
def cluster(short, tmp_path):
    """A scheduler and two workers, processes of their own that speak TCP; their addresses and the workers."""
    where = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ends = ["--scheduler-file", str(where)]
    scheduler = subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address",
                                  "127.0.0.1:0", *ends], **quiet)  # fmt: skip
    workers = [
        subprocess.Popen([*dask, "worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", *ends], **quiet)
        for _ in range(2)
    ]
    deadline = time.monotonic() + 60
    while not where.is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        time.sleep(0.5)  # Dask writes the file in place
        yield json.loads(where.read_text())["address"], workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait(10)


@pytest.mark.slow
def test_twelve_jobs_on_a_cluster_that_loses_a_worker(short, cluster, tmp_path):
    address, workers = cluster
    assert address.startswith("tcp://")
    sweep, folder = (
        read_sweep(short(f"parameters: {{wait: 0.5}}\ngrid: {{value: {list(range(12))}}}")),
        tmp_path / "out",
    )
    ended = []

    def progress():
        ended.append(time.monotonic())
        if len(ended) == 4:
            workers[0].kill()

    outcome = run_sweep(sweep, folder, scheduler=address, progress=progress)
    assert workers[0].poll() is not None and workers[1].poll() is None
    assert (outcome.done, outcome.skipped, outcome.failed) == (12, 0, {})
    table = pd.read_csv(folder / "results.csv", dtype={"lesson": str})
    assert table["parameters.value"].tolist() == list(range(12)), "each once, in the order of the sweep"
    assert table["metrics.double"].tolist() == list(range(0, 24, 2))
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == sorted(job.name for job in sweep.jobs)
    for job in sweep.jobs:
        assert (folder / job.name / "executed.html").is_file() and (folder / job.name / "SUMMARY.txt").is_file()
    begun = (tmp_path / "begun").read_text().split()
    assert len(begun) in (12, 13), "at most the job that the dead worker had was begun again"


def test_results_of_any_folder(tmp_path):
    with pytest.raises(RunError, match="is no folder"):
        collect(tmp_path / "none")
    with pytest.raises(RunError, match="holds no finished run"):
        collect(tmp_path)
    for number in range(2):
        folder = tmp_path / "runs" / f"{number}" / "deep"
        folder.mkdir(parents=True)
        record = dict(lesson=f"0{number}", parameters={f"own_{number}": [1, 2]}, seed=0, device="cpu")
        record |= dict(data=dict(name="x", source="real"), metrics=dict(auroc=0.9, text="x"))
        record |= dict(seconds=dict(train=1.0, total=2.0))
        (folder / "metrics.json").write_text(json.dumps(record))
    (tmp_path / "runs" / "unfinished").mkdir()
    table = collect(tmp_path / "runs")
    assert table["run"].tolist() == ["0/deep", "1/deep"] and table["parameters.own_0"].tolist()[0] == "1, 2"
    assert [name.partition(".")[0] for name in table][-5:] == [
        "parameters",
        "parameters",
        "metrics",
        "seconds",
        "seconds",
    ]
    done = ecgnb("results", tmp_path / "runs")
    assert done.returncode == 0 and "0/deep\t00\treal\t0\tauroc\t0.9\t2" in done.stdout
    for name in ("t.csv", "t.parquet"):
        assert ecgnb("results", tmp_path / "runs", "-o", tmp_path / name).returncode == 0
    assert len(pd.read_csv(tmp_path / "t.csv")) == len(pd.read_parquet(tmp_path / "t.parquet")) == 2
    assert ecgnb("results", tmp_path / "runs", "-o", tmp_path / "t.xls").returncode == 2
    (tmp_path / "runs" / "0" / "deep" / "metrics.json").write_text("{")
    with pytest.raises(EcgnbError, match="damaged"):
        collect(tmp_path / "runs")
    for foreign in ("[1]", '{"loss": 1}'):
        (tmp_path / "runs" / "0" / "deep" / "metrics.json").write_text(foreign)
        with pytest.raises(RunError, match="is not of"):
            collect(tmp_path / "runs")


RECORD = dict(lesson="01", parameters={"lr": 0.1}, metrics={"auroc": 0.9}, seed=0, device="cpu")
RECORD |= dict(data=dict(name="x", source="real"), seconds=dict(train=1.0, total=2.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seconds": {}}, "is not of one of our runs"),
        ({"seconds": {"total": "x"}}, "is not of one of our runs"),
        ({"seconds": {"total": 10**400}}, "is not of one of our runs"),
        ({"metrics": {"auroc": 10**400}}, "is not of one of our runs"),
        ({"metrics": [1]}, "is not of one of our runs"),
        ({"parameters": {"a": {"b": 1}}}, "is not of one of our runs"),
        ({"seed": [1]}, "is not of one of our runs"),
        ({"lesson": 1}, "is not of one of our runs"),
        ({"device": None}, "is not of one of our runs"),
        ({"data": "x"}, "is not of one of our runs"),
        ({"data": {"source": {}}}, "is not of one of our runs"),
        ("[" * 100_000, "is damaged"),
        ('{"seed": ' + "9" * 5000 + "}", "is damaged"),
        ("null", "is not of one of our runs"),
        ("", "is damaged"),
    ],
    ids=range(15),
)
def test_a_damaged_record_is_named_in_one_line(tmp_path, change, message):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(RECORD))
    text = json.dumps(RECORD | change) if isinstance(change, dict) else change
    (tmp_path / "two" / "metrics.json").write_text(text)
    for output in ([], ["-o", tmp_path / "t.csv"], ["-o", tmp_path / "t.parquet"]):
        done = ecgnb("results", tmp_path, *output)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert f"two/metrics.json {message}" in done.stderr


def test_odd_text_and_mixed_kinds_fit_into_every_table(tmp_path):
    changes = [
        {"device": "half \ud800 of \0 a \x1b[2J", "parameters": {"a\n": 1, "m": "x"}, "seed": None},
        {"parameters": {"m": 3}, "seed": "x"},
        {"parameters": {"m": True}, "metrics": {"auroc": float("nan")}},
    ]
    for number, change in enumerate(changes):
        folder = tmp_path / f"{number} \n"
        folder.mkdir()
        (folder / "metrics.json").write_text(json.dumps(RECORD | change))
    (tmp_path / "odd" / "metrics.json").mkdir(parents=True)
    done = ecgnb("results", tmp_path)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 4
    for name in ("t.csv", "t.parquet"):
        assert ecgnb("results", tmp_path, "-o", tmp_path / name).returncode == 0
    table = pd.read_parquet(tmp_path / "t.parquet")
    assert table["run"].tolist() == [r"0 \n", r"1 \n", r"2 \n"]
    assert table["device"][0] == r"half \ud800 of \x00 a \x1b[2J" and r"parameters.a\n" in table
    assert table["parameters.m"].tolist() == ["x", "3", "True"]


@pytest.mark.parametrize(
    ("swept", "lines"), [(["seed"], 1), (["value"], 1), (["value", "kind"], 2), (["value", "kind", "seed"], 2), ([], 1)]
)
def test_the_figure_of_a_sweep(swept, lines):
    rows = [{"parameters.value": v, "parameters.kind": k, "parameters.seed": s, "seed": s, "metrics.auroc": v + s / 9}
            for v in (1, 2) for k in "ab" for s in (0, 1)]  # fmt: skip
    figure = plot(pd.DataFrame(rows).assign(lesson="90", source="synthetic"), swept, "auroc")
    (axis,) = figure.axes
    assert axis.get_ylabel() == "auroc" and axis.get_xlabel() == (swept[0] if swept else "")
    assert figure.get_suptitle() == "SYNTHETIC DATA" and "8 runs of lesson 90" in axis.get_title("left")
    legend = axis.get_legend()
    assert (len(legend.get_texts()) if legend else 1) == lines
    plt.close(figure)


def test_what_the_page_on_sweeps_says():
    """Its prose is written without numbers; here they are."""
    runs = pd.read_csv(ROOT / "notebooks" / "results" / "03_alpha_beta.csv", dtype={"lesson": str})
    sweep = read_sweep(ROOT / "notebooks" / "sweeps" / "03_alpha_beta.yaml")
    assert set(runs["run"]) == {job.name for job in sweep.jobs} and set(runs["source"]) == {"real"}
    cells = runs.groupby(["parameters.alpha", "parameters.beta"])
    drawing, naming = cells["metrics.reconstruction_mse"].mean(), cells["metrics.macro_f1"]
    for alpha in (0.1, 1.0):
        row = drawing.loc[alpha]
        assert row.is_monotonic_increasing and row.iloc[-1] > 3 * row.iloc[0], "severalfold"
    for one, other in (((0.1, 0.1), (1.0, 1.0)), ((0.1, 1.0), (1.0, 10.0))):
        assert 0.8 < drawing[one] / drawing[other] < 1.25, "the ratio matters, the size little"
    within = (naming.max() - naming.min()).max()
    assert naming.mean().max() - naming.mean().min() < within, "seeds differ by as much as pairs"
