"""Every form of file that people have, written here: read right, or refused in one line that says what to do."""

from __future__ import annotations

import datetime
import io
import json
import zipfile

import numpy as np
import pytest
import wfdb
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from ecgnb.datasets import read_recording
from ecgnb.datasets.own import text as own_text
from ecgnb.datasets.own import zip_file
from ecgnb.datasets.own.columns import Column, cannot_be, choose, only_rises, role
from ecgnb.datasets.own.opened import lead_names
from ecgnb.datasets.own.wfdb_record import files_of
from ecgnb.detection import looks_like_ecg
from ecgnb.errors import DataError, EcgnbError, UsageError

START = datetime.datetime(2026, 1, 2, 10, 15, tzinfo=datetime.UTC)


WAVES = ((0.12, -0.17, 0.02), (-0.1, -0.03, 0.008), (1.1, 0, 0.011), (-0.2, 0.03, 0.009), (0.3, 0.25, 0.04))


def ecg(fs=250.0, seconds=20.0):
    """Return a made-up ECG of 75 beats a minute, in mV, and its times."""
    t = np.arange(round(fs * seconds)) / fs
    phase = (t - 0.5) % 0.8
    phase = np.where(phase > 0.4, phase - 0.8, phase)
    wave = sum(height * np.exp(-0.5 * ((phase - at) / width) ** 2) for height, at, width in WAVES)
    return t, np.round(wave + 0.01 * np.random.default_rng(0).standard_normal(len(t)), 4)


def lines(*rows, separator=",", above=""):
    return above + "".join(separator.join(map(str, row)) + "\n" for row in zip(*rows, strict=True))


def stamps(t, form):
    return [(START + datetime.timedelta(seconds=float(s))).strftime(form) for s in t]


T, E = ecg()
COUNT = range(len(T))
T1000, E1000 = ecg(1000)
T125, E125 = ecg(125)
UV = np.round(1000 * E, 1)
RESP = np.round(np.sin(T), 4)
MS = 1767345300000


def comma(values, digits=3):
    return [f"{value:.{digits}f}".replace(".", ",") for value in values]


PHONE = "Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]\n"
BITALINO = {
    "sensor": ["ECG", "RESP"],
    "column": ["nSeq", "I1", "A1", "A2"],
    "label": ["A1", "A2"],
    "sampling rate": 250,
}
OPEN_SIGNALS = f"# OpenSignals Text File Format\n# {json.dumps({'a': BITALINO})}\n# EndOfHeader\n"
SHIMMER = "sep=\t\nS_Timestamp_Unix_CAL\tS_ECG_LL-RA_24BIT_CAL\tS_ECG_LA-RA_24BIT_CAL\t\nms\tmV\tmV\t\n"
LABCHART = (
    "Interval=\t0.001 s\nExcelDateTime=\t4.6E+04\t02/01/2026 10:15:00\nTimeFormat=\tStartOfBlock\nDateFormat=\t\n"
    "ChannelTitle=\tECG\tRespiration\nRange=\t10.000 mV\t10.000 V\n"
)
ACQ = f"rec.acq\n1 msec/sample\n2 channels\nECG - 1\nmV\nRSP - 2\nVolts\nCH1\tCH2\t\n{len(E1000)}\t{len(E1000)}\t\n"
WATCH_DE = 'Name,Eine Person\nGeburtstag,"01.01.1970"\nMessrate,512 Hertz\nAbleitung,Ableitung I\nEinheit,µV\n\n'
WATCH = 'Device,"Watch6,7"\nSample Rate,511,443 hertz\nLead,Lead I\nUnit,µV\n\n'
NS = (599636646177065964 + 4e6 * np.arange(len(T))).astype(int)
ADC = np.round(512 + 100 * E)
LATE = [str(datetime.timedelta(seconds=(86390 + float(s)) % 86400)) for s in T125]

FORMS = {
    # name: (text, given, fs, lead, unit, what the signal is times)
    "pandas index": (lines(COUNT, T, E, above=",time,ecg\n"), {}, 250, "ecg", "", 1),
    "index named": (lines(COUNT, T, E, above="index,time,ecg\n"), {}, 250, "ecg", "", 1),
    "heart rate before": (
        lines(T, [75.0 + k % 3 for k in COUNT], E, above="timestamp,hr,ecg\n"),
        {},
        250,
        "ecg",
        "",
        1,
    ),
    "respiration before": (lines(RESP, RESP, E, above="RSP,EDA,ECG\n"), {"fs": 250}, 250, "ECG", "", 1),
    "NeuroKit": (lines(E, RESP, COUNT, above="ECG_Raw,ECG_Rate,ECG_Phase\n"), {"fs": 250}, 250, "ECG_Raw", "", 1),
    "long lead names": (lines(T, -E, E, -E, above="time,Lead I,Lead II,Lead V1\n"), {}, 250, "Lead II", "", 1),
    "small lead names": (lines(T, -E, E, above="time,v1,ii\n"), {}, 250, "ii", "", 1),
    "units in brackets": (lines(T, UV, -UV, above="Time (s),II [µV],V5 [µV]\n"), {}, 250, "II [µV]", "µV", 1000),
    "millis": (lines([round(1000 * s) for s in T], E, above="millis,ecg\n"), {}, 250, "ecg", "", 1),
    "microseconds": (
        lines((1e6 * T).astype(int), E, RESP, above="time_us,ecg_raw,ppg_red\n"),
        {},
        250,
        "ecg_raw",
        "",
        1,
    ),
    "nanoseconds": (lines((1e9 * T).astype(int) + 10**18, E, above="timestamp [ns],ecg\n"), {}, 250, "ecg", "", 1),
    "ms, a whole one a sample": (lines(range(len(T1000)), E1000, above="time_ms,ecg\n"), {}, 1000, "ecg", "", 1),
    "plain time in ms": (lines(1000 * T, E, above="time,ecg\n"), {}, 250, "ecg", "", 1),
    "packets": (lines([MS + 96 * (k // 24) for k in COUNT], E), {}, 250, "", "", 1),
    "dates": (lines(stamps(T125, "%Y-%m-%d %H:%M:%S.%f"), E125, above="datetime,ecg\n"), {}, 125, "ecg", "", 1),
    "ISO with Z": (lines(stamps(T125, "%Y-%m-%dT%H:%M:%S.%fZ"), E125, above="timestamp,ecg\n"), {}, 125, "ecg", "", 1),
    "dates last": (lines(E125, stamps(T125, "%Y-%m-%d %H:%M:%S.%f"), above="ecg,datetime\n"), {}, 125, "ecg", "", 1),
    "German dates": (
        lines(stamps(T125, "%d.%m.%Y %H:%M:%S.%f"), comma(E125, 4), separator=";", above="Datum;EKG\n"),
        {},
        125,
        "EKG",
        "",
        1,
    ),
    "PhysioNet's clock and date": (
        lines(stamps(T125, "'[%H:%M:%S.%f 02/01/2026]'"), E125, above="'Time','II'\n'[date]','mV'\n"),
        {},
        125,
        "II",
        "mV",
        1,
    ),
    "over midnight": (lines(LATE, E125, above="clock,ecg\n"), {}, 125, "ecg", "", 1),
    "Polar": (
        lines(stamps(T, "%Y-%m-%dT%H:%M:%S.%f"), NS, 1000 * T, UV, separator=";", above=PHONE),
        {},
        250,
        "ecg [uV]",
        "uV",
        1000,
    ),
    "OpenSignals": (
        lines([k % 16 for k in COUNT], [0] * len(T), ADC, 9 + RESP, separator="\t", above=OPEN_SIGNALS),
        {},
        250,
        "A1 ECG",
        "",
        100,
    ),
    "Shimmer": (
        lines([f"{MS + 1000 * s:.3f}" for s in T], E, -E, [""] * len(T), separator="\t", above=SHIMMER),
        {},
        250,
        "S_ECG_LL-RA_24BIT_CAL",
        "mV",
        1,
    ),
    "LabChart": (lines(T1000, E1000, np.sin(T1000), separator="\t", above=LABCHART), {}, 1000, "ECG", "", 1),
    "AcqKnowledge": (lines(E1000, np.sin(T1000), separator="\t", above=ACQ), {}, 1000, "ECG - 1", "mV", 1),
    "Empatica": (lines(E, above="1767345300.000000\n250.000000\n"), {}, 250, "", "", 1),
    "a watch, in German": (lines(comma(UV), above=WATCH_DE), {}, 512, "Ableitung I", "µV", 1000),
    "a watch, 511.443": (lines(comma(UV), above=WATCH), {}, 511.443, "Lead I", "µV", 1000),
    "decimal commas alone": (lines(comma(E + 1.5, 2)), {"fs": 250}, 250, "", "", 1),
    "decimal commas, a name": (lines(comma(E + 1.5, 2), above="ECG\n"), {"fs": 250}, 250, "ECG", "", 1),
    "decimal commas in quotes": (
        lines([f'"{v}"' for v in comma(T)], [f'"{v}"' for v in comma(E)], above='"Zeit","EKG"\n'),
        {},
        250,
        "EKG",
        "",
        1,
    ),
    "an offset of 2^31": (
        lines(T, (2**31 + np.round(1000 * E)).astype(int), above="time,ecg\n"),
        {},
        250,
        "ecg",
        "",
        1000,
    ),
    "an empty column": (lines(T, E, [""] * len(T), above="time,ecg,event\n"), {}, 250, "ecg", "", 1),
    "a column of text": (lines(T, E, ["sinus"] * len(T), above="time,ecg,rhythm\n"), {}, 250, "ecg", "", 1),
    "a rate in words": (lines(E, above="Sampling rate of channel 1: 250 Hz\n"), {}, 250, "", "", 1),
    "SampleRate=": (lines(E, above="SampleRate=250\n"), {}, 250, "", "", 1),
    "# fs=": (lines(E, above="# fs=250\n"), {}, 250, "", "", 1),
    "French": (lines(E, above="Fréquence d'échantillonnage : 250 Hz\nFiltre passe-bas : 40 Hz\n"), {}, 250, "", "", 1),
    "Spanish": (lines(E, above="Frecuencia de muestreo;250\n"), {}, 250, "", "", 1),
    "1 kHz": (lines(E1000, above="Sampling: 1 kHz\nNotch: 50 Hz\n"), {}, 1000, "", "", 1),
    "an interval": (lines(E, above="Sampling interval: 4 ms\n"), {}, 250, "", "", 1),
    "one line": (" ".join(map(str, E)), {"fs": 250}, 250, "", "", 1),
    "lines that are leads": (lines(*zip(*[["I", *-E], ["II", *E]], strict=True)), {"fs": 250}, 250, "II", "", 1),
    "DaISy": (lines(*[[f"{v:.7e}" for v in column] for column in (T, E)], separator="   "), {}, 250, "", "", 1),
    "ADC without a name, a battery beside": (
        lines(T, ADC, [98] * len(T), above="t,value,charge\n"),
        {},
        250,
        "value",
        "",
        100,
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_read_right(tmp_path, name):
    content, options, fs, lead, unit, scale = FORMS[name]
    path = tmp_path / "mine.csv"
    path.write_text(content, encoding="utf-8")
    found = read_recording(path, **options)
    truth = {250: E, 1000: E1000, 125: E125}.get(round(fs), E)
    assert found.fs == pytest.approx(fs, rel=2e-4) and (found.lead, found.unit) == (lead, unit)
    assert len(found.signal) == len(truth)
    np.testing.assert_allclose(
        found.signal - np.median(found.signal), scale * (truth - np.median(truth)), atol=0.011 * scale
    )
    assert "mine.csv" in found.read and (f"{fs:g} Hz" in found.read or "250" in found.read)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1"])
def test_encodings(tmp_path, encoding):
    (tmp_path / "a.csv").write_text(lines(T, UV, above="Zeit;EKG [µV]\n".replace(";", ",")), encoding=encoding)
    found = read_recording(tmp_path / "a.csv")
    assert (found.fs, found.lead, found.unit, len(found.signal)) == (250, "EKG [µV]", "µV", len(T))


def test_an_ecg_that_begins_late(tmp_path):
    late = ["" if k < len(E) * 0.4 else value for k, value in enumerate(E)]
    for separator in ",;":
        (tmp_path / "a.csv").write_text(lines(T, late, separator=separator, above=f"time{separator}ecg\n"))
        found = read_recording(tmp_path / "a.csv")
        assert found.lead == "ecg" and np.isnan(found.signal).mean() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            lines(T, RESP, above="time,resp\n"),
            "no column looks like an ECG: resp is named as something else; say which",
        ),
        (lines(COUNT), "only rises"),
        (lines(T, E, -E), "several columns could be the ECG: 1, 2; say which with --lead"),
        (lines(*zip(*[E, -E], strict=True)), "each of its lines is a lead.: several columns could be the ECG: 1, 2"),
        (lines(10 * T, E, above="time,ecg\n"), "'time' rises by 0.04 a sample|says 25"),
        (lines(100 * T, E, above="seconds,ecg\n"), "says 2.5 samples per second"),
    ],
)
def test_what_is_asked_back(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_recording(tmp_path / "a.csv")


def test_a_count_of_samples_is_no_clock(tmp_path):
    (tmp_path / "a.csv").write_text(lines(COUNT, E, above="t,ecg\n"))
    assert read_recording(tmp_path / "a.csv").fs is None
    found = read_recording(tmp_path / "a.csv", fs=250)
    assert found.fs == 250 and "250 Hz (given)" in found.read


def test_what_the_file_says_and_what_is_given_differ(tmp_path):
    (tmp_path / "a.csv").write_text(lines(E, above="Sample Rate,512 Hz\n"))
    found = read_recording(tmp_path / "a.csv", fs=250)
    assert found.fs == 250 and "the file says 512 samples per second" in found.notes[-1]


def test_two_columns_without_names_are_told_apart_by_the_gate(tmp_path):
    noise = np.random.default_rng(0).standard_normal(len(T)).round(3)
    (tmp_path / "a.csv").write_text(lines(T, noise, E, above="time,A1,A2\n"))
    found = read_recording(tmp_path / "a.csv", looks_like_ecg=looks_like_ecg)
    assert found.lead == "A2" and found.notes == ("the only column that could be an ECG",)


TABLE = lines(T, E, above="time,ecg\n")


@pytest.mark.parametrize(
    "line",
    [
        "Frequency response: 0.05 - 150 Hz",
        "Befund: SR 120",
        "Max. Frequenz: 110",
        "High cut: 100 Hz",
        "Filtro: 150 Hz",
        "Battery sampling: 100",
        "Number of samples: 6000",
        "Samples,6000",
        "Herzfrequenz: 75",
        "SR: 75",
        "Powerline: 50 Hz",
        "Respiratory rate,15",
        "PR interval: 160 ms",
        "Baud rate: 115200",
        "Recording duration: 24 s",
        "Sweep rate: 25 mm/s",
        "Data rate: 9600",
        "Gain: 200; Sampling channels: 2",
        "ADC: 24 bit, 32 kHz clock",
        "Sample taken at 10:15 on 02.01.2026",
        "Full scale (FS): 500",
    ],
)
def test_a_line_about_something_else_is_no_rate(tmp_path, line):
    (tmp_path / "a.csv").write_text(f"{line}\n{TABLE}")
    assert read_recording(tmp_path / "a.csv").fs == 250
    (tmp_path / "b.csv").write_text(f"{line}\nrecorded at home\n\n" + lines(E))
    assert read_recording(tmp_path / "b.csv").fs is None


@pytest.mark.parametrize(
    ("line", "fs"),
    [
        ("Abtastrate: 1.000 Hz", 1000),
        ("Sample rate: 1 kS/s", 1000),
        ("Sampling rate: 1'000 Hz", 1000),
        ("Sampling rate 1 500 Hz", 1500),
        ("Sample time: 0.004", 250),
        ("# fs (Hz) 250", 250),
        ("rate: 250 S/s", 250),
        ("Taxa de amostragem: 250 amostras/s", 250),
        ("Sampling period [ms]: 4", 250),
        ("sample_interval_ms: 4", 250),
        ('"SampleRate","250"', 250),
        ("Recording 24 s at 250 Hz, filter 0.5-40 Hz", 250),
        ("ACC sampling rate: 50 Hz\nECG sampling rate: 250 Hz", 250),
        ("Herzfrequenz 75\nAbtastrate 250 Hz", 250),
        ("Frequenza di campionamento: 250 Hz", 250),
        ("dt = 0.004", 250),
    ],
)
def test_rates_in_many_words(tmp_path, line, fs):
    (tmp_path / "a.csv").write_text(f"{line}\n\n" + lines(E))
    assert read_recording(tmp_path / "a.csv").fs == fs


def test_a_clock_counts_more_than_a_line(tmp_path):
    (tmp_path / "a.csv").write_text(f"# Sampling rate: 500 Hz\n{TABLE}")
    found = read_recording(tmp_path / "a.csv")
    assert found.fs == 250 and "500 Hz; its column of time says 250, and was believed" in found.notes[-1]
    (tmp_path / "b.csv").write_text("Sampling rate: 250 Hz\nSampling rate: 360 Hz\n" + lines(E))
    found = read_recording(tmp_path / "b.csv")
    assert found.fs is None and "may say the rate, and is not understood" in found.notes[-1]
    back = lines(T[::-1], E, above="# fs = 250\ntime,ecg\n")
    (tmp_path / "c.csv").write_text(back)
    with pytest.raises(DataError, match="does not run forward"):
        read_recording(tmp_path / "c.csv")


def test_a_clock_of_each_signal(tmp_path):
    emg, half = np.arange(len(T)) / 1000, [f"{s}" if k < len(T) // 2 else "" for k, s in enumerate(T)]
    ecg_half = [value if k < len(T) // 2 else "" for k, value in enumerate(E)]
    (tmp_path / "a.csv").write_text(lines(emg, RESP, half, ecg_half, above="time,emg,time,ecg\n"))
    found = read_recording(tmp_path / "a.csv")
    assert found.fs == 250 and len(found.signal) == len(T) // 2


def test_full_seconds_that_start_within_one(tmp_path):
    for late in (0.0, 0.3, 0.9):
        (tmp_path / "a.csv").write_text(lines(stamps(T + late, "%Y-%m-%d %H:%M:%S"), E, above="date,ecg\n"))
        recording = read_recording(tmp_path / "a.csv")
        assert recording.fs == 250 and "packets of 250 samples" in recording.read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lines(comma(T), comma(E, 4), above="time,ecg\n"), "commas divide its columns and stand in its numbers"),
        (lines(["I"] * 9 + ["II"] * 9, [1.5] * 18, above="lead,ecg\n"), "2 recordings one under the other"),
        (lines(*[E[k::8] for k in range(8)], separator=" "), "samples seem to go on from column to column"),
    ],
)
def test_what_would_be_read_wrongly_is_refused(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_recording(tmp_path / "a.csv", fs=250)


@pytest.mark.parametrize("above", ["0\n", "250\n", f"{len(E)}\n", f"{len(E)}\n250\n"])
def test_first_rows_that_are_no_samples(tmp_path, above):
    (tmp_path / "a.csv").write_text(above + "".join(f"{value:.4f}\n" for value in E))
    found = read_recording(tmp_path / "a.csv", fs=250)
    assert len(found.signal) == len(E) and found.notes


def test_leads_off_is_no_value(tmp_path):
    (tmp_path / "a.csv").write_text("!\n" * 40 + lines([*E[:100], "!", *E[101:]]))
    found = read_recording(tmp_path / "a.csv", fs=250)
    assert np.flatnonzero(np.isnan(found.signal[-len(E) :])).tolist() == [100]


def test_row_names_of_r(tmp_path):
    rows = "".join(f'"{k}" {s} {value}\n' for k, (s, value) in enumerate(zip(T, E, strict=True), start=1))
    (tmp_path / "a.txt").write_text('"time" "ecg"\n' + rows)
    found = read_recording(tmp_path / "a.txt")
    assert (found.fs, found.lead) == (250, "ecg")


def test_rdsamp_in_words(tmp_path):
    rows = "".join(f"  {int(s // 60)}:{s % 60:06.3f}  {-value}  {value}\n" for s, value in zip(T, E, strict=True))
    above = "   Elapsed time      V5     MLII\n   hh:mm:ss.mmm     (mV)     (mV)\n"
    (tmp_path / "a.txt").write_text(above + rows)
    found = read_recording(tmp_path / "a.txt")
    assert (found.fs, found.lead, found.unit) == (250, "MLII", "mV")
    np.testing.assert_allclose(found.signal, E, atol=1e-4)


# Names and behaviour


def test_roles():
    for name in (
        "II",
        "Lead II",
        "ii",
        "II (mV)",
        "MLII",
        "ecg",
        "EKG",
        "ECG_LL-RA",
        "EcgWaveform",
        "V5",
        "Ableitung I",
    ):
        assert role(name)[0] == "ecg", name
    for name in ("time", "Timestamp [ms]", "millis", "Zeit", "t", "Elapsed time", "unix_time"):
        assert role(name)[0] == "time", name
    for name in ("hr", "heart_rate", "ECG_Rate", "acc_x", "resp", "PPG_Clean", "ECG_Quality", "event", "ecg_noise"):
        assert role(name)[0] == "other", name
    for name in ("Derivación I", "Dérivation II", "心電図[mV]", "ЭКГ", "Ch 2 [II]", "ECG Lead II red", "EEG ECG"):
        assert role(name)[0] == "ecg", name
    assert role("ECG_I")[1] > role("ECG_II")[1] and role("ECG Time (s)")[0] == role("время")[0] == "time"
    for name in ("value", "A1", "ch1", "CH2", "data", "Sample (mV)", "Level"):
        assert role(name)[0] == "", name
    ranks = [role(name)[1] for name in ("MLII", "ECG", "I", "V5", "V1")]
    assert ranks == sorted(ranks)


def test_behaviour():
    n = np.arange(500.0)
    assert only_rises(n) and only_rises(n // 7) and only_rises(n % 256) and only_rises(1e12 + 4 * n)
    assert not only_rises(E[:500]) and not only_rises(np.sin(n))
    assert cannot_be(np.full(500, 3.0)) == "never changes" and cannot_be(np.full(500, np.nan)) == "is empty"
    assert cannot_be(n % 2 * (n % 3)) == "has 3 values" and not cannot_be(E)
    assert choose([Column("hr", E), Column("x", E), Column("ecg", E)], "a")[0] == 2


# WFDB


def write_wfdb(folder, name="rec", leads=("V1", "II"), unit="mV", fmt="16", fs=250, signal=E):
    both = np.stack([signal * (-1) ** (len(leads) - 1 - k) for k in range(len(leads))], axis=1)
    wfdb.wrsamp(name, fs=fs, units=[unit] * len(leads), sig_name=list(leads), p_signal=both, fmt=[fmt] * len(leads),
                adc_gain=[1000.0] * len(leads), baseline=[0] * len(leads), write_dir=str(folder))  # fmt: skip
    return folder / f"{name}.hea"


@pytest.mark.parametrize(
    ("unit", "encoding", "scale"),
    [("µV", "utf-8", 1e-3), ("μV", "utf-8", 1e-3), ("µV", "latin-1", 1e-3), ("uV", "ascii", 1e-3), ("V", "ascii", 1e3)],
)
def test_the_unit_of_a_header_reaches_the_axis(tmp_path, unit, encoding, scale):
    path = write_wfdb(tmp_path, leads=("II",))
    path.write_bytes(path.read_text().replace("/mV", f"/{unit}").encode(encoding) + b"# Temperature 37 \xb0\n")
    found = read_recording(path)
    np.testing.assert_allclose(found.signal, scale * E, atol=2e-3 * scale)
    assert found.unit == "mV"


def test_no_unit_and_latin_comments(tmp_path):
    path = write_wfdb(tmp_path, leads=("II",))
    path.write_bytes(path.read_text().replace("/mV", "/NU").encode() + "# Müller, 37°, µ\n".encode("latin-1"))
    found = read_recording(path)
    assert found.unit == "NU" and found.signal.max() == pytest.approx(E.max(), abs=2e-3)


@pytest.mark.parametrize("gain", ["", "0"])
def test_a_header_without_a_gain_is_said_to_have_none(tmp_path, gain):
    path = write_wfdb(tmp_path, leads=("II",))
    first, signal = path.read_text().splitlines()[:2]
    path.write_text(f"{first}\n{' '.join(signal.split()[:2])} {gain}\n")
    found = read_recording(path)
    assert found.notes == ("its header gives no gain: 200 a mV were taken, WFDB's custom",)
    assert read_recording(write_wfdb(tmp_path, "other")).notes == ()


def test_an_offset_that_is_taken_off_is_said(tmp_path):
    np.save(tmp_path / "a.npy", 2**31 + np.round(1000 * E))
    (tmp_path / "a.csv").write_text(lines(T, (2**31 + np.round(1000 * E)).astype(int), above="time,ecg\n"))
    for name in ("a.npy", "a.csv"):
        found = read_recording(tmp_path / name, fs=250)
        assert "an offset of 2,147,483," in found.notes[0] and abs(np.ptp(found.signal) - 1000 * np.ptp(E)) <= 1


def test_a_date_that_no_clock_can_hold(tmp_path):
    """What the fuzz found: year -1 is a date to pandas, and beyond its nanoseconds."""
    (tmp_path / "a.csv").write_text(",0.0,0.0\n2026-01-02,0.0,0.0\n-1\n")
    with pytest.raises(DataError, match="several columns could be the ECG"):
        read_recording(tmp_path / "a.csv")


def test_a_year_for_a_date(tmp_path):
    path = write_wfdb(tmp_path)
    first, rest = path.read_text().split("\n", 1)
    path.write_text(f"{first} 10:00:00 2006\n{rest}")
    with pytest.raises(DataError, match=r"rec\.hea: its first line ends in 2006; expected a date such as 31/12/2006"):
        read_recording(path)


def test_segments_are_joined_or_missed(tmp_path):
    write_wfdb(tmp_path, "a", signal=E[:2000])
    write_wfdb(tmp_path, "b", signal=E[2000:])
    (tmp_path / "multi.hea").write_text("multi/3 2 250 5250\na 2000\n~ 250\nb 3000\n")
    found = read_recording(tmp_path / "multi")
    assert (found.lead, found.fs, len(found.signal)) == ("II", 250, 5250) and np.isnan(found.signal).sum() == 250
    np.testing.assert_allclose(np.r_[found.signal[:2000], found.signal[2250:]], E, atol=2e-3)
    (tmp_path / "b.hea").unlink()
    with pytest.raises(DataError, match=r"multi has 3 segments, and b\.hea is missing; put"):
        read_recording(tmp_path / "multi.hea")


def test_matlab_of_cinc(tmp_path):
    digital = np.stack([-np.round(1000 * E), np.round(1000 * E)]).astype(np.int16)
    savemat(tmp_path / "A1.mat", {"val": digital}, format="4")
    (tmp_path / "A1.hea").write_text(
        f"A1 2 250 {len(E)}\nA1.mat 16+24 1000/mV 16 0 0 0 0 I\nA1.mat 16+24 1000/mV 16 0 0 0 0 II\n"
    )
    for name in ("A1.hea", "A1.mat", "A1"):
        np.testing.assert_allclose(read_recording(tmp_path / name).signal, E, atol=2e-3)
    (tmp_path / "A1.hea").unlink()
    with pytest.raises(DataError, match=r"is a MATLAB file without a \.hea"):
        read_recording(tmp_path / "A1.mat")


def test_frank_leads_in_a_second_file(tmp_path):
    path = write_wfdb(tmp_path, "s1", leads=("I", "II"))
    np.round(1000 * E).astype("<i2").tofile(tmp_path / "s1.xyz")
    path.write_text(path.read_text().replace("s1 2 ", "s1 3 ") + "s1.xyz 16 1000/mV 16 0 0 0 0 vx\n")
    np.testing.assert_allclose(read_recording(path).signal, E, atol=2e-3)
    np.testing.assert_allclose(read_recording(path, lead="vx").signal, E, atol=2e-3)


def test_capital_letters(tmp_path):
    path = write_wfdb(tmp_path)
    path.rename(tmp_path / "REC.HEA")
    path.with_suffix(".dat").rename(tmp_path / "REC.DAT")
    for name in ("REC.HEA", "REC.DAT", "REC"):
        np.testing.assert_allclose(read_recording(tmp_path / name).signal, E, atol=2e-3)


def test_text_called_dat(tmp_path):
    (tmp_path / "a.dat").write_text(lines(T, E))
    assert read_recording(tmp_path / "a.dat").fs == 250
    (tmp_path / "b.dat").write_bytes(np.arange(5000, dtype=np.int16).tobytes())
    with pytest.raises(DataError, match=r"b\.hea is missing"):
        read_recording(tmp_path / "b.dat")


def test_headers_that_promise_the_moon(tmp_path):
    path = write_wfdb(tmp_path)
    for first in ("rec 1000000 250 5000", "rec/999999 2 250 5000", "rec 2 250 99999999999999"):
        lie = tmp_path / "lie.hea"
        lie.write_text(
            "\n".join([first.replace("rec", "lie"), *path.read_text().splitlines()[1:]]).replace("rec.dat", "lie.dat")
        )
        (tmp_path / "lie.dat").write_bytes(b"\0" * 100)
        with pytest.raises(DataError, match=r"promises|cannot be read|missing"):
            read_recording(lie)
    path.write_text(path.read_text().replace("16 1000.0", "212 1000.0", 1))
    with pytest.raises(DataError, match="expected one a file"):
        read_recording(path)


def test_the_files_of_a_record(tmp_path):
    path = write_wfdb(tmp_path)
    (tmp_path / "rec.atr").write_text("marks")
    for name in ("rec", "rec.hea", "rec.dat"):
        assert {file.name for file in files_of(tmp_path / name)} == {"rec.hea", "rec.dat", "rec.atr"}
    assert files_of(tmp_path / "a.csv") == [tmp_path / "a.csv"] and path.is_file()


# EDF


def write_edf(path, labels=("RESP", "ECG II"), bdf=False, fs=250):
    edfio = pytest.importorskip("edfio")
    kind, signal = (edfio.Bdf, edfio.BdfSignal) if bdf else (edfio.Edf, edfio.EdfSignal)
    waves = [1000 * (RESP if "RESP" in label else E) for label in labels]
    signals = [
        signal(wave, fs, label=label, physical_dimension="uV") for wave, label in zip(waves, labels, strict=True)
    ]
    kind(signals).write(path)
    return path


@pytest.mark.parametrize("bdf", [False, True])
def test_edf_and_bdf(tmp_path, bdf):
    path = write_edf(tmp_path / ("a.bdf" if bdf else "a.edf"), bdf=bdf)
    found = read_recording(path)
    assert (found.lead, found.fs, found.unit) == ("ECG II", 250, "uV")
    np.testing.assert_allclose(found.signal, 1000 * E, atol=0.1)
    assert lead_names(path) == ["RESP", "ECG II"]
    with pytest.raises(UsageError, match="says 250 Hz; leave fs out"):
        read_recording(path, fs=360)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match="cannot be read as EDF"):
        read_recording(path)
    assert lead_names(path) == []


# Archives and files of other kinds


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_a_zip_with_one_recording(tmp_path, monkeypatch):
    table = lines(T, E, above="time,ecg\n")
    (tmp_path / "a.zip").write_bytes(zipped({"export/ecg.csv": table, "__MACOSX/._ecg.csv": "x", "read me.pdf": "x"}))
    found = read_recording(tmp_path / "a.zip")
    assert found.fs == 250 and found.read.startswith("a.zip: ecg.csv, ecg")
    path = write_wfdb(tmp_path)
    both = {name: (tmp_path / name).read_bytes() for name in ("rec.hea", "rec.dat")}
    (tmp_path / "b.zip").write_bytes(zipped(both))
    np.testing.assert_allclose(read_recording(tmp_path / "b.zip").signal, read_recording(path).signal)
    (tmp_path / "c.zip").write_bytes(zipped({"1.csv": table, "2.csv": table}))
    with pytest.raises(DataError, match=r"c\.zip holds 2 recordings among 2 files"):
        read_recording(tmp_path / "c.zip")
    monkeypatch.setattr(zip_file, "MAX_BYTES", 2**20)
    (tmp_path / "bomb.zip").write_bytes(zipped({"a.csv": "1\n2\n" * 10**6}))
    with pytest.raises(DataError, match="is larger than 1 MB when unpacked"):
        read_recording(tmp_path / "bomb.zip")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.dcm", b"\0" * 128 + b"DICM" + b"\0" * 100, "is DICOM, which is not read here: pydicom"),
        ("a.scp", b"\0" * 16 + b"SCPECG" + b"\0" * 100, "is SCP-ECG, .* BioSig"),
        ("a.xml", b'<?xml version="1.0"?><AnnotatedECG xmlns="urn:hl7-org:v3">', "is HL7 aECG"),
        ("a.xml", b'<?xml version="1.0"?><RestingECG>', "is an ECG in XML"),
        ("a.csv", b"%PDF-1.7 ...", "is a PDF, .* it is a picture of an ECG"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "is a picture"),
        ("a.mat", b"MATLAB 5.0 MAT-file", "is a MATLAB file"),
        ("a.json", json.dumps({"ecg": [1, 2]}).encode(), "is JSON"),
        ("a.csv.gz", b"\x1f\x8b\x08\0", "is a compressed file, .* unpack it first"),
        ("a.xlsx", zipped({"xl/workbook.xml": "x"}), "is an Excel workbook"),
        ("a.zip", b"PK\x03\x04 nothing", "cannot be unpacked"),
    ],
)
def test_files_of_other_kinds(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_recording(tmp_path / name)


# Attacks


def said_of(path, fs=None):
    """Return what is said of a file that is read, or the one line that says why it is not."""
    try:
        found = read_recording(path, fs=fs)
    except EcgnbError as fault:
        return str(fault)
    assert found.signal.dtype == np.float32 and found.signal.ndim == 1
    return found.read


@pytest.mark.parametrize(
    "text",
    [
        "1" * 200_000 + "x\n" + "1\n2\n5\n" * 2000,
        "1\n2\n5\n" * 2000 + "1" * 200_000 + "x\n",
        "sampl" * 50_000 + "\n1\n2\n5\n",
        "sampl_rate " * 20_000 + "\n1\n2\n5\n",
        "1:" * 60_000 + "x\n1\n",
        '"' * 100_000 + "\n1\n2\n5\n",
        "# " + '{"a":' * 9000 + "\n1\n2\n",
        ("1," * 30_000 + "1\n") * 80,
        "[" * 100_000,
        "ecg\n" + "1e400\n-1e400\n1\n" * 500,
    ],
)
def test_long_lines_take_no_time(tmp_path, text):
    """Each took minutes once; a pattern that is not linear would let this test hang."""
    (tmp_path / "a.csv").write_text(text)
    said = said_of(tmp_path / "a.csv")
    assert len(said) < 1500 and said.isprintable()


def test_names_of_columns_bring_no_control_characters(tmp_path):
    (tmp_path / "a.csv").write_text("\x1b]0;pwned\x07,b\u202e\n" + lines(E, -E))
    with pytest.raises(DataError) as fault:
        read_recording(tmp_path / "a.csv", lead="nope")
    assert str(fault.value).isprintable()


CELLS = st.one_of(
    st.floats(allow_nan=True).map(str),
    st.integers(-(10**6), 10**6).map(str),
    st.text(max_size=6),
    st.sampled_from(
        ["", "ecg", "time", "II", "250 Hz", "1,5", "10:15:00", "2026-01-02", "nan", "\x00", "µV", '"', "'"]
    ),
)


@fuzz(150)
@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=40),
    separator=st.sampled_from([",", ";", "\t", " ", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]),
    fs=st.sampled_from([None, 250.0]),
)
def test_any_table_is_read_or_refused(tmp_path, rows, separator, encoding, fs):
    path = tmp_path / "fuzz.csv"
    path.write_bytes("\n".join(separator.join(row) for row in rows).encode(encoding, "replace"))
    assert said_of(path, fs).isprintable()


@fuzz(150)
@given(data=st.data(), kind=st.sampled_from(["rec.hea", "a.edf", "a.npy", "a.zip", "a.csv"]))
def test_any_damaged_file_is_read_or_refused(tmp_path, data, kind):
    path = tmp_path / kind
    if kind == "a.edf":
        write_edf(path)
    elif kind == "rec.hea":
        write_wfdb(tmp_path)
    elif kind == "a.npy":
        np.save(path, E)
    else:
        text = lines(T[:300], E[:300], above="time,ecg\n")
        path.write_bytes(zipped({"a.csv": text}) if kind == "a.zip" else text.encode())
    content = bytearray(path.read_bytes()[:20_000])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 600) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    assert said_of(path).isprintable()


def test_the_head_of_a_file_ends_where_it_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(own_text, "LOOKED_AT", 1000)
    (tmp_path / "a.csv").write_text(lines(T, E, above="time,ecg\n"))
    assert len(read_recording(tmp_path / "a.csv").signal) == len(T)
