"""What is said of notebooks, held against what a kernel sees: ``python -m tests.authoring.kernel.compare``.

Prints a JSON object for each notebook. What is compared:

* **The chosen cell.** After all cells have run, a name has a value that can be called. The cell in which it got that
  value must be the one that is chosen for a task of that name; where it is a plain function, its parameters and
  whether it must be awaited must be as they are told. A name whose last value is a placeholder may be anything: a cell
  that is chosen for it must have given it a value, and not be before the last one that made it a function.
* **Undefined names.** Each cell runs alone, as a task runs it, and then each function of its. A name that is said to be
  needed, is not missing in truth, and is there afterwards, is falsely called undefined.
* **Crashes**: an exception that is none of ours.

Each notebook runs in a process of its own, with limits, and without the world where bubblewrap works.
"""

from __future__ import annotations

import ast
import gc
import inspect
import json
import os
import resource
import sys
import tempfile
import time
import traceback
import types
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from tests.authoring.kernel import placeholders, shapes
from tests.authoring.kernel.what_a_kernel_sees import Bound, CellAlone, Kernel, Seen, resolved

from airflow_peach.authoring.bindings import STAR
from airflow_peach.authoring.cell_alone import _defined_elsewhere
from airflow_peach.authoring.cell_source import parse
from airflow_peach.authoring.entry_function import Entry, EntryFunctionError, _bindings, find_entry_function
from airflow_peach.authoring.free_names import cell_names
from airflow_peach.authoring.notebooks import Cell, NotebookError, read_cells
from airflow_peach.execution.magic_support import magic_support

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

NOTEBOOK_LIMIT_SECONDS = 60
MEMORY_LIMIT_BYTES = 3 * 2**30
# What a notebook may import in truth, beside the standard library.
IMPORTABLE = frozenset({"IPython", "traitlets"})


def compare(content: bytes, name: str, kernel: Kernel) -> dict[str, Any]:
    """Return what is found for one notebook."""
    try:
        cells = read_cells(content, name)
    except NotebookError as error:
        return {"refused": str(error)}
    try:
        notebook = nbformat.reads(content.decode(), as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - nbformat's own reading is the measure
        return {"refused": f"by nbformat: {error!r}"}
    seen = kernel.begin()
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            kernel.run(number, cell.source)
    found: dict[str, Any] = {"cells": len(cells), "wrong": [], "shadowed": [], "names": 0, "signatures": 0}
    for bound, times in seen.bound.items():
        if times:
            _chosen(bound, times, cells, seen, found)
    _undefined(cells, seen, found)
    return found


def _chosen(name: str, times: list[Bound], cells: Sequence[Cell], seen: Seen, found: dict[str, Any]) -> None:
    try:
        entry = find_entry_function(cells, name)
    except EntryFunctionError:
        entry = None
    last = times[-1]
    # What a star brings is the author's to import by name, and that is said.
    starred = any(cell.number == last.cell and binding.name == STAR for cell in cells for binding in _bindings(cell))
    if name in seen.failed or starred:
        return
    made = [0, *(each.cell for each in times if each.kind == "callable")]
    found["names"] += last.kind == "callable"
    chosen = entry.cell.number if entry else None
    if last.kind == "callable" and chosen != last.cell:
        found["wrong"].append([name, f"cell {chosen} chosen", f"cell {last.cell} made it {type(last.value).__name__}"])
    elif last.kind == "callable" and entry is not None:
        _signature(entry, last.value, found)
    elif (
        last.kind == "unknown" and chosen and (chosen not in {each.cell for each in times} or chosen < max(made or [0]))
    ):
        found["wrong"].append([name, f"cell {chosen} chosen", f"cells {made} made it a function"])
    elif last.kind == "value" and made[-1] and chosen != made[-1]:
        found["shadowed"].append([name, f"cell {chosen} chosen", f"cell {made[-1]} made it a function", last.cell])


def _signature(entry: Entry, value: Any, found: dict[str, Any]) -> None:
    if not isinstance(value, types.FunctionType) or entry.signature is None:
        return
    told, kinds = entry.signature, inspect.Parameter
    parameters = inspect.signature(value).parameters.values()
    positional = [each.name for each in parameters if each.kind == kinds.POSITIONAL_ONLY]
    keyword = [each.name for each in parameters if each.kind in {kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY}]
    variable = {kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD}
    required = [each.name for each in parameters if each.default is each.empty and each.kind not in variable]
    is_async = inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)
    truth = (positional, keyword, set(required), is_async)
    found["signatures"] += 1
    if truth != (list(told.positional_only), list(told.keyword), set(told.required), entry.is_async):
        found["wrong"].append([entry.name, f"told {told}", f"is {inspect.signature(value)}"])


def _undefined(cells: Sequence[Cell], seen: Seen, found: dict[str, Any]) -> None:
    """Run each cell alone, and compare what is missing."""
    magics = magic_support()
    found |= {"false": [], "unseen": [], "claims": 0, "confirmed": 0, "alone": 0}
    for cell in cells:
        tree = parse(cell.transformed)
        if not isinstance(tree, ast.Module):
            continue
        found["alone"] += 1
        functions = (
            [] if isinstance(cell.bindings, SyntaxError) else [each.name for each in cell.bindings if each.is_function]
        )
        alone = CellAlone(tree)
        at_the_top = set(alone.missing)
        for name in dict.fromkeys(["", *functions]):
            names = cell_names(ast.parse(cell.transformed), name, magics)
            alone.missing.clear()
            alone.call(name)
            missing = at_the_top | set(alone.missing)
            found["claims"] += len(names.needed)
            found["confirmed"] += len(missing & set(names.needed))
            elsewhere = _defined_elsewhere(names.needed, Entry(name, cell, 1), cells, magics)
            for claimed in sorted(resolved(alone, set(names.needed) - missing)):
                found["false"].append([cell.number, name, claimed, names.needed[claimed], claimed in elsewhere])
            if not names.opaque:
                others = {
                    bound for bound, times in seen.bound.items() if any(each.cell != cell.number for each in times)
                }
                found["unseen"] += [
                    [cell.number, name, each] for each in sorted((missing & others) - set(names.needed))
                ]


def apart(work: Callable[[], Iterable[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Do it in a process of its own, with limits."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        end = os._exit
        with os.fdopen(writing, "w") as pipe:
            _confine()
            try:
                for found in work():
                    pipe.write(json.dumps(found) + "\n")
            except BaseException:  # noqa: BLE001 - that is what is looked for
                pipe.write(json.dumps({"crash": traceback.format_exc()}) + "\n")
        end(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        yield from map(json.loads, pipe)
    _, status = os.waitpid(child, 0)
    if status:
        yield {"crash": f"the process ended with {status}"}


def _confine() -> None:
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (NOTEBOOK_LIMIT_SECONDS, NOTEBOOK_LIMIT_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(tempfile.mkdtemp())
    time.sleep = lambda _: None
    for name in ("kill", "killpg", "_exit", "abort", "fork", "system", "execv", "execve"):
        setattr(os, name, lambda *_: None)
    placeholders.install(IMPORTABLE)


def of_file(name: str, kernel: Kernel) -> Iterator[dict[str, Any]]:
    """Compare a notebook."""
    content = Path(name).read_bytes()
    for found in apart(lambda: [compare(content, Path(name).name, kernel)]):
        yield {"notebook": name, **found}


def of_shapes(kind: str, count: str, kernel: Kernel) -> Iterator[dict[str, Any]]:
    """Compare generated ones."""

    def work() -> Iterator[dict[str, Any]]:
        gc.freeze()  # a reset collects garbage
        for cells in getattr(shapes, kind)(int(count)):
            kernel.reset(new_session=True)  # type: ignore[no-untyped-call]
            made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in cells]
            content = json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": made}).encode()
            yield {"notebook": cells, **compare(content, "n.ipynb", kernel)}

    yield from apart(work)


def main() -> None:
    """Compare what standard input says, a line each: a path, or ``definitions=N`` or ``uses=N`` generated ones."""
    warnings.simplefilter("ignore")
    kernel = Kernel.instance()
    if kernel.history_manager is not None:
        kernel.history_manager.enabled = False
    for line in sys.stdin.read().splitlines():
        kind, _, count = line.partition("=")
        generated = kind in {"definitions", "uses"}
        for found in of_shapes(kind, count, kernel) if generated else of_file(line, kernel):
            print(json.dumps(found), flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    main()
