"""What can be told of a valid task before it runs: a cell that needs the others, imports that nothing provides.

For the author alone: the catalogue takes a task that would fail, because failing is how its author is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_peach.authoring.cell_alone import faults_alone
from airflow_peach.authoring.imported_packages import unprovided_imports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_peach.authoring.definitions import RepositoryFiles, TaskEntry
    from airflow_peach.authoring.entry_function import Entry
    from airflow_peach.authoring.magic_calls import MagicSupport
    from airflow_peach.authoring.notebooks import Cell


@dataclass(frozen=True)
class Foresight:
    """Looks ahead.

    Attributes:
        magics: what a task without a kernel makes of magics.
    """

    magics: MagicSupport

    def faults(self, task: TaskEntry, entry: Entry, cells: Sequence[Cell]) -> list[tuple[str, str]]:
        """Return cause and remedy of each way in which the task's code would fail for sure."""
        return [] if task.full_notebook else faults_alone(entry, cells, self.magics)

    def hints(
        self,
        task: TaskEntry,
        entry: Entry,
        cells: Sequence[Cell],
        *,
        requirements: Sequence[str],
        files: RepositoryFiles,
    ) -> list[tuple[str, str]]:
        """Return cause and remedy of what is probably missing: packages that may come from elsewhere."""
        executed = cells if task.full_notebook else (entry.cell,)
        return [
            (
                f"'{each.module}' is imported in {_place(task, each.cell, each.line)}, and no requirement names it",
                f"add {each.distribution} to 'dependencies', unless another requirement brings it",
            )
            for each in unprovided_imports(executed, task.notebook, requirements, files)
        ]


def _place(task: TaskEntry, cell: Cell, line: int) -> str:
    inside = f"line {line}" if cell.is_module else f"cell {cell.number}, line {line}"
    return f"{task.notebook}, {inside}"
