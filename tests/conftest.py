"""What every test stands on: an Airflow home of its own, and no configuration of the machine's user."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path

import pytest

# Before anything imports Airflow: it reads its home at import, and writes a configuration file into it.
_AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="peach-tests-airflow-"))
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = str(_AIRFLOW_HOME)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_AIRFLOW_HOME / 'airflow.db'}"


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Make the tables of the tests' own Airflow."""
    from airflow.utils.db import initdb  # noqa: PLC0415 - most tests need no Airflow, and it takes seconds to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        initdb()
