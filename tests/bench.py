"""Ratios of the plain way over ours, measured side by side in one process by `make bench`; no test."""

import copy
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import arff
import numpy as np
import pandas as pd
import torch
import wfdb
from bench_sweeps import bench_sweeps
from scipy.signal import resample_poly
from torch import nn
from torch.nn.functional import cross_entropy, l1_loss, mse_loss
from torch.utils.data import DataLoader, TensorDataset

from ecgnb import metrics, models
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.onnx import OnnxClassifier, export_onnx, onnx_beats_per_second, onnx_latency
from ecgnb.classifier.recording import classify_recording
from ecgnb.course.lessons import find, parameters
from ecgnb.datasets import DS2, cut_beats, fetch, load_ecg5000, load_mitdb, load_records, read_arff
from ecgnb.detection.r_peaks import DETECTORS, detect_r_peaks
from ecgnb.models.layers import conv, conv_block
from ecgnb.training.loop import fit, predict, set_seed
from ecgnb.training.losses import DualLoss


def seconds(function, repeats=3):
    """Return the median time of a call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def plain_epoch(beats):
    """Train the well-known tutorial's way: 128 numbers wide, one sample a step, one beat a step."""
    set_seed(0)
    model = models.create("lstm_autoencoder", n_samples=beats.shape[1], embedding_dim=128, samples_per_step=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for beat in beats:
        optimizer.zero_grad()
        l1_loss(model(beat[None]), beat[None]).backward()
        optimizer.step()


def our_epoch(beats, options):
    """Return the median seconds of an epoch with lesson 01's defaults."""
    set_seed(0)
    names = ("embedding_dim", "hidden_dim", "samples_per_step")
    model = models.create("lstm_autoencoder", n_samples=140, **{name: options[name] for name in names})
    history = fit(
        model, (beats, beats), (beats[:1], beats[:1]), l1_loss, epochs=12,
        batch_size=options["batch_size"], lr=options["lr"], verbose=False,
        augment=lambda x: x + options["input_noise"] * torch.randn_like(x),
    )  # fmt: skip
    return float(np.median(history.seconds))


def bench_01():
    """Return lesson 01's ratios: the textbook epoch, the reading of ARFF."""
    options = {name: parameter.default for name, parameter in parameters(find("01")).items()}
    beats = load_ecg5000("auto")
    normal = torch.from_numpy(beats.signal[beats.class_name == "Normal"][:2043])
    n_threads = torch.get_num_threads()
    plain_epoch(normal[:20])  # the first steps are slow
    plain = seconds(lambda: plain_epoch(normal), repeats=1)
    torch.set_num_threads(1)  # as the lesson does
    ours = our_epoch(normal, options)
    torch.set_num_threads(n_threads)
    results = {
        "data": beats.source,
        "threads, textbook way and ours": [n_threads, 1],
        "epoch, textbook way over ours": round(plain / ours),
        "seconds an epoch, ours": round(ours, 3),
        "seconds an epoch, textbook way": round(plain, 1),
    }
    if beats.source == "real":
        paths = sorted(fetch("ecg5000").glob("*.arff"))

        def plain_read():
            for path in paths:
                with path.open() as stream:
                    pd.DataFrame(arff.load(stream)["data"])

        fast = seconds(lambda: [read_arff(path) for path in paths], repeats=9)
        results["reading both ARFF files, liac-arff over ours"] = round(seconds(plain_read) / fast, 1)
        results["seconds to read both ARFF files, ours"] = round(fast, 3)
    return results


class PlainCNNLSTM(nn.Module):
    """Lesson 02's network as it is usually written: Conv1d, ReLU before pooling, element-wise dropout."""

    def __init__(self):
        super().__init__()
        layers = []
        for channels_in, channels, kernel in ((1, 64, 5), (64, 128, 3), (128, 128, 3)):
            convolution = nn.Conv1d(channels_in, channels, kernel, padding="same")
            layers += [convolution, nn.BatchNorm1d(channels), nn.ReLU(), nn.MaxPool1d(2), nn.Dropout(0.2)]
        self.blocks = nn.Sequential(*layers)
        self.lstm = nn.LSTM(128, 64, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 5))

    def forward(self, signal):
        _, (last, _) = self.lstm(self.blocks(signal[:, None]).transpose(1, 2))
        return self.head(torch.cat([last[0], last[1]], dim=1))


def plain_training(signal, label, batch_size):
    """Train for an epoch with a DataLoader, in single precision."""
    set_seed(0)
    model = PlainCNNLSTM().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x, y in DataLoader(TensorDataset(signal, label), batch_size=batch_size, shuffle=True):
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()


def plain_cut(record, before, after, fs):
    """Cut beats one by one: take a generous stretch around each R peak and resample it."""
    beats = []
    column = record.leads.index(record.lead("MLII"))
    for r in record.r_sample:
        start, end = r - 3 * record.fs, r + 3 * record.fs
        if start < 0 or end > len(record.signal):
            continue
        piece = resample_poly(record.signal[int(start) : int(end), column], 25, 72)
        middle = round(3 * fs)
        beats.append(piece[middle - before : middle + after])
    return np.array(beats)


def bench_02():
    """Return lesson 02's ratios and rates: training, inference, cutting, the cache."""
    options = {name: parameter.default for name, parameter in parameters(find("02")).items()}
    window = dict(before=75, after=112, fs=125.0)
    beats = load_mitdb("auto", **window)
    part = beats[np.random.default_rng(0).permutation(len(beats))[:20480]]
    signal, label = torch.from_numpy(part.zscored().signal), torch.from_numpy(part.label)
    plain_training(signal[:2048], label[:2048], options["batch_size"])
    plain = seconds(lambda: plain_training(signal, label, options["batch_size"]), repeats=2)

    def our_training(bf16):
        set_seed(0)
        model = models.create("cnn_lstm", n_samples=187)
        fit(model, (signal, label), None, cross_entropy, epochs=1, batch_size=options["batch_size"],
            lr=options["lr"], bf16=bf16, verbose=False)  # fmt: skip

    ours, ours_fp32 = (seconds(lambda flag=flag: our_training(flag), repeats=3) for flag in (True, False))
    model = models.create("cnn_lstm", n_samples=187)
    fast, single = (seconds(lambda flag=flag: predict(model, signal, bf16=flag)) for flag in (True, False))
    records = load_records(["100", "208", "233"], data=beats.source)
    loop = seconds(lambda: [plain_cut(record, **window) for record in records], repeats=1)
    vectorised = seconds(lambda: [cut_beats(record, **window) for record in records])
    results = {
        "data": beats.source,
        "threads": torch.get_num_threads(),
        "training, plain DataLoader loop over ours": round(plain / ours, 1),
        "training, ours in fp32 over bf16": round(ours_fp32 / ours, 1),
        "training, beats/s": round(len(part) / ours),
        "training, share of this machine kind's limit of 9,900 beats/s": round(len(part) / ours / 9900, 2),
        "inference, fp32 over bf16": round(single / fast, 1),
        "inference, beats/s in bf16": round(len(part) / fast),
        "inference, beats/s in fp32": round(len(part) / single),
        "cutting, a loop over beats over ours": round(loop / vectorised, 1),
    }
    if beats.source == "real":
        records_to_beats = seconds(
            lambda: [cut_beats(record, **window) for record in load_records(data="real")], repeats=1
        )
        results["records to beats, seconds, cold"] = round(records_to_beats, 2)
        results["records to beats, seconds, from the cache"] = round(
            seconds(lambda: load_mitdb("real", **window), 5), 2
        )
    return results


def bench_03():
    """Return lesson 03's ratios and rates: one sample a step over eight, and what each learns in as many passes."""
    options = {name: parameter.default for name, parameter in parameters(find("03")).items()}
    beats = load_mitdb("auto", before=108, after=180, fs=360.0)
    rows = torch.from_numpy(np.random.default_rng(0).permutation(len(beats)))
    train, test = rows[:4000], rows[4000:8000]
    x, y = torch.from_numpy(beats.zscored().signal), torch.from_numpy(beats.label)
    ours = dict(batch_size=options["batch_size"], lr=options["lr"], bf16=True)
    ways = {
        "the textbook way (batches of 32, fp32)": (1, ours | dict(batch_size=32, bf16=False)),
        "1 sample a step": (1, ours),
        "8 samples a step": (8, ours),
    }
    results = {"data": beats.source, "threads": torch.get_num_threads()}
    for name, (samples_per_step, way) in ways.items():
        set_seed(0)
        model = models.create("lstm_autoencoder_classifier", n_samples=288, samples_per_step=samples_per_step)
        history = fit(model, (x[train], x[train], y[train]), None, DualLoss(), epochs=3, weight_decay=0.01,
                      verbose=False, **way)  # fmt: skip
        drawn, logits = predict(model, x[test])
        results[f"{name}: beats/s"] = round(len(train) / np.median(history.seconds))
        results[f"{name}: MSE after 3 epochs (z-score²)"] = round(float(mse_loss(drawn, x[test])), 4)
        results[f"{name}: accuracy after 3 epochs"] = round(float((logits.argmax(1) == y[test]).float().mean()), 4)
    for name in list(ways)[:2]:
        ratio = results["8 samples a step: beats/s"] / results[f"{name}: beats/s"]
        results[f"epoch, {name} over 8 samples a step"] = round(ratio, 1)
    return results


def bench_04():
    """Return lesson 04's ratios: plain layers over images one pixel high, separable over full convolutions."""
    results = {"threads": torch.get_num_threads()}
    for name, groups in (("a depthwise convolution", 64), ("a full convolution", 1)):
        plain, ours = nn.Conv1d(64, 64, 7, padding=3, groups=groups, bias=False), conv(64, 64, 7, groups=groups)
        with torch.no_grad():
            ours.weight.copy_(plain.weight[:, :, None])
        maps = torch.randn(64, 64, 128)
        image = maps[:, :, None].contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(ours(image)[:, :, 0], plain(maps), rtol=1e-4, atol=1e-5)
        times = [
            seconds(lambda layer=layer, x=x: layer(x).sum().backward(), repeats=20)
            for layer, x in ((plain, maps), (ours, image))
        ]
        results[f"training {name}, Conv1d over an image one pixel high"] = round(times[0] / times[1], 1)
    micro = models.create("micro_ecgnet", n_samples=256, n_classes=4)
    separable = copy.deepcopy(micro)
    for position, (channels_in, channels, kernel) in enumerate(((8, 12, 7), (12, 16, 7), (16, 24, 5)), start=1):
        separable.convolutions[position] = nn.Sequential(
            conv(channels_in, channels_in, kernel, stride=2, groups=channels_in), *conv_block(channels_in, channels, 1)
        )
    for name, model in (("micro_ecgnet", micro), ("the same of separable convolutions", separable)):
        results[f"{name}: million MACs"] = round(metrics.macs(model, 256) / 1e6, 3)
        results[f"{name}: latency p50, ms"] = round(metrics.latency(model, 256, rounds=20).p50, 3)
    lite = models.create("lite_ecgnet", n_samples=256, n_classes=4)
    results["lite_ecgnet: latency p50, ms"] = round(metrics.latency(lite, 256, rounds=20).p50, 3)
    return results


def command(*arguments):
    """Run an `ecgnb` command in a process of its own; return its seconds and its most memory in GB (Linux)."""
    started, most = time.perf_counter(), 0.0
    process = subprocess.Popen([sys.executable, "-m", "ecgnb.cli", *map(str, arguments)], stdout=subprocess.DEVNULL)
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:  # its own high-water mark; that of wait4 begins with ours
        if found := re.search(r"VmHWM:\s+(\d+)", status.read_text(encoding="utf-8")):
            most = int(found[1]) / 1e6
        time.sleep(0.02)
    assert process.returncode == 0, arguments
    return time.perf_counter() - started, most


def bench_05():
    """Return lesson 05's ratios and times: detectors, networks in ONNX, half an hour and a day of raw signal."""
    records = load_records(DS2, data="auto")
    waves = [record.signal[:, record.leads.index(record.lead("MLII"))] for record in records]
    results = {"data": records[0].source, "threads": torch.get_num_threads()}
    times = {name: seconds(lambda name=name: detect_r_peaks(waves[0], 360, name), 3) for name in DETECTORS}
    for name in ("xqrs", "sleepecg"):
        results[f"detecting half an hour, {name} over slope"] = round(times[name] / times["slope"], 1)
    classifier = load_classifier("cnn_lstm")
    with tempfile.TemporaryDirectory() as folder:
        exported = {}
        for name, int8 in (("ONNX", False), ("ONNX int8", True)):
            export_onnx(classifier, Path(folder) / "model.onnx", int8=int8)
            exported[name] = OnnxClassifier(Path(folder) / "model.onnx")
        plain = metrics.latency(classifier.network, 187, rounds=20)
        results["PyTorch: latency p50, ms"] = round(plain.p50, 3)
        results["PyTorch: beats/s"] = round(metrics.beats_per_second(classifier.network, 187, n_passes=20))
        for name, network in exported.items():
            results[f"{name}: latency p50, ms"] = round(onnx_latency(network, rounds=20).p50, 3)
            results[f"{name}: beats/s"] = round(onnx_beats_per_second(network, n_passes=20))
        half_hour = waves[0][: 1800 * 360]
        results["half an hour, in a running session, s"] = round(
            seconds(lambda: classify_recording(half_hour, 360, classifier=load_classifier())), 2
        )
        day = np.concatenate([*waves, *waves, *waves])[: 24 * 3600 * 360]
        for name, wave in (("half an hour", half_hour), ("24 hours", day)):
            stored = np.nan_to_num(wave[:, None].astype(np.float64))
            wfdb.wrsamp("long", fs=360, units=["mV"], sig_name=["MLII"], p_signal=stored, fmt=["16"], write_dir=folder)
            del stored
            taken, memory = command("classify", Path(folder) / "long.hea", "-o", Path(folder) / "beats.csv")
            results[f"{name}, the whole command with its table, s"] = round(taken, 1)
            results[f"{name}, most memory, GB"] = round(memory, 2)
    return results


def main(numbers):
    """Measure some lessons, or all; print, and keep the ratios beside the lessons' results."""
    benches = {"01": bench_01, "02": bench_02, "03": bench_03, "04": bench_04, "05": bench_05, "sweeps": bench_sweeps}
    path = find("01").script.parent / "results" / "bench.json"
    results = json.loads(path.read_text()) if path.is_file() else {}
    for number in numbers or benches:
        results[number] = benches[number]()
        print(f"lesson {number}" if number.isdigit() else number)
        for name, value in results[number].items():
            print(f"  {name:<66} {value}")
    path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
