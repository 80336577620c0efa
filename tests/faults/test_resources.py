"""What takes too much ends alone, and says of what: memory, processes, disk."""

from __future__ import annotations

import dataclasses
import os
import queue
import shutil
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.live_processes import marked_processes

from airflow_peach.execution.disk_use import DiskUse
from airflow_peach.execution.guarded import run_guarded
from airflow_peach.execution.guarded_command import GuardedCommand, GuardReport
from airflow_peach.execution.request import ExecutionResult, Limits
from airflow_peach.execution.sandbox import can_limit_shared_memory

if TYPE_CHECKING:
    from .isolation_world import World

MIB = 1 << 20
# What is allocated between two glances of a guard that waits for its turn on a busy machine.
OVERSHOOT = 4.0


def run(source: str, cwd: Path, **limits: Any) -> tuple[GuardReport, list[str]]:
    """Run ``source`` with its temporary directory in ``cwd``; what it would take at most is 60 s."""
    lines: list[str] = []
    mark = f"a-mark-of-{cwd.name}"
    command = GuardedCommand(
        argv=(sys.executable, "-u", "-c", textwrap.dedent(source), mark),
        environment={"PATH": "/usr/bin:/bin", "TMPDIR": str(cwd)},
        cwd=cwd,
        time_limit_seconds=60.0,
        grace_seconds=0.5,
        directories=(cwd,),
        **limits,
    )
    report = run_guarded(command, emit=lines.append)
    assert marked_processes(mark) == []
    return report, lines


ALLOCATORS = {
    "in steps": "kept = []\nwhile True: kept.append(bytearray(1 << 20))",
    "at once": "bytearray(b'x') * (3 << 30)",
    "in many processes": """
        import os, time
        for _ in range(30):
            if os.fork() == 0:
                kept = []
                while True: kept.append(bytearray(os.urandom(1 << 16))); time.sleep(0.001)
        time.sleep(60)
        """,
    "and ends each": """
        import os, time
        while True:
            if os.fork() == 0: kept = bytearray(300 << 20); time.sleep(0.05); os._exit(0)
        """,
}


@pytest.mark.parametrize("source", ALLOCATORS.values(), ids=ALLOCATORS.keys())
def test_what_allocates_ends_at_the_memory_limit(tmp_path: Path, source: str, record_property: Any) -> None:
    limit = 200 * MIB
    report, _ = run(source, tmp_path, memory_limit_bytes=limit)
    assert report.kind == "memory"
    record_property("measured", f"memory limit 200 MiB, peak {report.peak_memory_bytes / MIB:.0f} MiB")
    assert limit < report.peak_memory_bytes < OVERSHOOT * limit


FILLERS = {
    "one file": """
        import os
        with open("file", "wb") as file:
            while True: file.write(os.urandom(1 << 16) * 16); file.flush()
        """,
    "many files": """
        import os
        for number in range(10**9):
            os.makedirs(f"{number % 7}/deeper", exist_ok=True)
            with open(f"{number % 7}/deeper/{number}", "wb") as file: file.write(b"x" * 200_000)
        """,
    "a file that it removed": """
        import os, tempfile
        with tempfile.TemporaryFile() as file:
            while True: file.write(os.urandom(1 << 16) * 16); file.flush()
        """,
    "a file in memory": """
        import os
        file = os.memfd_create("x")
        while True: os.write(file, b"x" * (1 << 20))
        """,
}


@pytest.mark.parametrize("source", FILLERS.values(), ids=FILLERS.keys())
def test_what_fills_the_disk_ends_at_the_disk_limit(tmp_path: Path, source: str) -> None:
    free = shutil.disk_usage(tmp_path).free
    report, lines = run(source, tmp_path, disk_limit_bytes=100 * MIB)
    assert report.kind == "disk" or (report.kind == "exited" and "File too large" in lines[-1])
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 2000 * MIB
    assert free > 0


def test_links_files_and_holes_count_for_what_they_take(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"x" * MIB)
    os.link(tmp_path / "one", tmp_path / "again")
    (tmp_path / "link").symlink_to("/usr")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1000 * MIB)
    use = DiskUse([str(tmp_path), str(tmp_path / "missing")])
    assert MIB <= use.measure((), budget_seconds=60) < 2 * MIB
    (tmp_path / "two").write_bytes(b"x" * MIB)
    assert 2 * MIB <= use.measure((), budget_seconds=60) < 3 * MIB


def test_a_million_files_would_not_keep_the_guard_from_its_clock(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / str(number)).write_bytes(b"x")
    use = DiskUse([str(tmp_path)])
    began = time.monotonic()
    seen = [use.measure((), budget_seconds=0.0) for _ in range(40)]
    assert seen == sorted(seen)
    assert seen[0] < seen[-1] == use.measure((), budget_seconds=60)
    assert time.monotonic() - began < 10


GREEDY = {
    "fills /tmp": ("open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))", {"disk_limit_bytes": 100 * MIB}, "killed: disk"),
    "fills TMPDIR": ("open(f'{tmp}/{n}', 'wb').write(bytes(1 << 20))", {"disk_limit_bytes": 100 * MIB}, "killed: disk"),
    "allocates": ("kept.append(bytearray(1 << 20))", {"memory_limit_bytes": 200 * MIB}, "killed: memory limit 200 MiB"),
    "forks": ("os.fork()", {}, "killed: too many processes"),
}


@pytest.mark.parametrize("greed", GREEDY)
def test_what_takes_too_much_ends_and_its_neighbour_does_not(any_world: World, greed: str) -> None:
    if greed == "fills /tmp" and any_world.level != "bubblewrap":
        pytest.skip("without a sandbox, /tmp is the machine's")
    step, limits, reason = GREEDY[greed]
    neighbour = Neighbour(any_world)
    code = f"""
        import itertools, os
        def task():
            kept, tmp = [], os.environ["TMPDIR"]
            for n in itertools.count(): {step}
        """
    try:
        result, lines = any_world.run(code, limits=Limits(60, grace_seconds=0.5, **limits))
    finally:
        ended = neighbour.end()
    assert result.reason.startswith(reason), lines[-3:]
    assert ended.reason == "ok"
    # And so does the next one of the same organisation.
    assert any_world.see("def task(): return 7") == 7


def test_shared_memory_has_its_limit_and_devices_cannot_be_filled(sandbox_world: World) -> None:
    world = dataclasses.replace(
        sandbox_world, settings=dataclasses.replace(sandbox_world.settings, shared_memory_limit_bytes=50 * MIB)
    )
    if not can_limit_shared_memory():
        pytest.skip("this bubblewrap cannot")
    seen = world.see(
        """
        import errno, multiprocessing.shared_memory, os
        def fill(path):
            written = 0
            try:
                with open(path, "wb", buffering=0) as file:
                    while written < 200 << 20:
                        written += file.write(bytes(1 << 20))
            except OSError as error:
                return written, errno.errorcode[error.errno]
            return written, ""
        def task():
            block = multiprocessing.shared_memory.SharedMemory(create=True, size=1000)
            block.close(); block.unlink()
            multiprocessing.Lock()
            print("written", file=open("/dev/stdout", "w"))
            return fill("/dev/shm/x"), fill("/dev/x"), fill("/x"), os.stat("/dev/null").st_rdev > 0
        """
    )
    (shared, why), (device, refused), (root, refused_too), null = seen
    assert (shared <= 50 * MIB, why) == (True, "ENOSPC")
    assert (device, refused, root, refused_too, null) == (0, "EROFS", 0, "EROFS", True)


class Neighbour:
    """An execution of another organisation, which runs until it is told to end."""

    def __init__(self, world: World) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._results: list[ExecutionResult] = []
        code = """
            import os, time
            def task():
                print(os.getcwd())
                while os.path.exists("job.py"): time.sleep(0.05)
            """

        def run() -> None:
            self._results.append(world.run(code, codops="sesr", on_line=self._lines.put)[0])

        self._thread = threading.Thread(target=run)
        self._thread.start()
        while not (line := self._lines.get(timeout=60)).startswith("/"):
            pass
        self._checkout = Path(line)

    def end(self) -> ExecutionResult:
        """Let it end; return how it did."""
        (self._checkout / "job.py").unlink()
        self._thread.join(60)
        return self._results[0]
