"""The pretrained network of waves: trained, tested once, written with its ONNX twin and its card.

`python -m ecgnb.course.authoring waves` does it, in some minutes on one core. The patients of the test were dealt out
before any network saw them (`split_ludb`), and all choices below were made on the validation patients.
"""

from __future__ import annotations

import hashlib
import platform
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import torch
from torch import nn

from ecgnb.classifier.waves import PIECE, WaveScores, find_waves
from ecgnb.course.authoring.card import weights_path
from ecgnb.datasets import DATASETS, LUDB, Record, load_diagnoses, load_ludb, split_ludb, wave_examples
from ecgnb.datasets.wave_examples import UNKNOWN, WaveExamples
from ecgnb.detection import detect_r_peaks
from ecgnb.detection.offsets import usual_offsets, waves_at_offsets
from ecgnb.errors import ModelError
from ecgnb.files import written_whole
from ecgnb.metrics.waves import WAVES, compare_waves, wave_scores
from ecgnb.models import count_parameters, create, save
from ecgnb.training.augmentation import augment_leads
from ecgnb.training.loop import fit, predict, set_seed

CHOSEN: dict[str, Any] = {"epochs": 8, "batch_size": 32, "lr": 4e-3, "weight_decay": 0.05}
OPTIONS: dict[str, Any] = {"context": 5, "dropout": 0.2}
COPIES, MORE_OFTEN = 3, 2.0  # stretched copies of each lead; how much more often one in fibrillation or flutter comes


def make_wave_weights() -> None:
    """Train the network of waves, test it once, and write it, its ONNX twin and its card."""
    records, waves = load_ludb(data="real")
    split = split_ludb([record.name for record in records], "real")
    test = None if split.test is None else [records[row] for row in split.test]
    assert test is not None
    learned = [records[row] for row in split.train]
    watched = [] if split.val is None else [records[row] for row in split.val]
    begun = time.perf_counter()
    network = train(*(wave_examples(part, waves) for part in (learned, watched)))
    seconds = time.perf_counter() - begun
    scores = scores_of(network)
    found = {"validation": watched, "test": test}
    compared = {name: compare(found_waves(part, scores), waves, part) for name, part in found.items()}
    tables = {f"network, {name}": wave_scores(one) for name, one in compared.items()}
    peaks = {name: r_peaks(part) for name, part in {"train": learned, "test": test}.items()}
    offsets = usual_offsets(waves[waves["record"].isin({record.name for record in learned})], peaks["train"], LUDB.fs)
    tables["fixed offsets, test"] = wave_scores(compare(waves_at_offsets(offsets, peaks["test"]), waves, test))
    save(network, weights_path("wave_unet.pth"), **CHOSEN, records=" ".join(record.name for record in learned))
    gap = export(network, weights_path("wave_unet.onnx"))
    false_p = compared["test"].query("wave == 'P' and outcome == 'false positive'")["record"]
    told = {"seconds": seconds, "gap": gap, "false_p": len(false_p), "there": int(false_p.isin(without_p()).sum())}
    text = card(network, tables, wave_examples(records, waves), waves, told)
    weights_path("wave_unet.md").write_text(text, encoding="utf-8")


def train(learned: WaveExamples, watched: WaveExamples) -> nn.Module:
    """Train on leads as they are and stretched in time; the epoch with the lowest validation loss stays."""
    set_seed(0)
    network = create("wave_unet", **OPTIONS)
    all_of_them = [learned, *(learned.stretched(seed=copy) for copy in range(COPIES))]
    signal, label, record, _ = (np.concatenate(parts) for parts in zip(*all_of_them, strict=True))
    weight = np.where(np.isin(record, list(without_p())), MORE_OFTEN, 1.0)
    fit(
        network, (torch.from_numpy(signal), torch.from_numpy(label)),
        (torch.from_numpy(watched.signal), torch.from_numpy(watched.label)),
        nn.CrossEntropyLoss(ignore_index=UNKNOWN), **CHOSEN, sample_weight=torch.from_numpy(weight),
        augment=augment_leads, device=torch.device("cpu"),
    )  # fmt: skip
    return network


def scores_of(network: nn.Module) -> WaveScores:
    """Return what `find_waves` takes for a network of one's own."""
    return lambda pieces: predict(network, torch.from_numpy(pieces)).numpy()


def found_waves(records: list[Record], scores: WaveScores) -> pd.DataFrame:
    """Find the waves of each lead as a user would."""
    parts = [
        find_waves(record.wave(lead), record.fs, scores=scores).assign(record=record.name, lead=lead)
        for record in records
        for lead in record.leads
    ]
    return pd.concat(parts, ignore_index=True)


def r_peaks(records: list[Record]) -> dict[tuple[str, str], Any]:
    """Detect the R peaks of each lead."""
    return {
        (record.name, lead): detect_r_peaks(record.wave(lead), record.fs) for record in records for lead in record.leads
    }


def compare(found: pd.DataFrame, waves: pd.DataFrame, records: list[Record]) -> pd.DataFrame:
    """Set found waves of some records beside their marked ones."""
    return compare_waves(found, waves[waves["record"].isin({one.name for one in records})], LUDB.fs)


def without_p() -> set[str]:
    """Return the records in atrial fibrillation or flutter."""
    rhythm = load_diagnoses("real").set_index("record")["rhythm"]
    return {name for name in rhythm.index if any(kind.startswith("Atrial f") for kind in rhythm[name])}


def export(network: nn.Module, path: Path) -> float:
    """Write a network as ONNX, for pieces of the length that `find_waves` hands it; return the largest difference."""
    with written_whole(path) as new, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is the fast one, and deprecated
        torch.onnx.export(
            network, (torch.zeros(2, PIECE),), str(new), dynamo=False, opset_version=17, input_names=["signal"],
            output_names=["scores"], dynamic_axes={"signal": {0: "n_pieces"}, "scores": {0: "n_pieces"}},
        )  # fmt: skip
        onnx.checker.check_model(onnx.load(new), full_check=True)
        session = onnxruntime.InferenceSession(new.read_bytes(), providers=["CPUExecutionProvider"])
        gap = 0.0
        for n in (1, 2, 5):
            pieces = np.random.default_rng(n).standard_normal((n, PIECE), dtype=np.float32)
            given = session.run(None, {"signal": pieces})[0]
            gap = max(gap, float(np.abs(given - scores_of(network)(pieces)).max()))
        if not gap < 1e-3:
            raise ModelError(f"the ONNX scores differ from PyTorch's by {gap:.2g}; expected less than 0.001")
    return gap


def table_of(scores: pd.DataFrame) -> str:
    """Return scores as a table of the card."""
    lines = ["| wave | marked | sensitivity | PPV | F1 | onset, ms | offset, ms |", "|---|---|---|---|---|---|---|"]
    for row in scores.to_dict("records"):
        shown = [f"{row['wave']}", f"{row['marked']:,}", *(f"{row[name]}" for name in ("sensitivity", "ppv", "f1"))]
        for edge in ("onset", "offset"):
            shown.append(" / ".join(f"{row[f'{edge}_{name}_ms'].value:.0f}" for name in ("median", "p90")))
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join(lines)


def card(
    network: nn.Module,
    tables: dict[str, pd.DataFrame],
    examples: WaveExamples,
    waves: pd.DataFrame,
    told: dict[str, float],
) -> str:
    """Return the card of the network, with the numbers of the run that made it."""
    known = "\n".join(f"{name} {file}" for name, file in sorted(DATASETS["ludb"].sha256.items()))
    digest = hashlib.sha256(known.encode()).hexdigest()
    names = ("ecgnb", "torch", "numpy", "pandas", "scipy", "onnx")
    made = ", ".join([f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])
    partly = int(((waves["onset"] < 0) | (waves["offset"] < 0)).sum())
    counts = waves["wave"].value_counts()
    marked = ", ".join(f"{counts[wave]:,} {wave}" for wave in WAVES)
    shown = "\n\n".join(f"{name}:\n\n{table_of(table)}" for name, table in tables.items())
    n = count_parameters(network)
    return CARD.format(
        n=n, kb=4 * n / 1000, digest=digest, made=made, partly=partly, marked=marked, shown=shown,
        unknown=examples.unknown, threads=torch.get_num_threads(), copies=COPIES, more_often=MORE_OFTEN,
        **told, **CHOSEN, **OPTIONS,
    )  # fmt: skip


CARD = """# Model card: wave_unet

Marks P, QRS and T in one lead of an ECG. Made by `python -m ecgnb.course.authoring waves`; do not edit.

**Input.** One lead, any of the twelve, any unit and polarity, 100 Hz or more, and nothing else: brought to 250 Hz,
high-passed at 0.5 Hz forth and back, in units of its usual height. **Output.** For each sample the scores of: none, P,
QRS, T. `find_waves` makes waves of them. {n:,} weights ({kb:.0f} kB). The ONNX twin's scores are within {gap:.0e} of
PyTorch's.

**Training data.** LUDB, the Lobachevsky University Electrocardiography Database 1.0.1 (Kalyakulina et al. 2020,
doi:10.1109/ACCESS.2020.3029211; data doi:10.13026/eegm-h675), ODC-By 1.0: 200 patients, ten seconds each, twelve leads
with marks of their own ({marked}).
SHA-256 of the list of its files: `{digest}`.
Patients were dealt out by rhythm before any network was trained: 120 train, 40 validation, 40 test. Waves
before the first mark of a lead and after its last are unmarked: {unknown:.1%} of all samples, left out of training and
test. So are {partly} waves that lack a mark at one end.

**Training.** {epochs} epochs of all twelve leads as they are and {copies} times stretched in time, those of patients in
atrial fibrillation or flutter {more_often:g} times as often; batches of {batch_size}, AdamW, one-cycle with peak {lr},
weight decay {weight_decay}, dropout {dropout}, seed 0; leads scaled, turned over, with wandering baseline, noise and
hum added. {seconds:.0f} s on {threads} thread(s). {made}.

**Test.** A wave is found where its onset and its offset both lie within 150 ms of the marks (see `metrics.waves`); 95 %
intervals over patients. Edges: median and 90th percentile of the distance to the mark. Everything was chosen on the
validation patients; the test patients were looked at once, by the run that made this file.

{shown}

The fixed offsets are the training patients' medians around detected R peaks, with no look at the wave: how much of such
a score is the tolerance.

**Limits.** For learning and research, not for diagnosis. One hospital, and its readers' habits of marking. In atrial
fibrillation or flutter there is no P; it may mark some all the same: {there} of its {false_p} false P waves in the
test are there. It reads a QT and does not correct it for the rate. U waves, pacemakers' spikes, children and noise
were not tested. It marks waves in whatever it is given: that signals which are no ECG get none is the doing of the
gate in front of it (lesson 07).
"""
