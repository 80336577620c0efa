"""Remembers what a repository's files said at a commit, so that an unchanged repository is not read again.

Reading a repository parses all its notebooks; with 50 repositories of ten tasks that was four seconds of
processor time in each sync, and is now under one. One file for each repository; what does not fit is read anew.
That a commit takes too long to be read is remembered for an hour: the machine may have been busy.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow_peach
from airflow_peach import authoring
from airflow_peach.authoring.definitions import (
    ConfigurationFile,
    RepositoryConfiguration,
    RequirementEntry,
    TaskEntry,
)
from airflow_peach.authoring.problems import Place, ProblemError
from airflow_peach.catalogue.serialise import MALFORMED, dump, problems_from_json, problems_to_json
from airflow_peach.storage import write_text
from airflow_peach.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


RETRY_SECONDS = 3600


class UnreadableRepositoryError(ProblemError):
    """What the repository holds at this commit is too much to be read; its last definitions stay."""


def cached(
    home: Path, repository: str, commit: str, read: Callable[[], RepositoryConfiguration]
) -> RepositoryConfiguration:
    """Return what ``read`` returned for this commit the last time, else what it returns now.

    Raises:
        UnreadableRepositoryError: ``read`` raised it, now or within the last hour.
    """
    path = home / "cache" / "configurations" / f"{hashlib.sha256(repository.encode()).hexdigest()}.json"
    key = {"repository": repository, "commit": commit, "reader": _reader()}
    try:
        data = json.loads(path.read_bytes())
        if data["key"] == key:
            if "configuration" in data:
                return configuration_from_json(data["configuration"])
            if 0 <= time.time() - data["failed_at"] < RETRY_SECONDS:
                raise UnreadableRepositoryError(data["cause"], data["remedy"])
    except FileNotFoundError:
        pass
    except MALFORMED as error:
        log.warning("%s: is damaged (%r); reading %s again", path, error, repository)
    try:
        configuration = read()
    except UnreadableRepositoryError as error:
        failure = {"failed_at": time.time(), "cause": error.cause, "remedy": error.remedy}
        write_text(path, dump({"key": key, **failure}))
        raise
    write_text(path, dump({"key": key, "configuration": configuration_to_json(configuration)}))
    return configuration


@cache
def _reader() -> str:
    """Return what tells one reader from another: release, Python, and (for its developers) its own files."""
    folder = Path(str(authoring.__file__)).parent
    newest = max(file.stat().st_mtime_ns for file in folder.rglob("*.py"))
    return f"{airflow_peach.__version__} {sys.version_info[:3]} {newest}"


def configuration_to_json(configuration: RepositoryConfiguration) -> dict[str, Any]:
    """Return what a repository says as JSON data."""
    return {
        "repository": configuration.repository,
        "version": configuration.version,
        "files": [
            {
                **vars(file),
                "tasks": [
                    {**vars(task), "place": vars(task.place), "args": encode(dict(task.args))} for task in file.tasks
                ],
                "invalid_tasks": list(file.invalid_tasks),
                "requirements": [
                    {"text": requirement.text, "place": vars(requirement.place)} for requirement in file.requirements
                ],
                "problems": problems_to_json(file.problems),
            }
            for file in configuration.files
        ],
    }


def configuration_from_json(data: Any) -> RepositoryConfiguration:  # noqa: ANN401 - whatever the file held
    """Return what ``configuration_to_json`` was given. Raises one of ``MALFORMED`` for anything else."""
    return RepositoryConfiguration(
        data["repository"],
        data["version"],
        tuple(
            ConfigurationFile(
                **{
                    **file,
                    "tasks": tuple(
                        TaskEntry(**{**task, "place": Place(**task["place"]), "args": decode(task["args"])})
                        for task in file["tasks"]
                    ),
                    "invalid_tasks": tuple(file["invalid_tasks"]),
                    "requirements": tuple(
                        RequirementEntry(each["text"], Place(**each["place"])) for each in file["requirements"]
                    ),
                    "problems": problems_from_json(file["problems"]),
                }
            )
            for file in data["files"]
        ),
    )
