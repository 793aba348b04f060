"""LUDB: waves marked by hand on each lead of 200 people."""

import numpy as np
import pytest
import wfdb

from ecgnb.datasets import LUDB, fetch, load_diagnoses, load_ludb, marked_span
from ecgnb.datasets.ludb import LEADS, _waves
from ecgnb.detection import detect_r_peaks
from ecgnb.errors import UsageError
from ecgnb.metrics import match_r_peaks


@pytest.fixture(scope="module")
def ludb(real_data):
    real_data("ludb")
    return load_ludb(data="real")


def test_facts_of_the_real_data(ludb):
    records, waves = ludb
    assert {(record.fs, record.signal.shape, record.leads) for record in records} == {(500, (5000, 12), LEADS)}
    assert waves[waves.lead == "ii"].wave.value_counts().to_dict() == {"QRS": 1831, "T": 1642, "P": 1401}
    assert len(waves) == 58_423 and (waves.onset < 0).sum() == 131 and (waves.offset < 0).sum() == 29
    whole = waves[(waves.onset >= 0) & (waves.offset >= 0)]
    assert (whole.onset < whole.peak).all() and (whole.peak < whole.offset).all()


def test_marks_are_those_that_wfdb_reads(ludb):
    (record, *_), waves = ludb
    marks = wfdb.rdann(str(fetch("ludb") / "data" / record.name), "v3")
    expected = np.array(marks.sample)[np.isin(marks.symbol, ["p", "N", "t"])]
    assert waves[(waves.record == record.name) & (waves.lead == "v3")].peak.tolist() == expected.tolist()


def test_real_diagnoses(ludb):
    patients = load_diagnoses("real")
    assert patients.record.tolist() == list(LUDB.records)
    assert patients.sex.value_counts().to_dict() == {"M": 115, "F": 85}
    rhythm = patients.rhythm.explode().value_counts()
    assert rhythm["Sinus rhythm"] == 143 and rhythm["Atrial fibrillation"] == 15
    assert patients.ischemia.map(len).max() > 1, "a cell of several lines is several diagnoses"


def test_r_peaks_of_another_hospital(ludb):
    """Between the first mark and the last, all beats are marked. No clean test: see `detection.r_peaks`."""
    counts = np.zeros(3, dtype=int)
    waves = dict(list(ludb[1][ludb[1].lead == "ii"].groupby("record")))
    for record in ludb[0]:
        begin, end = marked_span(waves[record.name])
        found = detect_r_peaks(record.wave("ii"), record.fs)
        found = found[(found >= begin) & (found < end)]
        hits, _ = match_r_peaks(found, record.r_sample, record.fs)
        counts += len(hits), len(record.r_sample), len(found)
    assert counts[1] == 1831
    assert counts[0] == counts[1] and counts[0] / counts[2] > 0.996, "none is missed, seven are none"


def test_the_stand_in_has_known_waves():
    (record,), waves = load_ludb(["ii", "v4"], records=["7"], data="synthetic")
    assert record.source == "synthetic" and record.leads == LEADS and (waves[["onset", "offset"]] >= 0).all(axis=None)
    i, ii, iii = (record.wave(lead) for lead in LEADS[:3])
    assert np.abs(i + iii - ii).max() < 0.011, "Einthoven's law, to the rounding of the recorder"
    wave = record.wave("ii") - np.median(record.wave("ii"))
    for kind, least in (("QRS", 0.5), ("T", 0.1)):
        for row in waves[(waves.wave == kind) & (waves.lead == "ii")].itertuples():
            assert np.abs(wave[row.onset : row.offset]).max() > least and row.onset < row.peak < row.offset
    again, _ = load_ludb(["ii"], records=["7"], data="synthetic")
    assert np.array_equal(record.signal, again[0].signal) and len(load_diagnoses("synthetic")) == 200


def test_waves_of_any_stand_in_follow_each_other():
    _, waves = load_ludb(["ii"], records=LUDB.records[:60], data="synthetic")
    after = waves[1:].reset_index(drop=True)
    same = waves.record[:-1].to_numpy() == after.record.to_numpy()
    assert (waves.offset[:-1].to_numpy() <= after.onset.to_numpy())[same].all()
    assert ((waves.onset <= waves.peak) & (waves.peak <= waves.offset)).all()


def test_waves_without_an_onset_or_offset(tmp_path):
    symbol, sample = ["N", ")", "(", "t", "(", "p", ")"], np.array([10, 20, 30, 40, 50, 60, 70])
    wfdb.wrann("a", "ii", sample, symbol, write_dir=str(tmp_path))
    waves = _waves(tmp_path, "a", "ii")
    found = waves[["wave", "onset", "peak", "offset"]].to_numpy().tolist()
    assert found == [["QRS", -1, 10, 20], ["T", 30, 40, -1], ["P", 50, 60, 70]]
    assert marked_span(waves) == (10, 71)
    assert marked_span(waves[:0]) == (0, 0)


def test_a_lead_that_ludb_lacks():
    with pytest.raises(UsageError, match="ludb has no lead 'v7'; it has: i, ii, iii"):
        load_ludb(["v7"], data="synthetic")
