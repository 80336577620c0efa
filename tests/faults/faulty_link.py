"""A TCP link to a server that can be down, silent, slow, or cut in the middle of an answer."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, as a host that died does


@dataclass(frozen=True)
class Fault:
    """What is wrong with a link.

    Attributes:
        down: nobody listens.
        silent: it accepts, and nothing ever comes.
        cut_after_bytes: of answers; then the connection is reset.
        bytes_per_second: of answers; None is as fast as it goes.
    """

    down: bool = False
    silent: bool = False
    cut_after_bytes: int | None = None
    bytes_per_second: int | None = None


class FaultyLink:
    """Forwards connections to a port of this machine. Use it as a context; set `fault` whenever you like."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._fault = Fault()
        self._mended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def fault(self) -> Fault:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        if fault.down != self._fault.down:
            if fault.down:
                # Closing alone does not wake the thread that accepts.
                self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
            else:
                self._listener = socket.create_server(("127.0.0.1", self.port))
                self._start()
        self._fault = fault
        self._mended.set()  # who waits for an answer of the fault before has waited in vain
        self._mended = threading.Event()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.fault = Fault(down=True)

    def _start(self) -> None:
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=[client, self._fault, self._mended], daemon=True).start()

    def _serve(self, client: socket.socket, fault: Fault, mended: threading.Event) -> None:
        with client, contextlib.suppress(OSError):
            if fault.silent:
                mended.wait(120)
                return
            with socket.create_connection(("127.0.0.1", self._target_port)) as server:
                threading.Thread(target=_copy, args=[client, server], daemon=True).start()
                self._answer(server, client, fault)

    def _answer(self, server: socket.socket, client: socket.socket, fault: Fault) -> None:
        left = fault.cut_after_bytes
        at_once = max(1, fault.bytes_per_second // 10) if fault.bytes_per_second else 65536
        while data := server.recv(at_once):
            client.sendall(data if left is None else data[:left])
            if left is not None:
                left -= len(data)
                if left <= 0:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    return
            if fault.bytes_per_second:
                time.sleep(0.1)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
