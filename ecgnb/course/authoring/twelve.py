"""The pretrained network of twelve leads: cross-validated, calibrated, trained on all, with its ONNX twin and its card.

`python -m ecgnb.course.authoring twelve` does it, in some minutes on one core. Nothing is chosen here: how the network
is trained was settled beforehand, and each record is scored by a network that never met its patient.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from ecgnb.classifier.label_certainty import CANNOT_SAY, NO, YES, fit_label_certainty
from ecgnb.classifier.twelve_checks import check_twelve
from ecgnb.classifier.twelve_network import WINDOW, TwelveScores, over_windows
from ecgnb.course.authoring.card import weights_path
from ecgnb.course.authoring.text import _readme
from ecgnb.course.authoring.twelve_card import card
from ecgnb.course.folders import write_atomically
from ecgnb.datasets import DATASETS, load_ptbxl
from ecgnb.datasets.label_folds import multilabel_patient_folds
from ecgnb.datasets.ptbxl import SUPERCLASSES, TwelveLeadRecords
from ecgnb.datasets.twelve_leads import LEADS, limb_leads
from ecgnb.detection import logistic_regressions, twelve_features
from ecgnb.errors import DataError, ModelError
from ecgnb.files import written_whole
from ecgnb.metrics import (
    calibration_by_record,
    estimate,
    estimate_over_patients,
    expected_calibration_error,
    label_table,
    macro_auroc,
    share,
)
from ecgnb.models import count_parameters, create, save
from ecgnb.models.micro_committee import MicroCommittee
from ecgnb.training.labels import fit_labels, prepare_leads
from ecgnb.training.loop import predict, set_seed

NAME = "twelve_leads"

N_FOLDS, N_BINS = 5, 10

MODEL: dict[str, Any] = {"n_samples": WINDOW, "n_classes": 5, "width": 2.0, "n_leads": 12}

N_MEMBERS = 5

CHOSEN: dict[str, Any] = {"epochs": 20, "batch_size": 32, "lr": 0.01, "weight_decay": 0.01}


def results_of_twelve() -> Path:
    """Return where the numbers of the run that made the network are kept."""
    return _readme().parent / "notebooks" / "results" / f"{NAME}.json"


def make_twelve_weights() -> None:
    """Cross-validate, calibrate, train on all records, and write the network, its ONNX twin, numbers and card."""
    records = load_ptbxl(100, data="real")
    begun = time.perf_counter()
    scores, fold = out_of_fold(records)
    certainty = fit_label_certainty(scores, records.label, SUPERCLASSES)
    found = measured(records, scores, fold)
    found["macro AUROC of features"] = of_features(records)
    network = train(records)
    save(network, weights_path(f"{NAME}.pth"), **CHOSEN)
    found["run"] = about(records, network, time.perf_counter() - begun)
    found["run"]["gap"] = export(network, weights_path(f"{NAME}.onnx"))
    right = {f"{label}_right_{one}": told for label in SUPERCLASSES for one, told in found["right"][label].items()}
    write_atomically(weights_path(f"{NAME}.json"), json.dumps(certainty.to_values() | right, indent=2) + "\n")
    write_atomically(results_of_twelve(), json.dumps(found, indent=2) + "\n")
    write_atomically(weights_path(f"{NAME}.md"), card(found))


def out_of_fold(records: TwelveLeadRecords) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Score each record by a network that did not learn from its patient: (n, 5) scores, (n,) which fold it was in."""
    scores = np.empty(records.label.shape)
    fold = np.empty(len(records), np.int64)
    for number, (learned, held_out) in enumerate(
        multilabel_patient_folds(records.label, records.patient, N_FOLDS, seed=0)
    ):
        scores[held_out] = scores_of(train(records[learned]))(records.signal[held_out])
        fold[held_out] = number
        print(f"fold {number + 1} of {N_FOLDS}", flush=True)
    return scores, fold


def of_features(records: TwelveLeadRecords) -> list[float]:
    """Return the AUROC of regressions of measured features, each record by those that never met its patient."""
    features, label = twelve_features(records.signal, records.fs), records.label
    p = np.empty(label.shape)
    for learned, held_out in multilabel_patient_folds(label, records.patient, N_FOLDS, seed=0):
        p[held_out] = (
            logistic_regressions().fit(features.iloc[learned], label[learned]).predict_proba(features.iloc[held_out])
        )
    return [*map(float, estimate_over_patients(label, p, records.patient, macro_auroc))]


def train(records: TwelveLeadRecords) -> MicroCommittee:
    """Train each member on some records; the last weights stay."""
    committee = create("micro_committee", **MODEL, n_members=N_MEMBERS)
    assert isinstance(committee, MicroCommittee)
    signal = prepare_leads(records.signal, records.fs)
    for seed, member in enumerate(committee.members):
        set_seed(seed)
        network = create("micro_ecgnet", **MODEL)
        fit_labels(network, signal, records.label, **CHOSEN, seed=seed)
        member.load_state_dict(network.state_dict())
    return committee.eval()


def scores_of(network: nn.Module) -> TwelveScores:
    """Return what scores whole recordings."""
    return over_windows(lambda part: predict(network, torch.from_numpy(part)).numpy())


def crossed(
    records: TwelveLeadRecords, scores: NDArray[np.float64], fold: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Return probabilities and answers of each record by a certainty that was fitted to the other folds' scores."""
    p, answers = np.empty(scores.shape), np.empty(scores.shape, dtype="<U10")
    for number in np.unique(fold):
        mine = fold == number
        certainty = fit_label_certainty(scores[~mine], records.label[~mine], SUPERCLASSES)
        p[mine] = certainty.probabilities(scores[mine])
        answers[mine] = certainty.answers(p[mine])
    return p, answers


def measured(records: TwelveLeadRecords, scores: NDArray[np.float64], fold: NDArray[np.int64]) -> dict[str, Any]:
    """Return how well cross-validation does: by label AUROC, calibration, and what the answers are worth."""
    label, patient = records.label, records.patient
    p, answers = crossed(records, scores, fold)
    table = label_table(label, p, patient, SUPERCLASSES)
    by_label: dict[str, Any] = {}
    right: dict[str, dict[str, str]] = {}
    for column, name in enumerate(SUPERCLASSES):
        there, said = label[:, column] == 1, answers[:, column]
        counts = calibration_by_record(p[:, column], there, patient, n_bins=N_BINS)
        shares = {
            "not denied": (there, said != NO), "not asserted": (~there, said != YES), YES: (said == YES, there),
            NO: (said == NO, ~there), CANNOT_SAY: (np.ones(len(there), bool), said == CANNOT_SAY),
        }  # fmt: skip
        by_label[name] = {
            "records": int(there.sum()),
            "auroc": [*map(float, table.loc[name, ["auroc", "low", "high"]].to_numpy(np.float64))],
            "calibration error": [*map(float, estimate(counts, expected_calibration_error))],
            "mean probability": float(p[:, column].mean()),
        } | {what: {"of": int(among.sum()), "share": share_of(hit[among])} for what, (among, hit) in shares.items()}
        right[name] = {
            one: f"{int((hit & among).sum())} of {int(among.sum())}"
            for one, (among, hit) in shares.items()
            if one in (YES, NO)
        }
    macro = estimate_over_patients(label, p, patient, macro_auroc)
    return {"labels": by_label, "right": right, "macro AUROC": [*map(float, macro)]}


def share_of(hit: NDArray[np.bool_]) -> list[float] | None:
    """Return a share with its 95 % interval (Wilson), which stays sensible for few; None of nothing."""
    return [*map(float, share(int(hit.sum()), len(hit)))] if len(hit) else None


def about(records: TwelveLeadRecords, network: nn.Module, seconds: float) -> dict[str, Any]:
    """Return what the network learned from, and what it was made with."""
    names = ("ecgnb", "torch", "numpy", "scikit-learn", "onnx")
    without = int((records.label.sum(axis=1) == 0).sum())
    known = "\n".join(f"{name} {file}" for name, file in sorted(DATASETS["ptbxl"].sha256.items()))
    versions = {"python": platform.python_version()} | {name: version(name) for name in names}
    made = {"weights": count_parameters(network), "seconds": round(seconds), "threads": torch.get_num_threads()}
    data: dict[str, Any] = {"records": len(records), "patients": len(np.unique(records.patient)), "without": without}
    data |= {
        "checked": float(records.table["validated_by_human"].mean()),
        "sha256": hashlib.sha256(known.encode()).hexdigest(),
    }
    return data | made | looked_at(records) | CHOSEN | {"folds": N_FOLDS, "members": N_MEMBERS, "versions": versions}


def looked_at(records: TwelveLeadRecords) -> dict[str, int]:
    """Return how many of the records are refused, how many doubtful, and how many are once leads are exchanged."""
    counts = {"refused": 0, "doubtful": 0, "swapped doubtful": 0, "reversed doubtful": 0, "inverted doubtful": 0}
    for signal in records.signal:
        swapped = np.stack([*limb_leads({"I": -signal[0], "II": signal[2]}).values(), *signal[6:]]).astype(np.float32)
        chest_reversed = np.concatenate([signal[:6], signal[:5:-1]])
        for what, given in (("doubtful", signal), ("swapped doubtful", swapped),
                            ("reversed doubtful", chest_reversed), ("inverted doubtful", -signal)):  # fmt: skip
            try:
                counts[what] += bool(check_twelve(given, np.ones(len(given), bool), records.fs, "it"))
            except DataError:
                counts["refused"] += what == "doubtful"
    return counts


def export(network: nn.Module, path: Path) -> float:
    """Write a network as ONNX, and return the largest difference to its scores of random leads."""
    with written_whole(path) as new, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is the fast one, and deprecated
        torch.onnx.export(
            network, (torch.zeros(2, len(LEADS), WINDOW),), str(new), dynamo=False, opset_version=17,
            input_names=["signal"], output_names=["scores"], dynamic_axes={"signal": {0: "n"}, "scores": {0: "n"}},
        )  # fmt: skip
        onnx.checker.check_model(onnx.load(new), full_check=True)
        session = onnxruntime.InferenceSession(new.read_bytes(), providers=["CPUExecutionProvider"])
        gap = 0.0
        for n in (1, 2, 7):
            part = np.random.default_rng(n).standard_normal((n, len(LEADS), WINDOW), dtype=np.float32)
            given = session.run(None, {"signal": part})[0]
            gap = max(gap, float(np.abs(given - predict(network, torch.from_numpy(part)).numpy()).max()))
        if not gap < 1e-3:
            raise ModelError(f"the ONNX scores differ from PyTorch's by {gap:.2g}; expected less than 0.001")
    return gap
