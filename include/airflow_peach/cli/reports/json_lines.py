"""One JSON object for each finding, one a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_peach.cli import output

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.cli.reports.findings import Findings


def render(findings: Findings, working_directory: Path) -> str:  # noqa: ARG001 - every format's signature
    """Return the lines."""
    lines = (
        json.dumps({**output.problem_data(finding.problem), "severity": finding.severity}) for finding in findings.found
    )
    return "\n".join(lines)
