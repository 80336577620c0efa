"""Whole notebooks, in a real kernel."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from airflow_peach.authoring.entry_function import extract
from airflow_peach.execution import full_notebook
from airflow_peach.execution.confinement import Confinement
from airflow_peach.execution.execute import execute
from airflow_peach.execution.full_notebook import keep_artefact
from airflow_peach.execution.isolation import Level
from airflow_peach.execution.masking import Masker
from airflow_peach.execution.request import ExecutionRequest, Limits

from .conftest import both_levels, marked_processes

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.execution.request import ExecutionResult

    from .conftest import RunTask


@pytest.fixture
def run_notebook(run_task: RunTask, kernel_environment: Path, tmp_path: Path) -> Any:
    def run(*cells: str, **options: Any) -> tuple[ExecutionResult, list[str]]:
        return run_task(
            *cells,
            full_notebook=True,
            environment=kernel_environment,
            artefact=tmp_path / "artefacts" / "executed.ipynb",
            **options,
        )

    return run


def executed(tmp_path: Path) -> Any:
    content = (tmp_path / "artefacts" / "executed.ipynb").read_text()
    return nbformat.reads(content, as_version=4)


@both_levels
def test_all_cells_then_the_function(run_notebook: Any, tmp_path: Path, isolation: str) -> None:
    result, lines = run_notebook(
        "import asyncio, os, sys\nprint('cell one', os.getcwd())\nbase = 40",
        "await asyncio.sleep(0)\nbase + 1",
        "def task(add, tricky):\n    print('called', tricky)\n    return {'sum': base + add}",
        args={"add": 2, "tricky": "'''\"\n{{ 7 * 7 }}\\"},
        isolation=isolation,
    )
    assert (result.status, result.reason) == ("success", "ok"), lines
    assert result.value == {"sum": 42}
    assert lines == [f"cell one {tmp_path}/checkout/notebooks", "41", "called '''\"", "{{ 7 * 7 }}\\"]
    notebook = executed(tmp_path)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[2].outputs[0]["data"]["text/plain"] == "41"
    assert result.peak_memory_bytes > 20_000_000


def test_a_failing_cell_is_named_and_the_notebook_kept(run_notebook: Any, tmp_path: Path) -> None:
    result, lines = run_notebook("x = 1", "def helper():\n    return 1 / 0", "helper()", "def task(): print('never')")
    assert result.reason == "ZeroDivisionError: division by zero (notebooks/a.ipynb, cell 3, line 2)"
    text = "\n".join(lines)
    assert "notebooks/a.ipynb, cell 4, line 1" in text
    assert "never" not in text
    assert lines[-1] == result.reason
    assert "ZeroDivisionError" in json.dumps(executed(tmp_path))


def test_a_failing_function_is_named(run_notebook: Any) -> None:
    result, lines = run_notebook("def task():\n    raise ValueError('bad thing')")
    assert result.reason == "ValueError: bad thing (notebooks/a.ipynb, cell 2, line 2)"
    assert 'launcher.py", line' not in "\n".join(lines)


@pytest.mark.parametrize(
    ("cells", "args", "status", "reason"),
    [
        (["def task(n): pass"], {"m": 1}, "failed", "wrong arguments for task(n): task() got an unexpected keyword"),
        (["def task(): pass", "del task"], {}, "failed", "entry function 'task' is gone after the last cell"),
        (["import sys\ndef task(): sys.exit(3)"], {}, "failed", "exit code 3"),
        (["import sys\nsys.exit(0)\ndef task(): pass"], {}, "success", "ok"),
        (["def task(): pass", "import os; os._exit(1)"], {}, "failed", "the kernel died (notebooks/a.ipynb, cell 3)"),
    ],
)
def test_ends(run_notebook: Any, cells: list[str], args: dict[str, Any], status: str, reason: str) -> None:
    result, lines = run_notebook(*cells, args=args)
    assert (result.status, result.reason[: len(reason)]) == (status, reason), lines


@both_levels
def test_the_time_limit_ends_a_kernel_that_ignores_everything(
    run_notebook: Any, tmp_path: Path, isolation: str
) -> None:
    result, lines = run_notebook(
        """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN)
print("ignoring")
while True: time.sleep(1)
""",
        "def task(): pass",
        limits=Limits(10, grace_seconds=0.5),
        isolation=isolation,
    )
    assert result.reason == "timed out after 10 s"
    assert lines[-1] == result.reason
    assert marked_processes(str(tmp_path)) == []
    assert executed(tmp_path).cells


def test_a_missing_ipykernel_is_told(run_task: RunTask) -> None:
    result, lines = run_task("def task(): pass", full_notebook=True)
    assert "ipykernel" in "\n".join(lines)
    assert result.reason.startswith("the kernel of notebooks/a.ipynb did not start")


def test_a_python_file_is_run_as_it_is(run_task: RunTask) -> None:
    result, _ = run_task("def task():\n    return __file__", notebook="jobs/x.py", full_notebook=True)
    assert result.value.endswith("jobs/x.py")


def test_format_3_without_metadata(kernel_environment: Path, tmp_path: Path) -> None:
    cell = {"cell_type": "code", "collapsed": False, "input": "def task(): return 3", "language": "python"}
    content = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [{**cell, "outputs": []}]}]}
    checkout = tmp_path / "checkout3"
    checkout.mkdir()
    (checkout / "old.ipynb").write_text(json.dumps(content))
    scratch = tmp_path / "scratch3"
    scratch.mkdir()
    lines: list[str] = []
    result = execute(
        ExecutionRequest(
            codops="debr",
            task="t",
            checkout=checkout,
            notebook="old.ipynb",
            method="task",
            full_notebook=True,
            environment=kernel_environment,
            python=kernel_environment / "bin" / "python",
            scratch=scratch,
            limits=Limits(60),
            confinement=Confinement(Level.NONE),
        ),
        extract(json.dumps(content).encode(), "old.ipynb", "task", True),
        emit=lines.append,
    )
    assert result.value == 3, lines


@both_levels
def test_nobody_else_on_the_machine_can_listen_to_a_kernel(run_notebook: Any, isolation: str) -> None:
    # What a kernel publishes on a port, everybody can subscribe to; its sockets are files in a private directory.
    result, lines = run_notebook(
        "import ipykernel, json, os\n"
        "def task():\n"
        "    connection = json.load(open(ipykernel.get_connection_file()))\n"
        "    socket = f\"{connection['ip']}-{connection['iopub_port']}\"\n"
        "    return [connection['transport'], oct(os.stat(os.path.dirname(socket)).st_mode)[-3:]]",
        isolation=isolation,
    )
    assert result.value == ["ipc", "700"], lines


def request_with(tmp_path: Path) -> ExecutionRequest:
    return ExecutionRequest(
        codops="debr",
        task="t",
        checkout=tmp_path,
        notebook="a.ipynb",
        method="task",
        environment=tmp_path,
        python=tmp_path,
        scratch=tmp_path,
        limits=Limits(1),
        confinement=Confinement(Level.NONE),
        artefact=tmp_path / "kept" / "a.ipynb",
    )


def test_only_a_plain_file_is_kept(tmp_path: Path) -> None:
    request = request_with(tmp_path)
    said: list[str] = []
    (tmp_path / "secret").write_text("somebody else's")
    (tmp_path / "executed.ipynb").symlink_to(tmp_path / "secret")
    keep_artefact(request, said.append, Masker(()))
    (tmp_path / "executed.ipynb").unlink()
    os.mkfifo(tmp_path / "executed.ipynb")
    keep_artefact(request, said.append, Masker(()))
    assert not (tmp_path / "kept").exists()
    assert len(said) == 2


def test_a_huge_notebook_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = request_with(tmp_path)
    said: list[str] = []
    monkeypatch.setattr(full_notebook, "ARTEFACT_LIMIT_BYTES", 1 << 20)
    (tmp_path / "executed.ipynb").write_bytes(b"x" * (1 << 20))
    keep_artefact(request, said.append, Masker(()))
    assert (tmp_path / "kept" / "a.ipynb").stat().st_size == 1 << 20
    (tmp_path / "executed.ipynb").write_bytes(b"x" * ((1 << 20) + 1))
    keep_artefact(request, said.append, Masker(()))
    assert said == ["[peach] the executed notebook is not kept: it has over 1 MiB"]
