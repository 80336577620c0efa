"""Which names a cell binds at its top level, and to what, as far as can be seen without running it."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_peach.authoring.cell_source import parse
from airflow_peach.authoring.conditions import is_always, is_never
from airflow_peach.authoring.magic_calls import magic_call

if TYPE_CHECKING:
    from collections.abc import Iterator

# Values that cannot be called, so that `task = None` in a later cell does not hide the function.
_NEVER_CALLABLE = (
    ast.Constant,
    ast.JoinedStr,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Set,
    ast.ListComp,
    ast.DictComp,
    ast.SetComp,
    ast.GeneratorExp,
    ast.Compare,
    ast.UnaryOp,
)

STAR = "*"


@dataclass(frozen=True)
class Signature:
    """The parameters of a plain function.

    Attributes:
        positional_only: names; not to be given by keyword.
        keyword: names of all that can be given by keyword.
        required: those of both that have no default.
        takes_any_positional: it has ``*args``.
        takes_any_keyword: it has ``**kwargs``.
    """

    positional_only: tuple[str, ...]
    keyword: tuple[str, ...]
    required: tuple[str, ...]
    takes_any_positional: bool
    takes_any_keyword: bool


@dataclass(frozen=True)
class Binding:
    """A name and what it is bound to. ``signature`` is None where it cannot be known.

    Attributes:
        line: in the cell, from 1.
        is_function: defined by ``def``, so worth naming to somebody who looks for one.
    """

    name: str
    line: int
    is_function: bool = False
    is_async: bool = False
    signature: Signature | None = None


def bindings(tree: ast.Module) -> Iterator[Binding]:
    """Yield what may be called after the cell, in its order; ``*`` stands for ``from x import *``."""
    called = _called(tree)
    found: list[Binding] = []
    for statement in tree.body:
        if isinstance(statement, ast.Delete):
            deleted = {target.id for target in statement.targets if isinstance(target, ast.Name)}
            found = [binding for binding in found if binding.name not in deleted]
        found += _one_of_many(list(_of_statement(statement)))
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name in called:
            found += _made_by_calling(statement)
    yield from found


def _one_of_many(found: list[Binding]) -> Iterator[Binding]:
    """Yield the bindings of one statement; which of several for one name is the last to run, cannot be seen."""
    for binding in found:
        others = {(each.signature, each.is_async) for each in found if each.name == binding.name}
        yield binding if len(others) == 1 else replace(binding, signature=None)


def _called(tree: ast.Module) -> set[str]:
    """Return the names of what the cell's own statements call without more ado."""
    calls = [statement.value for statement in tree.body if isinstance(statement, (ast.Expr, ast.Assign))]
    return {each.func.id for each in calls if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)}


def _made_by_calling(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Binding]:
    """Yield what a function, called by its cell, binds there: the names that it declares ``global``."""
    names = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
    if names:
        inside = (binding for statement in function.body for binding in _of_statement(statement))
        yield from (binding for binding in inside if binding.name in names)


def _of_statement(statement: ast.stmt) -> Iterator[Binding]:
    line = statement.lineno
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield Binding(
            statement.name,
            line,
            is_function=True,
            is_async=isinstance(statement, ast.AsyncFunctionDef),
            # A decorator may return anything.
            signature=None if statement.decorator_list else _signature(statement.args),
        )
    elif isinstance(statement, ast.ClassDef):
        yield Binding(statement.name, line)
    elif isinstance(statement, ast.ImportFrom):
        yield from (Binding(alias.asname or alias.name, line) for alias in statement.names)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _of_assignment(target, statement.value)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield from _of_assignment(statement.target, statement.value)
    yield from _timed(statement)
    yield from _walrus(statement)
    for block in _blocks(statement):
        for inner in block:
            yield from _of_statement(inner)


def _timed(statement: ast.stmt) -> Iterator[Binding]:
    """Yield what ``%time task = make()`` binds."""
    call = magic_call(statement)
    if call is not None and call.name == "time" and not call.is_cell:
        tree = parse(call.text)
        for inner in tree.body if isinstance(tree, ast.Module) else ():
            yield from (replace(binding, line=statement.lineno) for binding in _of_statement(inner))


def _of_assignment(target: ast.expr, value: ast.expr) -> Iterator[Binding]:
    if isinstance(target, ast.Name):
        if isinstance(value, ast.Lambda):
            yield Binding(target.id, target.lineno, signature=_signature(value.args))
        elif not _is_never_callable(value):
            yield Binding(target.id, target.lineno)
    elif isinstance(target, ast.Starred) and not isinstance(target.value, ast.Name):  # a name gets a list
        yield from _of_assignment(target.value, _unknown(target))
    elif isinstance(target, (ast.Tuple, ast.List)):
        values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        starred = any(isinstance(each, ast.Starred) for each in (*values, *target.elts))
        matched = len(values) == len(target.elts) and not starred
        for position, item in enumerate(target.elts):
            # An unpacked call may give anything.
            yield from _of_assignment(item, values[position] if matched else _unknown(item))


def _is_never_callable(value: ast.expr) -> bool:
    """Whether the value cannot be called for sure."""
    if isinstance(value, ast.IfExp):
        return _is_never_callable(value.body) and _is_never_callable(value.orelse)
    if isinstance(value, ast.BinOp):
        return _is_never_callable(value.left) or _is_never_callable(value.right)
    return isinstance(value, _NEVER_CALLABLE)


def _unknown(item: ast.expr) -> ast.expr:
    """Stand for a value of which nothing is known."""
    return ast.Name(id="", ctx=ast.Load(), lineno=item.lineno, col_offset=item.col_offset)


def _walrus(statement: ast.stmt) -> Iterator[Binding]:
    """Yield what ``:=`` binds in the statement's own expressions (functions have names of their own)."""
    waiting: list[ast.AST] = [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.expr)]
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.NamedExpr):
            yield from _of_assignment(node.target, node.value)
        if not isinstance(node, ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the blocks that run in the same namespace: of if, for, while, with, try and match."""
    if isinstance(statement, (ast.If, ast.While)):
        yield from [] if is_never(statement.test) else [statement.body]
        yield from [] if is_always(statement.test) else [statement.orelse]
    elif isinstance(statement, (ast.For, ast.AsyncFor)):
        yield from (statement.body, statement.orelse)
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        yield statement.body
    elif isinstance(statement, ast.Try) or (
        sys.version_info >= (3, 11) and isinstance(statement, ast.TryStar)  # try: … except* …:
    ):
        yield statement.body
        yield from (handler.body for handler in statement.handlers)
        yield from (statement.orelse, statement.finalbody)
    elif isinstance(statement, ast.Match):
        yield from (case.body for case in statement.cases)


def _signature(arguments: ast.arguments) -> Signature:
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    without_default = positional[: len(positional) - len(arguments.defaults)]
    keyword_only = [argument.arg for argument in arguments.kwonlyargs]
    without_default += [
        name for name, default in zip(keyword_only, arguments.kw_defaults, strict=True) if default is None
    ]
    return Signature(
        positional_only=tuple(argument.arg for argument in arguments.posonlyargs),
        keyword=(*(argument.arg for argument in arguments.args), *keyword_only),
        required=tuple(without_default),
        takes_any_positional=arguments.vararg is not None,
        takes_any_keyword=arguments.kwarg is not None,
    )
