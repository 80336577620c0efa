"""The tree of a YAML document: immutable nodes with line and column, shared where an alias repeats one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# Keys and list positions from the root: ("tasks", "x", "args"), ("dependencies", 0).
Path = tuple[Any, ...]


@dataclass(frozen=True)
class Flaw:
    """Something wrong in one node; ``key`` is set when it is about one key of a mapping."""

    line: int
    column: int
    cause: str
    remedy: str = ""
    key: str | None = None


@dataclass(frozen=True)
class Node:
    """Any node. ``line`` and ``column`` count from 1; ``weight`` is its nodes with aliases expanded.

    Attributes:
        characters: of all its scalars, aliases expanded.
        height: levels below it.
        flaws: what is wrong in this node itself, not below it.
    """

    line: int
    column: int
    weight: int = field(default=1, kw_only=True)
    characters: int = field(default=0, kw_only=True)
    height: int = field(default=0, kw_only=True)
    flaws: tuple[Flaw, ...] = field(default=(), kw_only=True)

    def children(self) -> Iterator[tuple[Any, Node, Node]]:
        """Yield key or position, the node that stands for it in a message, and the child."""
        yield from ()

    def data(self) -> Any:  # noqa: ANN401 - YAML's values are what they are
        """Return the Python value: what the safe loader would give."""
        raise NotImplementedError

    def step(self, key: Any) -> tuple[Node, Node] | None:  # noqa: ANN401
        """Return the node that stands for the child ``key`` in a message, and the child."""
        return next(((mark, child) for name, mark, child in self.children() if name == key), None)

    def mark(self, path: Path) -> Node:
        """Return the node to point at for ``path``: of a mapping's entry the key, of a list the item.

        Where ``path`` leads out of the tree (a missing key), the last node on the way.
        """
        node, mark = self, self
        for key in path:
            step = node.step(key)
            if step is None:
                break
            mark, node = step
        return mark

    def node(self, path: Path) -> Node | None:
        """Return the node at ``path``, or None."""
        node: Node = self
        for key in path:
            step = node.step(key)
            if step is None:
                return None
            node = step[1]
        return node

    def all_flaws(self, path: Path = ()) -> Iterator[tuple[Path, Flaw]]:
        """Yield the flaws of this node and of all below it, each with its path."""
        for flaw in self.flaws:
            yield (path if flaw.key is None else (*path, flaw.key)), flaw
        for key, _, child in self.children():
            yield from child.all_flaws((*path, key))


@dataclass(frozen=True)
class Scalar(Node):
    """A single value, and the text it was read from; ``is_merge`` for an unquoted ``<<``."""

    value: Any = None
    text: str = ""
    is_merge: bool = False

    def data(self) -> Any:  # noqa: ANN401
        """Return the value."""
        return self.value


@dataclass(frozen=True)
class Sequence(Node):
    """A list."""

    items: tuple[Node, ...] = ()

    def children(self) -> Iterator[tuple[Any, Node, Node]]:
        """Yield each position, from 0."""
        for position, item in enumerate(self.items):
            yield position, item, item

    def step(self, key: Any) -> tuple[Node, Node] | None:  # noqa: ANN401
        """As ``Node.step``, by position: a search for each of many problems would take minutes."""
        item = self.items[key] if isinstance(key, int) and 0 <= key < len(self.items) else None
        return None if item is None else (item, item)

    def data(self) -> list[Any]:
        """Return the list."""
        return [item.data() for item in self.items]


@dataclass(frozen=True)
class Mapping(Node):
    """A mapping, merge keys (``<<``) applied; ``entries`` by the keys' values."""

    entries: dict[Any, tuple[Scalar, Node]] = field(default_factory=dict)
    is_set: bool = False

    def children(self) -> Iterator[tuple[Any, Node, Node]]:
        """Yield each key in the file's order."""
        for key, (mark, child) in self.entries.items():
            yield key, mark, child

    def step(self, key: Any) -> tuple[Node, Node] | None:  # noqa: ANN401
        """As ``Node.step``, by look-up."""
        return self.entries.get(key)

    def data(self) -> dict[Any, Any] | set[Any]:
        """Return the mapping, or the set of its keys."""
        if self.is_set:
            return set(self.entries)
        return {key: child.data() for key, (_, child) in self.entries.items()}
