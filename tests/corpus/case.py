"""One bad input and what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Stands before what the problem must point at; it is no part of the input.
MARK = "§"


@dataclass(frozen=True)
class Case:
    """A named input.

    Attributes:
        name: unique in its table.
        make: returns the input; a large one is made only when it is used.
        says: words of one of its problems; empty: it has none.
        line: of that problem, from 1; 0: not stated here.
        column: the same.
    """

    name: str
    make: Callable[[], bytes]
    says: str = ""
    line: int = 0
    column: int = 0


def case(name: str, content: str | bytes | Callable[[], bytes], says: str = "") -> Case:
    """Return a case; in a text, ``MARK`` stands before the place of the problem."""
    if callable(content):
        return Case(name, content, says)
    if isinstance(content, bytes):
        return Case(name, lambda: content, says)
    before, mark, after = content.partition(MARK)
    data = (before + after).encode("utf-8", "surrogatepass")
    if not mark:
        return Case(name, lambda: data, says)
    lines = before.split("\n")
    return Case(name, lambda: data, says, len(lines), len(lines[-1]) + 1)


def table(cases: Iterable[Case]) -> dict[str, Case]:
    """Return the cases by name; a name or an input that is there twice is a mistake."""
    found: dict[str, Case] = {}
    for each in cases:
        assert each.name not in found, f"two cases are called {each.name}"
        found[each.name] = each
    return found
