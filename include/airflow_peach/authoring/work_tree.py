"""The files of a work tree on an author's machine, under the same rules as those of a commit."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from airflow_peach.authoring.definitions import MissingFileError, TooLargeError, UnsafePathError
from airflow_peach.authoring.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAIN_FILE = "peach.yaml"
CONFIGURATION_FOLDER = "peach.conf"
# How many files are looked at for a near name: a data folder beside the notebooks may hold any number.
SEARCHED_FILES = 20_000

_SUFFIXES = (".yaml", ".yml")


class WorkTreeFiles:
    """A ``RepositoryFiles`` of the directory ``root``. Reads files, writes nothing.

    Git is not asked: files that are not committed, or ignored, are read too.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def configuration_paths(self) -> Sequence[str]:
        """Return the configuration files that exist, sorted; symbolic links too, for ``read`` to refuse."""
        folder = self._root / CONFIGURATION_FOLDER
        found = [path for path in (self._root / MAIN_FILE,) if os.path.lexists(path)]
        if folder.is_dir() and not folder.is_symlink():
            for path in folder.iterdir():
                # Jupyter's checkpoints of YAML files lie beside them, and are not committed.
                if path.is_dir() and not path.is_symlink() and path.name != ".ipynb_checkpoints":
                    found += (inner for inner in path.iterdir() if _is_configuration(inner))
                elif _is_configuration(path):
                    found.append(path)
        return sorted(path.relative_to(self._root).as_posix() for path in found)

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        """Return the content of the file at ``path``, relative to the root.

        Raises:
            MissingFileError: there is no such file; the message names a near one, if any.
            UnsafePathError: absolute, with ``..``, through a symbolic link, or not a regular file.
            TooLargeError: over ``limit_bytes``.
        """
        size_bytes = self._check(path)
        if size_bytes > limit_bytes:
            raise TooLargeError(f"{path}: {size_bytes} bytes; at most {limit_bytes} are read")
        return (self._root / path).read_bytes()

    def _check(self, path: str) -> int:
        """Look at every step of the path, and return the file's size in bytes."""
        pure = PurePosixPath(path)
        if pure.is_absolute():
            raise UnsafePathError(f"{path}: an absolute path; write it relative to the repository's root")
        if ".." in pure.parts:
            raise UnsafePathError(f"{path}: leads out with '..'; write it relative to the repository's root")
        for inner in (*reversed(pure.parents), pure):
            if inner == PurePosixPath():
                continue  # the root itself may be reached through a link
            try:
                status = (self._root / inner).lstat()
            except (FileNotFoundError, NotADirectoryError):
                raise MissingFileError(self._missing(path)) from None
            if stat.S_ISLNK(status.st_mode):
                what = "is" if inner == pure else f"goes through '{inner}', which is"
                raise UnsafePathError(f"{path}: {what} a symbolic link; links are not followed: name the file")
        if stat.S_ISDIR(status.st_mode):
            raise MissingFileError(f"{path}: is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise UnsafePathError(f"{path}: not a regular file")
        return status.st_size

    def _missing(self, path: str) -> str:
        others = list(self._files_like(path))
        name = PurePosixPath(path).name.casefold()
        same_name = [other for other in others if PurePosixPath(other).name.casefold() == name]
        suggestion = did_you_mean(path, same_name) or (f"did you mean '{same_name[0]}'?" if same_name else "")
        suggestion = suggestion or did_you_mean(path, others)
        return f"{path}: no such file" + (f"; {suggestion}" if suggestion else "")

    def _files_like(self, path: str) -> Iterator[str]:
        """Yield files with the same ending; hidden folders (``.git``, ``.venv``) are left out."""
        suffix, searched = PurePosixPath(path).suffix, 0
        for folder, folders, files in os.walk(self._root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            searched += len(files)
            for name in sorted(files):
                if name.endswith(suffix):
                    yield (Path(folder) / name).relative_to(self._root).as_posix()
            if searched > SEARCHED_FILES:
                return


def repository_of(path: Path) -> Path:
    """Return the root of the repository that ``path`` is in; where there is no sign of one, its own folder."""
    folder = path if path.is_dir() else path.parent
    for candidate in (folder, *folder.parents):
        in_configuration = CONFIGURATION_FOLDER in (candidate.name, candidate.parent.name)
        signs = (candidate / name for name in (MAIN_FILE, CONFIGURATION_FOLDER, ".git"))
        if not in_configuration and any(sign.exists() for sign in signs):
            return candidate
    return folder


def enclosing_repository(root: Path) -> Path | None:
    """Return the root of the git repository that the folder ``root`` is only a part of; None where there is none."""
    inner_first = [root, *root.parents]
    found = next((folder for folder in inner_first if (folder / ".git").exists()), root)
    return None if found == root else found


def _is_configuration(path: Path) -> bool:
    return path.suffix in _SUFFIXES and (path.is_symlink() or path.is_file())
