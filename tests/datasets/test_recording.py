"""Anybody's file: tables in many forms, NumPy, WFDB; and files that are none of these."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
import wfdb

from ecgnb.datasets import read_beats, read_recording
from ecgnb.datasets.own import table_blocks, wfdb_record
from ecgnb.datasets.own.opened import lead_names
from ecgnb.errors import DataError, UsageError

N = 3000
WAVE = np.round(np.sin(np.arange(N) / 20) + 0.1 * np.sin(np.arange(N) / 3), 4)


def table(separator=",", decimal=".", columns=None, header=None, above=""):
    columns = [WAVE] if columns is None else columns
    lines = [
        separator.join(f"{value:.6g}".replace(".", decimal) for value in row) for row in zip(*columns, strict=True)
    ]
    return above + "\n".join(([header] if header else []) + lines) + "\n"


SECONDS = np.arange(N) / 250


@pytest.mark.parametrize(
    ("text", "given", "fs", "lead"),
    [
        (table(), {}, None, ""),
        (table(), {"fs": 360.0}, 360.0, ""),
        (table(header="ecg"), {}, None, "ecg"),
        (table(above="# by a recorder\n", header="ecg"), {}, None, "ecg"),
        (table(columns=[SECONDS, WAVE], header="time,MLII"), {}, 250.0, "MLII"),
        (table(columns=[SECONDS, WAVE]), {}, 250.0, ""),
        (table(columns=[1000 * SECONDS, WAVE], header="time_ms,ecg"), {}, 250.0, "ecg"),
        (table(columns=[1000 * SECONDS, WAVE], header="Time (ms),ecg"), {}, 250.0, "ecg"),
        (table(columns=[np.arange(N), WAVE], header="'sample #','V5'"), {}, None, "V5"),
        (table(columns=[np.arange(N), WAVE], header="Zeit,I"), {"fs": 500.0}, 500.0, "I"),
        (table(";", columns=[SECONDS, -WAVE, WAVE], header="t;V1;II"), {}, 250.0, "II"),
        (table(";", columns=[SECONDS, WAVE, -WAVE], header="t;V1;II"), {"lead": "v1"}, 250.0, "V1"),
        (table(";", ",", [SECONDS, WAVE], "time;ecg"), {}, 250.0, "ecg"),
        (table("\t", columns=[WAVE, -WAVE]), {"lead": "1"}, None, ""),
        (table(" ", columns=[-WAVE, WAVE]), {"lead": "2"}, None, ""),
        (table(above="Name,Somebody\nSample Rate,512 hertz\nUnit,µV\n\n"), {}, 512.0, ""),
        ("\ufeff" + table(header="ecg"), {}, None, "ecg"),
        (table(decimal=","), {}, None, ""),
        (table().replace("\n", "\r\n"), {}, None, ""),
        (table().replace("\n", ",\n"), {}, None, ""),
        (table(columns=[np.arange(N), WAVE], header="t,ecg"), {}, None, "ecg"),
        (table(above="Sampling rate: 1,000 Hz\n"), {}, 1000.0, ""),
        (table(above="Sample rate 250..\n"), {}, 250.0, ""),
        (table(columns=[np.arange(N), -WAVE, WAVE]), {"lead": "2"}, None, ""),
    ],
)  # fmt: skip
def test_tables(tmp_path, text, given, fs, lead):
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    found = read_recording(path, **given)
    np.testing.assert_allclose(found.signal, WAVE, atol=1e-4)
    assert found.signal.dtype == np.float32 and found.name == "mine" and found.lead == lead
    assert found.fs == (None if fs is None else pytest.approx(fs, rel=1e-6))


def test_the_clock_of_physionets_tables(tmp_path):
    """What PhysioNet's own export looks like: two lines above, quoted times of minutes and seconds."""
    rows = [f"'{int(s // 60)}:{s % 60:06.3f}',{value:.3f}" for s, value in zip(SECONDS, WAVE, strict=True)]
    (tmp_path / "samples.csv").write_text("'Elapsed time','MLII'\n'mm:ss.mmm','mV'\n" + "\n".join(rows) + "\n")
    found = read_recording(tmp_path / "samples.csv")
    assert found.fs == pytest.approx(250, rel=1e-4) and found.lead == "MLII" and len(found.signal) == N


def test_the_clock_passes_an_hour(tmp_path):
    seconds = 3595 + np.arange(N) / 250
    rows = [f"{clock(s)},{value}" for s, value in zip(seconds, WAVE, strict=True)]
    (tmp_path / "late.csv").write_text("\n".join(rows))
    assert read_recording(tmp_path / "late.csv").fs == pytest.approx(250, rel=1e-4)


def clock(seconds):
    hours, rest = divmod(seconds, 3600)
    text = f"{int(rest // 60):02d}:{rest % 60:06.3f}"
    return f"{int(hours)}:{text}" if hours else text


def test_empty_lines_and_cells_keep_their_time(tmp_path):
    for text in ("1\n2\n\n4\n\n6\n\n\n", ",9\n1,9\n,9\n3,9\n5,9\n"):
        (tmp_path / "a.csv").write_text(text)
        found = read_recording(tmp_path / "a.csv", lead="1").signal
        expected = [1, 2, np.nan, 4, np.nan, 6] if text[0] == "1" else [np.nan, 1, np.nan, 3, 5]
        np.testing.assert_array_equal(found, expected)


def test_other_signals_of_a_record_do_not_matter(tmp_path):
    both = np.stack([WAVE, WAVE], axis=1)
    wfdb.wrsamp("rec", fs=360, units=["mmHg", "mV"], sig_name=["ABP", "II"], p_signal=both, fmt=["16"] * 2,
                write_dir=str(tmp_path))  # fmt: skip
    assert read_recording(tmp_path / "rec").lead == "II"
    with pytest.raises(DataError, match="record 'rec' is in mmHg; expected one of: mV"):
        read_recording(tmp_path / "rec", lead="ABP")


def test_gaps_stay_gaps_and_blocks_join(tmp_path, monkeypatch):
    monkeypatch.setattr(table_blocks, "BLOCK", 700)
    lines = [f"{value}" for value in WAVE]
    lines[10] = lines[1000] = "nan"
    (tmp_path / "gaps.txt").write_text("\n".join(lines))
    found = read_recording(tmp_path / "gaps.txt")
    assert np.flatnonzero(np.isnan(found.signal)).tolist() == [10, 1000] and len(found.signal) == N


@pytest.mark.parametrize("shape", [(N,), (N, 2), (2, N)])
def test_numpy(tmp_path, shape):
    both = np.stack([WAVE, -WAVE], axis=1)
    np.save(tmp_path / "a.npy", WAVE if shape == (N,) else both if shape == (N, 2) else both.T)
    found = read_recording(tmp_path / "a.npy", fs=250, lead="1")
    np.testing.assert_allclose(found.signal, WAVE, rtol=1e-6)
    if len(shape) == 2:
        with pytest.raises(DataError, match="several columns could be the ECG: 1, 2; say which with --lead"):
            read_recording(tmp_path / "a.npy", fs=250)
        np.testing.assert_allclose(read_recording(tmp_path / "a.npy", lead="2").signal, -WAVE, rtol=1e-6)


def write_wfdb(folder, name="rec", fmt="212", **header):
    both = np.stack([-WAVE, WAVE], axis=1)
    wfdb.wrsamp(name, fs=360, units=["mV", "uV"], sig_name=["V1", "II"], p_signal=both, fmt=[fmt] * 2,
                write_dir=str(folder), **header)  # fmt: skip
    return folder / f"{name}.hea"


@pytest.mark.parametrize("fmt", ["16", "212", "80"])
@pytest.mark.parametrize("ending", [".hea", ".dat", ""])
def test_wfdb(tmp_path, monkeypatch, fmt, ending):
    monkeypatch.setattr(wfdb_record, "BLOCK", 701)
    path = write_wfdb(tmp_path, fmt=fmt).with_suffix(ending)
    found = read_recording(path)
    assert (found.name, found.fs, found.lead, found.unit) == ("rec", 360.0, "II", "mV")
    np.testing.assert_allclose(found.signal, WAVE / 1000, atol=1e-5, err_msg="uV in mV")
    np.testing.assert_allclose(read_recording(path, lead="V1").signal, -WAVE, atol=0.02)


def spoil(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rec.dat", "../rec.dat", "cannot be read: invalid syntax"),
        ("rec.dat", "other.dat", r"other\.dat is missing; a WFDB record needs rec\.hea and other\.dat"),
        ("360 3000", "360 300000000000", "its header promises .*; the file looks cut off"),
        ("360 3000", "360", "does not say how many samples"),
        (" 212 ", " 516 ", "has the format 516; expected one of 16, 24"),
        ("/uV", "/furlong", "expected one of: mV"),
        ("rec 2", "rec two", "rec.hea is no WFDB header: its first line is 'rec two 360 3000'"),
    ],
)
def test_headers_that_lie(tmp_path, old, new, message):
    with pytest.raises(DataError, match=message):
        read_recording(spoil(write_wfdb(tmp_path), old, new))


def test_half_a_record_and_another_rate(tmp_path):
    path = write_wfdb(tmp_path)
    with pytest.raises(UsageError, match=r"fs=250, but rec\.hea says 360 Hz"):
        read_recording(path, fs=250)
    with pytest.raises(DataError, match="record rec has no lead 'V6'; it has: V1, II"):
        read_recording(path, lead="V6")
    path.with_suffix(".dat").unlink()
    with pytest.raises(DataError, match=r"rec\.dat is missing; a WFDB record needs rec\.hea and rec\.dat"):
        read_recording(path)


def archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros.npy", b"\0" * 10_000_000)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv is empty; expected a WFDB record"),
        ("a.csv", b"\n\n\n", "no line of numbers"),
        (
            "a.txt",
            b"to be or not to be\nthat is the question\n",
            "the first line is 'to be or not to be'; expected one",
        ),
        ("a.csv", b"\x00\x01" * 500, "a.csv is no text"),
        ("a.csv", archive(), "zeros.npy is no NumPy array"),
        ("a.csv", b"time,ecg\n" + b"".join(b"%d,1\n" % k for k in range(9)) + b"9,x\n", "line 11: 'x' in column 2"),
        ("a.csv", b"1.5\n2.5\nthree\n", "a.csv, line 3: 'three' in column 1; expected a number"),
        ("a.csv", b"time,ecg\n" + b"".join(b"%.3f,1\n" % (k / 250 + (k > 90)) for k in range(200)), "not even"),
        ("a.csv", b"time,ecg\n5,1\n4,2\n3,3\n2,2\n", "does not run forward"),
        ("a.csv", b"time,ecg\n0,1\n,2\n0.008,3\n", "lacks a value in sample 2"),
        ("a.csv", b"time\n0\n0.004\n0.008\n", "a column of time and no other"),
        ("a.npy", b"no array", "a.npy is no NumPy array of numbers"),
        ("a.npy", archive(), "a.npy is an archive of arrays; expected one array"),
    ],
)
def test_what_is_no_recording(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_recording(tmp_path / name)


def test_arrays_that_are_none(tmp_path):
    path = tmp_path / "a.npy"
    for array, message in ((np.array(["a"]), "holds <U1"), (np.zeros((2, 2, 2)), "shape"), (np.zeros(0), "shape")):
        np.save(path, array)
        with pytest.raises(DataError, match=message):
            read_recording(path)
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="no NumPy array of numbers"):
        read_recording(path)


def test_absent_too_large_and_folders(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_recording(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_recording(tmp_path)
    with (tmp_path / "huge.csv").open("wb") as stream:
        stream.truncate(2**30)  # a gigabyte that takes no disk
    with pytest.raises(DataError, match=r"huge\.csv has 1,024 MB; expected at most 512 MB"):
        read_recording(tmp_path / "huge.csv")


# Beats that somebody has cut


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("with_class", [False, True])
def test_read_beats(tmp_path, separator, with_class):
    beats = np.random.default_rng(0).standard_normal((3, 187)).round(4)
    rows = np.column_stack([beats, [0, 2, 1]]) if with_class else beats
    header = separator.join(f"a{k}" for k in range(rows.shape[1]))
    np.savetxt(tmp_path / "b.csv", rows, delimiter=separator, fmt="%.4f", header=header, comments="")
    found = read_beats(tmp_path / "b.csv")
    np.testing.assert_allclose(found.signal, beats, rtol=1e-5)
    assert found.class_name is None if not with_class else found.class_name.tolist() == ["N", "V", "S"]


def test_beats_as_pandas_writes_them(tmp_path):
    beats = pd.DataFrame(np.random.default_rng(0).standard_normal((5, 187)))
    for options in ({}, {"index": False}, {"header": False}, {"index": False, "header": False}):
        beats.to_csv(tmp_path / "b.csv", **options)
        np.testing.assert_allclose(read_beats(tmp_path / "b.csv").signal, beats, rtol=1e-5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((2, 186)), "has 186 columns; expected 187 values a row"),
        (np.full((2, 187), np.inf), "line 1: value 1 is missing or not finite"),
        (np.full((2, 188), 7), "line 1: class 7; expected 187 values"),
    ],
)
def test_beats_that_are_refused(tmp_path, rows, message):
    np.savetxt(tmp_path / "b.csv", rows, delimiter=",")
    with pytest.raises(DataError, match=message):
        read_beats(tmp_path / "b.csv")


def test_the_leads_to_choose_from(tmp_path):
    two = np.column_stack([WAVE, -WAVE]).astype(np.float32)
    np.save(tmp_path / "two.npy", two)
    (tmp_path / "two.csv").write_text(table(columns=[SECONDS, WAVE, -WAVE], header="time,a,b"))
    (tmp_path / "bare.txt").write_text(table(" ", columns=[WAVE, -WAVE]))
    (tmp_path / "prose.txt").write_text("to be or not to be\n")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.write(tmp_path / "two.csv", "inside.csv")
    for name, expected in (
        ("two.npy", ["", ""]), ("two.csv", ["a", "b"]), ("bare.txt", ["", ""]), ("two.zip", ["a", "b"]),
        ("prose.txt", []), ("absent.csv", []),
    ):  # fmt: skip
        assert lead_names(tmp_path / name) == expected, name
