"""The cell with the entry function, as plain Python: what runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach import values
from airflow_peach.execution.sandbox import Content

if TYPE_CHECKING:
    from airflow_peach.authoring.program import Program
    from airflow_peach.execution.request import ExecutionRequest

LAUNCHER = Path(__file__).with_name("launcher.py")
STAND_IN = Path(__file__).with_name("stand_in.py")
VALUES = Path(values.__file__)


def launcher_content(request: ExecutionRequest, program: Program) -> Content:
    """Return what executes the cells of ``program`` and calls the entry function."""
    file = request.checkout / request.notebook
    specification = {
        "cells": [{"source": cell.source, "name": cell.name} for cell in program.cells],
        "notebook": request.notebook,
        "file": str(file),
        "method": request.method,
        "args": values.encode(dict(request.args)),
        "values": str(VALUES),
        "stand_in": str(STAND_IN),
    }
    return Content(
        argv=(str(request.python), "-u", str(LAUNCHER)),
        cwd=file.parent,
        specification=json.dumps(specification).encode(),
        interpreters=(request.python,),
        readable=(LAUNCHER, STAND_IN, VALUES, request.environment),
    )
