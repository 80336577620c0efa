"""What the platform's file says, as the rest of the house sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The label of the users' own documentation.
DEFAULT_TOPIC = "peach-lab"


@dataclass(frozen=True)
class DirectorySourceSettings:
    """A source: each subfolder of the absolute ``path`` that is a git repository."""

    path: Path


@dataclass(frozen=True)
class GitSourceSettings:
    """A source: git URLs, or absolute paths."""

    urls: tuple[str, ...]


@dataclass(frozen=True)
class HostSourceSettings:
    """A source: repositories that a GitLab or GitHub names, those with a topic.

    Attributes:
        url: of the host, without a trailing slash.
        topic: the label that a repository must have.
        groups: only repositories in these groups (GitHub: of these owners); empty for all that can be read.
        prefix: put before the names of its repositories.
        connection: id of the Airflow connection with the token as its password, None for none.
        token_variable: name of the environment variable with the token, None for none.
        feedback: whether each head gets a commit status.
    """

    url: str
    topic: str = DEFAULT_TOPIC
    groups: tuple[str, ...] = ()
    prefix: str = ""
    connection: str | None = None
    token_variable: str | None = None
    feedback: bool = False


@dataclass(frozen=True)
class GitLabSourceSettings(HostSourceSettings):
    """A source: the projects of a GitLab."""


@dataclass(frozen=True)
class GitHubSourceSettings(HostSourceSettings):
    """A source: the repositories of GitHub, or of a GitHub Enterprise."""


SourceSettings = DirectorySourceSettings | GitSourceSettings | GitLabSourceSettings | GitHubSourceSettings


@dataclass(frozen=True)
class IndexAddress:
    """A package index. ``connection`` is the id of the Airflow connection with its login, None for none."""

    url: str
    connection: str | None = None


@dataclass(frozen=True)
class PlatformOrganisation:
    """What the operator sets for one organisation; None means the platform's setting.

    Attributes:
        codops: its code.
        repositories: patterns of the names of repositories that may speak for it; None for any.
        queue: Airflow queue of its tasks.
        pool: Airflow pool of its tasks.
        memory_limit_bytes: of one execution.
        time_limit_seconds: of one execution in its own loop.
        metadata_time_limit_seconds: of one execution in the metadata loop.
        requirements: added to its own, normalised.
    """

    codops: str
    repositories: tuple[str, ...] | None = None
    queue: str | None = None
    pool: str | None = None
    memory_limit_bytes: int | None = None
    time_limit_seconds: float | None = None
    metadata_time_limit_seconds: float | None = None
    requirements: tuple[str, ...] = ()

    def admits(self, repository: str) -> bool:
        """Whether the repository of this name may speak for it. In a pattern, ``*`` is any text."""
        return self.repositories is None or any(fnmatchcase(repository, pattern) for pattern in self.repositories)


@dataclass(frozen=True)
class Platform:
    """The platform's file; without one, these defaults.

    Attributes:
        sources: where repositories are found, in the file's order.
        indexes: package indexes, the first one asked first; none means the installer's default.
        direct_references: whether ``lib @ git+https://…`` is allowed in requirements.
        base_requirements: added to every organisation's, normalised.
        organisations: by codops, those that the file names.
    """

    sources: tuple[SourceSettings, ...] = ()
    indexes: tuple[IndexAddress, ...] = ()
    direct_references: bool = True
    base_requirements: tuple[str, ...] = ()
    organisations: Mapping[str, PlatformOrganisation] = field(default_factory=dict)

    def organisation(self, codops: str) -> PlatformOrganisation:
        """Return what is set for an organisation: all defaults for one that the file does not name."""
        return self.organisations.get(codops) or PlatformOrganisation(codops)
