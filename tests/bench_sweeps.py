"""What a sweep costs over bare papermill, what a second worker brings, how long 500 jobs take that do nothing."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import papermill

from ecgnb.course.lessons import find, profile_parameters
from ecgnb.course.sweeps.cluster import connect, submitted, write_results
from ecgnb.course.sweeps.plan import read_sweep

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


def own_seconds(folder):
    """Return how long the lessons themselves took, of all runs in a folder."""
    return sum(json.loads(path.read_text())["seconds"]["total"] for path in folder.glob("*/metrics.json*"))


def bench_sweeps():
    """Return the ratios: a sweep of lesson 01's smoke runs with one worker over papermill, two workers over one.

    The machine's own moods move a training by more than a sweep costs, so what is added to the lessons' own seconds is
    given, too.
    """
    lesson = find("01")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        file, bare_folder = folder / "sweep.yaml", folder / "bare"
        file.write_text(f'lesson: "01"\nprofile: smoke\ngrid: {{seed: {list(range(N_JOBS))}}}\n')
        bare_folder.mkdir()
        given = json.dumps(profile_parameters(lesson, "smoke"))
        bare = seconds("-c", BARE, bare_folder, given, lesson.script, N_JOBS)
        one, two = (
            seconds("-m", "ecgnb.cli", "sweep", file, "--output-dir", folder / str(n), "--workers", n) for n in (1, 2)
        )
        own, own_bare = own_seconds(folder / "1"), own_seconds(bare_folder)
        added = (one - own) - (bare - own_bare)
        file.write_text(f'lesson: "01"\nprofile: smoke\ngrid: {{seed: {list(range(500))}}}\n')
        started, place = time.perf_counter(), folder / "trivial"
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
        "papermill, s a run": round(bare / N_JOBS, 2),
        "sweep with one worker over papermill": round(one / bare, 3),
        "the lessons' own seconds in it over those in papermill": round(own / own_bare, 3),
        "what else it adds, start and table counted, over papermill": round(added / bare, 3),
        "two workers faster than one": round(one / two, 2),
        "500 jobs that do nothing, cluster and table included, s": round(scheduled, 1),
    }
