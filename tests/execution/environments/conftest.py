"""A package index in a folder, with wheels made by hand: fast, and without a network."""

from __future__ import annotations

import sys
import textwrap
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from airflow_peach.catalogue.model import Requirement
from airflow_peach.execution.confinement import confinement
from airflow_peach.execution.environments.store import Environment, EnvironmentStore, Index
from airflow_peach.settings import load_settings

TIME_LIMIT_SECONDS = 60.0


def write_wheel(folder: Path, name: str, version: str, *, requires: tuple[str, ...] = (), python: str = "") -> Path:
    """Write a wheel with one module, which knows its version, and one script, which prints it."""
    module = name.replace("-", "_")
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    metadata += [f"Requires-Python: {python}"] if python else []
    files = {
        f"{module}.py": f"VERSION = '{version}'\ndef main():\n    print(VERSION)\n",
        f"{module}-{version}.dist-info/METADATA": "\n".join(metadata) + "\n",
        f"{module}-{version}.dist-info/WHEEL": textwrap.dedent("""\
            Wheel-Version: 1.0
            Generator: test
            Root-Is-Purelib: true
            Tag: py3-none-any
            """),
        f"{module}-{version}.dist-info/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
    }
    record = "".join(f"{path},,\n" for path in files)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name_in_wheel, content in files.items():
            wheel.writestr(name_in_wheel, content)
        wheel.writestr(f"{module}-{version}.dist-info/RECORD", record)
    return path


@dataclass
class Platform:
    """A home, an index, and stores on them."""

    home: Path
    wheels: Path
    said: list[str] = field(default_factory=list)

    @property
    def index(self) -> Index:
        return Index("wheels", self.wheels.as_uri(), kind="flat")

    def store(
        self,
        *,
        max_age_seconds: float = 86_400,
        indexes: tuple[Index, ...] | None = None,
        direct_references: bool = True,
    ) -> EnvironmentStore:
        return EnvironmentStore(
            self.home,
            interpreter=Path(sys.executable),
            indexes=(self.index,) if indexes is None else indexes,
            lock_max_age_seconds=max_age_seconds,
            direct_references=direct_references,
            confine=lambda codops: confinement(load_settings(home=self.home), codops),
        )

    def publish(self, name: str, version: str) -> None:
        write_wheel(self.wheels, name, version)

    def ensure(self, *texts: str, codops: str = "debr", store: EnvironmentStore | None = None) -> Environment:
        return (store or self.store()).ensure(
            codops,
            required(*texts),
            with_kernel=False,
            emit=self.said.append,
            time_limit_seconds=TIME_LIMIT_SECONDS,
        )


def required(*texts: str) -> list[Requirement]:
    return [Requirement(text, f"recommender:peach.yaml:{line}") for line, text in enumerate(texts, start=7)]


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, "tool-box", "1.0")
    write_wheel(wheels, "tool-box", "2.0")
    write_wheel(wheels, "hammer", "1.0", requires=("tool-box<2",))
    write_wheel(wheels, "old-timer", "1.0", python=">=4")
    return Platform(tmp_path / "home", wheels)
