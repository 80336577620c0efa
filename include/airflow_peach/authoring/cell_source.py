"""The source of a cell as Python, as an IPython kernel makes it."""

from __future__ import annotations

import ast
import functools
import re
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# "In [1]: x = 1" annotates In[1] to the parser, and is a prompt to IPython.
_PROMPTS = ("In [", "...:")
# IPython reads the whole cell again for each sign that it rewrites: characters times signs, a second's work.
TRANSFORM_LIMIT = 400_000
# No \s, which runs on over empty lines: from each of them to the end of all.
_REWRITTEN = re.compile(r"^[ \t]*([%!?,;/]+)|\?[ \t]*$|=[ \t]*[%!]", re.MULTILINE)
# Magics that run the cell's body as Python in the notebook's own namespace: what it defines stays defined.
_TRANSPARENT_MAGIC = re.compile(r"(\s*)%%(?:time|capture)\b[^\n]*")
_NESTED_MAGICS = 5


def to_python(source: str) -> str:
    """Return the source as Python: magics, shell lines, help and prompts become what a kernel executes.

    Line numbers stay those of the cell. A cell that is Python already comes back as it is, which spares
    importing IPython (0.1 s) for most notebooks. A cell that cannot be transformed, or only in minutes, comes
    back as it is too; parsing it then says what is wrong with it.
    """
    for _ in range(_NESTED_MAGICS):
        if not any(prompt in source for prompt in _PROMPTS) and isinstance(parse(source), ast.Module):
            return source
        transparent = _TRANSPARENT_MAGIC.match(source)
        if transparent is None:
            break
        source = transparent[1] + source[transparent.end() :]
    rewritten = sum(len(signs) or 1 for signs in _REWRITTEN.findall(source))
    if len(source) * (1 + rewritten) > TRANSFORM_LIMIT:
        return source
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of line breaks that only Unicode knows
        try:
            transformed = _transformer()(source)
        except (SyntaxError, RuntimeError):  # RuntimeError: still changing after 500 rounds
            return source
    # The transformer drops empty lines in front; put back, a traceback's lines are the cell's.
    return "\n" * _leading_empty_lines(source) + transformed


def parse(source: str) -> ast.Module | SyntaxError:
    """Return the parsed source, or why it cannot be parsed. Warnings of the parser stay inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError) as error:  # NUL characters, nested too deep
            return SyntaxError(str(error) or "nested too deep")


def _leading_empty_lines(source: str) -> int:
    lines = source.splitlines()
    return next((count for count, line in enumerate(lines) if line.strip()), 0)


@functools.cache
def _transformer() -> Callable[[str], str]:
    from IPython.core import inputtransformer2  # noqa: PLC0415 - 0.1 s, not always needed

    manager: Callable[[], Any] = inputtransformer2.TransformerManager
    transform: Callable[[str], str] = manager().transform_cell
    return transform
