from __future__ import annotations

import ast
import gc
import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from airflow_peach.authoring.notebooks import NOTEBOOK_LIMIT_BYTES, NotebookError, read_cells

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT_3 = {
    "metadata": {"name": "old"},
    "nbformat": 3,
    "nbformat_minor": 0,
    "worksheets": [
        {
            "cells": [
                {"cell_type": "heading", "level": 1, "metadata": {}, "source": ["Title"]},
                {
                    "cell_type": "code",
                    "collapsed": False,
                    "input": ["import os\n", "def task():\n", "    return 1"],
                    "language": "python",
                    "metadata": {},
                    "outputs": [],
                    "prompt_number": 1,
                },
                {"cell_type": "markdown", "metadata": {}, "source": ["text"]},
                {"cell_type": "code", "input": "x = 2", "language": "python", "metadata": {}, "outputs": []},
            ]
        }
    ],
}


def error(content: bytes, path: str = "notebooks/a.ipynb") -> str:
    with pytest.raises(NotebookError) as caught:
        read_cells(content, path)
    return str(caught.value)


def reads(text: str) -> Any:
    read: Callable[..., Any] = nbformat.reads
    return read(text, as_version=4)


def as_bytes(**changes: Any) -> bytes:
    return json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **changes}).encode()


def test_code_cells_keep_their_number_among_all_cells(notebook: Callable[..., bytes]) -> None:
    cells = read_cells(notebook("import os\nx = 1", "y = 2"), "a.ipynb")
    assert [(cell.number, cell.source) for cell in cells] == [(2, "import os\nx = 1"), (3, "y = 2")]


def test_format_3_is_read_as_nbformat_upgrades_it(caplog: pytest.LogCaptureFixture) -> None:
    content = json.dumps(FORMAT_3)
    caplog.set_level(logging.CRITICAL)
    upgraded = reads(content)
    expected = [(n, c.source) for n, c in enumerate(upgraded.cells, start=1) if c.cell_type == "code"]
    assert [(cell.number, cell.source) for cell in read_cells(content.encode(), "a.ipynb")] == expected
    assert [number for number, _ in expected] == [2, 4]


def test_format_4_is_read_as_nbformat_reads_it(notebook: Callable[..., bytes]) -> None:
    content = notebook("a = 1\n\nb = 2\n", "", "%matplotlib inline\nc = 'é'")
    expected = [
        (number, cell.source)
        for number, cell in enumerate(reads(content.decode()).cells, start=1)
        if cell.cell_type == "code"
    ]
    assert [(cell.number, cell.source) for cell in read_cells(content, "a.ipynb")] == expected


def test_malformed_cells_do_not_hide_the_others() -> None:
    cells = [None, {"cell_type": "code"}, {"cell_type": "code", "source": ["x = 1", 3]}, {"source": "y"}, 7]
    assert [(c.number, c.source) for c in read_cells(as_bytes(cells=cells, metadata=3), "a.ipynb")] == [
        (2, ""),
        (3, "x = 1"),
    ]


@pytest.mark.parametrize("changes", [{"cells": None}, {"cells": {}}, {"nbformat": 3, "worksheets": [3]}])
def test_a_notebook_without_cells_has_none(changes: dict[str, Any]) -> None:
    assert read_cells(as_bytes(**changes), "a.ipynb") == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'{\n "cells": [\n  {"a": 1,}\n ]\n}',
            (
                "notebooks/a.ipynb:3:11: not a notebook: not JSON: Expecting property name enclosed in double quotes; "
                "open it in Jupyter and save it again"
            ),
        ),
        (b"", "notebooks/a.ipynb: not a notebook: the file is empty; save the notebook and commit it"),
        (
            b'{\n<<<<<<< HEAD\n "cells": []\n=======\n>>>>>>> other\n}',
            "notebooks/a.ipynb:2: a merge conflict stands in it; resolve it and commit",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
            "notebooks/a.ipynb: a pointer of Git LFS, not the file; commit the file itself to git",
        ),
        (b"{\n\xff}", "notebooks/a.ipynb:2: not a notebook: not UTF-8; open it in Jupyter and save it again"),
        (
            b"[1]",
            "notebooks/a.ipynb: JSON, but not a notebook: it has no 'nbformat'; open it in Jupyter and save it again",
        ),
        (
            b'{"nbformat": "4"}',
            (
                "notebooks/a.ipynb: JSON, but not a notebook: its 'nbformat' is \"4\", no number; "
                "open it in Jupyter and save it again"
            ),
        ),
        (
            as_bytes(nbformat=2),
            "notebooks/a.ipynb: notebook format 2 is too old; open it in Jupyter and save it again",
        ),
        (
            as_bytes(nbformat=5),
            "notebooks/a.ipynb: notebook format 5 is newer than 4, the newest that is read; save it in format 4",
        ),
        (
            as_bytes(metadata={"kernelspec": {"name": "ir", "language": "R"}}),
            "notebooks/a.ipynb: a notebook in 'R', not Python; write the task in Python",
        ),
        (
            as_bytes(metadata={"language_info": {"name": "julia"}}),
            "notebooks/a.ipynb: a notebook in 'julia', not Python; write the task in Python",
        ),
        (
            b" " * (NOTEBOOK_LIMIT_BYTES + 1),
            "notebooks/a.ipynb: has 20,971,521 bytes, and 20,971,520 are read; clear its outputs and save it",
        ),
    ],
)
def test_what_is_no_notebook_says_what_to_do(content: bytes, message: str) -> None:
    assert error(content) == message


def test_there_is_a_limit_to_code_too(notebook: Callable[..., bytes]) -> None:
    message = "has 500,001 characters of code, and 500,000 are read; keep data in a file beside it"
    assert error(notebook("#" * 250_000, "#" * 250_001)) == f"notebooks/a.ipynb: {message}"
    assert error(b"#" * 500_001, "a.py") == f"a.py: {message}"


def test_json_nested_too_deep_or_with_endless_numbers_is_an_error_not_a_crash() -> None:
    assert error(b"[" * 200_000).startswith("notebooks/a.ipynb: not a notebook: ")
    assert error(b"[" + b"9" * 5000 + b"]").startswith("notebooks/a.ipynb: not a notebook: ")


@pytest.mark.parametrize("language", ["python", "Python", "ipython"])
def test_python_goes_by_several_names(language: str) -> None:
    assert read_cells(as_bytes(metadata={"kernelspec": {"language": language}}), "a.ipynb") == ()


def test_a_python_file_is_one_cell_without_magics() -> None:
    (cell,) = read_cells("# coding: latin-1\nx = 'é'\r\n".encode("latin-1"), "tasks/a.py")
    assert cell.source == "# coding: latin-1\nx = 'é'\n"
    assert cell.is_module
    (magic,) = read_cells(b"%time x", "a.py")
    assert isinstance(magic.bindings, SyntaxError)


def test_a_cell_keeps_what_it_binds_and_not_its_tree() -> None:
    def trees() -> int:
        gc.collect()
        return sum(issubclass(type(each), ast.AST) for each in gc.get_objects())  # isinstance asks proxies, too

    before = trees()
    (cell,) = read_cells(b"x = f(1)\n" * 1000, "a.py")
    assert isinstance(cell.bindings, tuple)
    assert len(cell.bindings) == 1000
    assert trees() == before


@pytest.mark.parametrize("count", [300, 900, 3000])
def test_a_cell_nested_too_deep_is_an_error_not_a_crash(count: int) -> None:
    (cell,) = read_cells(b"if x: pass\n" + b"elif x: pass\n" * count, "a.py")
    assert cell.bindings == () or isinstance(cell.bindings, SyntaxError)


@pytest.mark.parametrize("content", [b"x = '\xff'", b"# coding: klingon\n"])
def test_a_python_file_that_is_no_text(content: bytes) -> None:
    message = error(content, "a.py")
    assert message.startswith("a.py: not a text that Python can read: ")
    assert message.endswith("; save it as UTF-8")


def test_reading_plain_notebooks_imports_neither_ipython_nor_nbformat(notebook: Callable[..., bytes]) -> None:
    program = (
        "import sys\n"
        "from airflow_peach.authoring.entry_function import extract\n"
        "extract(sys.stdin.buffer.read(), 'a.ipynb', 'task', False)\n"
        "print([name for name in ('IPython', 'nbformat', 'jsonschema') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=notebook("def task(): pass"),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.decode().strip() == "[]"
