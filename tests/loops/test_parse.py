"""A parse reads the catalogue and nothing else: no git, no YAML, no network, no process, nobody's code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.catalogue.store import write_catalogue
from airflow_peach.loops.bundle import PeachBundle

from .conftest import catalogue_of

if TYPE_CHECKING:
    from collections.abc import Callable

# Airflow is loaded first, as in its DAG processor; what the parse itself does from then on is watched.
WATCHED_PARSE = """
import json, os, sys
from airflow.dag_processing.dagbag import BundleDagBag
from airflow_peach.loops import factory  # what the DAG file imports: once in a process, not at each parse

for module in ("git", "yaml", "nbformat", "papermill", "IPython"):
    sys.modules.pop(module, None)
    sys.modules[module] = None  # importing it is an error from now on

folder, seen = sys.argv[1], {"opened": [], "forbidden": []}

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        seen["opened"].append(os.fsdecode(arguments[0]))
    elif event.startswith(("subprocess.", "socket.connect", "socket.getaddrinfo", "os.fork", "os.system", "os.exec",
                           "os.posix_spawn", "urllib.")):
        seen["forbidden"].append(event)

sys.addaudithook(watch)
bag = BundleDagBag(os.path.join(folder, "peach_loops.py"), safe_mode=False, load_op_links=False,
                   bundle_path=__import__("pathlib").Path(folder), bundle_name="peach")
seen["dags"] = sorted(bag.dags)
seen["errors"] = bag.import_errors
print(json.dumps(seen))
"""


@pytest.fixture
def parse(home: Path) -> Callable[..., dict[str, Any]]:
    def parse(folder: Path, **environment: str) -> dict[str, Any]:
        completed = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", WATCHED_PARSE, str(folder)],
            env=os.environ | {"AIRFLOW__PEACH__HOME": str(home)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        content: dict[str, Any] = json.loads(completed.stdout.splitlines()[-1])
        return content

    return parse


def published(home: Path) -> Path:
    bundle = PeachBundle(name="peach")
    bundle.initialize()
    assert home.is_dir()
    return bundle.path


def data_files(seen: dict[str, Any]) -> set[str]:
    """What was opened but for code, and the interpreter's and Airflow's own business."""
    ours = [Path(path) for path in seen["opened"]]
    return {path.name for path in ours if path.suffix in {".json", ".yaml", ".yml", ".ipynb", ".git"}}


def test_a_parse_reads_the_catalogue_and_nothing_else(home: Path, parse: Callable[..., dict[str, Any]]) -> None:
    write_catalogue(home, catalogue_of("debr", "first", "second"))
    seen = parse(published(home))
    assert (seen["dags"], seen["errors"], seen["forbidden"]) == (["debr", "metadata"], {}, [])
    assert data_files(seen) == {"debr.json"}


def test_a_parse_for_one_dag_reads_one_organisation(home: Path, parse: Callable[..., dict[str, Any]]) -> None:
    both = catalogue_of("debr", "first")
    both.organisations.update(catalogue_of("sesr", "other").organisations)  # type: ignore[attr-defined]
    write_catalogue(home, both)
    seen = parse(published(home), _AIRFLOW_PARSING_CONTEXT_DAG_ID="sesr")
    assert seen["dags"] == ["sesr"]
    assert data_files(seen) == {"sesr.json"}


def test_the_same_file_works_from_an_ordinary_dags_folder(home: Path, parse: Callable[..., dict[str, Any]]) -> None:
    write_catalogue(home, catalogue_of("debr", "first"))
    seen = parse(Path(__file__).parents[2] / "dags")
    assert (seen["dags"], seen["errors"], seen["forbidden"]) == (["debr", "metadata"], {}, [])


def test_without_a_catalogue_there_is_no_dag_and_no_error(parse: Callable[..., dict[str, Any]]) -> None:
    seen = parse(Path(__file__).parents[2] / "dags")
    assert (seen["dags"], seen["errors"]) == ([], {})


def test_one_damaged_file_hides_no_other_organisation(home: Path, parse: Callable[..., dict[str, Any]]) -> None:
    both = catalogue_of("debr", "first")
    both.organisations.update(catalogue_of("sesr", "other").organisations)  # type: ignore[attr-defined]
    write_catalogue(home, both)
    folder = published(home)
    (folder / "catalogue" / "debr.json").write_text('{"codops": "de')
    seen = parse(folder)
    assert (seen["dags"], seen["errors"]) == (["metadata", "sesr"], {})
