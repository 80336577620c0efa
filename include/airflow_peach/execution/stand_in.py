"""What IPython gives to the code of a cell, as far as a task outside a kernel can have it.

Loaded by the launcher from its path: standard library only, Python 3.8 or newer. IPython's own transformer has
turned the magics into calls of ``get_ipython()``; they arrive here.
"""

# pathlib is not imported for each task.
# ruff: noqa: PTH109, PTH111, PTH123

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

# As in launcher.py: `typing` takes long to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Of use to somebody who looks at a screen; a task does without.
IGNORED = {
    "autoreload", "autosave", "colors", "config", "load_ext", "matplotlib", "notebook", "pinfo", "pinfo2",
    "precision", "pylab", "reload_ext", "unload_ext", "who", "whos", "xmode", "html", "HTML", "javascript",
    "js", "latex", "markdown", "svg",
}  # fmt: skip
RUNS_ITS_LINE = {"time", "timeit", "prun", "memit", "mprun", "lprun", "debug"}
RUNS_ITS_CELL = {*RUNS_ITS_LINE, "capture", "python", "python3"}
SHELLS = {"bash", "sh", "system", "sx", "!"}
INSTALLERS = {"pip", "conda", "mamba", "micromamba", "uv"}
INSTALLING = re.compile(
    r"^\s*(?:sudo\s+)?(?:\S*python[\d.]*\s+-m\s+)?(?:pip[\d.]*|conda|mamba|micromamba|uv(?:\s+pip)?)\s+(?:install|add)\b"
)
EXPANDED = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|\$(\w+)")


class Shell:
    """Stands in for ``get_ipython()``.

    Args:
        namespace: of the cells.
        note: takes what is to be said in the log.
        error: raised with a reason when the task asks for what it cannot have.
    """

    def __init__(self, namespace: dict[str, Any], note: Callable[[str], None], error: type[Exception]) -> None:
        self.user_ns = namespace
        self._note = note
        self._error = error

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Say what is missing, and what to do."""
        raise AttributeError(
            f"get_ipython().{name} is not available in a task that runs a single cell; "
            "set full_notebook: true to run in a kernel"
        )

    def run_line_magic(self, name: str, line: str, _stack_depth: int = 1) -> Any:  # noqa: ANN401
        """Do what ``%name line`` can mean in a task."""
        if name in RUNS_ITS_LINE:
            return self._timed(line)
        if name in INSTALLERS:
            raise self._not_here(f"%{name} {line}")
        if name in ("env", "set_env") and line:
            key, _, value = line.partition("=") if "=" in line else line.partition(" ")
            os.environ[key.strip()] = value.strip()
            return None
        if name == "cd":
            os.chdir(os.path.expanduser(line.strip() or "~"))
            return None
        if name == "pwd":
            return os.getcwd()
        if name in SHELLS:
            return self.getoutput(line)
        return self._without("%" + name, name)

    def run_cell_magic(self, name: str, line: str, cell: str) -> Any:  # noqa: ANN401
        """Do what ``%%name line`` can mean in a task."""
        if name in RUNS_ITS_CELL:
            return self._timed(cell)
        if name in SHELLS or (name == "script" and line):
            command = [line] if name == "script" else ["bash" if name == "bash" else "sh"]
            subprocess.run([*command[0].split()], input=cell.encode(), check=True)
            return None
        if name in ("writefile", "file"):
            with open(line.strip(), "w", encoding="utf-8") as file:
                file.write(cell)
            return None
        return self._without("%%" + name, name)

    def magic(self, text: str) -> Any:  # noqa: ANN401
        """Run a magic the old way."""
        name, _, line = text.lstrip("%").partition(" ")
        return self.run_line_magic(name, line)

    def system(self, command: str) -> None:
        """Do ``!command``: its output goes to the log; like IPython, fail for nothing but ``_exit_code``."""
        if INSTALLING.match(command):
            raise self._not_here("!" + command)
        sys.stdout.flush()
        ended = subprocess.run(self._expand(command), shell=True, check=False)  # noqa: S602 - what ! means
        self.user_ns["_exit_code"] = ended.returncode
        if ended.returncode:
            self._note(f"!{command}: exit code {ended.returncode}")

    def getoutput(self, command: str, *_: Any, **__: Any) -> list[str]:  # noqa: ANN401 - IPython's signature
        """Do ``lines = !command``."""
        if INSTALLING.match(command):
            raise self._not_here("!" + command)
        ended = subprocess.run(  # noqa: S602 - what ! means
            self._expand(command), shell=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return ended.stdout.decode("utf-8", "replace").splitlines()

    def _timed(self, source: str) -> Any:  # noqa: ANN401
        begin = time.perf_counter()
        try:
            try:
                code = compile(source.strip(), "<magic>", "eval")
            except SyntaxError:
                code = compile(source, "<magic>", "exec")
            return eval(code, self.user_ns)  # noqa: S307 - running the author's code is what this is for
        finally:
            self._note(f"took {time.perf_counter() - begin:.3g} s")

    def _without(self, shown: str, name: str) -> None:
        if name not in IGNORED:
            raise self._error(
                f"the magic {shown} is not available in a task that runs a single cell; "
                "write it in Python, or set full_notebook: true to run in a kernel"
            )
        self._note(f"{shown} is ignored in a task")

    def _not_here(self, shown: str) -> Exception:
        return self._error(
            f"'{shown.strip()}': a task cannot install packages; put it in the dependencies of the configuration file"
        )

    def _expand(self, command: str) -> str:
        def value(match: re.Match[str]) -> str:
            if match.group(0) in ("{{", "}}"):
                return match.group(0)[0]
            try:
                return str(eval(match.group(1) or match.group(2), self.user_ns))  # noqa: S307 - as IPython
            except Exception:  # noqa: BLE001 - like IPython: what is no expression of Python's is the shell's
                return match.group(0)

        return EXPANDED.sub(value, command)
