"""Our reading of Python's scopes against the compiler's own: ``symtable``."""

from __future__ import annotations

import ast
import os
import symtable
import sysconfig
from pathlib import Path

import pytest

from airflow_peach.authoring.cell_source import parse
from airflow_peach.authoring.scopes import Collector, Scope

STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"])
SHAPES = [
    "def f(a, *b, c=d, **e):\n    return a, b, c, e, g\n",
    "class A(B, metaclass=M):\n    x = 1\n    y = x\n    def m(self): return x, y_, __class__\n",
    "a = [x for x in xs if x > y]\nb = {k: v for k, v in zs}\nc = (i for j in js for i in j)\n",
    "def f():\n    global g\n    g = h\n    def inner():\n        a = g\n        return a, k\n    return inner\n",
    "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = y\n    return g, x\n",
    "if (n := len(a)) > 10:\n    print(n)\nz = [m := 1, m]\n",
    "try:\n    f()\nexcept ValueError as error:\n    print(error)\nfinally:\n    g()\n",
    "with open(p) as file, q as (a, b):\n    print(file, a, b)\n",
    "match v:\n    case {'a': x, **rest}: print(x, rest)\n    case [y, *ys] if y > z: print(ys)\n",
    "match v:\n    case C(d=e) as f: print(e, f)\n    case _: pass\n",
    "import a.b, c.d as e\nfrom f import g as h, i\n",
    "f = lambda x, y=z: x + y + w\n",
    "async def f():\n    async with a as b:\n        async for c in b:\n            yield c, d\n",
    "for i, (j, *k) in x:\n    pass\nelse:\n    print(i, j, k)\n",
    "x: int = y\nz: str\n",
    "del a.b, c[d]\n",
    "print(f'{a} {b!r:>{c}}')\n",
]


def global_references(table: symtable.SymbolTable) -> set[str]:
    """Return the names that this scope and those in it take from the module."""
    found = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced() and symbol.is_global()}
    return found.union(*(global_references(child) for child in table.get_children()))


def compare(source: str) -> None:
    table = symtable.symtable(source, "cell", "exec")
    own = table.get_symbols()
    bound = {symbol.get_name() for symbol in own if symbol.is_assigned() or symbol.is_imported()}
    used = {symbol.get_name() for symbol in own if symbol.is_referenced()}
    used = used.union(*(global_references(child) for child in table.get_children()))
    scope = Scope(lenient=False)
    Collector(scope).visit(ast.parse(source))
    ours = {use.name for use in scope.uses} | {use.name for each in scope.deferred for use in each.uses}
    # No references to the compiler: `x += 1`, `del x`, and what a class looks up before it binds it itself.
    augmented = {
        node.target.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    } | {
        node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del)
    }
    for each in table.get_children():
        if each.get_type() == "class":
            augmented |= {one.get_name() for one in each.get_symbols() if one.is_referenced() and one.is_assigned()}
    annotated = {
        node.target.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AnnAssign) and node.value is None and isinstance(node.target, ast.Name)
    }
    declared = {name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Global) for name in node.names}

    assert ours - augmented <= used
    assert bound - annotated - {"*"} <= scope.binds | scope.module_binds
    assert scope.binds - {"*"} <= bound | declared


@pytest.mark.parametrize("source", SHAPES)
def test_shapes(source: str) -> None:
    compare(source)


def test_the_standard_library() -> None:
    """With ``PEACH_TEST_MODULES=all`` every module of it, four times as long."""
    compared = 0
    files = sorted(STANDARD_LIBRARY.glob("*.py"))
    for file in files if os.environ.get("PEACH_TEST_MODULES") == "all" else files[::4]:
        source = file.read_text(encoding="utf-8")
        # Annotations that are not looked up are references to the compiler all the same, and the other way round.
        if "from __future__ import annotations" not in source and isinstance(parse(source), ast.Module):
            compare(source)
            compared += 1

    assert compared > 30
