"""Environments: each organisation's virtual environment, locked, built once, swapped in whole (DESIGN §9)."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.execution.confinement import unconfined
from airflow_peach.execution.environments import requirement_lock
from airflow_peach.execution.environments.building import Building, BuildRefusedError
from airflow_peach.execution.environments.errors import EnvironmentBuildError, build_error
from airflow_peach.execution.environments.folder import LOCK_COPY, Environment, EnvironmentFolder, discard
from airflow_peach.execution.environments.interpreters import Interpreter, InterpreterError, inspect_interpreter
from airflow_peach.execution.environments.package_indexes import Index, index_access
from airflow_peach.execution.environments.uv_process import (
    Runner,
    Uv,
    UvDiskLimitError,
    UvFailedError,
    UvTimeoutError,
    find_uv,
    run_under_guard,
)
from airflow_peach.storage import LockedError, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from airflow_peach.catalogue.model import Requirement
    from airflow_peach.execution.confinement import Confinement
    from airflow_peach.execution.environments.requirement_lock import RequirementLock

__all__ = ["Environment", "EnvironmentBuildError", "EnvironmentStore", "Index"]


@dataclass(frozen=True)
class _Wanted:
    """What is asked of ``ensure``, in one piece."""

    folder: EnvironmentFolder
    requirements: tuple[Requirement, ...]
    interpreter: Interpreter
    lock_file: Path
    deadline: float
    emit: Callable[[str], None]

    def digest(self, lock: RequirementLock) -> str:
        text = json.dumps([lock.text, self.interpreter.identity])
        return hashlib.sha256(text.encode()).hexdigest()


class EnvironmentStore:
    """All environments below one home.

    Any number of processes may use one home at the same time: an environment is built by one of them, the
    others wait for it and use it.
    """

    def __init__(
        self,
        home: Path,
        *,
        interpreter: Path,
        indexes: Sequence[Index] = (),
        direct_references: bool = True,
        lock_max_age_seconds: float,
        disk_limit_bytes: int = 0,
        uv: Path | None = None,
        run: Runner = run_under_guard,
        confine: Callable[[str], Confinement] = unconfined,
    ) -> None:
        """Describe the store; nothing is touched yet.

        Args:
            home: everything is kept in ``environments`` below it.
            interpreter: what environments are built on; one of a virtual environment stands for its base.
            indexes: the only ones that are asked; empty for those that the machine is configured for.
            direct_references: whether a requirement may name an address (``lib @ git+https://…``).
            lock_max_age_seconds: when requirements are resolved again although nothing changed.
            disk_limit_bytes: of an environment that is being built, with its organisation's cache; 0 is none.
            uv: the uv binary; None for that of the ``uv`` package.
            run: runs uv.
            confine: says what the code that uv runs for an organisation, by its codops, is confined to.
        """
        self._home = home.absolute()
        self._interpreter = interpreter
        self._direct_references = direct_references
        self._lock_max_age_seconds = lock_max_age_seconds
        self._disk_limit_bytes = disk_limit_bytes
        self._confine = confine
        self._uv = Uv(
            binary=uv or find_uv(),
            access=index_access(indexes, os.environ),
            run=run,
        )

    def current(self, codops: str) -> Environment | None:
        """Return the last good environment of ``codops``; None when there never was one, or it is broken."""
        return self._folder(codops).current()

    def ensure(
        self,
        codops: str,
        requirements: Sequence[Requirement],
        *,
        with_kernel: bool,
        emit: Callable[[str], None],
        time_limit_seconds: float,
    ) -> Environment:
        """Return the environment for exactly these requirements, and make it the one in use.

        It is locked and built first if need be; if that fails, the one in use stays in use.

        Args:
            codops: whose environment.
            requirements: all of the organisation's; none make a bare environment, without asking an index.
            with_kernel: add what ``full_notebook`` needs.
            emit: takes each line of progress.
            time_limit_seconds: for all of it, waiting for another process that builds included.

        Raises:
            EnvironmentBuildError: with uv's explanation and who asked for what.
        """
        folder = self._folder(codops)
        if with_kernel:
            requirements = requirement_lock.with_kernel(requirements)
        try:
            environment = self._ensure(folder, requirements, emit, time_limit_seconds)
        except EnvironmentBuildError as error:
            folder.note_failure(str(error))
            raise
        folder.forget_failure()
        return environment

    def check(self, requirements: Sequence[Requirement], *, time_limit_seconds: float) -> None:
        """Resolve ``requirements`` and forget the lock again; touches uv's cache only. Nothing is confined.

        Raises:
            UvFailedError, RequirementRefusedError: they cannot be had together; the message is why.
            UvTimeoutError: not within the limit.
            InterpreterError: there is no interpreter to resolve them for.
        """
        executable = inspect_interpreter(self._interpreter).executable
        with tempfile.TemporaryDirectory(prefix="peach-lock-") as folder:
            building = Building(Path(folder), self._home / "uv-cache", executable, unconfined(""))
            building.prepare()
            requirement_lock.resolve(
                requirements,
                building,
                self._uv,
                direct_references=self._direct_references,
                deadline=time.monotonic() + time_limit_seconds,
                emit=lambda _: None,
            )

    def last_failure(self, codops: str) -> str | None:
        """Return why the last ``ensure`` of ``codops`` failed; None when it did not, or there was none."""
        return self._folder(codops).last_failure()

    def _ensure(
        self,
        folder: EnvironmentFolder,
        requirements: Sequence[Requirement],
        emit: Callable[[str], None],
        time_limit_seconds: float,
    ) -> Environment:
        codops = folder.codops
        deadline = time.monotonic() + time_limit_seconds
        try:
            interpreter = inspect_interpreter(self._interpreter)
            key = requirement_lock.lock_key(requirements, interpreter, self._uv.access.identity)
            wanted = _Wanted(folder, tuple(requirements), interpreter, folder.requirement_lock(key), deadline, emit)
            return self._find_current(wanted) or self._make(wanted)
        except InterpreterError as error:
            raise build_error(codops, "its environment cannot be built", str(error), ()) from None
        except OSError as error:
            explanation = f"{error.filename or self._home}: {error.strerror}; check the disk and its permissions"
            raise build_error(codops, "its environment cannot be kept", explanation, ()) from error
        except (UvTimeoutError, LockedError):
            failure = f"its environment was not ready within {time_limit_seconds:g} s"
            raise build_error(codops, failure, "Ask for less, or for a longer limit.", requirements) from None

    def prune(self, in_use: Collection[str], *, keep_days: float, dry_run: bool = False) -> list[Path]:
        """Remove environments that were not needed for ``keep_days``; return their paths.

        Args:
            in_use: the codops whose current environments stay, however old.
            keep_days: longer than any execution may last: one may still run in a replaced environment.
            dry_run: remove nothing; return what would be.
        """
        removed = []
        for root in sorted((self._home / "environments").glob("*/")):
            folder = self._folder(root.name)
            # Who builds here right now is not waited for: the next prune will do.
            with (
                contextlib.suppress(LockedError),
                locked(folder.lock_file, timeout_seconds=0),
            ):
                if not dry_run:
                    folder.discard_abandoned()
                    folder.forget_old_locks(keep_days=keep_days)
                for path in list(folder.unused(keep_current=root.name in in_use, keep_days=keep_days)):
                    if not dry_run:
                        folder.remove(path)
                    removed.append(path)
        return removed

    def _folder(self, codops: str) -> EnvironmentFolder:
        return EnvironmentFolder(codops, self._home / "environments" / codops)

    def _find_current(self, wanted: _Wanted) -> Environment | None:
        """Return the environment in use if it is the wanted one: nearly always, and without waiting for anybody."""
        lock, current = self._fresh_lock(wanted), wanted.folder.current()
        if lock is None or current is None or current.digest != wanted.digest(lock):
            return None
        wanted.folder.use(current)
        return current

    def _fresh_lock(self, wanted: _Wanted) -> RequirementLock | None:
        lock = requirement_lock.read_lock(wanted.lock_file)
        return lock if lock and lock.is_fresh(self._lock_max_age_seconds) else None

    def _make(self, wanted: _Wanted) -> Environment:
        with _only_one(wanted):
            wanted.folder.discard_abandoned()
            # Another process may have done all of it, or the first half, while we waited.
            lock = self._fresh_lock(wanted) or self._resolve(wanted)
            digest = wanted.digest(lock)
            environment = wanted.folder.find(digest) or self._build(wanted, lock, digest)
            wanted.folder.use(environment)
            return environment

    def _resolve(self, wanted: _Wanted) -> RequirementLock:
        if wanted.requirements:
            asked = ", ".join(requirement.text for requirement in wanted.requirements)
            wanted.emit(self._uv.access.hide(f"Resolving {asked}"))
        with self._building(wanted, "its requirements cannot be resolved") as building:
            lock = requirement_lock.resolve(
                wanted.requirements,
                building,
                self._uv,
                direct_references=self._direct_references,
                deadline=wanted.deadline,
                emit=wanted.emit,
            )
        requirement_lock.write_lock(wanted.lock_file, lock)
        return lock

    def _build(self, wanted: _Wanted, lock: RequirementLock, digest: str) -> Environment:
        wanted.emit(f"Building environment {digest[:12]} on {wanted.interpreter.version}")
        with self._building(wanted, "its environment cannot be built") as building:
            self._fill(wanted, lock, building)
            return wanted.folder.complete(building, digest)

    @contextlib.contextmanager
    def _building(self, wanted: _Wanted, failure: str) -> Iterator[Building]:
        """Give a place to build in, and clear it away; what is refused or fails there is told as ``failure``."""
        folder = wanted.folder
        building = Building(
            folder.new_building(),
            folder.cache,
            wanted.interpreter.executable,
            self._confine(folder.codops),
            self._disk_limit_bytes,
        )
        building.prepare()
        try:
            yield building
        except (UvFailedError, BuildRefusedError, requirement_lock.RequirementRefusedError) as error:
            if isinstance(error, UvDiskLimitError):
                discard(folder.cache)
            raise build_error(folder.codops, failure, str(error), wanted.requirements) from None
        finally:
            discard(building.folder)

    def _fill(self, wanted: _Wanted, lock: RequirementLock, building: Building) -> None:
        uv = functools.partial(self._uv, building=building, deadline=wanted.deadline, emit=wanted.emit)
        environment = building.environment
        # Allowed to fill a directory that exists: it is ours, and so nobody else can have made it.
        uv(
            *("venv", "--quiet", "--relocatable", "--allow-existing", "--no-project"),
            *("--python", building.interpreter, environment),
        )
        link = building.interpreter_link()
        # Compiled now: at run time an environment is read-only.
        options = ("--python", environment / "bin" / "python", "--compile-bytecode")
        if lock.hashed:
            uv("pip", "sync", "--require-hashes", *options, building.write("hashed.txt", lock.hashed))
        if lock.pinned_to_commits:
            # A commit is its own hash; uv would refuse these beside --require-hashes.
            commits = building.write("commits.txt", lock.pinned_to_commits)
            uv("pip", "install", "--no-deps", *options, "-r", commits)
        building.take(link)
        building.put(LOCK_COPY, lock.text)


@contextlib.contextmanager
def _only_one(wanted: _Wanted) -> Iterator[None]:
    """Hold the lock of the organisation's environments; say so when that means to wait."""
    path = wanted.folder.lock_file
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked(path, timeout_seconds=0))
        except LockedError:
            wanted.emit("Another process is building; waiting for it")
            remaining = max(wanted.deadline - time.monotonic(), 0.0)
            held.enter_context(locked(path, timeout_seconds=remaining))
        yield
