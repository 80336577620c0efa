"""A PostgreSQL of one's own, for measurements."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def _programs() -> Path:
    places = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not places:
        raise SystemExit("PostgreSQL's initdb is not here: install its server")
    return places[0]


@contextlib.contextmanager
def running_postgres(kept: Path | None = None) -> Iterator[str]:
    """Start PostgreSQL on a socket of its own; yield SQLAlchemy's URL of its database.

    The database is empty, and removed at the end; with ``kept``, a folder, it is the one from there and stays there.
    """
    folder = kept or Path(tempfile.mkdtemp(prefix="peach-pg-"))
    folder.mkdir(parents=True, exist_ok=True)
    # PostgreSQL refuses to run as root.
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    programs, data = _programs(), folder / "data"
    is_new = not data.exists()

    def run(*argv: object) -> None:
        subprocess.run([*as_user, *map(str, argv)], check=True, cwd=folder, stdout=subprocess.DEVNULL)

    if is_new:
        run(programs / "initdb", "--no-sync", "--auth=trust", "--username=peach", "--encoding=UTF8", "-D", data)
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_wal_size=4GB"
    run(programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start")
    try:
        if is_new:
            run(programs / "createdb", "-h", folder, "-U", "peach", "airflow")
        yield f"postgresql+psycopg2://peach@/airflow?host={folder}"
    finally:
        run(programs / "pg_ctl", "-D", data, "-m", "fast" if kept else "immediate", "-w", "stop")
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)
