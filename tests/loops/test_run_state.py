"""The listener, in the transaction in which Airflow decides on a run, on a real database."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from airflow.listeners.listener import get_listener_manager
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.orm import object_session
from tests.loop_run import BUNDLES, recorded_run

from airflow_peach.catalogue.store import write_catalogue
from airflow_peach.loops import run_state

from .conftest import catalogue_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

pytestmark = [
    pytest.mark.usefixtures("airflow_database"),
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn of each other
]

# No other test's: all share one database.
CODOPS = "listened"
ONE_FAILED = {"environment": "success", "first": "failed", "second": "success"}
ALL_GOOD = {"environment": "success", "first": "success", "second": "skipped"}


@pytest.fixture
def session(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", BUNDLES)
    write_catalogue(home, catalogue_of(CODOPS, "first", "second"))
    with create_session() as session:
        yield session


def decided(run: DagRun, session: Session) -> str:
    """Let Airflow decide on the run, and return what is in the database then."""
    run.update_state(session=session)
    session.commit()
    state = session.scalar(select(DagRun.state).where(DagRun.run_id == run.run_id))
    return str(state)


def test_airflow_has_the_listener() -> None:
    assert run_state in get_listener_manager().pm.get_plugins()


def test_a_run_with_a_failed_task_is_failed_although_its_last_task_succeeded(session: Session) -> None:
    run = recorded_run(CODOPS, "one-failed", ONE_FAILED, session)
    assert decided(run, session) == "failed"
    assert run.end_date is not None


def test_without_the_listener_airflow_calls_it_a_success(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this module is for; when this fails, Airflow has changed and the module can go."""
    monkeypatch.setattr(run_state, "_tell_the_truth", lambda _: None)
    run = recorded_run(CODOPS, "without", ONE_FAILED, session)
    assert decided(run, session) == "success"


@pytest.mark.parametrize("state", ["failed", "upstream_failed"])
def test_any_failed_task_counts(session: Session, state: str) -> None:
    run = recorded_run(CODOPS, f"any-{state}", ONE_FAILED | {"first": "success", "environment": state}, session)
    assert decided(run, session) == "failed"


def test_a_run_whose_tasks_succeeded_or_were_skipped_is_a_success(session: Session) -> None:
    recorded_run(CODOPS, "another", ONE_FAILED, session)
    run = recorded_run(CODOPS, "all-good", ALL_GOOD, session)
    assert decided(run, session) == "success"


def test_a_run_that_is_not_over_is_left_alone(session: Session) -> None:
    run = recorded_run(CODOPS, "running", ONE_FAILED | {"second": "running"}, session)
    assert decided(run, session) == "running"


def test_a_run_that_a_person_marked_stays(session: Session) -> None:
    # Here, because its libraries warn of each other when they are imported.
    from airflow.api_fastapi.core_api.datamodels.dag_run import DagRunMutableStates  # noqa: PLC0415
    from airflow.api_fastapi.core_api.services.public.dag_run import patch_dag_run_state  # noqa: PLC0415

    run = recorded_run(CODOPS, "marked", ONE_FAILED, session)
    dag = run.get_dag()
    patch_dag_run_state(dag=dag, dag_run=run, state=DagRunMutableStates.SUCCESS, session=session)
    session.commit()
    assert str(run.state) == "success"


def test_a_dag_of_somebody_else_is_not_touched(session: Session) -> None:
    run = recorded_run(CODOPS, "not-ours", ONE_FAILED, session)
    run.get_dag().tags = {"team-x"}
    assert decided(run, session) == "success"


def test_an_error_in_it_ends_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: DagRun) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(run_state, "_tell_the_truth", broken)
    run = recorded_run(CODOPS, "broken", ONE_FAILED, session)
    assert decided(run, session) == "success"
    (record,) = [record for record in caplog.records if record.name == run_state.__name__]
    assert record.getMessage() == f"the state of run broken of {CODOPS} could not be checked"
    assert record.exc_info is not None


def test_a_run_that_no_session_holds_is_told_true_too(session: Session) -> None:
    """`airflow dags test` decides on such a run."""
    run = recorded_run(CODOPS, "detached", ONE_FAILED, session)
    dag = run.get_dag()
    session.commit()
    session.refresh(run)
    session.expunge(run)
    run.dag = dag
    assert object_session(run) is None
    run_state.on_dag_run_success(run, "success")
    assert str(run.state) == "failed"


def test_loading_it_costs_task_processes_nothing() -> None:
    """Every process of Airflow loads the plugin."""
    code = (
        "import sys, airflow_peach.plugin; print([m for m in ('sqlalchemy.orm', 'git', 'yaml.cyaml', 'IPython', "
        "'airflow.models.dagrun', 'airflow_peach.execution', 'airflow_peach.loops.factory') if m in sys.modules])"
    )
    base = code.replace("airflow_peach.plugin", "airflow.plugins_manager, airflow.listeners")
    printed = [
        subprocess.run([sys.executable, "-W", "ignore", "-c", one], capture_output=True, text=True, check=True).stdout
        for one in (code, base)
    ]
    assert printed[0] == printed[1]
