"""Where the code of an execution comes from: the branch's head in the loop; an author's own repository."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_peach.authoring.definitions import RepositoryFiles
from airflow_peach.repositories.local import LocalRepository, WorkTree
from airflow_peach.repositories.mirror import VERSION_CHARACTERS

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.repositories.checkout import CheckoutReport

WORK_TREE = "work-tree"


class CodeFiles(RepositoryFiles, Protocol):
    """The files of one state of a repository, which can be read and laid out."""

    def checkout(self, into: Path, *, timeout_seconds: float, limit_bytes: int | None) -> CheckoutReport:
        """Lay them out in ``into``, a directory that is made, or is empty; at most ``limit_bytes``."""


@dataclass(frozen=True)
class Code:
    """One state of a repository.

    Attributes:
        commit: full hash; empty for a work tree.
    """

    repository: str
    commit: str
    files: CodeFiles

    @property
    def version(self) -> str:
        """The version of an execution: the short hash of the commit whose code ran, or ``work-tree``."""
        return self.commit[:VERSION_CHARACTERS] or WORK_TREE


# Finds it when the execution begins, and may say something in its log.
CodeProvider = Callable[[Callable[[str], None]], Code]


def work_tree(root: Path) -> Code:
    """Return the work tree of the repository at ``root``, committed or not."""
    return Code(root.name, "", WorkTree(root))


def local_commit(root: Path, revision: str) -> Code:
    """Return a commit of the repository at ``root``.

    Raises:
        NoCommitError: ``revision`` names none.
    """
    repository = LocalRepository(root)
    commit = repository.commit(revision)
    return Code(root.name, commit, repository.files(commit))
