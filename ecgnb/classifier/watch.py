"""Samples from standard input, a growing file or a socket, and what a `BeatStream` says of them, line by line."""

from __future__ import annotations

import ipaddress
import json
import math
import os
import re
import select
import signal
import socket
import stat
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgnb.classifier.doubts import NO_BEAT, NO_WAVES, doubt_of_rate
from ecgnb.classifier.result import UNSURE
from ecgnb.classifier.stream import BeatStream, StreamedBeat
from ecgnb.datasets.own.text import EMPTY, is_number
from ecgnb.detection.indices import STRETCH_SECONDS
from ecgnb.detection.quality import BARE
from ecgnb.errors import DataError, UsageError, plain_text

AT_ONCE = 2**16  # bytes that are read at a time
LONGEST_LINE = 200  # bytes; what is longer is no sample
MOST_BAD = 50  # lines in a row that are no number, before nobody believes in the stream
MOST_TOLD = 3  # such stretches that are told of, one by one
STALL_SECONDS = 5.0
PATIENCE = 10.0  # s for a host to answer
NAP = 0.1  # s between two looks for more

Source = Iterator[bytes]  # what has come; nothing where nothing has come for a moment


class SampleLines:
    """Makes samples of the bytes of a stream, one a line, within bounds.

    An empty line, ``nan`` and the like are a sample without a value, and so is a line that is no number, which is
    counted. Bytes may be cut anywhere.

    Parameters
    ----------
    column : int, optional
        Which column to read, from 1 on; without it a line has one.
    tell : callable
        Told of lines that are no number, the first few times.
    """

    def __init__(self, column: int | None = None, tell: Callable[[str], Any] = lambda text: None) -> None:
        if column is not None and column < 1:
            raise UsageError(f"--column {column}; expected the number of a column, from 1 on")
        self._column, self._tell = column, tell
        self._rest, self._n_since_break = b"", 0
        self.n_lines = self.n_numbers = self.n_bad = self._n_in_row = self._n_told = 0

    def feed(self, content: bytes) -> NDArray[np.float32]:
        """Return the samples of the lines that are complete."""
        *lines, rest = (self._rest + content).replace(b"\r\n", b"\n").split(b"\n")
        samples = [self._sample(line) for line in lines]
        self._n_since_break = len(rest) if lines else self._n_since_break + len(content)
        if self._n_since_break > LONGEST_LINE * MOST_BAD:
            raise DataError(
                f"the stream sends no line breaks: a line has more than {LONGEST_LINE * MOST_BAD:,} characters; "
                "expected one sample a line"
            )
        self._rest = rest[: LONGEST_LINE + 1]
        with np.errstate(over="ignore"):  # what single precision cannot hold is infinite: no value
            return np.array(samples, dtype=np.float64).astype(np.float32)

    def end(self) -> NDArray[np.float32]:
        """Return the last sample, where the stream ended in the middle of a line that is a number."""
        cell = self._cell(self._rest) if self._rest else None
        return np.array([] if cell is None or not is_number(cell) else [float(cell)], dtype=np.float32)

    def check(self) -> None:
        """Raise `DataError` where not one line of the whole stream was a number."""
        if self.n_bad and not self.n_numbers:
            raise DataError(f"none of the {self.n_lines:,} lines is a number; expected one sample a line")

    def _sample(self, line: bytes) -> float:
        self.n_lines += 1
        cell = self._cell(line)
        if cell is not None and is_number(cell):
            self._n_in_row = 0
            self.n_numbers += 1
            return float(cell)
        if cell is not None and cell in EMPTY:
            self._n_in_row = 0
            return math.nan
        self._count_bad(line)
        return math.nan

    def _cell(self, line: bytes) -> str | None:
        """Return the text of the column, or None where the line has no such."""
        if len(line) > LONGEST_LINE:
            return None
        text = line.decode("utf-8-sig", "replace").strip()
        cells = [cell.strip() for cell in re.split(r"[,;\t]", text)] if re.search(r"[,;\t]", text) else text.split()
        if self._column is None and len(cells) > 1 and all(is_number(cell) for cell in cells):
            raise UsageError(
                f"line {self.n_lines:,} holds {len(cells)} numbers ({plain_text(text, 40)}); expected one sample, with "
                "a decimal point: say which column is the lead, such as --column 2"
            )
        if self._column is None or not text:
            return text
        return cells[self._column - 1] if self._column <= len(cells) else None

    def _count_bad(self, line: bytes) -> None:
        self.n_bad += 1
        self._n_in_row += 1
        shown = plain_text(repr(line[:30].decode("utf-8", "replace")), 40)
        if self._n_in_row == MOST_BAD:
            raise DataError(
                f"the last {MOST_BAD} lines are no numbers, such as line {self.n_lines:,}: {shown}; expected one "
                "sample a line" + (f" in column {self._column}" if self._column else "")
            )
        if self._n_in_row == 1 and self._n_told < MOST_TOLD:
            self._n_told += 1
            self._tell(f"line {self.n_lines:,} is no number ({shown}); it counts as a sample without a value")


def open_source(name: str, *, once: bool = False, anywhere: bool = False, tell: Callable[[str], Any]) -> Source:
    """Return what yields the bytes of a stream.

    Parameters
    ----------
    name : str
        ``-`` for standard input, ``tcp://HOST:PORT``, or a file, which is followed as it grows.
    once : bool
        End at the end of a file.
    anywhere : bool
        Connect to another computer, too.
    tell : callable
        Told what a reader should know.

    Raises
    ------
    UsageError
        For an address that is none, or is not this computer's.
    DataError
        Where there is no such file, or nobody answers.
    """
    if name == "-":
        return _standard_input()
    if name.startswith("tcp://"):
        return _from_socket(_connected(name, anywhere), tell)
    if "://" in name:
        raise UsageError(f"{plain_text(name)} cannot be watched; expected a file, - or tcp://HOST:PORT")
    path = Path(name).expanduser()
    try:
        if path.is_dir():
            raise DataError(f"{plain_text(name)} is a folder; expected a file of samples, one a line")
        return _from_file(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), once, tell)
    except (OSError, ValueError) as fault:
        reason = plain_text(getattr(fault, "strerror", None) or fault)
        raise DataError(f"{plain_text(name)} cannot be read: {reason}; expected a file, - or tcp://HOST:PORT") from None


def _standard_input() -> Source:
    if sys.stdin is None:
        raise DataError("standard input is closed; expected samples on it, one a line")
    number = sys.stdin.fileno()
    while True:
        if os.name == "posix" and not select.select([number], [], [], NAP)[0]:
            yield b""
            continue
        content = os.read(number, AT_ONCE)
        if not content:
            return
        yield content


def _from_file(number: int, once: bool, tell: Callable[[str], Any]) -> Source:
    try:
        at = 0
        while True:
            content = os.read(number, AT_ONCE)
            at += len(content)
            if content:
                yield content
                continue
            if once or not stat.S_ISREG(os.fstat(number).st_mode):
                return
            if os.fstat(number).st_size < at:
                tell("the file has become shorter; reading it from its start, as what comes next")
                at = os.lseek(number, 0, os.SEEK_SET)
            yield b""
            time.sleep(NAP)
    finally:
        os.close(number)


def _connected(name: str, anywhere: bool) -> socket.socket:
    """Connect to an address such as tcp://localhost:9000: of this computer, where nobody asks for another."""
    parts = re.fullmatch(r"tcp://(\[[0-9a-fA-F:.]+\]|[\w.-]{1,253}):(\d{1,5})/?", name)
    if not parts or not 0 < int(parts[2]) < 2**16:
        raise UsageError(f"{plain_text(name)} is no address; expected tcp://HOST:PORT, such as tcp://localhost:9000")
    host, port = parts[1].strip("[]"), int(parts[2])
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise DataError(f"there is no host {plain_text(host)}; expected one such as localhost") from None
    addresses = sorted(str(one) for one in found)
    if not anywhere and not all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in addresses):
        raise UsageError(
            f"{plain_text(host)} is another computer; expected this one (localhost), or --anywhere to connect all the "
            "same: what comes from there is not encrypted"
        )
    fault: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=PATIENCE)
        except OSError as cause:
            fault = cause
    reason = plain_text(getattr(fault, "strerror", None) or fault)
    raise DataError(f"nobody answers at {plain_text(name)}: {reason}; expected somebody who sends one sample a line")


def _from_socket(connection: socket.socket, tell: Callable[[str], Any]) -> Source:
    with connection:
        connection.settimeout(NAP)
        while True:
            try:
                content = connection.recv(AT_ONCE)
            except TimeoutError:
                yield b""
                continue
            except OSError as fault:
                tell(f"the connection broke: {plain_text(fault.strerror or fault)}")
                return
            if not content:
                return
            yield content


def watch(source: Source, lines: SampleLines, stream: BeatStream, say: Callable[[StreamedBeat], Any],
          tell: Callable[[str], Any]) -> str:  # fmt: skip
    """Name the beats of a stream as they come, until it ends or somebody stops it; return a summary in one line.

    Parameters
    ----------
    source : iterator of bytes
        As `open_source` gives it.
    lines : SampleLines
    stream : BeatStream
    say, tell : callable
        Given each beat; and what a reader should know.
    """
    tally: Counter[str] = Counter()
    doubted: list[str] = []

    def doubt(sentence: str) -> None:
        if sentence and sentence not in doubted:
            doubted.append(sentence)
            tell(sentence)

    def give(beats: list[StreamedBeat]) -> None:
        for beat in beats:
            tally[beat.label] += 1
            tally[UNSURE] -= beat.again  # it was given before, without a label
            say(beat)
        doubt(NO_WAVES if stream.beside_qrs < BARE else "")

    last, is_told = time.monotonic(), False
    with _asked_to_stop() as asked:
        for content in source:
            if content:
                give(stream.push(lines.feed(content)))
                last, is_told = time.monotonic(), False
            elif time.monotonic() - last > STALL_SECONDS and not is_told:
                is_told = True
                tell(f"nothing has come for {STALL_SECONDS:g} s, after {stream.seconds:.1f} s of signal; still waiting")
            if asked():
                break
        give(stream.push(lines.end()))
        lines.check()
        give(stream.finish())
    if stream.seconds >= STRETCH_SECONDS:
        doubt(doubt_of_rate(stream.heart_rate_bpm, stream.fs) if tally.total() else NO_BEAT)
    named = ", ".join(f"{name} {n}" for name in [*stream.classifier.classes, UNSURE] if (n := tally[name]))
    bad = f"; {lines.n_bad:,} lines were no numbers" if lines.n_bad else ""
    return f"{stream.seconds:.1f} s at {stream.fs:g} Hz, {tally.total():,} beats{': ' if named else ''}{named}{bad}"


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Yield what says whether Ctrl-C or SIGTERM came; a second Ctrl-C ends the program as usual."""
    came: list[int] = []

    def note(number: int, _frame: Any) -> None:
        came.append(number)
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            signal.signal(number, note)
        yield lambda: bool(came)
    finally:
        for number in numbers:
            signal.signal(number, before[number])


def as_line(beat: StreamedBeat) -> str:
    """Return a beat as a person reads it."""
    sure = "    " if math.isnan(beat.confidence) else f"{beat.confidence:.2f}"
    rr = "     " if math.isnan(beat.rr_s) else f"{beat.rr_s:.3f}"
    why = f"  {beat.why}" if beat.why else ""
    return f"{beat.time_s:10.3f} s  {beat.label}  {sure}  rr {rr}{'  (named now)' if beat.again else ''}{why}".rstrip()


def as_json(beat: StreamedBeat, classes: list[str]) -> str:
    """Return a beat as one line of JSON; null is what is not known."""
    values = {
        "time_s": round(beat.time_s, 4), "r_sample": beat.r_sample, "rr_s": round(beat.rr_s, 4), "label": beat.label,
        "likeliest": beat.likeliest, "confidence": round(beat.confidence, 5),
        "p": {name: round(one, 5) for name, one in zip(classes, beat.p, strict=False)}, "why": beat.why,
        "given_s": round(beat.given_s, 4), "again": beat.again,
    }  # fmt: skip
    return json.dumps({name: None if value != value else value for name, value in values.items()})
