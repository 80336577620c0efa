"""Which names a cell binds at its top level, and to what, as far as can be seen without running it."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    """Yield what may be called, in the order of the cell; ``*`` stands for ``from x import *``."""
    for statement in tree.body:
        yield from _of_statement(statement)


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
    yield from _walrus(statement)
    for block in _blocks(statement):
        for inner in block:
            yield from _of_statement(inner)


def _of_assignment(target: ast.expr, value: ast.expr) -> Iterator[Binding]:
    if isinstance(target, ast.Name):
        if isinstance(value, ast.Lambda):
            yield Binding(target.id, target.lineno, signature=_signature(value.args))
        elif not isinstance(value, _NEVER_CALLABLE):
            yield Binding(target.id, target.lineno)
    elif isinstance(target, (ast.Tuple, ast.List)):
        values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        matched = len(values) == len(target.elts) and not any(isinstance(v, ast.Starred) for v in values)
        for position, item in enumerate(target.elts):
            # An unpacked call may give anything.
            yield from _of_assignment(item, values[position] if matched else _unknown(item))


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
    if isinstance(statement, (ast.If, ast.For, ast.AsyncFor, ast.While)):
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
