"""What an execution runs: plain data, easily turned into JSON by ``dataclasses.asdict``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProgramCell:
    """One cell to execute.

    Attributes:
        number: of the cell in the notebook, from 1, all kinds of cells counted.
        source: Python; its lines are those of the cell. It may ``await`` at its top level, and call
            ``get_ipython()`` where the cell has magics.
        name: for tracebacks: ``notebooks/a.ipynb, cell 3``, or the path of a Python file.
    """

    number: int
    source: str
    name: str


@dataclass(frozen=True)
class Program:
    """The cells to execute, in order, and the function to call then.

    Attributes:
        notebook: path of the file, relative to the repository's root.
        method: the entry function; the last of ``cells`` that defines it counts.
        full_notebook: ``cells`` are all code cells, not only the one that defines ``method``.
    """

    notebook: str
    method: str
    full_notebook: bool
    cells: tuple[ProgramCell, ...]
