"""Features of twelve leads: known waves are measured again, at any rate; what is not there is NaN; the baselines."""

import numpy as np
import pandas as pd
import pytest

from ecgnb import metrics
from ecgnb.datasets import load_ptbxl
from ecgnb.datasets.twelve_leads import FROM_I_AND_II, LEADS
from ecgnb.detection import detect_r_peaks, extra_trees, feature_names, logistic_regressions, median_beat
from ecgnb.detection.twelve_features import twelve_features
from ecgnb.errors import UsageError

CHEST = dict(V1=-0.4, V2=-0.2, V3=0.3, V4=1.0, V5=1.2, V6=0.9)


def made(fs=500, *, rate=75, height=1.0, p=0.15, t=0.25, qrs=0.1, noise=0.0, seed=0):
    """Ten seconds of round waves: QRS, P 200 ms before and T 280 ms after its peak, both 100 ms wide."""
    second = np.arange(10 * fs) / fs
    r = np.arange(0.5, 9.9, 60 / rate)
    apart = second - r[:, None]
    wave = np.zeros(apart.shape)
    for high, at, width in ((height, 0, qrs), (p, -0.2, 0.1), (t, 0.28, 0.1)):
        wave += high * np.cos(np.pi * np.clip((apart - at) / width, -0.5, 0.5)) ** 2
    of_lead = {name: 0.6 * of_i + 1.0 * of_ii for name, (of_i, of_ii) in FROM_I_AND_II.items()} | CHEST
    signal = np.array([of_lead[name] for name in LEADS])[:, None] * wave.sum(axis=0)
    return signal + noise * np.random.default_rng(seed).standard_normal(signal.shape), of_lead


@pytest.mark.parametrize("fs", [100, 250, 500, 1000])
def test_known_waves_are_measured_again(fs):
    signal, of_lead = made(fs, noise=0.005)
    found = twelve_features(signal[None], fs).iloc[0]
    assert found["rate"] == pytest.approx(75, abs=1) and found["rr_sd"] < 0.02 and found["unlike"] == 0
    assert found["QRS"] == pytest.approx(0.1, abs=0.03)
    assert found["PR"] == pytest.approx(0.25 - 0.05, abs=0.03)
    assert found["QT"] == pytest.approx(0.05 + 0.33, abs=0.03)
    for lead, height in of_lead.items():
        top = found[f"{lead}_R"] if height > 0 else min(found[f"{lead}_Q"], found[f"{lead}_S"])
        assert top == pytest.approx(height, abs=0.15 * abs(height) + 0.05)
        assert found[f"{lead}_T"] == pytest.approx(0.25 * height, abs=0.08)
        assert found[f"{lead}_P"] == pytest.approx(0.15 * height, abs=0.06)
    axis = np.degrees(np.arctan2(found["axis_sin"], found["axis_cos"]))
    assert axis == pytest.approx(np.degrees(np.arctan2(of_lead["aVF"] * 2 / np.sqrt(3), of_lead["I"])), abs=3)
    assert found["QRS_T"] == pytest.approx(1, abs=0.02)


def test_what_differs_differs():
    usual, taller, wider, faster, turned = (
        twelve_features(made(**change)[0][None], 500).iloc[0]
        for change in ({}, {"height": 2.0}, {"qrs": 0.16}, {"rate": 110}, {"t": -0.25})
    )
    assert taller["Sokolow"] == pytest.approx(2 * usual["Sokolow"], rel=0.1)
    assert 0.03 < wider["QRS"] - usual["QRS"] < 0.09
    assert faster["rate"] == pytest.approx(110, abs=2)
    fast = twelve_features(made(rate=130, p=0.0)[0][None], 500).iloc[0]
    assert fast["V5_T"] == pytest.approx(usual["V5_T"], rel=0.2), "the next beat's QRS is no T wave"
    assert turned["V5_T"] < 0 < usual["V5_T"] and turned["QRS_T"] == pytest.approx(-1, abs=0.05)


def test_the_median_beat_leaves_other_beats_out():
    signal, _ = made(noise=0.01)
    r = detect_r_peaks(signal[1], 500)
    for at in r[[3, 8]]:
        signal[:, at - 60 : at + 60] = -1.5 * np.hanning(120)
    beat = median_beat(signal, 500)
    assert beat.wave.shape == (12, round((0.35 + 0.55) * 500))
    assert 0 < beat.share_unlike < 0.4 and beat.n_beats >= 6
    clean = median_beat(made()[0], 500)
    assert np.abs(beat.wave - clean.wave).max() < 0.1


def test_nothing_is_measured_where_nothing_is():
    flat, (good, _) = np.zeros((12, 5000)), made()
    table = twelve_features(np.stack([flat, good]), 500)
    assert table.columns.tolist() == feature_names() and len(table) == 2
    assert table.iloc[0].isna().all() and table.iloc[1].notna().all()
    without_p = twelve_features(made(p=0.0)[0][None], 500).iloc[0]
    assert np.isnan(without_p["PR"]) and np.isnan(without_p["II_P"]) and without_p["QRS"] > 0
    assert twelve_features(flat[None, :, :0].repeat(0, axis=0), 500).shape == (0, len(feature_names()))


@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_breaks_nothing(seed):
    table = twelve_features(np.random.default_rng(seed).standard_normal((2, 12, 1000)), 100)
    assert np.isfinite(table.drop(columns=["PR", "QT", "QTc"]).fillna(0)).all(axis=None)


def test_what_is_refused():
    signal = made()[0]
    with pytest.raises(UsageError, match=r"expected \(n, 12, n_samples\)"):
        twelve_features(signal[None, :8], 500)
    with pytest.raises(UsageError, match="all values finite"):
        twelve_features(np.where(signal > 1, np.nan, signal)[None], 500)
    with pytest.raises(UsageError, match="sampling rate"):
        twelve_features(signal[None], 50)


@pytest.fixture(scope="module")
def synthetic():
    """Synthetic records and what is measured in them."""
    records = load_ptbxl(100, data="synthetic")
    return records, twelve_features(records.signal, records.fs)


@pytest.mark.parametrize("make", [logistic_regressions, extra_trees])
def test_baselines_tell_the_synthetic_diseases_apart(make, synthetic):
    records, features = synthetic
    features, label = features.copy(), records.label
    features.iloc[::7, 4] = np.nan
    train = records.patient % 2 == 0
    said = make().fit(features[train], label[train]).predict_proba(features[~train])
    assert said.shape == label[~train].shape and ((said >= 0) & (said <= 1)).all()
    assert metrics.macro_auroc(label[~train], said) > 0.9


def test_baselines_take_a_feature_that_is_never_known():
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.standard_normal((40, 3)), columns=list("abc")).assign(d=np.nan)
    label = np.stack([features["a"] > 0, features["b"] > 0], axis=1).astype(int)
    for make in (logistic_regressions, extra_trees):
        assert make().fit(features, label).predict_proba(features).shape == (40, 2)
