"""Files that travel with the library: the DAG file and the examples.

A wheel carries them in ``airflow_peach/shipped``; a checkout has them at its top, where the user wants them.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
REPOSITORY_ROOT = PACKAGE.parent.parent

DAG_FILE_NAME = "peach_loops.py"


def dag_file() -> Path:
    """Return the file that Airflow parses, from the wheel or from the checkout's ``dags/``."""
    return _first(PACKAGE / "shipped" / DAG_FILE_NAME, REPOSITORY_ROOT / "dags" / DAG_FILE_NAME)


def examples() -> Path:
    """Return the folder whose subfolders are the example repositories, as plain files."""
    return _first(PACKAGE / "shipped" / "examples", REPOSITORY_ROOT / "include" / "examples")


def _first(*places: Path) -> Path:
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"airflow-peach is installed incompletely: {' and '.join(map(str, places))} are missing")
