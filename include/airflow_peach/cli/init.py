"""``peach init``: a first configuration file and notebook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic_core import PydanticCustomError

from airflow_peach.authoring import rules
from airflow_peach.authoring.first_task import FirstTask
from airflow_peach.authoring.work_tree import CONFIGURATION_FOLDER
from airflow_peach.cli import options, output
from airflow_peach.errors import PeachError
from airflow_peach.storage import write_text

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command(
    "init",
    epilog=options.examples(
        "peach init", "peach init --codops debr --task tf_task --notebook tensorflow_demo.ipynb --method train_model"
    ),
)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@click.option("--codops", help="The organisation's code.")
@click.option("--task", help="The task's name.  [default: first_task]")
@click.option("--notebook", help="Path of the notebook, or of a .py file, in the repository.  [default: <task>.ipynb]")
@click.option("--method", help="The entry function.  [default: run]")
def command(path: Path, codops: str | None, task: str | None, notebook: str | None, method: str | None) -> int:
    """Write a first peach.yaml and notebook, which validate and run.

    In a terminal it asks for what no option says. PATH is the repository, the current directory without it. A
    notebook that is there stays as it is; a configuration that is there is an error.

    Exit code 0 when they were written, 1 when not.
    """
    for there in (path / "peach.yaml", path / CONFIGURATION_FOLDER):
        if there.exists():
            raise PeachError(f"{there}: is there already; add a task to it, and check it with peach validate")
    codops = _ask("Code of your organisation (such as debr)", "--codops", codops, rules.codops, None)
    task = _ask("Name of the task", "--task", task, rules.task_name, "first_task")
    notebook = _ask("Notebook", "--notebook", notebook, rules.notebook_path, f"{task}.ipynb")
    method = _ask("Function in it", "--method", method, rules.method_name, "run")
    first = FirstTask(codops, task, notebook, method)
    try:
        if not (path / notebook).exists():
            write_text(path / notebook, first.content())
            click.echo(output.good(str(path / notebook)))
        write_text(path / "peach.yaml", first.configuration())
    except OSError as error:
        raise PeachError(f"{error.filename}: {error.strerror}") from error
    click.echo(output.good(str(path / "peach.yaml")))
    click.echo(f"Next: peach validate; peach run {task}; then commit.")
    return 0


def _ask(question: str, option: str, given: str | None, rule: Callable[[str], str], default: str | None) -> str:
    """Return the option's value, or the answer; ask again until the answer is valid."""
    if given is None and not sys.stdin.isatty():
        if default is None:
            raise click.UsageError(f"{option} is missing, and there is no terminal to ask in")
        given = default
    if given is not None:
        try:
            return rule(given)
        except PydanticCustomError as error:
            raise click.BadParameter(_told(error), param_hint=option) from None

    def check(answer: str) -> str:
        try:
            return rule(answer)
        except PydanticCustomError as error:
            raise click.BadParameter(_told(error)) from None

    answer: str = click.prompt(question, default=default, value_proc=check)
    return answer


def _told(error: PydanticCustomError) -> str:
    context = error.context or {}
    return "; ".join(filter(None, (context["cause"], context["remedy"])))
