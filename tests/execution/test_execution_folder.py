"""The folder of an execution; that killed ones are removed is shown in test_task_run.py."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from airflow_peach.errors import PeachError
from airflow_peach.execution.execution_folder import execution_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_each_has_its_own_and_removes_only_it(tmp_path: Path) -> None:
    with execution_folder(tmp_path) as first:
        with execution_folder(tmp_path) as second:
            assert first.path.is_dir()
            assert second.path.is_dir()
            assert first.path != second.path
        assert (first.path.exists(), second.path.exists()) == (True, False)
    assert list((tmp_path / "executions").iterdir()) == []


def test_those_that_nobody_holds_are_removed(tmp_path: Path) -> None:
    executions = tmp_path / "executions"
    (executions / "of-an-earlier-release" / "checkout").mkdir(parents=True)
    (executions / "a-file").touch()
    with execution_folder(tmp_path) as folder:
        assert sorted(executions.iterdir()) == sorted([executions / "a-file", folder.path])


def test_a_new_one_is_never_taken_for_one_that_was_left_behind(tmp_path: Path) -> None:
    lost: list[Path] = []

    def make() -> None:
        for _ in range(50):
            with execution_folder(tmp_path) as folder:
                (folder.path / "scratch").mkdir()
                if not (folder.path / "scratch").is_dir():
                    lost.append(folder.path)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    assert list((tmp_path / "executions").iterdir()) == []


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "executions").touch()
    with pytest.raises(PeachError, match="executions: File exists; check the disk"), execution_folder(tmp_path):
        pass
