"""Publishing a snapshot of the catalogue as a folder that Airflow parses: one immutable folder a version.

``versions/<hash>/`` holds the DAG file, the organisations' JSON files in ``catalogue/`` beside it, and one
``problem_<repository>.py`` for each repository with problems. It is made from ``<home>/snapshots/<hash>``
whenever it is missing, so Airflow may clean it up and a worker may make it anew.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.catalogue.store import read_snapshot_problems, snapshot_path
from airflow_peach.errors import PeachError
from airflow_peach.loops.factory import CATALOGUE_FOLDER
from airflow_peach.loops.problem_file import write_problem_file
from airflow_peach.resources import dag_file

if TYPE_CHECKING:
    from collections.abc import Iterable

# The version before the first sync: no organisation, no DAG.
EMPTY_VERSION = "empty"


class SnapshotMissingError(PeachError):
    """The catalogue of a version is not in the home directory."""


class PublicationError(PeachError):
    """A version cannot be written to Airflow's bundle storage, or not be read from the home directory."""


def publish(home: Path, version: str, versions: Path) -> Path:
    """Make ``versions/<version>`` when it is missing and return it. Safe for any number of processes at once.

    Raises:
        SnapshotMissingError: ``<home>/snapshots/<version>`` is not there.
        PublicationError: it cannot be read, or the folder not be written.
    """
    target = versions / version
    if target.is_dir():
        return target
    try:
        _make(home, version, versions)
    except OSError as error:
        raise PublicationError(
            f"{error.filename or versions}: {error.strerror}; check the disk and its permissions"
        ) from error
    if not target.is_dir():
        raise PublicationError(f"{target}: could not be written; check the disk and its permissions")
    return target


def _make(home: Path, version: str, versions: Path) -> None:
    versions.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=versions, prefix=f".{version[:16]}."))
    try:
        beside.chmod(0o755)
        _fill(beside, home, version)
        with contextlib.suppress(OSError):
            # It fails when another process was first: its folder is the same.
            beside.rename(versions / version)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def announce(folder: Path) -> None:
    """Make Airflow's processor parse the files of ``folder`` now: it compares their times of change."""
    for path in _parsed_files(folder):
        os.utime(path)


def _fill(folder: Path, home: Path, version: str) -> None:
    catalogue = folder / CATALOGUE_FOLDER
    catalogue.mkdir()
    shutil.copyfile(dag_file(), folder / dag_file().name)
    if version == EMPTY_VERSION:
        return
    snapshot = snapshot_path(home, version)
    if not snapshot.is_dir():
        raise SnapshotMissingError(
            f"{snapshot}: the catalogue of this version is gone; start a new run (this one began with it)"
        )
    for file in sorted(snapshot.glob("*.json")):
        shutil.copyfile(file, catalogue / file.name)
    for repository, problems in sorted(read_snapshot_problems(snapshot).items()):
        write_problem_file(folder, repository, [str(problem) for problem in problems])


def _parsed_files(folder: Path) -> Iterable[Path]:
    return folder.glob("*.py")
