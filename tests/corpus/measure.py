"""Reads each case of a table in a process of its own, and prints what became of it: ``python measure.py TABLE``.

TABLE is ``configurations`` or ``notebooks``. One JSON object a line for each case: its name, what was said, the
places of what was said, the processor's seconds, and the peak of the process's memory in bytes, the library's own
included. A process that takes ten seconds or two gigabytes is ended.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import IPython.core.inputtransformer2  # noqa: F401 - imported at the first need, which no case should pay for
from tests.corpus import configurations, notebooks, properties

if TYPE_CHECKING:
    from tests.corpus.case import Case

TABLES = {"configurations": configurations.CASES, "notebooks": notebooks.CASES}


def read(table: str, case: Case) -> dict[str, Any]:
    """Read one case."""
    content = case.make()
    began = time.process_time()
    if table == "configurations":
        problems = properties.check_configuration(content).problems
        said = [[str(problem), problem.place.line, problem.place.column] for problem in problems]
    else:
        path = "n.py" if case.name.startswith(notebooks.MODULE) else "n.ipynb"
        said = [[text, 0, 0] for text in properties.check_task_of(content, path)]
    return {"said": said, "seconds": time.process_time() - began}


def child(table: str, case: Case, writer: int) -> None:
    """Read one case within limits, and write what became of it."""
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    resource.setrlimit(resource.RLIMIT_DATA, (2 * 1024**3,) * 2)
    # A process begins with the peak of the one it was made of.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    try:
        outcome = read(table, case)
    except BaseException:  # noqa: BLE001 - this is what the tests look for
        outcome = {"raised": traceback.format_exc()}
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_kib = int(status.partition("VmHWM:")[2].split()[0])
    os.write(writer, json.dumps({**outcome, "bytes": peak_kib * 1024}).encode())


def measure(table: str, case: Case) -> dict[str, Any]:
    """Return what became of one case."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            child(table, case, writer)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    return {"name": case.name, **(json.loads(answer) if answer else {"raised": f"ended with status {status}"})}


def reference_seconds() -> float:
    """Return the processor's seconds of a piece of work that takes 0.1 s on an idle machine of today."""
    began = time.process_time()
    sum(number * number for number in range(1_500_000))
    return time.process_time() - began


def main() -> None:
    """Measure a table."""
    table = sys.argv[1]
    gc.freeze()  # else each child copies all pages to look through them
    print(json.dumps({"reference_seconds": max(reference_seconds() for _ in range(3))}))  # noqa: T201
    for case in TABLES[table].values():
        print(json.dumps(measure(table, case)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
