"""One line for each execution as it ends: for a person, or JSON for a program."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, TextIO

import click

from airflow_peach.authoring.definitions import METADATA_LOOP
from airflow_peach.demo.text_log import render
from airflow_peach.loops.identifiers import TaskName, parse_task_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_peach.monitoring.queries.ended import Execution


class Reporter:
    """Writes what ended.

    Args:
        output: where the lines go.
        as_json: one JSON object a line and nothing else.
        airflow_logs: Airflow's ``base_log_folder``.
        text_logs: where readable logs are written.
    """

    def __init__(self, output: TextIO, *, as_json: bool, airflow_logs: Path, text_logs: Path) -> None:
        self._output = output
        self._as_json = as_json
        self._airflow_logs = airflow_logs
        self._text_logs = text_logs

    def execution(self, ended: Execution) -> None:
        """Report one execution and write its text log."""
        name = parse_task_id(ended.dag_id, ended.task_id)  # the demo sets no prefix: a DAG's id is its loop
        report = {
            "codops": name.codops,
            "task": name.task,
            "loop": name.loop,
            "status": ended.status,
            "version": str(ended.record.get("version", "")),
            "repository": str(ended.record.get("repository", "")),
            "notebook": str(ended.record.get("notebook", "")),
            "start": ended.start.astimezone(dt.timezone.utc).isoformat() if ended.start else None,
            "duration": round(ended.duration_seconds, 3),
            "reason": _reason(ended),
            "log": str(self._write_log(ended, name)),
        }
        if self._as_json:
            self._line(json.dumps(report))
        else:
            self._line(_for_people(report, ended))

    def problem(self, problem: str) -> None:
        """Tell a person a problem of a repository; a program is told executions only."""
        self.say(f"{click.style('PROBLEM', fg='yellow')}  {problem}")

    def say(self, text: str) -> None:
        """Tell a person something; a program is told nothing."""
        if not self._as_json:
            self._line(text)

    def _line(self, text: str) -> None:
        # click leaves colours out where the output is not a terminal.
        click.echo(text, file=self._output)

    def _write_log(self, ended: Execution, name: TaskName) -> Path:
        source = (
            self._airflow_logs
            / f"dag_id={ended.dag_id}"
            / f"run_id={ended.run_id}"
            / f"task_id={ended.task_id}"
            / f"attempt={ended.try_number}.log"
        )
        folder = self._text_logs / name.loop
        folder = folder / name.codops / name.task if name.loop == METADATA_LOOP else folder / name.task
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{ended.end:%Y%m%dT%H%M%S.%f}-{ended.try_number}.log"
        with target.open("w", encoding="utf-8") as text:
            try:
                with source.open(encoding="utf-8", errors="replace") as lines:
                    text.writelines(line + "\n" for line in render(lines))
            except FileNotFoundError:
                text.write("Airflow wrote no log: the execution was ended before it began\n")
        return target


def _reason(ended: Execution) -> str:
    reason = ended.record.get("reason")
    if reason:
        return str(reason)
    return "ok" if ended.status == "success" else "ended by Airflow before it could say why; see its log"


def _for_people(report: Mapping[str, object], ended: Execution) -> str:
    good = ended.status == "success"
    mark = click.style("✔" if good else "✘", fg="green" if good else "red")
    codops, task, loop = report["codops"], report["task"], report["loop"]
    where = f"{codops}/{task}" + (" (metadata loop)" if loop == METADATA_LOOP else "")
    version = f" {report['version']}" if report["version"] else ""
    reason = "" if good else f": {report['reason']}"
    line = f"{ended.end.astimezone():%H:%M:%S} {mark} {where:<45}{ended.duration_seconds:7.1f} s{version}{reason}"
    return line if good else f"{line}\n           log: {report['log']}"
