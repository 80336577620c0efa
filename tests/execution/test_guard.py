"""The guard, with real processes and real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach import storage
from airflow_peach.execution import guarded
from airflow_peach.execution.guarded import run_guarded
from airflow_peach.execution.guarded_command import GuardedCommand, GuardReport

from .conftest import is_alive, marked_processes, parent_of, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE_SECONDS = 0.5
# What a busy machine may add; it is far below what the processes here would take by themselves. A limit of 2 s
# leaves them time to begin.
SLACK_SECONDS = 8.0


def command(source: str, *arguments: str, cwd: Path, **options: Any) -> GuardedCommand:
    return GuardedCommand(
        **{
            "argv": (sys.executable, "-u", "-c", textwrap.dedent(source), *arguments),
            "environment": {"PATH": "/usr/bin:/bin"},
            "cwd": cwd,
            "time_limit_seconds": 30.0,
            "grace_seconds": GRACE_SECONDS,
            **options,
        }
    )


def run(source: str, *arguments: str, cwd: Path, **options: Any) -> tuple[GuardReport, list[str]]:
    lines: list[str] = []
    report = run_guarded(command(source, *arguments, cwd=cwd, **options), emit=lines.append)
    return report, lines


def test_exit_code_figures_and_output(tmp_path: Path) -> None:
    report, lines = run(
        """
        import sys, time
        x = bytearray(b"x" * 50_000_000)
        end = time.process_time() + 0.2
        while time.process_time() < end: pass
        print("out"); print("err", file=sys.stderr)
        sys.exit(3)
        """,
        cwd=tmp_path,
    )
    assert (report.kind, report.exit_code) == ("exited", 3)
    assert lines == ["out", "err"]
    assert 0.2 <= report.cpu_seconds <= report.run_seconds + 1
    assert 50_000_000 < report.peak_memory_bytes < 500_000_000
    assert report.survivors == ()


def test_a_signal_is_a_negative_exit_code(tmp_path: Path) -> None:
    report, _ = run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", cwd=tmp_path)
    assert report.exit_code == -signal.SIGSEGV


def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    report, _ = run("", cwd=tmp_path, argv=("/nonexistent/program",))
    assert (report.kind, report.message) == ("not_started", "No such file or directory: /nonexistent/program")
    report, _ = run("", cwd=tmp_path / "missing")
    assert report.kind == "not_started"
    assert "missing" in report.message


def test_output_is_live(tmp_path: Path) -> None:
    times: list[float] = []
    run_guarded(
        command("import time; print(1); time.sleep(1); print(2)", cwd=tmp_path),
        emit=lambda _: times.append(time.monotonic()),
    )
    assert times[1] - times[0] > 0.5


def test_specification_in_and_result_out(tmp_path: Path) -> None:
    report, _ = run(
        "import os; os.write(4, os.read(3, 10**7)[-5:])",
        cwd=tmp_path,
        specification=b"x" * 1_000_000 + b"hello",
        result_limit_bytes=100,
    )
    assert report.result == b"hello"


def test_a_result_beyond_its_limit_is_dropped_and_blocks_nobody(tmp_path: Path) -> None:
    report, _ = run("import os\nfor _ in range(200): os.write(4, b'x' * 65536)", cwd=tmp_path, result_limit_bytes=1000)
    assert (report.kind, report.exit_code, len(report.result)) == ("exited", 0, 1000)


# Each prints the pids of all it has become, then stays for as long as it is let.
STUBBORN = {
    "sleeps": "import os, time; print(os.getpid()); time.sleep(600)",
    "ignores SIGTERM": """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.getpid()); time.sleep(600)
        """,
    "is busy in C": "import os; print(os.getpid()); sum(range(10**12))",
    "backtracks": "import os, re; print(os.getpid()); re.match('(a+)+$', 'a' * 40 + 'b')",
    "has a tree below it": """
        import os, signal, subprocess, sys, time
        deep = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid()); time.sleep(600)"
        for _ in range(3): subprocess.Popen([sys.executable, "-u", "-c", deep])
        print(os.getpid()); time.sleep(600)
        """,
    "has a daemon with its own session": """
        import os, signal, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                print(os.getpid()); time.sleep(600)
            os._exit(0)
        os.wait(); print(os.getpid()); time.sleep(600)
        """,
    "stopped itself": "import os, signal; print(os.getpid()); os.kill(os.getpid(), signal.SIGSTOP)",
    "forks and forks": """
        import os, time
        first = os.getpid()
        print(first)
        while True:
            if os.fork():
                if os.getpid() == first: time.sleep(600)
                os._exit(0)
            os.setsid()
        """,
}


@pytest.mark.parametrize("source", STUBBORN.values(), ids=STUBBORN.keys())
def test_the_time_limit_is_hard(tmp_path: Path, source: str) -> None:
    begin = time.monotonic()
    report, lines = run(source, "a-mark-of-" + tmp_path.name, cwd=tmp_path, time_limit_seconds=2.0)
    assert report.kind == "timed_out"
    assert 2.0 <= time.monotonic() - begin <= 2.0 + GRACE_SECONDS + SLACK_SECONDS
    assert lines
    assert not [line for line in lines if line.isdigit() and is_alive(int(line))]
    assert marked_processes("a-mark-of-" + tmp_path.name) == []


def test_the_end_is_polite_first(tmp_path: Path) -> None:
    report, lines = run(
        """
        import signal, sys, time
        def end(*_): print("cleaned up"); sys.exit(7)
        signal.signal(signal.SIGTERM, end)
        time.sleep(600)
        """,
        cwd=tmp_path,
        time_limit_seconds=2.0,
        grace_seconds=20.0,
    )
    assert lines == ["cleaned up"]
    assert (report.kind, report.exit_code) == ("timed_out", 7)
    assert report.run_seconds < 15


@pytest.mark.parametrize("name", ["has a tree below it", "has a daemon with its own session", "forks and forks"])
def test_what_a_successful_command_left_running_ends_with_it(tmp_path: Path, name: str) -> None:
    source = STUBBORN[name].replace("print(os.getpid()); time.sleep(600)", "PLACEHOLDER")
    head, _, tail = source.rpartition("PLACEHOLDER")
    ends = head.replace("PLACEHOLDER", "print(os.getpid()); time.sleep(600)") + "time.sleep(0.3)" + tail
    if name == "forks and forks":
        ends = source.replace("time.sleep(600)", "os._exit(0)")
    report, lines = run(ends, "a-mark-of-" + tmp_path.name, cwd=tmp_path)
    assert (report.kind, report.exit_code) == ("exited", 0)
    assert report.run_seconds < SLACK_SECONDS
    assert lines
    assert marked_processes("a-mark-of-" + tmp_path.name) == []


def test_the_memory_limit_counts_all_processes(tmp_path: Path) -> None:
    report, _ = run(
        """
        import os, time
        for _ in range(4):
            if os.fork() == 0:
                kept = bytearray(os.urandom(1000) * 60_000); time.sleep(600)
        time.sleep(600)
        """,
        cwd=tmp_path,
        memory_limit_bytes=150_000_000,
    )
    assert report.kind == "memory"
    assert report.peak_memory_bytes > 150_000_000


def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    report, lines = run(
        """
        import os, time
        kept = bytearray(os.urandom(1000) * 60_000)
        for _ in range(6):
            if os.fork() == 0: time.sleep(1); os._exit(0)
        time.sleep(1); print("fine")
        """,
        cwd=tmp_path,
        memory_limit_bytes=200_000_000,
    )
    assert (report.kind, lines) == ("exited", ["fine"])


def test_a_fork_bomb_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The real limit would make this test a burden for the machine; the guard is a script, so a copy is changed.
    source = guarded.GUARD.read_text().replace("PROCESS_LIMIT = 2000", "PROCESS_LIMIT = 100")
    root = guarded.GUARD.parents[2]
    source = source.replace("os.path.abspath(__file__)", repr(str(guarded.GUARD)))
    assert str(root) in source
    guard = tmp_path / "guard.py"
    guard.write_text(source)
    monkeypatch.setattr(guarded, "GUARD", guard)
    report, _ = run(
        "import os, time\nwhile True:\n os.fork(); time.sleep(0.02)", "a-mark-of-" + tmp_path.name, cwd=tmp_path
    )
    assert report.kind == "processes"
    assert marked_processes("a-mark-of-" + tmp_path.name) == []


def test_the_process_gets_nothing_of_ours(tmp_path: Path) -> None:
    secret_reader, secret_writer = os.pipe()
    os.set_inheritable(secret_reader, True)
    try:
        _, lines = run(
            """
            import json, os, resource, stat
            umask = os.umask(0)
            print(json.dumps({
                "descriptors": {n: os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                                if os.path.exists(f"/proc/self/fd/{n}")},
                "environment": dict(os.environ),
                "umask": umask,
                "core": resource.getrlimit(resource.RLIMIT_CORE),
                "leader": os.getsid(0) == os.getpid(),
                "no_new_privs": "NoNewPrivs:\\t1" in open("/proc/self/status").read(),
            }))
            """,
            cwd=tmp_path,
        )
    finally:
        os.close(secret_reader)
        os.close(secret_writer)
    seen = json.loads(lines[0])
    descriptors = seen["descriptors"]
    assert descriptors.pop("0") == "/dev/null"
    assert descriptors.pop("1") == descriptors.pop("2")
    assert not descriptors  # the directory's own is gone by the time it is looked at
    seen["environment"].pop("LC_CTYPE", None)  # Python's own, PEP 538
    assert seen["environment"] == {"PATH": "/usr/bin:/bin"}
    assert seen["umask"] == 0o077
    assert seen["core"] == [0, 0]
    assert seen["leader"]
    assert seen["no_new_privs"]


def test_descriptor_0_of_the_caller_is_not_the_commands() -> None:
    # In an Airflow task process it is the supervisor's request socket.
    script = f"""
        import os, socket, sys
        sys.path.insert(0, {str(Path(guarded.__file__).parents[2])!r})
        from pathlib import Path
        from airflow_peach.execution.guarded import run_guarded
        from airflow_peach.execution.guarded_command import GuardedCommand
        ours, theirs = socket.socketpair()
        os.dup2(ours.fileno(), 0)
        source = "import os; print(os.readlink('/proc/self/fd/0'), [n for n in os.listdir('/proc/self/fd')])"
        run_guarded(GuardedCommand((sys.executable, "-c", source), {{}}, Path("/"), 10.0), emit=print)
        """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, capture_output=True, text=True)
    assert ended.stdout.strip() == "/dev/null ['0', '1', '2', '3']"


def test_no_secret_is_on_a_command_line(tmp_path: Path) -> None:
    secret = "sesame-" + tmp_path.name
    seen: list[list[int]] = []
    run_guarded(
        command(
            "import os, time; print(len(os.environ['SECRET'])); time.sleep(0.3)",
            cwd=tmp_path,
            environment={"SECRET": secret},
            specification=secret.encode(),
        ),
        emit=lambda _: seen.append(marked_processes(secret)),
    )
    assert seen == [[]]


CALLER = """
    import sys, time
    sys.path.insert(0, {root!r})
    from pathlib import Path
    from airflow_peach.execution.guarded import run_guarded
    from airflow_peach.execution.guarded_command import GuardedCommand
    source = Path({source!r}).read_text()
    argv = (sys.executable, "-u", "-c", source, {mark!r})
    def emit(line): print(line, flush=True)
    run_guarded(GuardedCommand(argv, {{}}, Path("/"), 600.0, {grace}, {options}), emit=emit)
    """


def start_caller(
    tmp_path: Path, source: str, prefix: str = "", grace: float = 60.0, options: str = ""
) -> subprocess.Popen[str]:
    (tmp_path / "source.py").write_text(textwrap.dedent(source))
    script = CALLER.format(
        root=str(Path(guarded.__file__).parents[2]),
        source=str(tmp_path / "source.py"),
        mark="a-mark-of-" + tmp_path.name,
        grace=grace,
        options=options,
    )
    script = textwrap.dedent(prefix) + textwrap.dedent(script)
    return subprocess.Popen([sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", STUBBORN.keys())
def test_nothing_survives_the_kill_of_the_caller(tmp_path: Path, name: str) -> None:
    mark = "a-mark-of-" + tmp_path.name
    with start_caller(tmp_path, STUBBORN[name]) as caller:
        assert caller.stdout is not None
        caller.stdout.readline()
        caller.kill()
        wait_until(lambda: not marked_processes(mark), seconds=3 + SLACK_SECONDS)


def test_everything_ends_when_the_callers_parent_does(tmp_path: Path) -> None:
    mark = "a-mark-of-" + tmp_path.name
    # The caller is forked by a supervisor, which is then killed; the caller lives on, and sees it.
    prefix = """
        import os, signal
        if os.fork(): signal.pause()
        """
    with start_caller(tmp_path, STUBBORN["ignores SIGTERM"], prefix) as supervisor:
        assert supervisor.stdout is not None
        supervisor.stdout.readline()
        supervisor.kill()
        wait_until(lambda: not marked_processes(mark), seconds=3 + SLACK_SECONDS)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_exception_ends_everything_and_is_raised_again(tmp_path: Path, error: type[BaseException]) -> None:
    pids: list[int] = []

    def emit(line: str) -> None:
        if line.isdigit():
            pids.append(int(line))
            raise error("stop")

    begin = time.monotonic()
    with pytest.raises(error, match="stop"):
        run_guarded(command(STUBBORN["ignores SIGTERM"], cwd=tmp_path), emit=emit)
    assert pids
    assert not is_alive(pids[0])
    assert time.monotonic() - begin < SLACK_SECONDS


class Alarm(BaseException):
    """What Airflow's timeout raises is no Exception either."""


def test_an_alarm_ends_everything_and_its_log_is_whole(tmp_path: Path) -> None:
    lines: list[str] = []

    def ring(*_: object) -> None:
        raise Alarm

    previous = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        with pytest.raises(Alarm):
            run_guarded(
                command(
                    "import os, sys, time; print(os.getpid()); sys.stdout.write('no line end'); time.sleep(600)",
                    cwd=tmp_path,
                ),
                emit=lines.append,
            )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert lines[1:] == ["no line end"]
    assert not is_alive(int(lines[0]))


def in_thread(target: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=target)
    thread.start()
    return thread


def guard_of(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[1])


def test_a_signal_to_the_guard_cancels_politely(tmp_path: Path) -> None:
    def emit(line: str) -> None:
        lines.append(line)
        if line.isdigit():
            os.kill(guard_of(int(line)), signal.SIGTERM)

    lines: list[str] = []
    source = """
        import os, signal, sys, time
        def end(*_): print("cleaned up"); sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print(os.getpid()); time.sleep(600)
        """
    report = run_guarded(command(source, cwd=tmp_path, grace_seconds=20.0), emit=emit)
    assert (report.kind, report.exit_code) == ("cancelled", 0)
    assert lines[1:] == ["cleaned up"]


def test_the_guard_cannot_be_stopped_for_long(tmp_path: Path) -> None:
    # Without a sandbox the command can signal it.
    report, _ = run(
        "import os, signal, time; os.kill(os.getppid(), signal.SIGSTOP); time.sleep(600)",
        cwd=tmp_path,
        time_limit_seconds=2.0,
    )
    assert report.kind == "timed_out"
    assert report.run_seconds < 2 + SLACK_SECONDS


def test_the_kill_of_the_guard_is_told(tmp_path: Path) -> None:
    report, lines = run(
        "import os, signal, time; print(os.getpid()); os.kill(os.getppid(), signal.SIGKILL); time.sleep(600)",
        cwd=tmp_path,
    )
    assert report.kind == "guard_lost"
    wait_until(lambda: not is_alive(int(lines[0])))


def test_a_lock_of_the_killed_caller_is_free_only_when_everything_is_gone(tmp_path: Path) -> None:
    lock = tmp_path / "debr"
    # The caller opens the lock itself, as an Airflow task process does.
    prefix = f"""
        import fcntl, os
        lock = os.open({str(lock)!r}, os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        """
    with start_caller(tmp_path, STUBBORN["ignores SIGTERM"], prefix, options="lock_descriptors=(lock,)") as caller:
        assert caller.stdout is not None
        command_pid = int(caller.stdout.readline())
        (guard,) = [pid for pid in marked_processes("execution/guard.py") if parent_of(pid) == caller.pid]
        os.kill(guard, signal.SIGSTOP)  # it is busy
        caller.kill()
        caller.wait()
        assert is_alive(command_pid)
        with pytest.raises(storage.LockedError), storage.locked(lock, timeout_seconds=0):
            pass
        os.kill(guard, signal.SIGCONT)
        with storage.locked(lock, timeout_seconds=SLACK_SECONDS):
            assert not is_alive(command_pid)


def test_a_lock_is_not_the_commands(tmp_path: Path) -> None:
    source = "import os; print([os.readlink(f'/proc/self/fd/{n}') for n in sorted(os.listdir('/proc/self/fd'))][3:-1])"
    with storage.locked(tmp_path / "debr") as descriptor:
        for options in ({}, {"result_limit_bytes": 10}):
            _, lines = run(source, cwd=tmp_path, lock_descriptors=(descriptor,), **options)
            assert str(tmp_path) not in lines[0]
        with pytest.raises(storage.LockedError), storage.locked(tmp_path / "debr", timeout_seconds=0):
            pass  # it is still the caller's
    with storage.locked(tmp_path / "debr", timeout_seconds=0):
        pass


def test_a_million_lines_take_seconds_and_keep_their_end(tmp_path: Path) -> None:
    begin = time.monotonic()
    report, lines = run(
        "for block in range(1000): print('\\n'.join(str(block * 1000 + n) for n in range(1000)))",
        cwd=tmp_path,
        log_limit_bytes=1_000_000,
    )
    assert report.exit_code == 0
    assert (lines[0], lines[-1]) == ("0", "999999")
    assert any("left out" in line for line in lines)
    assert time.monotonic() - begin < 30


def test_our_own_process_leaks_no_descriptors(tmp_path: Path) -> None:
    run("pass", cwd=tmp_path)
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - numbers, not paths
    for _ in range(3):
        run("pass", cwd=tmp_path, specification=b"x", result_limit_bytes=10)
        with pytest.raises(ValueError, match="stop"):
            run_guarded(command("print(1)", cwd=tmp_path), emit=_fail)
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - numbers, not paths


def _fail(_: str) -> None:
    raise ValueError("stop")
