"""The queries in the dialects that Airflow supports; SQLite and PostgreSQL run elsewhere, this is their text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite

from airflow_peach.monitoring.queries import executions, loops

if TYPE_CHECKING:
    from airflow_peach.monitoring.queries.records import Rows

pytestmark = pytest.mark.filterwarnings("ignore")  # Airflow and its libraries warn of each other

QUERIES = {
    "newest_runs": loops.newest_runs_query("debr", 100, before=7),
    "newest_runs_of_each": loops.newest_runs_of_each_query(["debr", "sesr"], 10),
    "task_marks": loops.task_marks_query([1, 2]),
    "executions_at": executions.executions_at_query([("tf", 1), ("tf", 2)]),
    "latest_tries": executions.latest_tries_query("debr", "tf", [1, 2]),
    "earlier_tries": executions.earlier_tries_query("debr", "tf", [1, 2]),
    "counts": executions.counts_query("debr", ["tf"]),
}


def sql(query: Rows, dialect: object) -> str:
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("dialect", [postgresql, mysql, sqlite], ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_query_compiles(name: str, dialect: object) -> None:
    text = sql(QUERIES[name], dialect.dialect())  # type: ignore[attr-defined]
    assert text.startswith("SELECT")
    # What comes back is bounded by runs that are named or limited, or is a count.
    assert "LIMIT" in text or "dag_run.id IN (" in text or "count(*)" in text


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect()])  # type: ignore[no-untyped-call]
def test_the_newest_runs_of_each_loop_are_found_in_that_loop(dialect: object) -> None:
    text = sql(QUERIES["newest_runs_of_each"], dialect)
    assert "LATERAL ((SELECT" in text
    assert text.count("dag_run.dag_id = dag.dag_id") == 2
    assert text.count("LIMIT 10") == 2
