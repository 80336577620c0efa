"""Which names a cell needs from others: by examples, and by running real code cell by cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from airflow_peach.authoring.cell_source import parse, to_python
from airflow_peach.authoring.free_names import cell_names
from airflow_peach.execution.magic_support import magic_support

NEEDED = {
    "a module imported elsewhere": ("def task():\n    return np.zeros(3)\n", {"np": 2}),
    "a top level that needs a name": ("x = df.mean()\ndef task():\n    return x\n", {"df": 1}),
    "used before it is bound": ("df = df.dropna()\ndef task():\n    return df\n", {"df": 1}),
    "augmented": ("total += 1\ndef task():\n    return total\n", {"total": 1}),
    "through another function": ("def helper():\n    return model\n\ndef task():\n    return helper()\n", {"model": 2}),
    "through a method": (
        "class A:\n    def run(self):\n        return model\n\ndef task():\n    return A().run()\n",
        {"model": 3},
    ),
    "a default": ("def task(n=SIZE):\n    return n\n", {"SIZE": 1}),
    "a decorator": ("@retry(3)\ndef task():\n    pass\n", {"retry": 1}),
    "a base class": ("class A(Base):\n    pass\n\ndef task():\n    return A()\n", {"Base": 1}),
    "a comprehension": ("def task():\n    return [f(x) for x in items]\n", {"items": 2, "f": 2}),
    "a lambda that is called": ("key = lambda x: x.rank + base\ndef task():\n    return key(1)\n", {"base": 1}),
    "a timed line": ("%time y = f(1)\ndef task():\n    return y\n", {"f": 1}),
    "the cell's own function, in a loop": ("for i in range(n):\n    x = i\ndef task():\n    return x\n", {"n": 1}),
    "a conditional expression": ("def task():\n    return a if b else c\n", {"b": 2, "a": 2, "c": 2}),
    "an f-string": ("def task():\n    return f'{a:{b}}'\n", {"a": 2, "b": 2}),
    "global in another function": (
        "def task():\n    global count\n    count = start\n    return count\n",
        {"start": 3},
    ),
}
NOTHING = {
    "builtins": "def task():\n    print(len([1]), __name__, display, get_ipython)\n",
    "parameters": "def task(a, *b, c=1, **d):\n    return a, b, c, d\n",
    "imports in the function": "def task():\n    import numpy as np\n    return np\n",
    "a star": "from numpy import *\ndef task():\n    return zeros(3)\n",
    "a function nobody calls": "def plot():\n    return plt.show()\n\ndef task():\n    return 1\n",
    "a method nobody calls": "class A:\n    def plot(self):\n        return plt\n\ndef task():\n    return A()\n",
    "a lambda nobody calls": "show = lambda: plt\ndef task():\n    return 1\n",
    "a name that may be missing": "try:\n    df\nexcept NameError:\n    df = 1\ndef task():\n    return df\n",
    "the same in a function": "def task():\n    try:\n        return df\n    except NameError:\n        return 1\n",
    "a guard": "if 'df' in globals():\n    print(df)\ndef task():\n    return 1\n",
    "made by exec": "exec('x = 1')\ndef task():\n    return x\n",
    "made by a magic that cannot be seen": "get_ipython().run_line_magic(name, 'x')\ndef task():\n    return x\n",
    "bound by a timed line": "%time x = 1\ndef task():\n    return x\n",
    "bound by a timed cell": "%%time\nx = 1\ndef task():\n    return x\n",
    "bound by a shell": "files = !ls\ndef task():\n    return files\n",
    "bound later": "def task():\n    return later\nlater = 1\n",
    "bound in a branch": "if 1 > 2:\n    x = 1\ndef task():\n    return x\n",
    "bound by global": "def task():\n    init()\n    return x\n\ndef init():\n    global x\n    x = 1\n",
    "bound in a loop's last round": "for i in (1, 2):\n    if i > 1:\n        print(x)\n    x = i\ndef task(): pass\n",
    "an except clause's name": "def task():\n    try:\n        pass\n    except ValueError as e:\n        print(e)\n",
    "a walrus": "def task():\n    if (n := 3) > 2:\n        return n\n",
    "only for type checkers": "import typing\nif typing.TYPE_CHECKING:\n    x: Frame = f()\ndef task(): pass\n",
    "annotations that are not looked up": (
        "from __future__ import annotations\ndef task(df: pd.DataFrame) -> pd.Series:\n    return df\n"
    ),
    "an error that may never be": (
        "import os\ntry:\n    os.getcwd()\nexcept OSError:\n    log.error(x)\n"
        "def task():\n    try:\n        return 1\n    except OSError as error:\n        log.error(error)\n"
    ),
    "what is said of a failure": "assert 1, df\ndef task():\n    assert 1, df\n",
    "never in the function": "import typing\ndef task():\n    if typing.TYPE_CHECKING:\n        x: Frame = df\n",
    "the other side of always": "if not False: x = 1\nelse: x = df\ndef task():\n    while 0:\n        df()\n",
    "never": "if False:\n    df.plot()\ndef task(): pass\n",
    "a nested function": "def task():\n    x = 1\n    def f():\n        return x\n    return f()\n",
    "a class body": "class A:\n    x = 1\n    y = x + 1\n    z = [x for x in range(3)]\n\ndef task(): return A\n",
    "super": "class A:\n    def __init__(self):\n        super().__init__()\n        self.c = __class__\n\ntask = A\n",
    "a match": "def task(v):\n    match v:\n        case {'a': x, **rest}:\n            return x, rest\n",
    "the kernel's names": "def task():\n    return _, In, Out\n",
}


def needed(source: str) -> dict[str, int]:
    tree = parse(to_python(source))
    assert not isinstance(tree, SyntaxError)
    return cell_names(tree, "task", magic_support()).needed


@pytest.mark.parametrize(("source", "expected"), NEEDED.values(), ids=NEEDED)
def test_what_is_needed(source: str, expected: dict[str, int]) -> None:
    assert needed(source) == expected


@pytest.mark.parametrize("source", NOTHING.values(), ids=NOTHING)
def test_nothing_is_needed(source: str) -> None:
    assert needed(source) == {}


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="annotations are looked up when somebody asks for them")
def test_annotations_are_looked_up() -> None:
    assert needed("def task(df: pd.DataFrame):\n    return df\n") == {"pd": 1}


# Runs in a process of its own: it executes the standard library, one cell for each statement, twice.
ORACLE = textwrap.dedent(
    """
    import ast, builtins, io, contextlib, json, sys, warnings
    from pathlib import Path
    from airflow_peach.authoring.free_names import cell_names
    from airflow_peach.authoring.cell_source import parse
    from airflow_peach.execution.magic_support import magic_support

    warnings.simplefilter("ignore")
    magics = magic_support()
    wrong, cells, missing = [], 0, 0
    for file in sys.argv[1:]:
        source = Path(file).read_text(encoding="utf-8")
        whole = {"__name__": "cells", "__file__": file}
        for statement in ast.parse(source).body:
            cell = ast.unparse(statement)
            tree = parse(cell)
            names = cell_names(tree, "", magics)
            alone, said = {"__name__": "cells", "__file__": file}, ""
            try:
                exec(compile(cell, file, "exec"), alone)
            except NameError as error:
                said = error.name or ""
            except BaseException:
                said = "?"
            if isinstance(statement, (ast.If, ast.Try)) and not said:
                continue  # the branch that lacks something was not taken
            if said and not names.needed and any(isinstance(node, ast.Try) for node in ast.walk(statement)):
                continue  # what is done about errors is not looked at
            if said != "?":
                cells += 1
                missing += bool(said)
                if bool(said) != bool(names.needed) and not names.opaque:
                    wrong.append([file, cell[:200], said, names.needed])
                elif said and not names.opaque and said not in names.needed:
                    wrong.append([file, cell[:200], said, names.needed])
    print(json.dumps({"wrong": wrong, "cells": cells, "missing": missing}))
    """
)
# Those that do something to the process, or to the machine, when they are executed.
LEFT_OUT = {"antigravity", "this", "site", "threading", "signal", "turtle", "webbrowser", "sre_compile"}


def test_the_standard_library_cell_by_cell(tmp_path: Path) -> None:
    """Each statement alone: it fails for want of a name exactly when we say so, and for want of that name.

    ``PEACH_TEST_MODULES=all`` takes every module of the library, four times as long.
    """
    library = Path(os.__file__).parent
    files = sorted(file for file in library.glob("*.py") if file.stem not in LEFT_OUT)
    files = files if os.environ.get("PEACH_TEST_MODULES") == "all" else files[::4]
    done = subprocess.run(
        [sys.executable, "-c", ORACLE, *map(str, files)],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    told = json.loads(done.stdout.splitlines()[-1])

    assert told["wrong"] == []
    assert told["cells"] > 700
    assert told["missing"] > 200
