"""Executions as a whole, at both levels of isolation."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from airflow_peach.execution.request import Limits
from airflow_peach.execution.variables import KEPT

from .conftest import both_levels, marked_processes, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import RunTask


@both_levels
def test_figures(run_task: RunTask, isolation: str) -> None:
    result, _ = run_task(
        """
import subprocess, sys, time
def task():
    burn = "import time\\nx = bytearray(b'x' * 60_000_000)\\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", burn])
    time.sleep(0.3)
""",
        isolation=isolation,
    )
    assert result.status == "success"
    assert 0.6 <= result.run_seconds < 20
    assert 0.3 <= result.cpu_seconds < result.run_seconds
    assert 60_000_000 < result.peak_memory_bytes < 500_000_000


@both_levels
def test_figures_of_what_is_killed(run_task: RunTask, isolation: str) -> None:
    result, _ = run_task(
        """
import signal, time
def task():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while time.process_time() < 0.5: pass
    time.sleep(600)
""",
        isolation=isolation,
        limits=Limits(3, grace_seconds=0.2),
    )
    assert 0.4 <= result.cpu_seconds < 3.5
    assert result.peak_memory_bytes > 5_000_000


@both_levels
def test_the_environment_of_the_process(
    run_task: RunTask, isolation: str, monkeypatch: pytest.MonkeyPatch, bare_environment: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/somewhere")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite://")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    result, _ = run_task(
        "import os\ndef task():\n    assert os.environ['API_KEY'] == 'sesame'\n    return dict(os.environ)",
        isolation=isolation,
        variables={"API_KEY": "sesame"},
    )
    seen = result.value
    assert not [name for name in seen if name.startswith("AIRFLOW") or name == "PYTHONPATH"]
    expected = {
        "API_KEY": "***",  # in the result, as in the log
        "HTTPS_PROXY": "http://proxy:3128",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "MPLBACKEND": "Agg",
        "VIRTUAL_ENV": str(bare_environment),
    }
    assert expected.items() <= seen.items()
    assert seen["PATH"].startswith(f"{bare_environment}/bin:")
    ours = {"PATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "USER", "LOGNAME", "PYTHONUNBUFFERED", "PYTHONUTF8"}
    # PWD is bubblewrap's.
    assert set(seen) <= {*KEPT, *ours, "PYTHONDONTWRITEBYTECODE", "MPLBACKEND", "API_KEY", "PWD"}


@both_levels
def test_a_hard_limit_that_nothing_survives(run_task: RunTask, isolation: str, tmp_path: Path) -> None:
    mark = "a-mark-of-" + tmp_path.name
    begin = time.monotonic()
    result, lines = run_task(
        f"""
import os, signal, subprocess, sys, time
def task():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleeper = "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.setsid(); print('up'); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-u", "-c", sleeper, {mark!r}])
    sum(range(10**12))
""",
        isolation=isolation,
        limits=Limits(2.5, grace_seconds=0.5),
    )
    assert (result.status, result.reason) == ("failed", "timed out after 2.5 s")
    assert lines == ["up", "timed out after 2.5 s"]
    assert time.monotonic() - begin < 10
    assert marked_processes(mark) == []


@both_levels
def test_what_a_successful_task_left_running_ends(run_task: RunTask, isolation: str, tmp_path: Path) -> None:
    mark = "a-mark-of-" + tmp_path.name
    result, _ = run_task(
        f"""
import subprocess, sys
def task():
    sleeper = "import os, time; print('up'); time.sleep(600)"
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", sleeper, {mark!r}], start_new_session=True, stdout=subprocess.PIPE
    )
    return child.stdout.readline().decode()
""",
        isolation=isolation,
    )
    assert (result.status, result.value) == ("success", "up\n")
    wait_until(lambda: not marked_processes(mark), seconds=5)


@both_levels
def test_the_memory_limit(run_task: RunTask, isolation: str) -> None:
    result, lines = run_task(
        "def task():\n    kept = []\n    while True: kept.append(bytearray(b'x' * 5_000_000))",
        isolation=isolation,
        limits=Limits(30, memory_limit_bytes=256 * 1024**2),
    )
    assert result.reason == lines[-1] == "killed: memory limit 256 MiB"


@both_levels
def test_secrets_are_masked_wherever_they_show(run_task: RunTask, isolation: str) -> None:
    variables = {"TOKEN": "sesame-123", "LONGER": "sesame-123-and-more", "KEY": "first line\nsecond", "TINY": "abc"}
    result, lines = run_task(
        """
import os, sys
def task():
    print("printed", os.environ["TOKEN"], os.environ["LONGER"], os.environ["TINY"])
    print(os.environ["KEY"], file=sys.stderr)
    raise ValueError("wrong token " + os.environ["TOKEN"])
""",
        isolation=isolation,
        variables=variables,
    )
    assert lines[:3] == ["printed *** *** abc", "***", "***"]
    assert result.reason == "ValueError: wrong token *** (notebooks/a.ipynb, cell 2, line 6)"
    assert not [line for line in lines if "sesame" in line]


@both_levels
def test_secrets_are_on_no_command_line(run_task: RunTask, isolation: str, tmp_path: Path) -> None:
    secret = "sesame-" + tmp_path.name
    seen: list[list[int]] = []
    run_task(
        "import time\ndef task(x):\n    print('running')\n    time.sleep(0.3)",
        isolation=isolation,
        variables={"TOKEN": secret},
        args={"x": secret},
        on_line=lambda _: seen.append(marked_processes(secret)),
    )
    assert seen == [[]]


@both_levels
def test_output_as_a_log(run_task: RunTask, isolation: str) -> None:
    _, lines = run_task(
        r"""
import os, subprocess, sys
def task():
    print("one")
    print("two", file=sys.stderr)
    os.write(1, b"invalid \xff, nul \x00, \x1b[31mred\x1b[0m, \x1b[2Jcleared\n")
    subprocess.run(["echo", "three"])
    for n in range(1000): sys.stdout.write(f"\r{n}")
""",
        isolation=isolation,
    )
    assert lines[:4] == ["one", "two", "invalid \ufffd, nul ␀, \x1b[31mred\x1b[0m, cleared", "three"]
    assert len(lines) <= 6
    assert lines[-1] == "999"


def test_a_log_within_its_limit(run_task: RunTask) -> None:
    _, lines = run_task(
        "def task():\n    for n in range(100_000): print('line', n)\n    raise ValueError('the end')",
        limits=Limits(30, log_limit_bytes=100_000),
    )
    assert lines[0] == "line 0"
    assert any("of output are left out here" in line for line in lines)
    assert lines[-2:] == ["ValueError: the end", "ValueError: the end (notebooks/a.ipynb, cell 2, line 3)"]
    assert sum(map(len, lines)) < 100_000


def test_a_flood_without_a_line_end(run_task: RunTask) -> None:
    result, lines = run_task(
        "import sys\ndef task():\n"
        "    for _ in range(200): sys.stdout.write('x' * 1_000_000)\n"
        "    print()\n    print('end')"
    )
    assert result.status == "success"
    assert len(lines) == 2
    assert lines[0].endswith("[line cut here: 200.0 MB more]")
    assert lines[1] == "end"


def test_an_error_of_many_words_is_told_with_its_place(run_task: RunTask) -> None:
    result, lines = run_task("def task():\n    raise ValueError('x' * 200_000)")
    assert result.reason.startswith("ValueError: xxx")
    assert result.reason.endswith("x (notebooks/a.ipynb, cell 2, line 2)")
    assert lines[-1] == result.reason


def test_nothing_is_pickled_for_us(run_task: RunTask) -> None:
    result, _ = run_task(
        "class Trap:\n    def __reduce__(self): return (print, ('unpickled',))\ndef task(): return Trap()"
    )
    assert (result.status, result.value) == ("success", None)


def test_a_missing_interpreter_is_told(run_task: RunTask, tmp_path: Path) -> None:
    (tmp_path / "gone" / "bin").mkdir(parents=True)
    result, lines = run_task("def task(): pass", environment=tmp_path / "gone")
    assert result.reason == f"not started: No such file or directory: {tmp_path}/gone/bin/python"
    assert (result.exit_code, lines) == (None, [result.reason])


def test_a_disk_that_cannot_be_written_is_told(run_task: RunTask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result, lines = run_task("def task(): pass", scratch=tmp_path / "file" / "scratch")
    assert result.reason == f"not started: {tmp_path}/file/scratch/home: Not a directory; check the disk"
    assert lines == [result.reason]


def test_an_interrupt_is_raised_again(run_task: RunTask, tmp_path: Path) -> None:
    mark = "a-mark-of-" + tmp_path.name

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_task(
            f"import subprocess, sys\ndef task():\n    print('up')\n"
            f"    subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)', {mark!r}])",
            on_line=interrupt,
        )
    assert marked_processes(mark) == []


def test_running_needs_no_airflow_and_no_ipython() -> None:
    # Every Airflow task process imports it.
    code = "import sys, airflow_peach.execution.execute; print({'airflow', 'IPython', 'papermill'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ended.stdout.strip() == "set()"
