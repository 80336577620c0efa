"""Threads that nobody waits for at the end: what a host does not answer must not keep a process alive."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


class Workers:
    """At most ``limit`` threads that do jobs in their order.

    Attributes:
        pending: jobs that are not done yet.
        heard_at: when the host behind them last answered, in ``time.monotonic()``.
        silent: it let a question pass its time limit, and answered no other meanwhile.

    Args:
        limit: of threads.
        changed: is notified after each job.
    """

    def __init__(self, limit: int, changed: threading.Condition) -> None:
        self.pending = 0
        self.heard_at = time.monotonic()
        self.silent = False
        self._limit = limit
        self._changed = changed
        self._threads = 0
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def submit(self, job: Callable[[], None]) -> None:
        """Have ``job`` done, soon."""
        with self._changed:
            self.pending += 1
            self._jobs.put(job)
            if self._threads < min(self._limit, self.pending):
                self._threads += 1
                threading.Thread(target=self._work, name="peach-fetch", daemon=True).start()

    def heard(self) -> None:
        """Note that the host has answered."""
        self.heard_at = time.monotonic()
        self.silent = False

    def not_heard(self, since: float) -> None:
        """Note that a question that was asked at ``since`` got no answer in time."""
        self.silent = self.heard_at < since

    def _work(self) -> None:
        while True:
            with self._changed:
                if self._jobs.empty():
                    self._threads -= 1
                    return
                job = self._jobs.get()
            try:
                job()
            except Exception:
                log.exception("a job of the sync failed; this is a bug of airflow-peach")
            with self._changed:
                self.pending -= 1
                self._changed.notify_all()
