"""Whether a valid task can run: its notebook, entry function and arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_peach.authoring.definitions import MissingFileError, TooLargeError, UnsafePathError
from airflow_peach.authoring.entry_function import EntryFunctionError, argument_faults, find_entry_function
from airflow_peach.authoring.notebooks import NOTEBOOK_LIMIT_BYTES, NotebookError, read_cells
from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from airflow_peach.authoring.configuration import ReadFile
    from airflow_peach.authoring.definitions import RepositoryFiles, TaskEntry
    from airflow_peach.authoring.notebooks import Cell
    from airflow_peach.authoring.problems import Problem
    from airflow_peach.authoring.yaml.nodes import Path


# Tasks of one notebook mostly stand together; more would be memory for every notebook a repository can name.
_KEPT_NOTEBOOKS = 8


class TaskCheck:
    """Checks tasks against the files of a repository; a notebook that several tasks name is read and parsed once."""

    def __init__(self, files: RepositoryFiles) -> None:
        self._files = files
        self._notebooks: dict[str, tuple[Cell, ...] | PeachError] = {}

    def problems(self, file: ReadFile) -> dict[str, list[Problem]]:
        """Return the problems of the file's valid tasks, by task; at the key that is wrong."""
        found = {}
        for task in file.configuration.tasks:
            wrong = self._wrong(task)
            if wrong:
                found[task.name] = [
                    file.problem(("tasks", task.name, *path), cause, remedy) for path, cause, remedy in wrong
                ]
        return found

    def _wrong(self, task: TaskEntry) -> list[tuple[Path, str, str]]:
        try:
            cells = self._cells(task.notebook)
            entry = find_entry_function(cells, task.method, task.notebook)
        except (MissingFileError, UnsafePathError, TooLargeError) as error:
            return [(("notebook",), str(error), "")]
        except NotebookError as error:
            return [(("notebook",), error.cause, error.remedy)]
        except EntryFunctionError as error:
            return [(("method",), error.cause, error.remedy)]
        return [
            (("args", fault.name) if fault.name in task.args else ("args",), fault.cause, fault.remedy)
            for fault in argument_faults(entry, task.args)
        ]

    def _cells(self, path: str) -> tuple[Cell, ...]:
        """Return the notebook's cells; what was wrong the first time is raised again."""
        if path not in self._notebooks:
            if len(self._notebooks) >= _KEPT_NOTEBOOKS:
                del self._notebooks[next(iter(self._notebooks))]
            self._notebooks[path] = self._read(path)
        known = self._notebooks[path]
        if isinstance(known, PeachError):
            raise known
        return known

    def _read(self, path: str) -> tuple[Cell, ...] | PeachError:
        try:
            return read_cells(self._files.read(path, limit_bytes=NOTEBOOK_LIMIT_BYTES), path)
        except (MissingFileError, UnsafePathError, TooLargeError, NotebookError) as error:
            # Both hold on to the file's content.
            error.__context__ = None
            return error.with_traceback(None)
