"""A whole notebook: what runs it, and keeping the executed notebook."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach import values
from airflow_peach.execution.launch import LAUNCHER, VALUES
from airflow_peach.execution.sandbox import Content
from airflow_peach.removal import remove
from airflow_peach.storage import ForeignFileError, read_foreign, write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_peach.execution.masking import Masker
    from airflow_peach.execution.request import ExecutionRequest

DRIVER = Path(__file__).with_name("notebook_driver.py")
NOTEBOOK_RUN = Path(__file__).with_name("notebook_run.py")
KERNEL_OUTPUT = Path(__file__).with_name("kernel_output.py")
ARTEFACT_LIMIT_BYTES = 50 * 1024 * 1024

# From where the driver imports; they need not be in one place.
_IMPORTED = ("papermill", "nbclient", "nbformat", "jupyter_client", "zmq", "traitlets", "yaml")


@contextlib.contextmanager
def notebook_content(request: ExecutionRequest) -> Iterator[Content]:
    """Give what runs all cells of the notebook in a kernel, then calls the entry function.

    Sockets have short paths only (108 bytes), which a path in ``scratch`` need not be. In a sandbox ``/tmp`` is
    the execution's own; without one, a directory is made in the machine's, and removed at the end.
    """
    if request.confinement.sandboxed:
        yield _content(request, sockets=Path("/tmp"))  # noqa: S108 - see above
        return
    directory = Path(tempfile.mkdtemp(prefix="peach-"))
    try:
        request.confinement.give(directory)
        yield _content(request, sockets=directory)
    finally:
        remove(directory)


def _content(request: ExecutionRequest, *, sockets: Path) -> Content:
    file = request.checkout / request.notebook
    library = _library()
    specification = {
        "notebook": request.notebook,
        "file": str(file),
        "method": request.method,
        "args": values.encode(dict(request.args)),
        "values": str(VALUES),
        "launcher": str(LAUNCHER),
        "notebook_run": str(NOTEBOOK_RUN),
        "kernel_output": str(KERNEL_OUTPUT),
        "library": [str(path) for path in library],
        "python": str(request.python),
        "scratch": str(request.scratch),
        "sockets": str(sockets),
        "executed": str(_executed(request)),
    }
    return Content(
        argv=(sys.executable, "-I", str(DRIVER)),
        cwd=file.parent,
        specification=json.dumps(specification).encode(),
        interpreters=(Path(sys.executable), request.python),
        readable=(*library, DRIVER, NOTEBOOK_RUN, KERNEL_OUTPUT, LAUNCHER, VALUES, request.environment),
    )


def keep_artefact(request: ExecutionRequest, emit: Callable[[str], None], mask: Masker) -> None:
    """Copy the executed notebook, masked, to ``request.artefact``, atomically; say in the log when it is not kept.

    The task could put anything in its place, a link to somebody else's file or a pipe: only a plain file is read.
    """
    if request.artefact is None:
        return
    try:
        content = read_foreign(_executed(request), limit_bytes=ARTEFACT_LIMIT_BYTES)
    except ForeignFileError as error:
        emit(f"[peach] the executed notebook is not kept: {error}")
        return
    try:
        write_bytes(request.artefact, mask.json(content))
    except OSError as error:
        emit(f"[peach] the executed notebook is not kept: {request.artefact}: {error.strerror}")


def _executed(request: ExecutionRequest) -> Path:
    return request.scratch / "executed.ipynb"


def _library() -> tuple[Path, ...]:
    found = set()
    for name in _IMPORTED:
        specification = importlib.util.find_spec(name)
        if specification is not None and specification.origin:
            found.add(Path(specification.origin).parent.parent)
    return tuple(sorted(found))
