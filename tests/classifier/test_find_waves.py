"""Waves of a recording: on the stand-in, whose waves are known, on LUDB, and by the command line."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgnb import metrics, models
from ecgnb.classifier import classify_recording, waves
from ecgnb.classifier.load import load_classifier
from ecgnb.datasets import LUDB, load_ludb, split_ludb
from ecgnb.datasets.wave_examples import UNKNOWN, prepare_lead, sample_labels, wave_examples
from ecgnb.errors import DataError, UsageError
from ecgnb.training.loop import predict


def found_in(records, leads):
    parts = [
        waves.find_waves(one.wave(lead), one.fs).assign(record=one.name, lead=lead) for one in records for lead in leads
    ]
    return pd.concat(parts, ignore_index=True)


def share_alike(some, others, fs):
    """Return the share of waves that are within 20 ms of one among the others."""
    n = 0
    for kind in ("P", "QRS", "T"):
        edges = (table.loc[table.wave == kind, ["onset", "offset"]] for table in (some, others))
        n += len(metrics.match_waves(*edges, fs, tolerance=0.02)[0])
    return n / len(some)


@pytest.fixture(scope="module")
def strip():
    """A minute of the stand-in."""
    records, marked = load_ludb(["ii"], records=[str(number) for number in range(1, 7)], data="synthetic")
    wave = np.concatenate([record.wave("ii") for record in records])
    return wave, marked, records[0].fs


def test_waves_of_the_stand_in():
    """It never saw a synthetic wave; the stand-in's are as a textbook draws them."""
    records, marked = load_ludb(["ii", "v5"], records=LUDB.records[:12], data="synthetic")
    scores = metrics.wave_scores(metrics.compare_waves(found_in(records, ["ii", "v5"]), marked, 500))
    assert [one.value for one in scores.f1] >= [0.8, 0.9, 0.8], scores.f1.map(str).tolist()
    assert scores.set_index("wave").f1["QRS"].value > 0.95


def test_floor_on_real_patients(real_data):
    """Those of the validation: the test patients were for one look."""
    real_data("ludb")
    val = np.array(LUDB.records)[split_ludb(LUDB.records, "real").val][:20]
    records, marked = load_ludb(["ii", "v2"], records=val.tolist(), data="real")
    scores = metrics.wave_scores(metrics.compare_waves(found_in(records, ["ii", "v2"]), marked, 500))
    f1 = scores.set_index("wave").f1.map(lambda one: one.value)
    assert f1["P"] > 0.93 and f1["QRS"] > 0.99 and f1["T"] > 0.95
    assert max(one.value for edge in ("onset", "offset") for one in scores[f"{edge}_median_ms"]) <= 20


def test_unit_polarity_rate_and_length_of_the_blocks(strip, monkeypatch):
    wave, _, fs = strip
    expected = waves.find_waves(wave, fs)
    assert waves.find_waves(-1000 * wave, fs).wave.value_counts().to_dict() == pytest.approx(
        expected.wave.value_counts().to_dict(), rel=0.1
    )
    pd.testing.assert_frame_equal(waves.find_waves(4 * wave, fs), expected)
    half = waves.find_waves(wave[::2], fs / 2)
    assert share_alike(half.assign(onset=2 * half.onset, offset=2 * half.offset), expected, fs) > 0.9
    monkeypatch.setattr("ecgnb.classifier.recording.BLOCK_SECONDS", 21.0)
    blocks = waves.find_waves(wave, fs)
    assert share_alike(blocks, expected, fs) > 0.95 and share_alike(expected, blocks, fs) > 0.95


def test_torch_and_onnx_find_the_same(strip):
    wave, _, fs = strip
    network = models.load_pretrained("wave_unet")
    theirs = waves.find_waves(wave, fs, scores=lambda pieces: predict(network, torch.from_numpy(pieces)).numpy())
    pd.testing.assert_frame_equal(theirs, waves.find_waves(wave, fs), atol=1e-4)


def test_no_wave_touches_a_gap(strip):
    wave, _, fs = strip
    wave = wave.copy()
    wave[5000:6000] = np.nan
    found = waves.find_waves(wave, fs)
    assert not ((found.onset <= 6000) & (found.offset >= 4999)).any() and len(found) > 50
    assert found.onset.min() > 0 and found.offset.max() < len(wave) - 1


@pytest.mark.parametrize("signal", [np.zeros(5000), np.full(5000, np.nan), np.zeros((2, 5000)), np.ones(10)])
def test_signals_without_waves(signal):
    with pytest.raises(DataError):
        waves.find_waves(signal, 500)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=30))
def test_waves_of_any_scores_are_in_order_and_apart(runs):
    label = np.concatenate([np.full(length, kind) for kind, length in runs])
    found = waves.waves_of_scores(10 * np.eye(4)[label].T)
    assert (found.offset > found.onset).all() and found.onset.is_monotonic_increasing
    for kind, own in found.groupby("wave"):
        assert (own.onset.to_numpy()[1:] - own.offset.to_numpy()[:-1] > waves.GAP * 250).all()
        assert (label[own.onset] == waves.WAVE_CLASSES.index(kind)).all()
    assert ((found.probability > 0) & (found.probability <= 1)).all()


def beat_table(*rows, r):
    return waves.waves_of_beats(pd.DataFrame(rows, columns=["wave", "onset", "offset"]), r, 1000)


def test_waves_of_a_beat():
    table = beat_table(("P", 1000, 1100), ("QRS", 1160, 1250), ("T", 1400, 1560), r=[1200])
    assert table.P_onset_s[0] == 1.0 and table.T_offset_s[0] == 1.56
    assert table[["PR_ms", "QRS_ms", "QT_ms"]].loc[0].tolist() == [160, 90, 400]


def test_waves_that_are_not_there_are_empty():
    table = beat_table(("QRS", 1160, 1250), ("T", 1900, 2000), r=[1200, 5000])
    assert table.QRS_ms.tolist()[0] == 90 and table[["PR_ms", "QT_ms"]].isna().all(axis=None), "that T is too late"
    assert table.loc[1].isna().all()
    assert beat_table(r=[100]).isna().all(axis=None) and not len(beat_table(("QRS", 10, 90), r=[]))


def test_waves_belong_to_one_beat():
    rows = [("QRS", 0, 90), ("T", 300, 400), ("P", 500, 600), ("QRS", 660, 750), ("T", 900, 990)]
    table = beat_table(*rows, r=[40, 700])
    assert table.P_onset_s.isna().tolist() == [True, False] and table.QT_ms.tolist() == [400, 330]
    far = beat_table(("P", 0, 90), ("QRS", 660, 750), r=[700])
    assert far.P_onset_s.isna().all(), "no P waits two thirds of a second"
    assert beat_table(("QRS", 0, 90), r=[20, 70]).QRS_ms.notna().tolist() == [True, False]


def test_nothing_is_claimed_of_noise(strip):
    wave, _, fs = strip
    noise = np.random.default_rng(0).standard_normal(len(wave)).cumsum() / 20
    both = np.concatenate([wave, noise])
    found = classify_recording(both, fs, classifier=load_classifier(quick=True), force=False)
    with_them = waves.with_waves(found, both)
    no_ecg = found.beats.why == "these ten seconds do not look like an ECG"
    assert no_ecg.sum() > 3 and with_them.beats.loc[no_ecg, ["QRS_ms", "P_onset_s", "T_offset_s"]].isna().all(axis=None)
    assert with_them.beats.loc[~no_ecg, "QRS_ms"].notna().mean() > 0.8
    assert list(with_them.beats.columns[: len(found.beats.columns)]) == list(found.beats.columns)
    words = waves.intervals_in_words(with_them)
    assert words.startswith("Median of the beats in which it was found: PR ") and f"of {len(found.beats)}." in words
    with pytest.raises(UsageError, match="expected that of"):
        waves.with_waves(found, both[:-1])


def test_what_a_network_learns_from():
    records, marked = load_ludb(["ii", "v1"], records=LUDB.records[:3], data="synthetic")
    examples = wave_examples(records, marked, ["ii", "v1"])
    assert examples.signal.shape == examples.label.shape == (6, 2500) and examples.signal.dtype == np.float32
    own = marked[(marked.record == "1") & (marked.lead == "ii")]
    for row in own.itertuples():
        inside = examples.label[0, row.onset // 2 + 1 : row.offset // 2]
        assert (inside == waves.WAVE_CLASSES.index(row.wave)).all()
    assert (examples.label[0, : own.onset.min() // 2] == UNKNOWN).all() and 0 < examples.unknown < 0.4
    again = examples.stretched()
    assert again.signal.shape == examples.signal.shape and not np.array_equal(again.label, examples.label)
    assert np.array_equal(again.signal, examples.stretched().signal)
    assert set(examples.of(["2"]).record) == {"2"}
    np.testing.assert_allclose(prepare_lead(7 * records[0].wave("ii"), 500), examples.signal[0], atol=1e-4)


def test_ends_that_nobody_marked_are_left_out():
    rows = [("P", 100, 150, 200), ("QRS", -1, 300, 340), ("T", 400, 500, -1), ("P", 600, 640, 680)]
    label = sample_labels(pd.DataFrame(rows, columns=["wave", "onset", "peak", "offset"]), 400, 250)
    assert (label[:100] == UNKNOWN).all() and (label[100:200] == 1).all()
    assert (label[205:299] == UNKNOWN).all() and (label[300:341] == 2).all(), "an onset lies somewhere before the peak"
    assert (label[350:399] == 0).all() and (label[681:] == UNKNOWN).all()
    label = sample_labels(pd.DataFrame(rows, columns=["wave", "onset", "peak", "offset"]), 800, 250)
    assert (label[501:599] == UNKNOWN).all() and (label[600:680] == 1).all()


def test_patients_are_dealt_out_once_and_for_all(real_data):
    real_data("ludb")
    split = split_ludb(LUDB.records, "real")
    assert (len(split.train), len(split.val), len(split.test)) == (120, 40, 40)
    assert split.test[:5].tolist() == [1, 16, 25, 26, 33]
    with pytest.raises(UsageError, match="at least five"):
        split_ludb(["1", "2"], "synthetic")
    stand_in = split_ludb(LUDB.records[:10], "synthetic")
    assert (len(stand_in.train), len(stand_in.val), len(stand_in.test)) == (6, 2, 2)
