"""A lock: the full resolution of an organisation's requirements, every file with its hashes."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement as Pep508

from airflow_peach import storage
from airflow_peach.authoring.requirements import is_direct_reference, unsafe_in_a_file
from airflow_peach.catalogue.model import Requirement
from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from airflow_peach.execution.environments.building import Building
    from airflow_peach.execution.environments.interpreters import Interpreter
    from airflow_peach.execution.environments.uv_process import Uv

# What papermill needs inside the environment to run all cells of a notebook.
KERNEL = Requirement("ipykernel<8,>=6.29", "full_notebook")

LOCK_LIMIT_BYTES = 16 * 1024 * 1024

_HEADER = re.compile(r"# Resolved by airflow-peach at (\S+)\n")
_LOCAL_REFERENCE = re.compile(r" @ (?:git\+)?file:")


class RequirementRefusedError(PeachError):
    """A requirement that uv could resolve, but the platform does not take."""


@dataclass(frozen=True)
class RequirementLock:
    """One resolution.

    Attributes:
        text: in the format of ``uv pip compile --generate-hashes``; empty when nothing is required.
        resolved_at: UTC.
    """

    text: str
    resolved_at: dt.datetime

    @property
    def entries(self) -> list[str]:
        """One text for each package, its hashes with it."""
        return re.findall(r"^[^\s#].*\n(?:[ \t].*\n)*", self.text, flags=re.MULTILINE)

    @property
    def hashed(self) -> str:
        """The entries whose files are checked against their hashes."""
        return "".join(entry for entry in self.entries if "--hash=" in entry)

    @property
    def pinned_to_commits(self) -> str:
        """The entries without hashes: git references, each with its commit."""
        return "".join(entry for entry in self.entries if "--hash=" not in entry)

    def is_fresh(self, max_age_seconds: float) -> bool:
        """Whether it was resolved within the last ``max_age_seconds``; one from the future was not."""
        age = (dt.datetime.now(tz=dt.timezone.utc) - self.resolved_at).total_seconds()
        return 0 <= age < max_age_seconds


def with_kernel(requirements: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """Add the Jupyter kernel, unless an author chose one."""
    if any(Pep508(requirement.text).name.lower() == "ipykernel" for requirement in requirements):
        return tuple(requirements)
    return (*requirements, KERNEL)


def lock_key(requirements: Iterable[Requirement], interpreter: Interpreter, indexes: str) -> str:
    """Return the hash of everything a lock depends on but time; ``indexes`` is their ``identity``."""
    texts = sorted({requirement.text for requirement in requirements})
    return hashlib.sha256(json.dumps([texts, interpreter.identity, indexes]).encode()).hexdigest()


def read_lock(path: Path) -> RequirementLock | None:
    """Return the lock that ``write_lock`` wrote to ``path``; None when there is none that can be read."""
    try:
        content = path.read_text(encoding="utf-8")
        header = _HEADER.match(content)
        if header is None:
            return None
        resolved_at = dt.datetime.fromisoformat(header[1])
    except (FileNotFoundError, ValueError):
        return None
    return RequirementLock(content[header.end() :], resolved_at)


def write_lock(path: Path, lock: RequirementLock) -> None:
    """Write ``lock`` to ``path``, atomically; ``uv pip sync`` reads the file as it is."""
    storage.write_text(path, f"# Resolved by airflow-peach at {lock.resolved_at.isoformat()}\n{lock.text}")


def resolve(
    requirements: Sequence[Requirement],
    building: Building,
    uv: Uv,
    *,
    direct_references: bool,
    deadline: float,
    emit: Callable[[str], None],
) -> RequirementLock:
    """Ask the indexes for the newest set of packages that satisfies all ``requirements`` together.

    No requirements: no uv, no network.

    Raises:
        RequirementRefusedError: a direct reference where the platform forbids them, or one to a local file, or a
            text that would be more to uv than a requirement.
        UvFailedError: they cannot be resolved; the message is uv's.
        UvTimeoutError: not before ``deadline``.
    """
    resolved_at = dt.datetime.now(tz=dt.timezone.utc)
    if not requirements:
        return RequirementLock("", resolved_at)
    _refuse_unsafe(requirements)
    _refuse_local_references(str(Pep508(requirement.text)) for requirement in requirements)
    if not direct_references:
        _refuse_direct_references(requirements)
    asked = building.write("requirements.in", "".join(f"{requirement.text}\n" for requirement in requirements))
    answered = building.temporary / "requirements.txt"
    uv(
        *("pip", "compile", asked, "--output-file", answered, "--python", building.interpreter),
        *("--generate-hashes", "--no-header", "--no-annotate", "--quiet"),
        building=building,
        deadline=deadline,
        emit=emit,
    )
    lock = RequirementLock(_read_answer(answered), resolved_at)
    _check_references(lock, direct_references=direct_references)
    return lock


def _read_answer(path: Path) -> str:
    # To learn what a source distribution requires, uv runs code of it: the answer may be that code's.
    try:
        return storage.read_foreign(path, limit_bytes=LOCK_LIMIT_BYTES).decode("utf-8", "replace")
    except storage.ForeignFileError as error:
        raise RequirementRefusedError(f"what was resolved cannot be read: {error}") from None


def _refuse_unsafe(requirements: Sequence[Requirement]) -> None:
    """Look at each text again, whoever was to look before: uv does what the lines of the file say."""
    for requirement in requirements:
        if fault := unsafe_in_a_file(requirement.text):
            raise RequirementRefusedError(f"{requirement.text!r}: {fault}")


def _refuse_direct_references(requirements: Sequence[Requirement]) -> None:
    refused = [requirement.text for requirement in requirements if is_direct_reference(requirement.text)]
    if refused:
        raise RequirementRefusedError(
            f"{', '.join(refused)}: the platform takes no direct references; name a package of its indexes"
        )


def _refuse_local_references(entries: Iterable[str]) -> None:
    """Files are of the machine that builds: nobody's business, whoever asks for them."""
    for entry in entries:
        if _LOCAL_REFERENCE.search(entry):
            raise RequirementRefusedError(f"{_name_of(entry)}: refers to a file of the machine that builds")


def _name_of(entry: str) -> str:
    return entry.split(";", maxsplit=1)[0].split("\\", maxsplit=1)[0].strip()


def _check_references(lock: RequirementLock, *, direct_references: bool) -> None:
    """Look at what was resolved, too: a direct reference may ask for others."""
    _refuse_local_references(lock.entries)
    for entry in lock.entries:
        name = _name_of(entry)
        if not name[:1].isalnum():  # an option, to uv
            raise RequirementRefusedError(f"{name}: is not a requirement")
        if "$" in entry:  # a package's own metadata may say so, and `uv pip sync` reads this file
            raise RequirementRefusedError(f"{name}: {unsafe_in_a_file('$')}")
        if " @ " in name and not direct_references:
            raise RequirementRefusedError(f"{name}: the platform takes no direct references")
        if "--hash=" not in entry and " @ git+" not in name:
            raise RequirementRefusedError(f"{name}: has no hash and no commit to check it against")
