"""The entry function: which cell defines it, whether arguments fit it, and what is to be executed."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_peach.authoring.bindings import STAR, Binding, Signature
from airflow_peach.authoring.notebooks import Cell, read_cells
from airflow_peach.authoring.problems import SHOWN_CHARACTERS, ProblemError, did_you_mean, printable, quoted, shortened
from airflow_peach.authoring.program import Program, ProgramCell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LISTED_FUNCTIONS = 10
LISTED_ERRORS = 3


class EntryFunctionError(ProblemError):
    """No cell defines the entry function; the remedy lists the functions that are there."""


@dataclass(frozen=True)
class Entry:
    """The entry function as a kernel would have it after running all cells.

    Attributes:
        name: of the function.
        cell: the last one that defines it.
        line: in that cell, from 1.
        is_async: it is an ``async def``.
        signature: None where it cannot be known (decorated, assigned, imported).
    """

    name: str
    cell: Cell
    line: int
    is_async: bool = False
    signature: Signature | None = None


def find_entry_function(cells: Sequence[Cell], method: str, notebook: str = "") -> Entry:
    """Return the entry function ``method``, defined in the last cell that does so, as in a kernel.

    Args:
        cells: of the notebook.
        method: name of the function.
        notebook: its path, for the message.

    Raises:
        EntryFunctionError: no cell defines it.
    """
    # Cells that do not even have the name in them need no parsing, unless it cannot be found.
    for cell in reversed([cell for cell in cells if method in cell.source]):
        for binding in reversed(_bindings(cell)):
            if binding.name == method:
                return Entry(method, cell, binding.line, binding.is_async, binding.signature)
    raise _not_found(cells, method, notebook)


def _bindings(cell: Cell) -> tuple[Binding, ...]:
    return () if isinstance(cell.bindings, SyntaxError) else cell.bindings


def _not_found(cells: Sequence[Cell], method: str, notebook: str) -> EntryFunctionError:
    where = f" in {notebook}" if notebook else ""
    errors = [(cell, cell.bindings) for cell in cells if isinstance(cell.bindings, SyntaxError)]
    broken = "".join(
        f"; {cell.place(error.lineno or 1)} has a syntax error at line {error.lineno or 1}: {printable(error.msg)}"
        for cell, error in errors[:LISTED_ERRORS]
    )
    if len(errors) > LISTED_ERRORS:
        broken += f"; and {len(errors) - LISTED_ERRORS} more cells with syntax errors"
    found = [(cell, binding) for cell in cells for binding in _bindings(cell)]
    cause = f"entry function {quoted(method)} not found{where}{broken}"
    return EntryFunctionError(cause, _what_is_there(found, method))


def _what_is_there(found: Iterable[tuple[Cell, Binding]], method: str) -> str:
    places: dict[str, str] = {}
    remedies = []
    for cell, binding in found:
        if binding.name == STAR:
            remedies = [f"import it by name, not by the '*' in {cell.place(binding.line)}"]
        elif binding.is_function:
            places[binding.name] = cell.place(binding.line)
    suggestion = did_you_mean(method, places)
    nearest_first = sorted(places, key=lambda name: _nearness(method, name), reverse=True)
    listed = [f"{shortened(name)} ({places[name]})" for name in nearest_first[:LISTED_FUNCTIONS]]
    if len(nearest_first) > LISTED_FUNCTIONS:
        listed.append(f"and {len(nearest_first) - LISTED_FUNCTIONS} more")
    remedies.append(f"functions there: {', '.join(listed)}" if listed else "there are no functions in it")
    return "; ".join(filter(None, [suggestion, *remedies]))


def _nearness(method: str, name: str) -> float:
    return difflib.SequenceMatcher(None, method, name[:SHOWN_CHARACTERS]).ratio()


@dataclass(frozen=True)
class ArgumentFault:
    """One argument with which a call would fail."""

    name: str
    cause: str
    remedy: str


def check_arguments(entry: Entry, args: Iterable[str]) -> list[tuple[str, str]]:
    """Return cause and remedy of each way in which calling the function with ``args`` would fail.

    Args:
        entry: the function; nothing is found wrong where its signature cannot be known.
        args: names of the keyword arguments.
    """
    return [(fault.cause, fault.remedy) for fault in argument_faults(entry, args)]


def argument_faults(entry: Entry, args: Iterable[str]) -> list[ArgumentFault]:
    """As ``check_arguments``, with the names of the arguments: unexpected ones first, then missing ones."""
    signature, given = entry.signature, tuple(args)
    if signature is None:
        return []
    faults = []
    if not signature.takes_any_keyword:
        faults += [_unexpected(entry.name, signature, name) for name in given if name not in signature.keyword]
    for name in signature.required:
        if name not in signature.positional_only:
            if name not in given:
                faults.append(_missing(entry.name, name))
        elif signature.takes_any_keyword or name not in given:
            faults.append(_positional_only(entry.name, name))
    return faults


def _unexpected(function: str, signature: Signature, name: str) -> ArgumentFault:
    if name in signature.positional_only:
        return _positional_only(function, name)
    takes = f"{function}() takes {', '.join(signature.keyword) or 'no arguments'}"
    remedy = did_you_mean(name, signature.keyword) or takes
    return ArgumentFault(name, f"unexpected argument '{name}' of {function}()", remedy)


def _missing(function: str, name: str) -> ArgumentFault:
    return ArgumentFault(
        name,
        f"argument '{name}' of {function}() is missing",
        f"add '{name}: …' to args, or give the parameter a default",
    )


def _positional_only(function: str, name: str) -> ArgumentFault:
    return ArgumentFault(
        name,
        f"parameter '{name}' of {function}() is positional-only, and args are given by keyword",
        "remove the '/' from the parameters",
    )


def extract(content: bytes, path: str, method: str, full_notebook: bool) -> Program:  # noqa: FBT001 - as in the file
    """Return what is to be executed for one task.

    Args:
        content: of the notebook or Python file.
        path: of it, relative to the repository's root.
        method: the entry function.
        full_notebook: take all code cells, not only the one that defines ``method``.

    Raises:
        NotebookError: the file cannot be read as a notebook.
        EntryFunctionError: no cell defines ``method``.
    """
    cells = read_cells(content, path)
    entry = find_entry_function(cells, method, path)
    return Program(
        notebook=path,
        method=method,
        full_notebook=full_notebook,
        cells=tuple(
            ProgramCell(cell.number, cell.transformed, path if cell.is_module else f"{path}, cell {cell.number}")
            for cell in (cells if full_notebook else (entry.cell,))
        ),
    )
