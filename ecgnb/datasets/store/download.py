"""One download over HTTP that resumes where it was cut, and gives up on a server that stalls, drips or never ends."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from ecgnb.errors import DataError

CONNECT_SECONDS = 5.0

READ_SECONDS = 15.0  # silence after which a connection counts as cut

ANSWER_SECONDS = 20.0  # until the last line of an answer's header, redirects included

SLOW_SECONDS = 20.0  # a window in which ...

SLOW_BYTES = 200_000  # ... fewer bytes than this means that waiting is no use

ATTEMPTS = 4

PAUSE_SECONDS = 1.0

BLOCK = 1 << 16

BUSY = (429, 500, 502, 503, 504)  # answers of a server that may do better a moment later

# What a connection breaks with; anything else, such as an address that is none, would come again.
CUT = (requests.ConnectionError, requests.Timeout, urllib3.exceptions.ProtocolError, urllib3.exceptions.TimeoutError)

Inbox = queue.Queue[requests.Response | bytes | Exception]


class _Cut(Exception):
    """An attempt that failed, where another one may do better."""


class _Busy(_Cut):
    """A server that asks to come again."""


def hide_secrets(source: str) -> str:
    """Return a URL or path as it may be shown or kept: without user name, password and query."""
    hidden = re.sub(r"^(\w+:/+).*@|^[^/]*:.*@", r"\1…@", source, flags=re.DOTALL)
    return hidden.partition("?")[0] if "://" in hidden else hidden


def download(url: str, part: Path, *, most: int, progress: bool = False) -> None:
    """Bring a URL's whole content into the file `part`, going on from what it already holds.

    Parameters
    ----------
    url : str
    part : path
    most : int
        Bytes that the content may have.
    progress : bool
        Show a progress bar on standard error.

    Raises
    ------
    DataError
        Where the server refuses, cannot be reached, stays too slow, or answers what cannot be used. What arrived
        before a cut stays in `part` for the next call.
    """
    fault = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        before = _size(part)
        try:
            return _one_attempt(url, part, most, progress)
        except _Cut as cut:
            fault = f"{cut} (after {_size(part):,} bytes)"
            if _size(part) == before and attempt and not isinstance(cut, _Busy):  # not the first one, and in vain
                break
    raise DataError(fault)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _one_attempt(url: str, part: Path, most: int, progress: bool) -> None:
    if _size(part) >= most:  # not the beginning of what we want
        part.unlink()
    held, source = _size(part), hide_secrets(url)
    with closing(_arriving(url, held)) as arriving:
        answer = next(arriving)
        assert isinstance(answer, requests.Response)
        if answer.status_code == 416 and held:  # nothing lies beyond what we hold, or it is another file: begin anew
            arriving.close()
            part.unlink()
            return _one_attempt(url, part, most, progress)
        size = _start_of(answer, held, source)
        total = _total(answer, size, most, source)
        with (
            part.open("ab" if size else "wb") as stream,
            tqdm(total=total, initial=size, unit="B", unit_scale=True, desc=part.stem, disable=not progress) as bar,
        ):
            for block in arriving:
                assert isinstance(block, bytes)
                size += len(block)
                if size > most:
                    part.unlink()
                    raise DataError(f"{source} sends more than the {most:,} bytes that it may have")
                stream.write(block)
                bar.update(len(block))
    return None


def _start_of(answer: requests.Response, held: int, source: str) -> int:
    """Return the byte that an answer's content begins with: 0, or that after what we hold."""
    status = answer.status_code
    if status in BUSY:
        raise _Busy(f"{source} answers HTTP {status}")
    if status == 200:
        return 0
    whole_range = answer.headers.get("Content-Range", f"bytes {held}-").startswith(f"bytes {held}-")
    if status == 206 and held and whole_range and "multipart" not in answer.headers.get("Content-Type", ""):
        return held
    unasked = " with a range that was not asked for" if status == 206 else ""
    raise DataError(f"{source} answers HTTP {status}{unasked}")


def _total(answer: requests.Response, start: int, most: int, source: str) -> int | None:
    """Return the size that an answer says the content has; None where it says none."""
    length = answer.headers.get("Content-Length")
    if length is None:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", length):
        raise DataError(f"{source} answers Content-Length: {length[:20]!r}; expected a number of bytes")
    if start + int(length) > most:
        raise DataError(f"{source} has {start + int(length):,} bytes; expected at most {most:,}")
    return start + int(length)


def _arriving(url: str, held: int) -> Generator[requests.Response | bytes]:
    """Yield an answer, then its content as it arrives, however little at a time.

    Another thread waits for the server: one that sends a header's letters singly outlasts every timeout of a socket.

    Raises
    ------
    DataError
        Where it takes too long, or what arrives is no answer.
    _Cut
        Where the connection breaks.
    """
    source = hide_secrets(url)
    inbox: Inbox = queue.Queue(maxsize=16)
    stop = threading.Event()
    threading.Thread(target=_receive, args=(url, held, inbox, stop), daemon=True).start()
    try:
        yield _next(inbox, ANSWER_SECONDS, source, f"gives no answer in {ANSWER_SECONDS:.0f} s")
        slow = f"sends under {SLOW_BYTES / SLOW_SECONDS / 1000:.0f} kB/s; try later"
        end, in_window = time.monotonic() + SLOW_SECONDS, 0
        while block := _next(inbox, end - time.monotonic(), source, slow):
            assert isinstance(block, bytes)
            in_window += len(block)
            if in_window >= SLOW_BYTES:
                end, in_window = time.monotonic() + SLOW_SECONDS, 0
            yield block
    finally:
        stop.set()
        while not inbox.empty():  # so that the other thread does not wait for room
            inbox.get_nowait()


def _receive(url: str, held: int, inbox: Inbox, stop: threading.Event) -> None:
    """Put an answer, its content and, at the end, nothing or what broke it into an inbox."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={held}-"} if held else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as answer:
            inbox.put(answer)
            block = b"to come"
            while block and not stop.is_set():
                block = answer.raw.read1(BLOCK)
                inbox.put(block)
    except Exception as fault:  # an address or a header that makes no sense raises almost anything
        inbox.put(fault)


def _next(inbox: Inbox, seconds: float, source: str, too_late: str) -> requests.Response | bytes:
    """Return what comes next; raise what broke the connection, without what it quotes."""
    try:
        item = inbox.get(timeout=max(seconds, 0))
    except queue.Empty:
        raise DataError(f"{source} {too_late}") from None
    if isinstance(item, Exception):
        raise (_Cut if isinstance(item, CUT) else DataError)(f"{source}: {_plain(item)}") from None
    return item


def _plain(fault: Exception) -> str:
    """Say in a few words what broke a connection; what it says itself may quote a password."""
    if isinstance(fault, requests.ConnectTimeout):
        return f"no answer in {CONNECT_SECONDS:.0f} s"
    if isinstance(fault, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
        return f"the server went silent for {READ_SECONDS:.0f} s"
    if isinstance(fault, urllib3.exceptions.ProtocolError):
        return "the connection was cut"
    if isinstance(fault, requests.TooManyRedirects):
        return "it redirects without end"
    if isinstance(fault, requests.ConnectionError):
        return "the server cannot be reached"
    return f"address or answer cannot be used ({type(fault).__name__})"
