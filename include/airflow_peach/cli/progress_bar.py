"""A bar in the terminal while a sync runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_peach.catalogue.gathering import Progress


class ProgressBar:
    """A bar on standard error while a sync runs; from several threads."""

    def __init__(self) -> None:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("asking the sources …", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Show how far it is, and the newest line."""
        self._bar.update(self._task, completed=progress.done, total=progress.total, description=progress.line[:80])
