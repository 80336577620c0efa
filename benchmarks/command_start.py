"""How long the commands take to start: on a quiet machine, ``python benchmarks/command_start.py``.

Prints the shortest and the median wall time in seconds of ``--help`` of each command, and of ``peach validate`` in a
repository of 50 notebooks with 21 code cells each.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from airflow_peach.cli.main import COMMANDS

RUNS = 11


def measure(*arguments: str, cwd: Path) -> None:
    """Run a command again and again, and print a line."""
    program = Path(sys.executable).with_name("peach")
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run([str(program), *arguments], cwd=cwd, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    print(f"peach {' '.join(arguments):20} shortest {min(times):.3f} s, median {statistics.median(times):.3f} s")


def repository(root: Path) -> None:
    """Write the 50 notebooks and their configuration file."""
    lines = ["codops: debr", "tasks:"]
    for number in range(50):
        cells = [{"cell_type": "code", "source": f"import os\nx{step} = {step}\n" * 10} for step in range(20)]
        cells.append({"cell_type": "code", "source": "import json\n\ndef task(a=1):\n    return json.dumps(a)\n"})
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        (root / f"n{number}.ipynb").write_text(json.dumps(notebook))
        lines.append(f"  t{number}: {{notebook: n{number}.ipynb, method: task}}")
    (root / "peach.yaml").write_text("\n".join(lines))


def main() -> None:
    """Measure all."""
    with tempfile.TemporaryDirectory() as folder:
        repository(Path(folder))
        measure("--help", cwd=Path(folder))
        for name in COMMANDS:
            measure(name, "--help", cwd=Path(folder))
        measure("validate", cwd=Path(folder))


if __name__ == "__main__":
    main()
