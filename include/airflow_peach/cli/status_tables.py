"""The tables of ``peach status`` in a terminal: as wide as it is, long cells folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_peach.cli.status_text import Table


def show(shown: Iterable[str | Table]) -> None:
    """Print lines and tables on standard output."""
    console = Console(highlight=False)
    for each in shown:
        if isinstance(each, str):
            console.print(Text.from_ansi(each))
        elif each.rows:
            console.print(_table(each))
        else:
            console.print(Text(each.empty))


def _table(table: Table) -> RichTable:
    made = RichTable(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in table.titles:
        made.add_column(Text(title), overflow="fold")
    for row in table.rows:
        made.add_row(*map(Text.from_ansi, row))
    return made
