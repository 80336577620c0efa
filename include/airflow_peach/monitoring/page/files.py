"""The files of the Tasks page and where the browser finds them. Light: every process of Airflow may load it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import airflow_peach

FOLDER = Path(__file__).resolve().parent / "static"
URL_PREFIX = "/peach-page"


@cache
def stamp() -> str:
    """Return what stands in the addresses of the files: the version, and a hash of them.

    It makes new addresses of changed files, so a browser may keep what it has for ever; and as it is a folder of the
    address and no parameter, the modules' relative imports carry it on.
    """
    digest = hashlib.sha256()
    for file in sorted(FOLDER.rglob("*")):
        if file.is_file():
            digest.update(file.relative_to(FOLDER).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{airflow_peach.__version__}-{digest.hexdigest()[:12]}"


def react_app() -> dict[str, str]:
    """Return the page as Airflow's ``react_apps`` wants it. Addresses are relative, so a sub-path holds."""
    folder = f"{URL_PREFIX.removeprefix('/')}/{stamp()}"
    return {
        # Airflow's pages show it, and look for the component on `globalThis` under it: main.js puts it there.
        "name": "Tasks",
        "bundle_url": f"{folder}/main.js",
        "icon": f"{folder}/icon.svg",
        "destination": "nav",
        "url_route": "tasks",
    }
