"""Lays the files of a commit out in a directory, from a stream of blobs.

``git checkout`` and ``git archive`` would let the repository's attributes decide what the files become
(filters, line ends, ``export-ignore``); here a file is its blob. Directories and files come first, symbolic
links last, so nothing is ever written through a link.
"""

from __future__ import annotations

import io
import os
import posixpath
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from airflow_peach.errors import PeachError
from airflow_peach.repositories.git_environment import GitError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_peach.repositories.git_command import RepositoryGit

# File modes of git's trees.
SYMLINK_MODE = "120000"
SUBMODULE_MODE = "160000"
_EXECUTABLE_MODE = "100755"
# Longer ones cannot be made on Linux (PATH_MAX).
_LINK_LIMIT_BYTES = 4096
_HEADER_LIMIT_BYTES = 256


class CheckoutError(PeachError):
    """The directory cannot be written, or the files are too large for it."""


class Entry(Protocol):
    """What is needed to know of a path of a commit."""

    @property
    def path(self) -> str:
        """Relative, with ``/``."""

    @property
    def mode(self) -> str:
        """As git writes it: ``100644``."""

    @property
    def object_id(self) -> str:
        """Of the blob."""

    @property
    def size_bytes(self) -> int:
        """Of the blob."""


@dataclass(frozen=True)
class CheckoutReport:
    """What was laid out. ``notes`` say what was left out and why, one line each."""

    files: int
    size_bytes: int
    notes: tuple[str, ...] = ()


def lay_out(git: RepositoryGit, entries: Iterable[Entry], into: Path, *, timeout_seconds: float) -> CheckoutReport:
    """Write ``entries`` into the directory ``into``, which is made, or is empty.

    Raises:
        CheckoutError: it is not empty, or cannot be written.
        GitError: git cannot read a blob.
        ProcessTimeoutError: it took longer than ``timeout_seconds``.
    """
    wanted, notes = _choose(entries)
    try:
        into.mkdir(parents=True, exist_ok=True)
        if any(into.iterdir()):
            raise CheckoutError(f"{into}: is not empty; a checkout needs a directory of its own")
        writer = _BlobWriter(wanted, into)
        try:
            writer.prepare()
            git.cat_file(
                "--batch",
                "--buffer",
                istream=io.BytesIO("".join(f"{entry.object_id}\n" for entry in wanted).encode()),
                output_stream=writer,
                kill_after_timeout=timeout_seconds,
            )
            writer.finish()
        except BaseException:
            writer.close()
            shutil.rmtree(into, ignore_errors=True)
            raise
    except OSError as error:
        raise CheckoutError(f"{error.filename or into}: {error.strerror}") from error
    return CheckoutReport(writer.files, writer.size_bytes, (*notes, *writer.notes))


def _choose(entries: Iterable[Entry]) -> tuple[list[Entry], list[str]]:
    wanted: list[Entry] = []
    notes: list[str] = []
    for entry in entries:
        parts = entry.path.split("/")
        if entry.mode == SUBMODULE_MODE:
            notes.append(f"{entry.path}: left out: a submodule; submodules are not fetched")
        elif any(part.casefold() == ".git" or part in {"", ".", ".."} for part in parts):
            # git itself makes no such path; somebody did by hand.
            notes.append(f"{entry.path!r}: left out: not a path that git would make")
        elif entry.mode == SYMLINK_MODE and entry.size_bytes > _LINK_LIMIT_BYTES:
            notes.append(f"{entry.path}: left out: a symbolic link longer than {_LINK_LIMIT_BYTES} bytes")
        else:
            wanted.append(entry)
    return wanted, notes


class _BlobWriter:
    """Takes the output of ``git cat-file --batch`` piece by piece and writes each blob to its path.

    The output is, for each blob: ``<object> blob <size>``, a line feed, the content, a line feed.
    """

    def __init__(self, entries: list[Entry], into: Path) -> None:
        self.files = 0
        self.size_bytes = 0
        self.notes: list[str] = []
        self._into = os.fsencode(into)
        self._entries = entries
        self._next = 0
        self._header = bytearray()
        self._remaining: int | None = None  # of the blob's content; None while its header is read
        self._descriptor: int | None = None
        self._link = bytearray()
        self._links: list[tuple[Entry, bytes]] = []

    def prepare(self) -> None:
        """Make the directories."""
        for folder in sorted({posixpath.dirname(entry.path) for entry in self._entries}):
            os.makedirs(self._target(folder), exist_ok=True)  # noqa: PTH103 - bytes: names need not be UTF-8

    def write(self, data: bytes) -> None:
        """Take the next piece of the output."""
        view = memoryview(data)
        while view:
            view = self._read_header(view) if self._remaining is None else self._read_content(view)

    def finish(self) -> None:
        """Make the links, now that no file can be written through them."""
        if self._next < len(self._entries) or self._remaining is not None:
            raise GitError(f"git gave {self._next} of {len(self._entries)} files")
        for entry, target in self._links:
            if not stays_inside(entry.path, os.fsdecode(target)):
                self.notes.append(
                    f"{entry.path}: left out: a symbolic link to {os.fsdecode(target)!r}, outside of the repository"
                )
                continue
            os.symlink(target, self._target(entry.path))  # noqa: PTH211 - bytes, as above
            self.files += 1

    def close(self) -> None:
        """Close the file that is being written, if any."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _target(self, path: str) -> bytes:
        return os.path.join(self._into, os.fsencode(path))  # noqa: PTH118 - bytes, as above

    def _read_header(self, view: memoryview) -> memoryview:
        head, line_feed, _ = bytes(view[:_HEADER_LIMIT_BYTES]).partition(b"\n")
        self._header += head
        if not line_feed:
            if len(self._header) > _HEADER_LIMIT_BYTES:
                raise GitError("git cat-file: a header without end")
            return view[len(head) :]
        fields = self._header.split()
        self._header.clear()
        entry = self._entries[self._next]
        if len(fields) != 3 or fields[1] != b"blob":  # noqa: PLR2004 - object, type, size
            raise GitError(f"{entry.path}: its content {entry.object_id} is missing")
        self._remaining = int(fields[2]) + 1  # and the line feed after it
        if entry.mode != SYMLINK_MODE:
            mode = 0o755 if entry.mode == _EXECUTABLE_MODE else 0o644
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            self._descriptor = os.open(self._target(entry.path), flags, mode)
        return view[len(head) + 1 :]

    def _read_content(self, view: memoryview) -> memoryview:
        assert self._remaining is not None  # noqa: S101 - the caller looked
        piece = view[: self._remaining]
        self._remaining -= len(piece)
        content = piece if self._remaining else piece[:-1]
        self.size_bytes += len(content)
        if self._descriptor is None:
            self._link += content
        else:
            _write_all(self._descriptor, content)
        if self._remaining == 0:
            self._end_blob()
        return view[len(piece) :]

    def _end_blob(self) -> None:
        if self._descriptor is None:
            self._links.append((self._entries[self._next], bytes(self._link)))
            self._link.clear()
        else:
            self.close()
            self.files += 1
        self._remaining = None
        self._next += 1


def _write_all(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def stays_inside(path: str, target: str) -> bool:
    """Whether a link at ``path`` leads nowhere but inside, also by way of other links that do.

    ``..`` counts only at the beginning, where it leads up real directories; after a name, that name may be a
    link itself, and ``..`` from there leads anywhere.
    """
    parts = PurePosixPath(target).parts
    ups = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    depth = len(PurePosixPath(path).parts) - 1
    return bool(parts) and not target.startswith("/") and ups <= depth and ".." not in parts[ups:]
