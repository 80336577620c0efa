"""The catalogue as JSON data and back, and its version.

Every key is the name of a field, in the order of the fields; unknown keys are ignored and missing ones take
the field's default, so a catalogue of a neighbouring release can be read. ``args`` keep their order and their
YAML types (``airflow_peach.values``).

Light on purpose: a DAG parse imports it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.model import Organisation, RepositoryStatus, Requirement, Task, Terms
from airflow_peach.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_peach.catalogue.model import Catalogue

# What reading data that we did not write raises.
MALFORMED = (AttributeError, KeyError, RecursionError, TypeError, ValueError)


def dump(data: Any) -> str:  # noqa: ANN401 - any JSON
    """Return JSON as text, in the given order. ASCII: YAML can give text that UTF-8 cannot write."""
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def organisation_to_json(organisation: Organisation) -> dict[str, Any]:
    """Return an organisation as JSON data."""
    until = organisation.tombstone_until
    return {
        **vars(organisation),
        "tasks": [{**vars(task), "args": encode(dict(task.args))} for task in organisation.tasks],
        "requirements": [vars(requirement) for requirement in organisation.requirements],
        "repositories": list(organisation.repositories),
        "problems": problems_to_json(organisation.problems),
        "tombstone_until": until.isoformat() if until else None,
        "terms": vars(organisation.terms),
    }


def organisation_from_json(data: Any) -> Organisation:  # noqa: ANN401 - whatever the file held
    """Return what ``organisation_to_json`` was given. Raises one of ``MALFORMED`` for anything else."""
    until = data["tombstone_until"]
    return Organisation(
        **{
            **_known(Organisation, data),
            "tasks": tuple(Task(**{**_known(Task, task), "args": decode(task["args"])}) for task in data["tasks"]),
            "requirements": tuple(Requirement(**_known(Requirement, each)) for each in data["requirements"]),
            "repositories": tuple(data["repositories"]),
            "problems": problems_from_json(data["problems"]),
            "tombstone_until": dt.datetime.fromisoformat(until) if until else None,
            "terms": Terms(**_known(Terms, data.get("terms", {}))),
        }
    )


def status_to_json(status: RepositoryStatus) -> dict[str, Any]:
    """Return a repository's status as JSON data."""
    return {
        **vars(status),
        "fetched_at": status.fetched_at.isoformat() if status.fetched_at else None,
        "codops": list(status.codops),
        "problems": problems_to_json(status.problems),
    }


def status_from_json(data: Any) -> RepositoryStatus:  # noqa: ANN401 - whatever the file held
    """Return what ``status_to_json`` was given. Raises one of ``MALFORMED`` for anything else."""
    fetched_at = data["fetched_at"]
    return RepositoryStatus(
        **{
            **_known(RepositoryStatus, data),
            "fetched_at": dt.datetime.fromisoformat(fetched_at) if fetched_at else None,
            "codops": tuple(data["codops"]),
            "problems": problems_from_json(data["problems"]),
        }
    )


def problems_to_json(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return problems as JSON data."""
    return [{**vars(problem), "place": vars(problem.place)} for problem in problems]


def problems_from_json(data: Any) -> tuple[Problem, ...]:  # noqa: ANN401 - whatever the file held
    """Return what ``problems_to_json`` was given. Raises one of ``MALFORMED`` for anything else."""
    return tuple(Problem(**{**_known(Problem, each), "place": Place(**_known(Place, each["place"]))}) for each in data)


def problems_by_repository(catalogue: Catalogue) -> dict[str, tuple[Problem, ...]]:
    """Return the problems of each repository, and source, that has any."""
    found = {name: status.problems for name, status in catalogue.repositories.items() if status.problems}
    for problem in catalogue.problems:
        name = problem.place.repository
        found[name] = (*found.get(name, ()), problem)
    return dict(sorted(found.items()))


def version_of(files: Mapping[str, str]) -> str:
    """Return the version of a snapshot: SHA-256 over the names and texts of its files.

    No head and no time of a fetch is in them, so a commit that changes only code changes no version. (While
    a repository has problems it does: their places name the commit.)
    """
    return hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()


@cache
def _names(of: type) -> frozenset[str]:
    return frozenset(each.name for each in dataclasses.fields(of))


def _known(of: type, data: dict[str, Any]) -> dict[str, Any]:
    names = _names(of)
    return data if data.keys() <= names else {key: value for key, value in data.items() if key in names}
