"""Sources that lie, drip or never end: the next one is tried, in bounded time and disk, and no password is said."""

import gzip
import hashlib
import io
import itertools
import lzma
import os
import socket
import tarfile
import threading
import time
import zipfile
from contextlib import suppress
from dataclasses import replace

import pytest
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st

from ecgnb.datasets import fetch as fetch_function
from ecgnb.datasets import load_mitdb
from ecgnb.datasets.store import download as download_module
from ecgnb.datasets.store.download import hide_secrets
from ecgnb.datasets.store.fetch import DATASETS, Dataset
from ecgnb.datasets.store.unpack import KnownFile, unpack
from ecgnb.errors import DataError, EcgnbError

CONTENT = {"a.dat": bytes(range(256)) * 200, "b.hea": b"second"}
KNOWN = {name: KnownFile(hashlib.sha256(text).hexdigest(), len(text)) for name, text in CONTENT.items()}


def zip_of(method):
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", method) as archive:
        for name, content in CONTENT.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(mode, form=tarfile.PAX_FORMAT):
    with tarfile.open(fileobj=(buffer := io.BytesIO()), mode=mode, format=form) as archive:
        for name, content in CONTENT.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 0.5
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


GOOD = zip_of(zipfile.ZIP_STORED)


class Tiny(Dataset):
    known = KNOWN


@pytest.fixture
def tiny(monkeypatch, publisher, data_dir):
    """A data set whose publisher is good; the mirror before it is for the test to spoil."""
    publisher.files["tiny.zip"] = GOOD
    dataset = Tiny("tiny", "Tiny", "tiny.zip", f"{publisher.url}/tiny.zip", 1_000_000, "none", "none")
    monkeypatch.setitem(DATASETS, "tiny", dataset)
    for name, value in dict(PAUSE=0.01, READ=0.4, ANSWER=0.2, SLOW=0.2).items():
        monkeypatch.setattr(download_module, f"{name}_SECONDS", value)
    return dataset


@pytest.fixture
def mirror(monkeypatch):
    """Call it with the pieces that a mirror sends to each request, a hundredth of a second apart."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()
    pieces_of = [lambda: iter(())]

    def serve():
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection):
        with connection, suppress(OSError):
            connection.recv(65536)
            for piece in pieces_of[0]():
                if stop.is_set():
                    return
                connection.sendall(piece)

    threading.Thread(target=serve, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("ECGNB_MIRROR", url)

    def sends(pieces):
        pieces_of[0] = pieces if callable(pieces) else lambda: iter([pieces])
        return url

    yield sends
    stop.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def head(status="200 OK", *lines):
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""]).encode("latin-1")


def dripping(start, byte):
    def pieces():
        yield start
        while True:
            time.sleep(0.01)
            yield byte

    return pieces


LENGTH = f"Content-Length: {len(GOOD)}"
ANSWERS = {
    "length of letters": head("200 OK", "Content-Length: abc") + GOOD,
    "length twice": head("200 OK", LENGTH, LENGTH) + GOOD,
    "two lengths": head("200 OK", LENGTH, "Content-Length: 7") + GOOD,
    "length of 5,000 digits": head("200 OK", "Content-Length: " + "9" * 5000) + GOOD,
    "length with a fraction": head("200 OK", "Content-Length: 3.5") + GOOD,
    "length below 0": head("200 OK", "Content-Length: -1") + GOOD,
    "length of a terabyte": head("200 OK", "Content-Length: 1000000000000") + GOOD,
    "length too short": head("200 OK", "Content-Length: 100") + GOOD,
    "length too long": head("200 OK", f"Content-Length: {len(GOOD) + 1}") + GOOD,
    "416 at first": head("416 Range Not Satisfiable"),
    "206 unasked": head("206 Partial Content", "Content-Range: bytes 100-200/300", LENGTH) + GOOD,
    "several ranges": head("206 Partial Content", "Content-Type: multipart/byteranges; boundary=x") + b"--x--",
    "204": head("204 No Content"),
    "999": head("999 Odd") + GOOD,
    "304": head("304 Not Modified"),
    "redirect to nowhere": head("302 Found"),
    "redirect to no IPv6 address": head("302 Found", "Location: http://[::1"),
    "redirect to odd bytes": head("302 Found", "Location: http://h\xff\xfe\x01/"),
    "redirect to a file": head("302 Found", "Location: file:///etc/passwd"),
    "redirect to itself": head("302 Found", "Location: /tiny.zip"),
    "no HTTP": b"\x00\xff" * 1000,
    "nothing": b"",
    "header that drips": dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "status that drips": dripping(b"HTTP/1.1 200 ", b"x"),
    "go on for ever": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body that drips": dripping(head("200 OK", LENGTH), b"x"),
    "length of a chunk that drips": dripping(head("200 OK", "Transfer-Encoding: chunked"), b"0"),
    "chunk of no number": head("200 OK", "Transfer-Encoding: chunked") + b"zz\r\n" + GOOD,
    "body without end": lambda: itertools.chain([head()], itertools.repeat(bytes(65536))),
    "chunks without end": lambda: itertools.chain(
        [head("200 OK", "Transfer-Encoding: chunked")], itertools.repeat(b"10000\r\n" + bytes(65536) + b"\r\n")
    ),
    "packed": head("200 OK", "Content-Encoding: gzip") + gzip.compress(GOOD),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_next_source_is_tried(tiny, publisher, mirror, answer):
    mirror(ANSWERS[answer])
    assert contents(fetch_function("tiny")) == CONTENT, "and nothing is left of the other one"
    assert publisher.requests


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("length of letters", "answers Content-Length: 'abc'; expected a number of bytes"),
        ("length of a terabyte", "has 1,000,000,000,000 bytes; expected at most 1,048,576"),
        ("999", "answers HTTP 999"),
        ("206 unasked", "answers HTTP 206 with a range that was not asked for"),
        ("body without end", "sends more than the 1,048,576 bytes that it may have"),
        ("header that drips", "gives no answer in"),
        ("redirect to odd bytes", "address or answer cannot be used"),
    ],
)
def test_what_is_said_of_it(tiny, publisher, data_dir, mirror, answer, message):
    mirror(ANSWERS[answer])
    publisher.files.clear()
    with pytest.raises(DataError, match=rf"127\.0\.0\.1:\d+/tiny\.zip:? {message}"):
        fetch_function("tiny")
    assert contents(data_dir / "tiny") == {}, "nothing that is wrong stays"


def test_a_file_of_a_publisher_may_have_no_more_bytes_than_it_has(tiny, publisher, data_dir, monkeypatch):
    publisher.files |= {"1/a.dat": CONTENT["a.dat"] + b"x", "1/b.hea": b"second"}
    monkeypatch.setitem(DATASETS, "tiny", replace(tiny, url=f"{publisher.url}/1/"))
    with pytest.raises(DataError, match=r"1/a\.dat has 51,201 bytes; expected at most 51,200"):
        fetch_function("tiny")
    publisher.files["1/a.dat"] = CONTENT["a.dat"][:-1]
    with pytest.raises(DataError, match=r"refused: it has 51,199 bytes, expected 51,200"):
        fetch_function("tiny")
    assert contents(data_dir / "tiny") == {}


# Passwords


@pytest.mark.parametrize(
    "mirror",
    [
        "http://user:hunter2@127.0.0.1:9/m",
        "HTTP://user:hunter2@127.0.0.1:9/m",
        "http://hunter2@127.0.0.1:9",
        "http://user:p/hunter2@127.0.0.1:9/m/",
        "http://user:p?hunter2@127.0.0.1:9/m",
        "http://user:p#hunter2@127.0.0.1:9/m",
        "http://user:hunter2@[::1",
        "http://user:hunter2@127.0.0.1:port/m",
        "http://127.0.0.1:9/m?token=hunter2",
        "ftp://user:hunter2@127.0.0.1/m",
        "user:hunter2@127.0.0.1:m",
        " http://user:hunter2@127.0.0.1:9/m",
    ],
)
def test_no_password_is_said_or_kept(tiny, publisher, data_dir, monkeypatch, mirror):
    monkeypatch.setenv("ECGNB_MIRROR", mirror)
    publisher.files["tiny.zip"] = GOOD[:-30]
    with pytest.raises(DataError) as caught:
        fetch_function("tiny")
    assert "hunter2" not in str(caught.value) and "user:" not in str(caught.value)
    assert caught.value.__cause__ is None, "which a notebook would show"


def test_no_password_goes_into_the_note_of_a_stand_in(data_dir, monkeypatch):
    monkeypatch.setenv("ECGNB_MIRROR", "http://user:hunter2@127.0.0.1:9/m")
    monkeypatch.setattr(download_module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setitem(DATASETS, "mitdb", replace(DATASETS["mitdb"], url="http://127.0.0.1:9/"))
    note = load_mitdb("auto", records=["100"]).note
    assert "http://…@127.0.0.1:9/m/mitdb-1.0.0.tar.xz" in note and "hunter2" not in note


def test_a_redirect_that_quotes_the_password(tiny, publisher, mirror, monkeypatch):
    url = mirror(head("302 Found", "Location: http://user:hunter2@[::1"))
    monkeypatch.setenv("ECGNB_MIRROR", url.replace("://", "://user:hunter2@"))
    publisher.files.clear()
    with pytest.raises(DataError) as caught:
        fetch_function("tiny")
    assert "hunter2" not in str(caught.value) and "127.0.0.1" in str(caught.value)


def test_what_is_shown_of_a_source():
    assert hide_secrets("https://a:b@host/m/x.zip") == "https://…@host/m/x.zip"
    assert hide_secrets("https://host/m/x.zip?key=1") == "https://host/m/x.zip"
    for plain in ("https://host:80/m/x.zip", "/data/a@b/x.zip", "data?/x.zip", "~/x.zip"):
        assert hide_secrets(plain) == plain


# What lies in folders


def test_a_broken_archive_laid_by_hand_gives_way_to_a_good_mirror(tiny, publisher, data_dir, tmp_path, monkeypatch):
    (tmp_path / "tiny.zip").write_bytes(GOOD)
    monkeypatch.setenv("ECGNB_MIRROR", str(tmp_path))
    data_dir.mkdir()
    end = len(GOOD) - 22  # of the list of members
    for byte in range(end, len(GOOD)):
        broken = bytearray(GOOD)
        broken[byte] ^= 0x80
        (data_dir / "tiny.zip").write_bytes(broken)
        folder = fetch_function("tiny")
        assert contents(folder) == CONTENT and not publisher.requests
        (folder / "a.dat").unlink()


def test_a_mirror_that_is_a_pipe_or_far_too_large_is_passed_over(tiny, data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("ECGNB_MIRROR", str(tmp_path))
    os.mkfifo(tmp_path / "tiny.zip")
    assert contents(fetch_function("tiny")) == CONTENT
    (tmp_path / "tiny.zip").unlink()
    with (tmp_path / "tiny.zip").open("wb") as stream:
        stream.truncate(10**10)  # takes no disk
    (data_dir / "tiny" / "a.dat").unlink()
    assert contents(fetch_function("tiny")) == CONTENT
    monkeypatch.setenv("ECGNB_MIRROR", "~nobody-of-that-name/m")
    (data_dir / "tiny" / "a.dat").unlink()
    assert contents(fetch_function("tiny")) == CONTENT


@pytest.mark.parametrize("whole", [True, False])
def test_what_a_killed_fetch_left_is_cleaned_by_the_next(tiny, data_dir, whole):
    folder = fetch_function("tiny")
    for name in (".a.dat.b4_51yc7", ".b.hea.abcdefgh", "tiny.zip.120b253e.part", "a.dat.120b253e.part"):
        (folder / name).write_bytes(b"half")
    (folder / "notes.txt").write_text("somebody's own")
    if not whole:
        (folder / "a.dat").unlink()
    assert contents(fetch_function("tiny")) == CONTENT | {"notes.txt": b"somebody's own"}


# Archives that are not what they seem


KINDS = {
    "stored": zip_of(zipfile.ZIP_STORED),
    "deflated": zip_of(zipfile.ZIP_DEFLATED),
    "bz2": zip_of(zipfile.ZIP_BZIP2),
    "lzma": zip_of(zipfile.ZIP_LZMA),
    "tar": tar_of("w:"),
    "old tar": tar_of("w:", tarfile.USTAR_FORMAT),
    "gnu tar": tar_of("w:", tarfile.GNU_FORMAT),
    "tar.xz": tar_of("w:xz"),
    "tar.gz": tar_of("w:gz"),
}


@st.composite
def mutated(draw):
    """An archive with some bytes changed, cut out or put in; of a packed tar, those inside as well."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    inside = kind == "tar.xz" and draw(st.booleans())
    content = bytearray(lzma.decompress(KINDS[kind]) if inside else KINDS[kind])
    for _ in range(draw(st.integers(1, 4))):
        near_an_end = st.integers(0, min(600, len(content) - 1)) | st.integers(
            max(len(content) - 600, 0), len(content) - 1
        )
        start = draw(near_an_end | st.integers(0, len(content) - 1))
        content[start : start + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return lzma.compress(content) if inside else bytes(content)


@fuzz(300)
@given(archive=mutated())
def test_a_mutated_archive_gives_whole_files_or_a_sentence(tmp_path, archive):
    for path in (*tmp_path.glob(".*"), *tmp_path.iterdir()):
        path.unlink()
    (tmp_path / "archive").write_bytes(archive)
    with suppress(EcgnbError):
        unpack(tmp_path / "archive", tmp_path, KNOWN, 1_000_000)
    assert contents(tmp_path).items() <= (CONTENT | {"archive": archive}).items()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"bz2", "lzma"}))
def test_every_kind_of_archive_that_a_mirror_may_hold(tmp_path, kind):
    (tmp_path / "archive").write_bytes(KINDS[kind])
    unpack(tmp_path / "archive", tmp_path, KNOWN, 1_000_000)
    assert contents(tmp_path).items() >= CONTENT.items()
