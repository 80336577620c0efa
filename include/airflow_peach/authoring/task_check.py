"""Whether a valid task can run: its notebook, entry function and arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_peach.authoring.definitions import MissingFileError, TooLargeError, UnsafePathError
from airflow_peach.authoring.entry_function import EntryFunctionError, argument_faults, find_entry_function
from airflow_peach.authoring.notebooks import NOTEBOOK_LIMIT_BYTES, NotebookError, read_cells
from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_peach.authoring.configuration import ReadFile
    from airflow_peach.authoring.definitions import RepositoryFiles, TaskEntry
    from airflow_peach.authoring.entry_function import Entry
    from airflow_peach.authoring.foresight import Foresight
    from airflow_peach.authoring.notebooks import Cell
    from airflow_peach.authoring.problems import Problem
    from airflow_peach.authoring.yaml.nodes import Path


# Tasks of one notebook mostly stand together; more would be memory for every notebook a repository can name.
_KEPT_NOTEBOOKS = 8


class TaskCheck:
    """Checks tasks against the files of a repository; a notebook that several tasks name is read and parsed once.

    Args:
        files: of the repository.
        foresight: looks ahead, too; None for what must be right only.
    """

    def __init__(self, files: RepositoryFiles, foresight: Foresight | None = None) -> None:
        self._files = files
        self._foresight = foresight
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

    def hints(self, file: ReadFile, requirements: Sequence[str]) -> Iterator[Problem]:
        """Yield what is probably missing for the file's valid tasks; of what several ask for, once.

        Args:
            file: with the tasks.
            requirements: of all files, normalised.
        """
        said = set()
        if self._foresight is None:
            return
        for task in file.configuration.tasks:
            cells, entry = self._entry(task)
            found = self._foresight.hints(task, entry, cells, requirements=requirements, files=self._files)
            for cause, remedy in found:
                if cause not in said:
                    said.add(cause)
                    yield file.problem(("tasks", task.name, "notebook"), cause, remedy)

    def _entry(self, task: TaskEntry) -> tuple[tuple[Cell, ...], Entry]:
        cells = self._cells(task.notebook)
        return cells, find_entry_function(cells, task.method, task.notebook)

    def _wrong(self, task: TaskEntry) -> list[tuple[Path, str, str]]:
        try:
            cells, entry = self._entry(task)
        except (MissingFileError, UnsafePathError) as error:
            return [(("notebook",), str(error), "")]
        except TooLargeError as error:
            return [(("notebook",), str(error), "clear its outputs and save it")]
        except NotebookError as error:
            return [(("notebook",), error.cause, error.remedy)]
        except EntryFunctionError as error:
            return [(("method",), error.cause, error.remedy)]
        found: list[tuple[Path, str, str]] = [
            (("args", fault.name) if fault.name in task.args else ("args",), fault.cause, fault.remedy)
            for fault in argument_faults(entry, task.args)
        ]
        if self._foresight is not None:
            found += ((("method",), cause, remedy) for cause, remedy in self._foresight.faults(task, entry, cells))
        return found

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
