"""What a DAG and its tasks say of themselves in Airflow's UI. Pure text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_peach.authoring.definitions import METADATA_LOOP
from airflow_peach.values import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_peach.catalogue.model import Organisation, Task


def describe_loop(loop: str, members: Sequence[Organisation]) -> str:
    """Return a DAG's ``doc_md``: its tasks, their repositories, and the problems of its organisations."""
    title = "Metadata loop, shared by all organisations" if loop == METADATA_LOOP else f"Loop of {loop}"
    lines = [f"### {title}", "", "One task after the other, again and again, each at the newest commit.", ""]
    for organisation in members:
        tasks = [task for task in organisation.tasks if task.in_metadata_loop == (loop == METADATA_LOOP)]
        if loop == METADATA_LOOP:
            lines += [f"#### {organisation.codops}", ""]
        lines += _table(tasks) if tasks else ["It has no task now.", ""]
        if organisation.problems:
            lines += ["**Problems**", ""]
            lines += [f"- {_text(str(problem))}" for problem in organisation.problems]
            lines += [""]
    if not members:
        lines += ["It has no task now.", ""]
    return "\n".join(lines)


def describe_unbuildable_loop(loop: str, error: Exception) -> str:
    """Return the ``doc_md`` of a loop whose DAG cannot be built: that, why, and what to do."""
    return (
        f"### The loop {loop} cannot be built\n\nNo task of it runs. This is a bug of airflow-peach; please report it "
        f"with the DAG processor's log, which has the whole story:\n\n{_text(f'{type(error).__name__}: {error}')}\n"
    )


def _table(tasks: Sequence[Task]) -> list[str]:
    rows = ["| task | notebook | entry function | repository |", "| --- | --- | --- | --- |"]
    for task in tasks:
        name = f"{task.name} (stale: its newest definition is invalid)" if task.stale else task.name
        cells = [name, task.notebook, task.method, task.repository]
        rows.append("| " + " | ".join(map(_text, cells)) + " |")
    return [*rows, ""]


def _text(text: str) -> str:
    """Return ``text`` such that Markdown shows it as it is: it comes from people we do not know."""
    shown = "".join(f"\\{character}" if character in "\\`*_{}[]()<>#+!|~&" else character for character in text)
    return " ".join(shown.split())


def describe_definition(task: Task) -> str:
    """Return the whole definition of a task as JSON: its ``doc_json``.

    It is also what makes Airflow see that a task's arguments changed: they are no part of a serialised DAG
    otherwise, and a run in progress would take them up in its middle.
    """
    return _json(
        {
            "repository": task.repository,
            "file": task.file,
            "notebook": task.notebook,
            "method": task.method,
            "full_notebook": task.full_notebook,
            "executor": task.executor,
            "loop": task.loop,
            "args": encode(dict(task.args)),
        }
    )


def describe_environment(organisation: Organisation) -> str:
    """Return an organisation's requirements and who asked for them, as JSON; for the same reason."""
    return _json({"requirements": sorted([one.text, one.asked_by] for one in organisation.requirements)})


def _json(data: object) -> str:
    return json.dumps(data, sort_keys=True)  # with an indent, json is ten times slower: this is made at every parse
