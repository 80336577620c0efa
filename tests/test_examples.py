from __future__ import annotations

import json
import runpy
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from airflow_peach.authoring.entry_function import extract
from airflow_peach.authoring.repository import read_repository
from airflow_peach.authoring.work_tree import WorkTreeFiles
from airflow_peach.catalogue.model import Requirement
from airflow_peach.execution.confinement import confinement
from airflow_peach.execution.environments.store import EnvironmentStore
from airflow_peach.execution.execute import execute
from airflow_peach.execution.request import ExecutionRequest, Limits
from airflow_peach.resources import examples
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from airflow_peach.authoring.definitions import RepositoryConfiguration, TaskEntry
    from airflow_peach.execution.environments.store import Environment
    from airflow_peach.execution.request import ExecutionResult

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


def build(repository: str, home: Path) -> Environment:
    store = EnvironmentStore(home, interpreter=Path(sys.executable), lock_max_age_seconds=3600)
    requirements = [
        Requirement(entry.text, str(entry.place))
        for file in configuration(repository).files
        for entry in file.requirements
    ]
    needs_kernel = any(task.full_notebook for task in tasks(repository).values())
    return store.ensure(
        REPOSITORIES[repository], requirements, with_kernel=needs_kernel, emit=print, time_limit_seconds=240
    )


def run(
    repository: str,
    task: TaskEntry,
    environment: Environment,
    folder: Path,
    variables: dict[str, str],
) -> tuple[ExecutionResult, str]:
    checkout, scratch = folder / "checkout", folder / "scratch"
    shutil.copytree(examples() / repository, checkout)
    scratch.mkdir()
    content = (checkout / task.notebook).read_bytes()
    request = ExecutionRequest(
        codops=REPOSITORIES[repository],
        task=task.name,
        checkout=checkout,
        notebook=task.notebook,
        method=task.method,
        full_notebook=task.full_notebook,
        args=task.args,
        python=environment.python,
        environment=environment.path,
        scratch=scratch,
        limits=Limits(time_limit_seconds=120),
        confinement=confinement(load_settings(home=folder / "home"), REPOSITORIES[repository]),
        variables=variables,
        artefact=folder / "executed.ipynb" if task.full_notebook else None,
    )
    said: list[str] = []
    result = execute(request, extract(content, task.notebook, task.method, task.full_notebook), emit=said.append)
    return result, "\n".join(said)


@pytest.mark.slow  # builds a real environment from the machine's package index
def test_the_tasks_of_debr_run(tmp_path: Path) -> None:
    environment = build("debr-recommender", tmp_path / "home")
    known = tasks("debr-recommender")

    trained, log = run("debr-recommender", known["tf_task"], environment, tmp_path / "train", {})
    assert trained.status == "success", log
    assert trained.value["rmse"] < 0.5
    assert trained.value["baseline"] > 1.0
    assert (tmp_path / "train" / "checkout" / "recommender_weights.npz").stat().st_size > 1000
    assert "round 10 of 10" in log

    fetched, log = run("debr-recommender", known["articles_fetch"], environment, tmp_path / "fetch", {})
    assert fetched.status == "success", log
    assert fetched.value == {"articles": 6, "newest": "a-1006"}

    # Nothing listens there: that it is asked shows that the variable counts.
    redis = {"REDIS_URL": "redis://127.0.0.1:9/0"}
    refused, log = run("debr-recommender", known["tf_task"], environment, tmp_path / "redis", redis)
    assert refused.status == "failed"
    assert "ConnectionError" in log


@pytest.mark.slow  # builds a real environment from the machine's package index
def test_the_tasks_of_sesr_run(tmp_path: Path) -> None:
    environment = build("sesr-insights", tmp_path / "home")
    values: dict[str, Any] = {}
    for name, task in tasks("sesr-insights").items():
        result, log = run("sesr-insights", task, environment, tmp_path / name, {})
        assert result.status == ("failed" if name == "fails_by_design" else "success"), log
        values[name] = result.value
        if name == "fails_by_design":
            assert "this example fails by design" in log

    executed = json.loads((tmp_path / "listening_report" / "executed.ipynb").read_text())
    outputs = [output for cell in executed["cells"] for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert values == {
        "listening_report": {"busiest": "Sun 10:00", "weekend_share": 0.279},
        "related_items": {"user": "f57246b6-1848-4b1a-a8a2-d8469a050025", "item_id": 35421, "sum": 8757.45},
        "fails_by_design": None,
        "night_summary": values["night_summary"],
        "programmes_fetch": {"programmes": 5, "minutes": 750},
    }
    assert list(values["night_summary"]) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
