"""Whether the cell with the entry function can run without the others, as it does unless ``full_notebook`` is set."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from airflow_peach.authoring.cell_source import parse
from airflow_peach.authoring.free_names import cell_names
from airflow_peach.authoring.magic_calls import magic_calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_peach.authoring.entry_function import Entry
    from airflow_peach.authoring.magic_calls import MagicSupport
    from airflow_peach.authoring.notebooks import Cell

_LISTED = 5


def faults_alone(entry: Entry, cells: Sequence[Cell], magics: MagicSupport) -> list[tuple[str, str]]:
    """Return cause and remedy of each way in which the cell of ``entry`` would fail when it runs alone.

    Said is only what is certain: names that the cell or the function looks up and another cell defines, and magics
    that a task cannot have. A name that nobody defines may come from where it cannot be seen.

    Args:
        entry: the function and its cell.
        cells: of the notebook.
        magics: what a task without a kernel makes of them.
    """
    tree = parse(entry.cell.transformed)
    if entry.cell.is_module or isinstance(tree, SyntaxError):
        return []
    try:
        names = cell_names(tree, entry.name, magics)
        elsewhere = _defined_elsewhere(names.needed, entry, cells, magics)
    except RecursionError:  # nested too deep to be looked at
        return []
    faults = [_missing(entry, names.needed, elsewhere)] if elsewhere else []
    for call in magic_calls(tree):
        fault = magics.fault(call)
        if fault is not None:
            faults.append((f"{entry.cell.place(call.line)}, line {call.line}: {fault[0]}", fault[1]))
    return faults


def _defined_elsewhere(
    needed: Iterable[str], entry: Entry, cells: Sequence[Cell], magics: MagicSupport
) -> dict[str, Cell]:
    """Return the needed names that other cells define, each with the last cell that does."""
    missing = set(needed)
    found: dict[str, Cell] = {}
    if not missing:
        return found
    for cell in cells:
        tree = None if cell is entry.cell else parse(cell.transformed)
        if isinstance(tree, ast.Module):
            bound = cell_names(tree, "", magics).bound & missing
            found.update(dict.fromkeys(bound, cell))
    return found


def _missing(entry: Entry, needed: Mapping[str, int], elsewhere: Mapping[str, Cell]) -> tuple[str, str]:
    names = [name for name in needed if name in elsewhere]
    shown = [f"'{name}' (line {needed[name]}; defined in cell {elsewhere[name].number})" for name in names]
    moved = [f"{name} (cell {elsewhere[name].number})" for name in names]
    cause = f"only cell {entry.cell.number}, which defines {entry.name}(), is executed, and it uses {_listed(shown)}"
    return cause, f"write 'full_notebook: true', or move {_listed(moved)} into cell {entry.cell.number}"


def _listed(items: Sequence[str]) -> str:
    if len(items) > _LISTED:
        items = [*items[:_LISTED], f"{len(items) - _LISTED} more"]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
