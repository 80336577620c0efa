"""How long the API takes to answer the Tasks page, with a year of executions in a real PostgreSQL.

    python benchmarks/tasks_page.py [--keep FOLDER] [ORGANISATIONS] [TASKS_EACH] [TASK_INSTANCES]

By default 100 organisations of 20 tasks, 1,000,000 task instances with their records, which take minutes to make; with
``--keep`` they are made once, in a folder, and used from there afterwards. Asks Airflow's whole API server,
in this process, for what one organisation's page shows, for the overview, and for a page of executions; and for the
same by ``api/v2``. Figures of one machine mean little; the ratios do. On two quiet cores:

==============  ======  ===================================
one call        by us   the same by ``api/v2``
==============  ======  ===================================
organisation     66 ms   1.9 s in  67 calls,  29 times more
overview        104 ms  11.0 s in 306 calls, 106 times more
100 executions   54 ms   1.2 s in 101 calls,  22 times more
==============  ======  ===================================
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from postgres import running_postgres

from airflow_peach.catalogue.model import Catalogue, Organisation, RepositoryStatus, Task
from airflow_peach.catalogue.store import write_catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNS = 9

DAG_RUNS = """
insert into dag_run (dag_id, run_id, state, run_type, logical_date, data_interval_start, data_interval_end, run_after,
                     queued_at, start_date, end_date, triggered_by, clear_number, log_template_id, updated_at, conf,
                     span_status)
select dag_id, 'scheduled__' || begin, state, 'scheduled', begin, begin, begin, begin, begin, begin,
       case when state = 'success' then begin + interval '50 seconds' end, 'TIMETABLE', 0, 1, begin, '{}', 'not_started'
from generate_series(1, :runs) number, dag,
     lateral (select timestamptz '2026-01-01' + number * interval '1 minute' as begin,
                     case when number = :runs then 'running' else 'success' end as state) r
order by number, dag_id
"""
# Each loop is at its fifth task.
TASK_INSTANCES = """
insert into task_instance (id, task_id, dag_id, run_id, map_index, start_date, end_date, duration, state, try_number,
                           max_tries, pool, pool_slots, queue, priority_weight, operator, queued_dttm, span_status,
                           dag_version_id, executor_config)
select gen_random_uuid(), task_id, d.dag_id, run_id, -1,
       case when waiting then null else r.start_date + position * interval '2 seconds' end,
       case when waiting or position = 5 and r.state = 'running' then null
            else r.start_date + (position + 1) * interval '2 seconds' end, 2,
       case when waiting then null when position = 5 and r.state = 'running' then 'running'
            when random() < 0.02 then 'failed' else 'success' end,
       case when waiting then 0 else 1 end, 0, 'default_pool', 1, 'default', 1, 'NotebookOperator', r.start_date,
       'not_started', (select id from dag_version v where v.dag_id = d.dag_id limit 1), '\\x80057d942e'
from dag_run r join dag d using (dag_id),
     lateral (select position, case position when 0 then 'environment' else 'task' || position end task_id
              from generate_series(0, :tasks) position) t,
     lateral (select r.state = 'running' and position > 5 waiting) w
where d.dag_id <> 'metadata'
order by r.id, position
"""
RECORDS = """
insert into xcom (dag_run_id, task_id, map_index, key, dag_id, run_id, value, timestamp)
select r.id, task_id, -1, 'peach', dag_id, run_id,
       '{"version": "abcdef01", "commit": "abcdef0123456789abcdef0123456789abcdef01", "repository": "repo",
         "notebook": "a.ipynb", "reason": "ok", "run_seconds": 1.5, "cpu_seconds": 0.5, "peak_memory_bytes": 52428800,
         "environment_seconds": 0.01}'::jsonb, i.start_date
from task_instance i join dag_run r using (dag_id, run_id) where i.state in ('success', 'failed', 'running')
"""


def catalogue(organisations: int, tasks: int) -> Catalogue:
    """A catalogue of this size."""
    made = {}
    for number in range(organisations):
        codops = f"org{number:03}"
        own = tuple(
            Task(codops, f"task{i}", codops, "repo", "peach.yaml", i, "a.ipynb", "f") for i in range(1, tasks + 1)
        )
        made[codops] = Organisation(codops, own, repositories=("repo",))
    url = "https://gitlab.example.org/team/repo.git"
    return Catalogue(made, {"repo": RepositoryStatus("repo", url, codops=tuple(made))})


def fill(runs: int, tasks: int) -> None:
    """Let Airflow know the DAGs as it does, and their history in three statements."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager  # noqa: PLC0415 - it reads its settings at import
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db  # noqa: PLC0415
    from airflow.utils.db import initdb  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import text  # noqa: PLC0415

    from airflow_peach.loops.bundle import PeachBundle  # noqa: PLC0415

    initdb()
    bundle = PeachBundle(name="peach")
    bundle.initialize()
    file = bundle.path / "peach_loops.py"
    bag = BundleDagBag(file, safe_mode=False, load_op_links=False, bundle_path=bundle.path, bundle_name="peach")
    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)  # type: ignore[no-untyped-call]
        session.commit()
        sync_bag_to_db(bag, "peach", None, session=session)
        session.commit()
        for statement in (DAG_RUNS, TASK_INSTANCES, RECORDS):
            began = time.perf_counter()
            parameters = {name: value for name, value in (("runs", runs), ("tasks", tasks)) if f":{name}" in statement}
            rows = session.execute(text(statement), parameters).rowcount  # type: ignore[attr-defined]
            session.commit()
            print(f"  {rows:>9,} rows in {time.perf_counter() - began:.0f} s", flush=True)
    with create_session() as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"}).execute(text("vacuum analyze"))


def environment(home: Path, database: str) -> dict[str, str]:
    """Return the settings of an Airflow that has everything below ``home`` and its metadata in ``database``."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__PEACH__HOME": str(home / "peach"),
        "AIRFLOW__PEACH__SYNC": "external",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": (
            '[{"name": "peach", "classpath": "airflow_peach.loops.bundle.PeachBundle", "kwargs": {}}]'
        ),
    }


class Asked:
    """Airflow's API server, asked as a viewer."""

    def __init__(self) -> None:
        """Build the app."""
        from airflow.api_fastapi.app import create_app, get_auth_manager  # noqa: PLC0415
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415
        from starlette.testclient import TestClient  # noqa: PLC0415

        self._client = TestClient(create_app(apps="core"))
        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="viewer", role="viewer"))
        self._headers = {"Authorization": f"Bearer {token}"}
        self.calls = 0

    def __call__(self, path: str, **parameters: object) -> Any:  # noqa: ANN401 - any JSON
        """Return the answer; raises for anything but 200."""
        self.calls += 1
        answer = self._client.get(f"/{path}", params=parameters, headers=self._headers)
        answer.raise_for_status()
        return answer.json()


def organisation_by_airflow(ask: Asked, codops: str) -> None:
    """Ask ``api/v2`` for what an organisation's page shows: states, last executions, versions, counts."""
    ask(f"api/v2/dags/{codops}")
    dag_runs = ask(f"api/v2/dags/{codops}/dagRuns", order_by="-id", limit=10)["dag_runs"]
    instances: dict[str, tuple[str, str]] = {}
    for run in dag_runs[:2]:
        path = f"api/v2/dags/{codops}/dagRuns/{quote(run['dag_run_id'])}/taskInstances"
        for instance in ask(path, limit=100)["task_instances"]:
            if instance["state"] in {"success", "failed", "running"}:
                instances.setdefault(instance["task_id"], (path, instance["state"]))
    for task_id, (path, _) in instances.items():
        ask(f"{path}/{task_id}/xcomEntries/peach")
        for state in ("success", "failed"):
            every = f"api/v2/dags/{codops}/dagRuns/~/taskInstances"
            ask(every, task_id=task_id, state=state, limit=1)


def overview_by_airflow(ask: Asked) -> None:
    """Ask ``api/v2`` for what the overview shows: each loop, its last runs, its failing tasks, its position."""
    offset = 0
    while dags := ask("api/v2/dags", tags="peach", limit=100, offset=offset)["dags"]:
        offset += len(dags)
        for dag in dags:
            dag_id = dag["dag_id"]
            for run in ask(f"api/v2/dags/{dag_id}/dagRuns", order_by="-id", limit=10)["dag_runs"][:2]:
                ask(f"api/v2/dags/{dag_id}/dagRuns/{quote(run['dag_run_id'])}/taskInstances", limit=100)


def executions_by_airflow(ask: Asked, codops: str) -> None:
    """Ask ``api/v2`` for 100 executions of a task with their versions."""
    every = f"api/v2/dags/{codops}/dagRuns/~/taskInstances"
    for instance in ask(every, task_id="task3", order_by="-start_date", limit=100)["task_instances"]:
        path = f"api/v2/dags/{codops}/dagRuns/{quote(instance['dag_run_id'])}/taskInstances/task3/xcomEntries/peach"
        ask(path)


def median_seconds(measured: Callable[[], object], times: int = RUNS) -> float:
    """Median of some runs after one that is not counted."""
    seconds = []
    for _ in range(times + 1):
        began = time.perf_counter()
        measured()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def compare(what: str, ours: Callable[[], object], theirs: Callable[[], object], ask: Asked) -> None:
    """Measure both and print one line."""
    seconds = median_seconds(ours)
    ask.calls = 0
    theirs()
    calls = ask.calls
    by_airflow = median_seconds(theirs, times=1)
    print(
        f"  {what:<24}{seconds * 1000:8.0f} ms   by api/v2 {by_airflow * 1000:8.0f} ms in {calls} calls: "
        f"{by_airflow / seconds:.0f} times",
        flush=True,
    )


@contextmanager
def history(**settings: str) -> Iterator[None]:
    """Have the database that the command line asks for, and Airflow's settings in the environment."""
    parser = argparse.ArgumentParser()
    parser.add_argument("organisations", type=int, nargs="?", default=100)
    parser.add_argument("tasks", type=int, nargs="?", default=20)
    parser.add_argument("instances", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--keep", type=Path, help="a folder for the database; used again when it is there")
    given = parser.parse_args()
    size = f"{given.organisations} organisations of {given.tasks} tasks, {given.instances:,} task instances"
    folder = given.keep.absolute() if given.keep else Path(tempfile.mkdtemp(prefix="peach-page-"))
    warnings.simplefilter("ignore")
    print(size, flush=True)
    with running_postgres(folder / "postgres") as url:
        os.environ |= environment(folder, url) | settings
        made = folder / "made"
        if not made.exists():
            write_catalogue(folder / "peach", catalogue(given.organisations, given.tasks))
            fill(given.instances // (given.organisations * (given.tasks + 1)), given.tasks)
            made.write_text(size)
        elif made.read_text() != size:
            raise SystemExit(f"{folder} has {made.read_text()}: give another folder")
        yield
    if not given.keep:
        shutil.rmtree(folder)


def main() -> None:
    """Measure and print."""
    with history():
        ask = Asked()
        ours = "peach/api/organisations"
        compare("organisation", lambda: ask(f"{ours}/org001"), lambda: organisation_by_airflow(ask, "org001"), ask)
        compare("overview", lambda: ask(ours), lambda: overview_by_airflow(ask), ask)
        executions = f"{ours}/org001/tasks/task3/executions"
        compare("100 executions", lambda: ask(executions), lambda: executions_by_airflow(ask, "org001"), ask)


if __name__ == "__main__":
    main()
