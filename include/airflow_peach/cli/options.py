"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of all state, instead of the setting [peach] home.",
)
author_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of environments and executions.  [default: airflow-peach in the user's cache]",
)
source = click.option(
    "--source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory whose subfolders are git repositories, instead of the platform file's sources.",
)
output_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For a person, or one JSON object a line for a program.",
)


def examples(*lines: str) -> str:
    """Return these command lines as the end of a command's help; the backspace keeps click from filling them."""
    return "\n  ".join(["\b\nExamples:", *lines])
