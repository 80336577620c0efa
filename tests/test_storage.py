from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from airflow_peach.storage import LockedError, locked, write_json, write_text

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, time
from pathlib import Path
from airflow_peach.storage import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(lock: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_writes_and_makes_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"

    assert write_text(path, "größer\n")

    assert path.read_text(encoding="utf-8") == "größer\n"


def test_the_same_text_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "text")
    before = path.stat()

    assert not write_text(path, "text")

    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_reader_of_the_old_file_keeps_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old" * 1000)
    with path.open(encoding="utf-8") as reader:
        write_text(path, "new")

        assert reader.read() == "old" * 1000
    assert path.read_text(encoding="utf-8") == "new"


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")

    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xff\xfe\x00")

    assert write_text(path, "text")

    assert path.read_text(encoding="utf-8") == "text"


def test_json_is_sorted_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "a.json"

    write_json(path, {"b": 1, "a": ["ä"]})

    text = path.read_text(encoding="utf-8")
    assert text.index('"a"') < text.index('"b"')
    assert json.loads(text) == {"a": ["ä"], "b": 1}


def test_a_lock_held_by_another_process_is_waited_for_only_so_long(tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "x"
    holder = hold(lock)
    try:
        started = time.monotonic()
        with (
            pytest.raises(LockedError, match="held by another process; wait for it to end"),
            locked(lock, timeout_seconds=0.2),
        ):
            pytest.fail("two hold the lock")
        assert 0.2 <= time.monotonic() - started < 10
    finally:
        end(holder)


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    holder = hold(tmp_path / "x")
    end(holder)

    with locked(tmp_path / "x", timeout_seconds=0):
        pass


def test_waits_until_the_other_lets_go(tmp_path: Path) -> None:
    entered = threading.Event()

    def second() -> None:
        with locked(tmp_path / "x", timeout_seconds=30):
            entered.set()

    with locked(tmp_path / "x"):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.2)
    thread.join(30)
    assert entered.is_set()


def test_the_lock_ends_with_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "x"):
        raise ZeroDivisionError

    with locked(tmp_path / "x", timeout_seconds=0):
        pass


def test_a_child_that_inherits_the_lock_keeps_it_after_us(tmp_path: Path) -> None:
    with locked(tmp_path / "x") as descriptor:
        child = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor], text=True)
    try:
        with pytest.raises(LockedError), locked(tmp_path / "x", timeout_seconds=0):
            pytest.fail("the child's lock was lost")
    finally:
        end(child)
    with locked(tmp_path / "x", timeout_seconds=0):
        pass


def test_a_child_does_not_inherit_the_lock_by_itself(tmp_path: Path) -> None:
    with locked(tmp_path / "x") as descriptor:
        assert not os.get_inheritable(descriptor)
