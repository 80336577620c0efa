"""The reference of all commands, from what their ``--help`` says.

``python -m airflow_peach.cli.reference docs/commands.md`` (``make docs``) writes it below the page's introduction; a
test holds the page to it.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airflow_peach.cli.main import COMMANDS, peach

if TYPE_CHECKING:
    from collections.abc import Iterator


def reference() -> str:
    """Return the Markdown of all commands, in the order of ``peach --help``."""
    context = click.Context(peach, info_name="peach")
    return "\n".join(_section(name, context) for name in COMMANDS)


def page(text: str) -> str:
    """Return the page with its introduction as it is and the reference as it should be."""
    introduction, _, _ = text.partition("## peach ")
    return introduction + reference()


def _section(name: str, parent: click.Context) -> str:
    command = peach.get_command(parent, name)
    if command is None:
        raise LookupError(name)
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## peach {name}", "", f"`{context.command_path} {usage}`", ""]
    lines += (f"{paragraph}\n" for paragraph in _paragraphs(command.help or ""))
    options = list(_options(command, context))
    lines += ["| option | meaning |", "|---|---|", *options, ""] if options else []
    lines += _examples(command.epilog or "")
    return "\n".join(lines)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        yield " ".join(paragraph.split())


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = None if "--help" in parameter.opts else parameter.get_help_record(context)
        if record is not None:
            name, meaning = record
            shown = name.replace("|", "\\|").replace("[", "").replace("]", "")
            yield f"| `{shown}` | {' '.join(meaning.split())} |"


def _examples(epilog: str) -> Iterator[str]:
    lines = [line.strip() for line in epilog.splitlines() if line.strip() not in {"\b", "Examples:", ""}]
    yield from ("```sh", *lines, "```", "")


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(page(file.read_text(encoding="utf-8")), encoding="utf-8")
