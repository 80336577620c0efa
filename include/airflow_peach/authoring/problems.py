"""A problem: something wrong in a repository or its configuration, with place, cause and remedy."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_CHARACTERS = 80


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
            text += f":{self.file}"
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
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean '{nearest[0]}'?" if nearest else ""


def quoted(text: str) -> str:
    """Return a text of the author's in quotes, on one line and not too long to be read in a message."""
    if len(text) > SHOWN_CHARACTERS:
        text = text[: SHOWN_CHARACTERS - 1] + "…"
    return f"'{text}'" if text.isprintable() else repr(text)
