"""An author's own repository on this machine: its commits, and its work tree as it would be committed."""

from __future__ import annotations

import os
import shutil
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.authoring.definitions import MissingFileError
from airflow_peach.authoring.work_tree import WorkTreeFiles
from airflow_peach.errors import PeachError
from airflow_peach.processes import ProcessTimeoutError, ProgramMissingError
from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.checkout import CheckoutError, CheckoutReport, stays_inside
from airflow_peach.repositories.commit import CommitFiles
from airflow_peach.repositories.git_environment import GitError, open_git
from airflow_peach.repositories.mirror import CorruptMirrorError, Mirror

if TYPE_CHECKING:
    from collections.abc import Iterator


class NoCommitError(PeachError):
    """There is no such commit, or no repository."""


class LocalRepository(Mirror):
    """A repository with a work tree, of which commits are read as those of a mirror. It is never written to.

    Args:
        root: of the work tree.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root, RepositoryAddress(root.name, ""), "HEAD")
        self.path = _git_directory(root)

    def commit(self, revision: str) -> str:
        """Return the full hash of the commit that ``revision`` names (``HEAD~1``, a branch, a tag, a short hash).

        Raises:
            NoCommitError: it names none.
        """
        if revision.startswith("-"):
            raise NoCommitError(f"{self.address.name}: {revision!r} is no commit")
        try:
            return str(self.git().rev_parse("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"))
        except GitError:
            raise NoCommitError(
                f"{self.address.name}: there is no commit {revision!r}; name one as git does: HEAD~1, a branch, a hash"
            ) from None

    def has_commits(self) -> bool:
        """Whether there is any, on any branch."""
        return bool(self.git().rev_list("--all", "--max-count=1"))

    def files(self, commit: str) -> CommitFiles:
        """Return the files of a commit, by its full hash."""
        return CommitFiles(self, commit)

    def report_corrupt(self, reason: str) -> CorruptMirrorError:
        """Return the error; the repository is the author's, and stays as it is."""
        return CorruptMirrorError(f"{self.address.name}: git cannot read the repository {self.path}: {reason}")


def _git_directory(root: Path) -> Path:
    """Return where the repository's objects are: in a linked work tree, ``.git`` is a file that says so."""
    git = root / ".git"
    if git.is_file():
        return Path(root, git.read_text(encoding="utf-8").removeprefix("gitdir:").strip())
    if not git.is_dir():
        raise NoCommitError(f"{root}: is no git repository, so it has no commits; make it one with git init")
    return git


class WorkTree(WorkTreeFiles):
    """The work tree of a repository: what a commit of everything would hold. Without git, all files but hidden ones.

    Args:
        root: of the repository.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._root = root

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        """Return the content of the file at ``path``; raises as ``WorkTreeFiles`` does, and for what git ignores."""
        content = super().read(path, limit_bytes=limit_bytes)
        if os.path.normpath(path) not in self._files:
            raise MissingFileError(f"{path}: git ignores it, so no commit will have it; take it out of .gitignore")
        return content

    def checkout(
        self,
        into: Path,
        *,
        timeout_seconds: float = 300,  # noqa: ARG002 - as of a commit; copying takes no network
        limit_bytes: int | None = None,
    ) -> CheckoutReport:
        """Copy the files to ``into``, as ``CommitFiles.checkout`` lays out those of a commit.

        Raises:
            CheckoutError: more than ``limit_bytes`` in all, or ``into`` cannot be written.
        """
        notes, size_bytes, copied = [], 0, 0
        try:
            for path in sorted(self._files):
                source, target = self._root / path, into / path
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.is_symlink():
                    if not stays_inside(path, str(source.readlink())):
                        notes.append(f"{path}: a link that leads outside the repository is left out")
                        continue
                    target.symlink_to(source.readlink())
                elif source.is_file():
                    size_bytes += source.stat().st_size
                    self._check_size(size_bytes, limit_bytes)
                    shutil.copyfile(source, target)
                    target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
                copied += 1
        except OSError as error:
            raise CheckoutError(f"{error.filename}: {error.strerror}; check the disk and its permissions") from error
        return CheckoutReport(copied, size_bytes, tuple(notes))

    def _check_size(self, size_bytes: int, limit_bytes: int | None) -> None:
        if limit_bytes is not None and size_bytes > limit_bytes:
            raise CheckoutError(
                f"{self._root.name}: its files have more than {limit_bytes:,} bytes in all, and no more are laid out; "
                "keep data out of the repository"
            )

    @cached_property
    def _files(self) -> frozenset[str]:
        try:
            listed = open_git(None).execute(
                ["git", "-C", str(self._root), "-c", f"safe.directory={self._root}", "ls-files", "-z", "--cached",
                 "--others", "--exclude-standard"],
                stdout_as_string=False,
            )  # fmt: skip
        except (GitError, ProcessTimeoutError, ProgramMissingError):
            return frozenset(self._walk())
        paths = (os.fsdecode(path) for path in bytes(listed).split(b"\0") if path)
        return frozenset(path for path in paths if os.path.lexists(self._root / path))

    def _walk(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self._root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield from (Path(folder, name).relative_to(self._root).as_posix() for name in files)
