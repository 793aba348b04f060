"""What is an ECG and what is not: indices, the gate, rhythm; on signals that are made here, and on real ones."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import resample

from ecgnb.datasets import MITDB, not_ecg
from ecgnb.detection import (
    ECG,
    INDICES,
    IRREGULAR,
    EcgGate,
    detect_r_peaks,
    irregular_stretches,
    irregularity,
    judge,
    quality_indices,
    sample_entropy_coefficient,
    smoothed,
)
from ecgnb.detection.indices import stretch_edges
from ecgnb.errors import UsageError


def judged(wave, fs):
    r, other = detect_r_peaks(wave, fs), detect_r_peaks(wave, fs, "sleepecg")
    return judge(wave, fs, r, other)


@pytest.fixture(scope="module")
def waves(synthetic_records):
    return [record.signal[:, 0].copy() for record in synthetic_records[:4]]


def test_stretches_cover_a_recording():
    for n, fs in ((3600, 360), (360 * 64, 360), (360 * 66, 360), (2000, 100), (700, 100)):
        edges = stretch_edges(n, fs)
        assert edges[0] == 0 and edges[-1] == n and (np.diff(edges) > 0).all()
        assert (np.diff(edges)[:-1] == 10 * fs).all() and (5 * fs <= np.diff(edges)[-1] <= 15 * fs or n < 5 * fs)


def test_indices_ignore_unit_polarity_and_rate(waves):
    r, other = detect_r_peaks(waves[0], 360), detect_r_peaks(waves[0], 360, "sleepecg")
    plain = quality_indices(waves[0], 360, r, other)
    assert list(plain.columns) == ["start_s", "seconds", *INDICES] and plain[list(INDICES)].notna().all(axis=None)
    turned = quality_indices(-1e6 * waves[0] + 1e5, 360, r, other)
    np.testing.assert_allclose(turned[list(INDICES)], plain[list(INDICES)], atol=0.02)
    slow = resample(waves[0], len(waves[0]) * 250 // 360)
    resampled = quality_indices(slow, 250, np.round(r * 250 / 360).astype(int), np.round(other * 250 / 360).astype(int))
    assert (resampled[list(INDICES)] - plain[list(INDICES)]).abs().median().max() < 0.3


def test_an_ecg_passes_at_any_rate(waves):
    for wave in waves:
        assert judged(wave, 360)["is_ecg"].mean() > 0.8
    for fs in (100, 2000):
        assert judged(resample(waves[0], len(waves[0]) * fs // 360).astype(np.float32), fs)["is_ecg"].mean() > 0.8
    assert judged(waves[0][: 6 * 360], 360)["is_ecg"].all(), "six seconds are enough"


@pytest.mark.parametrize("name", not_ecg.SIGNALS)
def test_what_is_no_ecg_does_not(name):
    passed = [judged(not_ecg.make(name, 60, fs, seed=900 + fs), fs)["is_ecg"].mean() for fs in (100, 250, 360, 1000)]
    assert np.mean(passed) < (0.5 if name in HARD else 0.05)


HARD = (
    "clicks",
    "heart sounds",
)  # a short wave once a beat: at 100 Hz some of them are like a QRS complex in all indices

STRANGE = {
    "noisy pulse": lambda n, fs, rng: not_ecg.SIGNALS["pulse wave"](n, fs, rng) + 0.2 * rng.standard_normal(n),
    "uniform": lambda n, fs, rng: rng.random(n),
    "heavy tails": lambda n, fs, rng: rng.standard_t(2, n),
    "walk in steps": lambda n, fs, rng: np.round(np.cumsum(rng.standard_normal(n)) / 5),
    "sines": lambda n, fs, rng: sum(np.sin(2 * np.pi * f * np.arange(n) / fs) for f in rng.uniform(0.5, 20, 4)),
    "bursts": lambda n, fs, rng: rng.standard_normal(n) * (np.sin(2 * np.pi * np.arange(n) / fs) > 0.5),
    "bits": lambda n, fs, rng: np.repeat(rng.integers(0, 2, 5 * n // fs + 1), fs // 5)[:n].astype(float),
}


@pytest.mark.parametrize("name", STRANGE)
def test_nor_do_kinds_that_the_gate_has_never_met(name):
    rng = np.random.default_rng(5)
    passed = [judged(STRANGE[name](60 * fs, fs, rng).astype(np.float32), fs)["is_ecg"].mean() for fs in (125, 250, 500)]
    assert np.mean(passed) < 0.1


def test_half_and_half(waves):
    """The noisy half is marked, and the other is not."""
    wave = waves[0].copy()
    wave[:10800] = wave.std() * not_ecg.make("white noise", 30, 360, seed=1)
    found = judged(wave, 360)
    assert found["is_ecg"].tolist() == [False] * 3 + [True] * 3
    assert found["start_s"].tolist() == [0, 10, 20, 30, 40, 50]


def test_blocks_of_ten_minutes(waves):
    wave = np.tile(np.concatenate(waves), 5)  # twenty minutes
    r, other = detect_r_peaks(wave, 360), detect_r_peaks(wave, 360, "sleepecg")
    found = judge(wave, 360, r, other)
    assert len(found) == round(len(wave) / 3600) and found["start_s"].is_monotonic_increasing
    assert found["seconds"].sum() == pytest.approx(len(wave) / 360) and found["is_ecg"].mean() > 0.8


def test_nothing_to_judge(waves):
    wave = waves[0].copy()
    wave[:7200] = np.nan
    wave[7200:14400] = wave[7200]
    filled = np.nan_to_num(wave)
    found = judge(wave, 360, detect_r_peaks(filled, 360), detect_r_peaks(filled, 360, "sleepecg"))
    assert not found["is_ecg"][:3].any() and found["p_ecg"].notna().all() and found["is_ecg"].iloc[-1]


def test_a_gate_learns_and_goes_through_a_file():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.standard_normal((900, len(INDICES))), columns=list(INDICES))
    kind = np.where(np.abs(table["rate"]) < 1, ECG, "too slow or too fast")  # no straight line tells these two
    table.loc[0, "rate"] = np.nan
    gate = EcgGate.fit(table, kind, strength=10)
    p = gate.probability(table)
    assert np.isnan(p[0]) and np.mean((p[1:] > 0.5) == (kind[1:] == ECG)) > 0.95
    again = EcgGate.from_values(gate.to_values())
    np.testing.assert_allclose(again.probability(table)[1:], p[1:])
    far = table.assign(**dict.fromkeys(INDICES, 1e9))
    assert np.isfinite(gate.probability(far)).all()
    with pytest.raises(UsageError, match="no signal 'tea'"):
        not_ecg.make("tea", 60, 250)


def test_neighbours_are_heard():
    assert (smoothed([0.9, 0.9, 0.3, 0.9, 0.9]) > 0.5).all(), "one doubtful stretch between sure ones"
    assert (smoothed([0.01, 0.01, 0.6, 0.01, 0.01]) < 0.5).all()
    assert smoothed([1.0, 1.0, 0.0, 1.0, 1.0])[2] < 0.3, "ten seconds of pure noise are not outvoted"
    assert smoothed([0.8]) == pytest.approx(0.8) and smoothed([np.nan]) < 0.01


def test_rhythms():
    rng = np.random.default_rng(0)
    jitter = 0.01 * rng.standard_normal(400)
    even, bigeminy = 0.8 + jitter, np.tile([0.55, 1.05], 200) + jitter
    trigeminy, chaos = np.tile([0.8, 0.8, 0.5], 134)[:400] + jitter, rng.uniform(0.4, 1.2, 400)
    assert all((irregularity(rr) < IRREGULAR).all() for rr in (even, bigeminy, trigeminy))
    assert (irregularity(chaos) > IRREGULAR).all()
    both = irregularity(np.r_[even, chaos]) > IRREGULAR
    stretches = irregular_stretches(np.cumsum(np.r_[even, chaos]), both)
    assert len(stretches) == 1 and abs(stretches["beats"].iloc[0] - 400) < 40
    assert np.isnan(irregularity(even[:20])).all() and len(irregularity([])) == 0
    gaps = np.where(rng.random(400) < 0.5, np.nan, chaos)
    assert np.isnan(irregularity(gaps)).any(), "half of the intervals are not known"
    long = irregularity(np.tile(chaos, 300))  # a day of beats takes little memory
    assert len(long) == 120_000 and (long > IRREGULAR).mean() > 0.95
    assert sample_entropy_coefficient(np.stack([even[:48], chaos[:48]])).shape == (2,)
    assert irregular_stretches([], []).empty


def test_real_records(real_mitdb):
    """Bounds that hold on real patients: an even rhythm, fibrillation, flutter, a pacemaker, noise in both leads."""
    shares = {}
    for record in MITDB.load_records(["100", "105", "107", "202", "219"], data="real"):
        found = judged(record.wave("MLII"), record.fs)
        shares[record.name] = found["is_ecg"].mean()
        if record.name in ("202", "219"):
            fibrillates = record.rhythm_at(record.r_sample) == "AFIB"
            above = irregularity(np.diff(record.r_sample, prepend=np.nan) / record.fs) > IRREGULAR
            assert above[fibrillates].mean() > above[~fibrillates].mean() + 0.4
    assert min(shares.values()) > 0.9 and shares["100"] == 1
