"""What each number of a recorded run is, in words: the rows of the book's page of results, lesson by lesson."""

from __future__ import annotations

from typing import NamedTuple


class Measure(NamedTuple):
    """A name that a reader understands, what it means, and the unit ("" for a share or a score from 0 to 1)."""

    name: str
    meaning: str
    unit: str = ""


_SPEED = "on the machine that is named below the table"
_MACRO = "mean F1 of N, S and V"
_TRAINING = Measure("Training speed", _SPEED, "beats a second")
_INFERENCE = Measure("Inference speed", _SPEED, "beats a second")

# By the number of the lesson; a key is where the value stands in `metrics`, folder by folder.
MEASURES: dict[str, dict[str, Measure]] = {
    "01": {
        "auroc": Measure("AUROC", "how often an anomaly's error is larger than a normal beat's; chance is 0.5"),
        "auprc": Measure("AUPRC", "area under precision over recall of anomalies; chance is their share of the test"),
        "auroc_gain_over_best_baseline": Measure(
            "AUROC minus the best baseline's", "the network is ahead where it is above 0"
        ),
        "balanced_accuracy": Measure(
            "Balanced accuracy", "mean of sensitivity and specificity at a threshold from normal beats alone"
        ),
        "threshold": Measure("Threshold", "reconstruction error from which a beat is flagged", "z-score"),
        "oracle_balanced_accuracy": Measure(
            "Balanced accuracy of the oracle", "at the threshold that is best on the test itself; nobody has it"
        ),
        "optimism_of_peeking": Measure(
            "Optimism of peeking",
            "balanced accuracy on the half of the test where the oracle chose, minus that on the other half",
        ),
        "anomaly_share": Measure("Share of anomalies", "in the test"),
    },
    "02": {
        "accuracy": Measure("Accuracy, beat-wise split", "patients on both sides of the split: too good to be true"),
        "macro_f1": Measure("Macro F1, beat-wise split", "mean F1 of N, S, V, F and Q"),
        "weighted_f1": Measure("Weighted F1, beat-wise split", "each class weighs what it has of the test beats"),
        "patient_wise_accuracy": Measure("Accuracy, new patients", "trained on DS1, tested on DS2"),
        "patient_wise_macro_f1": Measure("Macro F1, new patients", _MACRO),
        "patient_wise_weighted_f1": Measure("Weighted F1, new patients", "the common class N decides it"),
        "patient_wise_stacking_macro_f1": Measure(
            "Macro F1 of the stack, new patients", f"{_MACRO}; a second model reads answer and timing"
        ),
        "leak_macro_f1": Measure(
            "What having met the patient is worth",
            f"{_MACRO}, on the same beats: these patients in training, minus not",
        ),
        "train_beats_per_second": _TRAINING,
        "inference_beats_per_second": _INFERENCE,
    },
    "03": {
        "accuracy": Measure("Accuracy, new patients", "share of beats that are classified rightly"),
        "macro_f1": Measure("Macro F1, new patients", _MACRO),
        "weighted_f1": Measure("Weighted F1, new patients", "each class weighs what it has of the test beats"),
        "reconstruction_mse": Measure(
            "Reconstruction error, new patients", "mean squared error; lower is better", "mV²"
        ),
        "reconstruction_mse_z": Measure("The same on scaled beats", "mean squared error; lower is better", "z-score²"),
        "pca_reconstruction_mse": Measure(
            "Reconstruction error of PCA", "as many numbers a beat, no network; lower is better", "mV²"
        ),
        "beat_wise_accuracy": Measure("Accuracy, beat-wise split", "patients on both sides of the split"),
        "beat_wise_reconstruction_mse": Measure(
            "Reconstruction error, beat-wise split", "mean squared error; lower is better", "mV²"
        ),
        "accuracy_beyond_majority": Measure(
            "Accuracy minus that of always N", "below 0: calling every beat N is right more often"
        ),
        "macro_f1_beyond_linear": Measure(
            "Macro F1 minus the linear model's", "PCA and logistic regression on the same beats"
        ),
        "adaptation_macro_f1": Measure(
            "What the patient's first minutes are worth",
            f"{_MACRO}, on the same beats: labelled minutes in training, minus not",
        ),
        "adaptation_others": Measure("The same, without one record", "the record with most S beats left out"),
        "validation_mse": Measure(
            "Reconstruction loss in validation", "beats of the training patients, after the last epoch", "z-score²"
        ),
        "validation_cross_entropy": Measure(
            "Classification loss in validation", "cross-entropy, beats of the training patients, after the last epoch"
        ),
        "train_beats_per_second": _TRAINING,
        "inference_beats_per_second": _INFERENCE,
    },
    "04": {
        "best_macro_f1": Measure(
            "Macro F1 of the best network", "mean F1 of N, SVEB, VEB and Other; which is best, this very test said"
        ),
        "smallest_macro_f1": Measure("Macro F1 of the smallest network", "trained on the same beats"),
        "smallest_minus_best": Measure(
            "The smallest minus the best of the others", "difference of macro F1, on the same beats"
        ),
        "smallest_on_all_beats": Measure(
            "Macro F1 of the smallest, on all training beats", "the others learned from a part of them"
        ),
        "smallest_on_all_minus_best": Measure(
            "The smallest on all beats minus the best of the others", "difference of macro F1"
        ),
        "wrong_for_all": Measure("Wrong for all networks", "of the beats that some network gets wrong"),
        "overlapping_test_windows": Measure(
            "Test windows that overlap training", "if beats are split at random: they share signal"
        ),
    },
    "05": {
        "sensitivity": Measure(
            "Sensitivity of the detector", "share of the marked R peaks that it finds, within 150 ms"
        ),
        "positive_predictive_value": Measure("PPV of the detector", "share of what is found that is a marked R peak"),
        "macro_f1_annotated_peaks": Measure("Macro F1 at annotated R peaks", f"{_MACRO}; network of lesson 02"),
        "macro_f1_found_peaks": Measure("Macro F1 at detected R peaks", f"{_MACRO}; network of lesson 02"),
        "macro_f1_newer_network": Measure("Macro F1 of the newer network", f"{_MACRO}; network of lesson 06"),
        "newer_network_change": Measure(
            "What the newer network changes", "difference of macro F1, on the same detected beats"
        ),
        "accuracy_change_by_detection": Measure(
            "What detection changes", "difference of accuracy, detected minus annotated R peaks"
        ),
        "accuracy_of_all": Measure("Accuracy if every beat is answered", "at detected R peaks"),
        "not_classified": Measure("Share not classified", "beats of which the network is not sure enough"),
        "accuracy_of_classified": Measure("Accuracy of what is answered", "the beats of which it is sure enough"),
        "overconfident_errors": Measure(
            "Errors made with confidence", "of all wrong labels the share that is confident, and stays"
        ),
        "int8_macro_f1_change": Measure("What int8 changes", "difference of macro F1, eight-bit minus full weights"),
        "int8_agreement": Measure("int8 agrees with full weights", "share of the beats with the same label"),
        "seconds_for_half_an_hour": Measure("Time for half an hour of ECG", "from signal to labels", "s"),
        "seconds_for_the_long_recording": Measure("Time for the long recording", "its length is the next row", "s"),
        "hours": Measure("Length of the long recording", "half-hour recordings laid end to end", "h"),
        "torch_latency_ms_p50": Measure("Latency of one beat, PyTorch", "median", "ms"),
        "onnx_latency_ms_p50": Measure("Latency of one beat, ONNX", "median", "ms"),
        "int8_latency_ms_p50": Measure("Latency of one beat, ONNX int8", "median", "ms"),
        "torch_beats_per_second": Measure("Throughput, PyTorch", "in batches", "beats a second"),
        "onnx_beats_per_second": Measure("Throughput, ONNX", "in batches", "beats a second"),
        "int8_beats_per_second": Measure("Throughput, ONNX int8", "in batches", "beats a second"),
    },
    "06": {
        "on_ds2/+ other leads/macro F1": Measure("Macro F1 on DS2", f"{_MACRO}; the network that the tool has"),
        "on_ds2/+ other leads/F1 of S": Measure("F1 of S on DS2", "supraventricular ectopic beats, the hard class"),
        "on_ds2/+ other leads/F1 of V": Measure("F1 of V on DS2", "ventricular ectopic beats"),
        "macro_f1_svdb": Measure(
            "Macro F1 on svdb", f"{_MACRO}; another database, networks trained alike, each patient held out once"
        ),
        "on_ds2/causal/macro F1": Measure("Macro F1 on DS2, looking back only", "the network of `ecgnb watch`"),
        "one_man_in_both_halves": Measure(
            "What record 201 in training is worth",
            "difference of macro F1 on DS2, of a rebuilt published recipe; record 202 is the same man",
        ),
    },
    "07": {
        "calibration/DS2/ECE": Measure("Calibration error, raw", "ECE on DS2: how far confidence is from being right"),
        "calibration/DS2, tempered/ECE": Measure("Calibration error, tempered", "ECE on DS2, one number learned"),
        "temperature": Measure("Temperature", "the scores are divided by it; above 1: the network was too sure"),
        "min_confidence": Measure("Least confidence", "below it a beat gets no label"),
        "silence/DS2/coverage": Measure("Coverage on DS2", "share of beats that get a label"),
        "silence/DS2/risk": Measure("Risk on DS2", "share of these labels that are wrong"),
        "doubts/DS2, no S without rhythm/coverage": Measure(
            "Coverage with the rule of rhythm", "sure ones, but no S where the rhythm is irregular"
        ),
        "doubts/DS2, no S without rhythm/risk": Measure(
            "Risk with the rule of rhythm", "share of these labels that are wrong"
        ),
        "risk_of_as_many_by_confidence": Measure("Risk of as many, by confidence alone", "to compare with the rule"),
        "irregular_from": Measure("Irregular from", "coefficient of sample entropy of the intervals; chosen on DS1"),
        "refused/DS2": Measure("ECG refused", "share of DS2's ten-second stretches that the gate turns away"),
        "passes_when_left_out/electrode motion": Measure(
            "Electrode motion that passes", "share, had the gate never met this kind of signal"
        ),
    },
    "08": {
        "detectors/slope/sensitivity": Measure(
            "Sensitivity of the R peak detector", "LUDB, lead II; no clean test, some rules were made on it"
        ),
        "waves/0/f1": Measure("F1 of P waves found", "by the U-Net, both ends within 150 ms; patients never met"),
        "waves/0/onset_median_ms": Measure(
            "Error of the P wave's onset", "median distance from the annotation, of those found", "ms"
        ),
    },
    "09": {
        "macro_auroc": Measure(
            "Macro AUROC, networks", "mean over five groups of diagnoses, of a committee; twelve leads"
        ),
        "models/trees/macro AUROC": Measure("Macro AUROC, trees", "on measurements, no network"),
        "differences/networks minus trees": Measure("Networks minus trees", "difference of macro AUROC"),
        "untouched/networks": Measure("Macro AUROC, networks, untouched half", "patients by whom nothing was chosen"),
        "leads/I alone/macro AUROC": Measure("Macro AUROC of lead I alone", "as a watch has it"),
        "leads/I alone/minus 12 leads": Measure("Lead I minus twelve leads", "difference of macro AUROC"),
        "pretraining/from PTB-XL/minus from nothing": Measure(
            "What pretraining without labels is worth", "difference of macro AUROC, where few patients have labels"
        ),
    },
}
