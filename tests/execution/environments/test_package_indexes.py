from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from tests.execution.environments.conftest import write_wheel

from airflow_peach.execution.environments.package_indexes import PackageIndexError, index_access
from airflow_peach.execution.environments.store import EnvironmentBuildError, EnvironmentStore, Index
from airflow_peach.execution.environments.uv_process import Finished, run_under_guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.execution.environments.conftest import Platform

    from airflow_peach.execution.guarded_command import GuardedCommand

PASSWORD = "s3cret/with:signs"  # noqa: S105 - of this test's own server


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


class WithPassword(Quiet):
    def do_GET(self) -> None:
        expected = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {expected}":
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()


@contextlib.contextmanager
def served(folder: Path, handler: type[Quiet]) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def simple_index(platform: Platform, root: Path) -> Path:
    """Lay out the wheels as PEP 503 has it."""
    for wheel in platform.wheels.iterdir():
        page = root / "simple" / wheel.name.split("-")[0].replace("_", "-")
        page.mkdir(parents=True, exist_ok=True)
        (page / wheel.name).write_bytes(wheel.read_bytes())
    return root


@pytest.mark.parametrize("kind", ["simple", "flat"])
def test_credentials_reach_the_index_and_no_command_line(platform: Platform, tmp_path: Path, kind: str) -> None:
    root = simple_index(platform, tmp_path / "served")
    ran: list[Sequence[str]] = []

    def run(command: GuardedCommand, *, emit: Callable[[str], None]) -> Finished:
        ran.append(command.argv)
        return run_under_guard(command, emit=emit)

    def store(password: str, address: str) -> EnvironmentStore:
        url = f"{address}/simple" if kind == "simple" else f"{address}/simple/tool-box/"
        index = Index("my-own", url, "simple" if kind == "simple" else "flat", "reader", password)
        return EnvironmentStore(
            platform.home,
            interpreter=Path(sys.executable),
            indexes=[index],
            lock_max_age_seconds=1,
            run=run,
        )

    with served(root, WithPassword) as address:
        assert platform.ensure("tool-box", store=store(PASSWORD, address)).python.exists()
        with pytest.raises(EnvironmentBuildError) as caught:
            platform.ensure("hammer", store=store("wrong" + PASSWORD, address))

    everything = [*platform.said, str(caught.value), *(word for argv in ran for word in argv)]
    assert len(ran) > 3
    assert [text for text in everything if "s3cret" in text] == []


def answering(wheels: Path, asked: list[str]) -> type[Quiet]:
    """An author's own server: it gives the wheel of the last part of any path, and remembers the paths."""

    class Author(Quiet):
        def do_GET(self) -> None:
            self.path = self.path.rpartition("/")[2]
            super().do_GET()

        def translate_path(self, path: str) -> str:
            asked.append(unquote(self.requestline))
            return str(wheels / path.rpartition("/")[2])

    return Author


VARIABLE = "${UV_INDEX_PLATFORM0_PASSWORD}"


@pytest.mark.parametrize(
    "requirement",
    [
        "lib @ AUTHOR/VARIABLE/lib-1.0-py3-none-any.whl",
        "lib @ AUTHOR/lib-1.0-py3-none-any.whl\n-r=AUTHOR/more",
        "trap @ AUTHOR/trap-1.0-py3-none-any.whl",
    ],
    ids=["variable", "line break", "variable in metadata"],
)
def test_no_requirement_sends_the_password_of_an_index_or_more_lines(
    platform: Platform, tmp_path: Path, requirement: str
) -> None:
    asked: list[str] = []
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    write_wheel(theirs, "lib", "1.0")
    root = simple_index(platform, tmp_path / "served")
    with served(root, WithPassword) as address, served(theirs, answering(theirs, asked)) as author:
        write_wheel(theirs, "trap", "1.0", requires=(f"lib @ {author}/{VARIABLE}/lib-1.0-py3-none-any.whl",))
        index = Index("platform", f"{address}/simple", "simple", "reader", PASSWORD)
        wanted = requirement.replace("AUTHOR", author).replace("VARIABLE", VARIABLE)
        with pytest.raises(EnvironmentBuildError, match=r"holds a ('\$'|line break)"):
            platform.ensure(wanted, "tool-box", store=platform.store(indexes=(index,)))

    assert [path for path in asked if PASSWORD in path or "more" in path] == []


def test_only_the_indexes_of_the_platform_are_asked(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", platform.wheels.as_uri())
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    empty = platform.home / "empty"
    empty.mkdir(parents=True)

    with pytest.raises(EnvironmentBuildError, match="tool-box was not found"):
        platform.ensure("tool-box", store=platform.store(indexes=(Index("empty", empty.as_uri()),)))


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"])
def test_without_any_the_machine_is_configured(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    root = simple_index(platform, tmp_path / "served")
    with served(root, Quiet) as address:
        monkeypatch.setenv(variable, f"{address}/simple")
        assert platform.ensure("tool-box", store=platform.store(indexes=())).python.exists()


def test_the_configuration_file_of_the_user_counts(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uv").mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    with served(platform.wheels, Quiet) as address:
        (tmp_path / "uv" / "uv.toml").write_text(f'no-index = true\nfind-links = ["{address}"]\n')

        assert platform.ensure("tool-box", store=platform.store(indexes=())).python.exists()


def test_nothing_else_of_our_environment_reaches_uv() -> None:
    machine = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy:3128",
        "UV_TARGET": "/etc",
        "UV_INDEX_URL": "https://reader:hush@mirror/simple",
        "UV_INDEX_MIRROR_PASSWORD": "quiet",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://…",
        "AWS_SECRET_ACCESS_KEY": "…",
    }

    access = index_access([], machine)

    assert set(access.variables) == {
        "PATH",
        "HTTPS_PROXY",
        "UV_INDEX_URL",
        "UV_INDEX_MIRROR_PASSWORD",
    }
    assert access.hide("401 at https://reader:hush@mirror/simple, not hush, quiet") == (
        "401 at https://***@mirror/simple, not ***, ***"
    )
    assert "hush" not in repr(access)
    assert access.hide("git+ssh://git@host/lib") == "git+ssh://git@host/lib"


def test_credentials_are_no_reason_to_resolve_again() -> None:
    def identity(url: str, password: str) -> str:
        return index_access([Index("a", url, username="u", password=password)], {}).identity

    first = identity("https://host/simple", "1")
    assert identity("https://host/simple", "2") == first
    assert identity("https://other/simple", "1") != first


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("", "https://host"),
        ("a b", "https://host"),
        ("a", "https://host/a b"),
        ("a", "https://u:p@host/simple"),
    ],
)
def test_an_index_that_cannot_work_is_refused(name: str, url: str) -> None:
    with pytest.raises(PackageIndexError):
        Index(name, url)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A git repository with a package, ready to be served by any web server."""
    folder = tmp_path / "git" / "lib"
    folder.mkdir(parents=True)
    (folder / "lib.py").write_text("VERSION = 'from git'\n")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "lib"\nversion = "0.1"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (
        ["init", "-q", "-b", "master"],
        ["add", "-A"],
        ["commit", "-qm", "lib"],
        ["update-server-info"],
    ):
        subprocess.run([*git, *command], check=True, timeout=30)
    return folder


# Builds the wheel itself, so that no build backend has to be fetched.
BACKEND = """
import zipfile


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "lib-0.1-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        wheel.write("lib.py")
        wheel.writestr("lib-0.1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: lib\\nVersion: 0.1\\n")
        wheel.writestr(
            "lib-0.1.dist-info/WHEEL",
            "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        )
        wheel.writestr("lib-0.1.dist-info/RECORD", "")
    return name
"""


def test_a_direct_reference_is_pinned_to_its_commit(platform: Platform, library: Path) -> None:
    commit = subprocess.run(
        ["git", "-C", str(library), "rev-parse", "HEAD"],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout.strip()
    with served(library.parent, Quiet) as address:
        environment = platform.ensure(f"lib @ git+{address}/lib/.git", "tool-box==2.0")

    lock = environment.lock_path.read_text()
    assert f"/lib/.git@{commit}" in lock
    assert "tool-box==2.0 \\\n    --hash=sha256:" in lock
    printed = subprocess.run(
        [environment.python, "-c", "import lib, tool_box; print(lib.VERSION, tool_box.VERSION)"],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert printed.stdout == "from git 2.0\n"


def test_a_platform_may_forbid_direct_references(platform: Platform) -> None:
    with pytest.raises(EnvironmentBuildError, match="takes no direct references") as caught:
        platform.ensure("tool-box", "lib @ git+http://127.0.0.1:9/lib", store=platform.store(direct_references=False))

    assert "asked for by recommender:peach.yaml:8" in str(caught.value)


@pytest.mark.parametrize("prefix", ["file://", "git+file://"])
def test_a_file_of_this_machine_is_nobodys_requirement(platform: Platform, library: Path, prefix: str) -> None:
    with pytest.raises(EnvironmentBuildError, match="refers to a file of the machine"):
        platform.ensure(f"lib @ {prefix}{library}")
