"""Ratios of the plain way over ours, measured side by side in one process by `make bench`; no test."""

import json
import time
from pathlib import Path

import arff
import numpy as np
import pandas as pd
import torch
from torch.nn.functional import l1_loss

from ecgnb import models
from ecgnb.datasets import fetch, load_ecg5000, read_arff
from ecgnb.lessons import find, parameters
from ecgnb.training import fit, set_seed


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


def main():
    """Measure, print, and keep the ratios beside the lessons' results."""
    lesson = find("01")
    options = {name: parameter.default for name, parameter in parameters(lesson).items()}
    beats = load_ecg5000("auto")
    normal = torch.from_numpy(beats.signal[beats.class_name == "Normal"][:2043])
    n_threads = torch.get_num_threads()
    plain_epoch(normal[:20])  # the first steps are slow
    plain = seconds(lambda: plain_epoch(normal), repeats=1)
    torch.set_num_threads(1)  # as the lesson does
    ours = our_epoch(normal, options)
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
    for name, value in results.items():
        print(f"{name:<46} {value}")
    path = Path(lesson.script.parent / "results" / "bench.json")
    path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
