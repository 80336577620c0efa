"""A package index with one package, an ``ipykernel`` that is the tests' own: an environment with it is made at once."""

from __future__ import annotations

import contextlib
import functools
import http.server
import importlib.util
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "7.0.0"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    ended: threading.Event

    def do_GET(self) -> None:
        if "/ipykernel" in self.path:
            super().do_GET()
        else:
            self.ended.wait()

    def log_message(self, *_: Any) -> None: ...


@contextlib.contextmanager
def kernel_index(folder: Path) -> Iterator[str]:
    """Serve the index from ``folder``; its address. Who asks for any other package never gets an answer."""
    package = folder / "simple" / "ipykernel"
    package.mkdir(parents=True)
    _write_wheel(package / f"ipykernel-{VERSION}-py3-none-any.whl")
    ended = threading.Event()
    handler = functools.partial(type("_Handler", (_Quiet,), {"ended": ended}), directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        ended.set()
        server.shutdown()


def _write_wheel(path: Path) -> None:
    installed = importlib.util.find_spec("ipykernel")
    assert installed is not None
    assert installed.origin is not None
    information = f"ipykernel-{VERSION}.dist-info"
    files = {
        "the_tests_packages.pth": f"{Path(installed.origin).parents[1]}\n",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: ipykernel\nVersion: {VERSION}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        wheel.writestr(f"{information}/RECORD", "".join(f"{name},,\n" for name in files))
