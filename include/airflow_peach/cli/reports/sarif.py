"""SARIF 2.1.0, which code hosts and editors read.

See https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_peach import __version__
from airflow_peach.cli.reports.findings import RULES

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.cli.reports.findings import Finding, Findings


def render(findings: Findings, working_directory: Path) -> str:
    """Return the log: one run, with a result for each finding."""
    rules = [{"id": f"peach/{name}", "shortDescription": {"text": text}} for name, text in RULES.items()]
    run = {
        "tool": {"driver": {"name": "airflow-peach", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, working_directory) for finding in findings.found],
    }
    return json.dumps({"version": "2.1.0", "runs": [run]}, indent=1)


def _result(finding: Finding, working_directory: Path) -> dict[str, Any]:
    place = finding.problem.place
    return {
        "ruleId": f"peach/{finding.rule}",
        "ruleIndex": list(RULES).index(finding.rule),
        "level": "error" if finding.severity == "error" else "note",
        "message": {"text": finding.text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.path(working_directory)), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": place.line or 1, "startColumn": place.column or 1},
                }
            }
        ],
        "partialFingerprints": {"peach/v1": finding.fingerprint},
    }
