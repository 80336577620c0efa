"""What every test stands on: an Airflow home of its own, and no configuration of the machine's user."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gitlab_server import GitLabServer

# Before anything imports Airflow: it reads its home at import, and writes a configuration file into it.
_AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="peach-tests-airflow-"))
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = str(_AIRFLOW_HOME)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_AIRFLOW_HOME / 'airflow.db'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files first: several processes then end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Make the tables of the tests' own Airflow."""
    from airflow.utils.db import initdb  # noqa: PLC0415 - most tests need no Airflow, and it takes seconds to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        initdb()


@pytest.fixture
def gitlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitLabServer]:
    """A GitLab that knows the user `pipe` by the token in the environment variable `GITLAB_TOKEN`."""
    from tests.gitlab_server import GitLabServer  # noqa: PLC0415 - for those that want one

    token = "glpat-s3cret"  # noqa: S105 - of a server in this process
    monkeypatch.setenv("GITLAB_TOKEN", token)
    with GitLabServer(tmp_path / "gitlab") as server:
        server.user("pipe", token)
        yield server
