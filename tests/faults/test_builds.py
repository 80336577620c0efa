"""What a source distribution finds whose build code looks for what is not its own: nothing."""

from __future__ import annotations

import io
import json
import os
import tarfile
import textwrap
from typing import TYPE_CHECKING

import pytest

from airflow_peach.catalogue.model import Requirement
from airflow_peach.execution.environments.store import Environment, EnvironmentBuildError, Index

from .isolation_world import SESAME, World

if TYPE_CHECKING:
    from pathlib import Path

# A build backend without dependencies: PEP 517. What it finds goes into the module that it builds.
BACKEND = """
import json, os, zipfile

{attack}

def build_wheel(directory, config_settings=None, metadata_directory=None):
    loot = attack()
    name = "evil-{version}-py3-none-any.whl"
    info = "evil-{version}.dist-info/"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("evil.json", json.dumps(loot))
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: evil\\nVersion: {version}\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""


def write_sdist(folder: Path, version: str, attack: str) -> None:
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "evil"\nversion = "{version}"\n',
        "backend.py": BACKEND.replace("{attack}", textwrap.dedent(attack)).replace("{version}", version),
        "PKG-INFO": f"Metadata-Version: 2.1\nName: evil\nVersion: {version}\n",
    }
    folder.mkdir(mode=0o755, exist_ok=True)
    with tarfile.open(folder / f"evil-{version}.tar.gz", "w:gz") as sdist:
        for name, text in files.items():
            member = tarfile.TarInfo(f"evil-{version}/{name}")
            member.size = len(text)
            sdist.addfile(member, io.BytesIO(text.encode()))


def build(world: World, version: str, attack: str, *, codops: str = "debr", disk_limit_bytes: int = 0) -> Environment:
    folder = world.root / "packages"
    write_sdist(folder, version, attack)
    store = world.store(Index("packages", folder.as_uri(), kind="flat", password=""), disk_limit_bytes=disk_limit_bytes)
    return store.ensure(
        codops,
        [Requirement(f"evil=={version}", "r:peach.yaml:3")],
        with_kernel=False,
        emit=world.said.append,
        time_limit_seconds=200,
    )


def test_a_build_finds_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", SESAME)
    monkeypatch.setenv("AIRFLOW_CONN_SESR", SESAME)
    environment = build(
        world,
        "1.0",
        f"""
        import glob

        def attack():
            found, written = [], []
            word = "-".join({SESAME.split("-")!r})  # not the word itself: this file is below the home, too
            for root in ({str(world.airflow)!r}, {str(world.home)!r}, "/root", "/home", "/run"):
                for parent, _, names in os.walk(root):
                    for name in names:
                        try:
                            if word in open(os.path.join(parent, name), errors="replace").read():
                                found.append(os.path.join(parent, name))
                        except OSError:
                            pass
            for path in glob.glob("/proc/[0-9]*/environ"):
                try:
                    if word in open(path).read():
                        found.append(path)
                except OSError:
                    pass
            for place in ({str(world.home)!r}, {str(world.home / "environments" / "sesr" / "uv-cache")!r},
                          {str(world.home / "environments" / "debr")!r}, os.environ["HOME"] + "/.."):
                try:
                    open(place + "/planted", "w").close()
                    written.append(place)
                except OSError:
                    pass
            kinds = [os.readlink(f"/proc/self/fd/{{name}}") for name in os.listdir("/proc/self/fd") if int(name) < 3]
            return [found, written, [kind for kind in kinds if kind.startswith("socket")], os.getuid()]
        """,
    )
    loot = json.loads(next(environment.path.glob("lib/python3*/site-packages/evil.json")).read_text())
    assert loot[:3] == [[], [], []]
    assert loot[3] == (os.getuid() if world.level == "bubblewrap" else world.confinement("debr").uid)
    assert world.see("def task():\n    import importlib.metadata as m\n    return m.version('evil')") == "1.0"


def test_a_build_cannot_have_somebody_elses_environment_shown(world: World) -> None:
    """What ``bin/python`` leads to is mounted for executions: another organisation's environment, say."""
    before = world.environment("debr")
    with pytest.raises(EnvironmentBuildError, match="replaced the environment's interpreter"):
        build(
            world,
            "2.0",
            """
            def attack():
                environment = os.path.join(os.path.dirname(os.environ["HOME"]), "environment")
                link = environment + "/bin/python"
                # Works for the rest of the build; the platform would follow it link by link.
                os.symlink(os.readlink(link), environment + "/elsewhere")
                os.unlink(link)
                os.symlink("../elsewhere", link)
            """,
        )
    assert world.environment("debr") == before


def test_links_that_a_build_leaves_lead_the_platform_nowhere(world: World) -> None:
    environment = build(
        world,
        "3.0",
        f"""
        def attack():
            environment = os.path.join(os.path.dirname(os.environ["HOME"]), "environment")
            os.symlink({str(world.airflow / "airflow.cfg")!r}, environment + "/peach-requirements.txt")
            os.mkfifo(environment + "/peach-environment.json")
            os.symlink({str(world.airflow)!r}, environment + "/outside")
            open(environment + "/everybody", "w").close()
            os.chmod(environment + "/everybody", 0o6777)
        """,
    )
    assert environment.lock_path.read_text().startswith("evil==3.0")
    assert (world.airflow / "airflow.cfg").read_text() == f"[core]\nfernet_key = {SESAME}\n"
    assert json.loads((environment.path / "peach-environment.json").read_text())["codops"] == "debr"
    if world.level == "user":
        state = (environment.path / "everybody").stat()
        assert (state.st_uid, state.st_mode & 0o7777) == (0, 0o750)


def test_a_build_that_fills_the_disk_ends_at_its_limit_and_the_next_one_works(world: World) -> None:
    fill = """
        import itertools
        def attack():
            places = [os.environ["HOME"], os.environ["TMPDIR"], os.getcwd()]
            for number, place in enumerate(itertools.cycle(places)):
                with open(os.path.join(place, f"{number}.bin"), "wb") as file: file.write(bytes(1 << 20))
        """
    limit = 200 << 20
    with pytest.raises(EnvironmentBuildError, match=r"environment_disk_limit: .* more than 209,715,200 bytes"):
        build(world, "7.0", fill, disk_limit_bytes=limit)
    folder = world.home / "environments" / "debr"
    left = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and "uv-cache" in str(file))
    assert left < 10 << 20
    assert build(world, "7.1", "def attack(): return 1", disk_limit_bytes=limit).python.exists()
