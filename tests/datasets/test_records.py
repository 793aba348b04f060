"""WFDB records to beats: the facts of the real mitdb, the cache, and what is refused."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgnb.datasets import (
    AAMI,
    DS1,
    DS2,
    PACED,
    RECORDS,
    Record,
    cut_beats,
    database,
    load_mitdb,
    load_records,
    patient_of,
    read_record,
    rr_features,
    synthetic,
)
from ecgnb.datasets.mitbih import MITDB
from ecgnb.datasets.store import cache
from ecgnb.errors import DataError, UsageError

CLASSES = {"N": (90631, "NLRej"), "S": (2781, "AaJS"), "V": (7236, "VE"), "F": (803, "F"), "Q": (8043, "/fQ")}


@pytest.fixture(scope="module")
def real_records(real_mitdb):
    return load_records(data="real")


def test_real_marks_and_classes(real_records):
    marks = np.concatenate([record.mark_symbol for record in real_records])
    label = np.concatenate([record.label for record in real_records])
    assert len(real_records) == 48 and len(marks) == 112_647 and len(label) == 109_494
    assert np.bincount(label).tolist() == [count for count, _ in CLASSES.values()]
    for position, (count, symbols) in enumerate(CLASSES.values()):
        assert np.isin(marks, list(symbols)).sum() == count
        assert all(AAMI[symbol] == position for symbol in symbols)
    unpaced = np.concatenate([record.label for record in real_records if record.name not in PACED])
    assert np.bincount(unpaced).tolist() == [90125, 2781, 7009, 803, 15]
    assert all(record.signal.shape == (650_000, 2) and record.fs == 360 for record in real_records)


def test_real_leads(real_records):
    used = {record.name: record.lead("MLII") for record in real_records}
    assert {name for name, lead in used.items() if lead != "MLII"} == {"102", "104"}
    assert used["102"] == used["104"] == "V5"
    (record,) = [record for record in real_records if record.name == "114"]
    assert record.leads == ("V5", "MLII"), "the wanted lead is not the first one"
    by_name, by_place = cut_beats(record, 50, 50), record.signal[record.r_sample[5] - 50 : record.r_sample[5] + 50, 1]
    assert (by_name.signal[by_name.r_sample == record.r_sample[5]][0] == by_place).all()


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after", "fs"), [(75, 112, 125.0), (144, 144, 360.0), (360, 360, 360.0)])
def test_every_real_beat_is_kept_or_counted(real_mitdb, before, after, fs):
    beats = load_mitdb("real", before=before, after=after, fs=fs)
    assert beats.signal.shape == (len(beats), before + after) and beats.fs == fs and beats.unit == "mV"
    assert len(beats) + sum(beats.dropped.values()) == 109_494
    assert 0 < sum(beats.dropped.values()) < 250 and beats.dropped["samples without a value"] == 0
    assert np.isfinite(beats.signal).all() and np.isfinite(beats.rr).all()
    r = np.abs(beats.signal[:, before - 4 : before + 5] - np.median(beats.signal, axis=1, keepdims=True)).max(axis=1)
    assert np.median(r) > 0.5, "the R peak is where the window says"


def test_published_divisions():
    assert len(DS1) == len(DS2) == 22 and len(RECORDS) == 48 and not set(DS1) & set(DS2)
    assert patient_of(["201", "202", "203"]).tolist() == ["201", "201", "203"]


def test_wfdbs_beat_symbols_all_have_a_class():
    """All but "!", a wave of ventricular flutter, which mitdb's own counts leave out too."""
    annotation = wfdb.io.annotation
    beats = {label.symbol for label in annotation.ann_labels if annotation.is_qrs[label.label_store]}
    assert beats - {"!"} == set(AAMI)


def test_what_lesson_02_says_of_record_232(real_mitdb):
    """Half of all S beats; the beat before lies 0.7 s away, outside the window, and closer than many normal ones."""
    beats = load_mitdb("real")
    s, here = beats.class_name == "S", beats.record == "232"
    assert 0.45 < here[s].mean() < 0.55
    assert 0.7 < np.median(beats.rr[s & here, 0]) < 0.8
    assert (beats.rr[s & here, 0] < 0.6).mean() < 0.01 < 0.8 < (beats.rr[s & ~here, 0] < 0.6).mean()
    assert (beats.rr[beats.class_name == "N", 0] < 0.73).mean() > 0.3


def test_real_leads_that_not_every_record_has(real_mitdb):
    with pytest.raises(UsageError, match=r"these records have no lead 'V1': 100, 102, .* 124; leave them out"):
        load_mitdb("real", lead="V1")


def test_real_beats_of_two_leads(real_mitdb):
    window = dict(records=["101", "106", "114"], before=108, after=180, fs=360.0)
    with pytest.raises(UsageError, match="these records have no lead 'V1': 114"):
        load_mitdb("real", lead=["MLII", "V1"], **window)
    window["records"].pop()
    both = load_mitdb("real", lead=["MLII", "V1"], **window)
    assert both.signal.shape == (len(both), 2, 288) and both.leads == ("MLII", "V1") and both.n_samples == 288
    for position, lead in enumerate(both.leads):
        one = load_mitdb("real", lead=lead, **window)
        assert one.leads == (lead,) and (both.signal[:, position] == one.signal).all()
        assert (both.zscored().signal[:, position] == one.zscored().signal).all(), "each lead by itself"


def test_real_flutter(real_records):
    (record,) = [record for record in real_records if record.name == "207"]
    samples = np.arange(0, 650_000, 50)
    kept = record.outside_flutter(samples)
    assert len(kept) == 11_970 and np.isin([14_650, 18_400], kept).all() and not np.isin([14_700, 589_900], kept).any()
    assert len(real_records[0].outside_flutter(samples)) == len(samples)


# What cut_beats does, on records made by hand


def some_record(n=4000, fs=250.0, r=(100, 500, 900, 3950), symbols="NVNA", leads=("MLII", "V1"), signal=None):
    if signal is None:
        signal = np.arange(n * len(leads), dtype=np.float32).reshape(len(leads), n).T
    return Record("x", signal, leads, fs, np.array([10, *r]), np.array(["+", *symbols]))


def test_cut_beats_takes_the_samples_around_r():
    beats = cut_beats(some_record(), 50, 60)
    assert beats.r_sample.tolist() == [100, 500, 900] and beats.class_name.tolist() == ["N", "V", "N"]
    assert (beats.signal == beats.r_sample[:, None] + np.arange(-50, 60)).all()
    assert beats.dropped["too near the end of the record"] == 1
    assert (cut_beats(some_record(), 50, 60, lead="V1").signal == beats.signal + 4000).all()
    with pytest.raises(UsageError, match="record 'x' has no lead 'aVR'; it has: MLII, V1"):
        cut_beats(some_record(), 50, 60, lead="aVR")


@settings(max_examples=40, deadline=None)
@given(
    r=st.lists(st.integers(0, 1999), min_size=1, max_size=30, unique=True).map(sorted),
    before=st.integers(0, 200),
    after=st.integers(1, 200),
    fs=st.sampled_from([100.0, 125.0, 250.0, 360.0, 500.0]),
    holes=st.lists(st.integers(0, 1999), max_size=3),
)
def test_no_beat_is_lost(r, before, after, fs, holes):
    signal = np.random.default_rng(0).normal(size=(2000, 1)).astype(np.float32)
    signal[holes] = np.nan
    record = Record("x", signal, ("MLII",), 250.0, np.array(r), np.array(["N"] * len(r)))
    beats = cut_beats(record, before, after, fs=fs)
    assert len(beats) + sum(beats.dropped.values()) == len(r)
    assert np.isfinite(beats.signal).all() and beats.signal.shape[1] == before + after


def test_a_beat_over_missing_samples_is_dropped_and_counted():
    signal = np.zeros((4000, 2), dtype=np.float32)
    signal[520, 0] = np.nan
    beats = cut_beats(some_record(signal=signal), 50, 60, fs=125)
    assert beats.dropped["samples without a value"] == 1 and 500 not in beats.r_sample
    assert len(cut_beats(some_record(signal=signal), 50, 60, fs=125, lead="V1")) == 3, "the other lead is whole"


def test_resampling_keeps_a_wave_in_place():
    time = np.arange(20_000) / 360
    signal = np.cos(2 * np.pi * 2 * time, dtype=np.float32)[:, None]
    record = some_record(fs=360.0, r=(1800, 3600, 5400, 7200), leads=("MLII",), signal=signal)
    beats = cut_beats(record, 25, 37, fs=125.0)
    expected = np.cos(2 * np.pi * 2 * np.arange(-25, 37) / 125)
    np.testing.assert_allclose(beats.signal, np.tile(expected, (4, 1)), atol=0.02)


def test_highpass_takes_the_baseline_and_leaves_the_beat_in_place():
    time = np.arange(20_000) / 360
    beat = sum(np.exp(-(((time - r) / 0.02) ** 2)) for r in (11, 22, 34, 47))
    drift = 2 * np.sin(2 * np.pi * 0.1 * time) + 5
    record = some_record(
        fs=360.0, r=(3960, 7920, 12240, 16920), leads=("MLII",), signal=np.float32(beat + drift)[:, None]
    )
    wandering, still = (cut_beats(record, 180, 180, highpass=cutoff).signal for cutoff in (None, 0.5))
    assert (still.argmax(axis=1) == 180).all()
    flat = np.abs(np.arange(-180, 180)) > 60
    assert wandering[:, flat].std() > 0.5 and np.abs(still[:, flat]).max() < 0.15
    np.testing.assert_allclose(still.max(axis=1), 1, atol=0.1)


def test_vectorised_cutting_equals_a_loop(synthetic_records):
    record = synthetic_records[0]
    beats = cut_beats(record, 100, 120)
    column = record.leads.index("MLII")
    loop = [record.signal[r - 100 : r + 120, column] for r in record.r_sample if 100 <= r <= len(record.signal) - 120]
    assert (beats.signal == np.array(loop)).all()


def test_rr_features():
    rr = rr_features(some_record(r=(0, 250, 500, 650), symbols="NNNA"))
    np.testing.assert_allclose(rr[:, 0], [1, 1, 1, 0.6], rtol=1e-6)
    np.testing.assert_allclose(rr[:, 1], [1, 1, 0.6, 0.6], rtol=1e-6)
    np.testing.assert_allclose(rr[:, 2], [1, 1, 1, 0.6], rtol=1e-6)
    assert (rr_features(some_record(r=(5,), symbols="N")) == 1).all()


def test_ratios_look_back_only():
    r = np.cumsum(np.random.default_rng(0).uniform(100, 300, 40)).astype(int)
    symbols = "N" * 40
    whole, cut_short = (rr_features(some_record(n=20000, r=r[:n], symbols=symbols[:n])) for n in (40, 25))
    assert (whole[:24] == cut_short[:24]).all() and (whole[24, [0, 2, 3]] == cut_short[24, [0, 2, 3]]).all()
    recent = np.diff(r)[20] / np.diff(r)[12:20].mean()
    assert whole[21, 3] == pytest.approx(recent, rel=1e-5), "the last eight intervals before this one"


def test_a_beat_of_several_leads_needs_a_value_in_each():
    signal = np.random.default_rng(0).normal(size=(4000, 2)).astype(np.float32)
    signal[520, 1] = np.nan
    both = cut_beats(some_record(signal=signal), 50, 60, fs=125, lead=["V1", "MLII"], highpass=0.5)
    assert both.leads == ("V1", "MLII") and both.r_sample.tolist() == [100, 900]
    one = cut_beats(some_record(signal=signal), 50, 60, fs=125, highpass=0.5)
    assert (both.signal[:, 1] == one.signal[[0, 2]]).all()


def test_a_stand_in_is_taken_only_where_it_is_said():
    record = replace(some_record(), stand_ins={"V5": "V1", "V6": "V2"})
    assert record.lead("V5") == "V1" and (record.wave("V5") == record.wave("V1")).all()
    with pytest.raises(UsageError, match="no lead 'V6'; it has: MLII, V1"):
        record.wave("V6")


def test_flutter_that_does_not_end():
    record = Record(
        "x", np.zeros((1000, 1), np.float32), ("MLII",), 250.0, np.array([300, 350, 600]), np.array(["[", "]", "["])
    )
    assert record.outside_flutter([0, 299, 300, 325, 350, 351, 599, 600, 999]).tolist() == [0, 299, 351, 599]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(before=-1, after=5), "expected a window of at least one sample"),
        (dict(before=1, after=0), "expected a window of at least one sample"),
        (dict(before=5, after=5, fs=0), "expected samples per second above 0"),
        (dict(before=5.0, after=5), "expected two whole numbers and a rate"),
        (dict(before=5, after=5, fs="fast"), "expected two whole numbers and a rate"),
        (dict(before=5, after=5, highpass=0), "highpass=0; expected a frequency between 0 and 125 Hz"),
        (dict(before=5, after=5, highpass=125.0), "expected a frequency between 0 and 125 Hz"),
        (dict(before=5, after=5, fs=249.97), "not a simple share of the record's 250 Hz"),
        (dict(before=5, after=5, lead=[]), r"lead=\[\]; expected a lead's name such as 'MLII', or a list of several"),
        (dict(before=5, after=5, lead=["V1", "V1"]), "or a list of several, each once"),
        (dict(before=5, after=5, lead=2), "lead=2; expected a lead's name"),
    ],
)
def test_windows_that_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        cut_beats(some_record(), **arguments)


# Bad records


@pytest.fixture
def folder(tmp_path):
    synthetic.write_mitdb(tmp_path, ["100"], paced=PACED, seconds=20)
    return tmp_path


def test_synthetic_records_have_the_form_of_the_real_ones(synthetic_records):
    assert [record.name for record in synthetic_records] == list(RECORDS)
    for record in synthetic_records:
        assert record.fs == 360 and record.leads == ("MLII", "V1") and record.mark_symbol[0] == "+"
        assert set(record.mark_symbol[1:]) <= (set("N/") if record.name in PACED else set("NAVF"))
    symbols = np.concatenate([record.mark_symbol for record in synthetic_records])
    rr = np.concatenate([rr_features(record) for record in synthetic_records])
    beat_symbols = symbols[symbols != "+"]
    early = {kind: np.median(rr[beat_symbols == kind, 2]) for kind in "NAV"}
    assert early["A"] < 0.8 < early["N"] and early["V"] < 0.8, "S and V come early, as the real ones do"


def test_the_same_seed_gives_the_same_files(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    synthetic.write_mitdb(other, ["100"], paced=PACED, seconds=20)
    for ending in ("hea", "dat", "atr"):
        assert (folder / f"100.{ending}").read_bytes() == (other / f"100.{ending}").read_bytes()


@pytest.mark.parametrize("ending", ["hea", "dat", "atr"])
def test_a_record_that_lacks_a_file(folder, ending):
    (folder / f"100.{ending}").unlink()
    with pytest.raises(DataError, match=rf"record '100' in .* lacks 100\.{ending}"):
        read_record(folder, "100")


def test_a_damaged_signal_fails_its_checksum(folder):
    path = folder / "100.dat"
    content = bytearray(path.read_bytes())
    content[3000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"record '100': lead MLII is off its header's checksum"):
        read_record(folder, "100")


def test_a_signal_that_is_cut_off(folder):
    path = folder / "100.dat"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"record '100' in .* cannot be read: .*; fetch it anew"):
        read_record(folder, "100")


def test_marks_that_are_no_marks(folder):
    (folder / "100.atr").write_bytes(b"\xff" * 33)
    with pytest.raises(DataError, match="record '100'"):
        read_record(folder, "100")


def test_a_record_without_beats(folder):
    wfdb.wrann("100", "atr", np.array([5, 9]), ["+", "~"], write_dir=str(folder))
    with pytest.raises(DataError, match=r"record '100' has no beat in 100\.atr"):
        read_record(folder, "100")


def test_marks_of_a_longer_record(folder):
    wfdb.wrann("100", "atr", np.array([5, 90_000]), ["N", "N"], write_dir=str(folder))
    with pytest.raises(DataError, match="1 beats are marked after the signal's end"):
        read_record(folder, "100")


@pytest.mark.parametrize(
    ("samples", "symbols"),
    [([50, 50, 900], "NNN"), ([900, 50], "NN"), ([-5, 50], "NN")],
    ids=["twice", "order", "early"],
)
def test_marks_out_of_order(folder, monkeypatch, samples, symbols):
    marks = type("Marks", (), {"sample": samples, "symbol": list(symbols), "aux_note": [""] * len(samples)})
    monkeypatch.setattr("wfdb.rdann", lambda *_: marks)
    with pytest.raises(DataError, match="not marked in order of time, each once"):
        read_record(folder, "100")


def test_a_single_mark_past_the_end_costs_one_beat(folder):
    """As in record 860 of the supraventricular database."""
    r = np.arange(100, 7100, 30)
    wfdb.wrann("100", "atr", np.r_[r, 7200], ["N"] * (len(r) + 1), write_dir=str(folder))
    beats = cut_beats(read_record(folder, "100"), 20, 20)
    assert len(beats) == len(r) and beats.dropped["too near the end of the record"] == 1


def change_header(folder, before, after):
    path = folder / "100.hea"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("/mV", "/mmHg", "record '100' is in mmHg; expected one of: mV"),
        ("100.dat 212", "100.dat 212x2", "expected one rate and no skew"),
        ("100.dat 212", "100.dat 212:3", "expected one rate and no skew"),
        ("100 2 360", "100 2 0", "2 signals at 0.* expected one or more, above 0 Hz"),
        ("100 2 360", "100/2 2 360", "record '100'"),
    ],
)
def test_headers_that_ask_for_more_than_we_read(folder, before, after, message):
    change_header(folder, before, after)
    with pytest.raises(DataError, match=message):
        read_record(folder, "100")


def test_microvolts_are_read_as_such(folder):
    whole = read_record(folder, "100").signal
    change_header(folder, "/mV", "/uV")
    np.testing.assert_allclose(read_record(folder, "100").signal, whole / 1000, rtol=1e-5)


def test_one_lead_missing_values_and_another_rate(tmp_path):
    signal = np.sin(np.arange(5000) / 20)[:, None]
    signal[1000:1010] = np.nan
    wfdb.wrsamp("a", fs=250, units=["mV"], sig_name=["V5"], p_signal=signal, fmt=["16"], write_dir=str(tmp_path))
    wfdb.wrann("a", "atr", np.array([600, 1000, 2000]), ["N", "N", "V"], write_dir=str(tmp_path))
    record = read_record(tmp_path, "a")
    assert record.lead("V5") == "V5" and np.isnan(record.signal).sum() == 10
    with pytest.raises(UsageError, match="record 'a' has no lead 'MLII'; it has: V5"):
        cut_beats(record, 75, 112, fs=125.0)
    beats = cut_beats(record, 75, 112, fs=125.0, lead="V5")
    assert beats.r_sample.tolist() == [600, 2000] and beats.dropped["samples without a value"] == 1
    np.testing.assert_allclose(beats.signal[0], np.sin((600 + 2 * np.arange(-75, 112)) / 20), atol=0.02)


@pytest.mark.parametrize("load", [load_records, lambda names: load_mitdb("synthetic", records=names)])
def test_unknown_records(load):
    with pytest.raises(UsageError, match=r"record '999' is not in mitdb \(48 records: 100 \.\.\. 234\)"):
        load(["100", "999"])
    for nothing in ([], "100", 100):
        with pytest.raises(UsageError, match="expected a list of record names"):
            load(nothing)
    with pytest.raises(UsageError, match="record 100 is no text"):
        load([100])
    with pytest.raises(UsageError, match="record '100' is asked for twice"):
        load(["100", "101", "100"])


def test_a_lead_that_no_record_has():
    with pytest.raises(UsageError, match="mitdb has no lead 'mlii'; it has: MLII, V1, V2, V4, V5"):
        load_mitdb("synthetic", records=["100"], lead="mlii")


# Loading and the cache


def test_synthetic_beats(data_dir):
    beats = load_mitdb("synthetic", records=["100", "102"])
    assert beats.source == "synthetic" and beats.name == "mitdb" and not (data_dir / "cache").exists()
    assert (beats.counts() > 0).all() and set(beats.record) == {"100", "102"}
    again = load_mitdb("synthetic", records=["100", "102"])
    assert (again.signal == beats.signal).all()


def test_without_data_auto_falls_back_and_says_so(data_dir, monkeypatch):
    def nothing(name):
        raise DataError("no network")

    monkeypatch.setattr("ecgnb.datasets.database.fetch", nothing)
    fallback = load_mitdb("auto", records=["100"])
    assert fallback.note == "no network" and fallback.source == "synthetic"
    assert load_records(["100"])[0].source == "synthetic", "a record says what it is"
    with pytest.raises(DataError, match="no network"):
        load_mitdb("real", records=["100"])
    with pytest.raises(UsageError, match="expected 'auto', 'real' or 'synthetic'"):
        load_mitdb("invented")


@pytest.fixture
def counted(data_dir):
    """A cache in a folder of its own, and how often it had to build."""
    calls = []

    def build():
        calls.append(1)
        return load_mitdb("synthetic", records=["100"])

    return calls, lambda **key: cache.cached(key, build)


def test_cache_gives_back_what_was_built(counted, data_dir):
    calls, load = counted
    first, second = load(a=1), load(a=1)
    assert len(calls) == 1
    for name in ("signal", "label", "record", "r_sample", "rr"):
        one, other = getattr(first, name), getattr(second, name)
        assert one.dtype == other.dtype and (one == other).all()
    assert first.counts().equals(second.counts()) and first.dropped == second.dropped and second.fs == 125
    load(a=2)
    assert len(calls) == 2, "another key, another file"


def flip(byte):
    def damage(content):
        content = bytearray(content)
        content[byte] ^= 0xFF
        return bytes(content)

    return damage


@pytest.mark.parametrize("damage", [lambda c: c[: len(c) // 2], lambda c: b"", flip(5000)])
def test_a_damaged_cache_is_built_anew(counted, data_dir, damage):
    calls, load = counted
    whole = load(a=1)
    (path,) = (data_dir / "cache").glob("*.npz")
    path.write_bytes(damage(path.read_bytes()))
    assert (load(a=1).signal == whole.signal).all() and len(calls) == 2
    load(a=1)
    assert len(calls) == 2, "and is whole again"


@pytest.mark.parametrize("byte", [0, 4, 6, 8, 14, 18, 26, 28, 30, 40, 60, -1, -6, -12, -22, -60, -70, -100])
def test_no_flipped_byte_does_harm(counted, data_dir, byte):
    """Some bytes of a zip file are never looked at; others raise almost anything in zipfile and NumPy."""
    _, load = counted
    whole = load(a=1)
    (path,) = (data_dir / "cache").glob("*.npz")
    path.write_bytes(flip(byte)(path.read_bytes()))
    again = load(a=1)
    assert (again.signal == whole.signal).all() and (again.label == whole.label).all()


def test_every_argument_has_a_file_of_its_own(data_dir, monkeypatch):
    built = []

    def made_up(self, names, data):
        built.append(names)
        return synthetic_only(self, names, data="synthetic")

    synthetic_only = database.Database.load_records
    monkeypatch.setattr(database.Database, "load_records", made_up)
    first = dict(records=["100", "101"], before=20, after=30, fs=125, lead="MLII")
    changes = [
        {},
        {"records": ["101", "100"]},
        {"before": 21},
        {"after": 31},
        {"fs": 180},
        {"lead": "V1"},
        {"lead": ["MLII", "V1"]},
        {"highpass": 0.5},
    ]
    for number, change in enumerate(changes, start=1):
        load_mitdb("real", **(first | change))
        assert len(built) == number
    load_mitdb("real", **(first | {"before": np.int64(20), "fs": np.float32(125), "lead": ["MLII"]}))
    assert len(built) == len(changes), "the same numbers in another type"
    load_mitdb("real", **first, cache=False)
    assert len(built) == len(changes) + 1, "built anew where no cache is wanted"
    monkeypatch.setattr(database, "_code_sha256", lambda: "other code")
    load_mitdb("real", **first)
    assert len(built) == len(changes) + 2
    replace(MITDB, marks_at_r=False).load_beats("real", **first)
    assert len(built) == len(changes) + 3, "another description of the database"


def test_a_file_in_use_stays(counted, data_dir):
    calls, load = counted
    for number in range(cache.KEEP):
        load(a=number)
        for path in (data_dir / "cache").glob("*.npz"):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
    load(a=0)
    load(a="new")
    assert len(calls) == cache.KEEP + 1
    load(a=0)
    assert len(calls) == cache.KEEP + 1, "it was read lately, so another one went"


def test_old_cache_files_go(counted, data_dir):
    _, load = counted
    for number in range(cache.KEEP + 3):
        load(a=number)
    assert len(list((data_dir / "cache").iterdir())) == cache.KEEP


def test_a_folder_that_cannot_be_written(counted, data_dir):
    data_dir.mkdir()
    (data_dir / "cache").write_text("a file where the folder should be")
    calls, load = counted
    assert len(load(a=1)) == len(load(a=1)) and len(calls) == 2


@pytest.mark.slow
def test_runs_side_by_side(real_mitdb, tmp_path):
    """Four processes want the same beats, with no cache yet: all get them, one whole file is left."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "mitdb").symlink_to(real_mitdb)
    code = "from ecgnb.datasets import load_mitdb; print(load_mitdb('real', records=['100', '208']).signal.sum())"
    environment = os.environ | {"ECGNB_DATA_DIR": str(data)}
    jobs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True)
        for _ in range(4)
    ]
    assert len({job.communicate(timeout=120)[0] for job in jobs}) == 1 and not any(job.returncode for job in jobs)
    assert [path.suffix for path in (data / "cache").iterdir()] == [".npz"], "and nothing half-written"
