"""How commands show things: to a person in one line, to a program as JSON data. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import datetime as dt

    from airflow_peach.authoring.problems import Problem
    from airflow_peach.catalogue.model import RepositoryStatus

_AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))


def good(text: str) -> str:
    """Return a line about something that is as it should be. click leaves the colour out where no terminal is."""
    return f"{click.style('✔', fg='green')} {text}"


def bad(text: object) -> str:
    """Return a line about something that is wrong."""
    return f"{click.style('✘', fg='red')} {text}"


def count(number: int, noun: str, plural: str = "") -> str:
    """Return ``no problems``, ``1 problem``, ``2 problems``."""
    return f"{number or 'no'} {noun if number == 1 else plural or f'{noun}s'}"


def age(then: dt.datetime | None, now: dt.datetime) -> str:
    """Return how long ago ``then`` was, in its largest unit: ``12 s``, ``3 h``; ``never`` for None."""
    if then is None:
        return "never"
    seconds = max(0, int((now - then).total_seconds()))
    for unit_seconds, unit in _AGES:
        if seconds >= unit_seconds:
            return f"{seconds // unit_seconds} {unit}"
    return f"{seconds} s"


def problem_data(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON data, the same in every command: its place's fields, its own, and its line."""
    own = dataclasses.asdict(problem)
    return {**own.pop("place"), **own, "message": str(problem)}


def repository_data(status: RepositoryStatus) -> dict[str, Any]:
    """Return what is known of a repository as JSON data; its problems stand with all others."""
    data = dataclasses.asdict(status)
    del data["problems"]
    return {**data, "fetched_at": status.fetched_at.isoformat() if status.fetched_at else None}
