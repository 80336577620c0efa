from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from airflow_peach.authoring.entry_function import (
    EntryFunctionError,
    check_arguments,
    extract,
    find_entry_function,
)
from airflow_peach.authoring.notebooks import Cell

if TYPE_CHECKING:
    from collections.abc import Callable


def cells(*sources: str) -> list[Cell]:
    return [Cell(number, source) for number, source in enumerate(sources, start=1)]


@pytest.mark.parametrize(
    "source",
    [
        "def task(): pass",
        "async def task(): pass",
        "@retry(3)\ndef task(): pass",
        "task = partial(run, 3)",
        "first = task = make()",
        "task: Callable = make()",
        "task, other = make()",
        "(other, [task]) = a, [b]",
        "task = lambda: 1",
        "print(task := make())",
        "class task: pass",
        "from tasks import task",
        "from tasks import run as task",
        "if True:\n    def task(): pass",
        "if x:\n    y = 1\nelse:\n    def task(): pass",
        "try:\n    from fast import task\nexcept ImportError:\n    def task(): pass",
        "try:\n    pass\nfinally:\n    def task(): pass",
        "with a:\n    def task(): pass",
        "for x in y:\n    def task(): pass",
        "while x:\n    task = make()",
        "match x:\n    case 1:\n        def task(): pass",
        "%matplotlib inline\n!pip list\ndef task(): pass",
        "%%time\ndef task(): pass",
        "%time task = make()",
        "def make():\n    global task\n    task = partial(run)\nmake()",
        "if False:\n    pass\nelse:\n    def task(): pass",
    ],
)
def test_what_defines_an_entry_function(source: str) -> None:
    assert find_entry_function(cells("x = 1", source), "task").cell.number == 2


@pytest.mark.parametrize(
    "source",
    [
        "def other():\n    def task(): pass",
        "class A:\n    def task(self): pass",
        "def other(x=lambda: (task := 1)): pass",
        "task()",
        "task.attribute = make()",
        "import task",
        "task: Callable",
        "task = None",
        "task = 'text'",
        "task, other = 1, make()",
        "task = [make]",
        "%%bash\ndef task(): pass",
        "%%writefile task.py\ndef task(): pass",
        "# def task(): pass",
        "def task(: pass",
        "def task(): pass\ndel task",
        "def make():\n    global task\n    task = partial(run)",
        "if TYPE_CHECKING:\n    from tasks import task",
        "while not True:\n    def task(): pass",
        "task = 1 + x",
        "task = -x",
        "task = 'a' if x else None",
    ],
)
def test_what_does_not(source: str) -> None:
    with pytest.raises(EntryFunctionError):
        find_entry_function(cells(source), "task")


def test_the_last_definition_counts_as_in_a_kernel() -> None:
    notebook = cells("def task(): pass", "def task(user): pass", "task = None", "task()")
    entry = find_entry_function(notebook, "task")
    assert entry.cell.number == 2
    assert check_arguments(entry, []) != []
    assert find_entry_function(cells("def task(): pass\n\ntask = wrap(task)"), "task").line == 3


def test_which_of_two_branches_defines_it_is_not_known() -> None:
    entry = find_entry_function(
        cells("try:\n    from fast import task\nexcept ImportError:\n    def task(a): pass"), "task"
    )
    assert check_arguments(entry, ["b"]) == []
    entry = find_entry_function(cells("if x:\n    def task(a): pass\nelse:\n    def task(a): pass"), "task")
    assert check_arguments(entry, ["b"]) != []


def test_a_coroutine_is_known() -> None:
    assert find_entry_function(cells("async def task(): pass"), "task").is_async
    assert not find_entry_function(cells("def task(): pass"), "task").is_async


def test_a_missing_function_lists_what_is_there_nearest_first() -> None:
    notebook = cells("def load(): pass", "def train_modle(): pass\ndef trim(): pass", "X = make()")
    with pytest.raises(EntryFunctionError) as caught:
        find_entry_function(notebook, "train_model", "notebooks/a.ipynb")
    assert str(caught.value) == (
        "entry function 'train_model' not found in notebooks/a.ipynb; did you mean 'train_modle'?; functions "
        "there: train_modle (cell 2), trim (cell 2), load (cell 1)"
    )


def test_many_functions_are_not_all_listed() -> None:
    notebook = cells("\n".join(f"def f{number}(): pass" for number in range(30)))
    with pytest.raises(EntryFunctionError, match="and 20 more"):
        find_entry_function(notebook, "task")


def test_a_broken_cell_is_named_when_the_function_is_not_found() -> None:
    with pytest.raises(EntryFunctionError) as caught:
        find_entry_function(cells("x = 1", "\ndef task(:\n    pass"), "task", "a.ipynb")
    assert str(caught.value) == (
        "entry function 'task' not found in a.ipynb; cell 2 has a syntax error at line 2: invalid syntax; there "
        "are no functions in it"
    )
    assert find_entry_function(cells("def (", "def task(): pass"), "task").cell.number == 2


def test_a_star_import_is_named() -> None:
    with pytest.raises(EntryFunctionError) as caught:
        find_entry_function(cells("from tasks import *"), "task")
    assert caught.value.remedy == "import it by name, not by the '*' in cell 1; there are no functions in it"


def arguments(source: str, *given: str) -> list[str]:
    entry = find_entry_function(cells(source), "task")
    return [f"{cause}; {remedy}" for cause, remedy in check_arguments(entry, given)]


@pytest.mark.parametrize(
    ("source", "given", "faults"),
    [
        ("def task(): pass", [], []),
        ("def task(user, n=3, *, mode, deep=False): pass", ["user", "mode", "deep"], []),
        (
            "def task(user, n=3): pass",
            [],
            ["argument 'user' of task() is missing; add 'user: …' to args, or give the parameter a default"],
        ),
        (
            "def task(*, mode): pass",
            [],
            ["argument 'mode' of task() is missing; add 'mode: …' to args, or give the parameter a default"],
        ),
        (
            "def task(user): pass",
            ["usr"],
            [
                "unexpected argument 'usr' of task(); did you mean 'user'?",
                "argument 'user' of task() is missing; add 'user: …' to args, or give the parameter a default",
            ],
        ),
        ("def task(user=1): pass", ["zz"], ["unexpected argument 'zz' of task(); task() takes user"]),
        ("def task(): pass", ["x"], ["unexpected argument 'x' of task(); task() takes no arguments"]),
        (
            "def task(a, /): pass",
            ["a"],
            [
                (
                    "parameter 'a' of task() is positional-only, and args are given by keyword; remove the '/' from "
                    "the parameters"
                )
            ],
        ),
        (
            "def task(a, /): pass",
            [],
            [
                (
                    "parameter 'a' of task() is positional-only, and args are given by keyword; remove the '/' from "
                    "the parameters"
                )
            ],
        ),
        ("def task(a=1, /): pass", [], []),
        ("def task(a=1, /, **more): pass", ["a"], []),
        ("def task(**more): pass", ["anything"], []),
        (
            "def task(user, **more): pass",
            ["anything"],
            ["argument 'user' of task() is missing; add 'user: …' to args, or give the parameter a default"],
        ),
        ("def task(*rest): pass", [], []),
        ("task = lambda user: 1", ["user"], []),
        ("task = lambda: 1", ["x"], ["unexpected argument 'x' of task(); task() takes no arguments"]),
        ("@wraps(x)\ndef task(): pass", ["x"], []),
        ("task = partial(run)", ["x"], []),
        ("class task: pass", ["x"], []),
    ],
)
def test_arguments_are_checked_as_the_call_would(source: str, given: list[str], faults: list[str]) -> None:
    assert arguments(source, *given) == faults


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("def task(a, b=1, *, c, d=2): pass", ["a", "c"]),
        ("def task(a, b=1, *, c, d=2): pass", ["a"]),
        ("def task(a, b=1, *, c, d=2): pass", ["a", "c", "e"]),
        ("def task(a, /, b): pass", ["a", "b"]),
        ("def task(a, /, b, **c): pass", ["a", "b"]),
        ("def task(a=1, /, *b, c): pass", ["c"]),
        ("def task(a=1, /, **c): pass", ["a", "x"]),
    ],
)
def test_python_agrees(source: str, given: list[str]) -> None:
    namespace: dict[str, Callable[..., object]] = {}
    exec(source, namespace)  # noqa: S102 - our own source, to ask Python itself
    try:
        namespace["task"](**dict.fromkeys(given))
    except TypeError:
        fails = True
    else:
        fails = False
    assert bool(arguments(source, *given)) == fails


def test_only_the_cell_of_the_function_is_extracted(notebook: Callable[..., bytes]) -> None:
    content = notebook("import os", "%cd /\ndef task(): pass", "task()")
    program = extract(content, "notebooks/a.ipynb", "task", full_notebook=False)
    assert json.loads(json.dumps(dataclasses.asdict(program))) == {
        "notebook": "notebooks/a.ipynb",
        "method": "task",
        "full_notebook": False,
        "cells": [
            {
                "number": 3,
                "source": "get_ipython().run_line_magic('cd', '/')\ndef task(): pass\n",
                "name": "notebooks/a.ipynb, cell 3",
            }
        ],
    }


def test_all_code_cells_are_extracted_for_the_full_notebook(notebook: Callable[..., bytes]) -> None:
    content = notebook("import os", "def task(): pass", "x = 1")
    program = extract(content, "a.ipynb", "task", full_notebook=True)
    assert [(cell.number, cell.source) for cell in program.cells] == [
        (2, "import os"),
        (3, "def task(): pass"),
        (4, "x = 1"),
    ]


def test_a_python_file_is_its_own_only_cell() -> None:
    program = extract(b"def task(): pass\n", "tasks/a.py", "task", full_notebook=False)
    assert [(cell.number, cell.name) for cell in program.cells] == [(1, "tasks/a.py")]
    with pytest.raises(EntryFunctionError) as caught:
        extract(b"\n\ndef taks(): pass\n", "tasks/a.py", "task", full_notebook=False)
    assert str(caught.value) == (
        "entry function 'task' not found in tasks/a.py; did you mean 'taks'?; functions there: taks (line 3)"
    )
