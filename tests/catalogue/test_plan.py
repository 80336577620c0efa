"""What a plan says of trees that are the same: nothing, whatever is in them."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.corpus.configurations import CASES
from tests.corpus.properties import GOOD_NOTEBOOK, MemoryFiles

from airflow_peach.authoring.platform.file import read_platform_file
from airflow_peach.authoring.repository import read_repository
from airflow_peach.catalogue.merge import merge
from airflow_peach.catalogue.plan import plan
from airflow_peach.catalogue.single import catalogue_of

NOW = dt.datetime(2026, 11, 29, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize("start", range(8))
def test_the_same_tree_is_read_the_same_and_changes_nothing(start: int) -> None:
    """The corpus of bad and good configuration files, the smaller ones."""
    platform, looked_at = read_platform_file(None), 0
    for case in list(CASES.values())[start::8]:
        content = case.make()
        if len(content) > 20_000:
            continue
        files = MemoryFiles({"peach.yaml": content, "n.ipynb": GOOD_NOTEBOOK})
        first, second = (read_repository(files, repository="team/work", version=version) for version in ("1", "1"))
        assert first == second, case.name
        before = catalogue_of(first, platform)
        after = merge([second], before.repositories, before, platform, NOW)
        assert plan(before, after).is_empty, case.name
        looked_at += 1
    assert looked_at > 50
