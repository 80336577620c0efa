"""HTTP with one host: its own addresses only, until a deadline, with a limit on what it answers."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
import urllib3

from airflow_peach.errors import PeachError
from airflow_peach.repositories.login import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_LIMIT_BYTES = 32 * 1024 * 1024
# One connection, or one silence in the middle of an answer; the whole has its deadline.
SILENCE_SECONDS = 20.0
_CHUNK_BYTES = 16 * 1024
_TOO_MANY_REQUESTS = 429
# What a host that does not say is left alone.
_DEFAULT_PAUSE_SECONDS = 60.0
_SAID_CHARACTERS = 200
# The same words for as long as it lasts: what is said is part of the catalogue's version.
PAUSE = "asks for a pause (429), and is asked again when that is over"
TO_READ = "to read the API and the repositories"
NOT_JSON = "answered with something that is not JSON: half an answer, or a page of a proxy"


class HostError(PeachError):
    """The host did not answer as it should; the message says how, and what to do."""


class RefusedError(HostError):
    """The host answered with a status that is no success."""


class SilentHostError(HostError):
    """The host said nothing in time."""

    def __init__(self) -> None:
        super().__init__("did not answer in time")


class BusyHostError(HostError):
    """The host asks for a pause (429). ``pause_seconds`` is how long it wants."""

    def __init__(self, message: str, pause_seconds: float) -> None:
        super().__init__(message)
        self.pause_seconds = pause_seconds


class HostSession(requests.Session):
    """A session that speaks with the host of ``url`` only, so that nobody else is ever given its token.

    A 429 is waited for when its ``Retry-After`` ends before the deadline, else it is a ``BusyHostError``.

    Args:
        url: of the host.
        deadline: in ``time.monotonic()``; of all requests together.
        silence_seconds: how long a connection, or a piece of an answer, may take.
    """

    def __init__(self, url: str, deadline: float, silence_seconds: float) -> None:
        super().__init__()
        self._silence_seconds = silence_seconds
        self._origin = origin_of(url)
        self._deadline = deadline

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """Send a request; redirects come here too. Raises ``HostError``."""
        while True:
            response = self._send_once(request, **kwargs)
            if response.status_code != _TOO_MANY_REQUESTS:
                return response
            pause_seconds = _pause_seconds(response)
            if time.monotonic() + pause_seconds >= self._deadline:
                raise BusyHostError(PAUSE, pause_seconds)
            time.sleep(pause_seconds)

    def _send_once(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - the same
        if origin_of(request.url or "") != self._origin:
            raise HostError(
                f"leads to another host, {origin_of(request.url or '')}, which is not given the token; write the "
                "address that it leads to as 'url'"
            )
        kwargs.update(stream=True, timeout=min(self._silence_seconds, self._remaining_seconds()))
        response = super().send(request, **kwargs)
        if not response._content_consumed:  # noqa: SLF001 - a redirect's last response was read by the inner call
            response._content = self._read(response.raw)  # noqa: SLF001 - as requests itself does
            response._content_consumed = True  # noqa: SLF001 - the same
        return response

    def _read(self, raw: urllib3.BaseHTTPResponse) -> bytes:
        """Read the body piece by piece, as it comes: a host that drips must not hold us longer than it may."""
        content = bytearray()
        while piece := raw.read1(_CHUNK_BYTES, decode_content=True):
            content += piece
            if len(content) > ANSWER_LIMIT_BYTES:
                raise HostError(f"answered with more than {ANSWER_LIMIT_BYTES:,} bytes")
            self._remaining_seconds()
        return bytes(content)

    def _remaining_seconds(self) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise SilentHostError
        return remaining


@contextmanager
def told_failures() -> Iterator[None]:
    """Turn what HTTP raises into a ``HostError``: one sentence's end, as in "cannot be listed: …"."""
    try:
        yield
    except urllib3.exceptions.TimeoutError as error:
        raise SilentHostError from error
    except (urllib3.exceptions.HTTPError, requests.exceptions.ChunkedEncodingError) as error:
        raise HostError("broke off in the middle of its answer") from error
    except requests.exceptions.JSONDecodeError as error:
        raise HostError(NOT_JSON) from error
    except requests.Timeout as error:
        raise SilentHostError from error
    except requests.exceptions.SSLError as error:
        raise HostError(f"has a certificate that is not trusted: {_cause(error)}") from error
    except requests.RequestException as error:
        raise HostError(f"cannot be reached: {_cause(error)}") from error


def one_line(said: object) -> str:
    """Return what a host said as one short line."""
    return " ".join(str(said).split())[:_SAID_CHARACTERS]


def _cause(error: BaseException) -> str:
    """Return the innermost cause: what the system said."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return one_line(reason or error).rpartition(": ")[2].rpartition("] ")[2]


def _pause_seconds(response: requests.Response) -> float:
    """Return what ``Retry-After`` says; hosts write seconds there."""
    try:
        return max(0.1, float(response.headers.get("Retry-After", _DEFAULT_PAUSE_SECONDS)))
    except ValueError:
        return _DEFAULT_PAUSE_SECONDS


def status_failure(status: int, said: str, token: str, *, rights: str = TO_READ) -> str:
    """Return what a status code means for the platform's operator.

    Args:
        status: HTTP status code.
        said: what the host said with it.
        token: where the token comes from, in words; empty where there is none.
        rights: that were needed.
    """
    said = f"{status}, {said}" if said else str(status)
    where = f" into {token}" if token else " into an Airflow connection, and its id in 'connection'"
    if status == 401:  # noqa: PLR2004 - HTTP's own
        return f"refuses the token ({said}): it is wrong, revoked or expired; make a new one and put it{where}"
    if status == 403:  # noqa: PLR2004 - HTTP's own
        return f"forbids it ({said}): the token lacks a right; make one with the right {rights}, and put it{where}"
    if status == 404:  # noqa: PLR2004 - HTTP's own
        return f"knows nothing there ({said}): the url or a group is misspelt, or the token's user may not see it"
    if status >= 500:  # noqa: PLR2004 - HTTP's own
        return f"has a failure of its own ({said}); the next sync asks again"
    return f"refuses to answer ({said})"
