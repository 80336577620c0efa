"""What ``peach status`` shows to a person: lines and tables, and those as plain aligned columns. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from airflow_peach.authoring.definitions import METADATA_LOOP
from airflow_peach.cli import output

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_peach.catalogue.model import Organisation, Task
    from airflow_peach.cli.status import EnvironmentStatus, Status

DIGEST_CHARACTERS = 12
HEAD_CHARACTERS = 8
NONE = "none"


# Longer tables show what is wrong, and how many more there are.
SHOWN_ROWS = 30


@dataclass(frozen=True)
class Table:
    """Rows under titles; ``empty`` is what is said when there are none."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = ""


def render(status: Status, now: dt.datetime, *, everything: bool = True) -> Iterator[str | Table]:
    """Yield lines and tables.

    Args:
        status: what is shown.
        now: UTC, for ages.
        everything: all rows of long tables, and the tasks of all loops.
    """
    yield f"Home       {status.home}"
    yield f"Isolation  {status.isolation}"
    wrong = [*status.errors, *status.problems]
    synced = status.version is not None or bool(status.catalogue.repositories)
    if synced:
        yield f"Catalogue  {_summary(status, now)}"
        tasks = sum(len(each.tasks) for each in status.catalogue.organisations.values())
        loops = _loops(status) if everything or tasks <= SHOWN_ROWS else ()
        for section in (_organisations(status, now), _repositories(status, now, everything=everything), *loops):
            yield ""
            yield from section
    else:
        yield ""
        yield "No sync yet: there is no catalogue in this directory. Run `peach sync`, or start Airflow."
    if synced or wrong:
        yield ""
        yield from map(output.bad, wrong)
        yield output.count(len(wrong), "problem") if wrong else output.good("no problems")


def _summary(status: Status, now: dt.datetime) -> str:
    repositories = status.catalogue.repositories.values()
    organisations = status.catalogue.organisations
    tasks = sum(len(each.tasks) for each in organisations.values())
    fetched = max((each.fetched_at for each in repositories if each.fetched_at), default=None)
    failing = sum(bool(each.error) for each in repositories)
    parts = [
        output.count(len(organisations), "organisation"),
        output.count(tasks, "task"),
        output.count(len(repositories), "repository", "repositories"),
        *([f"{failing} failing"] if failing else []),
        f"last answer {output.age(fetched, now)} ago" if fetched else "never fetched",
    ]
    return ", ".join(parts)


def _organisations(status: Status, now: dt.datetime) -> Iterator[str | Table]:
    rows = []
    for codops, organisation in status.catalogue.organisations.items():
        metadata = sum(task.in_metadata_loop for task in organisation.tasks)
        rows.append(
            (
                codops,
                str(len(organisation.tasks) - metadata),
                str(metadata),
                str(sum(task.stale for task in organisation.tasks)),
                _environment(status.environments[codops]),
                str(len(organisation.problems)),
                _end(organisation, now),
            )
        )
    titles = ("ORGANISATION", "TASKS", "METADATA TASKS", "STALE", "ENVIRONMENT", "PROBLEMS", "")
    yield Table(titles, rows, "no organisation: no repository has a valid configuration file")


def _environment(environment: EnvironmentStatus) -> str:
    shown = environment.digest[:DIGEST_CHARACTERS] if environment.digest else NONE
    return f"{shown}, failing" if environment.failure else shown


def _end(organisation: Organisation, now: dt.datetime) -> str:
    if organisation.tombstone_until is None:
        return ""
    return f"tombstone: its last task is gone, its DAG goes in {output.age(now, organisation.tombstone_until)}"


def _repositories(status: Status, now: dt.datetime, *, everything: bool) -> Iterator[str | Table]:
    repositories = list(status.catalogue.repositories.values())
    shown = repositories
    if not everything and len(repositories) > SHOWN_ROWS:
        # Those that are wrong first; in each group those of one organisation together.
        wrong = [each for each in repositories if each.error or each.problems]
        good = [each for each in repositories if not (each.error or each.problems)]
        shown = [*wrong, *good][:SHOWN_ROWS]
    rows = [
        (
            each.name,
            ", ".join(each.codops) or NONE,
            each.branch or NONE,
            each.head[:HEAD_CHARACTERS] or NONE,
            f"{output.age(each.fetched_at, now)} ago" if each.fetched_at else "never",
            "failing" if each.error else output.count(len(each.problems), "problem") if each.problems else "",
        )
        for each in sorted(shown, key=lambda each: (each.codops, each.name))
    ]
    titles = ("REPOSITORY", "ORGANISATIONS", "BRANCH", "HEAD", "FETCHED", "")
    yield Table(titles, rows, "no repository was found in the sources")
    if len(shown) < len(repositories):
        yield f"… and {len(repositories) - len(shown):,} more; all of them with --all"


def _loops(status: Status) -> Iterator[Sequence[str | Table]]:
    loops: dict[str, list[Task]] = defaultdict(list)
    for organisation in status.catalogue.organisations.values():
        for task in organisation.tasks:
            loops[task.loop].append(task)
    # The shared loop last, as it belongs to nobody.
    for loop in sorted(loops, key=lambda name: (name == METADATA_LOOP, name)):
        yield [_loop(loop, loops[loop])]


def _loop(loop: str, tasks: Sequence[Task]) -> Table:
    rows = [
        (
            f"{task.codops}.{task.name}" if task.in_metadata_loop else task.name,
            task.notebook,
            task.method,
            task.repository,
            click.style("stale: its newest definition is invalid", fg="yellow") if task.stale else "",
        )
        for task in tasks
    ]
    return Table((f"LOOP {loop}", "NOTEBOOK", "METHOD", "REPOSITORY", ""), rows)


def plain(shown: Iterable[str | Table]) -> Iterator[str]:
    """Yield lines: of a table its titles and rows, each column as wide as its widest cell."""
    for each in shown:
        if isinstance(each, str):
            yield each
        elif not each.rows:
            yield each.empty
        else:
            widths = [max(map(len, column)) for column in zip(each.titles, *each.rows, strict=True)]
            yield click.style(_line(each.titles, widths), bold=True)
            yield from (_line(row, widths) for row in each.rows)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
