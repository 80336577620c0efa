from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_peach import processes
from airflow_peach.processes import (
    ProcessTimeoutError,
    ProgramMissingError,
    run,
    start_detached,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = {"PATH": os.environ["PATH"], "GREETING": "hello"}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def wait_for(condition: Callable[[], bool], *, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_outputs_exit_code_environment_and_directory(tmp_path: Path) -> None:
    completed = run(
        ["sh", "-c", 'pwd; env | grep -v "^\\(PWD\\|SHLVL\\|_\\)="; echo why >&2; exit 3'],
        cwd=tmp_path,
        env=ENVIRONMENT,
        timeout_seconds=20,
    )

    assert completed.returncode == 3
    assert sorted(completed.text.splitlines()) == sorted(
        [str(tmp_path), f"PATH={ENVIRONMENT['PATH']}", "GREETING=hello"]
    )
    assert completed.error_text == "why"
    assert not completed.truncated


def test_standard_input_is_empty_unless_given(tmp_path: Path) -> None:
    assert run(["cat"], cwd=tmp_path, env=ENVIRONMENT, timeout_seconds=20).stdout == b""


def test_input_larger_than_any_pipe_comes_back_whole(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)

    assert run(["cat"], cwd=tmp_path, env=ENVIRONMENT, timeout_seconds=20, input=data).stdout == data


def test_a_command_that_does_not_read_its_input_ends(tmp_path: Path) -> None:
    completed = run(["true"], cwd=tmp_path, env=ENVIRONMENT, timeout_seconds=20, input=b"x" * 3_000_000)

    assert completed.returncode == 0


def test_keeps_the_beginning_of_stdout_and_the_end_of_stderr(tmp_path: Path) -> None:
    script = "import sys; sys.stdout.write('first' + 'x' * 100_000); sys.stderr.write('x' * 100_000 + 'last')"

    completed = run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=ENVIRONMENT,
        timeout_seconds=20,
        output_limit_bytes=10,
    )

    assert completed.stdout == b"firstxxxxx"
    assert completed.stderr == b"xxxxxxlast"
    assert completed.truncated


def test_hands_over_stdout_piece_by_piece(tmp_path: Path) -> None:
    pieces: list[bytes] = []

    completed = run(
        ["head", "-c", "1000000", "/dev/zero"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        timeout_seconds=20,
        output_limit_bytes=1,
        on_stdout=pieces.append,
    )

    assert sum(map(len, pieces)) == 1_000_000
    assert len(pieces) > 1
    assert completed.stdout == b""
    assert not completed.truncated


def test_what_the_consumer_raises_ends_the_command(tmp_path: Path) -> None:
    def refuse(_: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(["yes"], cwd=tmp_path, env=ENVIRONMENT, timeout_seconds=20, on_stdout=refuse)


def test_at_the_limit_the_whole_group_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "grandchild"
    started = time.monotonic()

    with pytest.raises(ProcessTimeoutError, match=r"^sh: did not end within 0\.5 s and was killed$"):
        run(
            ["sh", "-c", f"sleep 60 & echo $! > {pid_file}; wait"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            timeout_seconds=0.5,
        )

    assert time.monotonic() - started < 10
    grandchild = int(pid_file.read_text())
    assert wait_for(lambda: not is_alive(grandchild))


def test_a_grandchild_that_left_the_session_cannot_hold_us_by_the_pipes(tmp_path: Path) -> None:
    pid_file = tmp_path / "grandchild"
    started = time.monotonic()

    try:
        with pytest.raises(ProcessTimeoutError):
            run(
                ["sh", "-c", f"setsid sleep 60 & echo $! > {pid_file}; wait"],
                cwd=tmp_path,
                env=ENVIRONMENT,
                timeout_seconds=0.5,
            )
        assert time.monotonic() - started < 10
    finally:
        os.kill(int(pid_file.read_text()), signal.SIGKILL)


def test_a_background_child_neither_delays_the_end_nor_survives_it(tmp_path: Path) -> None:
    started = time.monotonic()

    completed = run(["sh", "-c", "sleep 60 & echo $!"], cwd=tmp_path, env=ENVIRONMENT, timeout_seconds=30)

    assert completed.returncode == 0
    assert time.monotonic() - started < 10
    assert wait_for(lambda: not is_alive(int(completed.text)))


def test_a_child_that_closed_its_pipes_is_still_held_to_the_limit(tmp_path: Path) -> None:
    with pytest.raises(ProcessTimeoutError):
        run(
            ["sh", "-c", "exec >&- 2>&-; sleep 60"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            timeout_seconds=0.3,
        )


@pytest.mark.parametrize("missing", ["program", "directory"])
def test_a_missing_program_or_directory_is_an_expected_error(tmp_path: Path, missing: str) -> None:
    argv, cwd = (["no-such-program"], tmp_path) if missing == "program" else (["true"], tmp_path / "none")

    with pytest.raises(ProgramMissingError, match="cannot be started"):
        run(argv, cwd=cwd, env=ENVIRONMENT, timeout_seconds=20)
    with pytest.raises(ProgramMissingError, match="cannot be started"):
        start_detached(argv, cwd=cwd, env=ENVIRONMENT, log=tmp_path / "log")


def test_only_named_descriptors_are_inherited(tmp_path: Path) -> None:
    given, kept = os.pipe()
    os.set_inheritable(kept, True)
    try:
        listing = run(
            ["ls", "/proc/self/fd"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            timeout_seconds=20,
            inherited=[given],
        ).text.split()
    finally:
        os.close(given)
        os.close(kept)

    assert str(given) in listing
    assert str(kept) not in listing


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    def open_descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    run(["true"], cwd=tmp_path, env=ENVIRONMENT, timeout_seconds=20)
    before = open_descriptors()
    for _ in range(5):
        run(["cat"], cwd=tmp_path, env=ENVIRONMENT, timeout_seconds=20, input=b"x")

    assert open_descriptors() == before


def test_detached_returns_at_once_and_appends_its_output_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "sync.log"
    started = time.monotonic()

    process = start_detached(
        ["sh", "-c", "read line; echo out; echo err >&2; sleep 1"], cwd=tmp_path, env=ENVIRONMENT, log=log
    )

    assert time.monotonic() - started < 0.9
    assert os.getsid(process.pid) == process.pid
    assert process.wait(timeout=20) == 0
    start_detached(["echo", "again"], cwd=tmp_path, env=ENVIRONMENT, log=log).wait(timeout=20)
    assert log.read_text() == "out\nerr\nagain\n"


def test_detached_processes_that_nobody_polls_leave_no_zombie(tmp_path: Path) -> None:
    dropped = start_detached(["true"], cwd=tmp_path, env=ENVIRONMENT, log=tmp_path / "log").pid
    stat = Path(f"/proc/{dropped}/stat")
    assert wait_for(lambda: not stat.exists() or ") Z " in stat.read_text())

    start_detached(["true"], cwd=tmp_path, env=ENVIRONMENT, log=tmp_path / "log").wait(timeout=20)

    assert not stat.exists()


CALLER = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from airflow_peach.processes import run
print("begun", flush=True)
run({argv!r}, cwd=Path("/"), env={env!r}, timeout_seconds=600, inherited={inherited!r}, dies_with_us=True)
"""


def test_what_dies_with_us_is_gone_with_all_its_group_when_we_are_killed(tmp_path: Path) -> None:
    script = tmp_path / "waits.sh"
    script.write_text(f"sleep 600 & echo $! $$ >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/pids; sleep 600")
    caller = CALLER.format(
        root=str(Path(processes.__file__).parents[1]), argv=["sh", str(script)], env=ENVIRONMENT, inherited=[]
    )
    with subprocess.Popen([sys.executable, "-c", caller], stdout=subprocess.DEVNULL) as process:
        assert wait_for((tmp_path / "pids").exists)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(map(is_alive, pids))
        process.kill()
        assert wait_for(lambda: not any(map(is_alive, pids)))


def test_what_dies_with_us_runs_as_it_would_without(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as file:
        inherited = [file.fileno()]
        completed = run(
            ["sh", "-c", 'cat; ls /proc/$$/fd; echo "$GREETING" "$0"; echo why >&2; exit 3', "two  words"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            timeout_seconds=20,
            inherited=inherited,
            dies_with_us=True,
        )
    assert completed.returncode == 3
    assert set(completed.text.splitlines()) == {"0", "1", "2", str(inherited[0]), "hello two  words"}
    assert completed.error_text == "why"
    # Nothing of it is left, not even for process 1 to reap.
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not [pid for pid in children if "sh" in Path(f"/proc/{pid}/comm").read_text()]
    with pytest.raises(ProgramMissingError, match="peach-no-such-program"):
        run(["peach-no-such-program"], cwd=tmp_path, env=ENVIRONMENT, timeout_seconds=20, dies_with_us=True)
    with pytest.raises(ProcessTimeoutError):
        run(["sleep", "600"], cwd=tmp_path, env=ENVIRONMENT, timeout_seconds=0.2, dies_with_us=True)
