"""A problem: something wrong in a repository or its configuration, with place, cause and remedy."""

from __future__ import annotations

import difflib
import functools
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_CHARACTERS = 80
NAME_CHARACTERS = 1000


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands: ``repository@version:file:line:column``, as far as known; both count from 1."""

    repository: str
    version: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        text = f"{self.repository}@{self.version}" if self.version else self.repository
        if self.file:
            text += f":{printable(self.file)}"
        if self.line is not None:
            text += f":{self.line}"
            if self.column is not None:
                text += f":{self.column}"
        return text


@dataclass(frozen=True, order=True)
class Problem:
    """One problem. ``str(problem)`` is its one line: place, what it is about, cause and remedy.

    Attributes:
        place: where it stands.
        about: path inside the file (``tasks.x.notebok``), or empty.
        cause: what is wrong (``unknown key``).
        remedy: what to do (``did you mean 'notebook'?``), or empty.
        codops: whose problem it is, empty when the file did not say.
    """

    place: Place
    about: str
    cause: str
    remedy: str = ""
    codops: str = ""

    def __str__(self) -> str:
        about = f" {self.about}:" if self.about else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.place}:{about} {self.cause}{remedy}"


class ProblemError(PeachError):
    """Reading cannot go on; ``cause`` and ``remedy`` are those of the problem it becomes. Picklable."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause}; {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` with the nearest of the known names, or an empty string."""
    return _nearest(name, tuple(known))


@functools.lru_cache(maxsize=256)  # a slip is often made more than once
def _nearest(name: str, known: tuple[str, ...]) -> str:
    # No name that anybody slipped over is longer, and the search takes the square of it.
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.6) if len(name) <= NAME_CHARACTERS else []
    return f"did you mean '{printable(nearest[0])}'?" if nearest else ""


def quoted(text: str) -> str:
    """Return a text of the author's in quotes, on one line and not too long to be read in a message."""
    text = shortened(text)
    return f"'{text}'" if text.isprintable() else repr(text)


def shortened(text: str) -> str:
    """Return a text of the author's, not too long to be read in a message."""
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def printable(text: str) -> str:
    """Return a text of the author's on one line, with nothing in it that acts on a terminal or cannot be seen."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def foreign_character(text: str) -> str:
    """Return ``: it has CYRILLIC SMALL LETTER IE (U+0435) in it`` where only ASCII belongs, or an empty string.

    Such a character may look like another one, or like none at all.
    """
    foreign = next((character for character in text if not character.isascii()), None)
    if foreign is None:
        return ""
    return f": it has {unicodedata.name(foreign, 'a character without a name')} (U+{ord(foreign):04X}) in it"
