"""Runs the services of ``docker-compose.yml``, for want of a container engine.

What is theirs runs as it is written: commands, environments, health checks, the order, the paths. What an engine
brings is done here: the namespaces (``container.py``), and PostgreSQL, which comes from this machine.
"""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .image import BASE_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .compose_file import Service
    from .container import Container, Process
    from .image import Image

# What the entrypoint of the image `postgres` does, for what is said to it in the environment. -F: a test loses no data.
POSTGRES = """
set -eu
printf %s "$POSTGRES_PASSWORD" >/tmp/password
initdb --no-sync --username "$POSTGRES_USER" --pwfile /tmp/password --auth-host scram-sha-256 --auth-local trust
echo "create database $POSTGRES_DB" | postgres --single -F postgres
exec postgres -F -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
"""
CHECK_PAUSE_SECONDS = 0.3


class Composition:
    """Running services."""

    def __init__(self, services: Mapping[str, Service], image: Image, container: Container) -> None:
        self._services = services
        self._image = image
        self._container = container
        self._running: dict[str, Process] = {}

    def up(self, *, seconds: float) -> None:
        """Start every service when what it depends on is as it asks; return when all are healthy."""
        began = time.monotonic()
        ready: dict[str, str] = {}
        while len(ready) < len(self._services):
            assert time.monotonic() < began + seconds, f"ready: {ready}; {self._said()}"
            for name, service in self._services.items():
                if name not in self._running and all(ready.get(on) == met for on, met in service.depends_on.items()):
                    self._running[name] = self._start(service)
                elif name in self._running and name not in ready and (condition := self._condition(service)):
                    ready[name] = condition
            time.sleep(CHECK_PAUSE_SECONDS)

    def down(self) -> dict[str, int | None]:
        """Stop every service as an engine does, those that depend on others first; return their exit codes.

        None is that of a service that did not end within its grace period.
        """
        codes = {}
        for name, process in reversed(self._running.items()):
            service = self._services[name]
            if process.poll() is None:
                # The image of PostgreSQL says SIGINT: end without waiting for clients.
                process.signal(signal.SIGTERM if service.built else signal.SIGINT)
            codes[name] = process.wait(service.stop_grace_seconds)
        return codes

    def alive(self) -> set[str]:
        return {name for name, process in self._running.items() if process.poll() is None}

    def log(self, name: str) -> str:
        return self._running[name].said()

    def execute(self, name: str, argv: Sequence[str]) -> str:
        """Run a command in a service's container, as `docker compose exec` does; return what it said."""
        process = self._container.start(f"{name}-exec", argv, self._environment(self._services[name]))
        assert process.wait(60) == 0, process.said()
        return process.said()

    def _start(self, service: Service) -> Process:
        argv = list(service.command) if service.built else ["/bin/sh", "-c", POSTGRES]
        directory = self._image.directory if service.built else "/tmp"  # noqa: S108 - inside the container
        return self._container.start(service.name, argv, self._environment(service), cwd=directory)

    def _environment(self, service: Service) -> dict[str, str]:
        if service.built:
            return {**self._image.environment, **service.environment}
        path = f"{postgres_programs()}:{BASE_PATH}"
        return {"PATH": path, "PGDATA": "/var/lib/postgresql/data", **service.environment}

    def _condition(self, service: Service) -> str:
        """Return the condition that the service meets by now."""
        code = self._running[service.name].poll()
        if service.restart == "no":
            assert code in (None, 0), self._said()
            return "service_completed_successfully" if code == 0 else ""
        assert code is None, f"{service.name} ended with {code}; {self._said()}"
        check = self._container.start(f"{service.name}-health", service.health_test, self._environment(service))
        return "service_healthy" if check.wait(service.health_timeout_seconds) == 0 else ""

    def _said(self) -> str:
        return "\n".join(f"--- {name}:\n{process.said()[-3000:]}" for name, process in self._running.items())


def postgres_programs() -> str:
    """Return the directory of PostgreSQL's programs, or nothing."""
    places = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((str(path) for path in places if (path / "postgres").exists()), "")
