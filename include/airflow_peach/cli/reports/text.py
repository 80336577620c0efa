"""For a person: one line for each finding; in a terminal its place can be clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_peach.cli import output

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.cli.reports.findings import Finding, Findings


def render(findings: Findings, working_directory: Path) -> str:  # noqa: ARG001 - every format's signature
    """Return the lines, for wherever no terminal is."""
    lines = [f"{_mark(finding)} {finding.problem}" for finding in findings.found]
    lines += (f"✔ {line}" for line in _tasks(findings))
    return "\n".join([*lines, _total(findings)])


def show(findings: Findings) -> None:
    """Write the lines to the terminal, in colours, with links to the places."""
    from rich.console import Console  # noqa: PLC0415 - 50 ms that only a terminal needs
    from rich.style import Style  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    console = Console(highlight=False, soft_wrap=True)
    for finding in findings.found:
        place = finding.problem.place
        link = (finding.root / place.file).as_uri() + (f"#{place.line}" if place.line else "")
        colour = "red" if finding.severity == "error" else "yellow"
        said = str(finding.problem).removeprefix(str(place))
        console.print(Text.assemble((f"{_mark(finding)} ", colour), (str(place), Style(link=link, bold=True)), said))
    for line in _tasks(findings):
        console.print(Text.assemble(("✔ ", "green"), line))
    console.print(Text(_total(findings)))


def _mark(finding: Finding) -> str:
    return "✘" if finding.severity == "error" else "!"


def _tasks(findings: Findings) -> list[str]:
    loops = ((task, "the metadata loop" if task.loop else "its organisation's loop") for task in findings.tasks)
    return [f"{task.place}: {task.name} in {loop}" for task, loop in loops]


def _total(findings: Findings) -> str:
    hints = len(findings.found) - len(findings.errors)
    parts = [output.count(len(findings.tasks), "valid task"), output.count(len(findings.errors), "problem")]
    return ", ".join([*parts, *([output.count(hints, "hint")] if hints else [])])
