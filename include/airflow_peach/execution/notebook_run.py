"""Running a notebook with papermill: prepared, executed, its output shown as it comes, its failure explained.

Loaded by the driver from its path, once papermill can be imported.
"""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook
from traitlets.config import Config

KERNEL_START_SECONDS = 120
# How long the outputs of a cell that has ended may be under way.
LAST_OUTPUT_SECONDS = 60
# sun_path of unix(7) has 108 bytes; the names of directory and socket are appended to this.
SOCKET_DIRECTORY_LIMIT = 70
# Of an error's own words in the news, which have little room; the log has all of them.
SENTENCE_CHARACTERS = 700

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CELL_LINE = re.compile(r"Cell In\[(\d+)\], line (\d+)")


def run(specification: dict[str, Any], *, kernel: str, result_mime_type: str) -> dict[str, Any]:
    """Run the notebook in ``kernel`` and return the last news of it (see ``launcher.py``).

    Args:
        specification: the driver's.
        kernel: name of a kernel that Jupyter finds.
        result_mime_type: under which the added cell publishes the result.

    Writes the notebook with its outputs to ``specification["executed"]``, after each cell.
    """
    progress = _Progress(specification["sockets"])
    papermill_engines.register(kernel, _engine(progress))
    try:
        notebook = execute_notebook(
            _prepare(specification, kernel),
            specification["executed"],
            engine_name=kernel,
            kernel_name=kernel,
            cwd=Path(specification["file"]).parent,
            progress_bar=False,
            log_output=True,
            start_timeout=KERNEL_START_SECONDS,
        )
    except PapermillExecutionError as error:
        return _failure(error, progress.cells, specification["notebook"])
    except DeadKernelError:
        return _failed(f"the kernel died ({specification['notebook']}, cell {progress.cell_number})")
    except RuntimeError as error:
        if progress.cell_number:
            raise
        return _failed(f"the kernel of {specification['notebook']} did not start: {error}; the log says why")
    for output in notebook.cells[-1].outputs:
        if result_mime_type in output.get("data", {}):
            return {"event": "returned", "value": output.data[result_mime_type].get("value")}
    return {"event": "exited", "exit_code": 0}  # sys.exit() in a cell


def _prepare(specification: dict[str, Any], kernel: str) -> Path:
    """Write the notebook as papermill shall run it: current format, our kernel, and the call at the end."""
    text = Path(specification["file"]).read_text(encoding="utf-8-sig")
    notebook = nbformat.v4.upgrade(nbformat.reads(text, as_version=4))
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": "Python 3", "language": "python"}
    # The arguments are text in the text of the cell: nothing in them is ever read as code.
    arguments = json.dumps(specification["args"])
    source = (
        "# Added by the platform: calls the entry function with the arguments of the task.\n"
        "from runpy import run_path as _run_path\n"
        f"await _run_path({specification['launcher']!r})['call_in_kernel'](\n"
        f"    globals(), {specification['method']!r}, {arguments!r}, {specification['values']!r}\n"
        ")"
    )
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    prepared = Path(specification["scratch"], "prepared.ipynb")
    nbformat.write(notebook, prepared)
    return prepared


class _KernelManager(AsyncKernelManager):
    """Ends an idle kernel without interrupting it first, which ipykernel would tell in the log as an error."""

    async def shutdown_kernel(  # type: ignore[override]  # the stock one is a function in a class variable
        self,
        now: bool = False,  # noqa: FBT001, FBT002 - Jupyter's signature
        restart: bool = False,  # noqa: FBT001, FBT002 - Jupyter's signature
    ) -> None:
        if now:
            await super().shutdown_kernel(now=now, restart=restart)
            return
        self.stop_restarter()
        await self.request_shutdown(restart=restart)
        await self.finish_shutdown(restart=restart)
        await self.cleanup_resources(restart=restart)


class _Progress:
    """Where the run is, and what it shows."""

    def __init__(self, sockets: str) -> None:
        self.cell_number = 0
        self.cells: list[Any] = []
        self.sockets = sockets

    def show(self, output: Any) -> None:  # noqa: ANN401 - a notebook node
        """Write the value of a cell to the log; the rest the kernel wrote itself (see ``kernel_output.py``)."""
        if output.output_type == "execute_result" and "text/plain" in output.data:
            sys.stdout.write("".join(output.data["text/plain"]) + "\n")
            sys.stdout.flush()


def _engine(progress: _Progress) -> type[NBClientEngine]:
    class Client(PapermillNotebookClient):
        def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:  # noqa: ANN401
            progress.cell_number = cell_index + 1
            return super().execute_cell(cell, cell_index, **options)

        def log_output_message(self, output: Any) -> None:  # noqa: ANN401 - a notebook node
            progress.show(output)

    class Engine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(  # type: ignore[override]  # as papermill calls it: by keyword
            cls,
            nb_man: Any,  # noqa: ANN401 - papermill's
            kernel_name: str,
            *,
            log_output: bool,
            start_timeout: int,
            **_: Any,  # noqa: ANN401 - paths, for engines that want them
        ) -> None:
            progress.cells = list(nb_man.nb.cells)  # papermill adds some to say that one failed
            config = Config({"KernelManager": _transport(progress.sockets)})
            Client(
                nb_man,
                kernel_name=kernel_name,
                kernel_manager_class=_KernelManager,
                startup_timeout=start_timeout,
                iopub_timeout=LAST_OUTPUT_SECONDS,
                log_output=log_output,
                config=config,
            ).execute()

    return Engine


def _transport(directory: str) -> dict[str, str]:
    # TCP would do, but anybody on this machine can listen to what a kernel publishes on a port.
    if len(directory) > SOCKET_DIRECTORY_LIMIT:
        return {"transport": "tcp"}
    return {"transport": "ipc", "ip": str(Path(tempfile.mkdtemp(dir=directory), "kernel"))}


def _failure(error: PapermillExecutionError, cells: list[Any], notebook: str) -> dict[str, Any]:
    if error.ename == "SystemExit":
        is_number = error.evalue.lstrip("-").isdigit()
        return {"event": "exited", "exit_code": int(error.evalue) & 0xFF if is_number else 1}
    if error.ename == "TaskError":  # the launcher's own: its message says all
        return _failed(error.evalue[:SENTENCE_CHARACTERS])
    # A kernel knows cells by the order of their execution.
    numbers = {cell.get("execution_count"): number for number, cell in enumerate(cells, start=1)}
    places: list[str] = []

    def place(match: re.Match[str]) -> str:
        number = numbers.get(int(match.group(1)), len(cells))
        if number == len(cells):
            return "the call of the entry function"
        places.append(f"{notebook}, cell {number}, line {match.group(2)}")
        return places[-1]

    trace = _CELL_LINE.sub(place, _COLOURS.sub("", "\n".join(error.traceback)))
    sys.stdout.write(trace.rstrip() + "\n")
    what = (f"{error.ename}: {error.evalue}" if error.evalue else error.ename)[:SENTENCE_CHARACTERS]
    return _failed(f"{what} ({places[-1]})" if places else what)


def _failed(reason: str) -> dict[str, Any]:
    return {"event": "failed", "reason": reason}
