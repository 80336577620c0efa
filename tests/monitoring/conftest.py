"""The API as Airflow mounts it, in this process, on the tests' own database; users log in by real tokens."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.asgi import ask
from tests.loop_run import BUNDLES, recorded_run

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.model import Catalogue, Organisation, RepositoryStatus, Requirement, Task
from airflow_peach.catalogue.store import write_catalogue
from airflow_peach.execution.artefacts import artefact_path, execution_label
from airflow_peach.loops.identifiers import XCOM_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from airflow.models.dagrun import DagRun
    from fastapi import FastAPI
    from httpx import Response
    from sqlalchemy.orm import Session

# All tests share one database: the loops of these have names of their own.
PREFIX = "api-"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOON = dt.datetime(2031, 5, 1, 12, tzinfo=dt.timezone.utc)
HTML = "<script>alert(1)</script>"

SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"


@contextlib.contextmanager
def api_server(auth_manager: str, **settings: str) -> Iterator[FastAPI]:
    """Airflow's whole API server with all plugins, as an app, with this auth manager; the one before comes back."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", auth_manager)
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of the tests that is long enough for its algorithm")
        for name, value in settings.items():
            patch.setenv(name, value)
        from airflow.api_fastapi import app as airflow_app  # noqa: PLC0415 - it takes seconds to import
        from airflow.api_fastapi.auth.tokens import get_signing_key  # noqa: PLC0415, F401

        state = airflow_app._AuthManagerState
        before = state.instance
        yield airflow_app.create_app(apps="core")
        state.instance = before


@dataclass(frozen=True)
class Client:
    """Somebody who asks the API."""

    app: FastAPI
    headers: Mapping[str, str]

    def __call__(self, path: str, *, method: str = "GET", **more: Any) -> Response:
        """Ask below ``/peach/api``, or by an absolute path."""
        url = path if path.startswith("/") else f"/peach/api/{path}"
        headers = {**self.headers, **more.pop("headers", {})}
        return ask(self.app, method, url, headers, **more)

    def json(self, path: str, **parameters: Any) -> Any:
        """Return what a successful request answers."""
        answer = self(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def simple_app(airflow_database: None) -> Iterator[FastAPI]:  # noqa: ARG001 - makes the tables
    with api_server(SIMPLE) as app:
        yield app


def simple_user(app: FastAPI, role: str) -> Client:
    from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415 - it takes seconds to import
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=role, role=role))
    return Client(app, {"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def viewer(simple_app: FastAPI) -> Client:
    return simple_user(simple_app, "viewer")


def task(codops: str, name: str, loop: str = "", **more: Any) -> Task:
    return Task(codops, name, loop or codops, "work", "peach.yaml", 3, "notebooks/job.ipynb", "task", **more)


PROBLEM = Problem(Place("work", "abcdef01", "peach.yaml", 3, 7), "tasks.old", f"{HTML} is wrong", "mend it", "alpha")
ALPHA = Organisation(
    "alpha",
    (
        *(task("alpha", name) for name in ("good", "bad", "slow", "now", "next")),
        task("alpha", "old", stale=True),
        task("alpha", "full", full_notebook=True),
        task("alpha", "gone"),
        task("alpha", "meta", "metadata"),
    ),
    requirements=(Requirement("orjson==3.3.1", "work:peach.yaml:1"),),
    repositories=("work",),
    problems=(PROBLEM,),
)
BETA = Organisation("beta", (task("beta", "only"), task("beta", "meta", "metadata")))
ENDED = Organisation("ended", tombstone_until=NOON)
WORK = RepositoryStatus(
    "work", "https://gitlab.example.org/team/work.git", "master", COMMIT, NOON, codops=("alpha",), problems=(PROBLEM,)
)
BROKEN = RepositoryStatus("broken", "/srv/broken", problems=(Problem(Place("broken"), "", "no peach.yaml"),))


def catalogue(alpha: Organisation) -> Catalogue:
    return Catalogue({"alpha": alpha, "beta": BETA, "ended": ENDED}, {"work": WORK, "broken": BROKEN})


def record(task_id: str, **more: Any) -> dict[str, Any]:
    return {
        "version": COMMIT[:8],
        "commit": COMMIT,
        "repository": "work",
        "notebook": "notebooks/job.ipynb",
        "reason": "ok",
        "run_seconds": 1.5,
        "cpu_seconds": 0.5,
        "peak_memory_bytes": 1024,
        "environment_seconds": 0.25,
        "exit_code": 0,
        "environment": task_id,
        **more,
    }


@dataclass(frozen=True)
class World:
    """What the API is asked about. ``first`` and ``second`` are alpha's runs; the second is running."""

    home: Path
    first: str = "manual__2031-05-01T12:00:00+00:00"
    second: str = "manual__2031-05-01T12:01:00+00:00"


FIRST = {"environment": "success", "good": "success", "bad": "failed", "slow": "failed", "now": "success"} | {
    "next": "success",
    "old": "success",
    "full": "success",
    "gone": "failed",
}
SECOND = (
    FIRST
    | {"bad": "skipped", "slow": "failed", "now": "running", "full": "success"}
    | dict.fromkeys(("next", "old", "gone"), "scheduled")
)


@pytest.fixture(scope="module")
def world(airflow_database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:  # noqa: ARG001
    from airflow.utils.session import create_session  # noqa: PLC0415 - it takes seconds to import

    folder = tmp_path_factory.mktemp("world")
    world = World(folder / "home")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("AIRFLOW__PEACH__HOME", str(world.home))
        patch.setenv("AIRFLOW__PEACH__DAG_ID_PREFIX", PREFIX)
        patch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(folder / "bundles"))
        patch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", BUNDLES)
        write_catalogue(world.home, catalogue(ALPHA))
        with create_session() as session:
            _history(world, session)
        # Meanwhile one task was removed and another is new.
        present = (*(one for one in ALPHA.tasks if one.name != "gone"), task("alpha", "fresh"))
        write_catalogue(world.home, catalogue(replace(ALPHA, tasks=present)))
        artefact = artefact_path(world.home, "alpha", "full", execution_label(world.first, 1))
        artefact.parent.mkdir(parents=True)
        artefact.write_text(json.dumps(hostile_notebook()), encoding="utf-8")
        yield world
        with create_session() as session:
            _forget(session)


def _history(world: World, session: Session) -> None:
    first = _run(session, "alpha", world.first, FIRST, NOON)
    first.state = "failed"
    first.end_date = NOON + dt.timedelta(seconds=50)
    second = _run(session, "alpha", world.second, SECOND, NOON + dt.timedelta(minutes=1))
    for run in (first, second):
        for task_id in FIRST:
            if task_id not in {"environment", "next", "old", "gone"} or run is first:
                reason = {"bad": f"ValueError: {HTML}", "slow": "timed out after 5 s"}.get(task_id, "ok")
                _push(session, run, task_id, record(task_id, reason=reason))
    beta = _run(session, "beta", "manual__beta", {"environment": "success", "only": "success"}, NOON)
    beta.state = "success"
    beta.end_date = NOON + dt.timedelta(seconds=10)
    waiting = _run(session, "beta", "manual__waiting", {"environment": "scheduled", "only": "scheduled"}, NOON)
    waiting.state, waiting.start_date = "queued", None
    shared = ("alpha.environment", "alpha.meta", "beta.environment", "beta.meta")
    metadata = _run(session, "metadata", "manual__shared", dict.fromkeys(shared, "success"), NOON)
    metadata.state = "success"
    metadata.end_date = NOON + dt.timedelta(seconds=20)


def _run(session: Session, loop: str, run_id: str, states: Mapping[str, str], start: dt.datetime) -> DagRun:
    """Record a run whose tasks were queued at ``start``, began a second later and took two."""
    run = recorded_run(PREFIX + loop, run_id, states, session)
    run.start_date = start
    for instance in run.get_task_instances(session=session):
        if instance.state in {"success", "failed", "running"}:
            instance.queued_dttm = start
            instance.start_date = start + dt.timedelta(seconds=1)
        if instance.state in {"success", "failed"}:
            instance.end_date = start + dt.timedelta(seconds=3)
    session.flush()
    return run


def _push(session: Session, run: DagRun, task_id: str, value: Any) -> None:
    from airflow.models.xcom import XComModel  # noqa: PLC0415 - it takes seconds to import

    XComModel.set(XCOM_KEY, value, dag_id=run.dag_id, task_id=task_id, run_id=run.run_id, session=session)


def _forget(session: Session) -> None:
    """The next module records the same runs again."""
    from airflow.models.dagrun import DagRun  # noqa: PLC0415 - it takes seconds to import
    from sqlalchemy import delete  # noqa: PLC0415

    session.execute(delete(DagRun).where(DagRun.dag_id.startswith(PREFIX)))


def hostile_notebook() -> dict[str, Any]:
    """A notebook that tries to run something wherever it can."""
    attacks = "<script>alert(1)</script><img src=x onerror=alert(2)><iframe srcdoc='<script>1</script>'></iframe>"
    data = {
        "text/html": f"<b>bold</b>{attacks}<a href='javascript:alert(3)'>x</a><form action=//evil><input></form>",
        "image/svg+xml": "<svg onload='alert(4)'><script>alert(5)</script></svg>",
        "image/png": '"><script>alert(6)</script>',
        "application/javascript": "alert(7)",
        "application/vnd.jupyter.widget-view+json": {"model_id": "x"},
    }
    outputs: list[dict[str, Any]] = [
        *({"output_type": "display_data", "data": {kind: value}, "metadata": {}} for kind, value in data.items()),
        {"output_type": "stream", "name": "stdout", "text": f"\x1b[31mred\x1b[0m {attacks}"},
        {"output_type": "error", "ename": attacks, "evalue": attacks, "traceback": [attacks]},
    ]
    markdown = f"# Title\n\n{attacks}\n\n[x](javascript:alert(8)) ![y](https://evil.example/pixel.png)"
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "title": "</title><script>alert(9)</script>",
            "kernelspec": {"name": "python3", "display_name": "<script>", "language": '"><script>'},
            "widgets": {"application/vnd.jupyter.widget-state+json": {}},
        },
        "cells": [
            {"id": "a", "cell_type": "markdown", "metadata": {}, "source": markdown},
            {
                "id": "b",
                "cell_type": "code",
                "metadata": {"tags": ["<script>"]},
                "execution_count": 1,
                "source": f"print('</script>{attacks}')",
                "outputs": outputs,
            },
            {"id": "c", "cell_type": "raw", "metadata": {"format": "text/html"}, "source": attacks},
        ],
    }
