"""Notebooks in the shapes that are known to matter: what defines ``task``, what does not, and what uses names."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each makes `task` something that can be called.
DEFINE = (
    "def task(): pass",
    "def task(a, b=2, /, c=3, *d, e, f=6, **g): return a",
    "async def task(user, n=1): return user",
    "import functools\n@functools.cache\ndef task(): pass",
    "import contextlib, functools\n@contextlib.contextmanager\n@functools.wraps(print)\ndef task():\n    yield",
    "import functools\ntask = functools.partial(print, 1)",
    "task = lambda user, *, n=1: user",
    "task: object = lambda: 1",
    "task, other = len, 1",
    "other, *[task] = 1, len",
    "first = task = len",
    "print(task := len)",
    "if (task := print):\n    pass",
    "class task:\n    def run(self): pass",
    "class Runner:\n    def __call__(self): return 1\ntask = Runner()",
    "class Runner:\n    @staticmethod\n    def run(): return 1\ntask = Runner.run",
    "from os.path import join as task",
    "from textwrap import dedent as task, indent",
    "if True:\n    def task(x): pass\nelse:\n    def task(): pass",
    "import sys\nif sys.version_info > (3, 0):\n    def task(x): pass",
    "try:\n    from no_such_module_anywhere import task\nexcept ImportError:\n    def task(): pass",
    "try:\n    x = {}['x']\nexcept KeyError:\n    def task(a): pass\nelse:\n    def task(a, b): pass",
    "try:\n    pass\nfinally:\n    def task(a): pass",
    "import contextlib\nwith contextlib.suppress(KeyError):\n    def task(a): pass",
    "for n in range(3):\n    def task(a, n=n): pass",
    "n = 0\nwhile not n:\n    def task(b): pass\n    n = 1\nelse:\n    pass",
    "match 3:\n    case 3:\n        def task(c): pass",
    "%time task = len",
    "%%time\ndef task(d): pass",
    "%%capture out\ndef task(d): pass",
    "%matplotlib inline\n!ls\ndef task(e): pass",
    "files = !ls\ndef task(f): pass",
    "def make():\n    def inner(): pass\n    return inner\ntask = make()",
    "def make():\n    global task\n    def task(g): pass\nmake()",
    "def make():\n    global task\n    task = lambda: 1\nmake()",
    "def task(): pass\ndel task\ndef task(h): pass",
    "def task(i): pass\nraise ValueError('after it')",
    "def task(): pass\ntask = None\ndef task(j): pass",
    "def task(): pass\nimport functools\ntask = functools.partial(task)",
    "In [3]: def task(k): pass",
    ">>> def task(l):\n...     pass",
    "# %%\n\n\ndef task(m):\n    '''%time'''\n",
    "import dataclasses\n@dataclasses.dataclass\nclass task:\n    x: int = 1",
    "def task(): pass\nprint?\ntask??",
    "[task := f for f in (len, print)]",
    "task = sorted if 1 else None",
    "task = {'a': len}['a']",
)
# None of them does, though each has the name in it.
LEAVE = (
    "x = 1",
    "task()",
    "task.attribute = 1",
    "print(task)",
    "task: int",
    "global task",
    "# def task(): pass",
    "'def task(): pass'",
    "def other():\n    def task(): pass\n    return task",
    "def other():\n    task = len\n    return task",
    "def other(task=1): return task",
    "class Other:\n    def task(self): pass",
    "class Other:\n    task = len",
    "x = [task for task in range(3)]",
    "x = lambda task: 1",
    "x = {task: 1 for task in 'ab'}",
    "def task(:",
    "%%bash\ndef task(): pass",
    "%%writefile task.py\ndef task(): pass",
    "%%html\ntask = 1",
    "from math import *",
    "if False:\n    def task(never): pass",
    "if 0:\n    task = len",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tasks import task",
    "while False:\n    task = len",
    "if True:\n    pass\nelse:\n    def task(never): pass",
    "task = None",
    "task = 'text'",
    "task = 1 + 1",
    "task = not 1",
    "task = -1",
    "task = [1, 2]",
    "task, other = 1, 2",
    "task = f'{1}'",
    "task += 1",
    "task = b'' if 1 else 0",
    "del task",
    "def task(gone): pass\ndel task",
    "for task in (1, 2): pass",
    "for i, task in enumerate('ab'): pass",
    "import os as task",
    "import contextlib\nwith contextlib.nullcontext(1) as task: pass",
    "try:\n    1 / 0\nexcept ZeroDivisionError as task: pass",
    "match {'a': 1}:\n    case {'a': task}: pass",
    "raise ValueError('task')",
    "def other():\n    global task\n    def task(never): pass",
    "",
)

_STATEMENTS = (
    "A = 1", "A = B", "A = A", "A, B = B, 1", "A += 1", "print(A, B)", "A: int = 1", "A: int", "A: B = 1", "del A",
    "for A in (1, 2): B = A", "for A in [1]: print(A, B)", "for _ in (1,):\n    print(A)\n    A = 1", "while B:\n    A = B\n    break",
    "with __import__('contextlib').nullcontext(1) as A: B = A", "import os as A", "from os import path as A",
    "if 1: A = 1\nelse: A = B", "if A: B = 1", "try:\n    A\nexcept NameError:\n    A = 1", "try:\n    A = 1\nfinally:\n    B = 2",
    "try:\n    1 / 0\nexcept ZeroDivisionError as A:\n    print(A)", "print(A := 1)", "print([A := x for x in (1, 2)])",
    "print([A for A in (1, 2)])", "print([A for B in (1, 2)])", "print({A: B for A, B in [(1, 2)]})", "print(sum(A for _ in (1,)))",
    "A = lambda x, y=B: x", "A = lambda: B", "A = (lambda: B)()", "def A(x=B): return C", "def A(B): return B", "def A():\n    B = 1\n    return B",
    "def A():\n    global B\n    B = 1", "def A():\n    global B\n    return B", "A()", "A(1)", "def A():\n    def B(): return C\n    return B()",
    "def A():\n    x = 1\n    def inner():\n        nonlocal x\n        x = B\n    inner()", "class A:\n    B = 1\n    C = B", "class A(B): pass",
    "class A:\n    x = B\n    def run(self): return C", "class A:\n    def __init__(self): self.x = B\nA()", "A = [x for x in (1, 2) if x]", "@A\ndef B(): return C",
    "match 1:\n    case A: B = A", "match [1, 2]:\n    case [A, *B]: print(A, B)", "match {'a': 1}:\n    case {'a': A, **B}: print(A)", "%time A = 1", "%time A = B",
    "print(f'{A!r:>{B}}')", "assert A, B", "import os.path, A", "A = __name__", "def A():\n    return B\n    yield", "async def A():\n    return B", "A = await B",
    "def A(*, x: B = 1) -> C: return x", "print(*[A], **{'end': B})", "A = B[C]", "global A\nA = 1", "def A():\n    import os as B\n    return B",
    "def A():\n    for B in (1,): pass\n    return B", "def A():\n    try:\n        return B\n    except NameError:\n        return 1", "def A():\n    with B as C: return C", "def A():\n    del B\n    return 1",
)  # fmt: skip


def definitions(count: int, seed: int = 6) -> Iterator[list[str]]:
    """Yield notebooks in which cells define ``task``, redefine it and do not.

    Args:
        count: how many.
        seed: the same gives the same ones.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    for source in (*DEFINE, *LEAVE):
        yield ["def task(first): pass", source]
        yield [source]
    for _ in range(count):
        yield [chance.choice(chance.choice((DEFINE, LEAVE, LEAVE))) for _ in range(chance.randint(2, 6))]


def uses(count: int, seed: int = 6) -> Iterator[list[str]]:
    """Yield notebooks whose cells bind and use a handful of names in every way that is certain to run."""
    chance = random.Random(seed)  # noqa: S311 - no secret

    def statement() -> str:
        names = dict(zip("ABC", chance.sample("pqrstu", 3), strict=True))
        return "".join(names.get(sign, sign) for sign in chance.choice(_STATEMENTS))

    for _ in range(count):
        yield ["\n".join(statement() for _ in range(chance.randint(1, 7))) for _ in range(chance.randint(2, 4))]
