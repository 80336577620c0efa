"""Reads the ``Dockerfile`` and runs its build steps, for want of a container engine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .compose_file import interpolate
from .container import Container

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
# PATH as an engine sets it where an image does not.
BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Where, inside, the command `python` is, which a machine's own interpreter need not have.
PYTHON = "/python"


@dataclass
class Dockerfile:
    """The instructions of each stage in order: ``(instruction, argument)``."""

    stages: list[list[tuple[str, str]]] = field(default_factory=list)

    def arguments(self, stage: int, instruction: str) -> list[str]:
        return [argument for name, argument in self.stages[stage] if name == instruction]


@dataclass(frozen=True)
class Image:
    """What a build made: directories inside to those outside, and what the last stage says of its processes."""

    content: Mapping[str, Path]
    environment: Mapping[str, str]
    uid: int
    directory: str


def read_dockerfile(path: Path) -> Dockerfile:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    dockerfile = Dockerfile()
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        instruction, _, argument = line.strip().partition(" ")
        if instruction == "FROM":
            dockerfile.stages.append([])
        if instruction:
            dockerfile.stages[-1].append((instruction, argument.strip()))
    return dockerfile


def image_environment(dockerfile: Dockerfile, stage: int, base: Mapping[str, str]) -> dict[str, str]:
    """Return ``base`` with what the stage's ENV instructions set."""
    environment = dict(base)
    for argument in dockerfile.arguments(stage, "ENV"):
        before = dict(environment)
        for assignment in shlex.split(argument):
            name, _, value = assignment.partition("=")
            environment[name] = interpolate(value, before)
    return environment


def build_image(dockerfile: Dockerfile, state: Path) -> Image:
    """Run the build steps as they are written, but the one that installs Debian's packages.

    The package index is the one this machine is set up for. uv's cache is this machine's too: a build by an engine has
    none.
    """
    outside = {name: state / name for name in ("build", "tools", "venv", "examples", "python")}
    for path in outside.values():
        path.mkdir()
    # No link: an interpreter looks for its library around the path it is started by.
    command = outside["python"] / "python"
    command.write_text(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    made = {"/opt/venv": outside["venv"], "/srv/examples": outside["examples"]}
    writable = {**made, "/opt/tools": outside["tools"], "/build": outside["build"], "/uv-cache": _uv_cache()}
    for argument in dockerfile.arguments(0, "COPY"):
        for source in argument.split()[:-1]:
            _copy(ROOT / source, outside["build"] / source)
    with Container(state, writable=writable, readable={PYTHON: outside["python"]}, uid=0, hosts=None) as container:
        for stage, directory in ((0, "/build"), (1, "/")):
            environment = _build_environment(dockerfile, stage)
            for step in dockerfile.arguments(stage, "RUN"):
                if not step.startswith("apt-get "):
                    container.run("build", ["/bin/sh", "-c", step], environment, cwd=directory)
    return Image(
        made,
        image_environment(dockerfile, 1, {"PATH": BASE_PATH, "HOME": "/home/airflow"}),
        int(dockerfile.arguments(1, "USER")[-1].partition(":")[0]),
        dockerfile.arguments(1, "WORKDIR")[-1],
    )


def _build_environment(dockerfile: Dockerfile, stage: int) -> dict[str, str]:
    # What this machine says about package indexes, proxies and certificates is among its variables.
    not_ours = ("AIRFLOW", "PYTHON", "VIRTUAL_ENV", "PATH")
    machine = {name: value for name, value in os.environ.items() if not name.startswith(not_ours)}
    image = image_environment(dockerfile, stage, {"PATH": f"{PYTHON}:{BASE_PATH}"})
    environment = {**machine, **image, "UV_CACHE_DIR": "/uv-cache"}
    for name in ("UV_NO_CACHE", "PIP_NO_CACHE_DIR"):
        environment.pop(name, None)
    return environment


def _uv_cache() -> Path:
    uv = Path(sys.executable).with_name("uv")
    asked = subprocess.run([uv, "cache", "dir"], check=True, capture_output=True, text=True)
    path = Path(asked.stdout.strip())
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
