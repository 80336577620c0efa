"""What a kernel writes: all of it straight to the log, and its beginning into the executed notebook.

A script that a kernel runs at its start, whatever Python it is (3.8 or newer); standard library only. As messages,
which is Jupyter's way, a flood has no end: nothing slows the kernel down, the driver keeps every message, and what is
too much for a socket is dropped, the news of the cell's end among it. A pipe slows down who fills it.

What is written past Python (by libraries in C, by other programs) is in the log only. What is displayed (figures,
tables, widgets) goes into the notebook up to a size, all of it together.
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
# Of what is displayed, all cells together; and of the text of one error.
DISPLAY_CHARACTERS = 10_000_000
ERROR_CHARACTERS = 100_000
DISPLAY_NOTE = "[peach] what was displayed here is too large for the notebook"
_REPLACED = ("display_data", "update_display_data", "execute_result")
_DISPLAYED = (*_REPLACED, "comm_open", "comm_msg")


def install(shell: Any, result_mime_type: str) -> None:  # noqa: ANN401 - IPython's
    """Lead standard output, standard error and what is displayed as text to the log of this process."""
    room = _Room(NOTEBOOK_CHARACTERS)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        _lead(stream, number, room)
    publisher = shell.display_pub
    publish = publisher.publish

    def publish_and_show(data: Any, metadata: Any = None, **options: Any) -> Any:  # noqa: ANN401 - IPython's
        if "text/plain" in data and result_mime_type not in data and not options.get("update"):
            _write(1, str(data["text/plain"]) + "\n")
        return publish(data, metadata, **options)

    publisher.publish = publish_and_show
    _bound_messages(shell.kernel.session, result_mime_type)


def _bound_messages(session: Any, result_mime_type: str) -> None:  # noqa: ANN401 - jupyter_client's
    """Keep what is displayed, and the words of errors, from filling the memory of who collects them."""
    room = _Room(DISPLAY_CHARACTERS)
    send = session.send

    def send_bounded(stream: Any, message: Any, content: Any = None, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        kind, body = (message, content) if isinstance(message, str) else (message["msg_type"], message["content"])
        if body.get("ename"):
            body["evalue"] = _cut(body["evalue"])
            body["traceback"] = [_cut(line) for line in body["traceback"]]
        elif kind in _DISPLAYED and result_mime_type not in body.get("data", ()):
            buffers = options.get("buffers") or ()
            if not room.takes(_size(body) + sum(memoryview(buffer).nbytes for buffer in buffers)):
                if kind not in _REPLACED or not room.takes(len(DISPLAY_NOTE)):
                    return None
                if kind == "execute_result":  # the driver writes to the log what it gets
                    _write(1, str(body["data"].get("text/plain", "")) + "\n")
                body["data"], body["metadata"] = {"text/plain": DISPLAY_NOTE}, {}
        return send(stream, message, content, *args, **options)

    session.send = send_bounded


def _cut(text: str) -> str:
    if len(text) <= ERROR_CHARACTERS:
        return text
    half = ERROR_CHARACTERS // 2
    return f"{text[:half]} [... {len(text) - 2 * half} characters ...] {text[-half:]}"


def _size(value: Any) -> int:  # noqa: ANN401 - what JSON has
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(_size(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value))
    return 8


class _Room:
    """What may still go into the notebook."""

    def __init__(self, characters: int) -> None:
        self.characters = characters

    def takes(self, characters: int) -> bool:
        """Use up that much if there is that much."""
        cost = max(characters, MESSAGE_CHARACTERS)
        if cost > self.characters:
            return False
        self.characters -= cost
        return True


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
