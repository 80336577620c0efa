"""The DAG factory: one DAG for each organisation and the metadata DAG, from the catalogue and nothing else.

It never raises and never skips in silence: a DAG that cannot be built is reported and the others are there.
"""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, TaskGroup, get_parsing_context

from airflow_peach.authoring.definitions import METADATA_LOOP
from airflow_peach.catalogue.store import current_snapshot, read_organisations, snapshot_path
from airflow_peach.loops import identifiers
from airflow_peach.loops.documentation import describe_loop, describe_unbuildable_loop
from airflow_peach.loops.operators import EnvironmentOperator, NotebookOperator, PeachOperator
from airflow_peach.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_peach.catalogue.model import Organisation

log = logging.getLogger(__name__)

CATALOGUE_FOLDER = "catalogue"
# A fixed moment in the past: without catch-up a loop starts at once, and a moving one would never settle.
START = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)


def dags_beside(file: str) -> dict[str, DAG]:
    """Return the DAGs for the DAG file at ``file``, by their id.

    Reads ``catalogue/`` beside the file (a bundle's version), else the newest snapshot in ``[peach] home``. A
    worker that parses for one DAG reads one organisation's file.
    """
    settings = load_settings()
    folder = Path(file).parent / CATALOGUE_FOLDER
    if not folder.is_dir():
        version = current_snapshot(settings.home)
        if version is None:
            log.info("no catalogue in %s yet: run `peach sync`", settings.home)
            return {}
        folder = snapshot_path(settings.home, version)
    wanted = get_parsing_context().dag_id
    loop = identifiers.loop_of(settings.dag_id_prefix, wanted) if wanted else None
    only = loop if loop != METADATA_LOOP else None
    organisations, warnings = read_organisations(folder, only)
    for warning in warnings:
        log.warning("%s", warning)
    return build_dags(organisations, settings, loop=loop)


def build_dags(
    organisations: Mapping[str, Organisation], settings: Settings, *, loop: str | None = None
) -> dict[str, DAG]:
    """Build the DAGs of all loops, or of the one named ``loop``.

    One that cannot be built is logged, and stands there without a task or a schedule, saying so in its docs.
    """
    dags: dict[str, DAG] = {}
    for name, members in _loops(organisations):
        if loop is not None and name != loop:
            continue
        try:
            dag = _build_loop(name, members, settings)
        except Exception as error:
            # One organisation's data must not hide the others' DAGs; what is raised here is a bug of ours.
            log.exception("the DAG of loop %s cannot be built; the other loops are not affected", name)
            dag = _unbuildable_loop(name, members, settings, error)
        dags[dag.dag_id] = dag
    return dags


def _loops(organisations: Mapping[str, Organisation]) -> Iterator[tuple[str, list[Organisation]]]:
    ordered = [organisations[codops] for codops in sorted(organisations)]
    for organisation in ordered:
        yield organisation.codops, [organisation]
    # The metadata DAG outlives its last task while a tombstone stands, so that its running run can end.
    if ordered:
        sharing = [one for one in ordered if any(task.in_metadata_loop for task in one.tasks)]
        yield METADATA_LOOP, sharing


def _build_loop(loop: str, members: Sequence[Organisation], settings: Settings) -> DAG:
    alive = any(organisation.tasks for organisation in members)
    dag = _dag(loop, members, settings, schedule=_schedule(settings) if alive else None)
    dag.doc_md = describe_loop(loop, members)
    with dag:
        if loop == METADATA_LOOP:
            _chain(_metadata_tasks(members, settings))
        else:
            _chain(_own_tasks(members[0], settings))
    return dag


def _unbuildable_loop(loop: str, members: Sequence[Organisation], settings: Settings, error: Exception) -> DAG:
    dag = _dag(loop, members, settings, schedule=None)
    dag.doc_md = describe_unbuildable_loop(loop, error)
    return dag


def _dag(loop: str, members: Sequence[Organisation], settings: Settings, *, schedule: Any) -> DAG:  # noqa: ANN401
    return DAG(
        dag_id=identifiers.dag_id(settings.dag_id_prefix, loop),
        schedule=schedule,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        max_active_tasks=1,
        is_paused_upon_creation=False,
        render_template_as_native_obj=False,
        tags=[identifiers.TAG, *(identifiers.codops_tag(organisation.codops) for organisation in members)],
    )


def _schedule(settings: Settings) -> Any:  # noqa: ANN401 - what DAG(schedule=) takes
    if settings.loop_min_interval_seconds:
        return dt.timedelta(seconds=settings.loop_min_interval_seconds)
    return "@continuous"


def _chain(operators: Iterable[PeachOperator]) -> None:
    previous: PeachOperator | None = None
    for operator in operators:
        if previous is not None:
            previous >> operator
        previous = operator


def _own_tasks(organisation: Organisation, settings: Settings) -> Iterator[PeachOperator]:
    limit = organisation.terms.limit_seconds(settings, in_metadata_loop=False)
    yield EnvironmentOperator(
        task_id=identifiers.ENVIRONMENT_TASK,
        organisation=organisation,
        execution_timeout=dt.timedelta(seconds=settings.environment_time_limit_seconds),
    )
    for task in organisation.tasks:
        if not task.in_metadata_loop:
            yield NotebookOperator(
                task_id=task.name,
                organisation=organisation,
                task=task,
                execution_timeout=dt.timedelta(seconds=limit),
            )


def _metadata_tasks(members: Sequence[Organisation], settings: Settings) -> Iterator[PeachOperator]:
    """Yield the shared loop's tasks, one organisation after the other, each one's environment first.

    Organisation by organisation, not task by task: interleaved, the task groups would depend on each other in
    both directions, which Airflow's own pages take for a cycle.
    """
    for organisation in members:
        limit = organisation.terms.limit_seconds(settings, in_metadata_loop=True)
        group = TaskGroup(group_id=organisation.codops)
        yield EnvironmentOperator(
            task_id=identifiers.ENVIRONMENT_TASK,
            organisation=organisation,
            task_group=group,
            execution_timeout=dt.timedelta(seconds=limit),
        )
        for task in organisation.tasks:
            if task.in_metadata_loop:
                yield NotebookOperator(
                    task_id=task.name,
                    organisation=organisation,
                    task=task,
                    task_group=group,
                    execution_timeout=dt.timedelta(seconds=limit),
                )
