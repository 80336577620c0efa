"""``peach init``: a first configuration file and notebook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic_core import PydanticCustomError

from airflow_peach.authoring import rules
from airflow_peach.authoring.first_task import FirstTask
from airflow_peach.authoring.problems import ProblemError
from airflow_peach.authoring.work_tree import CONFIGURATION_FOLDER, MAIN_FILE, enclosing_repository
from airflow_peach.cli import options, output
from airflow_peach.errors import PeachError
from airflow_peach.storage import write_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_peach.authoring.entry_function import Entry


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
    notebook that is there stays as it is, and must have the function; a configuration that is there is an error.

    Exit code 0 when they were written, 1 when not.
    """
    outer = enclosing_repository(path.resolve())
    if outer is not None:
        raise PeachError(f"{path.resolve()}: is a folder of a repository, whose root alone is read: peach init {outer}")
    for there in (path / MAIN_FILE, path / CONFIGURATION_FOLDER):
        if there.exists():
            raise PeachError(f"{there}: is there already; add a task to it, and check it with peach validate")
    codops = _ask("Code of your organisation (such as debr)", "--codops", codops, rules.codops, None)
    task = _ask("Name of the task", "--task", task, rules.task_name, "first_task")
    notebook = _ask("Notebook", "--notebook", notebook, rules.notebook_path, f"{task}.ipynb")
    is_there = (path / notebook).exists()
    known = _entries(path / notebook, notebook) if is_there else rules.method_name
    method = _ask("Function in it", "--method", method, known, "run")
    first = FirstTask(codops, task, notebook, method, _required(path / notebook, method) if is_there else None)
    try:
        if not is_there:
            write_text(path / notebook, first.content())
            click.echo(output.good(str(path / notebook)))
        write_text(path / MAIN_FILE, first.configuration())
    except OSError as error:
        raise PeachError(f"{error.filename}: {error.strerror}") from error
    click.echo(output.good(str(path / MAIN_FILE)))
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


def _entries(file: Path, notebook: str) -> Callable[[str], str]:
    """Return the rule for a function that must be in the notebook."""

    def rule(method: str) -> str:
        try:
            _entry(file, rules.method_name(method), notebook)
        except ProblemError as error:
            raise rules.problem(error.cause, error.remedy) from None
        return method

    return rule


def _required(file: Path, method: str) -> tuple[str, ...]:
    signature = _entry(file, method, file.name).signature
    return () if signature is None else signature.required


def _entry(file: Path, method: str, notebook: str) -> Entry:
    from airflow_peach.authoring.entry_function import find_entry_function  # noqa: PLC0415 - help needs none of it
    from airflow_peach.authoring.notebooks import read_cells  # noqa: PLC0415 - the same

    return find_entry_function(read_cells(file.read_bytes(), notebook), method, notebook)


def _told(error: PydanticCustomError) -> str:
    context = error.context or {}
    return "; ".join(filter(None, (context["cause"], context["remedy"])))
