"""The one root of the errors we expect.

A ``PeachError`` is for the person who reads it: one line, saying where, what, and what to do. The doors
(command line, operator) print it without a traceback. Anything else that is raised is a bug of ours and
keeps its traceback. Each subclass lives in the module that raises it.
"""

from __future__ import annotations


class PeachError(Exception):
    """An expected failure; ``str(error)`` is the message for the reader. Picklable."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
