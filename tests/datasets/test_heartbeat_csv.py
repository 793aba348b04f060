"""Pre-cut beats of others: the pair of CSV files."""

import numpy as np
import pytest

from ecgnb.datasets import load_heartbeat_csv, load_heartbeat_csvs
from ecgnb.errors import DataError, UsageError


def rows(n=50):
    rng = np.random.default_rng(0)
    return [[*map("{:.6e}".format, rng.uniform(size=187)), f"{row % 5:.6e}"] for row in range(n)]


def write(path, table):
    path.write_text("\n".join(",".join(cells) for cells in table) + "\n")
    return path


def test_reading(tmp_path):
    beats = load_heartbeat_csv(write(tmp_path / "beats.csv", rows()))
    assert beats.signal.shape == (50, 187) and beats.counts().tolist() == [10] * 5 and beats.fs == 125
    assert beats.rr is None and beats.r_sample is None and list(beats.sha256) == ["beats.csv"]


def test_a_pair_keeps_its_own_division(tmp_path):
    write(tmp_path / "train.csv", rows(200)), write(tmp_path / "test.csv", rows(50))
    beats, split = load_heartbeat_csvs(tmp_path / "train.csv", tmp_path / "test.csv", seed=0)
    assert split.test.tolist() == list(range(200, 250)) and len(split.train) + len(split.val) == 200
    assert beats.label[split.test].tolist() == [row % 5 for row in range(50)]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n", "\r\n\r\n", ""])
def test_line_ends(tmp_path, ending):
    text = "\n".join(",".join(cells) for cells in rows()) + ending
    (tmp_path / "beats.csv").write_bytes(text.encode())
    assert len(load_heartbeat_csv(tmp_path / "beats.csv")) == 50


def test_pairs_that_are_refused(tmp_path):
    write(tmp_path / "a.csv", rows(200)), write(tmp_path / "b.csv", rows(200))
    with pytest.raises(UsageError, match="hold the same beats"):
        load_heartbeat_csvs(tmp_path / "a.csv", tmp_path / "b.csv", seed=0)
    write(tmp_path / "b.csv", [row for row in rows(200) if row[-1].startswith(("0", "1"))])
    with pytest.raises(UsageError, match=r"class F, Q, V is in .*a\.csv and not in .*b\.csv"):
        load_heartbeat_csvs(tmp_path / "b.csv", tmp_path / "a.csv", seed=0)
    for pair in ((tmp_path / "a.csv", ""), ("", tmp_path / "a.csv")):
        with pytest.raises(UsageError, match="expected both files, or neither"):
            load_heartbeat_csvs(*pair, seed=0)


def with_header(table):
    return [[f"v{i}" for i in range(188)], *table]


def without_a_column(table):
    return [row[1:] for row in table]


def short_row(table):
    return [*table[:7], table[7][:-3], *table[8:]]


def cell(value, column):
    def change(table):
        table[3][column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_header, "line 1: value 1 is 'v0', not a number; expected 187 values and a class 0 to 4 a row, no header"),
        (without_a_column, "has 187 columns; expected 187 values and a class"),
        (short_row, "line 8: value 186 is missing or not finite"),
        (cell("7.0", 187), "line 4: class 7; expected"),
        (cell("0.5", 187), "line 4: class 0.5; expected"),
        (cell("many", 5), "line 4: value 6 is 'many', not a number"),
        (cell("nan", 5), "line 4: value 6 is missing or not finite"),
        (cell("", 5), "line 4: value 6 is missing or not finite"),
        (lambda table: [], "is empty; expected 187|line 1: 1 columns"),
    ],
)
def test_files_that_are_refused(tmp_path, change, message):
    path = write(tmp_path / "beats.csv", change(rows()))
    with pytest.raises(DataError, match=message):
        load_heartbeat_csv(path)


def test_files_that_are_no_files(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        load_heartbeat_csv(tmp_path / "absent.csv")
    (tmp_path / "noise.csv").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(DataError, match=r"noise\.csv"):
        load_heartbeat_csv(tmp_path / "noise.csv")
