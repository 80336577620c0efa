"""The launcher: runs the cells and calls the entry function, inside an organisation's environment.

A script for that environment's interpreter, whatever Python it is (3.8 or newer), with nothing of ours
installed: standard library only, and its two companions are loaded from the paths it is given.

Descriptor 3 carries the specification (JSON): ``cells`` (``source`` and ``name``), ``notebook`` (its path in the
repository), ``file`` (its absolute path), ``method``, ``args`` (see ``values.py``), ``values`` and
``stand_in`` (paths of the companions). Descriptor 4 takes the news, one JSON object a line: ``started``, then
``returned`` (with ``value``) or ``failed`` (with ``reason``) or ``exited`` (with ``exit_code``).
"""

# pathlib is not imported for each task.
# ruff: noqa: PTH120

from __future__ import annotations

import faulthandler
import fcntl
import json
import linecache
import os
import signal
import sys

# Each task waits for what is imported here; what only some need is imported where they do. The real TYPE_CHECKING
# is in `typing`, which takes longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable
    from typing import Any

SPECIFICATION_FD = 3
RESULT_FD = 4
RESULT_LIMIT_BYTES = 64 * 1024
# Of an error's own words in the news, which have little room; the log has all of them.
SENTENCE_CHARACTERS = 700
RESULT_MIME_TYPE = "application/vnd.airflow-peach.result+json"

# ast.PyCF_ALLOW_TOP_LEVEL_AWAIT and inspect.CO_COROUTINE.
ALLOW_TOP_LEVEL_AWAIT = 0x2000
CO_COROUTINE = 0x80
# Flags of `from __future__ import ...`; in a kernel they stay on for the cells that follow.
FUTURE_FLAGS = 0x1FF0000


class TaskError(Exception):
    """The task cannot be run as it is written; the message is the reason."""


def main() -> None:
    """Do what the specification says, then end with 0, 1, or the exit code the task asked for."""
    tell = news()
    with os.fdopen(SPECIFICATION_FD, "rb") as file:
        specification = json.loads(file.read())
    tell(event="started")
    _show_stacks()
    names = [cell["name"] for cell in specification["cells"]]
    exit_code = 1
    try:
        value = run(specification)
    except SystemExit as error:
        exit_code = _exit_code(error)
        tell(event="exited", exit_code=exit_code)
    except TaskError as error:
        tell(event="failed", reason=str(error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the task's, and it is shown
        import traceback  # noqa: PLC0415 - see above

        forget_our_frames(error, names)
        traceback.print_exception(type(error), error, error.__traceback__)
        tell(event="failed", reason=sentence(error, names))
    else:
        exit_code = 0
        tell(event="returned", value=presentable(value))
    _flush()
    # An ordinary end: exit handlers run, and threads that are no daemons are waited for, as in a script.
    sys.exit(exit_code)


def run(specification: dict[str, Any]) -> Any:  # noqa: ANN401 - what the entry function returns
    """Execute the cells, call the entry function, and return what it returns."""
    notebook, method = specification["notebook"], specification["method"]
    module = _fresh_main(specification)
    await_ = _Awaiter()
    flags = 0
    for cell in specification["cells"]:
        flags |= run_cell(cell["source"], cell["name"], module.__dict__, flags, await_)
    if method not in module.__dict__:
        raise TaskError(f"entry function '{method}' not found in {notebook}")
    args = specification["args"]
    if args:
        args = load(specification["values"], "peach_values").decode(args)
    value = call(module.__dict__[method], method, args)
    return await_(value) if hasattr(value, "__await__") else value


def run_cell(source: str, name: str, namespace: dict[str, Any], flags: int, await_: Callable[[Any], Any]) -> int:
    """Execute one cell, known by ``name`` in tracebacks; return the future flags that are on after it."""
    # No modification time: linecache then never looks for the file. Its last line ends, too: else the marks below a
    # line of a traceback are a column off.
    lines = f"{source}\n".splitlines(True)
    linecache.cache[name] = (len(source), None, lines, name)
    code = compile(source, name, "exec", flags=flags | ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    value = eval(code, namespace)  # noqa: S307 - running the author's code is what this is for
    if code.co_flags & CO_COROUTINE:
        await_(value)
    return int(code.co_flags) & FUTURE_FLAGS


async def call_in_kernel(namespace: dict[str, Any], method: str, args: str, values: str) -> None:
    """Call the entry function in a kernel, where the cells have been executed already.

    Args:
        namespace: of the kernel.
        method: the entry function.
        args: its arguments, as the JSON text of what ``values.py`` encodes.
        values: path of ``values.py``.

    The result is published as an output of the cell, under ``RESULT_MIME_TYPE``.
    """
    __tracebackhide__ = True  # IPython leaves this frame out of tracebacks
    if method not in namespace:
        raise TaskError(f"entry function '{method}' is gone after the last cell")
    value = call(namespace[method], method, load(values, "peach_values").decode(json.loads(args)))
    if hasattr(value, "__await__"):
        value = await value
    from IPython.display import publish_display_data  # noqa: PLC0415 - a kernel has it

    content = {RESULT_MIME_TYPE: {"value": presentable(value)}, "text/plain": repr(value)[:1000]}
    publish_display_data(content)  # type: ignore[no-untyped-call]  # IPython has no types here


def call(function: Any, method: str, args: dict[str, Any]) -> Any:  # noqa: ANN401 - the author's objects
    """Call ``function`` with ``args``. Raises ``TaskError`` when it cannot be called, or not with these."""
    __tracebackhide__ = True
    if not callable(function):
        raise TaskError(f"'{method}' is not a function but a value of type {type(function).__name__}")
    try:
        return function(**args)
    except TypeError as error:
        if error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise  # from inside the function
        raise TaskError(f"wrong arguments for {method}{_signature(function)}: {error}") from None


def _signature(function: Any) -> str:  # noqa: ANN401 - the author's object
    import inspect  # noqa: PLC0415 - see above

    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):  # written in C
        return "()"


def presentable(value: Any) -> Any:  # noqa: ANN401 - what the entry function returned
    """Return ``value`` as JSON data, or None after saying in the log why it is not kept."""
    try:
        text = json.dumps(value, default=_as_list, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        note(f"the result, of type {type(value).__name__}, is not kept: {error}")
        return None
    if len(text) > RESULT_LIMIT_BYTES:
        note(f"the result is not kept: it has {len(text)} bytes as JSON, the limit is {RESULT_LIMIT_BYTES}")
        return None
    return json.loads(text)


def _as_list(value: Any) -> Any:  # noqa: ANN401 - numpy's scalars and arrays, pandas' series
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__} is not JSON")


def sentence(error: BaseException, names: list[str]) -> str:
    """Return what happened and where in the notebook: ``ValueError: bad (notebooks/a.ipynb, cell 3, line 7)``."""
    import traceback  # noqa: PLC0415 - see above

    what = traceback.format_exception_only(type(error), error)[-1].strip()[:SENTENCE_CHARACTERS]
    if isinstance(error, SyntaxError):
        place = (error.filename, error.lineno) if error.filename in names else None
    else:
        places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
        place = next((place for place in reversed(places) if place[0] in names), None)
    return f"{what} ({place[0]}, line {place[1]})" if place else what


def note(text: str) -> None:
    """Say something in the log."""
    sys.stdout.flush()
    print(f"[peach] {text}", flush=True)  # noqa: T201 - standard output is the log


def load(path: str, name: str) -> Any:  # noqa: ANN401 - a module
    """Load the module at ``path`` without it being installed."""
    import importlib.util  # noqa: PLC0415 - see above

    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


class _Awaiter:
    """Runs coroutines, all on one event loop, as a kernel does."""

    def __init__(self) -> None:
        self._loop: Any = None

    def __call__(self, awaitable: Any) -> Any:  # noqa: ANN401 - the author's
        import asyncio  # noqa: PLC0415 - 30 ms that most tasks need not spend

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)

        async def wait() -> Any:  # noqa: ANN401
            return await awaitable

        return self._loop.run_until_complete(wait())


def _fresh_main(specification: dict[str, Any]) -> types.ModuleType:
    # A real `__main__`: what is pickled by name (multiprocessing, dataclasses) is looked for in it.
    sys.modules["peach_launcher"] = sys.modules["__main__"]
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    file = specification["file"]
    sys.argv = [file]
    sys.path[0] = os.path.dirname(file)
    if file.endswith(".py"):
        module.__file__ = file
    shells: list[Any] = []

    def get_ipython() -> Any:  # noqa: ANN401 - a Shell
        if not shells:
            stand_in = load(specification["stand_in"], "peach_stand_in")
            shells.append(stand_in.Shell(module.__dict__, note, TaskError))
        return shells[0]

    module.__dict__.update(get_ipython=get_ipython, display=display)
    return module


def display(*values: Any, **_: Any) -> None:  # noqa: ANN401 - IPython's signature
    """Print what a notebook would show."""
    for value in values:
        print(value if isinstance(value, str) else repr(value))  # noqa: T201 - standard output is the log


def news() -> Callable[..., None]:
    """Return the function that tells the platform what happens: one JSON object a line to descriptor 4."""
    # Out of the way of the task's own descriptors, and not for its children. A fork of this process that runs
    # on to our end must not tell anything in our name.
    descriptor = fcntl.fcntl(RESULT_FD, fcntl.F_DUPFD_CLOEXEC, 64)
    os.close(RESULT_FD)
    pid = os.getpid()

    def tell(**news: Any) -> None:  # noqa: ANN401 - JSON
        content = json.dumps(news).encode() + b"\n"
        while content and os.getpid() == pid:
            content = content[os.write(descriptor, content) :]

    return tell


def _show_stacks() -> None:
    # Of a crash, and of the moment at which the time limit came: even from a loop in C, which runs no handler
    # of Python's. Not in children: a pool ends its workers with SIGTERM, and that is no news.
    faulthandler.enable()
    faulthandler.register(signal.SIGTERM, all_threads=False, chain=True)
    os.register_at_fork(after_in_child=lambda: faulthandler.unregister(signal.SIGTERM))


def forget_our_frames(error: BaseException, names: list[str]) -> None:
    """Let the traceback of ``error`` begin with the first frame of a cell, one of ``names``."""
    # Up to the first frame of a cell there is nothing of the author's: this file, and the event loop.
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename not in names:
        trace = trace.tb_next
    error.__traceback__ = trace


def _exit_code(error: SystemExit) -> int:
    # As the interpreter does it: https://docs.python.org/3/library/exceptions.html#SystemExit
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)  # noqa: T201 - what sys.exit(text) does
    return 1


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # noqa: PERF203 - the task closed or replaced it
            continue


if __name__ == "__main__":
    main()
