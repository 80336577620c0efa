"""What ``peach validate`` found, as every format needs it."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.authoring.definitions import TaskEntry
    from airflow_peach.authoring.problems import Problem

# What a problem is about, by the last key of its path: the name of its rule.
RULES = {
    "configuration": "The configuration file is as it must be.",
    "unknown-key": "Every key is known.",
    "codops": "The organisation's code is one.",
    "task": "A task has what it needs, and a name of its own.",
    "notebook": "The notebook is there and can be read.",
    "method": "The notebook defines the entry function, and its cell can run.",
    "args": "The entry function takes the arguments.",
    "requirement": "A requirement is one, and can be resolved.",
    "option": "A task's option has a value that it can have.",
}

_TASK_KEY = re.compile(r"tasks\..+\.(notebook|method|args|full_notebook|executor|loop)(?:[.\[].*)?")
_REQUIREMENTS = re.compile(r"(?:tasks\.)?dependencies\b")


@dataclass(frozen=True)
class Finding:
    """One problem or hint.

    Attributes:
        root: of the repository, absolute.
        severity: a hint has no say in the exit code.
    """

    problem: Problem
    root: Path
    severity: Literal["error", "hint"] = "error"

    @property
    def rule(self) -> str:
        """The name of its rule, one of ``RULES``."""
        about = self.problem.about
        if self.problem.cause == "unknown key":
            return "unknown-key"
        if _REQUIREMENTS.match(about):
            return "requirement"
        key = _TASK_KEY.fullmatch(about)
        if key:
            return key[1] if key[1] in RULES else "option"
        if about.startswith("tasks."):
            return "task"
        return "codops" if about == "codops" else "configuration"

    @property
    def text(self) -> str:
        """What is wrong and what to do, without the place."""
        about = f"{self.problem.about}: " if self.problem.about else ""
        remedy = f"; {self.problem.remedy}" if self.problem.remedy else ""
        return f"{about}{self.problem.cause}{remedy}"

    @property
    def fingerprint(self) -> str:
        """The same for the same problem after lines above it have come and gone."""
        place = self.problem.place
        text = f"{place.file}\0{self.problem.about}\0{self.problem.cause}"
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()

    def path(self, working_directory: Path) -> str:
        """Return its file as a CI job names it: relative to ``working_directory``, or to a repository around that."""
        file = self.root / (self.problem.place.file or "peach.yaml")
        inside = self.root if working_directory.is_relative_to(self.root) else working_directory
        return file.relative_to(inside).as_posix() if file.is_relative_to(inside) else os.path.relpath(file, inside)


@dataclass
class Findings:
    """Everything that was found in all repositories, in the order in which it is shown."""

    found: list[Finding] = field(default_factory=list)
    tasks: list[TaskEntry] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """Those that count for the exit code."""
        return [finding for finding in self.found if finding.severity == "error"]
