"""``airflow peach …`` for platform operators: the commands of ``peach``, with Airflow's own settings.

The provider's entry point names ``get_commands``; Airflow calls it for each ``airflow`` command.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

if TYPE_CHECKING:
    import argparse

    from airflow_peach.settings import Settings

_HERE = "airflow_peach.airflow_commands"
_HOME = Arg(("--home",), help="Directory of all state, instead of the setting [peach] home")  # type: ignore[no-untyped-call]
_FORMAT = Arg(("--format",), help="For a person, or JSON for a program", choices=("text", "json"), default="text")  # type: ignore[no-untyped-call]
_DRY_RUN = Arg(("--dry-run",), help="Remove nothing; show what would be", action="store_true")  # type: ignore[no-untyped-call]
_KEEP_DAYS = Arg(("--keep-days",), help="How long a thing that nothing needs is kept", type=float, default=30.0)  # type: ignore[no-untyped-call]


def get_commands() -> list[CLICommand]:
    """Return the group ``peach``."""
    names = {
        "status": ("Show organisations, repositories, problems and environments", (_HOME, _FORMAT)),
        "organisations": ("List the organisations with their DAGs and tasks", (_HOME, _FORMAT)),
        "sync": ("Read every repository and write the catalogue", (_HOME, _FORMAT)),
        "prune": ("Remove what is no longer used", (_HOME, _KEEP_DAYS, _DRY_RUN, _FORMAT)),
    }
    commands = [
        ActionCommand(name=name, help=help_, func=lazy_load_command(f"{_HERE}.{name}"), args=args)
        for name, (help_, args) in names.items()
    ]
    return [GroupCommand(name="peach", help="Notebooks in endless loops: for platform operators", subcommands=commands)]


def status(args: argparse.Namespace) -> None:
    """Show what the last sync left."""
    _peach("status", args)


def prune(args: argparse.Namespace) -> None:
    """Remove what is no longer used."""
    _peach("prune", args, "--keep-days", str(args.keep_days), *(["--dry-run"] if args.dry_run else []))


def sync(args: argparse.Namespace) -> None:
    """Sync once; logins and tokens of sources come from Airflow's connections."""
    _peach("sync", args)


def organisations(args: argparse.Namespace) -> None:
    """List the organisations."""
    from airflow_peach.catalogue.store import read_catalogue  # noqa: PLC0415 - each airflow command loads this module

    settings = _settings(args)
    rows = [
        {
            "codops": each.codops,
            "dag_id": f"{settings.dag_id_prefix}{each.codops}",
            "tasks": len(each.tasks),
            "metadata_tasks": sum(task.in_metadata_loop for task in each.tasks),
            "repositories": list(each.repositories),
            "problems": len(each.problems),
            "terms": dataclasses.asdict(each.terms),
        }
        for each in read_catalogue(settings.home).organisations.values()
    ]
    sys.stdout.write(json.dumps(rows, indent=1) + "\n" if args.format == "json" else _table(rows))


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [
        f"{row['codops']:<32}  DAG {row['dag_id']}, tasks: {row['tasks']}, of these in the metadata loop: "
        f"{row['metadata_tasks']}, repositories: {len(row['repositories'])}, problems: {row['problems']}"
        for row in rows
    ]
    return "\n".join(lines or ["no organisations"]) + "\n"


def _peach(name: str, args: argparse.Namespace, *more: str) -> None:
    """Call the command ``peach NAME``, and exit as it does."""
    from airflow_peach.cli.main import main  # noqa: PLC0415 - each airflow command loads this module

    home = ("--home", args.home) if args.home else ()
    main([name, *home, "--format", args.format, *more])


def _settings(args: argparse.Namespace) -> Settings:
    from pathlib import Path  # noqa: PLC0415 - as above

    from airflow_peach.settings import load_settings  # noqa: PLC0415 - as above

    return load_settings(home=Path(args.home).absolute() if args.home else None)
