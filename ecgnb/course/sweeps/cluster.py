"""Run the jobs of a sweep with Dask: on the cores of this machine, or on a cluster whose scheduler is given."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask
import matplotlib.pyplot as plt
from dask.system import CPU_COUNT
from distributed import Client, KilledWorker, LocalCluster, as_completed, rpc
from filelock import FileLock, Timeout

from ecgnb.course.execute import environment
from ecgnb.course.folders import LOCK, is_finished
from ecgnb.course.kernel import SAFE_PATH
from ecgnb.course.sweeps.plan import Sweep, claim, refuse_others
from ecgnb.course.sweeps.table import plot, table
from ecgnb.course.sweeps.worker import in_words, run_job
from ecgnb.errors import RunError
from ecgnb.files import written_whole

RETRIES = 1  # of a job that failed; one whose worker died is begun again up to three times

ANSWER_WITHIN = 10  # seconds that a scheduler has

# Dask looks at itself many times a second, which took 17 % of one core; for jobs of minutes, now and then will do.
NOW_AND_THEN = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.worker.memory.monitor-interval": "10s",
    "distributed.scheduler.worker-saturation": 1.0,  # no job waits at a worker, or it would be blamed for its death
}


@dataclass
class Outcome:
    """What became of a sweep: how many jobs were there already, how many were done now, what each failed one said.

    ``synthetic`` is how many of all that are done ran on synthetic data.
    """

    skipped: int
    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    synthetic: int = 0


def run_sweep(
    sweep: Sweep,
    folder: Path,
    *,
    scheduler: str = "",
    workers: int = 0,
    threads: int = 1,
    tell: Callable[[str], Any] = print,
    progress: Callable[[], Any] = lambda: None,
) -> Outcome:
    """Do what is not done yet of a sweep, and write one table and one figure of all that is.

    Parameters
    ----------
    sweep : Sweep
    folder : path
        Filled with one run folder for each job, and ``results.csv``, ``results.parquet``, ``results.png``. On a cluster
        it must be one that all machines see. A job that failed leaves what it did in ``failed/``.
    scheduler : str
        Address of a Dask scheduler, such as ``tcp://host:8786``; a cluster on this machine where it is empty.
    workers : int
        Processes of the cluster on this machine; as many as it has cores for where it is 0.
    threads : int
        Threads that PyTorch may take in each job.
    tell : callable
        Given lines for a person: the dashboard's address, a job that failed.
    progress : callable
        Called once for each job that ended.

    Raises
    ------
    RunError
        Where the folder belongs to another sweep, or is at work already, or the scheduler does not answer within ten
        seconds or goes away.
    """
    folder = folder.expanduser().resolve()
    refuse_others(folder, sweep)
    try:
        with FileLock(folder / LOCK, timeout=0):
            claim(folder, sweep)  # only now: the sweep that is at work may be a smaller one
            return _run(sweep, folder, scheduler, workers or max(1, CPU_COUNT // threads), threads, tell, progress)
    except Timeout:
        raise RunError(f"another sweep is at work in {folder}; wait for it, or give another --output-dir") from None
    except PermissionError as fault:
        raise RunError(f"cannot write to {folder}: {fault.strerror}; give another --output-dir") from None


def _run(
    sweep: Sweep,
    folder: Path,
    scheduler: str,
    workers: int,
    threads: int,
    tell: Callable[[str], Any],
    progress: Callable[[], Any],
) -> Outcome:
    waiting = [job for job in sweep.jobs if not is_finished(folder / job.name)]
    outcome = Outcome(skipped=len(sweep.jobs) - len(waiting))
    try:
        if waiting:
            with connect(scheduler, min(workers, len(waiting))) as client:
                with contextlib.suppress(KeyError):  # a scheduler may have none
                    tell(f"dashboard: {client.dashboard_link}")
                if not client.scheduler_info(n_workers=-1)["workers"]:
                    tell("the scheduler has no workers yet; the jobs wait for some")
                common = (sweep.lesson.number, sweep.profile, str(folder), threads)
                calls = {job.name: (*common, job.name, job.parameters) for job in waiting}
                for name, fault in submitted(client, run_job, calls):
                    if not fault and not _arrives(folder / name):
                        fault = f"its worker says it is done, and {folder} does not hold it: is the folder shared?"
                    outcome.done += not fault
                    if fault:
                        outcome.failed[name] = fault
                        tell(f"failed: {name}: {fault}")
                    progress()
            shutil.rmtree(folder / ".partial", ignore_errors=True)
    finally:  # Ctrl-C, too, leaves a table of what is done
        outcome.synthetic = write_results(sweep, folder)
    return outcome


def _arrives(place: Path) -> bool:
    """Say whether a run is there; a network's file system may take some seconds to show it."""
    for _ in range(20):
        if is_finished(place):
            return True
        time.sleep(0.5)
    return False


@contextlib.contextmanager
def connect(scheduler: str, n_workers: int) -> Iterator[Client]:
    """Yield a client of the scheduler at an address, or of worker processes of our own."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters of it is said in our words
    if not scheduler:
        with (
            dask.config.set(NOW_AND_THEN),
            environment(**SAFE_PATH),
            LocalCluster(
                n_workers=n_workers, threads_per_worker=1, memory_limit=0, dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield client
        return
    _refuse_no_scheduler(scheduler)
    with Client(scheduler, timeout=ANSWER_WITHIN) as client:
        yield client


def _refuse_no_scheduler(address: str) -> None:
    """Ask who answers at an address: a client would wait without end for an answer that is none of a scheduler's."""

    async def ask() -> Any:
        async with rpc(address) as there:
            return await asyncio.wait_for(there.identity(), ANSWER_WITHIN)

    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook has a loop of its own at work in this one
            answer = thread.submit(asyncio.run, ask()).result()
        said = "" if answer["type"] == "Scheduler" else f"a {answer['type']} is there"
    except Exception as fault:  # whatever is there may send anything, such as a length that no memory holds
        said = " ".join(str(fault).split())[:200] or type(fault).__name__
    if said:
        raise RunError(
            f"no scheduler answered at {address!r} within {ANSWER_WITHIN} s ({said}); expected the address that "
            "dask-scheduler prints, such as tcp://host:8786"
        )


def submitted(
    client: Client, function: Callable[..., Any], calls: dict[str, tuple[Any, ...]]
) -> Iterator[tuple[str, str]]:
    """Have the workers make all calls; yield the name of each as it ends, and what went wrong or ""."""
    batch = uuid.uuid4().hex[:8]  # else a second sweep would be answered from the first one's results
    futures = {
        client.submit(function, *arguments, key=f"{name}-{batch}", retries=RETRIES, pure=False): name
        for name, arguments in calls.items()
    }
    try:
        for future in as_completed(futures):
            try:
                fault = future.exception()
            except CancelledError:
                raise RunError("the scheduler went away; what is done is kept: start it, and call this again") from None
            yield futures[future], "" if fault is None else _said(fault)
    finally:
        client.cancel(list(futures))


def _said(fault: BaseException) -> str:
    if isinstance(fault, KilledWorker):
        return "its worker died again and again, perhaps for want of memory"
    return in_words(fault)


def write_results(sweep: Sweep, folder: Path) -> int:
    """Write table and figure of the jobs that are done, in the order of the sweep; return how many are synthetic."""
    done = [folder / job.name for job in sweep.jobs if is_finished(folder / job.name)]
    if not done:
        return 0
    found = table(done, folder)
    with written_whole(folder / "results.csv") as new:
        found.to_csv(new, index=False)
    with written_whole(folder / "results.parquet") as new:
        found.to_parquet(new, index=False)
    measured = [name.removeprefix("metrics.") for name in map(str, found) if name.startswith("metrics.")]
    if measured:
        figure = plot(found, sweep.swept, sweep.metric if sweep.metric in measured else measured[0])
        with written_whole(folder / "results.png") as new:
            figure.savefig(new)
        plt.close(figure)
    return int((found["source"] == "synthetic").sum())
