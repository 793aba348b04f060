"""One download over HTTP that resumes where it was cut and gives up on a server that stalls."""

from __future__ import annotations

import time
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from ecgnb.errors import DataError

CONNECT_SECONDS = 5.0

READ_SECONDS = 15.0  # silence after which a connection counts as cut

SLOW_SECONDS = 30.0  # a window in which ...

SLOW_BYTES = 30_000  # ... fewer bytes than this means that waiting is no use

ATTEMPTS = 4

PAUSE_SECONDS = 1.0

BLOCK = 1 << 16

BUSY = (429, 500, 502, 503, 504)  # answers of a server that may do better a moment later


def download(url: str, part: Path, *, progress: bool = False) -> None:
    """Bring a URL's whole content into the file `part`, going on from what it already holds.

    Raises
    ------
    DataError
        Where the server refuses, cannot be reached, or stays too slow. What arrived stays in `part` for the next call.
    """
    fault = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        before = part.stat().st_size if part.exists() else 0
        try:
            _one_attempt(url, part, progress)
            return
        except requests.HTTPError as refused:
            fault = f"{url} answers HTTP {refused.response.status_code}"
            if refused.response.status_code not in BUSY:
                break
        except (requests.RequestException, urllib3.exceptions.HTTPError) as broken:
            arrived = part.stat().st_size if part.exists() else 0
            fault = f"{url}: {_plain(broken)} (after {arrived:,} bytes)"
            if arrived == before and attempt:  # not the first attempt, and in vain
                break
    raise DataError(fault)


def _one_attempt(url: str, part: Path, progress: bool) -> None:
    held = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={held}-"} if held else {})
    with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as answer:
        if answer.status_code == 416:  # nothing lies beyond what we hold, or it is another file: begin anew
            part.unlink()
            return _one_attempt(url, part, progress)
        answer.raise_for_status()
        resumed = answer.status_code == 206
        start = held if resumed else 0
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else None
        with (
            part.open("ab" if resumed else "wb") as stream,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=not progress) as bar,
        ):
            window, in_window = time.monotonic(), 0
            while block := answer.raw.read1(BLOCK):  # what has arrived, however little, so that a drip is noticed
                stream.write(block)
                bar.update(len(block))
                in_window += len(block)
                if time.monotonic() - window > SLOW_SECONDS:
                    if in_window < SLOW_BYTES:
                        raise DataError(f"{url} sends under {SLOW_BYTES / SLOW_SECONDS / 1000:.0f} kB/s; try later")
                    window, in_window = time.monotonic(), 0
    return None


def _plain(fault: Exception) -> str:
    """Say in a few words what broke a connection."""
    if isinstance(fault, requests.ConnectTimeout):
        return f"no answer in {CONNECT_SECONDS:.0f} s"
    if isinstance(fault, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
        return f"the server went silent for {READ_SECONDS:.0f} s"
    if isinstance(fault, urllib3.exceptions.ProtocolError):
        return "the connection was cut"
    if isinstance(fault, requests.ConnectionError):
        return "the server cannot be reached"
    return str(fault)
