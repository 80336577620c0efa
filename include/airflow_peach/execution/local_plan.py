"""The loops before and after a change in an author's own repository."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from airflow_peach.authoring.definitions import RepositoryConfiguration
from airflow_peach.authoring.platform.file import read_platform_file
from airflow_peach.authoring.repository import read_repository
from airflow_peach.catalogue.merge import merge
from airflow_peach.catalogue.plan import Plan, plan
from airflow_peach.catalogue.single import catalogue_of
from airflow_peach.execution.code_source import local_commit, work_tree
from airflow_peach.repositories.local import LocalRepository

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.settings import Settings


def plan_of(root: Path, against: str, settings: Settings) -> Plan:
    """Return what the work tree at ``root`` changes against the commit ``against``, as a sync would see it.

    Before the first commit of a repository there is nothing, and everything is new.

    Raises:
        NoCommitError: ``against`` names no commit.
        PlatformFileError: the platform's file has problems.
    """
    platform = read_platform_file(settings.platform_file)
    if against == "HEAD" and not LocalRepository(root).has_commits():
        committed = RepositoryConfiguration(root.name, "")
    else:
        code = local_commit(root, against)
        committed = read_repository(code.files, repository=root.name, version=code.version)
    before = catalogue_of(committed, platform)
    now = work_tree(root)
    configuration = read_repository(now.files, repository=root.name, version="")
    after = merge([configuration], before.repositories, before, platform, dt.datetime.now(tz=dt.timezone.utc))
    return plan(before, after)
