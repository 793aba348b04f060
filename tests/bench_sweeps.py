"""What a sweep costs over bare papermill, what a second worker brings, how long 500 jobs take that do nothing."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import papermill

from ecgnb.cluster import connect, submitted, write_results
from ecgnb.lessons import find, profile_parameters
from ecgnb.sweeps import read_sweep

N_JOBS = 4
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "ECGNB_HEADLESS": "1"}
BARE = """
import sys, jupytext, papermill, nbformat, json
folder, given = sys.argv[1], json.loads(sys.argv[2])
source = nbformat.from_dict(jupytext.read(sys.argv[3]))
for seed in range(int(sys.argv[4])):
    values = given | {"seed": seed, "output_dir": f"{folder}/{seed}"}
    papermill.execute_notebook(source, f"{folder}/{seed}.ipynb", values, kernel_name="python3", progress_bar=False)
"""


def seconds(*command):
    started = time.perf_counter()
    subprocess.run([sys.executable, *map(str, command)], check=True, env=ENVIRONMENT, capture_output=True)
    return time.perf_counter() - started


def trivial(number, profile, folder, threads, name, parameters):
    """Do what a job leaves behind, and nothing else."""
    place = Path(folder) / name
    place.mkdir()
    record = dict(lesson=number, parameters=parameters, seed=parameters["seed"], device="none")
    record |= dict(data=dict(source="synthetic"), metrics=dict(auroc=0.5), seconds=dict(total=0.0))
    (place / "metrics.json").write_text(json.dumps(record))


def bench_sweeps():
    """Return the ratios: a job of lesson 01's smoke run over a papermill run, two workers over one.

    What a job costs is the difference between many and one, so that what is done once for all is counted apart.
    """
    lesson = find("01")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.yaml"
        given = json.dumps(profile_parameters(lesson, "smoke"))

        def bare(n):
            place = Path(folder) / f"bare-{n}"
            place.mkdir()
            return seconds("-c", BARE, place, given, lesson.script, n)

        def swept(n, workers):
            file.write_text(f'lesson: "01"\nprofile: smoke\ngrid: {{seed: {list(range(n))}}}\n')
            place = f"{folder}/{n}-{workers}"
            return seconds("-m", "ecgnb.cli", "sweep", file, "--output-dir", place, "--workers", workers)

        # In turn, so that a machine that slows down meanwhile does so for all.
        one_bare, one, many_bare, many, two = bare(1), swept(1, 1), bare(N_JOBS), swept(N_JOBS, 1), swept(N_JOBS, 2)
        a_run, a_job = (many_bare - one_bare) / (N_JOBS - 1), (many - one) / (N_JOBS - 1)
        file.write_text(f'lesson: "01"\nprofile: smoke\ngrid: {{seed: {list(range(500))}}}\n')
        started, place = time.perf_counter(), Path(folder) / "trivial"
        place.mkdir()
        sweep = read_sweep(file)
        with connect("", 2) as client:
            calls = {job.name: ("01", "smoke", str(place), 1, job.name, job.parameters) for job in sweep.jobs}
            assert not any(fault for _, fault in submitted(client, trivial, calls))
        write_results(sweep, place)
        scheduled = time.perf_counter() - started
    return {
        "papermill": papermill.__version__,
        "smoke runs of lesson 01": N_JOBS,
        "papermill, s a run": round(a_run, 2),
        "job of a sweep over papermill run": round(a_job / a_run, 3),
        "sweep's start and end, s": round(one - a_job, 1),
        "sweep with one worker over papermill, all counted": round(many / many_bare, 3),
        "two workers faster than one": round(many / two, 2),
        "500 jobs that do nothing, cluster and table included, s": round(scheduled, 1),
    }
