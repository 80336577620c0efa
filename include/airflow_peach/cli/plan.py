"""``peach plan``: what the loops would be after a change."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airflow_peach.authoring.work_tree import repository_of
from airflow_peach.cli import options, output
from airflow_peach.settings import author_home, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_peach.catalogue.plan import Plan, TaskChange

_MARKS = {"added": "+", "removed": "-", "changed": "~", "stale": "!"}
_MEANINGS = {"stale": "invalid now; its last valid definition runs on"}


@click.command(
    "plan",
    epilog=options.examples(
        "peach plan", "peach plan --against origin/master", "peach plan --against origin/master --format markdown"
    ),
)
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=Path())
@click.option("--against", metavar="REV", default="HEAD", show_default=True, help="The commit that runs now.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="For a person, a JSON object for a program, or a comment of a merge request.",
)
def command(path: Path, against: str, output_format: str) -> int:
    """Show what the loops would be after this change.

    PATH is the repository, or anything in it; the current directory without it. Its files on disk are compared with
    those of the commit --against: tasks added, removed, changed, and those that become invalid; requirements;
    problems. Other repositories of the organisation are not known here.

    Exit code 0 when the change brings no new problem, 1 when it does.
    """
    from airflow_peach.execution.local_plan import plan_of  # noqa: PLC0415 - help needs none of it

    found = plan_of(repository_of(path.resolve()), against, load_settings(home=author_home()))
    if output_format == "json":
        data = {**dataclasses.asdict(found), "problems": [output.problem_data(each) for each in found.problems]}
        click.echo(json.dumps({**data, "solved": [output.problem_data(each) for each in found.solved]}))
    else:
        click.echo("\n".join(_markdown(found, against) if output_format == "markdown" else _text(found)))
    return 1 if found.problems else 0


def _text(found: Plan) -> Iterator[str]:
    for change in found.tasks:
        yield f"{_MARKS[change.kind]} {change.codops}/{change.task} {_told(change)}"
    for kind, requirements in (("+", found.requirements_added), ("-", found.requirements_removed)):
        for codops, texts in requirements.items():
            yield from (f"{kind} {codops} requires {text}" for text in texts)
    yield from (output.bad(problem) for problem in found.problems)
    yield from (output.good(f"solved: {problem}") for problem in found.solved)
    if found.is_empty:
        yield "the loops stay as they are"


def _told(change: TaskChange) -> str:
    if change.kind == "changed":
        return f"({change.loop}): changed {', '.join(change.fields)}"
    return f"({change.loop}): {_MEANINGS.get(change.kind, change.kind)}"


def _markdown(found: Plan, against: str) -> Iterator[str]:
    yield f"### What changes in the loops, against `{_code(against)}`"
    yield ""
    if found.is_empty:
        yield "Nothing: the loops stay as they are."
    if found.tasks:
        yield from ("| task | loop | change |", "|---|---|---|")
        for change in found.tasks:
            what = f"changed: {', '.join(change.fields)}" if change.kind == "changed" else change.kind
            what = _MEANINGS.get(change.kind, what)
            yield f"| `{change.codops}/{change.task}` | `{change.loop}` | {what} |"
    for verb, requirements in (
        ("requires", found.requirements_added),
        ("no longer requires", found.requirements_removed),
    ):
        for codops, texts in requirements.items():
            yield f"\n`{codops}` {verb} {', '.join(f'`{_code(text)}`' for text in texts)}."
    for title, problems in (("New problems", found.problems), ("Solved", found.solved)):
        if problems:
            yield f"\n**{title}**\n"
            yield from (f"- `{_code(str(problem))}`" for problem in problems)


def _code(text: str) -> str:
    """Return a text as it can stand between two backquotes, whatever it is."""
    return " ".join(text.replace("`", "'").split())
