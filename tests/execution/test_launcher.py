"""Cells and entry functions, run by the launcher in a real environment."""

from __future__ import annotations

import ast
import datetime as dt
import json
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from airflow_peach.execution.launch import LAUNCHER, STAND_IN, VALUES
from airflow_peach.execution.request import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import RunTask


def test_it_returns_what_the_function_returns(run_task: RunTask) -> None:
    result, lines = run_task("def task(x, y=2):\n    return {'sum': x + y}", args={"x": 1})
    assert (result.status, result.reason, result.exit_code) == ("success", "ok", 0)
    assert result.value == {"sum": 3}
    assert lines == []


def test_arguments_arrive_with_their_types(run_task: RunTask) -> None:
    args = {
        "day": dt.date(2026, 1, 2),
        "moment": dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.timezone.utc),
        "nested": {"a": [1, 2.5, "text", None, True]},
        "template": "{{ 7 * 7 }} {% raw",
        "raw": b"\x00\xff",
    }
    _, lines = run_task("def task(**args):\n    print(sorted(args.items()))", args=args)
    assert lines == [repr(sorted(args.items()))]


def test_it_runs_in_the_notebooks_folder_as_main(run_task: RunTask, tmp_path: Path) -> None:
    folder = tmp_path / "checkout" / "notebooks"
    folder.mkdir(parents=True)
    (folder / "beside.py").write_text("VALUE = 'from beside'")
    result, _ = run_task(
        "import os, sys, beside\ndef task():\n    return [os.getcwd(), sys.path[0], beside.VALUE, __name__, sys.argv]"
    )
    assert result.value == [
        str(folder), str(folder), "from beside", "__main__", [str(folder / "a.ipynb")],
    ]  # fmt: skip


def test_nothing_of_ours_can_be_imported_by_accident(run_task: RunTask) -> None:
    result, _ = run_task("def task():\n    import guard")
    assert result.reason == "ModuleNotFoundError: No module named 'guard' (notebooks/a.ipynb, cell 2, line 2)"


def test_coroutines_are_awaited_on_one_loop(run_task: RunTask) -> None:
    result, _ = run_task(
        """
import asyncio
await asyncio.sleep(0)
loop = asyncio.get_running_loop()
async def task():
    await asyncio.sleep(0)
    return asyncio.get_running_loop() is loop
"""
    )
    assert result.value is True


def test_processes_of_a_pool_find_what_a_cell_defines(run_task: RunTask) -> None:
    result, lines = run_task(
        """
import multiprocessing
class Item:
    def __init__(self, n): self.n = n
def make(n): return Item(n * n)
def task():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return [item.n for item in pool.map(make, range(4))]
"""
    )
    assert result.value == [0, 1, 4, 9]
    assert lines == []  # no stacks of the workers that the pool terminates


def test_a_traceback_names_notebook_cell_and_line(run_task: RunTask) -> None:
    result, lines = run_task(
        "VALUE = 0", "def helper(x):\n    return 1 / x\n\ndef task():\n    VALUE = 0\n    return helper(VALUE)"
    )
    assert (result.status, result.exit_code) == ("failed", 1)
    assert result.reason == "ZeroDivisionError: division by zero (notebooks/a.ipynb, cell 3, line 2)"
    text = "\n".join(lines)
    assert text.startswith('Traceback (most recent call last):\n  File "notebooks/a.ipynb, cell 3", line 6, in task\n')
    assert "    return 1 / x\n" in text
    # Of the last line, which has no end: marked is `helper(VALUE)`.
    assert f"    return helper(VALUE)\n{' ' * len('    return ')}^^^^^^^^^^^^^\n" in text
    assert "launcher" not in text
    assert lines[-1] == result.reason


def test_a_traceback_through_a_library_blames_the_cells_line(run_task: RunTask) -> None:
    result, lines = run_task("import json\ndef task():\n\n    json.loads('{')")
    assert result.reason.endswith("(notebooks/a.ipynb, cell 2, line 4)")
    assert any("decoder.py" in line for line in lines)


def test_the_line_of_a_python_file(run_task: RunTask) -> None:
    result, _ = run_task("def task():\n    raise RuntimeError('two\\nlines')", notebook="jobs/x.py")
    assert result.reason == "RuntimeError: two lines (jobs/x.py, line 2)"


def test_an_error_in_the_cell_itself(run_task: RunTask) -> None:
    result, _ = run_task("import nothing_of_that_name\ndef task(): pass")
    assert result.reason.endswith("'nothing_of_that_name' (notebooks/a.ipynb, cell 2, line 1)")


@pytest.mark.parametrize(
    ("source", "args", "reason"),
    [
        ("def task(user, n=1): pass", {"usr": 1}, "wrong arguments for task(user, n=1): task() got an unexpected"),
        ("def task(user): pass", {}, "wrong arguments for task(user): task() missing 1 required"),
        ("task = int('3')", {}, "'task' is not a function but a value of type int"),
        ("if int('0'):\n    def task(): pass", {}, "entry function 'task' not found in notebooks/a.ipynb"),
        ("def task():\n    {}['x'] + None", {}, "KeyError: 'x' (notebooks/a.ipynb, cell 2, line 2)"),
        ("def task():\n    len(3)", {}, "TypeError: object of type 'int' has no len() (notebooks/a.ipynb, cell 2"),
    ],
)
def test_reasons(run_task: RunTask, source: str, args: dict[str, object], reason: str) -> None:
    result, lines = run_task(source, args=args)
    assert result.status == "failed"
    assert result.reason.startswith(reason)
    assert lines[-1] == result.reason


@pytest.mark.parametrize(
    ("call", "status", "reason", "exit_code"),
    [
        ("sys.exit()", "success", "ok", 0),
        ("sys.exit(0)", "success", "ok", 0),
        ("sys.exit(3)", "failed", "exit code 3", 3),
        ("sys.exit('said')", "failed", "exit code 1", 1),
        ("os._exit(5)", "failed", "exit code 5", 5),
        ("os.kill(os.getpid(), 11)", "failed", "killed by signal SIGSEGV", -11),
        ("os.kill(os.getpid(), 9)", "failed", "killed by signal SIGKILL (the machine may have run out of memory)", -9),
    ],
)
def test_ends(run_task: RunTask, call: str, status: str, reason: str, exit_code: int) -> None:
    result, _ = run_task(f"import os, sys\ndef task():\n    {call}")
    assert (result.status, result.reason, result.exit_code) == (status, reason, exit_code)


def test_a_crash_shows_where(run_task: RunTask) -> None:
    _, lines = run_task("import ctypes\ndef task():\n    ctypes.string_at(0)")
    assert any('File "notebooks/a.ipynb, cell 2", line 3 in task' in line for line in lines)


def test_the_time_limit_shows_where_even_in_c(run_task: RunTask) -> None:
    result, lines = run_task("def task():\n    sum(range(10**12))", limits=Limits(2, grace_seconds=5))
    assert result.reason == "timed out after 2 s"
    assert any('File "notebooks/a.ipynb, cell 2", line 2 in task' in line for line in lines)
    assert lines[-1] == "timed out after 2 s"
    assert result.exit_code == -signal.SIGTERM


@pytest.mark.parametrize("value", ["object()", "float('nan')", "{1, 2}", "'x' * 70_000", "(lambda: 0)"])
def test_a_result_that_is_no_json_or_too_large_is_told_and_no_failure(run_task: RunTask, value: str) -> None:
    result, lines = run_task(f"def task():\n    return {value}")
    assert (result.status, result.value) == ("success", None)
    assert len(lines) == 1
    assert "is not kept" in lines[0]


def test_a_result_of_numpys_kind_becomes_lists(run_task: RunTask) -> None:
    result, _ = run_task(
        "class Array:\n    def tolist(self): return [1.5, 2.5]\ndef task():\n    return {'weights': Array()}"
    )
    assert result.value == {"weights": [1.5, 2.5]}


def test_a_task_that_writes_to_the_news_itself_gains_nothing(run_task: RunTask) -> None:
    result, _ = run_task(
        """
import os
def task():
    for n in range(3, 100):
        try: os.write(n, b'{"event": "returned", "value": "' + b'x' * 70000 + b'"}\\n[1]\\n"text"\\nno json\\n')
        except OSError: pass
    os._exit(0)
"""
    )
    assert (result.status, result.value) == ("success", None)


def test_threads_and_exit_handlers_end_as_in_a_script(run_task: RunTask) -> None:
    _, lines = run_task(
        """
import atexit, threading, time
def task():
    atexit.register(print, "handler")
    threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
"""
    )
    assert lines == ["thread", "handler"]


def test_future_statements_stay_on_as_in_a_kernel(run_task: RunTask) -> None:
    result, _ = run_task("from __future__ import annotations\ndef task(x: undefined = 1):\n    return x")
    assert result.value == 1


def test_what_ipython_offers(run_task: RunTask) -> None:
    result, lines = run_task(
        """
%matplotlib inline
%load_ext autoreload
n = 2
!echo from the shell {n + 1} $n
!exit 4
listed = !echo one; echo two
%env SETTING=value
%time m = n * 2
def task():
    import os
    display({"shown": m}, "text")
    return [listed, os.environ["SETTING"], m]
"""
    )
    assert result.value == [["one", "two"], "value", 4]
    assert lines[:4] == [
        "[peach] %matplotlib is ignored in a task",
        "[peach] %load_ext is ignored in a task",
        "from the shell 3 2",
        "[peach] !exit 4: exit code 4",
    ]
    assert lines[-2:] == ["{'shown': 4}", "text"]


def test_cell_magics(run_task: RunTask) -> None:
    result, lines = run_task("%%time\ndef task():\n    return 1")
    assert (result.status, result.value) == ("success", 1), lines


@pytest.mark.parametrize("line", ["%pip install x", "!pip install x", "!python3 -m pip install x", "%conda install x"])
def test_installing_is_refused_with_a_remedy(run_task: RunTask, line: str) -> None:
    result, lines = run_task(f"{line}\ndef task(): pass")
    assert "put it in the dependencies of the configuration file" in result.reason
    assert lines == [result.reason]


def test_an_unknown_magic_is_refused_with_a_remedy(run_task: RunTask) -> None:
    result, _ = run_task("%sql select 1\ndef task(): pass")
    assert "the magic %sql is not available" in result.reason
    assert "full_notebook: true" in result.reason


@pytest.mark.parametrize("script", [LAUNCHER, STAND_IN, VALUES], ids=lambda path: path.name)
def test_the_scripts_are_python_3_8(script: Path) -> None:
    ast.parse(script.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13", "3.14"])
def test_other_pythons_run_it(version: str, tmp_path: Path) -> None:
    python = shutil.which(f"python{version}")
    works = python is not None and subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0
    if python is None or not works:
        pytest.skip(f"no Python {version} here")
    notebook = tmp_path / "a.ipynb"
    source = "import sys\nget_ipython().system('echo hi')\nasync def task(day): return [day.year, sys.version_info[1]]"
    specification = {
        "cells": [{"source": source, "name": "a.ipynb, cell 1"}],
        "notebook": "a.ipynb",
        "file": str(notebook),
        "method": "task",
        "args": {"day": {"$peach": ["date", "2026-01-02"]}},
        "values": str(VALUES),
        "stand_in": str(STAND_IN),
    }
    given = os.memfd_create("specification")
    os.write(given, json.dumps(specification).encode())
    os.lseek(given, 0, os.SEEK_SET)
    reader, writer = os.pipe()
    # As the guard does: the two on descriptors 3 and 4.
    shell = f'exec "$0" -u "$1" 3<&{given} 4>&{writer}'
    subprocess.run(
        ["/bin/bash", "-c", shell, python, str(LAUNCHER)], pass_fds=(given, writer), check=True, cwd=tmp_path
    )
    os.close(writer)
    with os.fdopen(reader) as news:
        last = json.loads(news.read().splitlines()[-1])
    os.close(given)
    assert last == {"event": "returned", "value": [2026, int(version.partition(".")[2])]}
