"""Conditions whose outcome can be seen: code under them never runs, or always."""

from __future__ import annotations

import ast


def is_never(test: ast.expr) -> bool:
    """Whether the condition is false in every run: a constant, or what only type checkers take for true."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return is_always(test.operand)
    if isinstance(test, ast.Constant):
        return not test.value
    name = test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""
    return name == "TYPE_CHECKING"


def is_always(test: ast.expr) -> bool:
    """Whether the condition is true in every run."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return is_never(test.operand)
    return isinstance(test, ast.Constant) and bool(test.value)
