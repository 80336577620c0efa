from __future__ import annotations

import json
import multiprocessing
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.authoring.repository import read_repository
from airflow_peach.catalogue import configuration_cache, reading
from airflow_peach.catalogue.configuration_cache import UnreadableRepositoryError
from airflow_peach.catalogue.reading import read_in_child
from airflow_peach.catalogue.store import read_organisation
from airflow_peach.catalogue.sync import sync
from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.commit import CommitFiles
from airflow_peach.repositories.mirror import Mirror

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_peach.authoring.definitions import RepositoryConfiguration
    from airflow_peach.settings import Settings

# Each cell costs IPython a tenth of a second, and there are about as many words as there may be.
SLOW = json.dumps(
    {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {},
        "cells": [{"cell_type": "code", "source": "!task\n" * 160}] * 180,
    }
)
# Two million bytes that are forty-eight million once they are lists.
LARGE = '{"nbformat": 4, "cells": [], "metadata": [' + "[]," * 750_000 + "0]}"
MANY = "codops: debr\ntasks:\n" + "".join(f"  t{n}: {{notebook: a.py, method: task}}\n" for n in range(1000))


@pytest.fixture
def read(settings: Settings, source: Path) -> Callable[[], RepositoryConfiguration]:
    def of_team() -> RepositoryConfiguration:
        mirror = Mirror(settings.home, RepositoryAddress("team", str(source / "team")), "master")
        return read_in_child(mirror, settings.home, mirror.fetch(30).commit)

    return of_team


def task_of(notebook: str) -> str:
    return f"codops: debr\ntasks:\n  x:\n    notebook: {notebook}\n    method: task\n"


def tasks(settings: Settings, codops: str) -> list[str]:
    return [task.name for task in read_organisation(settings.home / "catalogue", codops).tasks]


def test_a_child_reads_what_we_would(make_team: Any, settings: Settings, source: Path, read: Any) -> None:
    team = make_team("team")
    commit = team.configure("debr", "x", "broken!", more="dependencies: [numpy, '.', \"\\ud800\"]\n")
    configuration = read()

    mirror = Mirror(settings.home, RepositoryAddress("team", str(source / "team")), "master")
    files = CommitFiles(mirror, commit)
    assert configuration == read_repository(files, repository="team", version=commit[:8])
    assert configuration.files[0].problems


@pytest.mark.parametrize(
    "case",
    [
        ({"slow.ipynb": SLOW, "peach.yaml": task_of("slow.ipynb")}, ("TIME_LIMIT_SECONDS", 2), "took longer than 2 s"),
        (
            {"large.ipynb": LARGE, "peach.yaml": task_of("large.ipynb")},
            ("MEMORY_LIMIT_BYTES", 45_000_000),
            "took too much memory; 45,000,000 bytes are the limit",
        ),
        (
            {"a.py": "def task(): pass\n", "peach.yaml": MANY},
            ("ANSWER_LIMIT_BYTES", 100_000),
            "what it says takes more than 100,000 bytes",
        ),
    ],
    ids=["time", "memory", "answer"],
)
def test_one_repository_costs_only_itself(
    make_team: Any,
    settings: Settings,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[dict[str, str], tuple[str, int], str],
) -> None:
    files, limit, cause = case
    bad, good = make_team("bad"), make_team("good")
    bad.configure("debr", "x")
    good.configure("sesr", "y")
    sync(settings, source=source)
    bad.commit(files)
    good.configure("sesr", "y", "y2")
    monkeypatch.setattr(reading, *limit)

    report = sync(settings, source=source)

    (problem,) = report.problems
    assert cause in str(problem)
    assert "list fewer and smaller files" in str(problem)
    assert tasks(settings, "debr") == ["x"]
    assert tasks(settings, "sesr") == ["y", "y2"]

    began = time.monotonic()
    monkeypatch.setattr(reading, "_ask_child", None)  # nothing is read again
    assert sync(settings, source=source).problems == (problem,)
    assert time.monotonic() - began < 2

    monkeypatch.undo()
    bad.configure("debr", "x")
    assert sync(settings, source=source).problems == ()
    assert tasks(settings, "debr") == ["x"]


def test_what_took_too_long_is_tried_again_after_an_hour(
    make_team: Any, settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_team("team").configure("debr", "x")
    with monkeypatch.context() as patched:
        patched.setattr(reading, "ANSWER_LIMIT_BYTES", 10)
        assert sync(settings, source=source).problems
    assert sync(settings, source=source).problems
    monkeypatch.setattr(configuration_cache, "RETRY_SECONDS", 0)
    assert sync(settings, source=source).problems == ()


def test_a_bug_in_the_child_is_logged_and_told(
    make_team: Any, read: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_team("team").configure("debr", "x")
    monkeypatch.setattr(reading, "MEMORY_LIMIT_BYTES", "not a number")
    with pytest.raises(UnreadableRepositoryError, match=r"invalid literal .*; this is a bug of airflow-peach; report"):
        read()
    assert "Traceback" in caplog.text


def test_a_child_of_a_killed_sync_ends_by_itself(make_team: Any, settings: Settings, source: Path) -> None:
    team = make_team("team")
    commit = team.commit({"slow.ipynb": SLOW, "peach.yaml": task_of("slow.ipynb")})
    mirror = Mirror(settings.home, RepositoryAddress("team", str(source / "team")), "master")
    mirror.fetch(30)
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    # Nobody waits for it, and nobody kills it.
    arguments = (theirs, (str(settings.home), "team", "master", commit, 1, 1_000_000_000))
    child = context.Process(target=reading.answer, args=arguments)
    with ours, theirs:
        child.start()
        child.join(60)
    assert child.exitcode == -signal.SIGXCPU
