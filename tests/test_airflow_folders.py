"""The folders an operator may mount, ``dags/`` and ``plugins/``, with Airflow's own loaders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent

OTHER_PLUGIN = """
from airflow.plugins_manager import AirflowPlugin

class Other(AirflowPlugin):
    name = "{name}"
"""

# Both of Airflow's loaders: that of its services, and that of a task's process.
LIST_PLUGINS = """
import json
from airflow import plugins_manager
from airflow.sdk import plugins_manager as of_tasks

found = []
for loaded in (plugins_manager, of_tasks):
    plugins, errors = loaded._get_plugins()
    names = sorted(plugin.name for plugin in plugins)
    (ours,) = (plugin for plugin in plugins if plugin.name == "peach")
    listeners = [each.__name__ for each in ours.listeners]
    found.append({"names": names, "listeners": listeners, "source": type(ours.source).__name__, "errors": errors})
print(json.dumps(found))
"""

PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1], load_op_links=False)
print(json.dumps({"dags": sorted(bag.dags), "errors": bag.import_errors, "files": len(bag.file_last_changed)}))
"""


def nothing_dropped(source: str) -> list[dict[str, Any]]:
    """Return what both loaders should find, ours from this kind of source."""
    names, listeners = (
        ["another", "other", "peach"],
        ["airflow_peach.loops.run_state", "airflow_peach.loops.run_metrics", "airflow_peach.loops.start_up"],
    )
    return [{"names": names, "listeners": listeners, "source": source, "errors": {}}] * 2


def run(home: Path, code: str, *arguments: str, options: Sequence[str] = (), **settings: str) -> Any:
    home.mkdir(exist_ok=True)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        **settings,
    }
    argv = [sys.executable, *options, "-c", code, *arguments]
    done = subprocess.run(argv, env=env, cwd=home, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plugins folder with two plugins of others, the first and the last by name."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "a_plugin.py").write_text(OTHER_PLUGIN.format(name="another"))
    (folder / "z_plugin.py").write_text(OTHER_PLUGIN.format(name="other"))
    return folder


@pytest.mark.airflow
def test_the_plugin_is_there_by_the_wheels_entry_point(tmp_path: Path, folder: Path) -> None:
    found = run(tmp_path / "home", LIST_PLUGINS, AIRFLOW__CORE__PLUGINS_FOLDER=str(folder))

    assert found == nothing_dropped("EntryPointSource")


@pytest.mark.airflow
def test_with_the_folder_too_it_is_there_once_and_no_other_is_dropped(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(ROOT / "plugins", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))

    found = run(tmp_path / "home", LIST_PLUGINS, AIRFLOW__CORE__PLUGINS_FOLDER=str(folder))

    assert found == nothing_dropped("EntryPointSource")


@pytest.mark.airflow
def test_airflow_lists_it_once_with_the_folder(tmp_path: Path) -> None:
    code = "import sys; from airflow.__main__ import main; sys.argv = ['airflow', 'plugins', '-o', 'json']; main()"

    listed = run(tmp_path / "home", code, AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"))

    assert [plugin["name"] for plugin in listed] == ["peach"]


@pytest.mark.airflow
def test_without_the_entry_point_the_folder_hands_it_over(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(ROOT / "plugins", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    # An Airflow that has the library's files on its path, and not our distribution: -S leaves site-packages out.
    site = tmp_path / "site"
    site.mkdir()
    for installed in Path(sysconfig.get_path("purelib")).iterdir():
        if "airflow_peach" not in installed.name:
            (site / installed.name).symlink_to(installed)
    path = os.pathsep.join(map(str, (site, ROOT / "include")))

    found = run(
        tmp_path / "home", LIST_PLUGINS, options=["-S"], PYTHONPATH=path, AIRFLOW__CORE__PLUGINS_FOLDER=str(folder)
    )

    assert found == nothing_dropped("PluginsDirectorySource")


@pytest.mark.airflow
def test_the_dags_folder_before_any_sync(tmp_path: Path) -> None:
    parsed = run(tmp_path / "home", PARSE, str(ROOT / "dags"))

    assert parsed == {"dags": [], "errors": {}, "files": 1}
