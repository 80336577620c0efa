"""What every test stands on: an Airflow home of its own, and no configuration of the machine's user."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Before anything imports Airflow: it reads its home at import, and writes a configuration file into it.
_AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="peach-tests-airflow-"))
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = str(_AIRFLOW_HOME)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] = "False"
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_AIRFLOW_HOME / 'airflow.db'}"
