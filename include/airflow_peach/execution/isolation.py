"""Which level of isolation is in force on this machine, and why not a better one."""

from __future__ import annotations

import enum
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.errors import PeachError
from airflow_peach.execution.accounts import user_failure
from airflow_peach.execution.launch import LAUNCHER
from airflow_peach.execution.sandbox import bubblewrap_failure

if TYPE_CHECKING:
    from airflow_peach.settings import Settings


class IsolationError(PeachError):
    """The isolation that the settings ask for does not work on this machine."""


class Level(enum.Enum):
    """How well executions are kept away from the platform and from each other, the best first."""

    BUBBLEWRAP = "bubblewrap"
    USER = "user"
    NONE = "none"


# What each setting takes, in this order; where nothing of it works, executions are refused.
_TAKEN = {
    "auto": (Level.BUBBLEWRAP, Level.USER, Level.NONE),
    "required": (Level.BUBBLEWRAP, Level.USER),
    "bubblewrap": (Level.BUBBLEWRAP,),
    "user": (Level.USER,),
    "none": (Level.NONE,),
}
_REMEDIES = {
    Level.BUBBLEWRAP: "install bubblewrap and allow unprivileged user namespaces (in a container: its seccomp profile)",
    Level.USER: "run Airflow's workers as root, with a home that other users may enter",
}


@dataclass(frozen=True)
class Isolation:
    """How executions are kept away from the platform on this machine.

    Attributes:
        setting: ``[peach] isolation``.
        level: in force; None when executions are refused.
        why: it is no better one, or executions are refused; empty where the best one works, or the setting says so.
    """

    setting: str
    level: Level | None
    why: str

    def demand(self) -> Level:
        """Return the level. Raises ``IsolationError`` when executions are refused."""
        if self.level is None:
            raise IsolationError(self.why)
        return self.level

    def __str__(self) -> str:
        level = self.level.value if self.level else "refused"
        return f"{level} ({self.why})" if self.why else level


def isolation_in_force(settings: Settings) -> Isolation:
    """Return what the setting ``isolation`` gives on this machine: of the levels it takes, the first that works.

    What is tried is really run, once in each process: about 20 ms. Nothing is changed.
    """
    setting = settings.isolation
    failures: list[tuple[Level, str]] = []
    for level in _TAKEN[setting]:
        failure = _failure(level, settings)
        if not failure:
            return Isolation(setting, level, "; ".join(text for _, text in failures))
        failures.append((level, failure))
    reasons = "; ".join(text for _, text in failures)
    remedies = ", or ".join(_REMEDIES[level] for level, _ in failures)
    return Isolation(
        setting, None, f"[peach] isolation = {setting}: {reasons}; {remedies}, or set isolation = auto to run without"
    )


def _failure(level: Level, settings: Settings) -> str:
    if level is Level.BUBBLEWRAP:
        return bubblewrap_failure()
    if level is Level.USER:
        python = Path(settings.python or sys.executable)
        return user_failure(settings.isolation_uids.start, python=python, launcher=LAUNCHER, home=settings.home)
    return ""
