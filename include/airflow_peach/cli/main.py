"""``peach``: the commands, each imported only when it is called.

Exit codes: 0 fine, 1 problems, 2 usage, 3 a bug of ours.
"""

from __future__ import annotations

import importlib
import io
import logging
import sys
import traceback
from typing import Any

import click

from airflow_peach import __version__
from airflow_peach.cli import options
from airflow_peach.errors import PeachError

EXIT_PROBLEMS, EXIT_BUG = 1, 3

COMMANDS = {
    "demo": "Run the example organisations in an Airflow of their own.",
    "init": "Write a first peach.yaml and notebook.",
    "plan": "Show what the loops would be after this change.",
    "prune": "Remove what is no longer used.",
    "run": "Run one task here, exactly as its loop would.",
    "schema": "Print the JSON Schema of the configuration file.",
    "status": "Show organisations, repositories, problems and environments.",
    "sync": "Read every repository and write the catalogue.",
    "validate": "Check the configuration files and notebooks of a repository.",
}


class LazyGroup(click.Group):
    """A group whose commands are modules of ``airflow_peach.cli``, named after them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"airflow_peach.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=options.examples(
        "peach demo                  see it run on this machine",
        "peach validate              check the repository you are in",
        "peach COMMAND --help        what a command does, with examples",
    ),
)
@click.version_option(__version__, prog_name="peach")
def peach() -> None:
    """Notebooks in endless loops, from a committed YAML file.

    Exit code 0: fine. 1: problems. 2: wrong usage. 3: a bug of airflow-peach.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run ``peach`` and exit. An expected error is one line; a bug is a traceback and exit code 3."""
    _prepare_streams()
    try:
        code: Any = peach.main(args=arguments, prog_name="peach", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except PeachError as error:
        click.echo(f"peach: {error}", err=True)
        sys.exit(EXIT_PROBLEMS)
    except Exception:  # noqa: BLE001 - the last line of defence: a bug keeps its traceback and gets its code
        traceback.print_exc()
        click.echo("peach: this is a bug of airflow-peach; please report it with the lines above", err=True)
        sys.exit(EXIT_BUG)
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_streams() -> None:
    """Say warnings on standard error, one line each, and let no character that a terminal lacks end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(level=logging.WARNING, format="peach: %(message)s", stream=sys.stderr)
