"""Reading ARFF and ECG5000: the facts of the real files, and what a damaged file says."""

import importlib

import arff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgnb.datasets import load_ecg5000, read_arff
from ecgnb.datasets.ecg5000 import read_beats
from ecgnb.datasets.synthetic import write_ecg5000
from ecgnb.errors import DataError, UsageError


def as_arff2pandas(path):
    """The frame of arff2pandas.a2p.load, whose whole work this is."""
    with path.open() as stream:
        content = arff.load(stream)
    names = [f"{n}@{{{','.join(t)}}}" if isinstance(t, list) else f"{n}@{t}" for n, t in content["attributes"]]
    return pd.DataFrame(content["data"], columns=names)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ecg5000")
    write_ecg5000(folder)
    return folder


@pytest.fixture
def lines(pair):
    """The lines of a good file, to be spoiled."""
    return (pair / "ECG5000_TRAIN.arff").read_text().splitlines()


@pytest.fixture
def spoiled(tmp_path):
    def write(lines):
        path = tmp_path / "spoiled.arff"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


FETCH = importlib.import_module("ecgnb.datasets.store.fetch")  # the package's attribute of that name is the function
DATA = 144  # lines of the header; the first beat is on the next


def test_real_facts(real_ecg5000):
    beats = load_ecg5000("real")
    assert beats.source == "real" and beats.signal.shape == (5000, 140) and beats.signal.dtype == np.float32
    assert beats.counts().to_dict() == {"Normal": 2919, "R-on-T PVC": 1767, "PVC": 96, "SP": 194, "UB": 24}
    assert np.isfinite(beats.signal).all() and len(np.unique(beats.signal, axis=0)) == 5000
    assert np.abs(beats.signal.mean(axis=1)).max() < 1e-5
    assert beats.sha256["ECG5000_TRAIN.arff"].startswith("f2d793c998d8")
    assert set(beats.record) == {"chf07"}
    train = load_ecg5000("real", "train")
    assert len(train) == 500 and (np.diff(train.label) >= 0).all(), "TRAIN is sorted by class"
    assert (train.label != 0).sum() == 208


def test_real_files_read_as_arff2pandas_reads_them(real_ecg5000):
    for path in sorted(real_ecg5000.glob("*.arff")):
        pd.testing.assert_frame_equal(read_arff(path), as_arff2pandas(path), check_exact=True)


def test_the_package_itself_where_it_is_installed(pair):
    a2p = pytest.importorskip("arff2pandas.a2p", reason="arff2pandas is an optional extra, not on every index")
    path = pair / "ECG5000_TRAIN.arff"
    with path.open() as stream:
        pd.testing.assert_frame_equal(read_arff(path), a2p.load(stream))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(allow_nan=False, width=64), st.sampled_from(["1", "2", "x"])), min_size=1))
def test_the_fast_way_gives_the_same_frame(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("arff") / "any.arff"
    body = "".join(f"{value!r},{label}\n" for value, label in rows)
    path.write_text(f"@RELATION r\n@ATTRIBUTE a REAL\n@ATTRIBUTE b {{1,2,x}}\n@DATA\n{body}")
    pd.testing.assert_frame_equal(read_arff(path), as_arff2pandas(path), check_exact=False, rtol=1e-15)


def test_what_the_fast_way_leaves_to_liac_arff(tmp_path):
    path = tmp_path / "rich.arff"
    path.write_text("@RELATION r\n@ATTRIBUTE 'a b' REAL\n@ATTRIBUTE s STRING\n@DATA\n% note\n1.5,'x, y'\n?,z\n")
    pd.testing.assert_frame_equal(read_arff(path), as_arff2pandas(path))


def test_columns_and_labels(pair):
    frame = read_arff(pair / "ECG5000_TRAIN.arff")
    assert frame.columns[0] == "att1@NUMERIC" and frame.columns[-1] == "target@{1,2,3,4,5}"
    assert isinstance(frame.iloc[0, -1], str)


def test_class_names_follow_the_value_not_the_order(lines, spoiled):
    backwards = spoiled(lines[:DATA] + lines[DATA:][::-1])
    assert read_beats(backwards).class_name[0] == "UB", "the first row is of class 5"


def test_no_header(lines, spoiled):
    path = spoiled(lines[DATA:])
    with pytest.raises(DataError, match=r"spoiled\.arff, line 1: .* before any @DATA line; expected an ARFF header"):
        read_arff(path)


def test_cut_in_the_header(lines, spoiled):
    with pytest.raises(DataError, match=r"spoiled\.arff, line 51: the file ends before its @DATA line"):
        read_arff(spoiled(lines[:50]))


def test_cut_in_a_row(lines, spoiled):
    with pytest.raises(DataError, match=r"line 155: 51 values; expected 141, one an attribute; the file looks cut off"):
        read_arff(spoiled([*lines[: DATA + 10], ",".join(lines[DATA + 10].split(",")[:51])]))


@pytest.mark.parametrize("change", [lambda row: row.partition(",")[2], lambda row: f"0,{row}"])
def test_wrong_width(lines, spoiled, change):
    lines[DATA + 4] = change(lines[DATA + 4])
    with pytest.raises(DataError, match=r"line 149: 14[02] values; expected 141, one an attribute$"):
        read_arff(spoiled(lines))


def test_widths_that_cancel_out(lines, spoiled):
    lines[DATA + 4], lines[DATA + 5] = lines[DATA + 4].partition(",")[2], f"0,{lines[DATA + 5]}"
    with pytest.raises(DataError, match=r"line 149: 140 values"):
        read_arff(spoiled(lines))


@pytest.mark.parametrize("value", ["NaN", "?", "inf"])
def test_not_a_finite_number(lines, spoiled, value):
    lines[DATA + 6] = f"{value},{lines[DATA + 6].partition(',')[2]}"
    with pytest.raises(DataError, match=r"line 151: sample 1 is (nan|inf); expected a finite number"):
        read_beats(spoiled(lines))


def test_not_a_number(lines, spoiled):
    lines[DATA] = f"abc,{lines[DATA].partition(',')[2]}"
    with pytest.raises(DataError, match=r"line 145: a value is not a number"):
        read_arff(spoiled(lines))


def test_a_class_the_header_does_not_declare(lines, spoiled):
    lines[DATA + 2] = lines[DATA + 2].rpartition(",")[0] + ",7"
    with pytest.raises(DataError, match=r"line 147: the value '7' is not declared"):
        read_arff(spoiled(lines))


def test_a_class_ecg5000_does_not_have(lines, spoiled):
    lines[DATA - 2] = "@ATTRIBUTE target {1,2,3,4,5,7}"
    lines[DATA + 2] = lines[DATA + 2].rpartition(",")[0] + ",7"
    with pytest.raises(DataError, match=r"line 147: class '7'; expected one of 1, 2, 3, 4, 5"):
        read_beats(spoiled(lines))


def test_another_number_of_attributes(lines, spoiled):
    fewer = [line.partition(",")[2] for line in lines[DATA:]]
    with pytest.raises(DataError, match=r"140 attributes; expected 140 samples and the class"):
        read_beats(spoiled(lines[:2] + lines[3:DATA] + fewer))


def test_no_beat_at_all(lines, spoiled):
    with pytest.raises(DataError, match="holds no beat after its @DATA line"):
        read_beats(spoiled(lines[:DATA]))


def test_lines_are_counted_as_an_editor_counts_them(lines, spoiled):
    lines[DATA + 4] = f"0,{lines[DATA + 4]}"
    with pytest.raises(DataError, match="line 151: 142 values"):
        read_arff(spoiled(["", "", *lines]))
    lines[DATA + 4] = f"nan,{lines[DATA + 4].split(',', 2)[2]}"
    lines.insert(DATA, "  % a remark")
    with pytest.raises(DataError, match="line 150: sample 1 is nan"):
        read_beats(spoiled(lines))


def test_every_row_too_long(lines, spoiled, recwarn):
    with pytest.raises(DataError, match="line 145: 142 values; expected 141"):
        read_arff(spoiled(lines[:DATA] + [f"0,{row}" for row in lines[DATA:]]))
    assert not recwarn.list


def test_absent_and_binary(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_arff(tmp_path / "none.arff")
    (tmp_path / "binary.arff").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not text"):
        read_arff(tmp_path / "binary.arff")


def test_without_data_auto_falls_back_and_says_why(data_dir, monkeypatch):
    monkeypatch.setenv("ECGNB_MIRROR", str(data_dir))
    monkeypatch.setattr(FETCH, "download", _unreachable)
    beats = load_ecg5000("auto", "train")
    assert beats.source == "synthetic" and "cannot get ECG5000_TRAIN.arff" in beats.note
    with pytest.raises(DataError, match="ECGNB_MIRROR"):
        load_ecg5000("real")


def test_synthetic_never_touches_the_network(data_dir, monkeypatch):
    monkeypatch.setattr(FETCH, "download", pytest.fail)
    assert load_ecg5000("synthetic").source == "synthetic"
    assert not data_dir.exists()


@pytest.mark.parametrize(("data", "part"), [("fake", "all"), ("auto", "valid")])
def test_wrong_arguments(data, part):
    with pytest.raises(UsageError, match="expected"):
        load_ecg5000(data, part)


def _unreachable(url, *_, **__):
    raise DataError(f"{url}: the server cannot be reached")


def test_synthetic_pair(synthetic_beats, tmp_path):
    assert synthetic_beats.counts().tolist() == [2919, 1767, 96, 194, 24]
    for seed, folder in ((0, tmp_path / "a"), (0, tmp_path / "b"), (1, tmp_path / "c")):
        folder.mkdir()
        write_ecg5000(folder, seed)
    one, same, other = [(tmp_path / name / "ECG5000_TEST.arff").read_bytes() for name in "abc"]
    assert one == same != other


def test_a_byte_order_mark_is_no_part_of_the_file(pair, lines, tmp_path):
    """Editors under Windows put one before the first letter."""
    (tmp_path / "bom.arff").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    assert (read_beats(tmp_path / "bom.arff").signal == read_beats(pair / "ECG5000_TRAIN.arff").signal).all()
    spoiled_row = lines[DATA + 2].replace(lines[DATA + 2].split(",")[4], "nan", 1)
    (tmp_path / "bom.arff").write_text("\n".join([*lines[: DATA + 2], spoiled_row]) + "\n", encoding="utf-8-sig")
    with pytest.raises(DataError, match=f"line {DATA + 3}: "):
        read_beats(tmp_path / "bom.arff")
