from __future__ import annotations

import ast
import inspect
import json.decoder
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from airflow_peach.authoring.cell_source import parse, to_python

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("%matplotlib inline\nx = 1", "get_ipython().run_line_magic('matplotlib', 'inline')\nx = 1\n"),
        ("!pip install numpy\n", "get_ipython().system('pip install numpy')\n"),
        ("files = !ls\n", "files = get_ipython().getoutput('ls')\n"),
        ("task?\n", "get_ipython().run_line_magic('pinfo', 'task')\n"),
        ("%%bash\necho $HOME\n", "get_ipython().run_cell_magic('bash', '', 'echo $HOME\\n')\n"),
        (">>> x = 1\n>>> y = 2\n", "x = 1\ny = 2\n"),
        ("In [1]: x = 1\n", "x = 1\n"),
        ("    x = 1\n    y = 2\n", "x = 1\ny = 2\n"),
        ("%%time\ndef task():\n    return 1\n", "\ndef task():\n    return 1\n"),
        ("\n%%capture out\n!ls\n", "\n\nget_ipython().system('ls')\n"),
        ("def task(:\n", "def task(:\n"),
    ],
)
def test_cells_become_what_a_kernel_executes(source: str, python: str) -> None:
    assert to_python(source) == python


@pytest.mark.parametrize("source", ["\n\n%time x = 1\ny = 2\n", "\n  \n    %cd /\n    y = 2\n"])
def test_lines_keep_their_numbers(source: str) -> None:
    tree = parse(to_python(source))
    assert isinstance(tree, ast.Module)
    assert tree.body[-1].lineno == source.splitlines().index(next(x for x in source.splitlines() if "y" in x)) + 1


def test_what_is_python_already_ipython_would_leave_as_it_is() -> None:
    sources = [
        inspect.getsource(json.decoder),
        inspect.getsource(textwrap),
        'def f():\n    """An example.\n\n    >>> f()\n    1\n    """\n    return 1\n',
        "x = 7 % 3\ny = '!ls'\nz = x != 2\nprint('%d' % x)\n",
        "await asyncio.sleep(1)\n",
    ]
    manager: Callable[[], Any] = TransformerManager
    for source in sources:
        assert to_python(source) == source
        assert manager().transform_cell(source) == source


def test_the_parsers_warnings_do_not_leak() -> None:
    assert isinstance(parse(r"x = '\d'; 1 is 1"), ast.Module)


@pytest.mark.parametrize("source", ["x = '\0'", "(" * 5000, "-" * 100_000 + "1", "def"])
def test_what_cannot_be_parsed_is_a_syntax_error(source: str) -> None:
    assert isinstance(parse(source), SyntaxError)


def test_a_cell_that_cannot_be_transformed_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("IPython.core.inputtransformer2.TRANSFORM_LOOP_LIMIT", 3)
    source = "!ls\n" * 5
    assert to_python(source) == source


def test_nor_is_one_transformed_that_would_take_minutes() -> None:
    source = "!ls\n" * 10_000
    begin = time.process_time()
    assert to_python(source) == source
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "source",
    [
        "\n" * 500_000 + "def",
        "x = (\n" + "\n" * 200_000,
        " \n" * 250_000 + "!ls",
        "?" + "\n" * 100_000 + "def",
        "=" + " " * 400_000 + "\n!ls",
        "%%time\n" + "\n" * 400_000 + "def",
        "%%time\n" * 70_000,
        "\t" * 499_990 + "%%time",
    ],
    ids=range(8),
)
def test_empty_lines_and_spaces_without_end_cost_nothing(source: str) -> None:
    begin = time.process_time()
    to_python(source)
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("line_break", ["\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_line_breaks_that_only_unicode_knows_are_no_warning(line_break: str) -> None:
    # IPython warns of them; as everywhere in the tests, a warning would be an error.
    assert "get_ipython().system('ls')" in to_python(f"x = 1{line_break}y = 2\n!ls\n")
