"""Twelve leads out of a file of any form: each found by its name, what is missing derived or asked for."""

import contextlib
import zipfile

import numpy as np
import pandas as pd
import pytest
import wfdb
from conftest import ecgnb, fuzz
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ecgnb.datasets import LUDB, load_ptbxl, read_recording
from ecgnb.datasets.own.electrodes import arms_look_swapped, chest_looks_reversed
from ecgnb.datasets.own.lead_names import standard_lead
from ecgnb.datasets.ptbxl_signals import resampled
from ecgnb.datasets.synthetic_twelve import NORMAL, twelve_leads
from ecgnb.datasets.twelve_leads import LEADS
from ecgnb.errors import DataError, EcgnbError, UsageError

ECG = np.round(twelve_leads(NORMAL, 72, np.random.default_rng(3)), 3)


def table(path, names=LEADS, ecg=ECG, fs=500, **more):
    """Write a table with a column of time; the columns by name."""
    columns = dict(zip(names, ecg, strict=True)) if not isinstance(names, dict) else names
    pd.DataFrame({"time (s)": np.arange(ecg.shape[1]) / fs} | columns).to_csv(path, index=False, **more)
    return path


def record(folder, names=LEADS, ecg=ECG, fs=500, units="mV"):
    wfdb.wrsamp(
        "mine", fs=fs, units=[units] * len(names), sig_name=list(names), p_signal=ecg.T, fmt=["16"] * len(names),
        adc_gain=[1000] * len(names), baseline=[0] * len(names), write_dir=str(folder),
    )  # fmt: skip
    return folder / "mine.hea"


@pytest.mark.parametrize(
    ("name", "lead"),
    [
        ("AVR", "aVR"), ("aVR", "aVR"), ("avr", "aVR"), ("a VR", "aVR"), ("Lead I", "I"), ("lead_II", "II"),
        ("V1 (mV)", "V1"), ("V6_uV", "V6"), ("ECG I", "I"), ("EKG aVF", "aVF"), ("Ableitung III", "III"),
        ("DII", "II"), ("d3", "III"), ("L1", "I"), ("Ch 2 [V4]", "V4"), ("-aVR", "aVR"), ("v 5", "V5"), ("i", "I"),
        ("MLII", ""), ("V7", ""), ("V1R", ""), ("time", ""), ("", ""), ("1", ""), ("heart rate", ""), ("ABP", ""),
    ],
)  # fmt: skip
def test_names(name, lead):
    assert standard_lead(name) == lead


def test_a_wfdb_record(tmp_path):
    found = read_recording(record(tmp_path), lead="all")
    assert found.signal.shape == (12, 5000) and found.fs == 500 and found.notes == () and found.leads == LEADS
    assert_allclose(found.signal, ECG, atol=6e-4)
    assert found.read == "mine.hea, 12 leads, 500 Hz (from its header), in mV, 10.0 s" and found.einthoven < 0.01
    assert found.ten_seconds().shape == (12, 1000) and found.lead("avf").lead == "aVF"
    assert_allclose(found.ten_seconds(), resampled(found.signal, 500, 100))
    with pytest.raises(UsageError, match="lead 'MLII' is none of I, II"):
        found.lead("MLII")


def test_another_order_and_other_names(tmp_path):
    order = np.random.default_rng(0).permutation(12)
    names = [
        ["Lead I", "lead ii", "III", "AVR", "avl", "aVF", "V1", "v2", "V3 (mV)", "V4", "ECG V5", "V6"][k] for k in order
    ]
    assert_allclose(read_recording(record(tmp_path, names, ECG[order]), lead="all").signal, ECG, atol=6e-4)
    path = table(tmp_path / "a.csv", [f"{name} [mV]" for name in names], ECG[order])
    found = read_recording(path, lead="all")
    assert_allclose(found.signal, ECG, atol=1e-6)
    assert found.fs == 500 and found.read.startswith("a.csv, 12 leads, 500 Hz (from ")


def test_minus_avr_is_turned_over(tmp_path):
    ecg = ECG.copy()
    ecg[3] *= -1
    found = read_recording(
        table(tmp_path / "a.csv", [name.replace("aVR", "-aVR") + " (mV)" for name in LEADS], ecg), lead="all"
    )
    assert_allclose(found.signal, ECG, atol=1e-6)
    assert "upside down by its name" in found.notes[0] and len(found.notes) == 1


def test_edf_in_microvolts(tmp_path):
    edfio = pytest.importorskip("edfio")
    signals = [
        edfio.EdfSignal(1000 * one, 500, label=f"ECG {name}", physical_dimension="uV", physical_range=(-9000, 9000))
        for name, one in zip(LEADS, ECG, strict=True)
    ]
    edfio.Edf(signals).write(tmp_path / "a.edf")
    assert_allclose(read_recording(tmp_path / "a.edf", lead="all").signal, ECG, atol=3e-4)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.edf", "x/a.edf")
    found = read_recording(tmp_path / "a.zip", lead="all")
    assert_allclose(found.signal, ECG, atol=3e-4)
    assert found.read.startswith("a.zip: a.edf, 12 leads")


@pytest.mark.parametrize("turned", [False, True])
def test_an_array_without_names_is_taken_in_the_usual_order(tmp_path, turned):
    np.save(tmp_path / "a.npy", ECG if turned else ECG.T)
    found = read_recording(tmp_path / "a.npy", fs=500, lead="all", unit="mV")
    assert_allclose(found.signal, ECG, atol=1e-6)
    assert found.notes == ("its leads have no names: the usual order was assumed, in which Einthoven's law holds",)
    np.save(tmp_path / "b.npy", ECG[::-1].T)
    with pytest.raises(DataError, match="do not obey Einthoven's law; name them"):
        read_recording(tmp_path / "b.npy", fs=500, lead="all", unit="mV")


def test_eight_leads_are_enough(tmp_path):
    eight = [lead for lead in LEADS if lead in ("I", "II") or lead.startswith("V")]
    path = table(tmp_path / "a.csv", {f"{lead} (mV)": ECG[LEADS.index(lead)] for lead in eight})
    found = read_recording(path, lead="all")
    assert_allclose(found.signal, ECG, atol=2e-3)
    assert found.derived == ("III", "aVR", "aVL", "aVF") and found.einthoven == 0
    assert found.notes[0].startswith("III, aVR, aVL and aVF derived from I and II, by Einthoven's")


def test_a_missing_limb_lead_follows_a_chest_lead_does_not(tmp_path):
    path = table(
        tmp_path / "a.csv", {f"{lead} (mV)": one for lead, one in zip(LEADS, ECG, strict=True) if lead != "aVL"}
    )
    found = read_recording(path, lead="all")
    assert_allclose(found.signal, ECG, atol=2e-3)
    assert found.derived == ("aVL",)
    path = table(
        tmp_path / "b.csv", {f"{lead} (mV)": one for lead, one in zip(LEADS, ECG, strict=True) if lead != "V3"}
    )
    with pytest.raises(
        DataError, match=r"b\.csv has 11 of the twelve leads .*; V3 is missing, and V3 cannot be derived"
    ):
        read_recording(path, lead="all")
    path = table(tmp_path / "c.csv", {f"{lead} (mV)": ECG[LEADS.index(lead)] for lead in ("II", *LEADS[6:])})
    with pytest.raises(DataError, match="I, III, aVR, aVL, aVF are missing, and two limb leads tell the others"):
        read_recording(path, lead="all")
    path = table(tmp_path / "d.csv", {"ECG": ECG[1], "Resp": ECG[2]})
    with pytest.raises(DataError, match=r"d\.csv has signals called ECG, Resp; expected I, II, III"):
        read_recording(path, lead="all")


def test_a_lead_twice(tmp_path):
    names = {f"{lead} (mV)": one for lead, one in zip(LEADS, ECG, strict=True)} | {"Lead V1": ECG[6]}
    with pytest.raises(DataError, match=r"has lead V1 twice \(V1( \(mV\))?, Lead V1\)"):
        read_recording(table(tmp_path / "a.csv", names), lead="all")


def test_units(tmp_path):
    with pytest.raises(DataError, match=r"does not say in which unit lead I is; .* give unit='mV'"):
        read_recording(table(tmp_path / "a.csv"), lead="all")
    assert_allclose(read_recording(tmp_path / "a.csv", lead="all", unit="mV").signal, ECG, atol=1e-6)
    found = read_recording(tmp_path / "a.csv", lead="all", unit="uV")
    assert "which no heart makes: is the unit right?" in found.notes[0]
    with pytest.raises(UsageError, match="unit='furlong'; expected mV, uV or V"):
        read_recording(tmp_path / "a.csv", lead="all", unit="furlong")
    with pytest.raises(UsageError, match=r"unit='uV', but mine\.hea says mV; leave unit out"):
        read_recording(record(tmp_path), lead="all", unit="uV")
    with pytest.raises(DataError, match=r"in which unit lead I is \(NU\)"):
        read_recording(record(tmp_path, units="NU"), lead="all")
    with pytest.raises(UsageError, match="unit='mV' is for lead='all'"):
        read_recording(tmp_path / "a.csv", lead="II", unit="mV")


def test_too_short_and_another_rate(tmp_path):
    found = read_recording(record(tmp_path, ecg=ECG[:, :2500]), lead="all")
    with pytest.raises(DataError, match=r"mine lasts 5\.0 s; expected ten seconds of twelve leads"):
        found.ten_seconds()
    at_250 = read_recording(record(tmp_path, ecg=resampled(ECG, 500, 250), fs=250), lead="all")
    wanted = resampled(ECG, 500, 100)
    assert_allclose(at_250.ten_seconds()[:, 20:-20], wanted[:, 20:-20], atol=0.02)
    at_250 = read_recording(record(tmp_path, ecg=ECG[:, :4980]), lead="all")
    assert at_250.ten_seconds().shape == (12, 1000), "a few samples too short is ten seconds"
    slow = read_recording(record(tmp_path, ecg=np.tile(resampled(ECG, 500, 50), 2), fs=50), lead="all")
    with pytest.raises(DataError, match="has 50 samples per second; expected at least 100"):
        slow.ten_seconds()
    np.save(tmp_path / "a.npy", ECG.T)
    with pytest.raises(DataError, match="does not say how many samples a second has; give fs"):
        read_recording(tmp_path / "a.npy", lead="all", unit="mV")


def test_a_flat_lead_is_named(tmp_path):
    ecg = ECG.copy()
    ecg[8] = 0.1
    found = read_recording(record(tmp_path, ecg=ecg), lead="all")
    assert found.flat == ("V3",) and found.notes == ("lead V3 is flat: was the electrode off?",)
    with pytest.raises(DataError, match="all leads are flat"):
        read_recording(record(tmp_path, ecg=0 * ecg + 1), lead="all")


def test_gaps(tmp_path):
    ecg = ECG.copy()
    ecg[7, 100:200] = np.nan
    found = read_recording(record(tmp_path, ecg=ecg), lead="all")
    assert found.notes == ("lead V2 has no value in 2.0% of it",) and np.isfinite(found.ten_seconds()).all()
    ecg[7, 100:900] = np.nan
    with pytest.raises(DataError, match="no value in 16% of lead V2"):
        read_recording(record(tmp_path, ecg=ecg), lead="all").ten_seconds()


def test_leads_that_do_not_belong_together(tmp_path):
    ecg = ECG / np.ptp(ECG, axis=1, keepdims=True)
    found = read_recording(record(tmp_path, ecg=ecg), lead="all")
    assert "Einthoven's law does not hold" in found.notes[0] and found.einthoven > 0.1


def swapped(ecg):
    """Exchange the wires of the arms."""
    order = [0, 2, 1, 4, 3, *range(5, 12)]
    return ecg[order] * np.r_[-1, np.ones(11)][:, None]


def test_swapped_arms_are_said(tmp_path):
    found = read_recording(record(tmp_path, ecg=swapped(ECG)), lead="all")
    assert found.arms_swapped and found.notes[0].startswith("the arm electrodes look swapped: P and QRS of lead I")
    assert found.einthoven < 0.01, "the law knows nothing of it"


def test_swapped_arms_of_real_people(real_data):
    real_data("ptbxl")
    real = load_ptbxl(100, data="real")
    assert not any(arms_look_swapped(one, 100) for one in real.signal)
    told = np.array([arms_look_swapped(swapped(one), 100) for one in real.signal])
    assert told.mean() > 0.78 and told[real.table.NORM == 1].mean() > 0.93


def test_chest_leads_in_another_order_and_leads_upside_down(real_data):
    real_data("ptbxl")
    real = load_ptbxl(100, data="real").signal
    assert sum(chest_looks_reversed(one, 100) for one in real) == 3, "hearts that are so"
    for wrong in (np.concatenate([real[:, :6], real[:, :5:-1]], axis=1), -real):
        assert np.mean([chest_looks_reversed(one, 100) for one in wrong]) > 0.9
    assert not chest_looks_reversed(np.zeros((12, 1000)), 100) and not chest_looks_reversed(ECG[:, ::20], 25)


def test_the_law_and_the_arms_in_ludb(real_data):
    """Each lead of LUDB was scaled by itself, and none of its people was wired wrongly."""
    folder = real_data("ludb") / "data"
    for name in LUDB.records[:10]:
        found = read_recording(folder / f"{name}.hea", lead="all")
        assert "Einthoven's law does not hold" in " ".join(found.notes) and not found.arms_swapped


def test_a_program_of_one_lead_takes_no_twelve(tmp_path):
    refused = ecgnb("classify", record(tmp_path), "--lead", "all")
    assert refused.returncode == 2 and "one is read here; expected its name or its number" in refused.stderr


SHORT = ECG[:, :400]


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    """The files of a short recording in four forms, by name."""
    folder = tmp_path_factory.mktemp("forms")
    edfio = pytest.importorskip("edfio")
    signals = [edfio.EdfSignal(one[:250], 250, label=f"ECG {name}", physical_dimension="mV", physical_range=(-9, 9))
               for name, one in zip(LEADS, SHORT, strict=True)]  # fmt: skip
    edfio.Edf(signals).write(folder / "b.edf")
    np.save(folder / "c.npy", SHORT.T)
    record(folder, ecg=SHORT)
    table(folder / "a.csv", ecg=SHORT)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@fuzz(60)
@given(damage=st.data())
def test_any_damaged_file_of_twelve_leads_is_read_or_refused(forms, tmp_path, damage):
    name = damage.draw(st.sampled_from(sorted(forms)))
    for other, whole in forms.items():
        (tmp_path / other).write_bytes(whole)
    path, content = tmp_path / name, bytearray(forms[name])
    for _ in range(damage.draw(st.integers(1, 6))):
        at = damage.draw(st.integers(0, min(len(content), 3000) - 1))
        content[at : at + damage.draw(st.integers(0, 3))] = damage.draw(st.binary(max_size=4))
    path.write_bytes(content)
    with contextlib.suppress(EcgnbError):
        given = dict(fs=500, unit="mV") if path.suffix == ".npy" else {}
        found = read_recording(path, lead="all", **given)
        assert found.signal.shape[0] == 12 and found.signal.dtype == np.float32
        found.ten_seconds()


@pytest.mark.parametrize("fs", [2, 12, 49, 100_000])
def test_any_rate_is_borne(tmp_path, fs):
    np.save(tmp_path / "a.npy", ECG.T)
    found = read_recording(tmp_path / "a.npy", fs=fs, lead="all", unit="mV")
    assert not found.arms_swapped and found.fs == fs
    tiny = read_recording(record(tmp_path, ecg=ECG[:, :3]), lead="all")
    assert tiny.signal.shape == (12, 3)
