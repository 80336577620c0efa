"""A real Airflow for each test file: ``peach demo`` as a user starts it, on repositories the test commits to."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.free_port import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BIN = Path(sys.executable).parent


class Demo:
    """A running ``peach demo --format json``; its executions arrive in ``seen``."""

    def __init__(self, home: Path, source: Path, *arguments: str) -> None:
        self.home = home
        self.port = free_port()
        self.seen: list[dict[str, Any]] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self.errors = home.parent / f"{home.name}-errors.txt"
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [
                    *(str(BIN / "peach"), "demo", "--format", "json", "--port", str(self.port)),
                    *("--home", str(home), "--source", str(source), *arguments),
                ],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(
        self, wanted: Callable[[dict[str, Any]], bool], *, seconds: float = 90, after: int = 0
    ) -> dict[str, Any]:
        """Return the first execution from number ``after`` on that is wanted."""
        deadline = time.monotonic() + seconds
        position = after
        while True:
            while position < len(self.seen):
                if wanted(self.seen[position]):
                    return self.seen[position]
                position += 1
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"not seen within {seconds} s; seen: {self.seen[after:]}; {self._said()}")
            self.seen.append(json.loads(line))

    def airflow(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``airflow`` against the demo, as the demo says one can."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        completed = subprocess.run(
            [str(BIN / "airflow"), *arguments],
            env=environment | {"AIRFLOW_HOME": str(self.home / "airflow")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check:
            assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed

    def drain(self) -> list[dict[str, Any]]:
        """Wait for the demo to end by itself; return all that it reported."""
        self.process.wait()
        self._reader.join()
        while (line := self._lines.get()) is not None:
            self.seen.append(json.loads(line))
        return self.seen

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self.process.stdout.close()
        self._lines.put(None)

    def _said(self) -> str:
        return self.errors.read_text(encoding="utf-8")[-2000:]


def processes_mentioning(text: str) -> list[str]:
    """The command lines or environments of living processes with ``text`` in them, but our own."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            content = (folder / "cmdline").read_bytes() + b" " + (folder / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in content:
            found.append(content.replace(b"\0", b" ").decode(errors="replace")[:300])
    return found


@pytest.fixture(scope="module")
def module_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture
def start_demo() -> Iterator[Callable[..., Demo]]:
    """Start demos that are ended after the test."""
    started: list[Demo] = []

    def start(home: Path, source: Path, *arguments: str) -> Demo:
        demo = Demo(home, source, *arguments)
        started.append(demo)
        return demo

    yield start
    for demo in started:
        demo.stop()
