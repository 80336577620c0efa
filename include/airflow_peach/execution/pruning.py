"""Removing what the platform no longer uses: mirrors, environments, artefacts, and what killed executions left.

Safe at any time: what runs holds locks, which are asked first, and what cannot be known to be unused stays.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.catalogue.store import UnreadableFileError, read_statuses
from airflow_peach.execution.environments.store import EnvironmentStore
from airflow_peach.execution.execution_folder import left_behind
from airflow_peach.removal import remove
from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.mirror import Mirror
from airflow_peach.storage import LockedError, locked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_peach.settings import Settings

_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Unused:
    """Something that is not used any more.

    Attributes:
        kind: ``mirror``, ``environment``, ``artefact``, ``execution`` or ``kept``.
        size_bytes: of its files.
    """

    kind: str
    path: Path
    size_bytes: int


def prune(settings: Settings, *, keep_days: float, dry_run: bool) -> list[Unused]:
    """Remove what is unused in ``settings.home``; return what was removed, or would be.

    Args:
        settings: home and interpreter.
        keep_days: how long a thing that nothing needs is kept; longer than any execution may last.
        dry_run: remove nothing.

    An organisation's current environment, the mirror of any repository that the last sync knew, and each task's
    newest artefact stay, however old. Where a sync or a build is running now, what it works on stays too.
    """
    found: list[Unused] = []
    oldest = time.time() - keep_days * _DAY_SECONDS
    with contextlib.ExitStack() as held:
        for kind, path in (*_mirrors(settings, oldest, held), *_artefacts(settings.home, oldest)):
            found.append(Unused(kind, path, _size_bytes(path)))
            if not dry_run:
                _discard(path)
    with left_behind(settings.home) as folders:
        for path in folders:
            found.append(Unused("execution", path, _size_bytes(path)))
            if not dry_run:
                remove(path)
    return [*found, *_environments(settings, keep_days, dry_run=dry_run)]


def _mirrors(settings: Settings, oldest: float, held: contextlib.ExitStack) -> Iterator[tuple[str, Path]]:
    """Yield the mirrors of repositories that no source has any more; no sync may run meanwhile."""
    try:
        held.enter_context(locked(settings.home / "locks" / "sync", timeout_seconds=0))
        known = read_statuses(settings.home)
    except (LockedError, UnreadableFileError):
        return
    paths = {Mirror(settings.home, RepositoryAddress(name, ""), settings.branch).path for name in known}
    for path in sorted((settings.home / "mirrors").glob("*")):
        mirror = path if path.suffix == ".git" else path.with_suffix(".git")
        if mirror in paths and path == mirror:
            continue
        if _changed_at(path) < oldest:
            yield "mirror", path


def _artefacts(home: Path, oldest: float) -> Iterator[tuple[str, Path]]:
    for task in sorted((home / "artefacts").glob("*/*/")):
        by_age = sorted(task.glob("*.ipynb"), key=_changed_at)
        yield from (("artefact", path) for path in by_age[:-1] if _changed_at(path) < oldest)
    yield from (("kept", path) for path in sorted((home / "kept").glob("*")) if _changed_at(path) < oldest)


def _environments(settings: Settings, keep_days: float, *, dry_run: bool) -> list[Unused]:
    store = EnvironmentStore(
        settings.home,
        interpreter=Path(settings.python or sys.executable),
        lock_max_age_seconds=settings.lock_max_age_seconds,
    )
    # An organisation whose file is damaged is one all the same.
    in_use = {path.stem for path in (settings.home / "catalogue").glob("*.json")}
    sizes = {path: _size_bytes(path) for path in store.prune(in_use, keep_days=keep_days, dry_run=True)}
    removed = list(sizes) if dry_run else store.prune(in_use, keep_days=keep_days)
    return [Unused("environment", path, sizes.get(path, 0)) for path in removed]


def _changed_at(path: Path) -> float:
    """Return when it, or what is directly in it, was changed last; now, when that cannot be known."""
    try:
        inside = path.iterdir() if path.is_dir() else ()
        return max(float(each.lstat().st_mtime) for each in (path, *inside))
    except OSError:
        return time.time()


def _size_bytes(path: Path) -> int:
    total = 0
    for folder, _, files in os.walk(path) if path.is_dir() else [(str(path.parent), [], [path.name])]:
        for name in files:
            with contextlib.suppress(OSError):
                total += Path(folder, name).lstat().st_size
    return total


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove(path)
    else:
        path.unlink(missing_ok=True)
