"""Workflow commands of GitHub Actions: annotations beside the lines of a pull request.

See https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.cli.reports.findings import Finding, Findings


def render(findings: Findings, working_directory: Path) -> str:
    """Return the commands, one a line."""
    return "\n".join(_annotation(finding, working_directory) for finding in findings.found)


def _annotation(finding: Finding, working_directory: Path) -> str:
    place = finding.problem.place
    kind = "error" if finding.severity == "error" else "notice"
    properties = {
        "file": finding.path(working_directory),
        "line": place.line or 1,
        "col": place.column or 1,
        "title": f"peach {finding.rule}",
    }
    shown = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{kind} {shown}::{_data(finding.text)}"


def _data(text: str) -> str:
    """Escape what would end the line; see ``escapeData`` of the runner's toolkit."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
