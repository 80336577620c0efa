"""GitLab Code Quality: the report that a merge request shows.

See https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.cli.reports.findings import Findings


def render(findings: Findings, working_directory: Path) -> str:
    """Return the report; without findings it is an empty list."""
    return json.dumps(
        [
            {
                "description": finding.text,
                "check_name": f"peach/{finding.rule}",
                "fingerprint": finding.fingerprint,
                "severity": "major" if finding.severity == "error" else "info",
                "location": {
                    "path": finding.path(working_directory),
                    "positions": {
                        "begin": {
                            "line": finding.problem.place.line or 1,
                            "column": finding.problem.place.column or 1,
                        }
                    },
                },
            }
            for finding in findings.found
        ],
        indent=1,
    )
