"""The catalogue on disk: what a sync writes and a DAG parse reads.

``<home>/catalogue/<codops>.json`` and ``repositories.json`` are the present state;
``<home>/snapshots/<version>/`` is the result of one complete sync, never changed afterwards, and
``<home>/snapshots/current`` names the newest. A file that cannot be read counts as absent, with a warning,
and the next sync writes it again.

Light on purpose (json and dataclasses, no YAML, git or pydantic): a DAG parse imports it.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.definitions import RESERVED_CODOPS
from airflow_peach.catalogue.model import Catalogue, Organisation
from airflow_peach.catalogue.serialise import (
    MALFORMED,
    dump,
    organisation_from_json,
    organisation_to_json,
    problems_by_repository,
    problems_from_json,
    problems_to_json,
    status_from_json,
    status_to_json,
    version_of,
)
from airflow_peach.errors import PeachError
from airflow_peach.storage import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_peach.authoring.problems import Problem
    from airflow_peach.catalogue.model import RepositoryStatus

log = logging.getLogger(__name__)

REPOSITORIES_FILE = "repositories.json"
PROBLEMS_FILE = "problems.json"

_CURRENT = "current"
_DAY_SECONDS = 86_400


class UnreadableFileError(PeachError):
    """A file of the catalogue is missing, half-written or not what we write."""


@dataclass(frozen=True)
class Written:
    """What ``write_catalogue`` did: codops whose file was written or removed, and the snapshot's version."""

    changed: tuple[str, ...]
    version: str


def read_organisation(folder: Path, codops: str) -> Organisation:
    """Read one organisation from a catalogue's or a snapshot's folder.

    Raises:
        UnreadableFileError: there is no such organisation, or its file is damaged.
    """
    path = folder / f"{codops}.json"
    data = _read(path)
    try:
        organisation = organisation_from_json(data)
        if organisation.codops != codops:
            raise _damaged(path, f"it is about {organisation.codops!r}")
    except MALFORMED as error:
        raise _damaged(path, repr(error)) from error
    return organisation


def read_organisations(folder: Path, codops: str | None = None) -> tuple[dict[str, Organisation], list[str]]:
    """Read all organisations of a catalogue's or a snapshot's folder, or the one named.

    Returns:
        The organisations by codops, sorted, and a line for each file that cannot be read. An organisation
        that is asked for by name and not there is no such line.
    """
    if codops is None:
        names = sorted(path.stem for path in folder.glob("[!.]*.json") if path.stem not in RESERVED_CODOPS)
    else:
        names = [codops] if (folder / f"{codops}.json").exists() else []
    organisations: dict[str, Organisation] = {}
    warnings: list[str] = []
    for name in names:
        organisation = _read_or_error(folder, name)
        if isinstance(organisation, Organisation):
            organisations[name] = organisation
        else:
            warnings.append(str(organisation))
    return organisations, warnings


def read_catalogue(home: Path) -> Catalogue:
    """Read the present state. What is damaged is taken from the current snapshot, else it is absent."""
    organisations, warnings = read_organisations(home / "catalogue")
    for warning in warnings:
        log.warning("%s", warning)
    version = current_snapshot(home)
    if version is not None and warnings:
        saved, _ = read_organisations(snapshot_path(home, version))
        organisations = {**saved, **organisations}
    try:
        repositories, problems = _read_repositories(home)
    except UnreadableFileError as error:
        if (home / "catalogue" / REPOSITORIES_FILE).exists():
            log.warning("%s", error)
        repositories, problems = {}, ()
    return Catalogue(organisations, repositories, problems)


def read_statuses(home: Path) -> dict[str, RepositoryStatus]:
    """Read the status of each repository, by name.

    Raises:
        UnreadableFileError: there was no sync yet, or the file is damaged.
    """
    return _read_repositories(home)[0]


def write_catalogue(home: Path, catalogue: Catalogue) -> Written:
    """Write the catalogue and publish it as a snapshot. Only one process may: hold the sync's lock.

    Files that would not change are not touched. At any line, a kill leaves every file whole and ``current``
    naming the result of one complete sync; the next call completes the rest.
    """
    folder = home / "catalogue"
    _clear_leftovers(home)
    texts = {
        codops: dump(organisation_to_json(organisation))
        for codops, organisation in sorted(catalogue.organisations.items())
    }
    changed = [codops for codops, text in texts.items() if write_text(folder / f"{codops}.json", text)]
    for path in folder.glob("*.json"):
        if path.stem not in texts and path.name != REPOSITORIES_FILE:
            path.unlink()
            changed.append(path.stem)
    write_statuses(home, catalogue.repositories, catalogue.problems)
    problems = {name: problems_to_json(found) for name, found in problems_by_repository(catalogue).items()}
    files = {**{f"{codops}.json": text for codops, text in texts.items()}, PROBLEMS_FILE: dump(problems)}
    return Written(tuple(sorted(changed)), _publish(home, files))


def _clear_leftovers(home: Path) -> None:
    """Remove what a sync that was killed was writing, in the folders that only syncs write: we hold its lock."""
    for pattern in ("catalogue/.*.json.*", f"snapshots/.{_CURRENT}.*", "cache/configurations/.*.json.*"):
        for leftover in home.glob(pattern):
            leftover.unlink(missing_ok=True)


def write_statuses(home: Path, statuses: Mapping[str, RepositoryStatus], problems: tuple[Problem, ...] = ()) -> None:
    """Write ``repositories.json``: the status of each repository, and the problems of the sources."""
    data = {
        "repositories": {name: status_to_json(status) for name, status in sorted(statuses.items())},
        "problems": problems_to_json(problems),
    }
    write_text(home / "catalogue" / REPOSITORIES_FILE, dump(data))


def current_snapshot(home: Path) -> str | None:
    """Return the version of the newest complete snapshot, None before the first sync."""
    try:
        version = (home / "snapshots" / _CURRENT).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        log.warning("%s: %s; the next sync writes it again", home / "snapshots" / _CURRENT, error)
        return None
    return version if version and snapshot_path(home, version).is_dir() else None


def snapshot_path(home: Path, version: str) -> Path:
    """Return the folder of a snapshot; it need not be there."""
    return home / "snapshots" / version


def read_snapshot_problems(folder: Path) -> dict[str, tuple[Problem, ...]]:
    """Return a snapshot's problems by repository (or source); none, with a warning, when they are damaged."""
    path = folder / PROBLEMS_FILE
    try:
        return {name: problems_from_json(found) for name, found in _read(path).items()}
    except UnreadableFileError as error:
        log.warning("%s", error)
    except MALFORMED as error:
        log.warning("%s", _damaged(path, repr(error)))
    return {}


def prune_snapshots(home: Path, keep_days: float = 30, keep_newest: int = 20) -> tuple[str, ...]:
    """Remove the snapshots that were not current for ``keep_days``; return their versions.

    The current one and the ``keep_newest`` before it stay however old they are: ages are those of the machine's
    clock, and runs are pinned to one of the last.
    """
    current, oldest = current_snapshot(home), time.time() - keep_days * _DAY_SECONDS
    ages = {folder: folder.stat().st_mtime for folder in (home / "snapshots").glob("[!.]*/") if folder.is_dir()}
    replaced = sorted((folder for folder in ages if folder.name != current), key=lambda folder: -ages[folder])
    removed = [folder for folder in replaced[keep_newest:] if ages[folder] < oldest]
    for folder in removed:
        shutil.rmtree(folder)
    return tuple(sorted(folder.name for folder in removed))


def _read_or_error(folder: Path, codops: str) -> Organisation | UnreadableFileError:
    try:
        return read_organisation(folder, codops)
    except UnreadableFileError as error:
        return error


def _publish(home: Path, files: Mapping[str, str]) -> str:
    """Make the snapshot of these files, by name, and make it the current one; return its version."""
    version, snapshots = version_of(files), home / "snapshots"
    snapshots.mkdir(parents=True, exist_ok=True)
    for leftover in snapshots.glob(".*/"):  # of a sync that was killed: we hold its lock
        shutil.rmtree(leftover)
    folder = snapshot_path(home, version)
    if not _holds(folder, files):
        beside = Path(tempfile.mkdtemp(dir=snapshots, prefix=".new-"))
        try:
            for name, text in files.items():
                write_text(beside / name, text)
            if folder.exists():  # damaged since it was written
                folder.rename(snapshots / f".damaged-{version}")
            beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    if current_snapshot(home) not in {None, version}:
        # Its age counts from when it was last current.
        snapshot_path(home, str(current_snapshot(home))).touch()
    write_text(snapshots / _CURRENT, f"{version}\n")
    return version


def _holds(folder: Path, files: Mapping[str, str]) -> bool:
    try:
        return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == dict(files)
    except (OSError, UnicodeDecodeError):
        return False


def _read_repositories(home: Path) -> tuple[dict[str, RepositoryStatus], tuple[Problem, ...]]:
    path = home / "catalogue" / REPOSITORIES_FILE
    data = _read(path)
    try:
        statuses = {name: status_from_json(each) for name, each in data["repositories"].items()}
        return statuses, problems_from_json(data["problems"])
    except MALFORMED as error:
        raise _damaged(path, repr(error)) from error


def _read(path: Path) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UnreadableFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (RecursionError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, cause: str) -> UnreadableFileError:
    return UnreadableFileError(f"{path}: is damaged ({cause}); the next sync writes it again")
