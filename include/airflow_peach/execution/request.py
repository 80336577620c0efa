"""What an execution is asked to do, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_peach.execution.confinement import Confinement

RESULT_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Limits:
    """Hard limits of one execution.

    Attributes:
        time_limit_seconds: of the whole.
        grace_seconds: between the polite end and the hard one.
        memory_limit_bytes: 0 means none.
        disk_limit_bytes: of its checkout, home and temporary files together; 0 means none.
        log_limit_bytes: of its output that is kept.
        spent_seconds: of the time limit, before the program starts: fetch, checkout, environment.
    """

    time_limit_seconds: float
    grace_seconds: float = 10.0
    memory_limit_bytes: int = 0
    disk_limit_bytes: int = 0
    log_limit_bytes: int = 20_000_000
    spent_seconds: float = 0.0


@dataclass(frozen=True)
class ExecutionRequest:
    """One execution of one task.

    Attributes:
        codops: whose task.
        task: its name.
        checkout: directory with the files of the commit; the execution may write in it, it is thrown away after.
        notebook: path of the notebook in ``checkout``.
        method: the entry function.
        full_notebook: run all cells in a kernel, then call the entry function.
        args: keyword arguments, YAML's types.
        python: absolute path of the environment's interpreter.
        environment: root directory of the environment (readable, never writable, inside).
        scratch: an empty directory of its own: HOME and TMPDIR are made in it; thrown away after.
        limits: see ``Limits``.
        confinement: what keeps it away from all that is not its own.
        variables: environment variables of the organisation (its secrets among them).
        artefact: where the executed notebook of ``full_notebook`` is kept, None for nowhere.
        lock_descriptors: of locks that are held while anything of the execution is alive.
    """

    codops: str
    task: str
    checkout: Path
    notebook: str
    method: str
    python: Path
    environment: Path
    scratch: Path
    limits: Limits
    confinement: Confinement
    full_notebook: bool = False
    args: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    artefact: Path | None = None
    lock_descriptors: tuple[int, ...] = ()


@dataclass(frozen=True)
class ExecutionResult:
    """How it ended. ``reason`` is one sentence, ``ok`` after a success.

    Attributes:
        value: what the entry function returned, as plain JSON data; None when it is not JSON or over 64 KiB
            (the log then says so).
        exit_code: of the user's process; negative for a signal; None when it never started.
    """

    status: Literal["success", "failed"]
    reason: str
    value: Any = None
    exit_code: int | None = None
    run_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
