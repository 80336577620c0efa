"""What a container engine gives its containers, from bubblewrap, which executions need anyway.

A user without rights, a file system in which only the image and the volumes are, a network of its own with the
services' names in it, and process numbers of its own. All containers of a test share one of each: so addresses, ports,
paths and names are the very ones of ``docker-compose.yml``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

AGENT = Path(__file__).with_name("container_agent.py")
HOSTNAME = "test-host"
# Not bubblewrap's own: it covers parts of /proc, as engines do unless told `systempaths=unconfined`, and inside such a
# container the kernel lets nobody mount another /proc.
PROCESS_NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")


class Container:
    """A started set of namespaces.

    Args:
        state: where the test keeps what is written inside, and the outputs.
        writable: directories inside, to those outside.
        readable: files and directories inside, to those outside.
        uid: of everything in it.
        hosts: names that mean this container; with None, it shares the machine's network.
    """

    def __init__(
        self,
        state: Path,
        *,
        writable: Mapping[str, Path],
        readable: Mapping[str, Path],
        uid: int,
        hosts: Sequence[str] | None,
    ) -> None:
        self.output = state / "output"
        self.output.mkdir()
        made = {"/etc/passwd": f"airflow:x:{uid}:{uid}::/home/airflow:/usr/sbin/nologin\n"}
        made["/etc/group"] = f"airflow:x:{uid}:\n"
        if hosts is not None:
            made["/etc/hosts"] = f"127.0.0.1 localhost {HOSTNAME} {' '.join(hosts)}\n"
        files = {}
        for target, text in made.items():
            files[target] = state / f"container-{Path(target).name}"
            files[target].write_text(text, encoding="ascii")
        home = state / "home"
        home.mkdir()
        binds = {target: ("--bind", path) for target, path in writable.items()}
        binds |= {"/output": ("--bind", self.output), "/home/airflow": ("--bind", home)}
        binds |= {target: ("--ro-bind", path) for target, path in (*readable.items(), *files.items())}
        self._process = subprocess.Popen(
            [
                *PROCESS_NAMESPACE,
                *("bwrap", "--unshare-user", "--unshare-ipc", "--unshare-uts", "--hostname", HOSTNAME),
                *(["--unshare-net"] if hosts is not None else []),
                *("--uid", str(uid), "--gid", str(uid), "--die-with-parent", "--cap-drop", "ALL"),
                *_file_system({Path(target): bind for target, bind in binds.items()}),
                *("--bind", "/proc", "/proc", "--dev", "/dev", "--chdir", "/"),
                *("--", sys.executable, "-I", "-S", str(AGENT)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def start(self, name: str, argv: Sequence[str], environment: Mapping[str, str], *, cwd: str = "/") -> Process:
        """Start a process; its output goes to ``output/<name>.log``."""
        log = self.output / f"{name}.log"
        said_before = log.stat().st_size if log.exists() else 0
        number = self.ask(do="start", argv=list(argv), environment=dict(environment), cwd=cwd, log=log.name)
        return Process(self, number, log, said_before)

    def run(
        self, name: str, argv: Sequence[str], environment: Mapping[str, str], *, cwd: str = "/", seconds: float = 300
    ) -> None:
        """Run a process that must succeed."""
        process = self.start(name, argv, environment, cwd=cwd)
        assert process.wait(seconds) == 0, f"{argv}: {process.said()}"

    def processes(self) -> list[str]:
        """The command lines of all that runs inside."""
        return [str(one) for one in self.ask(do="list")]

    def ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the agent ended; see its traceback above; it was asked {request}"
        return json.loads(line)


class Process:
    """A process in a container; ``said_before`` is where its output begins in its log."""

    def __init__(self, container: Container, number: int, log: Path, said_before: int) -> None:
        self._container = container
        self._number = number
        self._log = log
        self._said_before = said_before

    def poll(self) -> int | None:
        code: int | None = self._container.ask(do="poll", number=self._number)
        return code

    def wait(self, seconds: float) -> int | None:
        """Return the exit code; None when it still runs after so many seconds."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return code

    def signal(self, number: int) -> None:
        self._container.ask(do="signal", number=self._number, signal=number)

    def said(self) -> str:
        return self._log.read_bytes()[self._said_before :].decode(errors="replace")


def container_failure() -> str:
    """Return why containers cannot be made on this machine, or nothing."""
    for program in (PROCESS_NAMESPACE[0], "bwrap"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    tried = subprocess.run(
        [*PROCESS_NAMESPACE, "bwrap", "--unshare-user", "--unshare-net", "--uid", "1", "--ro-bind", "/", "/", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return tried.stderr if tried.returncode else ""


def _file_system(binds: Mapping[Path, tuple[str, Path]]) -> Iterator[str]:
    """Yield bubblewrap's arguments for the machine's file system, read only, with ``binds`` instead of what is there.

    Of the machine's temporary and variable files nothing is seen but what the tests' own code needs.
    """
    hidden = {Path(path): ("--tmpfs", None) for path in ("/tmp", "/run", "/proc", "/dev", "/var/tmp")}  # noqa: S108 - inside
    yield from _directory(Path("/"), {*binds, *hidden})
    for path in hidden:
        if path.name not in ("proc", "dev"):
            yield from ("--tmpfs", str(path))
    for target, (how, source) in sorted(binds.items()):
        yield from (how, str(source), str(target))
    for path in (AGENT.parents[2], Path(sys.prefix), Path(sys.base_prefix)):
        yield from ("--ro-bind", str(path), str(path))


def _directory(directory: Path, covered: set[Path]) -> Iterator[str]:
    for entry in sorted(directory.iterdir()):
        if entry in covered:
            continue
        if entry.is_symlink():
            yield from ("--symlink", str(entry.readlink()), str(entry))
        elif any(entry in path.parents for path in covered):
            yield from _directory(entry, covered)
        else:
            yield from ("--ro-bind-try", str(entry), str(entry))
