"""Floods of output: every process stays small, the log within its cap, its end is kept, and it is live."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.execution.conftest import bare_environment, kernel_environment, run_task

from airflow_peach.execution.output import LINE_OVERHEAD_BYTES
from airflow_peach.execution.request import Limits

from .peak_memory import CALLER, peaks_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.execution.conftest import RunTask

__all__ = ["bare_environment", "kernel_environment", "run_task"]

MB = 1_000_000
LIMITS = Limits(120, grace_seconds=0.5)
# Beside the cap: the notes, and the last line.
SLACK_BYTES = 1000

FLOODS = {
    "a million lines": "for n in range(1000): print('\\n'.join(f'line {n} {m}' for m in range(1000)))",
    "one line of 200 MB": "for n in range(800): print('x' * 250_000, end='')",
    "invalid UTF-8": "for n in range(80): os.write(1, (b'\\xff' * 999 + b'\\n') * 250)",
    "NUL": "for n in range(80): os.write(1, (bytes(999) + b'\\n') * 250)",
    "10,000 updates": "for n in range(10_000): print(f'\\r{n} of 10000', end='', flush=True)",
    "a million ANSI codes": "for n in range(1000): print('\\x1b[31mx\\x1b[0m\\x1b[2K\\x1b]0;title\\x07' * 250)",
}
# The caller's is what it grows by, with the lines of the log that this test keeps; the others' are whole.
PEAKS = {CALLER: 60 * MB, "guard": 30 * MB, "launcher": 30 * MB, "driver": 200 * MB, "kernel": 150 * MB}
LAUNCHER = {"/guard.py": "guard", "/launcher.py": "launcher"}
KERNEL = {"/guard.py": "guard", "/notebook_driver.py": "driver", "ipykernel_launcher": "kernel"}


def check_flood(
    flood: str, run: Callable[[str], Any], scripts: dict[str, str], answer: Path, note: Callable[[str, object], None]
) -> None:
    def work() -> list[Any]:
        result, lines = run(f"import os\ndef task():\n    {FLOODS[flood]}\n    print('\\nthe end')")
        return [result.reason, sum(len(line.encode()) + LINE_OVERHEAD_BYTES for line in lines), lines[-3:]]

    (reason, log_bytes, last), peaks = peaks_of(work, scripts, answer)

    note("measured", f"{flood}: " + ", ".join(f"{name} {peak / MB:.0f} MB" for name, peak in peaks.items()))
    assert (reason, last[-1]) == ("ok", "the end"), last
    assert log_bytes <= LIMITS.log_limit_bytes + SLACK_BYTES
    assert {name: peak for name, peak in peaks.items() if not 0 < peak < PEAKS[name]} == {}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_takes_bounded_memory_everywhere_and_its_end_is_kept(
    run_task: RunTask, tmp_path: Path, flood: str, record_property: Callable[[str, object], None]
) -> None:
    check_flood(flood, lambda cell: run_task(cell, limits=LIMITS), LAUNCHER, tmp_path / "answer", record_property)


@pytest.mark.parametrize("flood", ["one line of 200 MB", "10,000 updates"])
def test_so_does_a_flood_in_a_kernel_and_the_notebook_is_kept(
    run_task: RunTask,
    kernel_environment: Path,
    tmp_path: Path,
    flood: str,
    record_property: Callable[[str, object], None],
) -> None:
    artefact = tmp_path / "executed.ipynb"

    def run(cell: str) -> Any:
        return run_task(cell, full_notebook=True, environment=kernel_environment, artefact=artefact, limits=LIMITS)

    check_flood(flood, run, KERNEL, tmp_path / "answer", record_property)
    content = artefact.read_text(encoding="utf-8")
    assert "output is in the log only" in content
    assert len(content) < 5 * MB


FIRST_CELL = """
from comm import create_comm
from IPython.display import HTML, display
state = {"_model_module": "m", "_model_name": "n"}
comm = create_comm(target_name="jupyter.widget", data={"state": state}, metadata={"version": "2.0.0"})
display(HTML("a small one"))
"""
DISPLAYS = {
    "500 MB of HTML": "display(HTML('x' * 500_000_000))",
    "500 images of 1 MB": "for n in range(500): display({'image/png': 'x' * 1_000_000}, raw=True)",
    "20,000 small ones": "for n in range(20_000): display(n)",
    "a value of 200 MB": "get_ipython().displayhook(HTML('x' * 200_000_000))",
    "a widget's 300 MB": "for n in range(300): comm.send({'method': 'update', 'state': {f'x{n}': 'y' * 1_000_000}})",
    "an error of 50 MB": "raise ValueError('x' * 50_000_000)",
}


@pytest.mark.parametrize("display", DISPLAYS)
def test_what_is_displayed_takes_bounded_memory_and_the_notebook_is_kept(
    run_task: RunTask,
    kernel_environment: Path,
    tmp_path: Path,
    display: str,
    record_property: Callable[[str, object], None],
) -> None:
    artefact = tmp_path / "executed.ipynb"
    task = f"def task():\n    {DISPLAYS[display]}\n    print('the end')"

    def work() -> list[Any]:
        result, lines = run_task(
            FIRST_CELL, task, full_notebook=True, environment=kernel_environment, artefact=artefact, limits=LIMITS
        )
        return [result.reason, lines[-1][:100], max(map(len, lines)), lines[-3:]]

    scripts = {"/guard.py": "guard", "/notebook_driver.py": "driver"}
    (reason, last, longest, lines), peaks = peaks_of(work, scripts, tmp_path / "answer")
    record_property(
        "measured", f"{display}: " + ", ".join(f"{name} {peak / MB:.0f} MB" for name, peak in peaks.items())
    )
    if display.startswith("an error"):
        assert (reason[:40], last[:30]) == ("ValueError: " + "x" * 28, "ValueError: " + "x" * 18), lines
    else:
        assert (reason, "the end" in lines[-2:]) == ("ok", True), lines
    assert longest < 20_000
    assert {name: peak for name, peak in peaks.items() if not 0 < peak < PEAKS[name]} == {}
    content = artefact.read_text(encoding="utf-8")
    assert "a small one" in content
    assert len(content) < 15 * MB


@pytest.mark.parametrize("runner", ["launcher", "kernel"])
def test_a_line_is_shown_within_two_seconds_while_the_task_goes_on(
    run_task: RunTask, bare_environment: Path, kernel_environment: Path, runner: str
) -> None:
    delays: list[float] = []

    def watch(line: str) -> None:
        if line.startswith("written at "):
            delays.append(time.time() - float(line.removeprefix("written at ")))

    result, lines = run_task(
        """
import time
def task():
    for _ in range(3):
        print("written at", time.time())
        time.sleep(2.5)
""",
        full_notebook=runner == "kernel",
        environment=kernel_environment if runner == "kernel" else bare_environment,
        limits=LIMITS,
        on_line=watch,
    )
    assert result.reason == "ok", lines
    assert len(delays) == 3
    assert max(delays) < 2
