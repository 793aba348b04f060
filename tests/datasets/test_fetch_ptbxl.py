"""PTB-XL from its publisher: some rows of a longer table; the whole of it by the publisher's own list of hashes."""

import hashlib

import pytest
from conftest import ecgnb

from ecgnb.datasets import fetch, load_ptbxl
from ecgnb.datasets.store import download as download_module
from ecgnb.datasets.store import whole
from ecgnb.datasets.store.excerpt import Excerpt, excerpt_blocks
from ecgnb.datasets.store.fetch import DATASETS, Dataset
from ecgnb.datasets.store.unpack import KnownFile
from ecgnb.datasets.synthetic_twelve import write_ptbxl
from ecgnb.errors import DataError

SUBSET = (1, 2, 4)


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def published(publisher, data_dir, tmp_path, monkeypatch):
    """A publisher of six records, of which three are known by their hashes; the files by name."""
    monkeypatch.setattr(download_module, "PAUSE_SECONDS", 0.01)
    write_ptbxl(tmp_path, 6)
    content = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    names, *rows = content["ptbxl_database.csv"].splitlines(keepends=True)
    known = {name: text for name, text in content.items() if any(f"0{n}_hr" in name for n in SUBSET)}
    known |= {"scp_statements.csv": content["scp_statements.csv"]}
    known |= {"ptbxl_database.csv": b"".join([names, *(rows[n - 1] for n in SUBSET)])}
    dataset = Dataset(
        "ptbxl", "PTB-XL", "none.tar.xz", f"{publisher.url}/1.0.3/", 10_000_000, "CC", "none",
        {"ptbxl_database.csv": Excerpt(1_000_000, frozenset(SUBSET))},
    )  # fmt: skip
    registry = {name: KnownFile(digest(text), len(text)) for name, text in known.items()}
    dataset.__dict__["known"] = registry
    monkeypatch.setitem(DATASETS, "ptbxl", dataset)
    publisher.files |= {f"1.0.3/{name}": text for name, text in content.items()}
    publish_list(publisher, content)
    monkeypatch.setattr(whole, "N_BYTES", 2_000_000)
    return content


def publish_list(publisher, content):
    lines = [f"{digest(text)} {name}\n" for name, text in content.items()]
    lines += [f"{'0' * 64} {name}\n" for name in ("records100/00000/00001_lr.dat", "../../evil", "LICENSE.txt")]
    publisher.files["1.0.3/SHA256SUMS.txt"] = "".join(lines).encode()


def test_the_subset_has_its_rows_of_the_publishers_table(published, publisher):
    folder = fetch("ptbxl")
    assert load_ptbxl(500, data="real").table.ecg_id.tolist() == list(SUBSET)
    publisher.requests.clear()
    assert fetch("ptbxl") == folder and not publisher.requests


def test_a_table_whose_rows_changed_is_refused(published, publisher):
    publisher.files["1.0.3/ptbxl_database.csv"] = published["ptbxl_database.csv"].replace(b"100.0", b"35.0")
    with pytest.raises(DataError, match=r"ptbxl_database\.csv from .* is refused: it has"):
        fetch("ptbxl")


def test_rows_may_have_several_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'id,said\r\n1,"a\r\n2,b"\r\n2,c\r\n12,d\r\n3,"""e"""')
    assert b"".join(excerpt_blocks(path, Excerpt(99, frozenset({1})))) == b'id,said\r\n1,"a\r\n2,b"\r\n'
    assert b"".join(excerpt_blocks(path, Excerpt(99, frozenset({2, 3})))) == b'id,said\r\n2,c\r\n3,"""e"""'


def test_the_whole_of_it(published, publisher, data_dir):
    folder = whole.fetch_whole_ptbxl(n_records=6)
    assert folder == whole.whole_folder() and load_ptbxl(500, folder=folder).signal.shape == (6, 12, 5000)
    assert not (data_dir.parent / "evil").exists() and not list(folder.rglob("*.part"))
    (folder / "records500/00000/00005_hr.dat").write_bytes(b"damaged")
    publisher.requests.clear()
    whole.fetch_whole_ptbxl(n_records=6)
    assert [path for path, _ in publisher.requests] == ["/1.0.3/SHA256SUMS.txt", "/1.0.3/records500/00000/00005_hr.dat"]


def test_a_cut_is_gone_on_with(published, publisher):
    kept = publisher.files.pop("1.0.3/records500/00000/00006_hr.dat")
    with pytest.raises(DataError, match=r"files are still to come: .*00006_hr\.dat answers HTTP 404; call again"):
        whole.fetch_whole_ptbxl(n_records=6)
    publisher.files["1.0.3/records500/00000/00006_hr.dat"] = kept
    assert (whole.fetch_whole_ptbxl(n_records=6) / "records500/00000/00006_hr.dat").read_bytes() == kept


def test_a_file_that_is_not_the_listed_one_is_refused(published, publisher):
    publisher.files["1.0.3/records500/00000/00005_hr.dat"] = b"forged"
    with pytest.raises(DataError, match=r"00005_hr\.dat from .* is refused: its SHA-256 is"):
        whole.fetch_whole_ptbxl(n_records=6)
    assert not (whole.whole_folder() / "records500/00000/00005_hr.dat").exists()


def test_a_list_that_does_not_agree_is_refused(published, publisher):
    with pytest.raises(DataError, match="lists 14 files at 500 Hz, expected 43,600"):
        whole.fetch_whole_ptbxl()
    publish_list(publisher, published | {"records500/00000/00002_hr.dat": b"another"})
    with pytest.raises(DataError, match=r"SHA256SUMS\.txt is refused: of records500/00000/00002_hr\.dat it says"):
        whole.fetch_whole_ptbxl(n_records=6)
    publisher.files["1.0.3/SHA256SUMS.txt"] = b"\xff\x00 nothing"
    with pytest.raises(DataError, match="it says nothing"):
        whole.fetch_whole_ptbxl(n_records=6)


def test_a_disk_without_room(published, monkeypatch):
    monkeypatch.setattr(whole, "N_BYTES", 10**18)
    with pytest.raises(DataError, match=r"ptbxl-full needs .* GB more"):
        whole.fetch_whole_ptbxl(n_records=6)


def test_the_command_says_the_size_and_asks(published, monkeypatch, publisher):
    asked = ecgnb("fetch", "ptbxl-full")
    assert asked.returncode == 2 and "21,799 records" in asked.stderr and "--yes" in asked.stderr
    assert not publisher.requests, "nobody was there to say yes"
    monkeypatch.setattr(whole, "fetch_whole_ptbxl", lambda **_: whole.whole_folder())
    done = ecgnb("fetch", "ptbxl-full", "--yes")
    assert done.returncode == 0 and "ptbxl-full: 21,799 records, verified" in done.stdout
