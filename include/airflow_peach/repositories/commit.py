"""The files of one commit, read as blobs: never through a work tree, never following a symbolic link."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from airflow_peach.authoring.definitions import MissingFileError, TooLargeError, UnsafePathError
from airflow_peach.authoring.problems import did_you_mean
from airflow_peach.errors import PeachError
from airflow_peach.repositories.checkout import (
    SUBMODULE_MODE,
    SYMLINK_MODE,
    CheckoutError,
    CheckoutReport,
    lay_out,
)
from airflow_peach.repositories.git_environment import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_peach.repositories.mirror import Mirror

_CONFIGURATION_PATH = re.compile(r"peach\.yaml|peach\.conf/(?:[^/]+/)?[^/]+\.ya?ml")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FOLDER_MODE = "040000"
# A few small trees that share each other can spell a billion paths.
LISTING_LIMIT_ENTRIES = 200_000
LISTING_LIMIT_BYTES = 64 * 1024 * 1024
# Configuration files up to here, and as many, are read at once.
_SMALL_BYTES = 64 * 1024
_SMALL_FILES = 500
# Nearest names are looked for among this many paths at most: the search takes time for each.
_NEAR_PATHS = 2000


class MissingCommitError(PeachError):
    """The mirror does not hold the commit (any more)."""


class ListingLimitError(PeachError):
    """The commit has more paths than are read."""


@dataclass(frozen=True)
class TreeEntry:
    """One path of a commit. ``size_bytes`` is 0 for a submodule."""

    path: str
    mode: str
    object_id: str
    size_bytes: int


class CommitFiles:
    """The files of one commit of a mirror; implements ``RepositoryFiles``. Making the object reads nothing.

    Args:
        mirror: that holds the commit.
        commit: full hash.
    """

    def __init__(self, mirror: Mirror, commit: str) -> None:
        if not _COMMIT.fullmatch(commit):
            raise MissingCommitError(f"{mirror.address.name}: {commit!r} is not the full hash of a commit")
        self._mirror = mirror
        self._commit = commit

    def configuration_paths(self) -> Sequence[str]:
        """Return ``peach.yaml``, ``peach.conf/*.y[a]ml`` and ``peach.conf/*/*.y[a]ml`` that exist, sorted."""
        return sorted(path for path in self.entries if _CONFIGURATION_PATH.fullmatch(path))

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        """Return the content of the file at ``path``.

        Raises:
            MissingFileError: there is no such file (its message names a near one, if any).
            UnsafePathError: ``path`` is absolute, has ``..`` in it, is or goes through a symbolic link, or
                lies in a submodule.
            TooLargeError: the file is over ``limit_bytes``.
            MissingCommitError: the mirror does not hold the commit.
            CorruptMirrorError: git cannot read it.
        """
        entry = self._find(path)
        if entry.size_bytes > limit_bytes:
            raise TooLargeError(f"{path}: {entry.size_bytes} bytes; at most {limit_bytes} are read")
        try:
            if (
                _CONFIGURATION_PATH.fullmatch(entry.path)
                and (known := self._small_files.get(entry.object_id)) is not None
            ):
                return known
            content = self._mirror.git().cat_file("blob", entry.object_id, stdout_as_string=False)
        except GitError as error:
            raise self._failure(error) from error
        return bytes(content)

    def checkout(self, into: Path, *, timeout_seconds: float = 300, limit_bytes: int | None = None) -> CheckoutReport:
        """Lay the commit's files out in ``into``, a directory that is made, or is empty; at most ``limit_bytes``.

        The bytes are the blobs': no hook, filter, attribute or line-end conversion has a say. Executable bits
        are kept. A symbolic link that stays inside is a link there too; other links, submodules and anything
        called ``.git`` are left out, each with a note. What was laid out is removed again on an error.

        Raises:
            MissingCommitError: the mirror does not hold the commit.
            CorruptMirrorError: git cannot read it.
            CheckoutError: the files have more than ``limit_bytes`` in all, or ``into`` cannot be written.
            ProcessTimeoutError: it took longer than ``timeout_seconds``.
        """
        entries = self.entries.values()
        size_bytes = sum(entry.size_bytes for entry in entries)
        if limit_bytes is not None and size_bytes > limit_bytes:
            raise CheckoutError(
                f"{self._mirror.address.name}: its files have {size_bytes:,} bytes in all, and at most "
                f"{limit_bytes:,} are laid out; keep data out of the repository, or ask the platform's operator for "
                "a higher 'checkout_limit'"
            )
        try:
            return lay_out(self._mirror.git(), entries, into, timeout_seconds=timeout_seconds)
        except GitError as error:
            raise self._failure(error) from error

    @cached_property
    def entries(self) -> Mapping[str, TreeEntry]:
        """All paths of the commit. Paths that are not UTF-8 are decoded as Python decodes file names.

        Raises ``ListingLimitError`` as soon as there are more than 200,000, folders included, or 64 MiB of them.
        """
        listing = _Listing(self._mirror.address.name)
        try:
            # With -t folders are listed too: those with nothing in them take as long to walk.
            self._mirror.git().ls_tree("-r", "-t", "-z", "--long", "--full-tree", self._commit, output_stream=listing)
            entries = [_entry(record) for record in bytes(listing.content).split(b"\0") if record]
        except GitError as error:
            raise self._failure(error) from error
        return {entry.path: entry for entry in entries if entry.mode != _FOLDER_MODE}

    @cached_property
    def _small_files(self) -> Mapping[str, bytes]:
        """Contents of small configuration files, by object: one git gives all of them, not one each."""
        entries = [self.entries[path] for path in self.configuration_paths()]
        small = {each.object_id: each.size_bytes for each in entries if each.size_bytes <= _SMALL_BYTES}
        wanted = list(small)[:_SMALL_FILES]
        if len(wanted) < 2:  # noqa: PLR2004 - nothing to be gained
            return {}
        question = "".join(f"{each}\n" for each in wanted).encode()
        answer = self._mirror.git().cat_file("--batch", istream=io.BytesIO(question), stdout_as_string=False)
        found: dict[str, bytes] = {}
        begin = 0
        for object_id in wanted:
            header_end = answer.find(b"\n", begin)
            if answer[begin:header_end] != f"{object_id} blob {small[object_id]}".encode():
                raise GitError(f"the content of {object_id} is missing")
            begin = header_end + 1 + small[object_id] + 1
            found[object_id] = bytes(answer[header_end + 1 : begin - 1])
        return found

    def _find(self, path: str) -> TreeEntry:
        pure = PurePosixPath(path)
        if pure.is_absolute():
            raise UnsafePathError(f"{path}: an absolute path; write it relative to the repository's root")
        if ".." in pure.parts:
            raise UnsafePathError(f"{path}: leads out with '..'; write it relative to the repository's root")
        for inner in (*reversed(pure.parents), pure):
            entry = self.entries.get(str(inner))
            if entry is not None and entry.mode == SYMLINK_MODE:
                what = "is" if inner == pure else f"goes through '{inner}', which is"
                raise UnsafePathError(f"{path}: {what} a symbolic link; links are not followed: name the file")
            if entry is not None and entry.mode == SUBMODULE_MODE:
                what = "is" if inner == pure else f"lies in '{inner}', which is"
                raise UnsafePathError(f"{path}: {what} a submodule; submodules are not fetched")
        entry = self.entries.get(str(pure))
        if entry is None:
            raise MissingFileError(self._missing(path, str(pure)))
        return entry

    def _missing(self, path: str, normalised: str) -> str:
        if any(other.startswith(f"{normalised}/") for other in self.entries):
            return f"{path}: is a folder, not a file"
        name = PurePosixPath(normalised).name
        same_name = [other for other in self.entries if PurePosixPath(other).name.casefold() == name.casefold()]
        suffix = PurePosixPath(normalised).suffix
        near = [other for other in self.entries if other.endswith(suffix)][:_NEAR_PATHS]
        remedy = did_you_mean(normalised, same_name) or (
            f"did you mean '{same_name[0]}'?" if same_name else did_you_mean(normalised, near)
        )
        return f"{path}: no such file in the repository" + (f"; {remedy}" if remedy else "")

    def _failure(self, error: GitError) -> PeachError:
        """Tell a commit that is gone from a mirror that is damaged."""
        head = self._mirror.head()
        if head is not None and head.commit != self._commit and not self._holds_commit():
            return MissingCommitError(
                f"{self._mirror.address.name}: commit {self._commit} is not in the mirror any more: its "
                f"branch was rewritten and is at {head.version} now; run that"
            )
        if head is None and not self._mirror.path.is_dir():
            return MissingCommitError(f"{self._mirror.address.name}: was never fetched; run `peach sync`")
        return self._mirror.report_corrupt(str(error))

    def _holds_commit(self) -> bool:
        try:
            self._mirror.git().cat_file("-e", f"{self._commit}^{{commit}}")
        except GitError:
            return False
        return True


class _Listing:
    """Takes what ``git ls-tree -z`` says, and ends it when that is too much."""

    def __init__(self, repository: str) -> None:
        self.content = bytearray()
        self._repository = repository
        self._entries = 0

    def write(self, data: bytes) -> None:
        """Take the next piece of the listing."""
        self.content += data
        self._entries += data.count(b"\0")
        if self._entries > LISTING_LIMIT_ENTRIES or len(self.content) > LISTING_LIMIT_BYTES:
            raise ListingLimitError(
                f"{self._repository}: has more than {LISTING_LIMIT_ENTRIES:,} files and folders, or paths of more than "
                f"{LISTING_LIMIT_BYTES:,} bytes in all, and no more are read; keep data out of the repository"
            )


def _entry(record: bytes) -> TreeEntry:
    """Read one record of ``git ls-tree --long``: mode, type, object, size (padded), tab, path.

    Raises ``GitError`` for a file whose content is not there: git says ``BAD`` for its size.
    """
    fields, _, path = record.partition(b"\t")
    mode, _, object_id, size = fields.split()
    if size == b"BAD":
        raise GitError(f"{os.fsdecode(path)}: its content {object_id.decode()} is missing")
    return TreeEntry(os.fsdecode(path), mode.decode(), object_id.decode(), int(size) if size != b"-" else 0)
