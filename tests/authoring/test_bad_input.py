"""Bad configuration files and notebooks: each gives a problem with a place, or works; none takes long, or much memory.

The inputs, and what is expected of each, are the tables in ``tests/corpus``. Each is read in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.corpus import configurations, notebooks

CORPUS = Path(configurations.__file__).parent
TABLES = {"configurations": configurations.CASES, "notebooks": notebooks.CASES}
SECONDS = 1.0
REFERENCE_SECONDS = 0.1
SIZE_BYTES = 200_000_000


@pytest.fixture(scope="module", params=TABLES)
def table(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def measured(table: str) -> list[dict[str, Any]]:
    argv = [sys.executable, str(CORPUS / "measure.py"), table]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=1200)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.timeout(1200)
def test_each_gives_a_problem_with_a_place_or_works(table: str, measured: list[dict[str, Any]]) -> None:
    cases, wrong = TABLES[table], []
    outcomes = {each["name"]: each for each in measured[1:]}
    assert set(outcomes) == set(cases)
    for name, case in cases.items():
        if "raised" in outcomes[name]:
            wrong.append(f"{name}: raised {outcomes[name]['raised']}")
            continue
        said = outcomes[name]["said"]
        fitting = [each for each in said if case.says in each[0]] if case.says else []
        if bool(said) != bool(case.says) or bool(fitting) != bool(case.says):
            wrong.append(f"{name}: expected {case.says or 'nothing'!r}, said {[text for text, _, _ in said[:3]]}")
        elif case.says and case.line and not any(each[1:] == [case.line, case.column] for each in fitting):
            wrong.append(f"{name}: expected at {case.line}:{case.column}, said {fitting[:3]}")
    assert not wrong, "\n".join(wrong)


def test_none_takes_over_a_second_or_200_mb(measured: list[dict[str, Any]]) -> None:
    reference, *outcomes = measured
    # As this machine is now: others may be working on it.
    seconds = SECONDS * max(1.0, reference["reference_seconds"] / REFERENCE_SECONDS)
    slow = [each["name"] for each in outcomes if each.get("seconds", 0) > seconds]
    large = [each["name"] for each in outcomes if each.get("bytes", 0) > SIZE_BYTES]
    assert (slow, large) == ([], []), (seconds, slow, large)


def test_there_are_at_least_300_bad_ones(table: str) -> None:
    # Two cases with one content would be one.
    bad = {case.make() for case in TABLES[table].values() if case.says}
    assert len(bad) >= 300
