"""Bad configuration files. ``CASES`` has them all by name: written out, or a valid text with one thing changed.

Each is read as ``peach.yaml`` beside a good notebook ``n.ipynb`` whose entry function ``task`` takes any arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.corpus.case import MARK, Case, case, table

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = "codops: debr\n"
TASK = "{notebook: n.ipynb, method: task}"
GOOD = f"{HEAD}tasks:\n  x: {TASK}\n"
MEGABYTE = 1024 * 1024
LONG = "n" * 10_000


def _task(lines: str) -> str:
    return f"{HEAD}tasks:\n  x:\n    notebook: n.ipynb\n    method: task\n    {lines}\n"


def _args(text: str) -> str:
    return _task(f"args: {text}")


def _named(name: str) -> str:
    return f"{HEAD}tasks:\n  {name}: {TASK}\n"


def _laughs(opening: str, closing: str, item: str) -> str:
    """Return nine levels that repeat the one before ten times each."""
    lines = [f"a0: &a0 {opening}{', '.join(item.format(n=n, value='ha') for n in range(10))}{closing}"]
    for level in range(1, 9):
        repeated = ", ".join(item.format(n=n, value=f"*a{level - 1}") for n in range(10))
        lines.append(f"a{level}: &a{level} {opening}{repeated}{closing}")
    return "\n".join(lines)


def _bytes() -> Iterator[Case]:
    """What is no text, or hardly one."""
    yield case("empty", b"", "the file is empty")
    yield case("one line feed", b"\n", "the file is empty")
    yield case("a comment only", b"# later\n", "the file is empty")
    yield case("document mark only", b"---\n", "the file is empty")
    yield case("document end only", b"...\n", "not valid YAML")
    yield case("a byte order mark only", b"\xef\xbb\xbf", "the file is empty")
    yield case("null", b"null\n", "the file is empty")
    yield case("a tilde", b"~", "the file is empty")
    yield case("NUL", b"\0", "U+0000")
    yield case("a megabyte of NUL", lambda: bytes(MEGABYTE), "U+0000")
    yield case("100 MB of NUL", lambda: bytes(100 * MEGABYTE), "at most 1,048,576 are read")
    yield case("100 MB of text", lambda: b"a: b\n" * (20 * MEGABYTE), "at most 1,048,576 are read")
    yield case("100 MB in one line", lambda: b"x" * (100 * MEGABYTE), "at most 1,048,576 are read")
    yield case("one byte too many", lambda: b"#" * (MEGABYTE + 1), "at most 1,048,576 are read")
    yield case("a megabyte of comment", lambda: b"#" * MEGABYTE, "the file is empty")
    yield case("a megabyte of empty lines", lambda: b"\n" * MEGABYTE, "the file is empty")
    yield case("a megabyte of spaces", lambda: b" " * MEGABYTE, "the file is empty")
    yield case("a megabyte of tabs", lambda: b"\t" * MEGABYTE, "a tab")
    yield case("a megabyte of carriage returns", lambda: b"\r" * MEGABYTE, "the file is empty")
    yield case("a megabyte of dashes", lambda: b"-" * MEGABYTE, "expected keys")
    yield case("a megabyte of colons", lambda: b":" * MEGABYTE, "not valid YAML")
    yield case("a megabyte of question marks", lambda: b"? " * (MEGABYTE // 2), "nested more than 64 levels")
    yield case("a megabyte of quotes", lambda: b"'" * MEGABYTE, "expected keys")
    yield case("a megabyte of open quotes", lambda: b'"' + b"x" * (MEGABYTE - 1), "not valid YAML")
    yield case("a megabyte of escapes", lambda: b'a: "' + b"\\x41" * 200_000 + b'"', "unknown key")
    yield case("a megabyte of ampersands", lambda: b"&" * MEGABYTE, "not valid YAML")
    yield case("a megabyte of stars", lambda: b"*" * MEGABYTE, "not valid YAML")
    yield case("a megabyte of exclamation marks", lambda: b"!" * MEGABYTE, "expected keys")
    yield case("a megabyte of percent signs", lambda: b"%" * MEGABYTE, "not valid YAML")
    yield case("a megabyte of bars", lambda: b"|" * MEGABYTE, "not valid YAML")
    yield case("a megabyte of braces", lambda: b"{" * MEGABYTE, "nested more than 64 levels")
    yield case("a megabyte of brackets", lambda: b"[" * MEGABYTE, "nested more than 64 levels")
    yield case("a megabyte of lists in lists", lambda: b"- " * (MEGABYTE // 2), "nested more than 64 levels")
    yield case("a megabyte of list items", lambda: b"- a\n" * (MEGABYTE // 4), "more than 10,000 values")
    yield case("a megabyte of keys", lambda: b"".join(b"k%d: 1\n" % n for n in range(90_000)), "10,000 values")
    yield case("a megabyte of one key", lambda: b"k: 1\n" * 200_000, "more than 10,000 values")
    yield case("a megabyte of documents", lambda: b"---\n" * (MEGABYTE // 4), "a second YAML document")
    yield case("a megabyte of anchors", lambda: b"- &a a\n" * 140_000, "more than 10,000 values")
    yield case("a megabyte of comments", lambda: b"# a\n" * (MEGABYTE // 4), "the file is empty")
    yield case("a key of a megabyte", lambda: HEAD.encode() + b"k" * (MEGABYTE - 100) + b": 1", "not valid YAML")
    yield case("a quoted key of 900 characters", HEAD + f"{MARK}'{'k' * 900}': 1", "unknown key")
    yield case("five thousand unknown keys", HEAD + "".join(f"k{n}: 1\n" for n in range(4000)), "unknown key")
    yield case("zip", b"PK\x03\x04\x14\x00\x00\x00\x08\x00", "does not allow the character U+0003")
    yield case("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "not UTF-8")
    yield case("ELF", b"\x7fELF\x02\x01\x01\x00", "U+007F")
    yield case("PNG", b"\x89PNG\r\n\x1a\n", "not UTF-8: byte 0x89")
    yield case("every byte", bytes(range(256)), "not UTF-8: byte 0x80")
    yield case("Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n", "Git LFS")
    yield case(
        "a merge conflict",
        f"{HEAD}{MARK}<<<<<<< HEAD\ntasks: {{}}\n=======\ntasks:\n>>>>>>> other\n",
        "merge conflict",
    )
    yield case(
        "a merge conflict within a task", _task(f"\n{MARK}<<<<<<< HEAD\n    loop: x\n=======\n"), "merge conflict"
    )
    yield case("JSON", '{"codops": "debr", "tasks": {"x": {"notebook": "n.ipynb", "method": "task"}}}')
    yield case("JSON with a tab", '{\n\t"codops": "debr",\n\t"tasks": {}\n}')
    yield case("JSON, deep", lambda: b'{"codops": "debr", "endpoints": ' + b"[" * 70 + b"]" * 70 + b"}", "64 levels")
    yield case("TOML", '[tasks]\nx = "y"\n', "not valid YAML")
    yield case("INI", f"[peach]\n{MARK}codops = debr\n", "not valid YAML")
    yield case("Python", f"{MARK}import os\nprint(os.name)\n", "expected keys such as 'codops:'")
    yield case("HTML", f"{MARK}<html>\n<body>404</body></html>", "expected keys such as 'codops:'")
    yield case(
        "a list at the root", f"{MARK}- codops: debr\n", "expected keys such as 'codops:' and 'tasks:', not a list"
    )
    yield case("a number at the root", f"{MARK}12", "not a number")
    yield case("a date at the root", f"{MARK}2026-01-01", "not a date")
    yield case("text at the root", f"{MARK}codops debr", "not the text 'codops debr'")
    yield case("a set at the root", f"{MARK}!!set {{codops, tasks}}", "not a set")
    yield case("an alias at the root", f"{MARK}*a", "is not defined above it")
    yield case("two documents", f"{GOOD}{MARK}---\n{GOOD}", "a second YAML document begins here")
    yield case("a directive", f"%YAML 1.1\n---\n{GOOD}")
    yield case("a directive of YAML 1.2", f"%YAML 1.2\n---\n{GOOD}")
    yield case("a directive of YAML 3.0", f"{MARK}%YAML 3.0\n---\n{GOOD}", "incompatible YAML document")
    yield case("a directive of a tag", f"%TAG ! tag:example.org,2026:\n---\n{HEAD}x: {MARK}!a b\n", "is not supported")


def _encodings() -> Iterator[Case]:
    """The good file in other dresses, and with one strange character in it."""
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
        says = "the file is UTF-16" if encoding == "utf-16" else "the file is UTF-32" if encoding == "utf-32" else ""
        yield case(f"encoded as {encoding}", GOOD.encode(encoding), says or "U+0000")
    yield case("encoded as utf-8 with a byte order mark", GOOD.encode("utf-8-sig"))
    yield case("encoded as cp1252", f"# é\n{GOOD}".encode("cp1252"), "not UTF-8: byte 0xe9")
    yield case("encoded as EBCDIC", GOOD.encode("cp037"), "not UTF-8")
    yield case("encoded as UTF-7", f"{HEAD}# +AOk-\n".encode())
    yield case("two byte order marks", b"\xef\xbb\xbf" * 2 + GOOD.encode())
    yield case("overlong NUL", HEAD.encode() + b"# \xc0\x80\n", "not UTF-8: byte 0xc0")
    yield case("a surrogate in UTF-8", HEAD.encode() + b"# \xed\xa0\x80\n", "not UTF-8: byte 0xed")
    yield case("beyond Unicode", HEAD.encode() + b"# \xf4\x90\x80\x80\n", "not UTF-8: byte 0xf4")
    yield case("a character cut short", HEAD.encode() + b"# \xe2\x82", "not UTF-8: byte 0xe2")
    yield case("line ends of Windows", GOOD.replace("\n", "\r\n").encode())
    yield case("line ends of old Macs", GOOD.replace("\n", "\r").encode())
    yield case("line ends of all kinds", f"codops: debr\r\ntasks:\r  x: {TASK}\n".encode())
    yield case("no line end", GOOD.rstrip().encode())
    yield case("line separators", GOOD.replace("\n", "\u2028"), "")
    yield case("next lines", GOOD.replace("\n", "\x85"), "")
    for number in (*range(1, 9), *range(0x0B, 0x0D), *range(0x0E, 0x20), 0x7F, 0x80, 0x9F, 0xFFFE, 0xFFFF):
        yield case(f"U+{number:04X} in a comment", f"{HEAD}# {MARK}{chr(number)}\n", f"U+{number:04X}")
    for escape, name in (("\\0", "NUL"), ("\\e[31m", "a colour"), ("\\n", "a line feed"), ("\\u202e", "a mark")):
        yield case(f"{name} escaped in codops", f'{MARK}codops: "de{escape}br"\n', "is not a codops")
        yield case(f"{name} escaped in a name", _named(f'{MARK}"x{escape}"'), "is not a task's name")
        yield case(
            f"{name} escaped in a path",
            _task("").replace("notebook: n", f'{MARK}notebook: "{escape}n').replace("ipynb", 'ipynb"'),
            "is not a path",
        )
        yield case(f"{name} escaped in args", _args(f'{{a: "{escape}"}}'))
        yield case(
            f"{name} escaped in a requirement", f'{HEAD}dependencies:\n  - {MARK}"a{escape}b"\n', "cannot be printed"
        )
    yield case("half a surrogate escaped", _args(f'{{a: "\\u{MARK}d800"}}'), "not valid YAML")
    yield case("a character beyond Unicode escaped", _args(f'{{a: "\\U{MARK}00110000"}}'), "not valid YAML")


_STRANGE = {
    "a right-to-left mark": "\u200f",
    "a right-to-left override": "\u202e",
    "an isolate": "\u2066",
    "a zero-width space": "\u200b",
    "a zero-width joiner": "\u200d",
    "a soft hyphen": "\u00ad",
    "a no-break space": "\u00a0",
    "a byte order mark inside": "\ufeff",
    "a Cyrillic letter": "\u0435",
    "a Greek letter": "\u03bf",
    "a full-width letter": "\uff45",
    "a combining accent": "\u0301",
    "an emoji": "\U0001f351",
    "a private character": "\ue000",
}


def _strange() -> Iterator[Case]:
    """Characters that do not show, or show as another one, in each kind of name."""
    for name, character in _STRANGE.items():
        code = f"U+{ord(character):04X}"
        yield case(f"{name} in codops", f"{MARK}codops: d{character}br\ntasks: {{x: {TASK}}}\n", code)
        yield case(f"{name} in a root key", f"{HEAD}{MARK}tas{character}ks: {{}}\n", code)
        yield case(f"{name} in a task's name", _named(f"{MARK}a{character}b"), code)
        yield case(f"{name} in a task's key", _task(f"{MARK}lo{character}op: metadata"), code)
        yield case(f"{name} in a requirement", f"{HEAD}dependencies:\n  - {MARK}py{character}arrow\n", code)
        yield case(f"{name} in a loop", _task(f"{MARK}loop: meta{character}data"), code)


def _yaml() -> Iterator[Case]:
    """YAML's own pitfalls."""
    yield case("a tab as indentation", f"{HEAD}tasks:\n{MARK}\tx: {TASK}\n", "a tab")
    yield case("a tab after spaces", f"{HEAD}tasks:\n  x:\n  {MARK}\tnotebook: n.ipynb\n", "a tab")
    yield case("tabs between", f"codops:\tdebr\t# c\ntasks:\n  x:\t{TASK}\n")
    yield case("no space after a colon", f"codops:debr\ntasks{MARK}:\n  x: {TASK}\n", "not valid YAML")
    yield case("a colon in a text", f"{HEAD}tasks:\n  x: a{MARK}: b: c\n", "not valid YAML")
    yield case("wrong indentation", f"{HEAD}tasks:\n    x:\n      notebook: n.ipynb\n   {MARK}y: 1\n", "not valid YAML")
    yield case("indentation of the root", f" codops: debr\n{MARK}tasks: {{}}\n", "not valid YAML")
    yield case("an open quote", f"{HEAD}tasks: 'x\n\n", "close the quotes")
    yield case("an open double quote", f'{HEAD}tasks: "x\n', "close the quotes")
    yield case("an open bracket", f"{HEAD}dependencies: [a, b\n", "close the list with ']'")
    yield case("an open brace", f"{HEAD}tasks: {{x: {{notebook: n.ipynb\n", "close the mapping with '}'")
    yield case("a bracket too many", f"{HEAD}dependencies: [a]{MARK}]\n", "not valid YAML")
    yield case("a wrong escape", f'{HEAD}dependencies: ["a{MARK}\\q"]\n', "unknown escape character")
    yield case("a Windows path in double quotes", _task("").replace("n.ipynb", f'"C:{MARK}\\work\\n.ipynb"'), "escape")
    yield case("a Windows path", _task("").replace("notebook: n", f"{MARK}notebook: a\\n"), "write the path with '/'")
    yield case("an at sign", f"{HEAD}dependencies: [{MARK}@scope/a]\n", "begins with '@' in quotes")
    yield case("a backtick", f"{HEAD}x: {MARK}`a`\n", "begins with '`' in quotes")
    yield case("a percent sign", f"{HEAD}x: {MARK}%a\n", "begins with '%' in quotes")
    yield case("a template", f"{HEAD}tasks:\n  x:\n    notebook: {{{MARK}{{ name }}}}\n    method: task\n", "in quotes")
    yield case("a template as text", _args("{a: '{{ var.value.secret }}', b: '{% raw'}"))
    yield case("a duplicate key", f"{HEAD}tasks: {{}}\n{MARK}tasks: {{x: {TASK}}}\n", "duplicate key, first on line 2")
    yield case("a duplicate task", f"{_named('x')}  {MARK}x: {TASK}\n", "duplicate key, first on line 3")
    yield case("a duplicate field", _task(f"{MARK}method: other"), "duplicate key, first on line 5")
    yield case("a duplicate argument", _args(f"{{a: 1, {MARK}a: 2}}"), "duplicate key")
    yield case("duplicate codops", f"{HEAD}{MARK}codops: sesr\n", "duplicate key")
    yield case("duplicate numbers as keys", _args(f"{{n: {{1: a, {MARK}1.0: b}}}}"), "duplicate key")
    yield case("duplicate keys by an escape", f'{HEAD}tasks: {{}}\n{MARK}"t\\x61sks": {{}}\n', "duplicate key")
    yield case("a list as a key", f"{HEAD}tasks:\n  ? {MARK}[a, b]\n  : {TASK}\n", "a key must be a single value")
    yield case("a mapping as a key", f"{HEAD}tasks:\n  ? {MARK}{{a: b}}\n  : {TASK}\n", "a key must be a single value")
    yield case("a key of several lines", f"{HEAD}? |\n  tasks\n: {{}}\n", "unknown key")
    yield case("an anchor that is not there", f"{HEAD}tasks:\n  x: {MARK}*base\n", "which is not defined above it")
    yield case("an anchor that comes later", f"{HEAD}tasks:\n  x: {MARK}*b\n  y: &b {TASK}\n", "not defined above it")
    yield case("an anchor within itself", f"{HEAD}tasks: &t\n  x: {MARK}*t\n", "stands inside what it repeats")
    yield case("an anchor within itself, as a key", f"{HEAD}x: &x {{{MARK}*x : 1}}\n", "stands inside what it repeats")
    yield case("an anchor used well", f"{HEAD}tasks:\n  x: &b {TASK}\n  y: *b\n")
    yield case("an anchor of a name", f"{HEAD}tasks:\n  &a x: {TASK}\n  y: {{<<: {TASK}, args: {{n: *a}}}}\n")
    yield case("a billion laughs", _laughs("[", "]", "{value}"), "more than 10,000 values")
    yield case("a billion laughs of mappings", _laughs("{", "}", "k{n}: {value}"), "more than 10,000 values")
    yield case(
        "a billion laughs in endpoints",
        f"{HEAD}endpoints:\n  " + _laughs("[", "]", "{value}").replace("\n", "\n  "),
        "10,000 values",
    )
    yield case(
        "merged laughs",
        "\n".join(
            ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 9)]
        ),
        "10,000 values",
    )
    yield case("quadratic laughs", f"a: &a '{'x' * 50_000}'\nb: [{', '.join(['*a'] * 9000)}]", "aliases are expanded")
    yield case("no line end in the middle of a key", f"{HEAD}t{MARK}", "not valid YAML")
    yield case(
        "an alias as deep as it goes",
        "a: &a " + "[" * 60 + "]" * 60 + "\nb: " + "[" * 10 + f"{MARK}*a" + "]" * 10,
        "nested more than 64 levels",
    )
    yield case("65 levels", f"{HEAD}endpoints: " + "[" * 64 + "]" * 64, "nested more than 64 levels")
    yield case("63 levels", f"{HEAD}endpoints: " + "[" * 62 + "]" * 62)
    yield case("60 levels of mappings in args", _args("{a: " * 59 + "1" + "}" * 59))
    yield case("60 levels of lists in args", _args("{a: " + "[" * 58 + "]" * 58 + "}"))
    yield case("a merge key", f"{HEAD}tasks:\n  x: &b {TASK}\n  y: {{<<: *b, args: {{a: 1}}}}\n")
    yield case("a merge key of text", f"{HEAD}tasks:\n  x: {{<<: {MARK}text}}\n", "'<<' merges mappings, not 'text'")
    yield case(
        "a merge key of nothing",
        f"{HEAD}tasks:\n  x: {{<<: {MARK}, notebook: n.ipynb, method: task}}\n",
        "'<<' merges mappings",
    )
    yield case("a merge key of a list of text", f"{HEAD}tasks:\n  x: {{<<: {MARK}[a, b]}}\n", "'<<' merges mappings")
    yield case("a merge key at the root", f"{MARK}x: &x {{codops: debr}}\n<<: *x\n", "unknown key")
    yield case("a merge key among the tasks", f"{HEAD}tasks:\n  <<: {{x: {TASK}}}\n")
    yield case("a merge key in args", _args("{<<: {a: 1}, b: 2}"))
    yield case("a merge key twice", _args("{<<: {a: 1}, <<: {c: 1}}"))
    yield case("a merge key quoted", _args(f"{{{MARK}'<<': 1}}"), "is not the name of an argument")
    yield case("a merge key of itself", f"{HEAD}tasks:\n  x: &x {{<<: {MARK}*x}}\n", "stands inside what it repeats")
    for tag in (
        "!vault",
        "!!python/object/apply:os.system",
        "!!python/name:os.system",
        "!!omap",
        "!!pairs",
        "!<x>",
        "!include",
        "!ENV",
        "!!js/function",
    ):
        yield case(
            f"the tag {tag} on a task",
            f"{HEAD}tasks:\n  x: {MARK}{tag} {{notebook: n.ipynb, method: task}}\n",
            "is not supported",
        )
        yield case(f"the tag {tag} on a text", _args(f"{{a: {MARK}{tag} text}}"), "is not supported")
    yield case("the tag of ten thousand characters", _args(f"{{a: {MARK}!{LONG} text}}"), "is not supported")
    for text, name in (
        ("!!bool perhaps", "not true or false"),
        ("!!int 1.5", "not a whole number"),
        ("!!int ''", "not a whole number"),
        ("!!float x", "not a number"),
        ("!!timestamp soon", "not a date or a time"),
        ("!!null x", "not empty"),
        ("!!binary é", "not binary data"),
        ("2026-13-45", "month must be in 1..12"),
        ("2026-02-30", "day"),
        ("2026-01-01T99:00:00Z", "hour must be in 0..23"),
        ("2026-01-01T10:00:00+99:00", "offset"),
        ("0000-00-00", "not a date or a time"),
        ("0b_", "not a whole number"),
        ("0x_", "not a whole number"),
        ("9" * 5000, "a number of 5000 characters is too long"),
        ("1:" * 600 + "1", "a number of 1201 characters is too long"),
        ("1." + "0" * 2000, "a number of 2002 characters is too long"),
    ):
        yield case(f"{text[:24]} ({len(text)}) in args", _args(f"{{a: {MARK}{text}}}"), name)
    for text in (
        *(
            ".nan",
            ".inf",
            "-.inf",
            "1e999",
            "1e-999",
            "-0.0",
            "0o17",
            "017",
            "0b11",
            "0xff",
            "1_000",
            "1:30",
            "190:20:30.15",
        ),
        *("9" * 999, "yes", "off", "~", "null", "=", "!!set {a, b}", "!!binary aGk=", "!!str 12", "! 12"),
        *("2026-01-01", "2026-01-01T10:00:00Z", "0001-01-01", "9999-12-31T23:59:59.999999+14:00"),
        *("{2: a, true: b, null: c, 2026-01-01: d}", "{$peach: [integer, '0x1']}", "''", "|\n        a\n         b"),
    ):
        yield case(f"{text[:24].splitlines()[0]} ({len(text)}) as an argument", _args(f"\n      a: {text}"))


_VALUES = {
    "nothing": ("", "nothing"),
    "true": ("true", "true or false"),
    "yes": ("yes", "true or false"),
    "a number": ("12", "a number"),
    "a real number": ("1.5", "a number"),
    "an octal number": ("0123", "a number"),
    "a base-60 number": ("22:10", "a number"),
    "infinity": (".inf", "a number"),
    "a date": ("2026-01-01", "a date"),
    "a time": ("2026-01-01T10:00:00Z", "a time"),
    "binary data": ("!!binary aGk=", "binary data"),
    "a set": ("!!set {a, b}", "a set"),
    "a list": ("[a, b]", "a list"),
    "an empty list": ("[]", "a list"),
    "a mapping": ("{a: b}", "a mapping"),
    "an empty mapping": ("{}", "a mapping"),
    "empty text": ("''", "text"),
    "ten thousand characters": (f"'{LONG}'", "text"),
}
# A field: the file with a place for its value, the type it takes, and whether it may have no value.
_FIELDS = {
    "codops": (f"{MARK}codops: VALUE\ntasks: {{x: {TASK}}}\n", "text", False),
    "dependencies": (f"{HEAD}{MARK}dependencies: VALUE\n", "a list", True),
    "a requirement": (f"{HEAD}dependencies:\n  - {MARK}VALUE\n", "text", False),
    "tasks": (f"{HEAD}{MARK}tasks: VALUE\n", "a mapping", True),
    "tasks.dependencies": (f"{HEAD}tasks:\n  {MARK}dependencies: VALUE\n", "a list", True),
    "a task": (f"{HEAD}tasks:\n  {MARK}x: VALUE\n", "a mapping", False),
    "notebook": (f"{HEAD}tasks:\n  x:\n    {MARK}notebook: VALUE\n    method: task\n", "text", False),
    "method": (f"{HEAD}tasks:\n  x:\n    notebook: n.ipynb\n    {MARK}method: VALUE\n", "text", False),
    "full_notebook": (_task(f"{MARK}full_notebook: VALUE"), "true or false", False),
    "executor": (_task(f"{MARK}executor: VALUE"), "text", False),
    "loop": (_task(f"{MARK}loop: VALUE"), "text", False),
    "args": (_task(f"{MARK}args: VALUE"), "a mapping", True),
}
# Values of the right type that are wrong for another reason, or right; a set is no mapping, an empty one is.
_OWN = {
    ("dependencies", "a list"): "",
    ("tasks.dependencies", "a list"): "",
    ("codops", "empty text"): "is not a codops",
    ("codops", "ten thousand characters"): "is not a codops",
    ("a requirement", "nothing"): None,  # the place is after the dash
    ("a requirement", "empty text"): "an empty requirement",
    ("a requirement", "ten thousand characters"): "a requirement of 10000 characters is too long",
    ("tasks", "a mapping"): None,  # the place is the task's
    ("tasks", "an empty mapping"): "",
    ("a task", "a mapping"): None,
    ("a task", "an empty mapping"): "this key is missing",
    ("notebook", "empty text"): "is not a notebook",
    ("notebook", "ten thousand characters"): "a path of 10,000 characters",
    ("method", "empty text"): "is not the name of a function",
    ("method", "ten thousand characters"): "a name of 10,000 characters",
    ("executor", "empty text"): "there is no executor",
    ("executor", "ten thousand characters"): "there is no executor",
    ("loop", "empty text"): "is not a loop",
    ("loop", "ten thousand characters"): "is not a loop",
    ("args", "a mapping"): "",
    ("args", "an empty mapping"): "",
    ("full_notebook", "true"): "",
    ("full_notebook", "yes"): "",
    ("dependencies", "an empty list"): "",
    ("tasks.dependencies", "an empty list"): "",
}


def _types() -> Iterator[Case]:
    """Each field with each kind of value."""
    for field, (text, expected, may_be_nothing) in _FIELDS.items():
        for name, (value, _) in _VALUES.items():
            says: str | None = f"expected {expected}"
            if name == "nothing" and may_be_nothing:
                says = ""
            says = _OWN.get((field, name), says)
            if says is not None:
                yield case(f"{name} as {field}", text.replace("VALUE", value), says)


def _names() -> Iterator[Case]:
    """Names, keys and values that mean something else."""
    for name, kind in (
        ("12", "a number"),
        ("1.5", "a number"),
        ("0x1f", "a number"),
        ("1_0", "a number"),
        ("12:30", "a number"),
        ("true", "true or false"),
        ("on", "true or false"),
        ("no", "true or false"),
        ("null", "nothing"),
        ("~", "nothing"),
        ("2026-01-01", "a date"),
        ("2026-01-01 10:00:00", "a time"),
        (".nan", "a number"),
        (".inf", "a number"),
    ):
        yield case(f"{name} as a task's name", _named(f"{MARK}{name}"), f"YAML reads '{name}' as {kind}")
        yield case(f"{name} as a field", _task(f"{MARK}{name}: 1"), f"'{name}' as {kind}")
        yield case(f"{name} as an argument's name", _args(f"\n      {MARK}{name}: 1"), f"'{name}' as {kind}")
    for name, value, says in (
        ("empty", "''", "is not a task's name"),
        ("a space", "a b", "is not a task's name"),
        ("a slash", "a/b", "task's name"),
        ("dots", "'..'", "task's name"),
        ("one dot", "'.'", "task's name"),
        ("101 characters", "n" * 101, "task's name"),
        ("10,000 characters", f"? {LONG}\n  ", "task's name"),
        ("an accent", "é", "task's name"),
        ("a shell's", "'$(reboot)'", "task's name"),
        ("markup", "'<script>alert(1)</script>'", "task's name"),
        ("a template", "'{{ x }}'", "task's name"),
        ("a quote", "'a''b'", "task's name"),
        ("SQL", "'x; DROP TABLE dag'", "task's name"),
        ("reserved", "environment", "is reserved"),
    ):
        yield case(
            f"a task's name: {name}", f"{HEAD}tasks:\n  {MARK}{value}: {TASK}\n".replace(f"{MARK}? ", f"? {MARK}"), says
        )
    for name in ("__class__", "__init__", "constructor", "a" * 100, "-", "_", "-rf", "0x", "CON", "n.ipynb"):
        yield case(f"a task's name that is fine: {name[:12]}", _named(f"'{name}'"))
    for name, value, says in (
        ("capitals", "DEBR", "is not a codops"),
        ("one letter", "d", "is not a codops"),
        ("33 letters", "d" * 33, "not a codops"),
        ("a digit first", "1debr", "not a codops"),
        ("a slash", "de/br", "not a codops"),
        ("dots", "de..br", "not a codops"),
        ("a path", "../debr", "not a codops"),
        ("metadata", "metadata", "all organisations share"),
        ("problems", "problems", "is reserved"),
        ("repositories", "repositories", "is reserved"),
        ("a space", "de br", "not a codops"),
        ("a template", "'{{ codops }}'", "not a codops"),
        ("a percent sign", "'de%20br'", "not a codops"),
    ):
        yield case(f"codops: {name}", f"{MARK}codops: {value}\ntasks: {{x: {TASK}}}\n", says)
    yield case("no codops", f"tasks:\n  x: {TASK}\n", "no codops here")
    for name, path, says in (
        ("passwd", "/etc/passwd", "is absolute"),
        ("absolute", "/n.ipynb", "is absolute"),
        ("up", "../n.ipynb", "'..'"),
        ("up within", "a/../../n.ipynb", "'..'"),
        ("up and back", "a/../n.ipynb", "'..'"),
        ("home", "~/n.ipynb", "no such file"),
        ("a variable", "$HOME/n.ipynb", "no such file"),
        ("an address", "https://example.org/n.ipynb", "no such file"),
        ("a file's address", "file:///etc/n.ipynb", "no such file"),
        ("a drive", "C:/n.ipynb", "no such file"),
        ("a share", "//host/n.ipynb", "is absolute"),
        ("git's own", ".git/n.ipynb", "no such file"),
        ("another ending", "n.txt", "is not a notebook"),
        ("no ending", "n", "is not a notebook"),
        ("only the ending", ".ipynb", "no such file"),
        ("capitals", "N.IPYNB", "is not a notebook"),
        ("a folder", "n.ipynb/", "is not a notebook"),
        ("below a file", "n.ipynb/m.ipynb", "no such file"),
        ("a pattern", "'*.ipynb'", "no such file"),
        ("two lines", "'a\n\n      n.ipynb'", "is not a path"),
        ("1,001 characters", "a" * 995 + ".ipynb", "a path of 1,001 characters"),
        ("a thousand folders", "a/" * 490 + "n.ipynb", "no such file"),
        ("an option", "--help.ipynb", "no such file"),
        ("a link's address", "n.ipynb?raw=true", "is not a notebook"),
        ("a space at the end", "'n.ipynb '", "is not a notebook"),
    ):
        yield case(f"notebook: {name}", f"{HEAD}tasks:\n  x:\n    {MARK}notebook: {path}\n    method: task\n", says)
    for path in ("./n.ipynb", ".//n.ipynb", "././n.ipynb"):
        yield case(f"notebook that is fine: {path}", f"{HEAD}tasks:\n  x: {{notebook: {path}, method: task}}\n")
    for name, method, says in (
        ("a call", "task()", "without parentheses: task"),
        ("a call with arguments", "task(1)", "without parentheses: task"),
        ("dotted", "a.task", "is not the name of a function"),
        ("a keyword", "class", "not the name"),
        ("None", "None", "not the name"),
        ("a lambda", "'lambda: 1'", "not the name"),
        ("code", '\'__import__("os").system("reboot")\'', "not the name"),
        ("another one", "tsk", "did you mean 'task'?"),
        ("private", "__task", "did you mean 'task'?"),
        ("a dash", "my-task", "not the name"),
    ):
        yield case(f"method: {name}", f"{HEAD}tasks:\n  x:\n    notebook: n.ipynb\n    {MARK}method: {method}\n", says)
    yield case("method in full-width letters", f"{HEAD}tasks: {{x: {{notebook: n.ipynb, method: ｔａｓｋ}}}}\n")
    for text, says in (
        ("-r requirements.txt", "option of pip"),
        ("--index-url https://u:p@example.org", "option of pip"),
        ("-e .", "option of pip"),
        ("./wheel.whl", "is a path"),
        ("/etc/passwd", "is a path"),
        ("~/a", "is a path"),
        ("a @ file:///etc/passwd", "refers to a file"),
        ("a = 1.0", "did you mean 'a==1.0'?"),
        ("a 1.0", "did you mean 'a==1.0'?"),
        ("pip install a", "leave out the command"),
        ("git+https://example.org/a", "write name @"),
        ("a==", "is not a requirement"),
        ("a>=1,,<2", "is not a requirement"),
        ("${TOKEN}", "stands for a variable"),
        ("a @ https://${TOKEN}@example.org/a.whl", "stands for a variable"),
        ("a\\", "holds a backslash"),
        ("a; os_name == 'x", "is not a requirement"),
        ("a[", "is not a requirement"),
        ("é", "is not a requirement"),
        ("a; b", "is not a requirement"),
        ("a @ http://[", "no valid address"),
        ("a ; python_version < '3' " + "and os_name == 'x' " * 60, "too long"),
    ):
        quoted = text.replace("'", "''")
        yield case(f"requirement: {text[:40]}", f"{HEAD}dependencies:\n  - {MARK}'{quoted}'\n", says)
        yield case(f"tasks' requirement: {text[:40]}", f"{HEAD}tasks:\n  dependencies:\n    - {MARK}'{quoted}'\n", says)
    for key, says in (
        ("task", "did you mean 'tasks'?"),
        ("Tasks", "did you mean 'tasks'?"),
        ("dependancies", "did you mean 'dependencies'?"),
        ("requirements", "unknown key"),
        ("version", "unknown key"),
        ("name", "unknown key"),
        ("", "unknown key"),
        ("x" * 200, "unknown key"),
    ):
        yield case(f"root key '{key[:20]}'", f"{HEAD}{MARK}'{key}': {{}}\n", says)
    for key, says in (
        ("methd", "did you mean 'method'?"),
        ("arg", "did you mean 'args'?"),
        ("fullnotebook", "did you mean 'full_notebook'?"),
        ("schedule", "unknown key"),
        ("retries", "unknown key"),
        ("dependencies", "unknown key"),
        ("codops", "unknown key"),
        ("__class__", "unknown key"),
    ):
        yield case(f"task's key '{key}'", _task(f"{MARK}{key}: 1"), says)
    for name in ("a b", "a-b", "1a", "é-é", "''", "a.b", "'a\\n'"):
        yield case(f"argument's name {name}", _args(f"\n      {MARK}{name}: 1"), "is not the name of an argument")
    for name in ("é", "_", "__class__", "ﬁ"):
        yield case(f"argument's name that is fine: {name}", _args(f"{{{name}: 1}}"))
    for name in ("class", "None", "lambda"):
        yield case(f"argument's name {name}", _args(f"{{'{name}': 1}}"))
    yield case("args of 65 KiB", _task(f"{MARK}args: {{a: '{'x' * 65 * 1024}'}}"), "args have 66,")
    yield case(
        "args of 65 KiB by aliases",
        _task(f"{MARK}args: {{a: &a '{'x' * 9000}', b: [{', '.join(['*a'] * 8)}]}}"),
        "args have 81,",
    )
    yield case("args of nine thousand values", _task(f"{MARK}args: {{a: [{', '.join(['1'] * 9000)}]}}"))
    yield case("a thousand tasks", HEAD + "tasks:\n" + "".join(f"  t{n}: {TASK}\n" for n in range(1000)))
    yield case(
        "a thousand wrong tasks",
        HEAD + "tasks:\n" + f"  t: {{{MARK}notebok: 1}}\n" + "".join(f"  t{n}: {{notebok: 1}}\n" for n in range(1000)),
        "notebok: unknown key",
    )
    yield case(
        "nine thousand wrong requirements",
        HEAD + "dependencies:\n" + f"  - {MARK}-e\n" + "  - -e\n" * 9000,
        "option of pip",
    )


CASES: dict[str, Case] = table((*_bytes(), *_encodings(), *_strange(), *_yaml(), *_types(), *_names()))
