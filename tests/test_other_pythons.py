"""The base install on the other Pythons that this machine has: every command that an author uses."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.base_install import build_wheel, run
from tests.team import make_team
from uv import find_uv_bin

from airflow_peach.cli.main import COMMANDS

if TYPE_CHECKING:
    import subprocess

HELP = """
import sys
from airflow_peach.cli.main import peach
for name in sys.argv[1:]:
    peach([name, "--help"], standalone_mode=False)
"""
VERSIONS = [f"3.{minor}" for minor in range(10, 15) if minor != sys.version_info.minor]


def interpreter(version: str) -> Path | None:
    """Return one of this version: of the path, or of pyenv, whose own stand-ins on the path may lead nowhere."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places = [*pyenv.glob(f"versions/{version}.*/bin/python")]
    on_the_path = shutil.which(f"python{version}")
    places += [Path(on_the_path)] if on_the_path else []
    test = f"import sys; sys.exit(sys.version_info[:2] != {tuple(map(int, version.split('.')))})"
    return next((place for place in places if run(place, "-c", test).returncode == 0), None)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.slow  # installs from the machine's package index
def test_what_an_author_does(version: str, wheel: Path, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    environment, uv = tmp_path / "venv", find_uv_bin()
    assert run(uv, "venv", "--quiet", "--python", python, environment).returncode == 0
    installed = run(uv, "pip", "install", "--quiet", "--python", environment, wheel)
    assert installed.returncode == 0, installed.stderr
    team = make_team(tmp_path / "news", {})

    def peach(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8", **variables}
        done = run(environment / "bin" / "peach", *arguments, env=env, cwd=team.path)
        assert done.returncode == 0, done.stderr
        return done

    assert list(environment.glob("lib/*/site-packages/airflow")) == []
    assert run(environment / "bin" / "python", "-c", HELP, *COMMANDS).stdout.count("Examples:") == len(COMMANDS)
    (library,) = environment.glob("lib/*/site-packages/airflow_peach")
    assert run(environment / "bin" / "python", "-m", "compileall", "-q", library).returncode == 0
    peach("init", "--codops", "debr", "--task", "first")
    assert peach("validate").stdout.splitlines()[-1] == "1 valid task, no problems"
    assert json.loads(peach("run", "first", "--format", "json").stdout)["value"] == "Hello, world!"
    assert peach("plan").stdout == "+ debr/first (debr): added\n"
    assert json.loads(peach("schema").stdout)["$id"] == "urn:airflow-peach:schema:configuration:1"
    completed = peach(_PEACH_COMPLETE="bash_complete", COMP_WORDS="peach va", COMP_CWORD="1").stdout
    assert completed == "plain,validate\n"
