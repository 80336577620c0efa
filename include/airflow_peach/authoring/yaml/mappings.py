"""A YAML mapping from its keys and values: duplicates found, merge keys applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.problems import quoted
from airflow_peach.authoring.yaml.nodes import Flaw, Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator


def mapping(line: int, column: int, children: list[Node], flaws: tuple[Flaw, ...], *, is_set: bool) -> Mapping:
    """Return the mapping of ``children``: keys and values in turn.

    An own key wins over a merged one, and an earlier of several merged mappings over a later one
    (https://yaml.org/type/merge.html).
    """
    found = list(flaws)
    own: dict[Any, tuple[Scalar, Node]] = {}
    merged: dict[Any, tuple[Scalar, Node]] = {}
    for key, value in zip(children[::2], children[1::2], strict=True):
        if not isinstance(key, Scalar):
            found.append(
                Flaw(
                    key.line,
                    key.column,
                    "a key must be a single value",
                    "put a template such as {{ name }} in quotes",
                )
            )
        elif key.is_merge:
            for source in _merge_sources(value, found):
                for name, entry in source.entries.items():
                    merged.setdefault(name, entry)
        elif key.value in own:
            first = own[key.value][0]
            found.append(
                Flaw(
                    key.line,
                    key.column,
                    f"duplicate key, first on line {first.line}",
                    "keep one of them",
                    key=key.text,
                )
            )
        else:
            found += [replace(flaw, key=key.text) for flaw in key.flaws]
            own[key.value] = (key, value)
    return Mapping(line, column, entries={**merged, **own}, flaws=tuple(found), is_set=is_set)


def _merge_sources(value: Node, found: list[Flaw]) -> Iterator[Mapping]:
    for source in value.items if isinstance(value, Sequence) else (value,):
        if isinstance(source, Mapping):
            yield source
        else:
            text = f", not {quoted(source.text)}" if isinstance(source, Scalar) else ""
            found.append(
                Flaw(
                    value.line,
                    value.column,
                    f"'<<' merges mappings{text}",
                    "write '<<: *name', with '&name' at the mapping to repeat",
                )
            )
