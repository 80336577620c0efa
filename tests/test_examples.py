from __future__ import annotations

import json
import runpy
import shutil
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from tests.both_ways import BothWays, comparable
from tests.team import Team, synced

from airflow_peach.authoring.repository import read_repository
from airflow_peach.authoring.work_tree import WorkTreeFiles
from airflow_peach.catalogue.store import read_organisation
from airflow_peach.resources import examples
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.authoring.definitions import RepositoryConfiguration, TaskEntry

REPOSITORIES = {"debr-recommender": "debr", "sesr-insights": "sesr"}
NOTEBOOKS = sorted(path.relative_to(examples()).as_posix() for path in examples().rglob("*.ipynb"))


def configuration(repository: str) -> RepositoryConfiguration:
    return read_repository(WorkTreeFiles(examples() / repository), repository=repository, version="")


def tasks(repository: str) -> dict[str, TaskEntry]:
    return {task.name: task for file in configuration(repository).files for task in file.tasks}


def test_these_are_the_examples() -> None:
    assert {path.name for path in examples().iterdir() if path.is_dir()} == set(REPOSITORIES)


@pytest.mark.parametrize(("repository", "codops"), REPOSITORIES.items())
def test_the_configuration_is_valid(repository: str, codops: str) -> None:
    read = configuration(repository)

    assert read.problems == ()
    assert {file.codops for file in read.files} == {codops}
    assert sum(task.loop == "metadata" for task in tasks(repository).values()) == 1


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_requirements_are_few_and_pinned(repository: str) -> None:
    requirements = [entry.text for file in configuration(repository).files for entry in file.requirements]

    assert 1 <= len(requirements) <= 3
    assert all("==" in requirement for requirement in requirements)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_notebook_is_clean(path: str) -> None:
    text = (examples() / path).read_text(encoding="utf-8")
    nbformat.validate(json.loads(text))
    cells = json.loads(text)["cells"]

    assert cells[0]["cell_type"] == "markdown"
    assert len({cell["id"] for cell in cells}) == len(cells)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []


@pytest.mark.parametrize(
    ("script", "function", "header", "table"),
    [
        ("debr-recommender/data/make_ratings.py", "make_ratings", "user,item,rating", "ratings.csv"),
        (
            "sesr-insights/notebooks/data/make_listening.py",
            "make_listening",
            "weekday,hour,plays",
            "listening.csv",
        ),
    ],
)
def test_the_data_are_what_their_script_makes(script: str, function: str, header: str, table: str) -> None:
    path = examples() / script
    # Not imported: that would leave compiled files among the examples.
    make = runpy.run_path(str(path))[function]

    rows = [",".join(map(str, row)) for row in make()]

    assert path.with_name(table).read_text() == "\n".join([header, *rows, ""])


# What each example returns; None: not said here, since it fails or is long.
VALUES: dict[tuple[str, str], Any] = {
    ("debr", "tf_task"): None,
    ("debr", "articles_fetch"): {"articles": 6, "newest": "a-1006"},
    ("sesr", "listening_report"): {"busiest": "Sun 10:00", "weekend_share": 0.279},
    ("sesr", "related_items"): {"user": "f57246b6-1848-4b1a-a8a2-d8469a050025", "item_id": 35421, "sum": 8757.45},
    ("sesr", "fails_by_design"): None,
    ("sesr", "night_summary"): None,
    ("sesr", "programmes_fetch"): {"programmes": 5, "minutes": 750},
}


@pytest.fixture(scope="module")
def organisations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BothWays]:
    """The examples as repositories, synced."""
    folder = tmp_path_factory.mktemp("examples")
    settings = load_settings(home=folder / "home")
    for repository in REPOSITORIES:
        shutil.copytree(examples() / repository, folder / "source" / repository)
        team = Team(folder / "source" / repository)
        team.git("init", "--quiet", "--initial-branch", "master")
        team.commit({})
    synced(settings, folder / "source")
    return {
        codops: BothWays(
            folder / "source" / repository, settings, read_organisation(settings.home / "catalogue", codops)
        )
        for repository, codops in REPOSITORIES.items()
    }


@pytest.mark.slow  # builds real environments from the machine's package index
@pytest.mark.parametrize(("codops", "task"), VALUES)
def test_each_example_run_by_its_author_and_in_its_loop(
    codops: str, task: str, organisations: dict[str, BothWays]
) -> None:
    both = organisations[codops]

    log, finished = both.by_the_author(task)
    loop_log, outcome = both.in_the_loop(task)

    assert comparable(log) == comparable(loop_log)
    assert comparable([repr(finished.outcome)]) == comparable([repr(outcome)])  # one says where its file is
    assert outcome.status == ("failed" if task == "fails_by_design" else "success"), log
    if VALUES[codops, task] is not None:
        assert outcome.value == VALUES[codops, task]
    assert {known.name for known in both.organisation.tasks} == {name for known, name in VALUES if known == codops}


@pytest.mark.slow
def test_what_the_examples_leave_and_say(organisations: dict[str, BothWays], tmp_path: Path) -> None:
    debr, sesr = organisations["debr"], organisations["sesr"]

    log, trained = debr.by_the_author("tf_task", kept=tmp_path / "kept")
    assert trained.outcome.value["rmse"] < 0.5
    assert trained.outcome.value["baseline"] > 1.0
    assert (tmp_path / "kept" / "checkout" / "recommender_weights.npz").stat().st_size > 1000
    assert "round 10 of 10" in "\n".join(log)

    log, _ = sesr.by_the_author("fails_by_design")
    assert "this example fails by design" in "\n".join(log)
    _, night = sesr.by_the_author("night_summary")
    assert list(night.outcome.value) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    sesr.in_the_loop("listening_report")
    (artefact, *_) = (sesr.settings.home / "artefacts").rglob("*.ipynb")
    outputs = [output for cell in json.loads(artefact.read_text())["cells"] for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.slow
def test_the_example_uses_redis_where_it_is_told_of_one(
    organisations: dict[str, BothWays], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing listens there: that it is asked shows that the variable counts.
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")

    log, refused = organisations["debr"].by_the_author("tf_task", passed=["REDIS_URL"])

    assert refused.outcome.status == "failed"
    assert "ConnectionError" in "\n".join(log)
