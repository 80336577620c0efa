"""Which level is in force, and what is said of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from airflow_peach.execution import accounts, sandbox
from airflow_peach.execution.confinement import Confinement, confinement
from airflow_peach.execution.isolation import IsolationError, Level, isolation_in_force
from airflow_peach.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _fresh_probes() -> Iterator[None]:
    sandbox._tried_bubblewrap.cache_clear()
    accounts.user_failure.cache_clear()
    yield
    sandbox._tried_bubblewrap.cache_clear()
    accounts.user_failure.cache_clear()


@pytest.fixture
def no_bubblewrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.fixture
def not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def settings(tmp_path: Path, isolation: str) -> Settings:
    return load_settings(home=tmp_path / "home", isolation=isolation)


def test_none_is_none_and_says_nothing(tmp_path: Path) -> None:
    isolation = isolation_in_force(settings(tmp_path, "none"))
    assert (isolation.level, isolation.why, str(isolation)) == (Level.NONE, "", "none")


@pytest.mark.usefixtures("no_bubblewrap", "not_root")
def test_auto_takes_what_works_and_says_why_it_is_no_better(tmp_path: Path) -> None:
    isolation = isolation_in_force(settings(tmp_path, "auto"))
    assert isolation.level is Level.NONE
    why = "bubblewrap is not installed; only root can run executions under other users, and this is uid 1000"
    assert str(isolation) == f"none ({why})"
    assert confinement(settings(tmp_path, "auto"), "debr").warning == (
        f"WARNING: this execution can see the platform's files: {why}"
    )
    assert Confinement(Level.NONE).warning == ""


@pytest.mark.usefixtures("no_bubblewrap", "not_root")
@pytest.mark.parametrize(
    ("setting", "reason", "remedy"),
    [
        ("bubblewrap", "bubblewrap is not installed", "install bubblewrap and allow"),
        ("user", "only root can run", "run Airflow's workers as root"),
        ("required", "bubblewrap is not installed; only root can run", "install bubblewrap and allow"),
    ],
)
def test_what_is_asked_for_and_does_not_work_is_refused(tmp_path: Path, setting: str, reason: str, remedy: str) -> None:
    isolation = isolation_in_force(settings(tmp_path, setting))
    assert isolation.level is None
    with pytest.raises(IsolationError) as raised:
        confinement(settings(tmp_path, setting), "debr")
    message = str(raised.value)
    assert message.startswith(f"[peach] isolation = {setting}: {reason}")
    assert remedy in message
    assert message.endswith("or set isolation = auto to run without")
    assert str(isolation) == f"refused ({message})"


@pytest.mark.usefixtures("not_root")
def test_a_bubblewrap_that_may_not_make_namespaces_is_found_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sandbox.bubblewrap_failure() == "bubblewrap does not work: bwrap: No permissions to create new namespace"
    assert isolation_in_force(settings(tmp_path, "auto")).level is Level.NONE
    with pytest.raises(IsolationError, match="No permissions"):
        isolation_in_force(settings(tmp_path, "bubblewrap")).demand()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try other users")
def test_a_home_that_others_cannot_enter_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    isolation = isolation_in_force(load_settings(home=tmp_path / "closed" / "home", isolation="user", python="/bin/sh"))
    assert isolation.level is None
    assert f"{tmp_path / 'closed'} cannot be entered by other users: set [peach] home" in isolation.why
