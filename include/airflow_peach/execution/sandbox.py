"""The sandbox: what of this machine an execution sees, by bubblewrap.

Inside, a path is what it is outside, so tracebacks and environments work unchanged; what is not mounted does not
exist. The network is shared. See https://github.com/containers/bubblewrap.
"""

from __future__ import annotations

import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach import processes
from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Iterable

PROBE_SECONDS = 10.0

# Namespaces of its own for users (none of our capabilities), processes (none to see, to signal, to trace; all end
# with the first), System V IPC, the host's name, control groups. --die-with-parent: with the guard.
_NAMESPACES = (
    "--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
    "--cap-drop", "ALL", "--die-with-parent", "--new-session",
)  # fmt: skip
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# What programs read to find names, libraries, time and certificates; no keys, no passwords, no services' settings.
_ETC = (
    "resolv.conf", "hosts", "host.conf", "nsswitch.conf", "gai.conf", "services", "protocols",
    "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "pki/tls/openssl.cnf", "pki/tls/cert.pem",
    "pki/ca-trust/extracted", "ca-certificates.conf", "crypto-policies",
    "localtime", "timezone", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives",
    "fonts", "mime.types", "magic", "os-release", "locale.alias", "locale.conf",
)  # fmt: skip


class SandboxMissingError(PeachError):
    """bubblewrap is not installed."""


@dataclass(frozen=True)
class Content:
    """What runs in a sandbox, or without one.

    Attributes:
        argv: program and arguments.
        cwd: where it runs.
        specification: what it reads from descriptor 3.
        interpreters: Python interpreters, with their environments, that it uses.
        readable: other files and directories that it reads; those that do not exist are left out.
    """

    argv: tuple[str, ...]
    cwd: Path
    specification: bytes
    interpreters: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()


def bubblewrap_failure() -> str:
    """Return why bubblewrap does not work here, or nothing. Tried once in each process, by really running it."""
    return _tried_bubblewrap()[0]


def can_limit_shared_memory() -> bool:
    """Whether this bubblewrap gives a file system in memory a size: 0.7 or newer, and not set-user-id."""
    return _tried_bubblewrap()[1]


@functools.cache
def _tried_bubblewrap() -> tuple[str, bool]:
    if not _failure_with(_sized_shared_memory(1 << 20)):
        return "", True
    return _failure_with(()), False


def _failure_with(mounts: tuple[str, ...]) -> str:
    program = shutil.which("bwrap")
    if program is None:
        return "bubblewrap is not installed"
    argv = [program, *_NAMESPACES, *_system_mounts(), *_KERNEL_MOUNTS, *mounts, "--", "/usr/bin/env", "true"]
    try:
        tried = processes.run(argv, cwd=Path("/"), env={"PATH": "/usr/bin:/bin"}, timeout_seconds=PROBE_SECONDS)
    except PeachError as error:
        return f"bubblewrap does not work: {error}"
    if tried.returncode:
        return f"bubblewrap does not work: {tried.error_text or f'exit code {tried.returncode}'}"
    return ""


def wrap(
    content: Content,
    *,
    writable: Iterable[Path],
    hidden: Iterable[Path] = (),
    temporary: Path,
    accounts: Path,
    shared_memory_limit_bytes: int = 0,
) -> tuple[str, ...]:
    """Return the command line that runs ``content`` in a sandbox. ``bubblewrap_failure`` says whether it works.

    Args:
        content: what runs inside, and what it reads.
        writable: directories that it may change.
        hidden: directories of the platform: empty inside, but for what is named above, whatever they lie below.
        temporary: directory that it sees as ``/tmp``.
        accounts: directory in which ``passwd`` and ``group`` are written for it: its own account, nobody else.
        shared_memory_limit_bytes: of all files in its ``/dev/shm``; 0, or a bubblewrap that cannot, sets no limit.

    Raises:
        SandboxMissingError: bubblewrap is not installed.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxMissingError("bubblewrap is not installed")
    _write_accounts(accounts)
    # By their real names: a link to one leads to nothing else.
    roots = tuple(root for root in (path.resolve() for path in hidden) if root.is_dir())
    mounts: dict[Path, list[str]] = {}
    for interpreter in content.interpreters:
        mounts.update(interpreter_mounts(interpreter, roots))
    for path in content.readable:
        if not _is_system(path, roots):
            mounts[path] = ["--ro-bind-try", str(path), str(path)]
    for path in roots:
        mounts[path] = ["--tmpfs", str(path)]
    for path in writable:
        mounts[path] = ["--bind", str(path), str(path)]
    # A mount hides what was mounted below it before: shallow ones first.
    ordered = sorted(mounts, key=lambda path: len(path.parts))
    return (
        program,
        *_NAMESPACES,
        *_system_mounts(),
        *_KERNEL_MOUNTS,
        *(_sized_shared_memory(shared_memory_limit_bytes) if can_limit_shared_memory() else ()),
        *("--ro-bind", str(accounts / "passwd"), "/etc/passwd"),
        *("--ro-bind", str(accounts / "group"), "/etc/group"),
        *("--bind", str(temporary), "/tmp"),  # noqa: S108 - the sandbox's own
        *("--symlink", "../tmp", "/var/tmp"),  # noqa: S108 - the sandbox's own
        *(argument for path in ordered for argument in mounts[path]),
        # What is left is the memory that holds the mount points.
        *(argument for path in (Path("/"), *roots) for argument in ("--remount-ro", str(path))),
        *("--chdir", str(content.cwd)),
        "--",
        *content.argv,
    )


def interpreter_mounts(python: Path, hidden: tuple[Path, ...] = ()) -> dict[Path, list[str]]:
    """Return what makes the interpreter at ``python`` work inside: for each path the arguments that mount it.

    An environment's interpreter is a link, often to a link, to the one it was made with. Each link is made again,
    and each installation on the way (a directory with a standard library in it) can be read. Of one that has a
    ``hidden`` directory in it, only what belongs to Python; of ``/`` (``/bin/python3``), nothing: its programs and
    libraries are the system's.
    """
    mounts: dict[Path, list[str]] = {}
    hop = python
    while True:
        prefix = hop.parent.parent
        if prefix != Path("/") and (_is_environment(prefix) or _is_installation(prefix)):
            if not _is_system(prefix, hidden):
                mounts.update(_prefix_mounts(prefix, hidden))
        elif hop.is_symlink() and not _is_system(hop, hidden):
            mounts[hop] = ["--symlink", str(hop.readlink()), str(hop)]
        if not hop.is_symlink():
            break
        hop = Path(os.path.normpath(hop.parent / hop.readlink()))
    real = hop.resolve()
    if real != hop:  # a directory on the way is a link
        mounts.update(interpreter_mounts(real, hidden))
    return mounts


def _prefix_mounts(prefix: Path, hidden: tuple[Path, ...]) -> dict[Path, list[str]]:
    if not any(root.is_relative_to(prefix) for root in hidden):
        return {prefix: ["--ro-bind", str(prefix), str(prefix)]}
    parts = (prefix / name for name in ("bin", "lib", "lib64", "pyvenv.cfg"))
    return {part: ["--ro-bind-try", str(part), str(part)] for part in parts}


def _is_environment(prefix: Path) -> bool:
    return (prefix / "pyvenv.cfg").is_file()


def _is_installation(prefix: Path) -> bool:
    return any(prefix.glob("lib*/python3*/os.py"))


def _is_system(path: Path, hidden: tuple[Path, ...]) -> bool:
    """Whether ``path`` is seen by what is mounted for everybody."""
    if any(path.is_relative_to(root) for root in hidden):
        return False
    return path.is_relative_to("/usr") or any(path.is_relative_to(directory) for directory in _SYSTEM)


def _system_mounts() -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in _ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return arguments


# The number of processors is read from /sys by libraries that start threads.
_KERNEL_MOUNTS = (
    "--proc", "/proc", "--dev", "/dev",
    "--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu",
)  # fmt: skip


def _sized_shared_memory(limit_bytes: int) -> tuple[str, ...]:
    """Return what mounts ``/dev/shm`` by itself, and so makes the rest of ``/dev`` read-only; devices stay usable."""
    size = ("--size", str(limit_bytes)) if limit_bytes else ()
    return (*size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev")  # noqa: S108 - the sandbox's own


def _write_accounts(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    uid, gid = os.getuid(), os.getgid()
    (directory / "passwd").write_text(
        f"peach:x:{uid}:{gid}:peach:{directory.parent / 'home'}:/bin/sh\n", encoding="ascii", errors="replace"
    )
    (directory / "group").write_text(f"peach:x:{gid}:\n", encoding="ascii")
