from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.processes import ProgramMissingError
from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.git_environment import git_environment, open_git, redact, redact_text
from airflow_peach.repositories.mirror import FetchError, Mirror

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT = 30


def test_nothing_of_the_user_reaches_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = me\n[alias]\n\tx = !touch /tmp/x\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "me")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")

    environment = git_environment()
    listed = subprocess.run(
        ["git", "config", "--list"], env=environment, cwd="/", capture_output=True, text=True, check=True
    ).stdout

    assert "user.name" not in listed
    assert "alias.x" not in listed
    assert "secret" not in environment.values()
    assert "core.hookspath=/dev/null" in listed
    assert "GIT_DIR" not in environment


def test_an_own_variable_does_not_change_what_a_fetch_does(
    remote: Any, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commit = remote.commit({"a": "1"})
    open_git(None)  # when GitPython is first imported it asks git for its version, in this process's environment
    for name in ("GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_TRACE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))

    assert mirror.fetch(LIMIT).commit == commit
    assert not (tmp_path / "elsewhere").exists()


def test_a_remote_helper_is_never_run(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path, RepositoryAddress("x", f"ext::touch% {tmp_path}/ran"), "master")

    with pytest.raises(Exception, match="ext"):
        mirror.fetch(LIMIT)

    assert not (tmp_path / "ran").exists()


def test_no_hook_of_the_source_or_the_template_runs(remote: Any, mirror: Mirror, tmp_path: Path) -> None:
    hook = f"#!/bin/sh\ntouch {tmp_path}/ran\n"
    for name in ("post-checkout", "reference-transaction", "post-update", "pre-receive", "post-index-change"):
        path = remote.path / ".git" / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(hook)
        path.chmod(0o755)
    remote.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", "-m", "x")

    mirror.fetch(LIMIT)

    assert not (tmp_path / "ran").exists()
    assert not (mirror.path / "hooks").exists()


@pytest.fixture
def of_another_user(remote: Any) -> Iterator[None]:
    if os.getuid() != 0:
        pytest.skip("only root can give a repository to another user")
    remote.commit({"a": "1"})
    for path in (remote.path, *remote.path.rglob("*")):
        os.chown(path, 12345, 12345)
    yield
    shutil.rmtree(remote.path)


@pytest.mark.usefixtures("of_another_user")
def test_a_source_of_another_user_is_read(mirror: Mirror) -> None:
    assert mirror.fetch(LIMIT).branch == "master"


def test_a_mirror_of_another_user_is_read(remote: Any, mirror: Mirror) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a repository to another user")
    remote.commit({"a": "1"})
    head = mirror.fetch(LIMIT)
    for path in (mirror.path, *mirror.path.rglob("*")):
        os.chown(path, 12345, 12345)

    assert mirror.head() == head


def test_without_git_the_message_says_so(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from airflow_peach.repositories.mirror import Mirror, FetchError\n"
        "from airflow_peach.repositories.address import RepositoryAddress\n"
        f"mirror = Mirror(Path({str(tmp_path)!r}), RepositoryAddress('x', '/x'), 'master')\n"
        "try: mirror.fetch(5)\n"
        "except FetchError as error: print(error)\n"
    )

    answer = subprocess.run(
        [sys.executable, "-c", script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert "git cannot be run: install git" in answer.stdout, answer.stderr


def test_importing_the_library_does_not_import_gitpython() -> None:
    script = (
        "import sys\n"
        "import airflow_peach.repositories.mirror, airflow_peach.repositories.commit\n"
        "import airflow_peach.catalogue.sync\n"
        "assert 'git' not in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://ada:s3cret@h.org:8443/g/p.git", "https://h.org:8443/g/p.git"),
        ("https://s3cret@h.org/g/p.git", "https://h.org/g/p.git"),
        ("https://h.org/g/p.git?token=s3cret#x", "https://h.org/g/p.git"),
        ("ssh://git:s3cret@h.org/g/p.git", "ssh://git@h.org/g/p.git"),
        ("ssh://git@h.org/g/p.git", "ssh://git@h.org/g/p.git"),
        ("git@h.org:g/p.git", "git@h.org:g/p.git"),
        ("/srv/p.git", "/srv/p.git"),
        ("https://[s3cret", "https://…"),
    ],
)
def test_redaction(url: str, redacted: str) -> None:
    assert redact(url) == redacted
    assert redact_text(f"fatal: unable to access '{url}': no") == f"fatal: unable to access '{redacted}': no"


def test_an_unreachable_host_is_said_in_one_line(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path, RepositoryAddress("x", "http://127.0.0.1:9/x.git"), "master")

    with pytest.raises(
        FetchError, match=r"^x: cannot be fetched from http://127\.0\.0\.1:9/x\.git: Failed to connect to 127\.0\.0\.1"
    ) as caught:
        mirror.fetch(LIMIT)

    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value.__cause__, ProgramMissingError)
