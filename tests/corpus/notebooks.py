"""Bad notebooks. ``CASES`` has them all by name: written out, or a valid notebook with one thing changed.

Each is read as ``n.ipynb`` (or ``n.py`` where its name says so) of a task whose entry function is ``task``. A case
that says nothing works: the entry function is found.
"""

from __future__ import annotations

import copy
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.corpus.case import Case, case, table

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTE = 1024 * 1024
NOT_FOUND = "entry function 'task' not found"
# A case whose name begins so is a Python file.
MODULE = "module: "


def _cell(source: Any = "def task():\n    return 1\n", **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source, **more}


def _notebook(*cells: Any, **more: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **more}


def _bytes(*cells: Any, **more: Any) -> bytes:
    return json.dumps(_notebook(*cells, **more)).encode()


def _source(source: Any) -> bytes:
    return _bytes(_cell(source))


GOOD = _notebook({"cell_type": "markdown", "metadata": {}, "source": "# About"}, _cell())
_HEAD = b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": ['
_CELL = json.dumps(_cell()).encode()


def _files() -> Iterator[Case]:
    """What is no notebook, or hardly one, as a file."""
    good = json.dumps(GOOD)
    data = good.encode()
    yield case("empty", b"", "the file is empty")
    yield case("white space", b" \n\t\r\n", "the file is empty")
    yield case("a byte order mark only", b"\xef\xbb\xbf", "not a notebook")
    yield case("with a byte order mark", b"\xef\xbb\xbf" + data)
    yield case("with two byte order marks", b"\xef\xbb\xbf" * 2 + data, "not JSON")
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037"):
        yield case(f"encoded as {encoding}", good.encode(encoding), "not a notebook")
    yield case("encoded as cp1252", '{"nbformat": 4, "é": 1}'.encode("cp1252"), "n.ipynb:1: not a notebook: not UTF-8")
    yield case("invalid UTF-8 on line 3", b'{"nbformat": 4,\n\n"a": "\xff"}', "n.ipynb:3: not a notebook: not UTF-8")
    yield case("overlong UTF-8", b'{"a": "\xc0\x80"}', "not UTF-8")
    yield case("a surrogate in UTF-8", b'{"a": "\xed\xa0\x80"}', "not UTF-8")
    yield case(
        "a surrogate escape",
        b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "def task(): return \'\\ud800\'"}]}',
        NOT_FOUND,
    )
    yield case(
        "a pair of surrogate escapes",
        b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "def task(): return \'\\ud83c\\udf51\'"}]}',
    )
    yield case(
        "surrogates the wrong way round",
        b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "# \\udf51\\ud83c\\ndef task(): pass"}]}',
        NOT_FOUND,
    )
    yield case("NUL in front", b"\0" + data, "not JSON")
    yield case("NUL behind", data + b"\0", "not JSON")
    yield case("NUL within", data.replace(b"About", b"Ab\0out"), "not JSON")
    yield case("two notebooks", data + data, "not JSON")
    yield case("lines of JSON", b'{"nbformat": 4}\n{"cells": []}', "n.ipynb:2:1: not a notebook: not JSON")
    yield case("a comma at the end", b'{"nbformat": 4, "cells": [],}', "not JSON")
    yield case("single quotes", b"{'nbformat': 4}", "not JSON")
    yield case("comments", b'{"nbformat": 4} // later', "not JSON")
    yield case("a tab in a text", b'{"nbformat": 4, "a": "\t"}', "not JSON")
    yield case("a line break in a text", b'{"nbformat": 4, "a": "\n"}', "not JSON")
    yield case("a wrong escape", b'{"nbformat": 4, "a": "\\q"}', "not JSON")
    yield case("half an escape", b'{"nbformat": 4, "a": "\\u12"}', "not JSON")
    yield case("YAML", b"nbformat: 4\ncells: []\n", "not JSON")
    yield case("Python", b"def task():\n    return 1\n", "not JSON")
    yield case("HTML", b"<!DOCTYPE html>\n<html></html>", "not JSON")
    yield case("zip", b"PK\x03\x04\x14\x00\x08\x00", "not a notebook")
    yield case("gzip", b"\x1f\x8b\x08\x00\x00\x00", "not UTF-8")
    yield case("pickle", b"\x80\x04\x95\x05\x00\x00\x00", "not UTF-8")
    yield case("Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS")
    yield case("a merge conflict", b'{\n<<<<<<< HEAD\n"a": 1\n=======\n>>>>>>> b\n}', "n.ipynb:2: a merge conflict")
    yield case("percent format", b"# %%\ndef task(): pass\n", "not JSON")
    for share in range(1, 10):
        yield case(f"cut after {share} tenths", data[: len(data) * share // 10], "not JSON")
    for text, name in (
        ("[]", "a list"),
        ("{}", "an object"),
        ("4", "a number"),
        ("null", "null"),
        ('"text"', "a text"),
        ("true", "true"),
        ("NaN", "NaN"),
        ("Infinity", "infinity"),
        ("[[]]", "a list of lists"),
        ('{"cells": []}', "no format"),
    ):
        yield case(f"only {name}", text.encode(), "it has no 'nbformat'")
    for text in ("null", "true", "4.0", '"4"', "[4]", '{"a": 4}', "NaN", "-Infinity", "1e400", f'"{"4" * 10_000}"'):
        yield case(f"format {text[:16]}", f'{{"nbformat": {text}, "cells": []}}'.encode(), "no number")
    for text, says in (
        ("0", "is too old"),
        ("1", "is too old"),
        ("2", "is too old"),
        ("-4", "is too old"),
        ("5", "is newer than 4"),
        ("99", "is newer than 4"),
        ("9" * 4000, "is newer than 4"),
        ("-" + "9" * 4000, "is too old"),
        ("9" * 5000, "a number in it is too long"),
        ("3", NOT_FOUND),
    ):
        yield case(
            f"format {text[:4]} ({len(text)})", f'{{"nbformat": {text}, "cells": [{_CELL.decode()}]}}'.encode(), says
        )
    yield case("duplicate formats", b'{"nbformat": 3, "nbformat": 4, "cells": [' + _CELL + b"]}")
    yield case("duplicate cells", b'{"nbformat": 4, "cells": [], "cells": [' + _CELL + b"]}")
    yield case("duplicate cells, the last empty", b'{"nbformat": 4, "cells": [' + _CELL + b'], "cells": []}', NOT_FOUND)
    yield case(
        "duplicate sources",
        b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "source": "def task(): pass"}]}',
    )
    yield case("NaN in metadata", b'{"nbformat": 4, "metadata": {"a": NaN}, "cells": [' + _CELL + b"]}")
    yield case(
        "a huge number in metadata",
        b'{"nbformat": 4, "metadata": {"a": ' + b"9" * 4299 + b'}, "cells": [' + _CELL + b"]}",
    )
    yield case(
        "a number too long in metadata",
        b'{"nbformat": 4, "metadata": {"a": ' + b"9" * 4301 + b'}, "cells": [' + _CELL + b"]}",
        "a number in it is too long",
    )
    yield case(
        "a real number of a megabyte",
        b'{"nbformat": 4, "metadata": {"a": 0.' + b"9" * MEGABYTE + b'}, "cells": [' + _CELL + b"]}",
    )
    yield case("a key of a megabyte", b'{"nbformat": 4, "' + b"k" * MEGABYTE + b'": 1, "cells": [' + _CELL + b"]}")
    for opening, name in ((b"[", "lists"), (b'{"a":', "objects"), (b'[{"a":[', "both")):
        yield case(f"100 kB of open {name}", opening * (100_000 // len(opening)), "not a notebook")
        yield case(
            f"20 MB of open {name}", partial(bytes.__mul__, opening, 20 * MEGABYTE // len(opening)), "too many values"
        )
    yield case(
        "900 levels", b'{"nbformat": 4, "metadata": ' + b"[" * 900 + b"]" * 900 + b', "cells": [' + _CELL + b"]}"
    )
    yield case(
        "100,000 levels", b'{"nbformat": 4, "metadata": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"
    )
    for item, name in (
        (b"[],", "lists"),
        (b"{},", "objects"),
        (b"1,", "numbers"),
        (b"1.5,", "real numbers"),
        (b'"ab",', "texts"),
        (b"null,", "nulls"),
    ):
        yield case(
            f"20 MB of {name}",
            lambda item=item: _HEAD + _CELL + b'], "a": [' + item * ((20 * MEGABYTE - 1000) // len(item)) + b"1]}",  # type: ignore[misc]
            "too many values",
        )
    yield case("a million numbers", lambda: _HEAD + _CELL + b'], "a": [' + b"0.123456789," * 1_000_000 + b"1]}")
    yield case("20 MB of one text", lambda: _HEAD + _CELL + b'], "a": "' + b"x" * (20 * MEGABYTE - 1000) + b'"}')
    yield case(
        "20 MB of escapes", lambda: _HEAD + _CELL + b'], "a": "' + b"\\u00e9" * (20 * MEGABYTE // 6 - 1000) + b'"}'
    )
    yield case("20 MB of white space", lambda: b" " * (20 * MEGABYTE - 10_000) + data)
    yield case("20 MB of NUL", lambda: bytes(20 * MEGABYTE), "not a notebook")
    yield case("a byte over 20 MiB", lambda: b" " * (20 * MEGABYTE + 1), "at most 20,971,520 are read")
    yield case("100 MB", lambda: b"x" * (100 * MEGABYTE), "at most 20,971,520 are read")
    yield case("100 MB of NUL", lambda: bytes(100 * MEGABYTE), "at most 20,971,520 are read")
    yield case("100 MB of lists", lambda: b"[" * (100 * MEGABYTE), "at most 20,971,520 are read")
    yield case(
        "an output of 10 MB", lambda: _bytes(_cell(outputs=[{"output_type": "stream", "text": "x" * 10 * MEGABYTE}]))
    )
    yield case("an output that looks like a cell", _bytes(_cell("x = 1", outputs=[_cell()])), NOT_FOUND)


_ODD = {
    "null": None, "true": True, "a number": 3, "a real number": 1.5, "NaN": float("nan"), "a huge number": 10**400, "text": "x", "an empty text": "",
    "a list": [1, [2]], "an empty list": [], "an object": {"a": {"b": 1}}, "an empty object": {}, "ten thousand characters": "n" * 10_000,
    "a surrogate": "\ud800", "NUL": "\0",
}  # fmt: skip


def _structure() -> Iterator[Case]:
    """Each part of a good notebook with each kind of value, or left out."""
    for name, value in _ODD.items():
        for key in ("metadata", "nbformat_minor", "worksheets", "extra"):
            yield case(f"{name} as {key}", _bytes(_cell(), **{key: value}))
        yield case(f"{name} as cells", json.dumps({**GOOD, "cells": value}).encode(), NOT_FOUND)
        yield case(f"{name} as a cell", _bytes(value), NOT_FOUND)
        yield case(f"{name} before a cell", _bytes(value, _cell()))
        yield case(f"{name} as a source", _source(value), NOT_FOUND)
        yield case(
            f"{name} as a line",
            _source([value, "\ndef task(): pass"]),
            NOT_FOUND if name in {"a surrogate", "NUL"} else "",
        )
        yield case(f"{name} as a cell's type", _bytes(_cell(cell_type=value)), NOT_FOUND)
        for key in ("outputs", "execution_count", "id", "attachments"):
            yield case(f"{name} as a cell's {key}", _bytes(_cell(**{key: value})))
        yield case(f"{name} as a cell's metadata", _bytes(_cell(metadata=value)))
        yield case(f"{name} as kernelspec", _bytes(_cell(), metadata={"kernelspec": value, "language_info": value}))
        language = "a notebook in '" if isinstance(value, str) and value else ""
        yield case(f"{name} as a language", _bytes(_cell(), metadata={"kernelspec": {"language": value}}), language)
        worksheets = {"nbformat": 3, "metadata": {}, "worksheets": value}
        yield case(f"{name} as worksheets of format 3", json.dumps(worksheets).encode(), NOT_FOUND)
        yield case(f"{name} as a worksheet", json.dumps({**worksheets, "worksheets": [value]}).encode(), NOT_FOUND)
    for key in ("metadata", "nbformat_minor"):
        without = copy.deepcopy(GOOD)
        del without[key]
        yield case(f"without {key}", json.dumps(without).encode())
    yield case("without cells", b'{"nbformat": 4, "metadata": {}}', NOT_FOUND)
    yield case(
        "without code", _bytes({"cell_type": "markdown", "source": "def task(): pass"}), "there are no functions in it"
    )
    yield case("a raw cell", _bytes({"cell_type": "raw", "source": "def task(): pass"}), NOT_FOUND)
    yield case("a heading", _bytes({"cell_type": "heading", "source": "def task(): pass"}), NOT_FOUND)
    yield case("a cell without a source", _bytes({"cell_type": "code"}), NOT_FOUND)
    yield case(
        "format 3",
        json.dumps(
            {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["def task():\n", " pass"]}]}]}
        ).encode(),
    )
    yield case(
        "format 3 with two worksheets",
        json.dumps(
            {"nbformat": 3, "worksheets": [{}, {"cells": [{"cell_type": "code", "input": "def task(): pass"}]}]}
        ).encode(),
    )
    yield case("format 3 with cells of 4", json.dumps({**GOOD, "nbformat": 3}).encode(), NOT_FOUND)
    yield case(
        "format 4 with cells of 3",
        json.dumps({"nbformat": 4, "worksheets": [{"cells": [_cell()]}]}).encode(),
        NOT_FOUND,
    )
    yield case("format 4 with input", _bytes({"cell_type": "code", "input": "def task(): pass"}))
    for language in (
        "R",
        "julia",
        "scala",
        "javascript",
        "bash",
        "python2",
        "C++17",
        "ｐｙｔｈｏｎ",
        "pythοn",
        "sage",
        "\u202epython",
    ):
        yield case(
            f"in {language!a}", _bytes(_cell(), metadata={"kernelspec": {"language": language}}), "a notebook in '"
        )
        yield case(
            f"language_info {language!a}",
            _bytes(_cell(), metadata={"language_info": {"name": language}}),
            "a notebook in '",
        )
    for language in ("python", "Python", "PYTHON", "ipython"):
        yield case(f"in {language}", _bytes(_cell(), metadata={"kernelspec": {"language": language}}))
    yield case("ten thousand cells", lambda: _bytes(*[_cell("x = 1")] * 10_000, _cell()), "has 10,001 code cells")
    yield case(
        "ten thousand broken cells",
        lambda: _bytes(*[_cell("x =")] * 10_000),
        "has 10,000 code cells, and 2,000 are read",
    )
    yield case(
        "a thousand broken cells", lambda: _bytes(*[_cell("x =")] * 1000), "and 997 more cells with syntax errors"
    )
    yield case("ten thousand lines", lambda: _source(["x = 1\n"] * 10_000 + ["def task(): pass"]))
    yield case("a line each character", lambda: _source(list("def task(): pass")))


_CODE = {
    # Python 2, and what is no Python at all.
    "print 'x'": NOT_FOUND, "exec 'x'": NOT_FOUND, "raise E, 'x'": NOT_FOUND, "x = 0777": NOT_FOUND, "x = 10L": NOT_FOUND, "`x`": NOT_FOUND, "x <> y": NOT_FOUND,
    "except E, e: pass": NOT_FOUND, "ur'x'": NOT_FOUND, "def f((a, b)): pass": NOT_FOUND,
    "function task() {}": NOT_FOUND, "task <- function() 1": NOT_FOUND, "SELECT 1": NOT_FOUND, "<html>": NOT_FOUND, "…": NOT_FOUND,
    "x = 'open": NOT_FOUND, 'x = """open': NOT_FOUND, "f(": NOT_FOUND, "f)": NOT_FOUND, "if x:": NOT_FOUND, "  x = 1\n y = 2": NOT_FOUND, "\tx\n        y": NOT_FOUND,
    "x = 1 +": NOT_FOUND, "class": NOT_FOUND, "import": NOT_FOUND, "from x import": NOT_FOUND, "lambda": NOT_FOUND, "x ++": NOT_FOUND, "0x": NOT_FOUND, "1_": NOT_FOUND,
    "1e": NOT_FOUND, "'\\x1'": NOT_FOUND, "'\\N{no such name}'": NOT_FOUND, "b'é'": NOT_FOUND, "f'{'": NOT_FOUND, "f'{x!z}'": NOT_FOUND, "f'{}'": NOT_FOUND,
    "\0": NOT_FOUND, "x\0": NOT_FOUND, "'\0'": NOT_FOUND, "\x1a": NOT_FOUND, "x = \u201cquotes\u201d": NOT_FOUND, "x\u00a0= 1": NOT_FOUND, "x = 1\u200b": NOT_FOUND,
    "\u202ex = 1": NOT_FOUND, "x = \u2066": NOT_FOUND, "\ufeffx = 1": NOT_FOUND, "x = 1 # \u202e": "", "'\u202e'": "", "х = 1": "", "ﬁ = 1": "", "ª = 1": "", "\x0cx = 1": "",
    "x = 1\r\ny = 2\r\n": "", "x = 1\ry = 2": "", "x = '\\\n'": "", "x = 1; y = 2": "", "return 1": "", "break": "", "yield 1": "", "await x": "", "async with x: pass": "",
    "nonlocal x": "", "x = yield": "", "*a, *b = x": "", "f(**a, *b)": NOT_FOUND, "f(a=1, a=2)": "", "def f(a, a): pass": "", "None = 1": NOT_FOUND, "f() = 1": NOT_FOUND,
    "(x for x in y) = 1": NOT_FOUND, "del f()": NOT_FOUND, "from __future__ import braces": "", "import a.b as c": "", "from . import x": "", "from x import *": "",
    "del task": "", "global task": "", "task: int": "", "print(task)": "", "raise SystemExit": "", "while True: pass": "", "1/0": "", "__import__('os').system('reboot')": "",
    # IPython.
    "%matplotlib inline": "", "%%time": "", "%%bash\nrm -rf /": "", "%%html\n<b>": "", "%%javascript\nalert(1)": "", "%%writefile a.py\nx": "", "%%script python2\nprint 1": "",
    "%load_ext autoreload": "", "%autoreload 2": "", "%pip install x": "", "%conda install x": "", "!ls": "", "!!ls": "", "x = !ls": "", "x = %who": "", "%": "", "%%": "",
    "!": "", "?": "", "??": "", "obj?": "", "obj??": "", "?obj": "", "%magic?": "", "a.*?": "", "*?": "", "/f x": "", ",f a b": "", ";f a b": "", "%time x = 1": "",
    "%timeit -n 1 x": "", "%%timeit\nx": "", "%cd /": "", "%env A=b": "", "%run other.ipynb": "", "%%capture out\nx": "", "%%prun\nx": "", "%%perl\nx": "", "%%no_such_magic\nx": "",
    "%no_such_magic": "", "In [1]: x = 1": "", ">>> x = 1": "", "   ...: x": "", "$ ls": NOT_FOUND, "%%time\n%%time\n%%time\nx = 1": "", "  %time x": NOT_FOUND, "if x:\n    %time y": "",
    "x = (\n%time y\n)": NOT_FOUND, "'%time'": "", "'''\n%time\n'''": "", "# %time": "", "!ls \\\n  -l": "", "%time \\\n  x": "", "%é": "", "!é": "", "%\0": "", "!\0": "",
    "get_ipython().system('ls')": "", "display(x)": "", "x = !ls \\": "", "%%\u202e": "", "%time (": "", "x =! ls": "", "x != y": "", "!x = 1": "", "%x = 1": "", "a?b": NOT_FOUND,
}  # fmt: skip


def _code() -> Iterator[Case]:
    """Sources. Each stands in a cell of its own, which harms none, and in front of the function in one cell."""
    for source, says in _CODE.items():
        shown = source.encode("unicode_escape").decode()[:48]
        yield case(f"beside it: {shown}", _bytes(_cell(source), _cell()))
        if not source.startswith("%%"):
            yield case(f"before it: {shown}", _source(f"{source}\n\ndef task():\n    return 1\n"), says)
    for source, name in (
        ("from m import task", "imported"),
        ("task = f", "assigned"),
        ("task = other = f", "assigned twice"),
        ("task: int = f", "with a type"),
        ("async def task(): pass", "async"),
        ("@d\ndef task(): pass", "decorated"),
        ("if x:\n    def task(): pass", "under if"),
        ("try:\n    def task(): pass\nfinally: pass", "under try"),
        ("class task: pass", "a class"),
        ("(task := f)", "a walrus"),
        ("match x:\n    case 1:\n        task = f", "under match"),
        ("task, x = f, g", "one of two"),
        ("[task, *x] = f", "one of many"),
        ("def task(): pass\ntask = None", "None later"),
        ("def task(x): pass\ndef task(): pass", "twice"),
        ("while x:\n    def task(): pass\nelse: pass", "under while"),
        ("task = lambda: 1", "a lambda"),
        ("task = functools.partial(f)", "a partial"),
        ("def task(a=1, /, b=1, *c, d=1, **e): pass", "with all kinds of parameters"),
        ("def task(" + ", ".join(f"a{n}=1" for n in range(5000)) + "): pass", "with 5,000 parameters"),
    ):
        yield case(f"the function {name}", _source(source))
    for source, name in (
        ("class A:\n    def task(self): pass", "a method"),
        ("import m as task", "a module"),
        ("for task in x: pass", "a loop's variable"),
        ("with x as task: pass", "a context's"),
        ("def f():\n    def task(): pass", "inside another"),
        ("'def task(): pass'", "in a text"),
        ("# def task(): pass", "in a comment"),
        ("task = 1", "a number"),
        ("task += 1", "added to"),
        ("import task.x as y", "part of a name"),
        ("tasks = f", "a longer name"),
        ("lambda task: 1", "a parameter"),
        ("[task for task in x]", "in a comprehension"),
    ):
        yield case(f"no function but {name}", _source(source), NOT_FOUND)
    yield case("a near name", _source("def tsak(): pass\ndef other(): pass"), "did you mean 'tsak'?")
    yield case("a hundred others", _source("".join(f"def f{n}(): pass\n" for n in range(100))), "and 90 more")
    yield case(
        "names of 10,000 characters",
        _source("".join(f"def {'f' * 10_000}{n}(): pass\n" for n in range(20))),
        "and 10 more",
    )
    yield case("only a star import", _source("from m import *"), "import it by name, not by the '*'")
    # What parsers are afraid of: https://github.com/python/cpython/issues?q=parser+crash.
    for text, count, end, says in (
        ("(", 400_000, "", NOT_FOUND), ("[", 150, "]" * 150, ""), ("{", 19_000, "", NOT_FOUND), ("-", 50_000, "1", NOT_FOUND), ("not ", 50_000, "x", NOT_FOUND), ("~", 50_000, "1", NOT_FOUND),
        ("lambda:", 29_000, "x", NOT_FOUND), ("x if x else ", 14_000, "x", NOT_FOUND), ("a.", 29_000, "b", NOT_FOUND), ("f(", 20_000, "", NOT_FOUND), ("1+", 29_000, "1", NOT_FOUND), ("1**", 19_000, "1", NOT_FOUND),
        ("x=", 29_000, "1", ""), ("x and ", 29_000, "x", ""), ("1<", 29_000, "1", ""), ("'a' ", 15_000, "", ""), ("f'{x}' ", 7_000, "", ""), ("x;", 29_000, "x", ""), ("await ", 50_000, "x", NOT_FOUND),
        ("x: ", 29_000, "y", NOT_FOUND), ("*", 59_000, "x", NOT_FOUND), ("@a\n", 19_000, "def f(): pass", ""), ("if x: pass\nel", 2000, "if x: pass", NOT_FOUND), ("\n", 400_000, "", ""), (" ", 400_000, "x", NOT_FOUND), ("\\\n", 59_000, "x", ""),
        ("#", 400_000, "", ""), ("'", 50_001, "", NOT_FOUND), ("\t", 100_000, "x", NOT_FOUND), ("é", 100_000, "", ""), ("9", 5000, "", NOT_FOUND), ("0x", 1, "f" * 400_000, ""), ("'''", 1, "x" * 400_000 + "'''", ""),
        ("%time ", 20_000, "x", ""), ("!ls\n", 10_000, "", NOT_FOUND), ("%time x\n", 10_000, "", NOT_FOUND), ("x?\n", 10_000, "", NOT_FOUND), ("?x\n", 10_000, "", NOT_FOUND), ("In [1]: x\n", 8_000, "", ""), (">>> x\n", 10_000, "", ""), ("x = !y\n", 8_000, "", NOT_FOUND),
        ("%%time\n", 10_000, "x", NOT_FOUND), ("!", 50_000, "", NOT_FOUND), ("?", 50_000, "", NOT_FOUND), ("%", 50_000, "", NOT_FOUND), (";", 50_000, "", NOT_FOUND), ("/", 50_000, "", NOT_FOUND), (",", 50_000, "", NOT_FOUND),
    ):  # fmt: skip
        shown = text.encode("unicode_escape").decode()
        for where, cells in (("", ("{}", "def task(): pass")), (" in its cell", ("{}\ndef task(): pass",))):
            yield case(
                f"{count:,} times {shown}{where}",
                lambda text=text, count=count, end=end, cells=cells: _bytes(  # type: ignore[misc]
                    *(_cell(cell.replace("{}", text * count + end)) for cell in cells)
                ),
                says if where else "",
            )
    yield case("an f-string of 11,000 parts", _source("f'" + "{x}" * 11_000 + "'\ndef task(): pass"))
    yield case("an f-string of 12,000 parts", _source("f'" + "{x}" * 12_000 + "'"), "words and signs of code")
    yield case(
        "half a million characters and one", _source("#" * 500_001), "500,001 characters of code, and 500,000 are read"
    )
    yield case("words without end", _source("x\n" * 60_001), "words and signs of code, and 60,000 are read")
    yield case(
        "words without end in many cells", lambda: _bytes(*[_cell("x\n" * 100)] * 700), "words and signs of code"
    )
    yield case("data as code", _source("x = [" + "1.5, " * 30_000 + "]"), "words and signs of code")


def _modules() -> Iterator[Case]:
    """Python files."""
    good = "def task():\n    return 1\n"
    for name, content, says in (
        ("good", good.encode(), ""),
        ("empty", b"", NOT_FOUND),
        ("NUL", b"x = '\0'\n" + good.encode(), NOT_FOUND),
        ("a byte order mark", b"\xef\xbb\xbf" + good.encode(), ""),
        ("UTF-16", good.encode("utf-16"), "not a text that Python can read"),
        ("invalid UTF-8", b"# \xff\n" + good.encode(), "not a text that Python can read"),
        ("latin-1", b"# coding: latin-1\n# \xe9\n" + good.encode(), ""),
        ("an unknown coding", b"# coding: klingon\n" + good.encode(), "not a text that Python can read"),
        ("a coding that is none", b"# coding: rot13\n" + good.encode(), "not a text that Python can read"),
        ("hex as coding", b"# coding: hex\n" + good.encode(), "not a text that Python can read"),
        ("UTF-7", b"# coding: utf-7\n" + good.encode(), ""),
        ("two codings", b"\xef\xbb\xbf# coding: latin-1\n" + good.encode(), "not a text that Python can read"),
        ("a coding with a mark", "# coding: \u202eutf\n".encode() + good.encode(), ""),
        ("magics", b"%time x\n" + good.encode(), NOT_FOUND),
        ("a shell line", b"!ls\n" + good.encode(), NOT_FOUND),
        ("Python 2", b"print 'x'\n" + good.encode(), NOT_FOUND),
        ("tabs and spaces", b"if x:\n\ty\n        z\n" + good.encode(), NOT_FOUND),
        ("old Macs' line ends", good.replace("\n", "\r").encode(), ""),
        ("a notebook", _CELL, NOT_FOUND),
        ("C", b"int main() {}", NOT_FOUND),
        ("zip", b"PK\x03\x04\xff\xfe", "not a text that Python can read"),
        ("a shebang", b"#!/bin/sh\n" + good.encode(), ""),
        ("a form feed", b"\x0c" + good.encode(), ""),
        ("Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS"),
        ("unicode_escape", b"# coding: unicode_escape\n" + good.encode(), ""),
        ("a merge conflict", b"<<<<<<< HEAD\nx = 1\n=======\n>>>>>>> b\n" + good.encode(), "a merge conflict"),
        ("20 MB of white space", lambda: b"\n" * (20 * MEGABYTE - 100), "characters of code"),
        ("100 MB", lambda: b"x" * (100 * MEGABYTE), "at most 20,971,520 are read"),
        ("UTF-7 bomb", b"# coding: utf-7\n" + b"+AAA-" * 100_000, NOT_FOUND),
    ):
        yield case(f"{MODULE}{name}", content, says)


CASES: dict[str, Case] = table((*_files(), *_structure(), *_code(), *_modules()))
