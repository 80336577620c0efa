"""The code of a notebook, or of a Python file, as cells.

Read at every execution, so it is read without validating it against the notebook schema (0.2 s for nbformat
alone) and without failing for what does not concern the code. Formats 3 and 4 differ in where the cells are
and what their source is called; a test holds our reading to nbformat's own upgrade.
See https://nbformat.readthedocs.io/en/latest/format_description.html.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.bindings import Binding, bindings
from airflow_peach.authoring.cell_source import parse, to_python
from airflow_peach.authoring.problems import ProblemError, printable, quoted, shortened
from airflow_peach.authoring.yaml.documents import CONFLICT_MARK, GIT_LFS_POINTER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOTEBOOK_LIMIT_BYTES = 20 * 1024 * 1024
# JSON of two and three characters a value takes half a gigabyte at 20 MiB. Bytes that CPython makes, at most, of a
# value (a comma ends one), of an object and of a list; outputs with a million numbers stay below the limit.
_PARSED_BYTES = {b",": 56, b"{": 184, b"[": 72}
PARSED_LIMIT_BYTES = 100 * 1024 * 1024
# Of the rest, outputs are most. A parsed program takes hundreds of times the memory of its text: up to two
# kilobytes a word or sign, and ten microseconds; this is some six thousand lines of code.
CODE_LIMIT_CHARACTERS = 500_000
CODE_LIMIT_WORDS = 60_000
CODE_LIMIT_CELLS = 2_000
# A run of one sign is one: a line of '#', or what parsers refuse to nest so deep.
_WORD = re.compile(r"\w+|([^\w\s])\1*")

_OLDEST_FORMAT, _NEWEST_FORMAT = 3, 4
_SAVE_AGAIN = "open it in Jupyter and save it again"


class NotebookError(ProblemError):
    """The file cannot be read as a notebook; the cause begins with its path and, where known, the line."""


@dataclass(frozen=True)
class Cell:
    """One code cell.

    Attributes:
        number: its position among all cells of the notebook, from 1; a Python file is one cell.
        source: its text.
        is_module: it is a Python file: IPython's syntax means nothing in it.
    """

    number: int
    source: str
    is_module: bool = False

    @cached_property
    def transformed(self) -> str:
        """The source as Python: magics replaced by the calls that a kernel makes of them."""
        return self.source if self.is_module else to_python(self.source)

    @cached_property
    def bindings(self) -> tuple[Binding, ...] | SyntaxError:
        """What the source binds at its top level, or why it cannot be parsed. The tree is not kept: it is large."""
        tree = parse(self.transformed)
        try:
            return tree if isinstance(tree, SyntaxError) else tuple(bindings(tree))
        except RecursionError:
            return SyntaxError("nested too deep")

    def place(self, line: int) -> str:
        """Return where ``line`` is for somebody who has the notebook open."""
        return f"line {line}" if self.is_module else f"cell {self.number}"


def read_cells(content: bytes, path: str) -> tuple[Cell, ...]:
    """Return the code cells of the notebook or Python file, in order.

    Args:
        content: of the file.
        path: of the file; its ending tells a Python file from a notebook.

    Raises:
        NotebookError: over 20 MiB, or over half a million characters, 60,000 words and signs or 2,000 cells of code;
            not JSON, not a notebook, a format other than 3 and 4, not Python.
    """
    if len(content) > NOTEBOOK_LIMIT_BYTES:
        raise NotebookError(
            f"{path}: has {len(content):,} bytes, and {NOTEBOOK_LIMIT_BYTES:,} are read",
            "clear its outputs and save it",
        )
    if path.endswith(".py"):
        module = Cell(1, _decode_module(content, path), is_module=True)
        _check_code_size([module], path)
        return (module,)
    notebook = _parse_json(content, path)
    _check_format(notebook, path)
    _check_language(notebook, path)
    cells = tuple(
        Cell(number, source)
        for number, cell in enumerate(_all_cells(notebook), start=1)
        if (source := _code(cell)) is not None
    )
    _check_code_size(cells, path)
    return cells


def _check_code_size(cells: Sequence[Cell], path: str) -> None:
    if len(cells) > CODE_LIMIT_CELLS:
        raise NotebookError(f"{path}: has {len(cells):,} code cells, and {CODE_LIMIT_CELLS:,} are read", "split it")
    characters = sum(len(cell.source) for cell in cells)
    if characters > CODE_LIMIT_CHARACTERS:
        raise NotebookError(
            f"{path}: has {characters:,} characters of code, and {CODE_LIMIT_CHARACTERS:,} are read",
            "keep data in a file beside it",
        )
    # Braces count thrice: up to Python 3.11 an f-string takes the square of its parts to parse.
    words = sum(sum(1 for _ in _WORD.finditer(cell.source)) + 2 * cell.source.count("{") for cell in cells)
    if words > CODE_LIMIT_WORDS:
        raise NotebookError(
            f"{path}: has {words:,} words and signs of code, and {CODE_LIMIT_WORDS:,} are read",
            "keep data in a file beside it, and code in modules",
        )


def _decode_module(content: bytes, path: str) -> str:
    if fault := _not_the_file(content, path):
        raise fault
    try:
        return importlib.util.decode_source(content)  # as Python does: coding line, byte order mark, line ends
    except (ValueError, LookupError, SyntaxError) as error:  # codecs that are none of text raise what they like
        why = printable(str(error))
        raise NotebookError(f"{path}: not a text that Python can read: {why}", "save it as UTF-8") from None


def _parse_json(content: bytes, path: str) -> dict[str, Any]:
    if sum(content.count(sign) * size_bytes for sign, size_bytes in _PARSED_BYTES.items()) > PARSED_LIMIT_BYTES:
        raise NotebookError(f"{path}: too many values in it to be read", "clear its outputs and save it")
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotebookError(f"{path}:{line}: not a notebook: not UTF-8", _SAVE_AGAIN) from None
    except json.JSONDecodeError as error:
        raise _not_json(content, path, error) from None
    except RecursionError:
        raise NotebookError(f"{path}: not a notebook: nested too deep", _SAVE_AGAIN) from None
    except ValueError:  # Python reads integers of 4,300 digits at most
        raise NotebookError(f"{path}: not a notebook: a number in it is too long", _SAVE_AGAIN) from None
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        raise NotebookError(f"{path}: JSON, but not a notebook: it has no 'nbformat'", _SAVE_AGAIN)
    if type(notebook["nbformat"]) is not int:  # True is an int, too
        found = shortened(json.dumps(notebook["nbformat"]))
        raise NotebookError(f"{path}: JSON, but not a notebook: its 'nbformat' is {found}, no number", _SAVE_AGAIN)
    return notebook


def _not_json(content: bytes, path: str, error: json.JSONDecodeError) -> NotebookError:
    if not content.strip():
        return NotebookError(f"{path}: not a notebook: the file is empty", "save the notebook and commit it")
    if fault := _not_the_file(content, path):
        return fault
    place = f"{path}:{error.lineno}:{error.colno}"
    return NotebookError(f"{place}: not a notebook: not JSON: {error.msg}", _SAVE_AGAIN)


def _not_the_file(content: bytes, path: str) -> NotebookError | None:
    """Return what git left in the place of the file, if it did."""
    if content.startswith(GIT_LFS_POINTER):
        return NotebookError(f"{path}: a pointer of Git LFS, not the file", "commit the file itself to git")
    conflict = CONFLICT_MARK.search(content)
    if conflict:
        line = content.count(b"\n", 0, conflict.start()) + 1
        return NotebookError(f"{path}:{line}: a merge conflict stands in it", "resolve it and commit")
    return None


def _check_format(notebook: dict[str, Any], path: str) -> None:
    version, shown = notebook["nbformat"], shortened(str(notebook["nbformat"]))
    if version < _OLDEST_FORMAT:
        raise NotebookError(f"{path}: notebook format {shown} is too old", _SAVE_AGAIN)
    if version > _NEWEST_FORMAT:
        raise NotebookError(
            f"{path}: notebook format {shown} is newer than {_NEWEST_FORMAT}, the newest that is read",
            f"save it in format {_NEWEST_FORMAT}",
        )


def _check_language(notebook: dict[str, Any], path: str) -> None:
    metadata = _mapping(notebook.get("metadata"))
    language = _mapping(metadata.get("kernelspec")).get("language") or _mapping(metadata.get("language_info")).get(
        "name"
    )
    if isinstance(language, str) and language.lower() not in {"python", "ipython"}:
        raise NotebookError(f"{path}: a notebook in {quoted(language)}, not Python", "write the task in Python")


def _all_cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all cells, whatever their kind; format 3 has them in worksheets."""
    holders = [notebook] if notebook["nbformat"] > _OLDEST_FORMAT else _list(notebook.get("worksheets"))
    for holder in holders:
        for cell in _list(_mapping(holder).get("cells")):
            yield _mapping(cell)


def _code(cell: dict[str, Any]) -> str | None:
    if cell.get("cell_type") != "code":
        return None
    source = cell["source"] if "source" in cell else cell.get("input")
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
