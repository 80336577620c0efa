"""The route that a git host's webhook asks for a sync: ``POST /peach/api/sync``.

The host proves that it knows the secret: GitLab sends it (``X-Gitlab-Token``), GitHub signs with it
(``X-Hub-Signature-256``). What else is sent is not looked at: a sync asks the sources itself.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
from collections import OrderedDict, deque

from fastapi import APIRouter, HTTPException, Request, Response, status

from airflow_peach.catalogue.sync_request import request_sync
from airflow_peach.errors import PeachError
from airflow_peach.loops.connections import connection_login
from airflow_peach.settings import load_settings

log = logging.getLogger(__name__)

router = APIRouter()

# GitHub sends no more.
BODY_LIMIT_BYTES = 25 * 1024 * 1024
# Wrong secrets from one address in a minute, before it is not listened to.
FAILURES_A_MINUTE = 20
_MINUTE_SECONDS = 60.0
_ADDRESSES = 10_000
_SECRET_AGE_SECONDS = 30.0
_GITHUB_PREFIX = "sha256="


class Failures:
    """Who sent wrong secrets lately. Bounded, whoever asks from however many addresses."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def too_many(self, address: str) -> bool:
        """Whether this address has used up its minute."""
        with self._lock:
            times = self._times.get(address)
            while times and times[0] < time.monotonic() - _MINUTE_SECONDS:
                times.popleft()
            return times is not None and len(times) >= FAILURES_A_MINUTE

    def add(self, address: str) -> None:
        """Note one more."""
        with self._lock:
            self._times.setdefault(address, deque(maxlen=FAILURES_A_MINUTE)).append(time.monotonic())
            self._times.move_to_end(address)
            while len(self._times) > _ADDRESSES:
                self._times.popitem(last=False)


_failures = Failures()
_known_secrets: dict[str, tuple[float, str]] = {}


@router.post("/api/sync", status_code=status.HTTP_202_ACCEPTED)
async def sync(request: Request) -> Response:
    """Request a sync. 202 when it will be; 401 for who does not know the secret; 429 for who guesses."""
    address = request.client.host if request.client else ""
    if _failures.too_many(address):
        raise HTTPException(status.HTTP_429_TOO_MANY_REQUESTS, headers={"Retry-After": "60"})
    settings = load_settings()
    secret = _secret(settings.webhook_connection)
    if not secret or not await _knows(request, secret.encode()):
        _failures.add(address)
        raise HTTPException(status.HTTP_401_UNAUTHORIZED)
    request_sync(settings.home)
    return Response(status_code=status.HTTP_202_ACCEPTED)


async def _knows(request: Request, secret: bytes) -> bool:
    """Whether the request proves that its sender knows ``secret``; compared in constant time."""
    token = request.headers.get("x-gitlab-token")
    if token is not None:
        return hmac.compare_digest(_digest(token.encode()), _digest(secret))
    signature = request.headers.get("x-hub-signature-256", "")
    if not signature.startswith(_GITHUB_PREFIX):
        return False
    signed, size_bytes = hmac.new(secret, digestmod=hashlib.sha256), 0
    async for piece in request.stream():
        size_bytes += len(piece)
        if size_bytes > BODY_LIMIT_BYTES:
            return False
        signed.update(piece)
    expected = _GITHUB_PREFIX + signed.hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def _digest(text: bytes) -> bytes:
    # Of one length: a comparison of texts of two lengths ends early.
    return hashlib.sha256(text).digest()


def _secret(connection_id: str) -> str:
    """Return the password of the connection; empty when there is none. Asked again after half a minute."""
    if not connection_id:
        return ""
    read_at, secret = _known_secrets.get(connection_id, (float("-inf"), ""))
    if time.monotonic() - read_at < _SECRET_AGE_SECONDS:
        return secret
    try:
        secret = connection_login(connection_id)[1]
    except PeachError as error:
        log.warning("no webhook is accepted: %s", error)
        secret = ""
    _known_secrets[connection_id] = (time.monotonic(), secret)
    return secret
