"""What an organisation's environments look like on disk. Everything here is a look or one atomic step.

::

    <home>/environments/<codops>/
        .lock                 held by whoever builds or removes here
        locks/<key>.txt       resolutions, by what they depend on
        <digest>/             an environment; complete since it has this name
            peach-environment.json   the completion marker
            peach-requirements.txt   the lock it was built from
        uv-cache/             uv's cache
        .building-*/          a build in progress, or what a killed one left
        current.json          names the environment in use
        failure.txt           why the last attempt to make one failed
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach import storage
from airflow_peach.removal import remove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_peach.execution.environments.building import Building

MARKER = "peach-environment.json"
LOCK_COPY = "peach-requirements.txt"
FAILURE = "failure.txt"
_BUILDING = ".building-"
_DIGEST_LENGTH = 64


@dataclass(frozen=True)
class Environment:
    """A complete environment.

    Attributes:
        codops: whose.
        path: its root directory; nothing in it changes any more.
        python: absolute path of its interpreter.
        digest: hash of lock, interpreter and platform.
        lock_path: the lock it was built from.
    """

    codops: str
    path: Path
    python: Path
    digest: str
    lock_path: Path


@dataclass(frozen=True)
class EnvironmentFolder:
    """The environments of one organisation, below ``root``."""

    codops: str
    root: Path

    @property
    def lock_file(self) -> Path:
        """The file whose lock is held for any change here."""
        return self.root / ".lock"

    def requirement_lock(self, key: str) -> Path:
        """Return where the resolution with this key is kept."""
        return self.root / "locks" / f"{key}.txt"

    def find(self, digest: str) -> Environment | None:
        """Return the environment with this digest if it is complete and its interpreter is still there."""
        path = self.root / digest
        python = path / "bin" / "python"
        # The interpreter is a link: when the system's Python is gone, it leads nowhere.
        if not (path / MARKER).is_file() or not python.exists():
            return None
        return Environment(self.codops, path, python, digest, path / LOCK_COPY)

    def current(self) -> Environment | None:
        """Return the environment in use, the last good one; None when there is none. Costs 0.1 ms."""
        try:
            named = json.loads((self.root / "current.json").read_text(encoding="utf-8"))
            digest = named["digest"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return self.find(digest) if isinstance(digest, str) and len(digest) == _DIGEST_LENGTH else None

    def use(self, environment: Environment) -> None:
        """Make ``environment`` the one in use, and note that it was needed now."""
        storage.write_json(self.root / "current.json", {"digest": environment.digest})
        os.utime(environment.path / MARKER)

    @property
    def cache(self) -> Path:
        """Uv's cache, of this organisation alone."""
        return self.root / "uv-cache"

    def new_building(self) -> Path:
        """Make a directory of a new name, beside where environments go, so that a rename is enough."""
        return Path(tempfile.mkdtemp(prefix=_BUILDING, dir=self.root))

    def complete(self, building: Building, digest: str) -> Environment:
        """Turn a finished build, taken over, into the environment ``digest``. The lock must be held."""
        building.put(MARKER, storage.json_text({"codops": self.codops, "digest": digest}))
        self.remove(self.root / digest)  # one that is there and was not found is broken
        building.environment.rename(self.root / digest)
        environment = self.find(digest)
        if environment is None:
            raise FileNotFoundError(self.root / digest / "bin" / "python")
        return environment

    def remove(self, path: Path) -> None:
        """Remove a directory; it is never half there under its own name. The lock must be held."""
        if path.exists():
            aside = self.new_building() / path.name
            path.rename(aside)
            discard(aside.parent)

    def note_failure(self, explanation: str) -> None:
        """Keep why no environment could be made, for the tasks that would need it."""
        # The disk may be what is wrong: then the log of this attempt is all there is.
        with contextlib.suppress(OSError):
            storage.write_text(self.root / FAILURE, explanation)

    def forget_failure(self) -> None:
        """Note that an environment could be made."""
        with contextlib.suppress(OSError):  # on a disk that is read-only now, it is told once more
            (self.root / FAILURE).unlink(missing_ok=True)

    def last_failure(self) -> str | None:
        """Return what ``note_failure`` was told last, None when an environment was made since."""
        try:
            return (self.root / FAILURE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def discard_abandoned(self) -> None:
        """Remove what killed builds left. The lock must be held: then no other build is alive here."""
        for abandoned in self.root.glob(f"{_BUILDING}*"):
            discard(abandoned)

    def unused(self, *, keep_current: bool, keep_days: float) -> Iterator[Path]:
        """Yield environments that nobody needed for ``keep_days``; the current one only if it may go, too."""
        current = self.current() if keep_current else None
        oldest = time.time() - keep_days * 86_400
        for path in sorted(self.root.iterdir()):
            if len(path.name) != _DIGEST_LENGTH or (current and path == current.path):
                continue
            marker = path / MARKER
            if not marker.exists() or marker.stat().st_mtime < oldest:
                yield path

    def forget_old_locks(self, *, keep_days: float) -> None:
        """Remove resolutions older than ``keep_days``. The lock must be held."""
        oldest = time.time() - keep_days * 86_400
        for path in self.root.glob("locks/*.txt"):
            if path.stat().st_mtime < oldest:
                path.unlink()


def discard(path: Path) -> None:
    """Remove a directory that nobody uses; what cannot be removed yet is left to whoever looks next."""
    remove(path)
