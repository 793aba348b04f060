"""PTB-XL: twelve leads, several labels a record, several records a patient."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ecgnb.datasets import SUPERCLASSES, fetch, load_ptbxl, multilabel_patient_folds, recommended_split
from ecgnb.datasets.ptbxl import WITHDRAWN
from ecgnb.datasets.ptbxl_signals import read_signal, resampled
from ecgnb.datasets.store.fetch import DATASETS, PTBXL_IDS
from ecgnb.datasets.twelve_leads import FROM_I_AND_II, LEADS, LIMB_LEADS, einthoven_error, limb_leads
from ecgnb.errors import DataError, UsageError


@pytest.fixture(scope="module")
def ptbxl(real_data):
    real_data("ptbxl")
    return load_ptbxl(500, data="real")


@pytest.fixture(scope="module")
def synthetic():
    return load_ptbxl(data="synthetic")


def test_facts_of_the_real_data(ptbxl):
    table = ptbxl.table
    assert ptbxl.signal.shape == (488, 12, 5000) and ptbxl.source == "real" and len(ptbxl.sha256) == 1
    assert len(table) == 488 and len(set(ptbxl.patient)) == 459
    counts = dict(zip(SUPERCLASSES, ptbxl.label.sum(axis=0).tolist(), strict=True))
    assert counts == {"NORM": 293, "MI": 71, "STTC": 93, "CD": 76, "HYP": 38}
    assert (ptbxl.label.sum(axis=1) == 0).sum() == 11, "records without a label"
    assert table.sex.value_counts().to_dict() == {"F": 246, "M": 242} and table.age.max() < 92
    assert table.loc[0, "rhythm"] == ("SR",) and table.loc[0, "statements"] == {"NORM": 100.0, "LVOLT": 0.0, "SR": 0.0}
    assert np.isfinite(ptbxl.signal).all() and 0.5 < np.abs(ptbxl.signal).max() < 33


def test_einthovens_law_holds_to_rounding(ptbxl):
    """Lead III is written as the difference; of aVR and aVF one record has a spike of nine samples."""
    signal = dict(zip(LEADS, np.moveaxis(ptbxl.signal.astype(np.float64), 1, 0), strict=True))
    assert np.abs(signal["I"] + signal["III"] - signal["II"]).max() < 0.0021
    for lead, (of_i, of_ii) in FROM_I_AND_II.items():
        wrong = (np.abs(signal[lead] - of_i * signal["I"] - of_ii * signal["II"]) > 0.0021).any(axis=1)
        assert set(ptbxl.table.ecg_id[wrong]) <= {162}
    errors = np.array([einthoven_error(one).max() for one in ptbxl.signal])
    assert (errors > 0.01).sum() == 1 and ptbxl.table.ecg_id[int(errors.argmax())] == 162


def test_withdrawn_records_and_copies_are_absent(ptbxl):
    assert set(ptbxl.table.ecg_id) == set(PTBXL_IDS) == set(range(1, 501)) - set(WITHDRAWN)
    hashes = [digest for name, digest in DATASETS["ptbxl"].sha256.items() if name.endswith(".dat")]
    assert len(set(hashes)) == len(hashes) == 488, "no two files are the same"


def test_a_patients_records_stay_in_one_fold(ptbxl):
    assert ptbxl.table.groupby("patient_id").strat_fold.nunique().max() == 1
    split = recommended_split(ptbxl.table)
    assert [len(split.train), len(split.val), len(split.test)] == [344, 78, 66]
    assert ptbxl.table.validated_by_human[split.test].all()


def test_100_hz(ptbxl, tmp_path, monkeypatch):
    """What is below 50 Hz stays, and the second time it comes from a file."""
    folder = fetch("ptbxl")
    monkeypatch.setenv("ECGNB_DATA_DIR", str(tmp_path))  # of caches
    found = load_ptbxl(100, folder=folder)
    assert found.signal.shape == (488, 12, 1000) and found.sha256 == {}, "nobody verified a folder of the reader's own"
    assert_allclose(found.signal[0, 1, 10:-10], ptbxl.signal[0, 1, 50:-50:5], atol=0.12)
    calls = []
    monkeypatch.setattr("ecgnb.datasets.ptbxl_signals.read_signal", lambda *_: calls.append(1))
    assert np.array_equal(load_ptbxl(100, folder=folder).signal, found.signal) and not calls
    some = found[np.array([3, 1])]
    assert some.table.ecg_id.tolist() == [4, 2] and np.array_equal(some.signal[1], found.signal[1])


def test_resampling_filters_before_it_leaves_samples_out():
    time = np.arange(5000) / 500
    low, high = np.sin(2 * np.pi * 10 * time), np.sin(2 * np.pi * 130 * time)
    kept, gone = resampled(low, 500, 100), resampled(high, 500, 100)
    assert_allclose(kept[50:-50], low[::5][50:-50], atol=0.005)
    assert np.abs(gone[50:-50]).max() < 0.005 and resampled(low, 500, 500).dtype == np.float32


def test_a_folder_that_lacks_something(data_dir, tmp_path, synthetic_folder):
    with pytest.raises(DataError, match=r"has no ptbxl_database\.csv; expected PTB-XL as it was unpacked"):
        load_ptbxl(folder=tmp_path / "nothing")
    (synthetic_folder / "records500/00000/00002_hr.dat").unlink()
    with pytest.raises(DataError, match=r"lacks records500/00000/00002_hr and the like, of 1 of 24 records"):
        load_ptbxl(folder=synthetic_folder)
    (synthetic_folder / "records500/00000/00003_hr.dat").write_bytes(b"short")
    with pytest.raises(DataError, match="00003_hr is no record of twelve leads in mV"):
        load_ptbxl(folder=synthetic_folder, ecg_ids=[1, 3])
    table = (synthetic_folder / "ptbxl_database.csv").read_text()
    (synthetic_folder / "ptbxl_database.csv").write_text(table.replace("{'NORM'", "{__import__('os')", 1))
    with pytest.raises(DataError, match="is not PTB-XL's table"):
        load_ptbxl(folder=synthetic_folder)
    (synthetic_folder / "ptbxl_database.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="is not PTB-XL's table"):
        load_ptbxl(folder=synthetic_folder)


@pytest.fixture
def synthetic_folder(tmp_path):
    from ecgnb.datasets.synthetic_twelve import write_ptbxl

    write_ptbxl(tmp_path, 24)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (dict(fs=250), "fs=250; expected one of 100, 500 Hz"),
        (dict(data="real?"), "expected 'auto', 'real' or 'synthetic'"),
        (dict(data="synthetic", folder="x"), "leave one of them out"),
        (dict(data="synthetic", ecg_ids=[1, 137_000]), "record 137000 is not in PTB-XL as it is here"),
    ],
)
def test_what_is_not_taken(arguments, told):
    with pytest.raises(UsageError, match=told):
        load_ptbxl(**arguments)


def test_without_data_the_stand_in_says_why(data_dir, monkeypatch):
    monkeypatch.setattr("ecgnb.datasets.ptbxl.fetch", lambda name: (_ for _ in ()).throw(DataError("no network")))
    found = load_ptbxl()
    assert (found.source, found.note) == ("synthetic", "no network") and found.sha256 == {}
    with pytest.raises(DataError, match="no network"):
        load_ptbxl(data="real")


def test_the_stand_in(synthetic):
    """One dipole, so that Einthoven's law holds; every class; patients with two records; the same files each time."""
    assert synthetic.signal.shape == (160, 12, 1000) and (synthetic.label.sum(axis=0) >= 15).all()
    _, records = np.unique(synthetic.patient, return_counts=True)
    assert (records == 2).sum() > 10 and records.max() == 2
    whole = load_ptbxl(500, data="synthetic", ecg_ids=[1, 2, 3])
    assert max(einthoven_error(one).max() for one in whole.signal) < 0.01
    assert np.abs(whole.signal[:, 0] + whole.signal[:, 2] - whole.signal[:, 1]).max() < 0.0021
    again = load_ptbxl(500, data="synthetic", ecg_ids=[3])
    assert np.array_equal(again.signal[0], whole.signal[2]) and len(recommended_split(synthetic.table).test) > 5


def test_the_stand_ins_classes_differ_as_the_real_ones_do(synthetic):
    """HYP is tall, STTC has another T wave; each class can be learned from simple figures of the signal."""
    size = np.abs(synthetic.signal[:, 6:]).max(axis=(1, 2))
    label = dict(zip(SUPERCLASSES, synthetic.label.T == 1, strict=True))
    assert np.median(size[label["HYP"]]) > 1.4 * np.median(size[label["NORM"]])
    upright = np.quantile(synthetic.signal[:, 1], 0.9, axis=1)  # of lead II, what lies high half a second: the T wave
    assert np.median(upright[label["STTC"]]) < 0.6 * np.median(upright[label["NORM"]])


def test_limb_leads_follow_from_any_two():
    rng = np.random.default_rng(0)
    i, ii = rng.standard_normal((2, 50))
    every = {name: a * i + b * ii for name, (a, b) in FROM_I_AND_II.items()}
    for one in LIMB_LEADS:
        for other in LIMB_LEADS:
            if one != other:
                found = limb_leads({one: every[one], other: every[other]})
                assert all(np.allclose(found[name], every[name]) for name in LIMB_LEADS), (one, other)
    six = np.stack(list(every.values()))
    assert einthoven_error(six).max() < 1e-9 and einthoven_error(0 * six).max() == 0
    six[2] *= 2
    assert einthoven_error(six).argmax() == 2 and einthoven_error(six).max() > 0.2


def test_folds_of_whole_patients_hold_each_label(synthetic):
    folds = multilabel_patient_folds(synthetic.label, synthetic.patient, 5, seed=0)
    tested = np.concatenate([val for _, val in folds])
    assert sorted(tested) == list(range(160))
    for train, val in folds:
        assert not set(synthetic.patient[train]) & set(synthetic.patient[val]) and 28 <= len(val) <= 36
        share = synthetic.label[val].sum(axis=0) / synthetic.label.sum(axis=0)
        assert (share > 0.1).all() and (share < 0.3).all()
    again = multilabel_patient_folds(synthetic.label, synthetic.patient, 5, seed=0)
    assert all(np.array_equal(one[1], other[1]) for one, other in zip(folds, again, strict=True))
    with pytest.raises(UsageError, match="1 folds of"):
        multilabel_patient_folds(synthetic.label, synthetic.patient, 1, seed=0)
    with pytest.raises(UsageError, match="expected 0 and 1"):
        multilabel_patient_folds(synthetic.label[:, 0], synthetic.patient, 5, seed=0)


def test_a_header_of_another_form_is_read_by_wfdb(synthetic_folder):
    record = synthetic_folder / "records500/00000/00001_hr"
    plain = read_signal(record)
    header = record.with_name("00001_hr.hea")
    header.write_text(header.read_text().replace("1000.0(0)/mV", "500.0(0)/mV"))
    assert_allclose(read_signal(record), 2 * plain, atol=1e-5)
