from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from airflow_peach.authoring.definitions import (
    ConfigurationFile,
    RepositoryConfiguration,
    RequirementEntry,
    TaskEntry,
)
from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue import configuration_cache
from airflow_peach.catalogue.configuration_cache import cached

if TYPE_CHECKING:
    from pathlib import Path

PLACE = Place("team", "abc", "peach.yaml", 3, 1)
CONFIGURATION = RepositoryConfiguration(
    "team",
    "abc",
    (
        ConfigurationFile(
            "peach.yaml",
            "debr",
            tasks=(TaskEntry("t", "n.ipynb", "task", PLACE, args={"b": dt.date(2020, 1, 1), "a": "\ud800"}),),
            invalid_tasks=("x",),
            requirements=(RequirementEntry("numpy", PLACE),),
            requirements_valid=False,
            problems=(Problem(PLACE, "tasks.x", "cause", "remedy", "debr"),),
        ),
        ConfigurationFile("peach.conf/a.yaml", readable=False),
    ),
)


class Reader:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> RepositoryConfiguration:
        self.times += 1
        return CONFIGURATION


@pytest.fixture
def reader() -> Reader:
    return Reader()


def test_a_commit_is_read_once(tmp_path: Path, reader: Reader) -> None:
    results = [cached(tmp_path, "team", "a" * 40, reader) for _ in range(3)]

    assert results == [CONFIGURATION] * 3
    assert reader.times == 1


def test_another_commit_repository_or_reader_is_read(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(tmp_path, "team", "a" * 40, reader)
    cached(tmp_path, "team", "b" * 40, reader)
    cached(tmp_path, "other", "b" * 40, reader)
    assert reader.times == 3

    monkeypatch.setattr(configuration_cache, "_reader", lambda: "next release")
    cached(tmp_path, "team", "b" * 40, reader)
    assert reader.times == 4


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}'])
def test_a_damaged_file_is_read_anew(tmp_path: Path, reader: Reader, text: str) -> None:
    cached(tmp_path, "team", "a" * 40, reader)
    (path,) = (tmp_path / "cache" / "configurations").iterdir()
    path.write_text(text)

    assert cached(tmp_path, "team", "a" * 40, reader) == CONFIGURATION
    assert reader.times == 2


def test_a_reader_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> RepositoryConfiguration:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cached(tmp_path, "team", "a" * 40, fail)

    assert not (tmp_path / "cache").exists()
