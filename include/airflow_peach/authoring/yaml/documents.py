"""A YAML text as a tree in which every key and value knows its line and column.

libyaml's parser gives events; the tree is built from those without recursion, so that depth, number of nodes
and what aliases expand to are counted while they come, before anything is made of them. Scalars become
Python's values by the rules of PyYAML's safe loader. What is wrong in one node (a duplicate key, an unknown
tag) is kept in that node as a flaw: the rest of the file can still be read. Only what is wrong with the text
as a whole raises.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml
from yaml.reader import Reader

from airflow_peach.authoring.problems import ProblemError
from airflow_peach.authoring.yaml.nodes import Mapping, Node, Scalar, Sequence
from airflow_peach.authoring.yaml.scalars import scalar
from airflow_peach.authoring.yaml.tree_builder import TreeBuilder
from airflow_peach.authoring.yaml.yaml_errors import explain

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LIMIT_BYTES", "DocumentError", "Mapping", "Node", "Scalar", "Sequence", "read_document"]

LIMIT_BYTES = 1024 * 1024
LIMIT_NODES = 10_000
LIMIT_DEPTH = 64

GIT_LFS_POINTER = b"version https://git-lfs"
CONFLICT_MARK = re.compile(rb"^(?:<<<<<<<|>>>>>>>) ", re.MULTILINE)

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
# The longer first: the mark of UTF-32 begins with that of UTF-16.
_BYTE_ORDER_MARKS_OF_OTHERS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class DocumentError(ProblemError):
    """The text is not one YAML document within the limits. Lines and columns count from 1."""

    def __init__(self, cause: str, remedy: str = "", *, line: int = 1, column: int = 1) -> None:
        super().__init__(cause, remedy)
        self.line = line
        self.column = column


def read_document(content: bytes) -> Node | None:
    """Return the root of the document in ``content``, or None when it holds nothing.

    Raises:
        DocumentError: not UTF-8, not YAML, more than one document, or over a limit: 1 MiB, 10,000 nodes with
            aliases expanded, 64 levels.
    """
    text = _decode(content)
    builder = TreeBuilder(scalar, limit_nodes=LIMIT_NODES, limit_characters=LIMIT_BYTES, limit_depth=LIMIT_DEPTH)
    try:
        for event in _events(text):
            flaw = builder.add(event)
            if flaw is not None:
                raise DocumentError(flaw.cause, flaw.remedy, line=flaw.line, column=flaw.column)
    except yaml.MarkedYAMLError as error:
        cause, remedy, line, column = explain(error, text)
        raise DocumentError(cause, remedy, line=line, column=column) from None
    return builder.root


def _events(text: str) -> Iterator[yaml.Event]:
    # libyaml: 4-8 times faster than the parser in Python, and what an author's other tools use.
    yield from yaml.parse(text, Loader=yaml.CSafeLoader)


def _decode(content: bytes) -> str:
    if len(content) > LIMIT_BYTES:
        raise DocumentError(f"the file has {len(content):,} bytes, and {LIMIT_BYTES:,} are read", "move data out of it")
    for mark, encoding in _BYTE_ORDER_MARKS_OF_OTHERS.items():
        if content.startswith(mark):
            raise DocumentError(f"the file is {encoding}, not UTF-8", "save it as UTF-8")
    if content.startswith(GIT_LFS_POINTER):
        raise DocumentError("a pointer of Git LFS, not the file", "commit the file itself to git")
    conflict = CONFLICT_MARK.search(content)
    if conflict:
        line = content.count(b"\n", 0, conflict.start()) + 1
        raise DocumentError("a merge conflict stands in it", "resolve it and commit", line=line)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position(content[: error.start].decode("utf-8-sig", "replace"))
        byte = content[error.start]
        raise DocumentError(
            f"not UTF-8: byte 0x{byte:02x}", "save the file as UTF-8", line=line, column=column
        ) from None
    forbidden = Reader.NON_PRINTABLE.search(text)
    if forbidden:
        line, column = _position(text[: forbidden.start()])
        raise DocumentError(
            f"YAML does not allow the character U+{ord(forbidden.group()):04X}",
            "remove it, or is this not a text file?",
            line=line,
            column=column,
        )
    return text


def _position(before: str) -> tuple[int, int]:
    """Return line and column, from 1, of what follows the text ``before``."""
    lines = _LINE_BREAK.split(before)
    return len(lines), len(lines[-1]) + 1
