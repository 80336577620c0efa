"""A document against a model: every error as a problem with its place, in the reader's words."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from airflow_peach.authoring.problems import did_you_mean, foreign_character, quoted
from airflow_peach.authoring.rules import PROBLEM_TYPE
from airflow_peach.authoring.yaml.nodes import Node, Path, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic_core import ErrorDetails

_MISSING = "this key is missing"
_KEY = "[key]"  # pydantic's mark for an error in a mapping's key
_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "int_type": "a whole number",
    "float_type": "a number",
}
_TYPE_REMEDIES = {
    "text": "write one line of text",
    "true or false": "write true or false, without quotes",
    "a list": "put each item on a line of its own that begins with '- '",
    "a mapping": "write 'key: value' lines below it, indented",
}
# bool before int, and datetime before date: the first is a kind of the second.
_KINDS = (
    (type(None), "nothing"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (list, "a list"),
    (dict, "a mapping"),
    (set, "a set"),
    (dt.datetime, "a time"),
    (dt.date, "a date"),
    (bytes, "binary data"),
)


KEY_CHARACTERS = 100
ABOUT_CHARACTERS = 300


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where in the document, cause and remedy.

    Attributes:
        path: of keys and list positions.
        about: the path as it is shown.
        unknown_key: the model does not know the last key of ``path``.
    """

    path: Path
    about: str
    line: int
    column: int
    cause: str
    remedy: str = ""
    unknown_key: bool = False


def finding_at(root: Node, path: Path, cause: str, remedy: str = "") -> Finding:
    """Return a finding at the key that ``path`` leads to."""
    mark = root.mark(path)
    return Finding(path, dotted(root, path), mark.line, mark.column, cause, remedy)


def dotted(root: Node, path: Path) -> str:
    """Return the path as it is shown: ``tasks.x.args``, ``dependencies[0]``."""
    text = ""
    for depth, key in enumerate(path):
        if isinstance(root.node(path[:depth]), Sequence):
            text += f"[{key}]"
            continue
        mark = root.mark(path[: depth + 1])
        name = mark.text if isinstance(mark, Scalar) and not isinstance(key, str) else str(key)
        shown = name if name.isprintable() and len(name) <= KEY_CHARACTERS else quoted(name)
        text += f".{shown}" if text else shown
    half = ABOUT_CHARACTERS // 2
    return text if len(text) <= ABOUT_CHARACTERS else f"{text[:half]}…{text[-half:]}"


def find(
    model: type[BaseModel],
    root: Node,
    *,
    sections: Mapping[str, type[BaseModel]],
    ignored: Iterable[str] = (),
) -> list[Finding]:
    """Return all that is wrong with ``root`` as a ``model``, in the file's order.

    Args:
        model: what the document should be.
        root: the document.
        sections: the model of the members of a key of the root (for the keys to suggest), and of one of their
            keys by its path, as in ``sources.gitlab``.
        ignored: keys of the root whose content is not looked at.
    """
    ignored = set(ignored)
    findings = [
        Finding(path, dotted(root, path), flaw.line, flaw.column, flaw.cause, flaw.remedy)
        for path, flaw in root.all_flaws()
        if not path or path[0] not in ignored
    ]
    flawed = {finding.path for finding in findings}
    try:
        model.model_validate(root.data())
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            path = _path(root, detail["loc"])
            # What is flawed as YAML has been said; what the model makes of it says less.
            if path not in flawed:
                findings.append(_finding(root, path, detail, list(_model_at(path, model, sections).model_fields)))
    return sorted(_without_echoes(findings), key=lambda finding: (finding.line, finding.column))


def _model_at(path: Path, model: type[BaseModel], sections: Mapping[str, type[BaseModel]]) -> type[BaseModel]:
    """Return the model whose key the last of ``path`` is, or should be."""
    names = [key for key in path[:-1] if isinstance(key, str)]
    paths = (".".join(names[:depth]) for depth in range(len(names), 0, -1))
    return next((sections[each] for each in paths if each in sections), model)


def _path(root: Node, location: tuple[int | str, ...]) -> Path:
    """Return pydantic's location as keys of the tree: it names a key that is no text by its ``repr``."""
    path: Path = ()
    for key in location:
        if key == _KEY:
            continue
        node = root.node(path)
        if node is not None and node.step(key) is None:
            key = next((own for own, _, _ in node.children() if repr(own) == key), key)  # noqa: PLW2901 - the same key, as it is
        path += (key,)
    return path


def _without_echoes(findings: list[Finding]) -> Iterator[Finding]:
    """Leave out the keys that are missing because they are misspelt: one slip, one problem."""
    misspelt = {(finding.path[:-1], finding.remedy) for finding in findings if finding.unknown_key}
    for finding in findings:
        if finding.cause != _MISSING or (finding.path[:-1], f"did you mean '{finding.path[-1]}'?") not in misspelt:
            yield finding


def _finding(root: Node, path: Path, detail: ErrorDetails, known: list[str]) -> Finding:
    kind, mark = detail["type"], root.mark(path)
    if kind == PROBLEM_TYPE:
        return finding_at(root, path, detail["ctx"]["cause"], detail["ctx"]["remedy"])
    if kind == "extra_forbidden":
        remedy = did_you_mean(str(path[-1]), known) or f"known keys: {', '.join(known)}"
        cause = f"unknown key{foreign_character(str(path[-1]))}"
        return replace(finding_at(root, path, cause, remedy), unknown_key=True)
    if kind == "missing":
        return finding_at(root, path, _MISSING, f"add '{path[-1]}: …'")
    if kind == "invalid_key" or detail["loc"][-1:] == (_KEY,):
        text, key = (mark.text, mark.value) if isinstance(mark, Scalar) else (str(path[-1]), path[-1])
        return finding_at(root, path, *_not_text("a key must be text", text, key))
    thing = "item" if isinstance(path[-1], int) else "key"
    return finding_at(root, path, *_wrong_type(_EXPECTED[kind], root.node(path), detail["input"], thing))


def _wrong_type(expected: str, node: Node | None, value: Any, thing: str) -> tuple[str, str]:  # noqa: ANN401 - as YAML has it
    if value is None:
        return f"has no value; expected {expected}", f"give it one, or remove the {thing}"
    text = node.text if isinstance(node, Scalar) else ""
    if expected == "text" and text:
        return _not_text("expected text", text, value)
    return f"expected {expected}, not {described(value)}", _TYPE_REMEDIES.get(expected, "")


def _not_text(what: str, text: str, value: Any) -> tuple[str, str]:  # noqa: ANN401 - as YAML has it
    return f"{what}, and YAML reads {quoted(text)} as {_kind_of(value)}", f"put it in quotes: '{text}'"


def described(value: Any) -> str:  # noqa: ANN401 - any YAML value
    """Return what a value is, in the reader's words: ``the text 'yes'``, ``a list``."""
    return f"the text {quoted(value)}" if isinstance(value, str) else _kind_of(value)


def _kind_of(value: Any) -> str:  # noqa: ANN401 - any YAML value
    return next((name for kind, name in _KINDS if isinstance(value, kind)), type(value).__name__)
