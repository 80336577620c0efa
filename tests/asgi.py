"""Asks an ASGI app in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping


def ask(app: Any, method: str, url: str, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
    """Return what the app answers; what it raises is a 500."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.request(method, url, headers=dict(headers or {}), **more)

    return anyio.run(send)
