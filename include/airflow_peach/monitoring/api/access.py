"""Who asks, and what they may read: the one place that knows Airflow's auth managers.

What Airflow mounts for a plugin is open by default, and of Airflow's dependencies those that look for the auth manager
in the app's state fail there; these do not.
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - FastAPI reads the annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from fastapi import Depends, HTTPException, status
from sqlalchemy.orm import Session

from airflow_peach.loops import identifiers
from airflow_peach.settings import Settings, load_settings

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

# Refuses who has no token (401), or none that is valid (401 when it expired, else 403).
requires_login = get_user


@dataclass(frozen=True)
class Reader:
    """A user, as far as DAGs go.

    Attributes:
        dag_ids: of the DAGs that Airflow has and the user may read.
    """

    dag_ids: frozenset[str]
    dag_id_prefix: str
    user: BaseUser

    def may_read_loop(self, loop: str) -> bool:
        """Whether the user may read this loop's DAG; ``loop`` is a codops or ``metadata``."""
        return identifiers.dag_id(self.dag_id_prefix, loop) in self.dag_ids

    def may_read_logs(self, dag_id: str) -> bool:
        """Whether the user may read what tasks of this DAG printed."""
        return dag_id in self.dag_ids and _may(self.user, "GET", DagAccessEntity.TASK_LOGS, dag_id)

    def may_trigger(self, dag_id: str) -> bool:
        """Whether the user may start a run of this DAG."""
        return dag_id in self.dag_ids and _may(self.user, "POST", DagAccessEntity.RUN, dag_id)


def open_session() -> Iterator[Session]:
    """Give a session on Airflow's metadata that nothing is written with."""
    with create_session(scoped=False) as session:
        yield session


def current_settings() -> Settings:
    """Return the platform's settings."""
    return load_settings()


ReadSession = Annotated[Session, Depends(open_session)]
CurrentSettings = Annotated[Settings, Depends(current_settings)]


def reader(user: GetUserDep) -> Reader:
    """Return the user who asks. Raises 401 and 403 as ``requires_login``, and 403 for who may read no executions."""
    # As Airflow's own pages ask before they show executions: a role may read DAGs and not what became of them.
    manager = get_auth_manager()
    if not manager.is_authorized_dag(method="GET", access_entity=DagAccessEntity.TASK_INSTANCE, user=user):
        raise HTTPException(
            status.HTTP_403_FORBIDDEN, "you may not read task instances; ask who gives out Airflow's roles"
        )
    return Reader(
        frozenset(manager.get_authorized_dag_ids(user=user, method="GET")), load_settings().dag_id_prefix, user
    )


CurrentReader = Annotated[Reader, Depends(reader)]


def _may(user: BaseUser, method: ResourceMethod, entity: DagAccessEntity, dag_id: str) -> bool:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return bool(get_auth_manager().is_authorized_dag(method=method, access_entity=entity, details=details, user=user))
