"""Where an environment is built: building a source distribution executes code of strangers."""

from __future__ import annotations

import contextlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach import storage
from airflow_peach.errors import PeachError
from airflow_peach.execution.guarded_command import GuardedCommand
from airflow_peach.execution.sandbox import Content
from airflow_peach.execution.variables import certificate_paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_peach.execution.confinement import Confinement

# A build has nothing to save when its time is up.
_GRACE_SECONDS = 2.0


class BuildRefusedError(PeachError):
    """Code of a package has made something of the environment that the platform does not take."""


@dataclass(frozen=True)
class Building:
    """A directory for one build, and what its code is confined to.

    Code of packages can change what is in ``home``, ``temporary`` and ``environment``, and ``cache``; what stands
    beside these it can read.

    Attributes:
        folder: the directory.
        cache: uv's, of this organisation alone: what a build puts into it, only its owner's builds take out.
        interpreter: what the environment is built on.
        confinement: of the organisation.
        disk_limit_bytes: of what its code can change; 0 is none.
    """

    folder: Path
    cache: Path
    interpreter: Path
    confinement: Confinement
    disk_limit_bytes: int = 0

    @property
    def home(self) -> Path:
        """HOME of the build."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """TMPDIR of the build."""
        return self.folder / "tmp"

    @property
    def environment(self) -> Path:
        """The environment to be."""
        return self.folder / "environment"

    @property
    def _own(self) -> tuple[Path, ...]:
        return (self.home, self.temporary, self.environment, self.cache)

    def prepare(self) -> None:
        """Make the directories."""
        for directory in self._own:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.confinement.give(*self._own)
        self.confinement.let_in(self.folder)
        self.confinement.let_in(self.folder.parent)

    def write(self, name: str, text: str) -> Path:
        """Write a file that the build can read and not change; return its path."""
        path = self.folder / name
        storage.write_text(path, text)
        self.confinement.lend(path)
        return path

    def command(
        self, argv: Sequence[str], *, environment: Mapping[str, str], readable: Sequence[Path], limit_seconds: float
    ) -> GuardedCommand:
        """Return the confined command.

        Args:
            argv: program and arguments.
            environment: its variables; HOME and TMPDIR are the build's own.
            readable: what else it reads, where a sandbox would hide it.
            limit_seconds: hard limit.
        """
        content = Content(
            argv=tuple(argv),
            cwd=Path("/"),  # above it are no project's files that uv would read as its configuration
            specification=b"",
            interpreters=(self.interpreter,),
            readable=(self.folder, *readable, *certificate_paths()),
        )
        return GuardedCommand(
            argv=self.confinement.command_line(
                content,
                writable=self._own,
                temporary=self.temporary,
                accounts=self.folder / "accounts",
            ),
            environment={**environment, "HOME": str(self.home), "TMPDIR": str(self.temporary)},
            cwd=content.cwd,
            time_limit_seconds=limit_seconds,
            grace_seconds=_GRACE_SECONDS,
            disk_limit_bytes=self.disk_limit_bytes,
            directories=self._own,
            sandboxed=self.confinement.sandboxed,
            uid=self.confinement.uid,
        )

    def interpreter_link(self) -> str:
        """Return where the environment's interpreter leads.

        It is followed, and what it leads to is shown to executions: a build that changes it would choose what.

        Raises:
            BuildRefusedError: it is not the link that ``uv venv`` makes.
        """
        link = self.environment / "bin" / "python"
        try:
            if stat.S_ISDIR(link.parent.lstat().st_mode):
                return str(link.readlink())
        except OSError:
            pass
        raise BuildRefusedError("a package's own build code removed or replaced the environment's interpreter")

    def take(self, link: str) -> None:
        """Take the environment over: from now on it is read-only for the code that was built into it.

        Raises:
            BuildRefusedError: its interpreter does not lead to ``link`` any more.
        """
        if self.interpreter_link() != link:
            raise BuildRefusedError("a package's own build code replaced the environment's interpreter")
        self.confinement.lend(self.environment)

    def put(self, name: str, text: str) -> None:
        """Write a file of ours into the environment that was taken over, whatever stands there."""
        path = self.environment / name
        with contextlib.suppress(OSError):
            path.unlink()
        storage.write_text(path, text)
        self.confinement.lend(path)
