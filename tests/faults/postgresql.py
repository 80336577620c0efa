"""A PostgreSQL of the test's own that can be restarted."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.free_port import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

# The server refuses to run as root; its package brings this user.
USER = "postgres"


@dataclass(frozen=True)
class PostgreSQL:
    """A server. ``programs`` is the directory of its programs."""

    programs: Path
    data: Path
    port: int

    @property
    def address(self) -> str:
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self.port}/airflow"

    def start(self) -> None:
        options = f"-F -c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories="
        self._run(
            "pg_ctl", "start", "--wait", f"--pgdata={self.data}", f"--log={self.data}.log", f"--options={options}"
        )

    def stop(self, mode: str) -> None:
        self._run("pg_ctl", "stop", "--wait", "--pgdata", str(self.data), "--mode", mode)

    def _run(self, program: str, *arguments: str, given: bytes | None = None) -> None:
        as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
        subprocess.run(
            [*as_user, str(self.programs / program), *arguments],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            input=given,
            stdout=subprocess.DEVNULL,
            check=True,
        )


@contextlib.contextmanager
def running_postgresql(programs: Path) -> Iterator[PostgreSQL]:
    """Start a server with an empty database ``airflow``; end it and remove what it wrote afterwards."""
    # Not below pytest's directories: they are closed to the server's user.
    with tempfile.TemporaryDirectory(prefix="peach-postgresql-") as directory:
        if os.geteuid() == 0:
            account = pwd.getpwnam(USER)
            os.chown(directory, account.pw_uid, account.pw_gid)
        server = PostgreSQL(programs, Path(directory, "data"), free_port())
        server._run("initdb", "--no-sync", "--username=airflow", "--auth=trust", f"--pgdata={server.data}")
        server._run(
            "postgres", "--single", "-F", "-D", str(server.data), "postgres", given=b"create database airflow\n"
        )
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
