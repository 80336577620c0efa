"""What a process writes, as lines of a log: bytes in, lines out, in bounded memory.

Pure: no clock, no descriptor. Whoever reads the pipe says what time it is.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

LINE_LIMIT_BYTES = 16 * 1024
CUT = " [line cut here: "
PROGRESS_SECONDS = 5.0
REMINDER_SECONDS = 60.0
# What a record in Airflow's log costs beside the text of its line: time, level and place, as JSON (an estimate).
LINE_OVERHEAD_BYTES = 128

# Colours (SGR) stay. All other escape sequences move a cursor, set a title, hide a link: they go.
_ESCAPES = re.compile(
    r"(\x1b\[[0-9;:]*m)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"
    r"|\x1b[ -/]*[0-Z\\^_`a-z]"
)
_SUSPECT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# Control characters become the pictures that Unicode has of them; what would break a line becomes one, too.
_PICTURES = {
    **{chr(code): chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x1B)},
    "\x7f": "\u2421",
    **dict.fromkeys(map(chr, range(0x80, 0xA0)), "\ufffd"),
    "\u2028": "\u2424",
    "\u2029": "\u2424",
}


def clean(text: str) -> str:
    """Return one line without anything that acts on a terminal or a viewer, but with its colours."""
    if not _SUSPECT.search(text):
        return text
    kept = _ESCAPES.sub(lambda match: match.group(1) or "", text) if "\x1b" in text else text
    # A line has few kinds of them, if many: this takes a tenth of ``str.translate``'s time.
    for character in _PICTURES.keys() & set(kept):
        kept = kept.replace(character, _PICTURES[character])
    # An escape character that begins no sequence, or only the beginning of one.
    return re.sub(r"\x1b(?!\[[0-9;:]*m)", "\u241b", kept)


def readable_size(size_bytes: float) -> str:
    """Return ``12.3 MB``."""
    for unit in ("bytes", "kB", "MB"):
        if size_bytes < 1000:  # noqa: PLR2004 - SI
            return f"{size_bytes:.0f} {unit}" if unit == "bytes" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} GB"


class Output:
    """The output of one process. Feed it bytes as they come; it returns the lines to show now.

    Lines end with a line feed. A carriage return begins the line anew, as in a terminal: such a progress bar is
    shown at most once in five seconds, and in its last state. A line is cut at 16 KiB. Beyond half of
    ``limit_bytes`` nothing is shown any more; the last half of ``limit_bytes`` is shown by ``finish``. Each line
    counts with what a log record costs beside it (``LINE_OVERHEAD_BYTES``).
    """

    def __init__(self, limit_bytes: int) -> None:
        self._lines = _Lines()
        self._cap = _Cap(limit_bytes)

    def feed(self, chunk: bytes, now: float) -> list[str]:
        """Take what came, at ``now`` (seconds on any clock that does not go back)."""
        return self._cap.add(self._lines.feed(chunk, now), now)

    def idle(self, now: float) -> list[str]:
        """Say that nothing came for a moment: shows the state of a progress bar that is due."""
        return self._cap.add(self._lines.idle(now), now)

    def finish(self) -> list[str]:
        """Return the rest: what was left out, in one line, then the end of the output."""
        return self._cap.finish(self._lines.finish())


class _Lines:
    """Splits bytes into clean lines."""

    def __init__(self) -> None:
        self._pending = bytearray()  # of the line that has not ended
        self._cut_bytes = 0  # of that line, beyond the limit
        self._state: str | None = None  # what a carriage return overwrote, not shown yet
        self._in_progress = False  # a carriage return was in this line
        self._shown_at = float("-inf")
        self._return_held = False  # a carriage return ended the last chunk: a line feed may follow it

    def feed(self, chunk: bytes, now: float) -> list[str]:
        if self._return_held:
            chunk = b"\r" + chunk
        self._return_held = chunk.endswith(b"\r")
        if self._return_held:
            chunk = chunk[:-1]
        *ended, rest = chunk.replace(b"\r\n", b"\n").split(b"\n")
        lines = self._end_lines(ended) if ended else []
        self._add(rest)
        lines += self._due(now)
        return lines

    def idle(self, now: float) -> list[str]:
        if self._return_held:
            self._return_held = False
            self._add(b"\r")
        return self._due(now)

    def finish(self) -> list[str]:
        if self._pending or self._state is not None:
            return self._end_lines([b""])
        return []

    def _end_lines(self, ended: list[bytes]) -> list[str]:
        first, *others = ended
        lines = self._end_line(first)
        if others and not any(b"\r" in line or len(line) > LINE_LIMIT_BYTES for line in others):
            text = b"\n".join(others).decode("utf-8", "replace")
            whole = text.split("\n")
            return lines + (list(map(clean, whole)) if _SUSPECT.search(text) else whole)
        for line in others:
            lines += self._end_line(line)
        return lines

    def _end_line(self, piece: bytes) -> list[str]:
        self._add(piece)
        if self._pending or not self._in_progress:
            line: str | None = self._text()
        else:
            line = self._state  # None when it was shown already
        self._begin_anew()
        self._state = None
        self._in_progress = False
        return [] if line is None else [line]

    def _add(self, piece: bytes) -> None:
        first, *others = piece.split(b"\r")
        self._append(first)
        if not others:
            return
        self._in_progress = True
        *overwritten, last = others
        # Of a thousand states that came at once, the last is the one to show.
        state = next((state for state in reversed(overwritten) if state), None)
        if state is not None:
            self._begin_anew()
            self._append(state)
        if self._pending:
            self._state = self._text()
        self._begin_anew()
        self._append(last)

    def _begin_anew(self) -> None:
        self._pending.clear()
        self._cut_bytes = 0

    def _append(self, piece: bytes) -> None:
        room = LINE_LIMIT_BYTES - len(self._pending)
        self._pending += piece[:room]
        self._cut_bytes += max(0, len(piece) - room)

    def _text(self) -> str:
        # The cut may fall into a character.
        text = self._pending.decode("utf-8", "replace")
        if not self._cut_bytes:
            return clean(text)
        return f"{clean(text)}{CUT}{readable_size(self._cut_bytes)} more]"

    def _due(self, now: float) -> list[str]:
        if self._state is None or now - self._shown_at < PROGRESS_SECONDS:
            return []
        line, self._state, self._shown_at = self._state, None, now
        return [line]


@dataclass(frozen=True)
class _Block:
    """Lines kept for the end, joined: a million short strings would cost far more than their text."""

    text: bytes
    lines: int
    cost_bytes: int


class _Cap:
    """Lets the first half of a log through and keeps the last."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._half_bytes = limit_bytes // 2
        self._head_bytes = 0
        self._head_full = False
        self._tail: deque[_Block] = deque()
        self._tail_bytes = 0
        self._left_out_lines = 0
        self._left_out_bytes = 0
        self._reminded_at: float | None = None

    def add(self, lines: list[str], now: float) -> list[str]:
        if not self._head_full:
            lines, later = self._let_through(lines)
        else:
            lines, later = [], lines
        if later:
            self._keep(later)
        if self._left_out_lines and self._reminded_at is None:
            self._reminded_at = now
        elif self._reminded_at is not None and now - self._reminded_at >= REMINDER_SECONDS:
            self._reminded_at = now
            size = readable_size(self._left_out_bytes)
            lines.append(f"[still running; {size} of output left out so far, its end will follow]")
        return lines

    def finish(self, lines: list[str]) -> list[str]:
        shown: list[str] = []
        if not self._head_full:
            shown, lines = self._let_through(lines)
        if lines:
            self._keep(lines)
        tail = self._trim()
        if self._left_out_lines:
            shown.append(
                f"[{self._left_out_lines:,} lines ({readable_size(self._left_out_bytes)}) of output are left out "
                f"here: a log is limited to {readable_size(self._limit_bytes)}]"
            )
        return shown + tail

    def _let_through(self, lines: list[str]) -> tuple[list[str], list[str]]:
        for index, line in enumerate(lines):
            cost = _cost_bytes(line)
            if self._head_bytes + cost > self._half_bytes:
                self._head_full = True
                return lines[:index], lines[index:]
            self._head_bytes += cost
        return lines, []

    def _keep(self, lines: list[str]) -> None:
        cost = sum(map(_cost_bytes, lines))
        self._tail.append(_Block("\n".join(lines).encode(), len(lines), cost))
        self._tail_bytes += cost
        while self._tail_bytes - self._tail[0].cost_bytes >= self._half_bytes:
            block = self._tail.popleft()
            self._leave_out(block.lines, block.cost_bytes)

    def _trim(self) -> list[str]:
        lines = [line for block in self._tail for line in block.text.decode().split("\n")]
        first = 0
        while self._tail_bytes > self._half_bytes and first < len(lines) - 1:
            self._leave_out(1, _cost_bytes(lines[first]))
            first += 1
        return lines[first:]

    def _leave_out(self, lines: int, cost_bytes: int) -> None:
        self._tail_bytes -= cost_bytes
        self._left_out_lines += lines
        self._left_out_bytes += cost_bytes - lines * LINE_OVERHEAD_BYTES


def _cost_bytes(line: str) -> int:
    return (len(line) if line.isascii() else len(line.encode())) + LINE_OVERHEAD_BYTES
