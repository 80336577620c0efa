"""Tells the problems of the repositories as they come and go: a commit that breaks a file is answered at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_peach.catalogue.store import read_catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.demo.report import Reporter


class Problems:
    """Says each problem once, and when the last one is gone.

    Args:
        home: ``[peach] home``, whose catalogue tells them.
        reporter: says it to a person.
    """

    def __init__(self, home: Path, reporter: Reporter) -> None:
        self._home = home
        self._reporter = reporter
        self._known: set[str] = set()

    def report(self) -> None:
        """Say what is new since the last call."""
        catalogue = read_catalogue(self._home)
        of_repositories = (problem for status in catalogue.repositories.values() for problem in status.problems)
        now = [str(problem) for problem in (*catalogue.problems, *of_repositories)]
        for problem in now:
            if problem not in self._known:
                self._reporter.problem(problem)
        if self._known and not now:
            self._reporter.say("         no problem in any repository any more")
        self._known = set(now)
