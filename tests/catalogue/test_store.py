from __future__ import annotations

import datetime as dt
import gc
import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.model import (
    Catalogue,
    Organisation,
    RepositoryStatus,
    Requirement,
    Task,
    Terms,
)
from airflow_peach.catalogue.store import (
    UnreadableFileError,
    current_snapshot,
    prune_snapshots,
    read_catalogue,
    read_organisation,
    read_organisations,
    read_snapshot_problems,
    read_statuses,
    snapshot_path,
    write_catalogue,
    write_statuses,
)

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime(2030, 1, 1, 12, 30, tzinfo=dt.timezone.utc)
PROBLEM = Problem(Place("team", "abc", "peach.yaml", 3, 1), "tasks.x", "größer", "do it", "debr")
TASK = Task(
    codops="debr",
    name="train",
    loop="metadata",
    repository="group/team",
    file="peach.yaml",
    line=7,
    notebook="n.ipynb",
    method="task",
    full_notebook=True,
    args={"z": [1, 2.5, dt.date(2020, 2, 3)], "a": {"text": "lone \ud800", 5: None}, "huge": 16**5000},
    stale=True,
)
DEBR = Organisation(
    "debr",
    tasks=(TASK,),
    requirements=(Requirement("numpy", "team:peach.yaml:2", "team", "peach.yaml"),),
    repositories=("team",),
    problems=(PROBLEM,),
    terms=Terms(queue="big", time_limit_seconds=60.0),
)
SESR = Organisation("sesr", tombstone_until=NOW)
TEAM = RepositoryStatus("team", "/srv/team", "master", "a" * 40, NOW, "no answer", ("debr",), (PROBLEM,), source="/srv")
SOURCE_PROBLEM = Problem(Place("/gone"), "", "cannot be listed")
CATALOGUE = Catalogue({"debr": DEBR, "sesr": SESR}, {"team": TEAM}, (SOURCE_PROBLEM,))


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    written = write_catalogue(tmp_path, CATALOGUE)

    assert written.changed == ("debr", "sesr")
    result = read_catalogue(tmp_path)
    assert result == CATALOGUE
    assert list(result.organisations["debr"].tasks[0].args) == ["z", "a", "huge"]
    assert read_statuses(tmp_path) == {"team": TEAM}


def test_before_the_first_sync_there_is_nothing(tmp_path: Path) -> None:
    assert read_catalogue(tmp_path) == Catalogue()
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read_statuses(tmp_path)
    assert current_snapshot(tmp_path) is None


def test_what_has_not_changed_is_not_touched(tmp_path: Path) -> None:
    first = write_catalogue(tmp_path, CATALOGUE)
    before = stamps(tmp_path)

    second = write_catalogue(tmp_path, CATALOGUE)

    assert (second.changed, second.version) == ((), first.version)
    assert stamps(tmp_path) == before


def test_an_organisation_that_is_gone_leaves_no_file(tmp_path: Path) -> None:
    write_catalogue(tmp_path, CATALOGUE)

    written = write_catalogue(tmp_path, replace(CATALOGUE, organisations={"debr": DEBR}))

    assert written.changed == ("sesr",)
    assert sorted(path.name for path in (tmp_path / "catalogue").iterdir()) == ["debr.json", "repositories.json"]


class TestSnapshots:
    def test_a_reader_sees_one_complete_sync(self, tmp_path: Path) -> None:
        version = write_catalogue(tmp_path, CATALOGUE).version

        assert current_snapshot(tmp_path) == version
        folder = snapshot_path(tmp_path, version)
        organisations, warnings = read_organisations(folder)
        assert (organisations, warnings) == ({"debr": DEBR, "sesr": SESR}, [])
        assert read_organisations(folder, "sesr") == ({"sesr": SESR}, [])
        assert read_organisations(folder, "none") == ({}, [])
        assert read_snapshot_problems(folder) == {"/gone": (SOURCE_PROBLEM,), "team": (PROBLEM,)}

    def test_a_code_commit_changes_no_version(self, tmp_path: Path) -> None:
        version = write_catalogue(tmp_path, CATALOGUE).version
        team = replace(TEAM, head="b" * 40, fetched_at=NOW + dt.timedelta(1), error="", branch="main")

        assert write_catalogue(tmp_path, replace(CATALOGUE, repositories={"team": team})).version == version
        assert read_statuses(tmp_path)["team"] == team

    @pytest.mark.parametrize(
        "changed",
        [
            replace(CATALOGUE, organisations={"debr": replace(DEBR, tasks=(replace(TASK, line=8),))}),
            replace(CATALOGUE, organisations={"debr": DEBR}),
            replace(CATALOGUE, repositories={"team": replace(TEAM, problems=())}),
            replace(CATALOGUE, problems=()),
        ],
        ids=["task", "organisation", "repository's problem", "source's problem"],
    )
    def test_anything_else_does(self, tmp_path: Path, changed: Catalogue) -> None:
        version = write_catalogue(tmp_path, CATALOGUE).version

        assert write_catalogue(tmp_path, changed).version != version

    def test_an_old_one_stays_as_it_was(self, tmp_path: Path) -> None:
        version = write_catalogue(tmp_path, CATALOGUE).version
        before = stamps(snapshot_path(tmp_path, version))

        write_catalogue(tmp_path, Catalogue())

        assert stamps(snapshot_path(tmp_path, version)) == before
        assert current_snapshot(tmp_path) != version

    def test_one_that_was_there_before_is_current_again(self, tmp_path: Path) -> None:
        version = write_catalogue(tmp_path, CATALOGUE).version
        write_catalogue(tmp_path, Catalogue())

        assert write_catalogue(tmp_path, CATALOGUE).version == version
        assert current_snapshot(tmp_path) == version

    def test_a_damaged_one_is_made_again(self, tmp_path: Path) -> None:
        version = write_catalogue(tmp_path, CATALOGUE).version
        (snapshot_path(tmp_path, version) / "debr.json").write_text("{")

        write_catalogue(tmp_path, CATALOGUE)

        assert read_organisations(snapshot_path(tmp_path, version)) == ({"debr": DEBR, "sesr": SESR}, [])

    def test_what_a_killed_sync_left_is_removed(self, tmp_path: Path) -> None:
        (tmp_path / "snapshots" / ".new-abc").mkdir(parents=True)

        write_catalogue(tmp_path, CATALOGUE)

        assert sorted(path.name for path in (tmp_path / "snapshots").iterdir())[1:] == ["current"]
        assert len(list((tmp_path / "snapshots").iterdir())) == 2

    @pytest.mark.parametrize("content", [b"", b"\xff", b"0123456789abcdef\n"])
    def test_a_damaged_pointer_is_no_snapshot(self, tmp_path: Path, content: bytes) -> None:
        version = write_catalogue(tmp_path, CATALOGUE).version
        (tmp_path / "snapshots" / "current").write_bytes(content)

        assert current_snapshot(tmp_path) is None
        write_catalogue(tmp_path, CATALOGUE)
        assert current_snapshot(tmp_path) == version

    def test_pruning_keeps_the_current_and_the_young(self, tmp_path: Path) -> None:
        old, young = (
            write_catalogue(tmp_path, replace(CATALOGUE, organisations={codops: Organisation(codops)})).version
            for codops in ("aa", "bb")
        )
        current = write_catalogue(tmp_path, CATALOGUE).version
        long_ago = time.time() - 31 * 86_400
        for version in (old, current):
            os.utime(snapshot_path(tmp_path, version), (long_ago, long_ago))

        assert prune_snapshots(tmp_path, keep_days=30, keep_newest=2) == ()
        assert prune_snapshots(tmp_path, keep_days=30, keep_newest=0) == (old,)

        assert current_snapshot(tmp_path) == current
        assert snapshot_path(tmp_path, young).is_dir()

    def test_age_counts_from_when_it_was_last_current(self, tmp_path: Path) -> None:
        version = write_catalogue(tmp_path, CATALOGUE).version
        os.utime(snapshot_path(tmp_path, version), (0, 0))

        write_catalogue(tmp_path, Catalogue())

        assert prune_snapshots(tmp_path, keep_newest=0) == ()


class TestDamage:
    @pytest.mark.parametrize(
        "text",
        ["", "{", '{"codops": "debr"', "[]", "null", '{"codops": "debr"}', '{"tasks": 5}', "[" * 100_000],
        ids=lambda text: text[:10],
    )
    def test_an_organisation_is_taken_from_the_snapshot(
        self, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        write_catalogue(tmp_path, CATALOGUE)
        path = tmp_path / "catalogue" / "debr.json"
        path.write_text(text)

        with pytest.raises(UnreadableFileError, match=r"debr\.json: is damaged"):
            read_organisation(tmp_path / "catalogue", "debr")
        assert read_catalogue(tmp_path) == CATALOGUE
        assert "is damaged" in caplog.text
        assert write_catalogue(tmp_path, CATALOGUE).changed == ("debr",)
        assert read_organisation(tmp_path / "catalogue", "debr") == DEBR

    def test_without_a_snapshot_it_is_absent_and_the_others_are_not(self, tmp_path: Path) -> None:
        write_catalogue(tmp_path, CATALOGUE)
        (tmp_path / "snapshots" / "current").unlink()
        (tmp_path / "catalogue" / "debr.json").write_text("{")

        assert set(read_catalogue(tmp_path).organisations) == {"sesr"}

    def test_a_file_under_another_name_is_not_believed(self, tmp_path: Path) -> None:
        write_catalogue(tmp_path, CATALOGUE)
        folder = tmp_path / "catalogue"
        (folder / "debr.json").rename(folder / "zzebu.json")

        organisations, warnings = read_organisations(folder)

        assert set(organisations) == {"sesr"}
        assert "zzebu.json: is damaged (it is about 'debr')" in warnings[0]

    @pytest.mark.parametrize("text", ["{", "[]", '{"repositories": {"team": {}}, "problems": []}'])
    def test_statuses(self, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
        write_catalogue(tmp_path, CATALOGUE)
        (tmp_path / "catalogue" / "repositories.json").write_text(text)

        with pytest.raises(UnreadableFileError, match=r"repositories\.json: is damaged"):
            read_statuses(tmp_path)
        assert read_catalogue(tmp_path).repositories == {}
        assert "repositories.json: is damaged" in caplog.text
        write_statuses(tmp_path, {"team": TEAM})
        assert read_statuses(tmp_path) == {"team": TEAM}

    @pytest.mark.parametrize("text", [None, "{", "[]", '{"team": [{}]}'])
    def test_a_snapshots_problems(self, tmp_path: Path, text: str | None, caplog: pytest.LogCaptureFixture) -> None:
        folder = snapshot_path(tmp_path, write_catalogue(tmp_path, CATALOGUE).version)
        path = folder / "problems.json"
        path.unlink() if text is None else path.write_text(text)

        assert read_snapshot_problems(folder) == {}
        assert "problems.json" in caplog.text


def test_a_neighbouring_release_is_understood(tmp_path: Path) -> None:
    write_catalogue(tmp_path, Catalogue({"debr": replace(DEBR, terms=Terms())}))
    path = tmp_path / "catalogue" / "debr.json"
    text = (
        path.read_text()
        .replace('"stale": true', '"stale": true, "new": 1')
        .replace('"codops": "debr",', '"codops": "debr", "newer": {},')
    )
    text = text[: text.index(',\n "terms"')] + "}"
    path.write_text(text)

    assert read_organisation(tmp_path / "catalogue", "debr") == replace(DEBR, terms=Terms())


def test_reading_imports_no_yaml_no_git_no_pydantic() -> None:
    script = (
        "import sys, airflow_peach.catalogue.store\n"
        "heavy = {'yaml', 'git', 'pydantic', 'IPython', 'airflow', 'packaging', 'subprocess'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_five_thousand_tasks_are_read_in_a_moment(tmp_path: Path) -> None:
    organisations = {
        f"org{number:02}": Organisation(
            f"org{number:02}",
            tasks=tuple(
                replace(TASK, codops=f"org{number:02}", name=f"t{task}", args={"a": 1, "b": {"c": [1, "x"]}})
                for task in range(100)
            ),
        )
        for number in range(50)
    }
    folder = snapshot_path(tmp_path, write_catalogue(tmp_path, Catalogue(organisations)).version)
    gc.freeze()  # what other tests have left is not looked through again
    started = time.process_time()

    read, _ = read_organisations(folder)

    seconds = time.process_time() - started
    gc.unfreeze()
    assert sum(len(each.tasks) for each in read.values()) == 5000
    assert seconds < 1  # it takes 0.05 s
