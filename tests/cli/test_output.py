from __future__ import annotations

import datetime as dt

import pytest

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.model import RepositoryStatus
from airflow_peach.cli import output

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86_400, "1 d"), (-5, "0 s")],
)
def test_an_age_has_one_unit(seconds: float, shown: str) -> None:
    assert output.age(NOW - dt.timedelta(seconds=seconds), NOW) == shown


def test_what_never_was_has_no_age() -> None:
    assert output.age(None, NOW) == "never"


@pytest.mark.parametrize(("number", "shown"), [(0, "no repositories"), (1, "1 repository"), (2, "2 repositories")])
def test_a_count(number: int, shown: str) -> None:
    assert output.count(number, "repository", "repositories") == shown


def test_a_regular_plural() -> None:
    assert output.count(2, "problem") == "2 problems"


def test_a_problem_as_data_has_its_place_and_its_line() -> None:
    problem = Problem(Place("news", "1a2b3c4d", "peach.yaml", 3, 5), "tasks.x", "is wrong", "mend it", "debr")

    assert output.problem_data(problem) == {
        "repository": "news",
        "version": "1a2b3c4d",
        "file": "peach.yaml",
        "line": 3,
        "column": 5,
        "about": "tasks.x",
        "cause": "is wrong",
        "remedy": "mend it",
        "codops": "debr",
        "message": "news@1a2b3c4d:peach.yaml:3:5: tasks.x: is wrong; mend it",
    }


def test_a_repository_as_data_has_its_times_as_text() -> None:
    status = RepositoryStatus("news", "https://git.example.org/news", fetched_at=NOW)

    assert output.repository_data(status)["fetched_at"] == "2026-03-01T12:00:00+00:00"
    assert output.repository_data(RepositoryStatus("news", ""))["fetched_at"] is None
    assert "problems" not in output.repository_data(status)
