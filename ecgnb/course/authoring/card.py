"""The pretrained weights and their model cards, made from recorded runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ecgnb.course.authoring.text import _readme, markdown_table
from ecgnb.course.lessons import Lesson, find, results_path


class Shipped(NamedTuple):
    """Weights that come with the package: the lesson that trains them, their file in its run, what its card says."""

    lesson: str
    file: str
    card: Callable[[dict[str, Any]], str]


def weights_path(name: str) -> Path:
    """Return where a file of the pretrained weights lies."""
    return _readme().parent / "ecgnb" / "models" / "weights" / name


def model_card(name: str, lesson: Lesson) -> str:
    """Return the card of weights that a lesson's default run gives, with that run's numbers."""
    run = json.loads(results_path(lesson, "default").read_text(encoding="utf-8"))
    return PRETRAINED[name].card(run)


def _made_with(run: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    return f"{versions}; {run['device']}"


def _hashes(run: dict[str, Any]) -> str:
    return ", ".join(f"`{digest}`" for digest in run["data"]["sha256"].values())


def _classes(found: dict[str, Any]) -> str:
    """Return the table of a test by class."""
    rows = []
    for name, entry in found["per_class"].items():
        shown = {measure: "" if value is None else f"{value:.3f}" for measure, value in entry.items()}
        rows.append({"class": name} | shown | {"support": f"{entry['support']:.0f}"})
    return "\n".join(markdown_table(rows))


def _cnn_lstm(run: dict[str, Any]) -> str:
    found, options = run["metrics"]["splits"]["patient"], run["parameters"]
    low, high = found["macro_f1_interval"]
    over = ", ".join(found["macro_f1_classes"])
    score = f"{found['macro_f1']:.3f} ({low:.3f} to {high:.3f}, 95 % over records)"
    return f"""# Model card: cnn_lstm

The patient-wise network of lesson {run["lesson"]}'s default run. Written by `make weights`; do not edit.

**Input.** One lead (MLII), 187 samples at 125 Hz, 75 of them before the R peak, each beat shifted and scaled to mean 0
and standard deviation 1. **Output.** Scores of the AAMI classes N, S, V, F, Q.

**Training data.** MIT-BIH Arrhythmia Database, records of DS1 (de Chazal et al. 2004) without 201, whose patient is in
DS2 too, as record 202. No beat of DS2, of the paced records or of any other database. Licence of the data: ODC-By 1.0.
SHA-256 of the list of the database's files: {_hashes(run)}.

**Training.** {options["patient_epochs"]} epochs, batches of {options["batch_size"]}, AdamW, one-cycle with peak \
{options["lr"]}, rare classes: {options["imbalance"]}, bf16: {options["bf16"]}, seed {options["seed"]}. \
{_made_with(run)}.

**Test.** DS2, new patients: accuracy {found["accuracy"]:.3f}; macro F1 over {over} {score}.

{_classes(found)}

**Limits.** For learning and research, not for diagnosis. It misses most S and F beats of new patients;
Q cannot be judged from seven beats. Its 21 training patients were recorded in Boston between 1975 and 1979. Other
leads, paced rhythms, children and noisy signals were not tested. For recordings, `beat_sequence` is the better choice;
this one is for beats that come already cut, and for comparison.
"""


def _interval(estimate: list[float]) -> str:
    return "{:.3f} ({:.3f} to {:.3f})".format(*estimate)


def _certainty(path: Path) -> str:
    """Say what lesson 07 found of the network's errors; nothing before its first run."""
    if not path.is_file():
        return ""
    found = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    error, sets = found["calibration"]["DS2, tempered"]["ECE"], found["sets"]
    silent = found["doubts"]["DS2, no S without rhythm"]
    first, whole = sets["all beats alike"], sets["whole patients"]
    return f"""
**How sure it is** (lesson 07; chosen on patients of DS1 and svdb held out, tested on DS2). Its scores are divided by
{found["temperature"]:.3f}: expected calibration error {_interval(error)}. From a confidence of
{found["min_confidence"]:.2f} on a beat gets a label, and no S where the rhythm is irregular:
{silent["coverage"]:.1%} of the beats, {silent["risk"]:.1%} of them wrong. The sets of classes that a beat could be hold
the true class for {whole["set coverage"]:.1%} of the beats; for the worst tenth of the patients,
{whole["worst tenth"]:.1%} (with bounds that take all beats alike, {first["worst tenth"]:.1%}).
"""


def _beat_sequence(run: dict[str, Any], *, causal: bool) -> str:
    shipped, options, digests = run["metrics"]["shipped"], run["parameters"], _hashes(run)
    found, kind = shipped["causal" if causal else "whole"], "causal network" if causal else "network"
    tests = {"DS2": run["metrics"]["on_ds2"]["causal" if causal else "+ other leads"]}
    tests |= {"DS2 without record 232": found["without_232"], "svdb, patients held out": found["svdb"]}
    rows = [{"test": name} | {key: _interval(one) for key, one in test.items()} for name, test in tests.items() if test]
    name = "beat_sequence_causal" if causal else "beat_sequence"
    looks = (
        "It looks back only, but for its filter: the mean interval so far, the reference beat of the beats so far (the "
        "first 64 are judged when all are there), earlier beats. It answers half a second after a beat."
        if causal
        else "It reads a recording as a whole: its mean interval, its reference beat, seven beats to either side."
    )
    measured, wrong = "", shipped["n_called_s"]
    if not causal:
        second, fast = shipped["second_lead"], shipped["fast_and_even"]["shipped"]
        measured = (
            f"On the second lead of DS2 (mostly V1): macro F1 {_interval(second['macro F1'])}, F1 of V "
            f"{_interval(second['F1 of V'])}. N beats in an even rhythm of 115 to 150 a minute ({fast['beats']:,.0f}, "
            f"DS2 and svdb, patients held out): {fast['share predicted as S']:.1%} predicted as S. Of all N beats in "
            f"the five records of DS2 with atrial fibrillation: {wrong['records with fibrillation']:.1%}; in its other "
            f"records: {wrong['other records']:.1%}.\n"
        )
    believe = _certainty(results_path(find("07"), "default")) if name == "beat_sequence" else ""
    return f"""# Model card: {name}

The {kind} of lesson {run["lesson"]}'s default run. Made by `make weights`; do not edit.

**Input.** One lead of a recording, any unit, 100 Hz or more, and its R peaks. From each beat 96 samples at 125 Hz after
a high-pass of 0.5 Hz, in units of the recording's reference beat; that reference beat; the timing relative to the
recording's mean interval. {looks} **Output.** Scores of the AAMI classes N, S, V, F, Q.

**Training data.** Both leads of DS1 of the MIT-BIH Arrhythmia Database without record 201, whose patient is in DS2 too,
and of all 78 records of the MIT-BIH Supraventricular Arrhythmia Database. No beat of DS2, of the paced records or of
any other database. Licence of the data: ODC-By 1.0. SHA-256 of the lists of files: {digests}.

**Training.** {options["epochs"]} epochs, batches of {options["batch_size"]} sequences of {options["length"]} beats, \
AdamW, one-cycle with peak {options["lr"]}, seed {options["seed"]}. {_made_with(run)}.

**Tests**, on marked R peaks, F and Q beats counted as errors where they are called N, S or V; 95 % intervals over
records. Where svdb is tested, each patient is by a network that never met them.

{chr(10).join(markdown_table(rows))}

DS2 by class:

{_classes(found)}

{measured}{believe}
**What to believe.** Of V, in DS2 {found["per_class"]["V"]["precision"]:.0%} of the predictions are right. Of S
{found["per_class"]["S"]["precision"]:.0%} are right, fewer where the rhythm is chaotic (atrial fibrillation), and where
premature beats are the rule many are missed. F and Q not at all: there was next to nothing to learn them from; paced
beats it has never seen.

**Limits.** For learning and research, not for diagnosis. mitdb was recorded in Boston between 1975 and 1979; of svdb's
patients little is published. Children, pacemakers and noise were not trained on. A network answers whatever it is
given: that signals which are no ECG get no label is the doing of the gate in front of it (lesson 07).
"""


# What lesson 07 finds out for them, by the name of its file in the run, and where in the package it lies.
LEARNED = {"certainty.json": "models/weights/beat_sequence.json", "gate.json": "detection/gate.json"}

PRETRAINED = {
    "beat_sequence": Shipped("06", "best_model.pth", lambda run: _beat_sequence(run, causal=False)),
    "beat_sequence_causal": Shipped("06", "causal_model.pth", lambda run: _beat_sequence(run, causal=True)),
    "cnn_lstm": Shipped("02", "patient_wise_model.pth", _cnn_lstm),
}
