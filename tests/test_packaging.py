"""What is distributed: the wheel, what it declares, and what works where only its own dependencies are."""

from __future__ import annotations

import configparser
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from tests.base_install import PROJECT, ROOT, build_wheel, link_dependencies, needed, run
from uv import find_uv_bin

from airflow_peach import __version__

if TYPE_CHECKING:
    import subprocess


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


def files_of(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_the_wheel_holds_the_library_and_what_travels_with_it(wheel: Path) -> None:
    files = files_of(wheel)
    library = ROOT / "include" / "airflow_peach"
    examples = ROOT / "include" / "examples"
    expected = {
        f"airflow_peach/{path.relative_to(library).as_posix()}"
        for path in library.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {
        f"airflow_peach/shipped/examples/{path.relative_to(examples).as_posix()}"
        for path in examples.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {"airflow_peach/shipped/peach_loops.py"}

    information = f"airflow_peach-{__version__}.dist-info/"
    assert {name for name in files if not name.startswith(information)} == expected
    assert {"airflow_peach/py.typed", "airflow_peach/repositories/git.config"} <= files
    assert f"{information}licenses/LICENSE" in files


def test_the_wheel_registers_the_command_the_plugin_and_the_provider(wheel: Path) -> None:
    entry_points = configparser.ConfigParser()
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"airflow_peach-{__version__}.dist-info/entry_points.txt").decode()
    entry_points.read_string(text)

    assert {name: dict(entry_points[name]) for name in entry_points.sections()} == {
        "console_scripts": {"peach": "airflow_peach.cli.main:main"},
        "airflow.plugins": {"peach": "airflow_peach.plugin:PeachPlugin"},
        "apache_airflow_provider": {"provider_info": "airflow_peach.provider:get_provider_info"},
    }


@pytest.fixture(scope="module")
def base_install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel and its declared dependencies, without any extra."""
    environment = tmp_path_factory.mktemp("base") / "venv"
    uv = find_uv_bin()
    assert run(uv, "venv", "--quiet", "--python", sys.executable, environment).returncode == 0
    python = environment / "bin" / "python"
    done = run(uv, "pip", "install", "--offline", "--no-deps", "--python", python, wheel)
    assert done.returncode == 0, done.stderr
    link_dependencies(environment)
    return environment / "bin"


def in_base(base_install: Path, *arguments: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"}
    return run(base_install / "peach", *arguments, env=env, cwd=home)


def test_the_base_install_has_no_airflow(base_install: Path, tmp_path: Path) -> None:
    done = run(base_install / "python", "-c", "import airflow_peach, airflow", cwd=tmp_path)

    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'airflow'"


def test_the_base_install_validates_syncs_and_shows(base_install: Path, tmp_path: Path) -> None:
    find_examples = "from airflow_peach.resources import examples; print(examples())"
    shipped = Path(run(base_install / "python", "-c", find_examples, cwd=tmp_path).stdout.strip())
    source, home = tmp_path / "source", tmp_path / "home"
    source.mkdir()

    assert shipped.parts[-2:] == ("shipped", "examples")
    assert not shipped.is_relative_to(ROOT)
    help_ = in_base(base_install, "--help", home=tmp_path)
    assert (help_.returncode, help_.stderr) == (0, "")
    validated = in_base(base_install, "validate", shipped / "sesr-insights", home=tmp_path)
    assert (validated.returncode, validated.stderr) == (0, "")
    assert validated.stdout.splitlines()[-1] == "5 valid tasks, no problems"
    synced = in_base(base_install, "sync", "--home", home, "--source", source, home=tmp_path)
    assert (synced.returncode, synced.stderr) == (0, "")
    shown = in_base(base_install, "status", "--home", home, "--format", "json", home=tmp_path)
    assert (shown.returncode, json.loads(shown.stdout)["organisations"]) == (0, [])


def test_the_demo_says_what_it_lacks(base_install: Path, tmp_path: Path) -> None:
    done = in_base(base_install, "demo", home=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "peach: the demo needs Airflow: pip install 'airflow-peach[airflow]'\n"


LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def locked() -> dict[str, list[tuple[Requirement, int]]]:
    """Return what is locked, by name, each with the number of its hashes."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    for entry in LOCK.replace("\\\n", " ").splitlines():
        requirement, *hashes = entry.split("--hash=")
        read = Requirement(requirement)
        found.setdefault(canonicalize_name(read.name), []).append((read, len(hashes)))
    return found


def test_the_lock_has_a_hash_for_everything() -> None:
    entries = [entry for each in locked().values() for entry in each]

    assert len(entries) > 100
    assert [str(requirement) for requirement, hashes in entries if not hashes] == []
    assert [
        str(requirement) for requirement, _ in entries if [one.operator for one in requirement.specifier] != ["=="]
    ] == []


def test_the_lock_names_no_index() -> None:
    assert "://" not in LOCK
    assert "--index" not in LOCK
    assert "--find-links" not in LOCK


def direct_requirements() -> list[str]:
    extras = PROJECT["optional-dependencies"].values()
    return [*PROJECT["dependencies"], *(text for extra in extras for text in extra)]


@pytest.mark.parametrize("text", direct_requirements())
def test_the_lock_satisfies_every_direct_requirement(text: str) -> None:
    requirement = Requirement(text)
    entries = locked()[canonicalize_name(requirement.name)]

    for entry, _ in entries:
        (pin,) = entry.specifier
        assert requirement.specifier.contains(Version(pin.version), prereleases=True)


def test_what_is_locked_is_what_these_tests_run_on() -> None:
    for name, each in needed(direct_requirements()).items():
        here = [entry for entry, _ in locked()[name] if entry.marker is None or entry.marker.evaluate()]
        assert [str(entry.specifier) for entry in here] == [f"=={each.version}"]
