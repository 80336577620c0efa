"""The driver: runs a whole notebook, in a kernel of the organisation's environment.

A script for the platform's interpreter, which has papermill, under the same guard and in the same sandbox as a
launcher. It reads and tells what the launcher does (see ``launcher.py``); its specification has besides:
``launcher``, ``notebook_run`` and ``kernel_output`` (paths of its companions), ``library`` (directories to import
papermill from), ``python`` (the kernel's interpreter), ``scratch``, ``sockets`` (directory for the kernel's sockets)
and ``executed`` (where the notebook with its outputs is written, cell by cell).
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

SPECIFICATION_FD = 3
KERNEL = "peach"


def main() -> None:
    """Do what the specification says, then end with 0, 1, or the exit code the task asked for."""
    with os.fdopen(SPECIFICATION_FD, "rb") as file:
        specification = json.loads(file.read())
    launcher = _load(specification["launcher"], "peach_launcher")
    tell = launcher.news()
    tell(event="started")
    # Behind our own: papermill may be installed where -I does not look (a user's site-packages).
    sys.path.extend(path for path in specification["library"] if path not in sys.path)
    _describe_kernel(Path(specification["scratch"]), specification["python"])
    _lead_output(specification["kernel_output"], launcher.RESULT_MIME_TYPE)
    notebook_run = _load(specification["notebook_run"], "peach_notebook_run")
    end = notebook_run.run(specification, kernel=KERNEL, result_mime_type=launcher.RESULT_MIME_TYPE)
    sys.stdout.flush()
    tell(**end)
    sys.exit({"returned": 0, "failed": 1}.get(end["event"], end.get("exit_code")))


def _describe_kernel(scratch: Path, python: str) -> None:
    # A kernel of another environment needs no installation, only a description where Jupyter looks for one.
    jupyter = scratch / "jupyter"
    directory = jupyter / "kernels" / KERNEL
    directory.mkdir(parents=True)
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    description = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (directory / "kernel.json").write_text(json.dumps(description), encoding="utf-8")
    os.environ["JUPYTER_PATH"] = str(jupyter)
    os.environ["JUPYTER_RUNTIME_DIR"] = str(jupyter / "runtime")
    os.environ["JUPYTER_CONFIG_DIR"] = str(jupyter / "config")
    os.environ["IPYTHONDIR"] = str(jupyter / "ipython")
    # The kernel sets its own: figures become outputs, which are kept in the notebook.
    os.environ.pop("MPLBACKEND", None)


def _lead_output(kernel_output: str, result_mime_type: str) -> None:
    # What a kernel runs before the first cell; no name of ours is left in its namespace.
    startup = Path(os.environ["IPYTHONDIR"], "profile_default", "startup")
    startup.mkdir(parents=True)
    line = f"__import__('runpy').run_path({kernel_output!r})['install'](get_ipython(), {result_mime_type!r})\n"
    (startup / "peach.py").write_text(line, encoding="utf-8")


def _load(path: str, name: str) -> Any:  # noqa: ANN401 - a module
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
