"""Magics in a transformed cell, and which of them a task without a kernel can have."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

_WRITE_IN_PYTHON = "write it in Python, or set full_notebook: true to run in a kernel"
_AS_A_DEPENDENCY = "remove it, and put the packages in 'dependencies'"
# Known to the stand-in beside those that are listed by name.
_ALWAYS_LINE = frozenset({"env", "set_env", "cd", "pwd"})
_ALWAYS_CELL = frozenset({"script", "writefile", "file"})


@dataclass(frozen=True)
class MagicSupport:
    """What the launcher makes of magics; names without ``%``.

    Attributes:
        ignored: do nothing in a task.
        run_line: run their line as Python.
        run_cell: run the rest of their cell as Python.
        shells: run it in a shell.
        installers: install packages, which a task cannot.
        installing: a shell's line that does.
    """

    ignored: frozenset[str]
    run_line: frozenset[str]
    run_cell: frozenset[str]
    shells: frozenset[str]
    installers: frozenset[str]
    installing: re.Pattern[str]

    def runs_its_text(self, call: MagicCall) -> bool:
        """Whether ``call.text`` is run as Python, in the cell's own namespace."""
        return call.name in (self.run_cell if call.is_cell else self.run_line)

    def fault(self, call: MagicCall) -> tuple[str, str] | None:
        """Return cause and remedy when the call ends the task, None when it does not."""
        shown = call.shown
        if call.name == "system" or (call.name == "!" and not call.is_cell):
            return (f"'!{call.text.strip()}' {_CANNOT}", _AS_A_DEPENDENCY) if self.installing.match(call.text) else None
        if not call.is_cell and call.name in self.installers and call.name not in self.run_line:
            return f"'{shown} {call.text.strip()}' {_CANNOT}", _AS_A_DEPENDENCY
        if not call.is_cell and call.name in self.shells and self.installing.match(call.text):
            return f"'{shown} {call.text.strip()}' {_CANNOT}", _AS_A_DEPENDENCY
        always = _ALWAYS_CELL if call.is_cell else _ALWAYS_LINE
        running = self.run_cell if call.is_cell else self.run_line
        if call.name in self.ignored | running | self.shells | always:
            return None
        return f"the magic {shown} is not available in a task that runs a single cell", _WRITE_IN_PYTHON


_CANNOT = "installs packages, which a task cannot"


@dataclass(frozen=True)
class MagicCall:
    """One magic, or (``system``) one line for the shell.

    Attributes:
        text: its line; of a cell magic, the rest of the cell.
        line: where it stands, from 1.
        text_line: where ``text`` begins.
    """

    name: str
    text: str
    line: int
    text_line: int
    is_cell: bool = False

    @property
    def shown(self) -> str:
        """As the author writes it."""
        return ("%%" if self.is_cell else "%") + self.name


def magic_calls(tree: ast.Module) -> Iterator[MagicCall]:
    """Yield the magics that run with the cell: not those in functions, which nobody may ever call."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.If, ast.Try)):
            continue
        call = magic_call(node) if isinstance(node, ast.stmt) else None
        if call is not None:
            yield call
        else:
            waiting += (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))


def magic_call(statement: ast.stmt) -> MagicCall | None:
    """Return the magic that a statement is, None for any other statement."""
    value = statement.value if isinstance(statement, (ast.Expr, ast.Assign)) else None
    method = shell_method(value.func) if isinstance(value, ast.Call) else ""
    if not method or not isinstance(value, ast.Call):
        return None
    constants = (argument.value for argument in value.args if isinstance(argument, ast.Constant))
    texts = [text for text in constants if isinstance(text, str)]
    if len(texts) != len(value.args):
        return None
    line = statement.lineno
    if method in {"system", "getoutput"} and len(texts) == 1:
        return MagicCall("system", texts[0], line, line)
    if method == "run_line_magic" and len(texts) == 2:  # noqa: PLR2004 - name and line
        return MagicCall(texts[0], texts[1], line, line)
    if method == "run_cell_magic" and len(texts) == 3:  # noqa: PLR2004 - name, line and cell
        return MagicCall(texts[0], texts[2], line, line + 1, is_cell=True)
    return None


def shell_method(node: ast.AST) -> str:
    """Return ``x`` of ``get_ipython().x``, or an empty string."""
    if (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "get_ipython"
    ):
        return node.attr
    return ""
