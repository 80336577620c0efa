"""A notebook's cells executed by IPython, and which cell gave each name its value; one cell executed alone.

A statement that fails is passed over, and the next one runs: what was missing is this machine's fault as a rule.
"""

from __future__ import annotations
import __future__

import ast
import asyncio
import builtins
import dis
import inspect
import signal
import types
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import CapturedIO
from tests.authoring.kernel.placeholders import Placeholder

from airflow_peach.execution import stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STATEMENT_LIMIT_SECONDS = 1.0
_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


class Timeout(BaseException):
    """A statement took too long."""


@contextmanager
def limited(seconds: float = STATEMENT_LIMIT_SECONDS) -> Iterator[None]:
    """End what runs inside after this time."""

    def ring(*_: object) -> None:
        raise Timeout

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@dataclass(frozen=True)
class Bound:
    """One time at which a name got a value.

    Attributes:
        cell: by its number in the notebook.
        kind: ``callable``; ``unknown``, for a placeholder; ``value``, for what cannot be called, modules included.
    """

    cell: int
    kind: str
    value: Any = None


@dataclass
class Seen:
    """What a kernel has after all cells.

    Attributes:
        bound: by name, in the order of time.
        failed: names that statements would have bound which failed.
    """

    bound: dict[str, list[Bound]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)


class _Recorded(MutableMapping[str, Any]):
    """The namespace of a kernel, which notes each assignment at the top level."""

    def __init__(self, names: dict[str, Any], note: Callable[[str, Any], None], forget: Callable[[str], None]) -> None:
        self._names = names
        self._note = note
        self._forget = forget

    def __getitem__(self, name: str) -> Any:
        return self._names[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._names[name] = value
        self._note(name, value)

    def __delitem__(self, name: str) -> None:
        del self._names[name]
        self._forget(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Kernel(InteractiveShell):
    """IPython's shell; it goes on after a failed statement, and runs no other program."""

    def init_io(self) -> None:
        """Leave the streams as they are."""

    def begin(self) -> Seen:
        """Take notes from now on."""
        self.seen = Seen()
        self.cell = 0
        self.restore_sys_module_state()  # type: ignore[no-untyped-call]
        return self.seen

    def run(self, number: int, source: str) -> None:
        """Run one cell."""
        self.cell = number
        before = dict(self.user_ns)
        already = {name: len(times) for name, times in self.seen.bound.items()}
        self.run_cell(source)  # type: ignore[no-untyped-call]
        for name, value in self.user_ns.items():
            # `global` in a function, a magic that runs its text.
            if before.get(name, self) is not value and len(self.seen.bound.get(name, ())) == already.get(name, 0):
                self._note(name, value)

    async def run_code(self, code_obj: types.CodeType, result: Any = None, *, async_: bool = False) -> bool:  # noqa: ARG002 - IPython's
        """Run one statement."""
        names = _Recorded(self.user_ns, self._note, self._forget)
        try:
            with limited():
                value = eval(code_obj, self.user_global_ns, names)  # noqa: S307 - what a kernel does
                if async_:
                    await value
        except BaseException:  # noqa: BLE001 - whatever it is
            self.seen.failed |= stored(code_obj)
        return False

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run one that runs its line as Python, and see whether that failed."""
        self.failed = True
        try:
            value = super().run_line_magic(magic_name, line, _stack_depth + 1)
            self.failed = False
        finally:
            if self.failed:
                self.seen.failed |= {node.id for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Name)}
        return value

    def system(self, cmd: str) -> None:
        """Run nothing."""

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:  # noqa: ARG002, FBT001, FBT002
        """Run nothing."""
        return []

    def _note(self, name: str, value: Any) -> None:
        if not (name.startswith("_") and name.strip("_i0123456789") == ""):  # In and Out of IPython
            self.seen.bound.setdefault(name, []).append(Bound(self.cell, kind_of(value), value))

    def _forget(self, name: str) -> None:
        """What a cell deletes itself, it never leaves behind."""
        times = self.seen.bound.get(name, [])
        times[:] = [each for each in times if each.cell != self.cell]


def kind_of(value: Any) -> str:
    """Return the kind of a value, as in ``Bound``."""
    if isinstance(value, Placeholder):
        return "unknown"
    if isinstance(value, (types.ModuleType, CapturedIO)):
        return "value"
    return "callable" if callable(value) else "value"


def stored(code: types.CodeType) -> set[str]:
    """Return the names that the code assigns at its own level."""
    return {each.argval for each in dis.get_instructions(code) if each.opname in {"STORE_NAME", "STORE_GLOBAL"}}


class _Builtins(dict[str, Any]):
    """The last place where a name is looked for: notes which are not there, and lets the code run on."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(vars(builtins))
        self._missing = missing

    def __missing__(self, name: str) -> Any:
        self._missing.append(name)
        return Placeholder()


class CellAlone:
    """One cell, executed as a task executes it, in a namespace of its own.

    Attributes:
        missing: names that were looked up and not there.
        names: the namespace.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.missing: list[str] = []
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": _Builtins(self.missing)}
        shell = stand_in.Shell(self.names, lambda _: None, RuntimeError)
        self.names.update(get_ipython=lambda: shell, display=lambda *_, **__: None)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        for statement in tree.body:
            try:
                code = compile(ast.Module([statement], []), "cell", "exec", flags=flags, dont_inherit=True)
            except (SyntaxError, ValueError):
                continue
            flags |= code.co_flags & _FUTURES
            # What a failed one would have bound is not missing afterwards.
            if not self._tolerate(lambda code=code: _finished(eval(code, self.names))):  # type: ignore[misc]  # noqa: S307
                self.names.update({name: Placeholder() for name in stored(code) if name not in self.names})

    def call(self, name: str) -> None:
        """Call a function of it, with placeholders for what has no default."""
        function = self.names.get(name)
        if not isinstance(function, types.FunctionType):
            return
        wanted = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
        positional = [
            Placeholder() for each in wanted if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
        ]
        keyword = {each.name: Placeholder() for each in wanted if each.kind == each.KEYWORD_ONLY}
        self._tolerate(lambda: _finished(function(*positional, **keyword)))

    def _tolerate(self, run: Callable[[], None]) -> bool:
        try:
            with limited():
                run()
        except NameError as error:  # of `del`: nothing was looked up
            self.missing += [error.name] if error.name and not isinstance(error, UnboundLocalError) else []
        except BaseException:  # noqa: BLE001 - whatever it is
            return False
        else:
            return True
        return False


def _finished(value: Any) -> None:
    """Run a coroutine, and a generator's first steps."""
    if inspect.iscoroutine(value):
        asyncio.run(value)
    elif inspect.isgenerator(value):
        for _ in zip(range(3), value, strict=False):
            pass


def resolved(alone: CellAlone, names: Iterable[str]) -> set[str]:
    """Return those that are there after the cell has run alone."""
    return {name for name in names if name in alone.names or hasattr(builtins, name)}
