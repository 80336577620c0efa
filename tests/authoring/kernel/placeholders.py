"""Objects that stand for what is not installed: they let nearly any code run on.

With ``install()`` every import of what is neither Python's nor IPython's gives one of them, and so do the parts of the
standard library that reach beyond the process.
"""

from __future__ import annotations

import dis
import importlib.abc
import importlib.machinery
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of the standard library, but not for a notebook of somebody: other processes, other machines, the screen.
_WITHHELD = frozenset({"subprocess", "socket", "webbrowser", "multiprocessing", "urllib", "http", "smtplib", "ftplib",
                       "signal", "pty", "tkinter", "turtle", "faulthandler", "antigravity", "this"})  # fmt: skip


class Permissive:
    """The base class of a class whose base is a placeholder."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Placeholder()


class Placeholder:
    """Can be called, looked into, computed with, unpacked into as many as are wanted; is true."""

    def __call__(self, *values: Any, **options: Any) -> Any:
        # As a decorator it gives back what it decorates.
        if len(values) == 1 and not options and isinstance(values[0], (types.FunctionType, type)):
            return values[0]
        return Placeholder()

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_repr_", "_ipython_")):
            raise AttributeError(name)
        return Placeholder()

    def __mro_entries__(self, _: tuple[object, ...]) -> tuple[type]:
        return (Permissive,)

    def __iter__(self) -> Iterator[Any]:
        return iter([Placeholder() for _ in range(_wanted(sys._getframe(1)))])

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return 1

    def __index__(self) -> int:
        return 1

    def __float__(self) -> float:
        return 1.0

    def __contains__(self, _: object) -> bool:
        return True

    def __instancecheck__(self, _: object) -> bool:
        return True

    def __hash__(self) -> int:
        return id(self)

    def __getitem__(self, _: object) -> Any:
        return Placeholder()

    def __setitem__(self, *_: object) -> None:
        pass

    def __delitem__(self, _: object) -> None:
        pass

    def __enter__(self) -> Any:
        return Placeholder()

    def __exit__(self, *_: object) -> None:
        pass

    async def __aenter__(self) -> Any:
        return Placeholder()

    async def __aexit__(self, *_: object) -> None:
        pass

    def __await__(self) -> Iterator[Any]:
        return iter(())

    def __str__(self) -> str:
        return "placeholder"

    def __format__(self, _: str) -> str:
        return "placeholder"


def _any(*_: object) -> Any:
    return Placeholder()


_OPERATORS = (
    "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or radd rsub rmul rmatmul rtruediv "
    "rfloordiv rmod rpow rlshift rrshift rand rxor ror neg pos abs invert lt le gt ge eq ne round"
)
for _operator in _OPERATORS.split(" "):
    setattr(Placeholder, f"__{_operator}__", _any)


def _wanted(frame: types.FrameType) -> int:
    """Return how many values the instruction after this one takes out of an iterable; one for a loop."""
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset >= frame.f_lasti and instruction.opname == "UNPACK_SEQUENCE":
            return int(instruction.arg or 0)
        if instruction.offset >= frame.f_lasti and instruction.opname == "UNPACK_EX":
            return int(instruction.arg or 0) & 0xFF
        if instruction.offset > frame.f_lasti and instruction.opname not in {"CACHE", "EXTENDED_ARG"}:
            break
    return 1


class _Module(types.ModuleType):
    """A package in which everything is."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Placeholder()


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what is not Python's own."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """Return the placeholder's, None for what may be had."""
        return None if fullname.partition(".")[0] in self._known else importlib.machinery.ModuleSpec(fullname, self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Return the placeholder."""
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Leave it as it is."""


def install(own: frozenset[str]) -> None:
    """From now on, imports by the notebook give placeholders.

    Args:
        own: packages that are not Python's own and may be had.
    """
    known = frozenset({*sys.stdlib_module_names, *own}) - _WITHHELD
    for name in [name for name in sys.modules if name.partition(".")[0] in _WITHHELD]:
        del sys.modules[name]  # who has it already keeps it
    sys.meta_path.insert(0, _Finder(known))
