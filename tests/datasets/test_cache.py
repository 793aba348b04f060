"""The cache of cut beats: a file that was changed, or that belongs to another key, is built anew."""

import os
import shutil
import time

import numpy as np
import pytest

from ecgnb.datasets import load_mitdb
from ecgnb.datasets.store import cache


@pytest.fixture(scope="module")
def beats():
    return load_mitdb("synthetic", records=["100", "101"])


def stored(folder):
    return sorted((folder / "cache").glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)


def forge(path, change, save=np.savez):
    with np.load(path) as content:
        arrays = {name: content[name] for name in content.files}
    arrays |= change(arrays)
    save(path, **arrays)


FORGERIES = {
    "labels": lambda arrays: {"label": (arrays["label"] + 1) % 5},
    "one label": lambda arrays: {"label": np.where(np.arange(len(arrays["label"])) == 3, 2, arrays["label"])},
    "records": lambda arrays: {"record": arrays["record"][::-1]},
    "signal": lambda arrays: {"signal": -arrays["signal"]},
    "note": lambda arrays: {"rest": np.array(str(arrays["rest"]).replace('"note": ""', '"note": "<script>"'))},
    "source": lambda arrays: {"rest": np.array(str(arrays["rest"]).replace("synthetic", "real"))},
    "class names": lambda arrays: {"rest": np.array(str(arrays["rest"]).replace('"N"', '"V"', 1))},
    "a column more": lambda arrays: {"moved": np.zeros(len(arrays["label"]), np.float32)},
    "a hash of its own": lambda arrays: {"sha256": np.array("0" * 64)},
    "deep JSON": lambda arrays: {"rest": np.array("[" * 100_000)},
    "objects": lambda arrays: {"label": np.array([None, {}], dtype=object)},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_file_is_built_anew(beats, data_dir, forgery):
    built = []
    for _ in range(3):
        found = cache.cached({"a": 1}, lambda: built.append(1) or beats)
        assert found.counts().equals(beats.counts()) and (found.signal == beats.signal).all()
        assert found.note == "" and found.source == "synthetic" and found.moved is None
        if len(built) == 1:
            forge(stored(data_dir)[0], FORGERIES[forgery])
    assert len(built) == 2, "and is good again"


def test_a_file_of_another_key_is_built_anew(beats, data_dir):
    cache.cached({"records": ["100"]}, lambda: beats[:7])
    cache.cached({"records": ["100", "101"]}, lambda: beats)
    one, both = stored(data_dir)
    shutil.copy(one, both)
    assert len(cache.cached({"records": ["100", "101"]}, lambda: beats)) == len(beats)
    assert len(cache.cached({"records": ["100", "101"]}, lambda: pytest.fail("it was mended"))) == len(beats)


def test_a_packed_file_is_not_unpacked(beats, data_dir):
    """It could hold more than fits into memory."""
    cache.cached({"a": 1}, lambda: beats)
    forge(stored(data_dir)[0], lambda arrays: {}, save=np.savez_compressed)
    built = []
    cache.cached({"a": 1}, lambda: built.append(1) or beats)
    assert built


def test_what_killed_writers_left_goes(beats, data_dir):
    for name, age in (("old", 2 * cache.WRITING_SECONDS), ("young", 0)):
        folder = data_dir / "cache" / f".new-{name}"
        folder.mkdir(parents=True)
        (folder / "x.npz").write_bytes(b"half")
        os.utime(folder, (time.time() - age,) * 2)
    cache.cached({"a": 1}, lambda: beats)
    assert {path.name for path in (data_dir / "cache").glob(".new-*")} == {".new-young"}
