"""Files are written whole or not at all, and never over what they were made from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecgnb.errors import UsageError
from ecgnb.files import refuse_overwriting, written_whole


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")

    def failing() -> None:
        with written_whole(target) as new:
            new.write_text("half of the n")
            raise KeyError("the rest")

    with pytest.raises(KeyError):
        failing()
    assert target.read_text() == "old"
    with written_whole(target) as new:
        new.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(UsageError, match="No space left"), written_whole(target):
        raise OSError(28, "No space left on device")
    assert target.read_text() == "old"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "real.csv")
    with written_whole(link) as new:
        new.write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"), written_whole(tmp_path) as new:
        new.write_text("x")
    with pytest.raises(UsageError, match="is a folder"):
        refuse_overwriting(tmp_path, [], "the recording")


@pytest.mark.parametrize("link", [os.link, os.symlink, None])
def test_no_name_of_a_source_is_written_over(tmp_path: Path, link: object) -> None:
    source, other = tmp_path / "r.dat", tmp_path / "r.csv"
    source.write_text("signal")
    if link is None:
        other = tmp_path / "." / "r.dat"
    else:
        link(source, other)  # type: ignore[operator]
    with pytest.raises(UsageError, match="is the recording itself"):
        refuse_overwriting(other, [tmp_path / "absent", source], "the recording")
    refuse_overwriting(tmp_path / "new.csv", [source], "the recording")
