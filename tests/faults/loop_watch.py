"""Which executions of which loop are alive, seen again and again in ``/proc`` from the outside."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live_processes import is_alive

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

EVERY_SECONDS = 0.2

Seen = dict[str, dict[str, set[int]]]


class LoopWatch:
    """Looks while its block runs: at the processes whose HOME is in an execution's folder.

    Attributes:
        overlaps: two executions of one loop that were alive at the same time.
    """

    def __init__(self, home: Path) -> None:
        self.overlaps: list[tuple[str, set[str]]] = []
        self._home = f"HOME={home / 'executions'}/".encode()
        self._environments = f"VIRTUAL_ENV={home / 'environments'}/".encode()
        self._spans: dict[str, dict[str, tuple[float, float]]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def spans(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Return for each loop and execution when it was seen first and last, on the monotonic clock."""
        return {loop: dict(executions) for loop, executions in self._spans.items()}

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            seen = self._look()
            now = time.monotonic()
            for loop, executions in seen.items():
                known = self._spans.setdefault(loop, {})
                for execution in executions:
                    known[execution] = (known.get(execution, (now, now))[0], now)
                # One may have ended, and made room for the next, while we walked: only who still lives counts.
                living = {name for name, pids in executions.items() if len(executions) > 1 and any(map(is_alive, pids))}
                if len(living) > 1:
                    self.overlaps.append((loop, living))

    def _look(self) -> Seen:
        seen: Seen = {}
        for directory in Path("/proc").iterdir():
            if not directory.name.isdigit():
                continue
            try:
                variables = (directory / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            folder = self._part(variables, self._home)
            loop = self._part(variables, self._environments)
            if folder and loop and is_alive(int(directory.name)):
                seen.setdefault(loop, {}).setdefault(folder, set()).add(int(directory.name))
        return seen

    @staticmethod
    def _part(variables: list[bytes], prefix: bytes) -> str:
        found = (variable.removeprefix(prefix) for variable in variables if variable.startswith(prefix))
        return next(found, b"").partition(b"/")[0].decode()
