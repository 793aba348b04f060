"""Files of devices and scripts that are read for what they are, or refused in a sentence that says what to do."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from ecgnb.datasets import read_recording
from ecgnb.datasets.own.recorded import codes_in
from ecgnb.detection import looks_like_ecg
from ecgnb.errors import DataError

N, FS = 2500, 250
T = np.arange(N) / FS
WAVE = np.round(np.sin(T * 8) ** 15, 4)
SLOW = np.round(np.sin(T), 4)


def table(*columns, title="", separator=",", end="\n"):
    rows = [separator.join(map(str, row)) for row in zip(*columns, strict=True)]
    return end.join([*([title] if title else []), *rows, ""])


def read(folder, content, name="mine.csv", **options):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_recording(folder / name, **options)


ACQ = "rec.acq\n4 msec/sample\n2 channels\nRSP\nVolts\nECG\nmV\n"


@pytest.mark.parametrize("end", ["\n", "\t\n"])
@pytest.mark.parametrize("clock", [True, False])
def test_acqknowledge_with_and_without_its_clock(tmp_path, clock, end):
    columns = [[4 * k for k in range(N)], SLOW, WAVE][not clock :]
    title = "milliSec\tCH1\tCH2\n" if clock else "CH1\tCH2\n"
    found = read(tmp_path, ACQ + title + table(*columns, separator="\t", end=end), "rec.txt")
    assert (found.fs, found.lead, found.unit) == (FS, "ECG", "mV")
    np.testing.assert_allclose(found.signal, WAVE, atol=1e-6)


@pytest.mark.parametrize(
    ("title", "encoding"),
    [
        ("時間,心拍数,心電図", "cp932"),
        ("时间,心率,心电", "gb18030"),
        ("시간,심박수,심전도", "cp949"),
        ("Время,Пульс,ЭКГ", "cp1251"),
        ("χρονος,Παλμός,ΗΚΓ", "cp1253"),
    ],
)
def test_other_scripts(tmp_path, title, encoding):
    found = read(tmp_path, table(T, np.round(70 + SLOW), WAVE, title=title).encode(encoding))
    assert (found.fs, found.lead) == (FS, title.split(",")[2])
    np.testing.assert_allclose(found.signal, WAVE, atol=1e-6)


def test_a_watch_in_japanese(tmp_path):
    above = "名前,X\n記録日,2024-01-01 10:00:00 +0900\nサンプルレート,512ヘルツ\n\n誘導,誘導I\n単位,µV\n\n"
    found = read(tmp_path, above + table(WAVE))
    assert (found.fs, found.lead, found.unit) == (512, "誘導I", "µV")


def test_a_matrix_of_octave(tmp_path):
    above = f"# Created by Octave 8\n# name: ecg\n# type: matrix\n# rows: 1\n# columns: {N}\n"
    np.testing.assert_allclose(
        read(tmp_path, above + " ".join(map(str, WAVE)) + "\n\n", "a.txt", fs=FS).signal, WAVE, atol=1e-6
    )


@pytest.mark.parametrize("code", [-9999, 99999, 65535, -32768])
def test_a_code_for_no_value(tmp_path, code):
    counts = np.where(np.arange(N) % 97 == 5, code, np.round(300 * WAVE))
    found = read(tmp_path, table(T, counts.astype(int), title="time,ecg"))
    assert np.array_equal(np.isnan(found.signal), counts == code)
    assert found.notes == (f"{code}, far off all the rest, was read as no value",)


def test_what_is_no_code():
    assert codes_in(np.r_[WAVE * 300, 999.0]) == []  # near the rest
    assert codes_in(np.r_[WAVE[:20], -9999.0]) == []  # too little to tell
    assert codes_in(np.full(100, -9999.0)) == [] == codes_in(np.r_[np.zeros(99), -9999.0])
    assert codes_in(np.r_[WAVE, -9999.0, 99999.0]) == [-9999, 99999]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", f'start,signal\n2024-01-01 10:00,"{json.dumps(list(range(300)))}"\n', "line 2: all samples stand in"),
        ("a.csv", table(T, ["99,274"] * N, title="time;ecg", separator=";"), "column 2 holds '99,274'"),
        ("a.parquet", b"PAR1" + bytes(99), "a Parquet or Feather table, which is not read here: save it as .csv"),
        ("a.ecg", b"ISHNE1.0" + bytes(99), "an ISHNE Holter file"),
        ("a.gdf", b"GDF 2.20" + bytes(99), "a GDF file"),
        ("a.pkl", pickle.dumps(WAVE), "a pickle, which is not read here: it may run whatever it likes"),
        ("a.csv.zst", b"\x28\xb5\x2f\xfd" + bytes(99), "a compressed file"),
        ("a.ods", b"PK\x03\x04" + bytes(99), "an Excel workbook"),
    ],
)
def test_what_is_refused_with_a_way_out(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, content, name)


def test_a_zip_with_a_word_about_the_recording(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("ecg.csv", table(T, WAVE, title="time,ecg"))
        archive.writestr("README.txt", "Recorded at home.")
    assert read(tmp_path, stream.getvalue(), "a.zip").fs == FS


def write_edf(path):
    import edfio

    slow = edfio.EdfSignal(SLOW[::10] * 100, FS / 10, label="one")
    edfio.Edf([slow, edfio.EdfSignal(heart(), FS, label="two")]).write(path)
    return path


def heart():
    """75 beats a minute, each with a P and a T wave."""
    phase = (T + 0.3) % 0.8 - 0.4
    waves = ((0.12, -0.17, 0.02), (-0.1, -0.03, 0.008), (1.1, 0, 0.011), (-0.2, 0.03, 0.009), (0.3, 0.25, 0.04))
    clean = sum(height * np.exp(-0.5 * ((phase - at) / width) ** 2) for height, at, width in waves)
    return clean + 0.01 * np.random.default_rng(0).standard_normal(N)


def test_each_signal_of_an_edf_is_judged_at_its_own_rate(tmp_path):
    pytest.importorskip("edfio")
    found = read_recording(write_edf(tmp_path / "a.edf"), looks_like_ecg=looks_like_ecg)
    assert (found.lead, found.fs, found.notes) == ("two", FS, ())


def test_half_an_edf_is_said_to_be_one(tmp_path):
    pytest.importorskip("edfio")
    content = write_edf(tmp_path / "a.edf").read_bytes()
    half = read(tmp_path, content[: len(content) // 2], "half.edf", lead="two")
    assert half.notes == ("the file is cut off: its header promises 10 blocks, and 4 are there",)
    none = read(tmp_path, content[:236] + b"0       " + content[244:], "none.edf", lead="two")
    assert none.notes == ("its header promises nothing, and 10 blocks are there: the recorder had not ended",)
    with pytest.raises(DataError, match="cannot be read as EDF: its header or its samples are damaged"):
        read(tmp_path, content[:300], "head.edf")


def joined(every, n_rows=N):
    """A table that joins two sensors: the ECG has a value in one row of so many."""
    rows = [f"{k / FS / every:.6f},{'' if k % every else WAVE[k // every]},{k % 7}" for k in range(n_rows)]
    return "\n".join(["time,ecg,acc", *rows])


@pytest.mark.parametrize("every", [2, 3, 5])
def test_rows_of_another_sensor_are_left_out(tmp_path, every):
    found = read(tmp_path, joined(every))
    n = -(-N // every)
    assert found.fs == pytest.approx(FS, rel=1e-3) and len(found.signal) == n
    np.testing.assert_allclose(found.signal, WAVE[:n], atol=1e-6)
    assert found.notes == (f"{1 - n / N:.0%} of its rows have no value in this column, and were left out",)
    assert len(read(tmp_path, joined(every), fs=FS).signal) == n


def test_two_clocks_in_one_are_two_sensors(tmp_path):
    rows = sorted([*((f"{t:.6f}", f"{one}", "") for t, one in zip(T, WAVE, strict=True)),
                   *((f"{k / 104 + 0.0013:.6f}", "", f"{k % 7}") for k in range(1040))],
                  key=lambda row: float(row[0]))  # fmt: skip
    found = read(tmp_path, table(*zip(*rows, strict=True), title="time,ecg,acc"))
    assert found.fs == pytest.approx(FS, rel=1e-3)
    np.testing.assert_allclose(found.signal, WAVE, atol=1e-6)


def test_lost_samples_are_no_rows_of_another_sensor(tmp_path):
    lost = np.where(np.random.default_rng(0).random(N) < 0.1, "", WAVE.astype(str))
    assert len(read(tmp_path, table(T, lost, title="time,ecg")).signal) > 0.99 * N
    half = np.where(np.arange(N) // 500 % 2, "", WAVE.astype(str))  # long gaps
    assert np.isnan(read(tmp_path, table(T, half, title="time,ecg")).signal).any()
    packets = np.where(np.random.default_rng(0).random(N) < 0.4, "", WAVE.astype(str))  # nobody says what is missing
    found = read(tmp_path, table(T, packets, title="time,ecg"))  # but for an even clock
    assert found.fs == FS and len(found.signal) > 0.99 * N and 0.3 < np.isnan(found.signal).mean() < 0.5
    assert np.isnan(read(tmp_path, table(packets, np.arange(N) % 7, title="ecg,acc"), fs=FS).signal).any()


@pytest.mark.parametrize(
    ("columns", "title", "message"),
    [
        (
            (np.repeat(T, 2), ["I", "II"] * N, np.repeat(WAVE, 2)),
            "time,lead,value",
            "column lead says .I, II.; expected",
        ),
        (
            (["ECG", "ACC"] * N, np.repeat(T, 2), np.repeat(WAVE, 2)),
            "",
            "column '1' says .ACC, ECG.; expected a column",
        ),
        ((["ecg"] * 99 + ["hr"] + ["ecg"] * (N - 100), T, WAVE), "type,time,value", "column type says .ecg, hr."),
    ],
)
def test_rows_of_several_kinds_are_refused(tmp_path, columns, title, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, table(*columns, title=title), fs=FS)


def test_words_about_each_row_are_no_kinds(tmp_path):
    words = np.where(np.arange(N) % 50 == 0, "ECG lead off", "fine")
    assert read(tmp_path, table(T, words, WAVE, title="time,status,ecg")).lead == "ecg"
