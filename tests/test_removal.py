"""Removing what strangers filled."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from airflow_peach.removal import remove


def test_any_depth(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    here = os.open(folder, os.O_DIRECTORY)
    for _ in range(5000):
        os.mkdir("down", dir_fd=here)
        Path(f"/proc/self/fd/{here}/file").touch()
        below = os.open("down", os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    remove(folder)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_and_what_is_no_directory(tmp_path: Path) -> None:
    remove(tmp_path / "nothing")
    (tmp_path / "file").touch()
    remove(tmp_path / "file")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    remove(tmp_path / "link")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "file", "link"]


@pytest.mark.skipif(os.geteuid() != 0, reason="takes the identity of somebody for whom permissions count")
def test_what_a_task_made_unwritable_is_removed_too_and_no_link_is_followed() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o777)
        os.seteuid(65534)
        try:
            elsewhere, folder = root / "elsewhere", root / "folder"
            elsewhere.mkdir(mode=0o500)
            (folder / "closed" / "deeper").mkdir(parents=True)
            (folder / "closed" / "deeper" / "file").touch()
            (folder / "link").symlink_to(elsewhere)
            for path in (folder / "closed" / "deeper", folder / "closed", folder):
                path.chmod(0)
            remove(folder)
        finally:
            os.seteuid(0)
        assert not folder.exists()
        assert elsewhere.stat().st_mode & 0o777 == 0o500
