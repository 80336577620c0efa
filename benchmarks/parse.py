"""How long one parse of the DAG file takes: all loops, and the one loop that a worker parses for.

    python benchmarks/parse.py [ORGANISATIONS] [TASKS_EACH]

Compares, in one run, a parse of all organisations with a parse for one of them, and both with reading their JSON
alone. Figures of one machine mean little; the ratios do.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp()

from typing import TYPE_CHECKING

from airflow_peach.catalogue.model import Catalogue, Organisation, Task
from airflow_peach.catalogue.store import current_snapshot, read_organisations, snapshot_path, write_catalogue
from airflow_peach.loops.factory import build_dags
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 5


def catalogue(organisations: int, tasks: int) -> Catalogue:
    """A catalogue of this size, every tenth task in the metadata loop."""
    made = {}
    for number in range(organisations):
        codops = f"org{number}"
        made[codops] = Organisation(
            codops,
            tuple(
                Task(codops, f"task{i}", "metadata" if i % 10 == 0 else codops, "repo", "peach.yaml", i, "a.ipynb", "f")
                for i in range(tasks)
            ),
        )
    return Catalogue(made)


def median_seconds(measured: Callable[[], object]) -> float:
    """Median of some runs after one that is not counted."""
    seconds = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        measured()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def main() -> None:
    """Measure and print."""
    organisations, tasks = (int(one) for one in (*sys.argv[1:], *("50", "100")[len(sys.argv) - 1 :]))
    home = Path(tempfile.mkdtemp())
    write_catalogue(home, catalogue(organisations, tasks))
    folder = snapshot_path(home, str(current_snapshot(home)))
    settings = load_settings(home=home)
    reading = median_seconds(lambda: read_organisations(folder))
    everything = median_seconds(lambda: build_dags(read_organisations(folder)[0], settings))
    one = median_seconds(lambda: build_dags(read_organisations(folder, "org1")[0], settings, loop="org1"))
    print(f"{organisations} organisations of {tasks} tasks, median of {RUNS} runs")
    print(f"  reading the catalogue     {reading:8.3f} s")
    print(f"  all DAGs                  {everything:8.3f} s")
    print(f"  one organisation's DAG    {one:8.3f} s   {everything / one:.0f} times faster than all")


if __name__ == "__main__":
    main()
