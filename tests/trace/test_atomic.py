from __future__ import annotations

import os
from pathlib import Path

import pytest

from logitscope.errors import ResourceError, TraceError
from logitscope.trace.atomic import write_atomically
from tests.trace.examples import names_in


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    return path


def only_the_old_file_is_left(target: Path) -> bool:
    return target.read_bytes() == b"old" and names_in(target.parent) == [target.name]


def test_a_file_appears_whole_with_the_usual_permissions(target: Path) -> None:
    plain = target.parent / "plain"
    plain.touch()
    with write_atomically(target) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode == plain.stat().st_mode
    assert names_in(target.parent) == ["out.bin", "plain"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, ValueError, TraceError])
def test_whatever_stops_the_writing_leaves_nothing_half_written(target: Path, stop: type[BaseException]) -> None:
    def write_half() -> None:
        with write_atomically(target) as file:
            file.write(b"half")
            raise stop

    with pytest.raises(stop):
        write_half()
    assert only_the_old_file_is_left(target)


def test_ctrl_c_just_before_the_end_leaves_nothing_half_written(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt), write_atomically(target) as file:
        file.write(b"half")
    assert only_the_old_file_is_left(target)


def test_a_full_disk_is_one_line_and_leaves_nothing(target: Path) -> None:
    message = r"out\.bin could not be written: no space left on device\."
    with pytest.raises(ResourceError, match=message), write_atomically(target):
        raise OSError(28, "No space left on device")
    assert only_the_old_file_is_left(target)


def test_no_permission_is_one_line(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(ResourceError, match="permission denied"), write_atomically(target):
        pass
    assert only_the_old_file_is_left(target)


def test_a_folder_and_a_missing_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="is a folder"), write_atomically(tmp_path):
        pass
    with pytest.raises(TraceError, match="does not exist"), write_atomically(tmp_path / "none" / "x"):
        pass


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(TraceError, match="not an ordinary file"), write_atomically(pipe):
        pass
    assert pipe.is_fifo()


def test_a_link_stays_a_link(target: Path) -> None:
    link = target.parent / "link"
    link.symlink_to(target)
    with write_atomically(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_the_longest_name_that_a_folder_takes_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    with write_atomically(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
