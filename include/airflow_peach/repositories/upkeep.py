"""What a mirror needs now and then: packing after many fetches, and clearing what a killed git left in it."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

from airflow_peach.processes import ProcessTimeoutError
from airflow_peach.repositories.git_environment import GitError

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.repositories.git_command import RepositoryGit

log = logging.getLogger(__name__)

# Of a git that was killed. git itself clears its half packs only after a day, and not at each fetch.
_LEFTOVERS = ("*.lock", "refs/**/*.lock", "objects/info/**/*.lock", "objects/pack/tmp_*", "objects/??/tmp_obj_*")
_COMPACT_TIMEOUT_SECONDS = 120
# From where on `git gc --auto` packs: gc.auto (6,700 loose objects, guessed from one of 256 folders), gc.autoPackLimit.
_SAMPLE_FOLDER, _LOOSE_IN_SAMPLE, _PACKS = "17", 6700 // 256, 50


def compact(git: RepositoryGit, path: Path) -> None:
    """Let git pack what many fetches left at ``path``, if that is worth while; no harm if it does not end."""
    if not _is_scattered(path):
        return
    try:
        git.gc("--auto", "--quiet", kill_after_timeout=_COMPACT_TIMEOUT_SECONDS)
    except (GitError, ProcessTimeoutError) as error:
        log.warning("the mirror %s was not compacted: %s", path, error)


def clear_leftovers(path: Path) -> None:
    """Remove what a killed git left in the mirror at ``path``, whose lock the caller holds: no git runs there."""
    for pattern in _LEFTOVERS:
        for stale in path.glob(pattern):
            stale.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove what is at ``path``: a directory as far as it goes, anything else that somebody put there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_scattered(path: Path) -> bool:
    """Whether git may find it worth while to pack the mirror: it looks at the same two folders, in a process."""
    return (
        len(list(path.glob(f"objects/{_SAMPLE_FOLDER}/*"))) > _LOOSE_IN_SAMPLE
        or len(list(path.glob("objects/pack/*.pack"))) > _PACKS
    )
