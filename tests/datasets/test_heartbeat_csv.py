"""Pre-cut beats of others: the pair of CSV files."""

from contextlib import suppress

import numpy as np
import pytest
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st

from ecgnb.datasets import heartbeat_csv, load_heartbeat_csv, load_heartbeat_csvs, read_beats
from ecgnb.errors import DataError, EcgnbError, UsageError


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
    write(tmp_path / "b.csv", [row for row in rows(200) if row[-1].startswith(("0", "1", "2"))])
    with pytest.raises(UsageError, match=r"class F, Q is in .*a\.csv and not in .*b\.csv"):
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
        (cell("1e300", 5), "line 4: value 6 is missing or not finite"),
        (cell("", 5), "line 4: value 6 is missing or not finite"),
        (lambda table: [], "has 1 columns; expected 187"),
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


READERS = (load_heartbeat_csv, read_beats)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "line",
    [b"0," * 10**6, b"1" * 50_000 + b"x", b"1 " * 10**5, b"1:" * 10**5 + b"x", b'"' + b"0,\n" * 10**5],
    ids=["a million columns", "digits and a letter", "a million spaces", "a clock", "an open quotation"],
)
def test_long_lines_are_refused_unread(tmp_path, read, line):
    good = ",".join(rows(1)[0]).encode()
    for content in (line, good + b"\n" + line, line + b"\n" + good):
        (tmp_path / "beats.csv").write_bytes(content)
        with pytest.raises(DataError, match=r"over [\d,]+ characters|a quotation mark is not closed"):
            read(tmp_path / "beats.csv")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "text", ["1" * 5000 + "x", "1e" * 2500, "0," * 2500, "1.1.1." * 800, "+-" * 2500, "1:1:" * 1200]
)
def test_lines_of_any_kind_do_not_hang(tmp_path, read, text):
    (tmp_path / "beats.csv").write_text(f"{text}\n" * 50)
    with pytest.raises(DataError):
        read(tmp_path / "beats.csv")


@pytest.mark.parametrize("read", READERS)
def test_files_that_are_too_large(tmp_path, read, monkeypatch):
    monkeypatch.setattr(heartbeat_csv, "MOST_BEATS", 20)
    with pytest.raises(DataError, match="has 50 lines; expected at most 20: cut it into parts"):
        read(write(tmp_path / "beats.csv", rows(50)))
    with (tmp_path / "beats.csv").open("wb") as stream:
        stream.truncate(2**30)  # takes no disk
    with pytest.raises(DataError, match="has 1,024 MB; expected at most 512 MB"):
        read(tmp_path / "beats.csv")


# What stands where


def waves(n=40):
    """Beats of a made-up form, from -1 to 2, no value of them whole."""
    at = np.linspace(-3, 3, 187)
    return 0.17 + np.exp(-(at**2)) + 0.3 * np.sin(at + np.arange(n)[:, None])


def saved(path, *columns):
    np.savetxt(path, np.column_stack(columns), delimiter=",", fmt="%.5f")
    return path


LABELS_FIRST = {
    "0 to 4": np.arange(40) % 5,
    "1 to 5": np.arange(40) % 5 + 1,
    "-1 and 1": np.where(np.arange(40) % 3, 1, -1),
    "0 and 1": np.arange(40) % 2,
    "3 alone": np.full(40, 3),
    "0 alone": np.zeros(40),
    "rows from 7 on": np.arange(40) + 7,
}


@pytest.mark.parametrize("labels", LABELS_FIRST)
@pytest.mark.parametrize("padded", [True, False])
def test_a_class_that_stands_first_is_no_sample(tmp_path, labels, padded):
    """The habit of the UCR archive. Zeros behind a beat would pass for class 0."""
    beats = waves()
    if padded:
        beats[:, 150:] = 0
    path = saved(tmp_path / "label-first.csv", LABELS_FIRST[labels], beats if padded else beats[:, :186])
    with pytest.raises(DataError, match=r"the first column holds nothing but whole numbers \(.*which stands last"):
        read_beats(path)
    if padded:
        with pytest.raises(DataError, match="the first column holds nothing but whole numbers"):
            load_heartbeat_csv(path)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_beats_with_the_class_first(tmp_path, n):
    beats = np.column_stack([[2.0, 0.0, 4.0], waves(3)])[:n]
    beats[:, -40:] = 0
    with pytest.raises(DataError, match="the first column holds nothing but whole numbers"):
        read_beats(saved(tmp_path / "b.csv", beats))


def falling(n):
    """Beats from an R peak on, scaled to 0 ... 1: each begins at exactly 1."""
    return np.exp(-np.linspace(0, 9, 187)) * np.linspace(1, 1.2, n)[:, None] / np.linspace(1, 1.2, n)[:, None]


@pytest.mark.parametrize(
    "beats",
    [
        falling(40),
        falling(1),
        waves() - waves()[:, :1],
        np.round(200 * waves()),
        np.where(np.arange(187) == 0, 2, np.round(3 * waves(1), 1)),
        np.zeros((3, 187)),
    ],
    ids=["each from 1 on", "one from 1 on", "each from 0 on", "whole numbers", "one decimal", "zeros"],
)
def test_beats_that_begin_with_a_whole_number_are_read(tmp_path, beats):
    assert len(read_beats(saved(tmp_path / "b.csv", beats)).signal) == len(beats)
    found = read_beats(saved(tmp_path / "b.csv", beats, np.arange(len(beats)) % 5))
    assert found.class_name.tolist() == [*"NSVFQ" * 8][: len(beats)]


@pytest.mark.parametrize("labels", [np.ones(40), np.arange(40) % 2])
def test_abnormal_is_not_s(tmp_path, labels):
    """`ptbdb_abnormal.csv` says 1 of beats that are abnormal in any way."""
    with pytest.raises(DataError, match=r"has no class above 1; .* its 1 may mean abnormal and not S"):
        load_heartbeat_csv(saved(tmp_path / "ptbdb_abnormal.csv", waves(), labels))


@st.composite
def tables(draw):
    """A good table of beats with a few bytes changed, cut out or put in, or lines of such bytes alone."""
    good = "\n".join(",".join(cells) for cells in rows(6)).encode()
    marks = st.sampled_from(
        [b",", b";", b"\n", b"\r", b"1", b"e9", b"-", b".", b'"', b"'", b"nan", b"\0", b"\xff", b" "]
    )
    content = bytearray(good if draw(st.booleans()) else b"")
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(content)))
        new = b"".join(draw(st.lists(marks | st.binary(max_size=4), max_size=6))) * draw(st.sampled_from([1, 1, 200]))
        content[start : start + draw(st.integers(0, 20))] = new
    return bytes(content)


@fuzz(150)
@given(content=tables())
def test_any_bytes_are_beats_or_refused_with_a_sentence(tmp_path, content):
    (tmp_path / "beats.csv").write_bytes(content)
    for read in READERS:
        with suppress(EcgnbError):
            found = read(tmp_path / "beats.csv")
            assert len(found.signal) and np.isfinite(found.signal).all()
