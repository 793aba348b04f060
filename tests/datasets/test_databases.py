"""svdb, nstdb, and whatever else a `Database` describes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import wfdb

from ecgnb.datasets import (
    DS1,
    MITDB,
    NOISES,
    NSTDB,
    SVDB,
    Database,
    Record,
    add_noise,
    concatenate,
    cut_beats,
    load_noise,
    load_records,
    load_svdb,
    synthetic,
)
from ecgnb.datasets.store import cache
from ecgnb.datasets.store.fetch import DATASETS
from ecgnb.datasets.windows import fill_gaps, to_r_peaks
from ecgnb.detection import detect_r_peaks
from ecgnb.errors import DataError, UsageError
from ecgnb.metrics import match_r_peaks

REACH = 0.1  # seconds around a mark in which the R peak is looked for


@pytest.fixture(scope="module")
def real_svdb(real_data):
    return real_data("svdb")


@pytest.fixture(scope="module")
def real_svdb_records(real_svdb):
    return SVDB.load_records(data="real")


@pytest.fixture(scope="module")
def real_ds1_records(real_mitdb):
    return load_records(DS1, data="real")


def offsets(record, lead, sample=None):
    """Return by how many ms the largest deflection of the raw signal lies after each mark, (n_beats,).

    No filter and no code of the package: what anybody would measure.
    """
    wave, _ = fill_gaps(record.wave(lead))
    reach = round(REACH * record.fs)
    r = record.r_sample if sample is None else sample
    r = r[(r >= reach) & (r < len(wave) - reach)]
    around = wave[r[:, None] + np.arange(-reach, reach + 1)]
    away = np.abs(around - np.median(around, axis=1, keepdims=True))
    return (away.argmax(axis=1) - reach) / record.fs * 1000


# Facts of the real data


def test_real_svdb_classes(real_svdb_records):
    label = np.concatenate([record.label for record in real_svdb_records])
    assert np.bincount(label).tolist() == [162_340, 12_198, 9_943, 23, 79] and len(real_svdb_records) == 78
    assert all(record.signal.shape == (230_400, 2) and record.fs == 128 for record in real_svdb_records)
    assert {record.leads for record in real_svdb_records} == {("ECG1", "ECG2")}


def test_real_svdb_marks_stand_where_mitdbs_do(real_svdb_records, real_ds1_records):
    """The marks of svdb's files are 16 ms off, those of mitdb 3 ms; once moved, 96 % are near in both."""
    marked = [record.r_sample - record.moved[record.is_beat] for record in real_svdb_records]
    before = [offsets(record, "ECG1", r) for record, r in zip(real_svdb_records, marked, strict=True)]
    after = [offsets(record, "ECG1") for record in real_svdb_records]
    mitdb = [offsets(record, "MLII") for record in real_ds1_records]
    typical = [np.median(np.abs(np.concatenate(found))) for found in (before, after, mitdb)]
    assert typical == pytest.approx([15.6, 0, 2.8], abs=0.1)
    assert np.median(np.concatenate(before)) > 0, "they stood before the R peak"
    within = [(np.abs(np.concatenate(found)) < 8.5).mean() for found in (before, after, mitdb)]
    assert within == pytest.approx([0.284, 0.961, 0.964], abs=0.002), (
        "one sample of svdb's is 7.8 ms, three of mitdb's are 8.3"
    )
    assert max(abs(np.median(found)) for found in after) < 8, "in every record, not on the whole only"


def test_real_svdb_beats_that_moved_are_counted(real_svdb):
    beats = load_svdb("real")
    assert beats.signal.shape == (184_444, 187) and beats.leads == ("ECG1",) and beats.name == "svdb"
    assert len(beats) + sum(beats.dropped.values()) == 184_583 and sum(beats.dropped.values()) == 139
    assert (beats.moved != 0).mean() == pytest.approx(0.952, abs=0.001)
    assert np.median(np.abs(beats.moved)) == 2 / 128 and np.abs(beats.moved).max() == 9 / 128
    assert (beats.moved > 0).mean() > 0.7 and set(SVDB.patient_of(beats.record)) == set(SVDB.records)


def test_the_rule_brings_mitdbs_marks_back(real_ds1_records):
    """The R peaks of mitdb are known: shifted as those of svdb are, they come back to within 8 ms."""
    rng, found = np.random.default_rng(0), []
    for record in real_ds1_records:
        wave, _ = fill_gaps(record.wave("MLII"))
        assert np.median(np.abs(to_r_peaks(wave, 360.0, record.r_sample) - record.r_sample)) <= 2
        shifted = np.maximum(record.r_sample - np.round(rng.normal(0.012, 0.016, len(record.r_sample)) * 360), 0)
        back = to_r_peaks(wave, 360.0, shifted.astype(np.int64))
        found.append(np.abs(back - record.r_sample) <= 3)
    assert np.concatenate(found).mean() > 0.95


def test_the_rule_is_the_detectors(real_svdb_records):
    """Where beats are found in a recording, they stand where beats to learn from stand."""
    record = real_svdb_records[0]
    found = detect_r_peaks(record.wave("ECG1"), record.fs)
    of_found, of_marked = match_r_peaks(found, record.r_sample, record.fs)
    assert len(of_found) > 0.95 * len(record.r_sample)
    assert (found[of_found] == record.r_sample[of_marked]).mean() > 0.98


def test_real_noise(real_data):
    real_data("nstdb")
    for name in NOISES:
        record = load_noise(name, data="real")
        assert record.signal.shape == (650_000, 2) and record.fs == 360 and record.leads == ("noise1", "noise2")
        np.testing.assert_allclose(record.signal.std(axis=0, dtype=float), 1, rtol=1e-4)
        np.testing.assert_allclose(record.signal.mean(axis=0, dtype=float), 0, atol=1e-4)
        assert not len(record.r_sample) and record.source == "real"


# Moving marks


def bumps(r, fs=128, n=4000, width=0.012):
    return np.float32(sum(np.exp(-(((np.arange(n) - one) / fs / width) ** 2)) for one in r))


def test_marks_move_to_the_peak_up_or_down():
    r = np.array([300, 420, 700, 1200, 3950])
    wave = bumps(r) * np.where(np.arange(4000) < 600, 1, -1)
    assert to_r_peaks(wave, 128.0, r + np.array([-4, 3, 9, 0, -9])).tolist() == r.tolist()
    assert to_r_peaks(wave, 128.0, np.array([350])) != 300, "no further than 70 ms"


def test_marks_neither_meet_nor_leave_the_signal():
    wave = bumps([300, 2000])
    assert to_r_peaks(wave, 128.0, np.array([295, 305, 1995])).tolist() == [295, 305, 2000]
    marks = np.array([0, 1, 2, 297, 299, 301, 303, 3999, 4005])
    moved = to_r_peaks(wave, 128.0, marks)
    assert (np.diff(moved) > 0).all() and moved[-1] == 4005, "as in record 860, one mark lies past the end"


def test_synthetic_svdb_is_realigned_too():
    beats = load_svdb("synthetic", records=["800", "801"])
    assert beats.source == "synthetic" and np.median(beats.moved) == 2 / 128
    assert beats.counts().drop("Q").gt(0).all() and beats.fs == 125
    again = load_svdb("synthetic", records=["800", "801"])
    assert (again.signal == beats.signal).all()


def test_timing_follows_the_moved_marks():
    (record,) = SVDB.load_records(["800"], data="synthetic")
    beats = cut_beats(record, 20, 30, lead="ECG2")
    assert (beats.r_sample == record.r_sample[: len(beats)]).all(), "one place for a beat, whatever lead is cut"
    np.testing.assert_allclose(beats.rr[1:, 0], np.diff(beats.r_sample) / 128, rtol=1e-6)
    assert record.moved.shape == record.mark_sample.shape and not record.moved[~record.is_beat].any()


# Noise


@pytest.mark.parametrize("name", NOISES)
def test_synthetic_noise_has_its_kinds_frequencies(name):
    record = load_noise(name, data="synthetic")
    power = np.abs(np.fft.rfft(record.wave("noise1"))) ** 2
    frequency = np.fft.rfftfreq(len(record.signal), 1 / record.fs)
    centre = (frequency * power).sum() / power.sum()
    low, high = {"bw": (0, 0.6), "em": (0.6, 15), "ma": (20, 100)}[name]
    assert low < centre < high and record.source == "synthetic" and not len(record.r_sample)
    assert (load_noise(name, data="synthetic").signal == record.signal).all()


@pytest.mark.parametrize("snr", [-6.0, 0.0, 12.0])
def test_noise_is_added_at_the_wanted_ratio(snr):
    rng = np.random.default_rng(0)
    wave, noise = 5 + rng.normal(size=(3, 500)) * [[0.1], [1], [10]], 7 + rng.normal(size=500)
    added = add_noise(wave, noise, snr) - wave
    np.testing.assert_allclose(10 * np.log10(wave.var(axis=1) / added.var(axis=1)), snr, atol=1e-3)
    np.testing.assert_allclose(added.mean(axis=1), 0, atol=1e-4)
    assert (add_noise(wave, np.ones(500), snr) == np.float32(wave)).all(), "silence adds nothing"


def test_noise_that_is_refused():
    with pytest.raises(UsageError, match=r"expected noise as long as the signal"):
        add_noise(np.ones(10), np.ones(11), 6)
    with pytest.raises(UsageError, match=r"a ratio in dB"):
        add_noise(np.ones(10), np.ones(10), np.inf)
    with pytest.raises(UsageError, match=r"record 'pink' is not in nstdb \(3 records: bw \.\.\. ma\)"):
        load_noise("pink")
    with pytest.raises(UsageError, match="nstdb has no beats; take its records"):
        NSTDB.load_beats("synthetic")


# Any database


def test_a_further_database_takes_few_lines(monkeypatch, tmp_path, data_dir):
    """Three leads, another rate, a lead that is lacking, one patient twice, a symbol that means something else."""
    tiny = Database(
        name="tiny",
        records=("a", "b", "c"),
        leads=("I", "II", "V1"),
        lead="II",
        fs=250.0,
        symbols={"N": 0, "A": 2},
        stand_ins={"c": {"aVF": "II"}},
        same_patient={"b": "a"},
        write_stand_in=partial(synthetic.write_records, fs=250, leads=("I", "II", "V1"), symbols={"V": "~", "F": "~"}),
    )
    beats = tiny.load_beats("synthetic", records=["a", "b"], lead=["V1", "I"], before=40, after=60, fs=250.0)
    assert beats.signal.shape == (len(beats), 2, 100) and beats.leads == ("V1", "I") and beats.name == "tiny"
    assert set(beats.class_name) == {"N", "V"}, "A was mapped to V, and ~ is no beat"
    assert set(tiny.patient_of(beats.record)) == {"a"} and beats.moved is None
    assert tiny.load_beats("synthetic", records=["c"]).leads == ("II",), "its own lead where none is asked for"


def test_descriptions_and_leads_that_are_refused():
    with pytest.raises(UsageError, match="svdb has no lead 'MLII'; it has: ECG1, ECG2"):
        load_svdb("synthetic", lead="MLII")
    with pytest.raises(UsageError, match="svdb has no lead 'V1'; it has: ECG1, ECG2"):
        load_svdb("synthetic", lead=["ECG1", "V1"])
    with pytest.raises(UsageError, match="mitdb has no lead 'ECG1'; it has: MLII, V1, V2, V4, V5"):
        replace(MITDB, lead="ECG1")
    with pytest.raises(UsageError, match=r"record '100' is not in svdb \(78 records: 800 \.\.\. 894\)"):
        load_svdb("synthetic", records=["100"])


@pytest.mark.parametrize("database", [MITDB, SVDB, NSTDB], ids=lambda database: database.name)
def test_a_description_agrees_with_its_registry(database):
    files = DATASETS[database.name].sha256
    endings = ["dat", "hea", *([database.annotator] if database.annotator else [])]
    assert {f"{name}.{ending}" for name in database.records for ending in endings} == {
        file for file in files if "." in file
    }
    assert database.lead in database.leads and len(set(database.records)) == len(database.records)


@pytest.mark.parametrize("database", [MITDB, SVDB, NSTDB], ids=lambda database: database.name)
def test_a_description_agrees_with_the_files(database, real_data):
    folder = real_data(database.name)
    headers = {name: wfdb.rdheader(str(folder / name)) for name in database.records}
    assert {header.fs for header in headers.values()} == {database.fs}
    assert {lead for header in headers.values() for lead in header.sig_name} == set(database.leads)
    for name, header in headers.items():
        assert (database.lead in header.sig_name) != (name in database.stand_ins), "stand-ins are where they must be"
        assert set(database.stand_ins.get(name, {}).values()) <= set(header.sig_name)


def test_what_a_stand_in_writes_is_of_the_databases_form():
    for database in (MITDB, SVDB, NSTDB):
        record = database.load_records(database.records[:1], data="synthetic")[0]
        assert record.fs == database.fs and set(record.leads) <= set(database.leads) and database.lead in record.leads


def test_without_a_record_there_is_one_reason(monkeypatch):
    def nothing(name):
        raise DataError("no network")

    monkeypatch.setattr("ecgnb.datasets.database.fetch", nothing)
    fallback = load_svdb(records=["800"])
    assert fallback.source == "synthetic" and fallback.note == "no network"
    assert load_noise("bw").source == "synthetic"
    with pytest.raises(DataError, match="no network"):
        load_noise("bw", data="real")


# Beats of several leads


@pytest.fixture(scope="module")
def two_leads():
    return SVDB.load_beats("synthetic", records=["800", "801"], lead=["ECG1", "ECG2"])


def test_several_leads_select_join_and_score_like_one(two_leads):
    one = two_leads[::7]
    assert one.signal.shape == (len(one), 2, 187) and one.leads == two_leads.leads and one.n_samples == 187
    joined = concatenate([two_leads[:5], two_leads[5:]])
    assert (joined.signal == two_leads.signal).all() and (joined.moved == two_leads.moved).all()
    scored = two_leads.zscored().signal
    np.testing.assert_allclose(scored.mean(axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(scored.std(axis=-1), 1, rtol=1e-4)
    with pytest.raises(UsageError, match="cannot join beats whose leads differ"):
        concatenate([two_leads, SVDB.load_beats("synthetic", records=["800"])])


def test_the_cache_keeps_leads_and_moves(two_leads, data_dir):
    cache.cached(dict(a=1), lambda: two_leads)
    again = cache.cached(dict(a=1), lambda: pytest.fail("it was kept"))
    assert again.leads == ("ECG1", "ECG2") and isinstance(again.class_names, tuple)
    assert (again.signal == two_leads.signal).all() and (again.moved == two_leads.moved).all()


def test_leads_must_be_named(two_leads):
    with pytest.raises(UsageError, match="leads names 1: ECG1; expected a name for each lead"):
        replace(two_leads, leads=("ECG1",))
    with pytest.raises(UsageError, match="leads names 2: ECG1, ECG2; expected a name for each lead"):
        replace(two_leads, signal=two_leads.signal[:, 0])
    with pytest.raises(UsageError, match=r"expected float32 \(n_beats, n_samples\), or \(n_beats, n_leads"):
        replace(two_leads, signal=two_leads.signal[:, :, :, None])


def test_a_record_without_marks_has_no_beats():
    record = Record("x", np.zeros((100, 1), np.float32), ("I",), 100.0, np.array([], int), np.array([], "U1"))
    assert len(record.r_sample) == len(record.label) == 0
