"""What is told of a magic before it runs is what the launcher's stand-in does with it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.authoring.cell_source import to_python
from airflow_peach.authoring.magic_calls import magic_calls
from airflow_peach.execution.magic_support import magic_support
from airflow_peach.execution.stand_in import Shell

if TYPE_CHECKING:
    from pathlib import Path

# Of IPython's own, and of extensions that notebooks load.
LINES = [
    "alias", "autoreload 2", "bookmark", "cd .", "colors", "conda install x", "config", "debug 1", "dirs", "edit",
    "env A=1", "history", "load_ext autoreload", "logstart", "lprun 1", "ls", "lsmagic", "macro", "mamba list",
    "matplotlib inline", "memit 1", "notebook", "pdb", "pip install numpy", "pip list", "precision", "prun 1", "pwd",
    "pylab", "rehashx", "reload_ext x", "reset -f", "run other.py", "save", "set_env A 1", "sql select 1", "store -r x",
    "sx ls", "system ls", "time 1", "timeit 1", "unalias", "uv add x", "who", "whos", "xmode Plain",
]  # fmt: skip
CELLS = [
    "bash", "bigquery", "capture", "cython", "file {tmp}/a", "html", "HTML", "javascript", "js", "latex", "markdown",
    "perl", "prun", "python", "python3", "ruby", "script bash", "sh", "sql", "svg", "time", "timeit",
    "writefile {tmp}/b",
]  # fmt: skip
SHELL = [
    "!true",
    "!pip install numpy",
    "!conda install -y x",
    "a = !true",
    "a = !python -m pip install x",
    "!uv pip install y",
]


def told(source: str) -> list[str]:
    tree = ast.parse(to_python(source))
    faults = (magic_support().fault(call) for call in magic_calls(tree))
    return [fault[0] for fault in faults if fault is not None]


def happens(source: str) -> list[str]:
    """Run the cell with the stand-in; return why it fails."""
    namespace: dict[str, Any] = {}
    shell = Shell(namespace, note=lambda _: None, error=RuntimeError)
    namespace["get_ipython"] = lambda: shell
    try:
        exec(compile(to_python(source), "cell", "exec"), namespace)  # noqa: S102 - what the launcher does
    except RuntimeError as error:
        return [str(error)]
    return []


@pytest.mark.parametrize("source", [*(f"%{line}" for line in LINES), *SHELL])
def test_lines(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert bool(told(source)) == bool(happens(source))


@pytest.mark.parametrize("line", CELLS)
def test_cells(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = f"%%{line.format(tmp=tmp_path)}\n1\n" if "sh" not in line else f"%%{line}\ntrue\n"

    assert bool(told(source)) == bool(happens(source))


def test_what_is_told() -> None:
    assert told("%pip install numpy\n!conda install x\n") == [
        "'%pip install numpy' installs packages, which a task cannot",
        "'!conda install x' installs packages, which a task cannot",
    ]
    assert told("%%sql\nselect 1\n") == ["the magic %%sql is not available in a task that runs a single cell"]
    assert told("def f():\n    get_ipython().run_line_magic('sql', '')\nif x:\n    %sql\n") == []
