"""The pretrained weights and their model card, made from a recorded run."""

from __future__ import annotations

import json
from pathlib import Path

from ecgnb.course.authoring.text import _readme, markdown_table
from ecgnb.course.lessons import Lesson, results_path

PRETRAINED = {"02": ("cnn_lstm", "patient_wise_model.pth")}  # by lesson: name of the weights, file in its run's folder


def _weights(name: str) -> Path:
    """Return where a file of the pretrained weights lies."""
    return _readme().parent / "ecgnb" / "models" / "weights" / name


def model_card(lesson: Lesson) -> str:
    """Return the card of the weights that a lesson's default run gives, with that run's numbers."""
    run = json.loads(results_path(lesson, "default").read_text())
    found, options = run["metrics"]["splits"]["patient"], run["parameters"]
    rows = [
        {"class": name} | {measure: "" if value is None else f"{value:.3f}" for measure, value in row.items()}
        for name, row in found["per_class"].items()
    ]
    for row, entry in zip(rows, found["per_class"].values(), strict=True):
        row["support"] = f"{entry['support']:.0f}"
    low, high = found["macro_f1_interval"]
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    digest = next(iter(run["data"]["sha256"].values()))
    over = ", ".join(found["macro_f1_classes"])
    score = f"{found['macro_f1']:.3f} ({low:.3f} to {high:.3f}, 95 % over records)"
    return f"""# Model card: {PRETRAINED[lesson.number][0]}

The patient-wise network of lesson {lesson.number}'s default run. Written by `make weights`; do not edit.

**Input.** One lead (MLII), 187 samples at 125 Hz, 75 of them before the R peak, each beat shifted and scaled to mean 0
and standard deviation 1. **Output.** Scores of the AAMI classes N, S, V, F, Q.

**Training data.** MIT-BIH Arrhythmia Database, records of DS1 (de Chazal et al. 2004) without 201, whose patient is in
DS2 too, as record 202. No beat of DS2, of the paced records or of any other database. Licence of the data: ODC-By 1.0.
SHA-256 of the list of the database's files: `{digest}`.

**Training.** {options["patient_epochs"]} epochs, batches of {options["batch_size"]}, AdamW, one-cycle with peak \
{options["lr"]}, rare classes: {options["imbalance"]}, bf16: {options["bf16"]}, seed {options["seed"]}. \
{versions}; {run["device"]}.

**Test.** DS2, new patients: accuracy {found["accuracy"]:.3f}; macro F1 over {over} {score}.

{chr(10).join(markdown_table(rows))}

**Limits.** For learning and research, not for diagnosis. It misses most S and F beats of new patients;
Q cannot be judged from seven beats. Its 21 training patients were recorded in Boston between 1975 and 1979. Other
leads, paced rhythms, children and noisy signals were not tested.
"""
