"""`ecgnb watch`: samples from standard input, a growing file or a socket; and what a stream may do wrong."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from conftest import ecgnb, fuzz
from hypothesis import given
from hypothesis import strategies as st

from ecgnb.classifier import BeatStream, load_classifier, stream_recording, watch
from ecgnb.datasets import load_records
from ecgnb.errors import DataError, UsageError

COMMAND = [sys.executable, "-m", "ecgnb.cli", "watch"]


@pytest.fixture(scope="module")
def classifier():
    return load_classifier("beat_sequence_causal")


@pytest.fixture(scope="module")
def replay():
    """A minute and a half of a synthetic record: its samples, their text, their rate."""
    record = load_records(["208"], data="synthetic")[0]
    wave = np.tile(record.signal[:, 0], 2)[: round(90 * record.fs)].round(3)
    return wave.astype(np.float32), "".join(f"{value:.3f}\n" for value in wave), record.fs


def beats_of(text):
    return [json.loads(line) for line in text.splitlines()]


def is_the_stream(said, wave, fs, classifier):
    expected = stream_recording(wave, fs, classifier)
    last = {beat["r_sample"]: beat for beat in beats_of(said)}
    assert list(last) == expected["r_sample"].tolist()
    assert [beat["label"] for beat in last.values()] == expected["label"].tolist()


def test_standard_input_at_any_speed(replay, classifier):
    """A process gets the whole at once: nothing is lost."""
    wave, text, fs = replay
    done = subprocess.run(
        [*COMMAND, "-", "--fs", str(fs), "--json"], input=text, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    is_the_stream(done.stdout, wave, fs, classifier)
    assert done.stderr.startswith("90.0 s at 360 Hz") and len(done.stderr.splitlines()) == 1


def test_a_file_that_grows_until_ctrl_c(replay, tmp_path):
    _, text, fs = replay
    path = tmp_path / "growing.txt"
    half = len(text) // 2
    path.write_text(text[:half])
    with subprocess.Popen(
        [*COMMAND, path, "--fs", str(fs)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = [process.stdout.readline() for _ in range(40)]
        with path.open("a") as file:
            file.write(text[half:])
        while "(named now)" not in lines[-1]:
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()  # communicate() would lose what readline() has read ahead
        errors = process.stderr.read()
        assert process.wait(timeout=60) == 0 and " s at 360 Hz" in errors and "Traceback" not in errors, errors
    assert all(" s  " in line for line in lines), lines


def serve(*contents, wait=0.0):
    """Return the port of somebody on loopback who sends these bytes to the first who asks."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer():
        connection, _ = server.accept()
        with server, connection:
            for content in contents:
                connection.sendall(content)
                time.sleep(wait)

    threading.Thread(target=answer, daemon=True).start()
    return server.getsockname()[1]


def test_a_socket(replay, classifier):
    wave, text, fs = replay
    port = serve(text[:1001].encode(), text[1001:].encode(), wait=0.3)
    done = ecgnb("watch", f"tcp://127.0.0.1:{port}", "--fs", fs, "--json")
    assert done.returncode == 0, done.stderr
    is_the_stream(done.stdout, wave, fs, classifier)


def test_a_column_and_a_file_once(replay, classifier, tmp_path):
    wave, text, fs = replay
    (tmp_path / "two.csv").write_text("t,ecg\n" + "".join(f"0.5,{line}\n" for line in text.splitlines()))
    done = ecgnb("watch", tmp_path / "two.csv", "--fs", fs, "--column", 2, "--once", "--json")
    assert done.returncode == 0 and "line 1 is no number ('t,ecg')" in done.stderr
    is_the_stream(done.stdout, np.r_[np.nan, wave].astype(np.float32), fs, classifier)
    done = ecgnb("watch", tmp_path / "two.csv", "--fs", fs, "--once")
    assert done.returncode == 2 and "line 2 holds 2 numbers" in done.stderr and "--column 2" in done.stderr


@pytest.mark.parametrize(
    ("content", "arguments", "code", "words"),
    [
        ("0\n" * 9, [], 2, "the sampling rate fs is not given"),
        ("0\n" * 9, ["--fs", 50], 2, "the sampling rate fs is 50.0"),
        ("0\n" * 9, ["--fs", 250, "--column", 0], 2, "--column 0"),
        ("0\n" * 9, ["--fs", 250, "--model", "beat_sequence"], 1, "looks back only"),
        ("0,1\n" * 9, ["--fs", 250], 2, "holds 2 numbers (0,1)"),
        ("0\n" * 9 + "hello\n" * 50, ["--fs", 250], 1, "the last 50 lines are no numbers, such as line 59: 'hello'"),
        ("a\x1b[31m\n" * 50, ["--fs", 250], 1, "the last 50 lines"),
        ("hello\n" * 9, ["--fs", 250], 1, "none of the 9 lines is a number"),
        ("1" * 20_000, ["--fs", 250], 1, "no line breaks"),
        ("0\n1\n", ["--fs", 250, "--column", 3], 1, "none of the 2 lines"),
    ],
)
def test_bad_streams(tmp_path, content, arguments, code, words):
    (tmp_path / "bad.txt").write_text(content)
    done = ecgnb("watch", tmp_path / "bad.txt", "--once", *arguments)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert done.returncode == code and len(errors) == 1 and errors[0].startswith("ecgnb: "), done.stderr
    assert words in errors[0] and "\x1b" not in done.stderr


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("nowhere.txt", 1, "No such file"),
        (".", 1, "is a folder"),
        ("a\0b", 1, "cannot be read"),
        ("http://localhost/", 2, "cannot be watched"),
        ("tcp://localhost", 2, "is no address"),
        ("tcp://localhost:0", 2, "is no address"),
        ("tcp://localhost:99999", 2, "is no address"),
        ("tcp://a@localhost:80", 2, "is no address"),
        ("tcp://192.0.2.1:80", 2, "another computer"),
        ("tcp://0.0.0.0:80", 2, "another computer"),
        ("tcp://[::]:80", 2, "another computer"),
        ("tcp://127.0.0.1:1", 1, "nobody answers"),
    ],
)
def test_bad_sources(tmp_path, source, code, words):
    done = ecgnb("watch", source, "--fs", 250, cwd=tmp_path)
    assert done.returncode == code and len(done.stderr.splitlines()) == 1 and words in done.stderr, done.stderr


def test_anywhere_may_be_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(socket, "create_connection", lambda address, timeout: asked.append(address) or socket.socket())
    next(iter(watch.open_source("tcp://192.0.2.1:80", anywhere=True, tell=print)), None)
    assert asked == [("192.0.2.1", 80)]


def samples(*contents, column=None):
    lines = watch.SampleLines(column)
    return [float(value) for content in contents for value in lines.feed(content)] + lines.end().tolist(), lines


@pytest.mark.parametrize(
    ("contents", "expected", "n_bad"),
    [
        ([b"1\n2\n", b"3\n"], [1, 2, 3], 0),
        ([b"1\r", b"\n-2.5e", b"1\r\n"], [1, -25], 0),
        ([b"1\n2"], [1, 2], 0),
        ([b"1\n2e"], [1], 0),
        ([b"1\n\nnan\n  \n2\n"], [1, None, None, None, 2], 0),
        ([b"1\nx\n2\n"], [1, None, 2], 1),
        ([b"1\n1_0\n2\n"], [1, None, 2], 1),
        ([b"\xef\xbb\xbf1\n\xff\xfe\n2\n"], [1, None, 2], 1),
        ([b"1" * 150, b"1" * 150, b"\n2\n"], [None, 2], 1),
        ([b"inf\n1e999\n1\n"], [np.inf, np.inf, 1], 0),
    ],
)
def test_lines(contents, expected, n_bad):
    found, lines = samples(*contents)
    np.testing.assert_array_equal(found, [np.nan if value is None else value for value in expected])
    assert lines.n_bad == n_bad


@fuzz(60)
@given(content=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400)), column=st.sampled_from([None, 1, 2]))
def test_bytes_may_be_cut_anywhere(content, cuts, column):
    def outcome(parts):
        try:
            found, lines = samples(*parts, column=column)
            return repr(found), lines.n_bad
        except (DataError, UsageError) as fault:
            return str(fault)

    edges = [0, *sorted(cuts), len(content)]
    parts = [content[low:high] for low, high in pairwise(edges)]
    assert outcome(parts) == outcome([content])


def test_a_stall_is_told_once_and_ends(classifier, monkeypatch):
    monkeypatch.setattr(watch, "STALL_SECONDS", 0.0)
    told, beats = [], []
    source = iter([b"", b"", b"0\n" * 500, b"", b"", b"1\n"])
    summary = watch.watch(source, watch.SampleLines(), BeatStream(250, classifier), beats.append, told.append)
    assert len(told) == 2 and "after 0.0 s of signal" in told[0] and "after 2.0 s of signal" in told[1]
    assert summary == "2.0 s at 250 Hz, 0 beats"


def test_a_file_that_becomes_shorter(tmp_path):
    path, told = tmp_path / "file.txt", []
    path.write_text("1\n2\n")
    source = watch.open_source(str(path), tell=told.append)
    assert next(source) == b"1\n2\n" and next(source) == b""
    path.write_text("3\n")
    assert next(source) == b"" and "shorter" in told[0]
    assert next(source) == b"3\n"
    source.close()


@pytest.mark.skipif(os.name != "posix", reason="a pipe whose reader goes away")
def test_whoever_reads_the_beats_may_go_away(replay):
    _, text, fs = replay
    with subprocess.Popen(
        [*COMMAND, "-", "--fs", str(fs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        process.stdin.write(text[: len(text) // 4].encode())
        process.stdin.close()
        assert process.wait(60) == 0 and b"Traceback" not in process.stderr.read()


def told_of(signal, fs, classifier):
    """What a reader is told of a stream that is no usual heart's."""
    told = []
    lines = watch.SampleLines(tell=told.append)
    content = "".join(f"{value:.6g}\n" for value in signal).encode()
    watch.watch(iter([content]), lines, BeatStream(fs, classifier), lambda beat: None, told.append)
    return told


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_what_is_odd_about_a_stream_is_told_once(replay, classifier):
    wave, _, fs = replay
    assert told_of(wave, fs, classifier) == []
    assert told_of(wave, fs / 3, classifier)[-1].endswith("a minute is rare; is 120 Hz the right rate?")
    t = np.arange(80 * 250) / 250
    pulses = np.exp(-(((t % 1 - 0.5) / 0.02) ** 2)) + 0.01 * np.random.default_rng(0).standard_normal(len(t))
    assert [one for one in told_of(pulses, 250, classifier) if "a train of pulses" in one]
    assert told_of(np.zeros(5000), 250, classifier) == [
        "No R peak was found; is this an ECG, and is its sampling rate right?"
    ]
    assert told_of(np.zeros(500), 250, classifier) == []
    assert told_of([*wave[:2000], 1e308, *wave[2000:]], fs, classifier) == []
