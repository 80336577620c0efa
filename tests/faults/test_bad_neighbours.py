"""The bad configuration files of the corpus, all in one repository, beside good ones: a real sync."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tests.corpus import configurations
from tests.team import make_team

from airflow_peach.catalogue.store import read_organisation
from airflow_peach.catalogue.sync import sync
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.catalogue.model import Organisation
    from airflow_peach.settings import Settings

CODE = "def task(**args): pass"
NOTEBOOK = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": CODE}]}
# What is wrong with a hundred megabytes is wrong with one byte too many, which takes less of a disk.
FILE_BYTES = 2 * 1024 * 1024
# A quiet machine of two cores takes a tenth of it.
SECONDS = 60
PROBLEM_CHARACTERS = 2000


def good(codops: str) -> dict[str, str]:
    return {
        "peach.yaml": f"codops: {codops}\ndependencies: [six]\ntasks: {{good: {{notebook: n.py, method: task}}}}\n",
        "n.py": CODE,
        "n.ipynb": json.dumps(NOTEBOOK),
    }


def organisations(settings: Settings) -> dict[str, Organisation]:
    return {codops: read_organisation(settings.home / "catalogue", codops) for codops in ("here", "there")}


def test_good_tasks_are_unchanged_beside_every_bad_file_of_the_corpus(tmp_path: Path) -> None:
    settings, source = load_settings(home=tmp_path / "home"), tmp_path / "source"
    team = make_team(source / "team", good("here"))
    make_team(source / "other", good("there"))
    assert sync(settings, source=source).problems == ()
    before = organisations(settings)
    folder, bad = team.path / "peach.conf", dict[str, str]()
    folder.mkdir()
    for case in configurations.CASES.values():
        # Beside a good `peach.yaml`, a file without codops is fine.
        if case.says in ("", "no codops here") or len(content := case.make()) > FILE_BYTES:
            continue
        name = f"bad-{len(bad)}.yaml"
        (folder / name).write_bytes(content)
        bad[f"peach.conf/{name}"] = case.name
    team.commit({"peach.conf/good.yaml": "codops: here\ntasks: {second: {notebook: n.py, method: task}}\n"})

    report = sync(settings, source=source)
    began = time.monotonic()
    sync(settings, source=source)

    assert len(bad) > 600
    assert report.seconds < SECONDS
    assert time.monotonic() - began < SECONDS  # nothing new
    after = organisations(settings)
    assert [task.name for task in after["here"].tasks] == ["second", "good"]
    assert after["here"].tasks[1] == before["here"].tasks[0]
    assert after["there"] == before["there"]
    assert [status.error for status in report.repositories] == ["", ""]
    told = {problem.place.file for problem in report.problems}
    assert {name: bad[name] for name in bad.keys() - told} == {}
    assert told <= bad.keys()
    without_a_place = [str(each) for each in report.problems if each.place.line is None]
    assert [each for each in without_a_place if "at most 1,048,576 are read" not in each] == []
    assert max(len(str(problem)) for problem in report.problems) < PROBLEM_CHARACTERS
