"""One YAML scalar as Python's value, by the rules of PyYAML's safe loader (YAML 1.1)."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from airflow_peach.authoring.problems import quoted
from airflow_peach.authoring.yaml.nodes import Flaw, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable

# A number of more digits would take Python long to read, and JSON cannot carry it.
NUMBER_CHARACTERS = 1000

_PREFIX = "tag:yaml.org,2002:"
_NAMES = {
    "null": "empty",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "timestamp": "a date or a time",
    "binary": "binary data (base64)",
    "str": "text",
}
_WRITTEN_SAME = {"int", "float"}


class _Rules(SafeConstructor, Resolver):
    """The loader's resolver and constructor, without its parser."""

    def __init__(self) -> None:
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


_RULES = _Rules()
_resolve: Callable[..., object] = _RULES.resolve


def scalar(event: yaml.ScalarEvent) -> Scalar:
    """Return the node of a scalar. One that cannot be read has a flaw, and its text as its value."""
    text: str = event.value
    line, column = position(event)
    kind, cause, remedy = _kind(event, text)
    value: Any = text
    if not cause:
        try:
            # The functions themselves: `construct_object` would keep every node it ever made.
            value = SafeConstructor.yaml_constructors[_PREFIX + kind](_RULES, yaml.ScalarNode(_PREFIX + kind, text))
        except (ValueError, OverflowError, binascii.Error, yaml.YAMLError) as error:
            # Of the loader's own words only a date's ("month must be in 1..12") help the reader.
            why = f": {error}" if kind == "timestamp" else ""
            cause, remedy = f"{quoted(text)} is not {_NAMES[kind]}{why}", "put it in quotes if it is text"
    flaws = (Flaw(line, column, cause, remedy),) if cause else ()
    is_merge = text == "<<" and event.tag is None and event.implicit[0]
    return Scalar(line, column, characters=len(text), flaws=flaws, value=value, text=text, is_merge=is_merge)


def position(event: yaml.Event) -> tuple[int, int]:
    """Return line and column of an event, from 1."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def unsupported(tag: str) -> tuple[str, str]:
    """Return cause and remedy for a tag that no value of ours has."""
    short = tag.replace(_PREFIX, "!!", 1)
    return f"the tag {quoted(short)} is not supported", "write plain text, numbers, lists and mappings"


def _kind(event: yaml.ScalarEvent, text: str) -> tuple[str, str, str]:
    """Return the name of the kind, and cause and remedy of what is wrong with it."""
    plain = str(_resolve(yaml.ScalarNode, text, (True, False))).removeprefix(_PREFIX)
    # `<<` (merge) and `=` (value) mean something as keys only; the safe loader cannot read them as values.
    written = plain if plain in _NAMES else "str"
    tag = event.tag
    if tag is None:
        kind = written if event.implicit[0] else "str"
    elif tag == "!":
        kind = "str"
    elif tag.startswith(_PREFIX) and tag.removeprefix(_PREFIX) in _NAMES:
        kind = tag.removeprefix(_PREFIX)
        # Checked here because the loader's own answer to `!!bool perhaps` is a KeyError.
        if kind not in {"str", "binary", written} and not {kind, written} <= _WRITTEN_SAME:
            return kind, f"{quoted(text)} is not {_NAMES[kind]}", f"remove the tag '!!{kind}'"
    else:
        return "str", *unsupported(tag)
    if kind in _WRITTEN_SAME and len(text) > NUMBER_CHARACTERS:
        return kind, f"a number of {len(text)} characters is too long", "put it in quotes if it is text"
    return kind, "", ""
