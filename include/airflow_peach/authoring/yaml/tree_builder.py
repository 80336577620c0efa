"""From the parser's events to the tree, with an eye on the limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import yaml

from airflow_peach.authoring.yaml.mappings import mapping
from airflow_peach.authoring.yaml.nodes import Flaw, Node, Scalar, Sequence
from airflow_peach.authoring.yaml.scalars import position, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = "tag:yaml.org,2002:"


@dataclass
class _Open:
    """A list or mapping of which the end has not come yet."""

    event: yaml.CollectionStartEvent
    children: list[Node] = field(default_factory=list)


class TreeBuilder:
    """Takes events one by one. After the last, ``root`` is the tree (None for an empty document).

    Args:
        scalar: makes the node of a scalar.
        limit_nodes: of the whole tree, aliases expanded.
        limit_characters: of all scalars, aliases expanded: values are shared, but what is written from them
            (JSON) is not.
        limit_depth: levels of lists and mappings.
    """

    def __init__(
        self,
        scalar: Callable[[yaml.ScalarEvent], Scalar],
        *,
        limit_nodes: int,
        limit_characters: int,
        limit_depth: int,
    ) -> None:
        self.root: Node | None = None
        self._scalar = scalar
        self._limit_nodes = limit_nodes
        self._limit_characters = limit_characters
        self._limit_depth = limit_depth
        self._nodes = 0
        self._characters = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._begun_anchors: set[str] = set()
        self._documents = 0

    def add(self, event: yaml.Event) -> Flaw | None:
        """Take one event; return what makes the whole text unusable, if this is where it does."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                return _at(event, "a second YAML document begins here ('---')", "put each in a file of its own")
        elif isinstance(event, yaml.CollectionStartEvent):
            return self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()
        elif isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
            return self._add_node(event, node)
        elif isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        return None

    def _begin(self, event: yaml.CollectionStartEvent) -> Flaw | None:
        self._nodes += 1
        self._open.append(_Open(event))
        if event.anchor is not None:
            self._begun_anchors.add(event.anchor)
            self._anchors.pop(event.anchor, None)
        return self._over_limit(event, len(self._open))

    def _end(self) -> None:
        ended = self._open.pop()
        self._attach(_collection(ended.event, ended.children), ended.event.anchor)

    def _alias(self, event: yaml.AliasEvent) -> Flaw | None:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            if event.anchor in self._begun_anchors:
                return _at(event, f"'*{event.anchor}' stands inside what it repeats", "write it out")
            return _at(
                event,
                f"'*{event.anchor}' repeats '&{event.anchor}', which is not defined above it",
                "define it above, or put the text in quotes",
            )
        return self._add_node(event, node)

    def _add_node(self, event: yaml.ScalarEvent | yaml.AliasEvent, node: Node) -> Flaw | None:
        self._attach(node, None if isinstance(event, yaml.AliasEvent) else event.anchor)
        self._nodes += node.weight
        self._characters += node.characters
        return self._over_limit(event, len(self._open) + node.height)

    def _over_limit(self, event: yaml.Event, depth: int) -> Flaw | None:
        if self._nodes > self._limit_nodes:
            return _at(
                event,
                f"the file has more than {self._limit_nodes:,} values, those that aliases repeat included",
                "move data out of it",
            )
        if self._characters > self._limit_characters:
            return _at(
                event,
                f"the file has more than {self._limit_characters:,} characters once its aliases are expanded",
                "move data out of it",
            )
        if depth > self._limit_depth:
            return _at(event, f"nested more than {self._limit_depth} levels deep", "make it flatter")
        return None

    def _attach(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node


def _collection(event: yaml.CollectionStartEvent, children: list[Node]) -> Node:
    line, column = position(event)
    flaws: tuple[Flaw, ...] = ()
    is_sequence = isinstance(event, yaml.SequenceStartEvent)
    allowed = {"!", _PREFIX + "seq"} if is_sequence else {"!", _PREFIX + "map", _PREFIX + "set"}
    if event.tag is not None and event.tag not in allowed:
        flaws = (_at(event, *unsupported(event.tag)),)
    if is_sequence:
        node: Node = Sequence(line, column, items=tuple(children), flaws=flaws)
    else:
        node = mapping(line, column, children, flaws, is_set=event.tag == _PREFIX + "set")
    return replace(
        node,
        weight=1 + sum(child.weight for child in children),
        characters=sum(child.characters for child in children),
        height=1 + max((child.height for child in children), default=0),
    )


def _at(event: yaml.Event, cause: str, remedy: str) -> Flaw:
    return Flaw(*position(event), cause, remedy)
