"""What libyaml found, in the words of somebody who has never read its sources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import yaml

# What is in libyaml's message: what to do. The first that fits.
_REMEDIES = {
    "mapping values are not allowed": "a text with ': ' in it needs quotes, "
    "and the keys of a mapping must begin in one column",
    "could not find expected ':'": "this line is neither 'key: value' nor part of the text above it: "
    "check its indentation",
    "did not find expected key": "check that this line begins in the same column as its neighbours, and its quotes",
    "did not find expected '-' indicator": "the items of a list must begin in one column, each with '- '",
    "did not find expected ',' or ']'": "close the list with ']', and put ',' between its items",
    "did not find expected ',' or '}'": "close the mapping with '}', and put ',' between its entries",
    "did not find expected node content": "put the text in quotes",
    "block sequence entries are not allowed": "begin a list on a line of its own, below its key",
    "unknown escape character": "in double quotes '\\' begins an escape: use single quotes",
    "unexpected end of stream": "close the quotes",
    "incompatible YAML document": "remove the line '%YAML …'",
    "did not find expected <document start>": "this line does not go with those above: is this a YAML file?",
    "invalid Unicode character escape code": "write the character itself",
    "control characters are not allowed": "remove it, or is this not a text file?",
}
# A key whose value begins right behind the colon: one text to YAML, and the next line's colon is the one too many.
_GLUED = re.compile(r"^\s*(?:- )?([A-Za-z_]\w*):(?![\s/])")
_CHARACTER_REMEDY = "put a text that begins with {character!r} in quotes"


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[str, str, int, int]:
    """Return cause, remedy, line and column (from 1) of a syntax error in ``text``."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    problem = error.problem or "cannot be read"
    lines = f"{text} ".splitlines()
    if line >= len(lines):  # libyaml's end is a line further where the last line does not end
        line, column = len(lines) - 1, len(lines[-1]) - 1
    character = lines[line][column : column + 1] if line < len(lines) else ""
    if "cannot start any token" in problem:
        if character == "\t":
            return "not valid YAML: a tab", "indent with spaces", line + 1, column + 1
        remedy = _CHARACTER_REMEDY.format(character=character)
    else:
        remedy = next((remedy for words, remedy in _REMEDIES.items() if words in problem), "")
    glued = _GLUED.match(lines[line - 1]) if line and "mapping values" in problem else None
    if glued:
        remedy = f"put a space after the colon in line {line}: '{glued[1]}: …'"
    began = error.context_mark
    # Where an unclosed quote or bracket began helps more than where the file ended.
    since = f", {error.context} that began on line {began.line + 1}" if began and began.line != line else ""
    return f"not valid YAML: {problem}{since}", remedy, line + 1, column + 1
