"""What a kernel writes: all of it straight to the log, and its beginning into the executed notebook.

A script that a kernel runs at its start, whatever Python it is (3.8 or newer); standard library only. As messages,
which is Jupyter's way, a flood has no end: nothing slows the kernel down, the driver keeps every message, and what is
too much for a socket is dropped, the news of the cell's end among it. A pipe slows down who fills it.

What is written past Python (by libraries in C, by other programs) is in the log only.
"""

from __future__ import annotations

import os
import sys

# The real one is in `typing`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Of streams in the executed notebook, all cells together.
NOTEBOOK_CHARACTERS = 1_000_000
# A message costs at least this much: a thousand of them, which sockets keep, are no flood.
MESSAGE_CHARACTERS = 1000
NOTE = "\n[peach] from here on, output is in the log only\n"
CHUNK_CHARACTERS = 1 << 20


def install(shell: Any, result_mime_type: str) -> None:  # noqa: ANN401 - IPython's
    """Lead standard output, standard error and what is displayed as text to the log of this process."""
    room = _Room()
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        _lead(stream, number, room)
    publisher = shell.display_pub
    publish = publisher.publish

    def publish_and_show(data: Any, metadata: Any = None, **options: Any) -> Any:  # noqa: ANN401 - IPython's
        if "text/plain" in data and result_mime_type not in data and not options.get("update"):
            _write(1, str(data["text/plain"]) + "\n")
        return publish(data, metadata, **options)

    publisher.publish = publish_and_show


class _Room:
    """What may still go into the notebook."""

    def __init__(self) -> None:
        self.characters = NOTEBOOK_CHARACTERS


def _lead(stream: Any, number: int, room: _Room) -> None:  # noqa: ANN401 - ipykernel's OutStream
    write_message, flush_message = stream.write, stream.flush
    pending = False
    # ipykernel 6 and newer put a pipe of their own in the place of the descriptor. A thread reads it, late, and not to
    # the end when the kernel is told to go. They keep the one that it was.
    own = getattr(stream, "_original_stdstream_copy", None)
    if own is not None:
        stream._should_watch = False  # noqa: SLF001 - else it waits for that thread at the end
        os.dup2(own, number)

    def write(text: str) -> int:
        nonlocal pending
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        _write(number, text)
        if room.characters > 0 and text:
            kept = text[: room.characters]
            room.characters -= len(kept)
            write_message(kept if room.characters > 0 else kept + NOTE)
            pending = True
        return len(text)

    def flush() -> None:
        nonlocal pending
        if pending:
            pending = False
            if room.characters > 0:
                room.characters -= MESSAGE_CHARACTERS
                if room.characters <= 0:
                    write_message(NOTE)
            flush_message()

    stream.write, stream.flush = write, flush


def _write(descriptor: int, text: str) -> None:
    for begin in range(0, len(text), CHUNK_CHARACTERS):
        left = memoryview(text[begin : begin + CHUNK_CHARACTERS].encode("utf-8", "backslashreplace"))
        while left:
            left = left[os.write(descriptor, left) :]
