"""The one root of the errors we expect.

A ``PeachError`` is for the person who reads it: one line, saying where, what, and what to do. The doors
(command line, operator) print it without a traceback. Anything else that is raised is a bug of ours and
keeps its traceback. Each subclass lives in the module that raises it.
"""

from __future__ import annotations

ONE_LINE_CHARACTERS = 1000


class PeachError(Exception):
    """An expected failure; ``str(error)`` is the message for the reader. Picklable."""

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def one_line(self) -> str:
        """Return the message as one line of at most 1,000 characters, for where there is room for no more."""
        text = "; ".join(line.strip() for line in str(self).splitlines() if line.strip())
        return text if len(text) <= ONE_LINE_CHARACTERS else text[: ONE_LINE_CHARACTERS - 1] + "…"
