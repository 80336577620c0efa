"""The Python interpreter that environments are built on."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from airflow_peach import processes
from airflow_peach.errors import PeachError

_PROBE_TIMEOUT_SECONDS = 30

# Isolated and without site: neither the environment nor what is installed has a say in the answer.
_PROBE = """
import json, platform, sys, sysconfig
print(json.dumps({
    "executable": sys.executable,
    "version": platform.python_implementation() + " " + platform.python_version(),
    "platform": [sysconfig.get_platform(), *platform.libc_ver(), sys.implementation.cache_tag],
}))
"""


class _Answer(TypedDict):
    executable: str
    version: str
    platform: list[str]


class InterpreterError(PeachError):
    """The configured interpreter cannot be used."""


@dataclass(frozen=True)
class Interpreter:
    """A base interpreter: one that belongs to no virtual environment.

    Attributes:
        executable: its absolute path.
        version: ``CPython 3.11.7``.
        platform: what binary packages depend on: operating system, machine, C library, ABI.
    """

    executable: Path
    version: str
    platform: str

    @property
    def identity(self) -> str:
        """A hash that differs when an environment built on it could."""
        text = json.dumps([str(self.executable), self.version, self.platform])
        return hashlib.sha256(text.encode()).hexdigest()


def inspect_interpreter(path: Path) -> Interpreter:
    """Ask the interpreter at ``path`` what it is (about 20 ms), and find its base if it is a virtual one.

    uv takes no interpreter of a virtual environment as the base of another (DESIGN §12), and an environment
    must not break when the virtual environment that Airflow happens to run in is made anew.

    Raises:
        InterpreterError: there is none at ``path``, or it does not work.
    """
    answer = _probe(path)
    base = _outside_virtual_environments(Path(answer["executable"]))
    return Interpreter(executable=base, version=answer["version"], platform=" ".join(answer["platform"]))


def _probe(path: Path) -> _Answer:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    try:
        completed = processes.run(
            [str(path), "-I", "-S", "-c", _PROBE],
            cwd=Path("/"),
            env=environment,
            timeout_seconds=_PROBE_TIMEOUT_SECONDS,
        )
        answer: _Answer | None = json.loads(completed.stdout) if completed.returncode == 0 else None
    except (PeachError, json.JSONDecodeError) as error:
        raise InterpreterError(f"{path}: is not a Python interpreter that works here: {error}") from None
    if answer is None:
        reason = completed.error_text.splitlines()[-1:] or [f"exit code {completed.returncode}"]
        raise InterpreterError(f"{path}: is not a Python interpreter that works here: {reason[0]}")
    return answer


def _outside_virtual_environments(executable: Path) -> Path:
    """Follow ``home`` in ``pyvenv.cfg`` until there is none.

    ``sys._base_executable`` would say it too, but not on Python 3.10.
    """
    while (configuration := executable.parent.parent / "pyvenv.cfg").is_file():
        home = _home_of(configuration)
        names = (executable.resolve().name, executable.name, "python3", "python")
        found = next((home / name for name in names if os.access(home / name, os.X_OK)), None)
        if found is None or found == executable:
            raise InterpreterError(f"{configuration}: its home {home} has no Python interpreter any more")
        executable = found
    return executable


def _home_of(configuration: Path) -> Path:
    for line in configuration.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "home":
            return Path(value.strip())
    raise InterpreterError(f"{configuration}: names no home; make this virtual environment anew")
