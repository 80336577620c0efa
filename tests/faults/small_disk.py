"""A small disk of its own (a tmpfs), which can be full or read-only and is whole again afterwards."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BALLAST = "ballast"
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class SmallDisk:
    """A mounted disk; ``path`` is its root."""

    path: Path

    @contextlib.contextmanager
    def full(self, *, but_bytes: int = 0) -> Iterator[None]:
        """Leave ``but_bytes`` of room and no more, until the end of the context."""
        ballast = self.path / _BALLAST
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(_CHUNK_BYTES))
        if but_bytes:
            os.truncate(ballast, max(0, ballast.stat().st_size - but_bytes))
        try:
            yield
        finally:
            ballast.unlink()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Refuse every write, until the end of the context."""
        _mount("-o", "remount,ro", str(self.path))
        try:
            yield
        finally:
            _mount("-o", "remount,rw", str(self.path))


@contextlib.contextmanager
def small_disk(path: Path, *, size_mib: int) -> Iterator[SmallDisk]:
    """Mount a disk at ``path``, which is made. Skip the test where that is not permitted; in CI it must be."""
    path.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={size_mib}m,mode=0755", "none", str(path))
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"no disk can be mounted here: {getattr(error, 'stderr', None) or error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a git that is just ending may still hold a file.
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
