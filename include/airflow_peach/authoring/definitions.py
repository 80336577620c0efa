"""The typed values that reading a repository gives. Everything after ``authoring`` works on these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_peach.authoring.problems import Place, Problem

METADATA_LOOP = "metadata"
# No organisation's: the shared loop, and the names of the catalogue's own files.
RESERVED_CODOPS = frozenset({METADATA_LOOP, "problems", "repositories"})


class MissingFileError(PeachError):
    """The file is not in the repository."""


class UnsafePathError(PeachError):
    """The path leaves the repository, or is a symbolic link: a problem, not a file."""


class TooLargeError(PeachError):
    """The file is over the size that is read."""


class RepositoryFiles(Protocol):
    """The files of one commit (or of a work tree). Paths are relative, with ``/``."""

    def configuration_paths(self) -> Sequence[str]:
        """Return ``peach.yaml``, ``peach.conf/*.y[a]ml`` and ``peach.conf/*/*.y[a]ml`` that exist, sorted."""

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        """Return the content of the file at ``path``.

        Raises:
            MissingFileError: there is no such file (its message names near ones, if any).
            UnsafePathError: ``path`` is absolute, has ``..`` in it, or is or goes through a symbolic link.
            TooLargeError: the file is over ``limit_bytes``.
        """


@dataclass(frozen=True)
class RequirementEntry:
    """One PEP 508 requirement, normalised (``str(Requirement)``), and the place that asks for it."""

    text: str
    place: Place


@dataclass(frozen=True)
class TaskEntry:
    """One valid task as its file defines it.

    Attributes:
        name: unique within the organisation.
        notebook: path of a ``.ipynb`` or ``.py`` file, relative to the repository's root, normalised.
        method: the entry function.
        full_notebook: run all cells, not only the one that defines the entry function.
        executor: always ``python`` today.
        loop: ``metadata``, or None for the organisation's own.
        args: keyword arguments, YAML's types kept.
        place: of the task's name in the file.
    """

    name: str
    notebook: str
    method: str
    place: Place
    full_notebook: bool = False
    executor: str = "python"
    loop: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ConfigurationFile:
    """What one configuration file says.

    Attributes:
        path: of the file in the repository.
        codops: declared in it, or None.
        tasks: the valid ones, in the file's order.
        invalid_tasks: names of those with problems: their last valid definition stays in the loop.
        requirements: root and ``tasks`` ones, valid ones only.
        requirements_valid: False when one of them has a problem.
        readable: False when nothing at all can be said of the tasks (broken YAML): all its last tasks stay.
        problems: all of them.
    """

    path: str
    codops: str | None = None
    tasks: tuple[TaskEntry, ...] = ()
    invalid_tasks: tuple[str, ...] = ()
    requirements: tuple[RequirementEntry, ...] = ()
    requirements_valid: bool = True
    readable: bool = True
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class RepositoryConfiguration:
    """What all configuration files of one repository say, each with its codops (None: a problem says why).

    Attributes:
        hints: what is probably missing; looked for only where ``read_repository`` was given a ``Foresight``.
    """

    repository: str
    version: str
    files: tuple[ConfigurationFile, ...] = ()
    hints: tuple[Problem, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems of all files, in the files' order."""
        return tuple(problem for file in self.files for problem in file.problems)
