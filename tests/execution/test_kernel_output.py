"""What cells write, by all ways there are; floods of it are in ``tests/faults/test_output.py``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import RunTask


def test_the_log_has_all_kinds_of_output_once_and_in_their_order(
    run_task: RunTask, kernel_environment: Path, tmp_path: Path
) -> None:
    artefact = tmp_path / "executed.ipynb"
    result, lines = run_task(
        """
import os, sys
from IPython.display import display
print("printed"); display(1 + 1); os.system("echo shell"); print("error", file=sys.stderr); print("again")
3
""",
        "def task(): pass",
        full_notebook=True,
        environment=kernel_environment,
        artefact=artefact,
    )
    assert (result.reason, lines) == ("ok", ["printed", "2", "shell", "error", "again", "3"])
    first, second, *_, last = json.loads(artefact.read_text(encoding="utf-8"))["cells"][1]["outputs"]
    assert "".join(first["text"]) == "printed\n"
    assert [output["data"]["text/plain"] for output in (second, last)] == [["2"], ["3"]]
