"""The `ecgnb` command: list, inspect and run lessons, fetch data. Exit codes: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import io
import logging
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tqdm import tqdm

from ecgnb.errors import EcgnbError, RunError, UsageError, plain_text
from ecgnb.files import written_whole
from ecgnb.paths import data_dir, runs_dir, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ecgnb.classifier.result import ClassifiedRecording
    from ecgnb.datasets.own.recording import Recording

app = typer.Typer(
    help="A notebook course on deep learning for ECG. For learning and research, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

REPORTS = (".pdf", ".html")

PICTURES = (".png", ".jpg", ".svg", ".pdf")

LessonNumber = Annotated[str, typer.Argument(help="Number of the lesson, such as 01.")]


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Options before the command."""


def _print(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print a table: drawn for a person, tab-separated and never folded for another program."""
    console = Console()
    if console.is_terminal:
        table = Table(*header)
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
    else:
        for row in (header, *rows):
            typer.echo("\t".join(row))


@app.command("lessons")
def list_lessons(
    copy: Annotated[Path | None, typer.Option(help="Copy them to this new folder, to work on.")] = None,
) -> None:
    """List the lessons, or copy them to a folder of your own."""
    if copy is None:
        from ecgnb.course.lessons import lessons  # papermill takes a second, and only half of the commands need it

        rows = [(found.number, found.title, shown(found.notebook)) for found in lessons()]
        _print(("lesson", "title", "notebook"), rows)
        return
    from ecgnb.course.copying import copy_lessons

    folder = copy_lessons(copy)
    print(f"the lessons are in {folder}")
    quoted = subprocess.list2cmdline([str(folder)]) if os.name == "nt" else shlex.quote(str(folder))
    print(f"next: jupyter lab {quoted}")


@app.command("params")
def list_parameters(lesson: LessonNumber) -> None:
    """List a lesson's parameters: name, type, default, help."""
    from ecgnb.course.lessons import find, parameters

    known = parameters(find(lesson)).values()
    _print(("name", "type", "default", "help"), [(p.name, p.type, repr(p.default), p.help) for p in known])


@app.command("run")
def run_lesson(
    lesson: LessonNumber,
    profile: Annotated[str, typer.Option(help="smoke, default or full.")] = "default",
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, as often as needed.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="YAML file of parameters.")] = None,
    output_dir: Annotated[Path | None, typer.Option(help="Folder to fill; a new one below runs/ by default.")] = None,
) -> None:
    """Execute a lesson headless and say where its results are."""
    from ecgnb.course.execute import execute
    from ecgnb.course.lessons import find, read_yaml

    given: dict[str, Any] = read_yaml(file) if file else {}
    for pair in parameter or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"-p takes NAME=VALUE, such as epochs=5; got {pair!r}")
        given[name.strip()] = value
    try:
        folder = execute(
            find(lesson), given, profile=profile, output_dir=output_dir, progress=Console(stderr=True).is_terminal
        )
    except KeyboardInterrupt:
        _hush_asyncio()
        raise RunError("interrupted; what is in the output folder is not a finished run") from None
    typer.echo(f"\n{(folder / 'SUMMARY.txt').read_text(encoding='utf-8')}")
    for what, name in (
        ("executed notebook", "executed.ipynb"),
        ("as a page", "executed.html"),
        ("figures", "figures"),
        ("metrics", "metrics.json"),
    ):
        typer.echo(f"{what + ':':<19}{folder / name}")


@app.command("sweep")
def sweep(
    file: Annotated[Path, typer.Argument(help="YAML: lesson, profile, parameters, and a grid or runs.")],
    output_dir: Annotated[Path | None, typer.Option(help="Folder of this sweep; runs/sweeps/NAME by default.")] = None,
    scheduler: Annotated[str, typer.Option(help="Of a Dask cluster, such as tcp://host:8786.")] = "",
    workers: Annotated[int, typer.Option(help="Processes on this machine; 0: one a core.", min=0)] = 0,
    threads: Annotated[int, typer.Option(help="Threads of PyTorch in each.", min=1)] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the jobs, run none.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask about very many jobs.")] = False,
) -> None:
    """Run a lesson many times with other parameters; a second call goes on where the first one ended."""
    from importlib.util import find_spec

    from ecgnb.course.folders import is_finished
    from ecgnb.course.sweeps.plan import read_sweep

    asked = read_sweep(file, confirm=lambda n_jobs: yes or _confirmed(f"{file} makes {n_jobs:,} jobs. Go on?"))
    folder = (output_dir or runs_dir() / "sweeps" / file.stem).expanduser()
    if dry_run:
        rows = [(job.name, "done" if is_finished(folder / job.name) else "to do") for job in asked.jobs]
        _print(("job", "state"), rows)
        return
    if not find_spec("distributed"):
        raise UsageError("a sweep needs Dask; get it with: pip install 'ecgnb[sweep]', or: make lab")
    from ecgnb.course.sweeps.cluster import run_sweep

    with tqdm(total=len(asked.jobs), unit="job", desc="sweep", disable=not sys.stderr.isatty()) as bar:
        bar.update(sum(is_finished(folder / job.name) for job in asked.jobs))
        try:
            outcome = run_sweep(
                asked, folder, scheduler=scheduler, workers=workers, threads=threads,
                tell=lambda line: bar.write(line, file=sys.stderr), progress=bar.update,
            )  # fmt: skip
        except KeyboardInterrupt:
            _hush_asyncio()
            n_done = sum(is_finished(folder / job.name) for job in asked.jobs)
            raise RunError(f"interrupted; {n_done} of {len(asked.jobs)} jobs are done and kept: call again") from None
    typer.echo(f"{outcome.done} jobs done, {outcome.skipped} were there already, {len(outcome.failed)} failed")
    for what, name in (("table", "results.csv"), ("as Parquet", "results.parquet"), ("figure", "results.png")):
        if (folder / name).is_file():
            typer.echo(f"{what + ':':<12}{folder / name}")
    if outcome.synthetic:
        typer.echo(f"{outcome.synthetic} of them ran on SYNTHETIC data: their numbers say nothing about hearts")
    if outcome.failed:
        raise RunError(f"{len(outcome.failed)} of {len(asked.jobs)} jobs failed; what they did: {folder / 'failed'}")


def _confirmed(question: str) -> bool:
    """Ask a person; where there is none the answer is no."""
    return sys.stdin.isatty() and typer.confirm(question)


def _hush_asyncio() -> None:
    """After Ctrl-C nbclient leaves a task pending; asyncio would say so, after our last line, when Python ends."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)


@app.command("results")
def results(
    folder: Annotated[Path, typer.Argument(help="Any folder of runs, such as runs/.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Table to write: .csv or .parquet.")] = None,
) -> None:
    """Collect the finished runs of a folder into one table."""
    from ecgnb.course.sweeps.plan import MAIN
    from ecgnb.course.sweeps.table import collect

    if output is not None and output.suffix not in (".csv", ".parquet"):
        raise UsageError(f"{output.name} is no table; expected a name that ends in .csv or .parquet")
    if output is not None and not output.parent.is_dir():
        raise UsageError(f"{output} cannot be written: the folder {output.parent} does not exist")
    found = collect(folder)
    if output is None:
        metrics = [f"metrics.{name}" for name in MAIN if f"metrics.{name}" in found]
        rows = []
        for row in found.to_dict("records"):
            main = next((name for name in metrics if row[name] == row[name]), None)  # a lesson lacks others' metrics
            metric = ("", "") if main is None else (main.removeprefix("metrics."), _short(row[main]))
            rows.append(
                (row["run"], row["lesson"], row["source"], _short(row["seed"]), *metric, _short(row["seconds.total"]))
            )
        _print(("run", "lesson", "source", "seed", "metric", "value", "seconds"), rows)
        return
    try:
        with written_whole(output) as new:
            found.to_csv(new, index=False) if output.suffix == ".csv" else found.to_parquet(new, index=False)
    except ImportError:
        raise UsageError(
            "a .parquet file needs pyarrow; get it with: pip install 'ecgnb[sweep]', or write .csv"
        ) from None
    typer.echo(f"{output}: {len(found)} runs, {len(found.columns)} columns")


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@app.command("grade")
def grade_submissions(
    folder: Annotated[Path, typer.Argument(help="Notebooks of exercises: STUDENT.ipynb each, or nbgrader's folders.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Table to write (.csv).")],
    lesson: Annotated[str, typer.Option(help="Number of the lesson; else each notebook says.")] = "",
    profile: Annotated[str, typer.Option(help="Size of the lesson: smoke, default or full.")] = "smoke",
    jobs: Annotated[int, typer.Option(help="Submissions at a time; 0: one a core.", min=0, max=256)] = 0,
    seconds: Annotated[float, typer.Option(help="Time for each exercise.", min=1, max=86400)] = 120,
    memory: Annotated[float, typer.Option(help="GB of memory, beyond the lesson's own.", min=0.1, max=1024)] = 2,
) -> None:
    """Grade a class's exercises: points, what failed, what is alike; a second call goes on where the first ended."""
    from ecgnb.course.grading.grade import Asked, grade, journal_of
    from ecgnb.course.grading.walls import Limits

    limits = Limits(seconds=seconds, memory=int(memory * 2**30))
    asked = Asked(folder, output, lesson, profile, limits, jobs or os.cpu_count() or 1)
    with tqdm(unit="submission", desc="grade", disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        try:
            rows = grade(asked, lambda line: bar.write(f"note: {line}", file=sys.stderr), progress)
        except KeyboardInterrupt:
            raise RunError(f"interrupted; what is graded is kept in {journal_of(output)}: call again") from None
    from ecgnb.course.grading.table import sums

    _print(("student", "lesson", "points", "not right", "similar to"), sums(rows))
    typer.echo(f"table: {output}")


@app.command("fetch")
def fetch_data(
    dataset: Annotated[str, typer.Argument(help="Its name, as `ecgnb data` lists it, or ptbxl-full.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask about very much data.")] = False,
) -> None:
    """Fetch a data set and verify every file of it."""
    from ecgnb.datasets.store.fetch import DATASETS, fetch  # the package of data sets takes a second to import
    from ecgnb.datasets.store.whole import NAME

    if dataset == NAME:
        return _fetch_whole(yes)
    folder = fetch(dataset, progress=True)
    typer.echo(f"{dataset}: {len(DATASETS[dataset].sha256)} files, verified, in {folder}")
    _say_licence(dataset)


def _fetch_whole(yes: bool) -> None:
    """Fetch the whole of PTB-XL, which nobody wants unasked."""
    from ecgnb.datasets.store import whole

    size = f"{whole.N_RECORDS:,} records, {whole.N_BYTES / 1e9:.1f} GB"
    if not (yes or _confirmed(f"{whole.NAME} has {size}, some hours of downloading. Go on?")):
        raise UsageError(f"{whole.NAME} has {size}, and was not fetched; confirm it with --yes")
    folder = whole.fetch_whole_ptbxl(progress=True)
    typer.echo(f"{whole.NAME}: {whole.N_RECORDS:,} records, verified by the publisher's list of hashes, in {folder}")
    _say_licence("ptbxl")


def _say_licence(dataset: str) -> None:
    from ecgnb.datasets.store.fetch import DATASETS

    typer.echo(f"licence: {DATASETS[dataset].licence}; cite: {DATASETS[dataset].citation}")


@app.command("data")
def list_data() -> None:
    """List the data sets: what is present and verified, and where."""
    from ecgnb.datasets.store.fetch import DATASETS, unverified

    rows = []
    for dataset in DATASETS.values():
        folder = data_dir() / dataset.name
        wrong = unverified(dataset, folder)
        state = f"{len(dataset.sha256)} files verified"
        if wrong:
            faults = ", ".join(f"{n} {fault}" for fault, n in sorted(Counter(wrong.values()).items()))
            state = f"of {len(dataset.sha256)} files {faults} (get them: ecgnb fetch {dataset.name})"
        rows.append((dataset.title, state, str(folder), dataset.licence))
    _print(("data set", "state", "folder", "licence"), rows)


@app.command("classify")
def classify(
    file: Annotated[Path, typer.Argument(help="A WFDB record, a table of text, EDF, BDF, .npy, or a .zip of one.")],
    fs: Annotated[
        float | None, typer.Option(help="Samples per second, 100 to 2000; where the file does not say.")
    ] = None,
    lead: Annotated[str | None, typer.Option(help="Name of the lead or column, or its number from 1 on.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV file for the table of beats.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of a stretch on ECG paper, with its beats (.png, .svg, .pdf).")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="Where the picture starts: seconds, mm:ss or hh:mm:ss; 0 by default.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Length of the picture, 1 to 300 seconds; 30 by default.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Report to keep: summary, heart rate, the most telling beats (.pdf or .html).")
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="WFDB annotation file of the beats, such as 100.ecgnb.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Pretrained weights, or a model file (.pth of a run, .onnx).")
    ] = "beat_sequence",
    detector: Annotated[str, typer.Option(help="slope, xqrs or sleepecg.")] = "slope",
    min_confidence: Annotated[
        float | None, typer.Option(help="A less probable beat is not classified; else as was chosen for the model.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Classify what does not look like an ECG, too.")] = False,
    flip: Annotated[bool, typer.Option("--flip", help="Turn the signal upside down first.")] = False,
    waves: Annotated[
        bool, typer.Option("--waves", help="Find P, QRS and T, too: PR, QRS and QT of each beat, in the table.")
    ] = False,
) -> None:
    """Name the beats of a recording of yours. For learning, not for diagnosis."""
    _check_targets(file, model, output=output, annotations=annotations, plot=plot, report=report)
    if plot is None and (start is not None or seconds is not None):
        raise UsageError("--start and --seconds say what --plot draws; give --plot, such as --plot strip.png")
    stretch = (_seconds_of(start or "0"), 30.0 if seconds is None else seconds)
    recording = _read(file, fs, lead)
    if plot is not None and recording.fs:
        from ecgnb.plotting.ecg_paper import check_stretch

        check_stretch(*stretch, len(recording.signal) / recording.fs)
    found = _classified(recording, model, detector=detector, min_confidence=min_confidence, flip=flip, force=force)
    if waves:
        from ecgnb.classifier.waves import with_waves

        found = with_waves(found, recording.signal)
    if output is not None:
        with written_whole(output) as new:
            found.to_csv(new)
    if annotations is not None:
        from ecgnb.classifier.annotations import write_annotations

        write_annotations(found, annotations)
    if flip:
        turned = (*recording.notes, "it was turned upside down (--flip)")
        recording = replace(recording, signal=-recording.signal, notes=turned)
    if plot is not None:
        _plot(recording, found, stretch, plot)
    if report is not None:
        from ecgnb.plotting.report import write_report

        _hush_matplotlib()
        write_report(recording, found, report, model=model)
    for warning in found.warnings():
        typer.echo(f"warning: {warning}", err=True)
    summary = found.summary()
    _print(("class", "beats"), [(str(name), str(n)) for name, n in found.counts().items()])
    if summary["heart_rate_bpm"] is not None:
        typer.echo(
            f"{summary['seconds']:.0f} s at {found.fs:g} Hz, heart rate {summary['heart_rate_bpm']:.0f} a minute, "
            f"{summary['not_classified']:.1%} of {summary['beats']:,} beats not classified (?)"
        )
    if waves:
        from ecgnb.classifier.waves import intervals_in_words

        typer.echo(intervals_in_words(found))
    typer.echo("For learning and research, not for diagnosis.")


def _check_targets(file: Path, model: str | None, **targets: Path | None) -> None:
    """Raise `UsageError` where a file to write is one that is read, is given twice, or ends in what it cannot be."""
    from ecgnb.datasets.own.wfdb_record import files_of  # wfdb takes a while to import
    from ecgnb.files import refuse_overwriting

    given = [target for target in targets.values() if target is not None]
    for target in given:
        refuse_overwriting(target, files_of(file), "the recording")
        refuse_overwriting(target, [] if model is None else [Path(model)], "the model")
    if len({target.resolve() for target in given}) < len(given):
        raise UsageError(f"{given[0]} is given twice; expected a name of its own for each file to write")
    for name, what, endings in (("plot", "picture", PICTURES), ("report", "report", REPORTS)):
        asked = targets.get(name)
        if asked is not None and asked.suffix.lower() not in endings:
            raise UsageError(f"{asked.name} is no {what}; expected one of: {', '.join(endings)}")


def _read(file: Path, fs: float | None, lead: str | None) -> Recording:
    """Read a recording, and say what was read."""
    from ecgnb.datasets.own.recording import read_one_lead
    from ecgnb.detection.gate import looks_like_ecg
    from ecgnb.detection.r_peaks import check_fs

    if fs is not None:
        check_fs(fs)
    recording = read_one_lead(file, fs=fs, lead=lead, looks_like_ecg=looks_like_ecg)
    typer.echo(f"read: {recording.read}")
    for note in recording.notes:
        typer.echo(f"note: {note}", err=True)
    if recording.fs is None:
        raise UsageError(f"{file.name} does not say its sampling rate; give it, such as --fs 250")
    return recording


def _classified(recording: Recording, model: str, **how: Any) -> ClassifiedRecording:
    """Name the beats of a recording."""
    from ecgnb.classifier.load import load_classifier
    from ecgnb.classifier.recording import classify_recording

    assert recording.fs is not None
    with tqdm(total=100, unit="%", desc="classifying", leave=False, disable=not sys.stderr.isatty()) as bar:
        return classify_recording(
            recording.signal, recording.fs, classifier=load_classifier(model, quick=True), **how,
            progress=lambda share: bar.update(int(100 * share) - bar.n),
        )  # fmt: skip


def _plot(recording: Recording, found: ClassifiedRecording, stretch: tuple[float, float], plot: Path) -> None:
    from ecgnb.plotting.ecg_paper import plot_ecg_paper

    _save_picture(lambda: plot_ecg_paper(recording, found, start=stretch[0], seconds=stretch[1]), plot)


def _save_picture(draw: Callable[[], Figure], path: Path) -> None:
    from ecgnb.plotting.ecg_paper import save_paper

    _hush_matplotlib()
    figure = draw()
    with written_whole(path) as new:
        save_paper(figure, new, path.suffix.lower().removeprefix("."))


def _hush_matplotlib() -> None:
    """Matplotlib says so when it looks for the machine's fonts, once, or finds no place to remember them."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def _seconds_of(start: str) -> float:
    """Return the seconds that 90, 1:30 or 0:01:30 are."""
    parts = start.strip().split(":")
    is_clock = all(re.fullmatch(r"\d{1,6}", part, re.ASCII) for part in parts[:-1])
    if not is_clock or len(parts) > 3 or not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", parts[-1], re.ASCII):
        raise UsageError(
            f"--start {plain_text(start, 40)} is no time; expected seconds, mm:ss or hh:mm:ss, such as 1:30"
        )
    return sum(60.0**power * float(part) for power, part in enumerate(reversed(parts)))


@app.command("classify12")
def classify_twelve_leads(
    file: Annotated[Path, typer.Argument(help="A WFDB record, a table of text, EDF, BDF, .npy, or a .zip of one.")],
    fs: Annotated[
        float | None, typer.Option(help="Samples per second, 100 to 2000; where the file does not say.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="mV, uV or V; where the file does not say.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV file for the table of labels.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of the ten seconds on ECG paper (.png, .svg, .pdf).")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="Where the ten seconds start: seconds, mm:ss or hh:mm:ss; 0 by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All that is said as one object of JSON.")] = False,
) -> None:
    """Say what ten seconds of twelve leads show, or that nobody can. For learning, not for diagnosis."""
    from ecgnb.classifier.twelve import NOT_FOR_DIAGNOSIS, classify_twelve
    from ecgnb.datasets.own.recording import read_recording

    _check_targets(file, None, output=output, plot=plot)
    begin = _seconds_of(start or "0")
    recording = read_recording(file, fs=fs, lead="all", unit=unit)
    if not as_json:
        typer.echo(f"read: {recording.read}")
    found = classify_twelve(recording, start=begin)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    if output is not None:
        with written_whole(output) as new:
            found.to_csv(new)
    if plot is not None:
        from ecgnb.plotting.twelve_leads import plot_twelve_leads

        noted = replace(recording, notes=(*found.notes, *(f"doubtful: {doubt}" for doubt in found.doubts)))
        _save_picture(lambda: plot_twelve_leads(noted, start=begin), plot)
    for doubt in found.doubts:
        typer.echo(f"doubtful: {doubt}; so nothing is answered", err=True)
    if as_json:
        typer.echo(found.to_json())
        return
    _print(("superclass", "name", "probability", "answer", "such answers were right"), found.in_words())
    typer.echo(NOT_FOR_DIAGNOSIS)


@app.command("watch")
def watch_stream(
    source: Annotated[str, typer.Argument(metavar="FILE|-|tcp://HOST:PORT", help="Samples, one a line.")],
    fs: Annotated[float | None, typer.Option(help="Samples per second, 100 to 2000.")] = None,
    column: Annotated[int | None, typer.Option("--column", "--lead", help="Of several on a line, from 1 on.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Each beat as a line of JSON.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End where the file ends; do not wait for more.")] = False,
    anywhere: Annotated[bool, typer.Option("--anywhere", help="Connect to other computers, too.")] = False,
    model: Annotated[str, typer.Option(help="Weights or a file of a network that looks back only.")] = (
        "beat_sequence_causal"
    ),
    min_confidence: Annotated[
        float | None, typer.Option(help="A less probable beat is not classified.", min=0, max=1)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Classify what does not look like an ECG, too.")] = False,
) -> None:
    """Name the beats of a stream, each within a second; Ctrl-C ends it. For learning, not for diagnosis."""
    from ecgnb.detection.r_peaks import check_fs

    check_fs(fs)
    from ecgnb.classifier import watch  # PyTorch takes a second or two to import
    from ecgnb.classifier.load import load_classifier
    from ecgnb.classifier.stream import BeatStream

    def tell(text: str) -> None:
        typer.echo(f"note: {text}", err=True)

    lines = watch.SampleLines(column, tell)
    opened = watch.open_source(source, once=once, anywhere=anywhere, tell=tell)
    stream = BeatStream(check_fs(fs), load_classifier(model), min_confidence=min_confidence, force=force)
    line_of = partial(watch.as_json, classes=stream.classifier.classes) if as_json else watch.as_line
    try:
        summary = watch.watch(opened, lines, stream, lambda beat: print(line_of(beat), flush=True), tell)
    except BrokenPipeError:  # whoever read our lines has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it ends
        return
    typer.echo(f"{summary}. For learning and research, not for diagnosis.", err=True)


@app.command("export")
def export(
    model: Annotated[
        str, typer.Argument(help="Pretrained weights, such as beat_sequence, or a model file (.pth) of a run.")
    ],
    file: Annotated[Path, typer.Argument(help="The ONNX file to write.")],
    int8: Annotated[bool, typer.Option("--int8", help="Compute with 8-bit integers: faster, less exact.")] = False,
) -> None:
    """Write a network as an ONNX file, and prove that it computes the same."""
    from ecgnb.classifier.load import load_classifier
    from ecgnb.classifier.network import TorchClassifier
    from ecgnb.classifier.onnx import export_onnx
    from ecgnb.files import refuse_overwriting

    refuse_overwriting(file, [Path(model)], "the model")
    classifier = load_classifier(model)
    if not isinstance(classifier, TorchClassifier):
        raise UsageError(f"{model} is an ONNX file already; expected pretrained weights or a .pth file")
    gap = export_onnx(classifier, file, int8=int8)
    typer.echo(f"{file}: {file.stat().st_size / 1000:,.0f} kB, scores within {gap:.1g} of PyTorch's")
    recipe = classifier.recipe
    parts = f"{classifier.n_samples} samples of the beat"
    if recipe is not None and recipe.n_numbers > recipe.n_samples:
        parts += f", {recipe.n_numbers - recipe.n_samples - recipe.n_timing} of the reference beat, "
        parts += f"{recipe.n_timing} of timing; the beats of a recording in order of time"
    typer.echo(f"input: beats (n, numbers), a row: {parts}; output: scores (n, {len(classifier.classes)})")
    typer.echo("how beats are cut and scaled, and what the classes are called: in its metadata")


@app.command("app")
def web_app(
    port: Annotated[int, typer.Option(help="Port of this computer to listen on.", min=1, max=65535)] = 8501,
) -> None:
    """Start the web app; stop it with Ctrl-C."""
    from importlib.util import find_spec

    if not (find_spec("streamlit") and find_spec("plotly")):
        raise UsageError("the app needs streamlit and plotly; get them with: pip install 'ecgnb[app]', or: make app")
    from ecgnb.app.serve import serve

    typer.echo(f"the app is at http://localhost:{port} (stop it with Ctrl-C)")
    sys.exit(serve(port))


def _print_anywhere() -> None:
    """Let what a console has no letter for become a question mark: Windows' own encodings lack many signs."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def main() -> None:
    """Run the command line; an error of the user's is one line, unless ``--debug`` asks for the traceback."""
    debug = "--debug" in sys.argv[1:]
    _print_anywhere()
    try:
        app()
    except EcgnbError as fault:
        if debug:
            raise
        typer.echo(f"ecgnb: {' '.join(str(fault).split())}", err=True)
        sys.exit(2 if isinstance(fault, UsageError) else 1)
    except MemoryError:
        typer.echo("ecgnb: there is not enough memory for that", err=True)
        sys.exit(1)
    except OSError as fault:  # a disk that fills, a folder that goes away: the user's to mend, and not ours to foresee
        if debug:
            raise
        typer.echo(f"ecgnb: {fault}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
