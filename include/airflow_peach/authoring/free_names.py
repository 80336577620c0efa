"""Which names a cell needs from others, when it is run alone and its entry function is called.

Only what is certain to be missing is of use to anybody: where the code may bind names that cannot be seen, or where
it is not seen to be called, nothing is said.
"""

from __future__ import annotations

import ast
import builtins
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_peach.authoring.conditions import is_always, is_never
from airflow_peach.authoring.magic_calls import MagicCall, magic_call, shell_method
from airflow_peach.authoring.scopes import Collector, Deferred, Scope, Use, catches_name_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_peach.authoring.magic_calls import MagicSupport

# What the launcher and a module have, and what only a kernel has: nobody moves these to another cell.
_GIVEN = frozenset(
    {*dir(builtins), "get_ipython", "display", "exit", "quit", "In", "Out", "_", "__", "___", "_ih", "_oh", "_dh",
     "_exit_code", "__file__", "__name__", "__annotations__"}
)  # fmt: skip
# Whoever says these may bind, or ask for, any name.
_OPAQUE_NAMES = frozenset({"globals", "locals", "vars", "dir", "exec", "execfile", "__builtins__", "builtins"})
# What of IPython's runs a text, or gives the namespace away.
_RUN_TEXT = frozenset({"run_line_magic", "run_cell_magic", "run_cell", "magic", "ex", "user_ns", "push"})


@dataclass(frozen=True)
class CellNames:
    """The names of a cell.

    Attributes:
        needed: by name, the first line that needs it; in the order of the lines.
        bound: at the cell's top level.
        opaque: it may bind others, too; nothing is needed for sure.
    """

    needed: dict[str, int]
    bound: frozenset[str]
    opaque: bool


def cell_names(tree: ast.Module, entry: str, magics: MagicSupport) -> CellNames:
    """Return which names the cell needs when it is run and then ``entry`` is called, and which it binds.

    Args:
        tree: the cell, transformed.
        entry: name of the function that is called then.
        magics: which magics run their text as Python in the cell's namespace.
    """
    walk = _TopLevel(tree, magics)
    walk.statements(tree.body)
    walk.opaque |= any(use.name in _OPAQUE_NAMES for use in walk.all_uses())
    bound = walk.scope.binds | walk.scope.module_binds
    reached = _reached(walk, entry)
    needed: dict[str, int] = {}
    for use in sorted([*walk.missing, *(use for use in reached if use.name not in bound)], key=lambda use: use.line):
        if use.name not in _GIVEN and not walk.opaque:
            needed.setdefault(use.name, use.line)
    return CellNames(needed, frozenset(bound), walk.opaque)


def _reached(walk: _TopLevel, entry: str) -> list[Use]:
    """Return what functions that are called for sure, or may be by somebody they are given to, look up."""
    reached, uses = {entry, ""}, list[Use]()
    reached |= {use.name for use in walk.scope.uses}
    waiting = list(walk.scope.deferred)
    while True:
        now = [deferred for deferred in waiting if _is_called(deferred, reached, walk.scope.attributes)]
        if not now:
            return uses
        waiting = [deferred for deferred in waiting if deferred not in now]
        for deferred in now:
            uses += deferred.uses
            reached |= {use.name for use in deferred.uses}


def _is_called(deferred: Deferred, reached: set[str], attributes: set[str]) -> bool:
    if deferred.name not in reached:
        return False
    is_special = deferred.method.startswith("__") and deferred.method.endswith("__")
    return not deferred.method or is_special or deferred.method in attributes


class _TopLevel:
    """Walks a cell as it runs, and notes what it looks up before it is bound.

    Attributes:
        missing: looked up at the top level, and bound by nothing that may have run before.
    """

    def __init__(self, tree: ast.Module, magics: MagicSupport) -> None:
        self.scope = Scope()
        self.scope.lenient |= any(
            isinstance(statement, ast.ImportFrom)
            and statement.module == "__future__"
            and any(alias.name == "annotations" for alias in statement.names)
            for statement in tree.body
        )
        self.missing: list[Use] = []
        self.opaque = False
        self._magics = magics
        self._expects_errors = False

    def all_uses(self) -> Iterable[Use]:
        """Yield everything that is looked up anywhere in the cell."""
        yield from self.scope.uses
        for deferred in self.scope.deferred:
            yield from deferred.uses

    def statements(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.If):
            self._now(node.test)
            if not is_never(node.test):
                self.statements(node.body)
            if not is_always(node.test):
                self.statements(node.orelse)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            self._now(*((node.test,) if isinstance(node, ast.While) else (node.iter, node.target)))
            # A name that the body binds is there in the next round.
            body = [] if isinstance(node, ast.While) and is_never(node.test) else node.body
            self._bind_all(body)
            self.statements((*body, *node.orelse))
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            self._now(*node.items)
            self.statements(node.body)
        elif isinstance(node, ast.Match):
            self._now(node.subject)
            for case in node.cases:
                self._now(case.pattern, case.guard)
                self.statements(case.body)
        elif isinstance(node, ast.Try) or (sys.version_info >= (3, 11) and isinstance(node, ast.TryStar)):
            self._try(node)
        else:
            self._simple(node)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        before, self._expects_errors = self._expects_errors, self._expects_errors or catches_name_errors(node)
        self.statements(node.body)
        self._expects_errors = before
        # What is done about an error, or when a try has succeeded, may never be.
        for block in (*(handler.body for handler in node.handlers), node.orelse):
            self._bind_all(block)
        self.statements(node.finalbody)

    def _simple(self, node: ast.stmt) -> None:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            self.opaque = True
        if isinstance(node, ast.Import) and any(alias.name in {"__main__", "builtins"} for alias in node.names):
            self.opaque = True
        call = magic_call(node)
        if call is not None and self._magics.runs_its_text(call):
            self._text_of(call)
            self._bind_all([node])
        else:
            self._now(node)

    def _text_of(self, call: MagicCall) -> None:
        try:
            tree = ast.parse(call.text)
        except (SyntaxError, ValueError, RecursionError):
            self.opaque = True
            return
        self.statements(ast.increment_lineno(tree, call.text_line - 1).body)

    def _now(self, *nodes: ast.AST | None) -> None:
        """Take up what runs now: what it looks up must be there, what it binds is there afterwards."""
        found = self.scope.inner()
        Collector(found).visit_all(nodes)
        self.opaque |= any(_hides_names(node) for node in nodes if node is not None)
        there = self.scope.binds | found.module_binds | _walrus(nodes)
        if not self._expects_errors:
            self.missing += (use for use in found.uses if use.name not in there)
        self.scope.uses += found.uses
        self.scope.binds |= found.binds
        self.scope.module_binds |= found.module_binds
        self.scope.deferred += found.deferred

    def _bind_all(self, body: Iterable[ast.stmt]) -> None:
        found = self.scope.inner()
        Collector(found).visit_all(body)
        self.scope.binds |= found.binds


def _hides_names(node: ast.AST) -> bool:
    """Whether IPython is asked to run a text, where that text cannot be seen from here."""
    if isinstance(node, ast.stmt) and magic_call(node) is not None:
        return False
    return any(shell_method(inner) in _RUN_TEXT for inner in ast.walk(node))


def _walrus(nodes: Iterable[ast.AST | None]) -> set[str]:
    return {
        inner.target.id
        for node in nodes
        if node is not None
        for inner in ast.walk(node)
        if isinstance(inner, ast.NamedExpr)
    }
