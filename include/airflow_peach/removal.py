"""Removing what strangers filled: any depth, any mode, any link, in one pass and without following anything."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(folder: Path) -> None:
    """Remove ``folder`` and all that is in it, as far as this can be done.

    The directory that holds ``folder`` is to be trusted; what is in it need not be, nor stand still. A directory
    that is not empty is moved up before it is emptied, so the deepest tree (``shutil.rmtree`` fails at a thousand
    levels) is only ever one level deep to us, and no path is too long.
    """
    with contextlib.suppress(OSError), _opened(str(folder), None) as top:
        # Of a name that nobody in it can have guessed.
        prefix = f"peach-{secrets.token_hex(8)}-"
        moved = _empty(top, top, prefix, 0)
        done = 0
        while done < moved:
            name = f"{prefix}{done}"
            with contextlib.suppress(OSError), _opened(name, top) as directory:
                moved = _empty(directory, top, prefix, moved)
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=top)
            done += 1
    with contextlib.suppress(OSError):
        folder.rmdir()


def _empty(directory: int, top: int, prefix: str, moved: int) -> int:
    """Remove the files in ``directory``, move directories to ``top``; return how many were moved so far."""
    with os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=directory)
                elif not entry.name.startswith(prefix):
                    with _opened(entry.name, directory):  # to move a directory is to write in it
                        os.rename(entry.name, f"{prefix}{moved}", src_dir_fd=directory, dst_dir_fd=top)
                    moved += 1
    return moved


@contextlib.contextmanager
def _opened(name: str, parent: int | None) -> Iterator[int]:
    """Open a directory after making it ours to empty; through what was opened first, so never through a link."""
    found = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        with contextlib.suppress(OSError):
            os.chmod(f"/proc/self/fd/{found}", 0o700)  # noqa: PTH101 - a descriptor's path
        directory = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(found)
    try:
        yield directory
    finally:
        os.close(directory)
