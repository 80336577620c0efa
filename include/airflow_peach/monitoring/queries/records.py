"""The record of an execution: what the operator kept of it as XCom ``peach``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import and_

from airflow_peach.loops.identifiers import XCOM_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from sqlalchemy import ColumnElement, Select

    # A query of any columns; SQLAlchemy has one type parameter for each.
    Rows = Select[Unpack[tuple[Any, ...]]]


def record_of_instance() -> ColumnElement[bool]:
    """Return what joins a task instance with its record."""
    return and_(
        XComModel.dag_id == TaskInstance.dag_id,
        XComModel.run_id == TaskInstance.run_id,
        XComModel.task_id == TaskInstance.task_id,
        XComModel.map_index == TaskInstance.map_index,
        XComModel.key == XCOM_KEY,
    )


def read_record(value: object) -> Mapping[str, Any]:
    """Return the record that an XCom's value is; empty when it is none.

    The task execution API stores JSON as it is, everything else stores it as text. Whoever may edit XComs, may store
    anything.
    """
    try:
        content = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
