"""Requests that change something and that another site made a browser send are refused."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import HTTPException, Request, status

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_cross_site(request: Request) -> None:
    """Raise 403 when a page of another site sends this; the login's cookie travels with it.

    Browsers say where it comes from (``Sec-Fetch-Site``, ``Origin``); who is no browser (a forge's webhook, curl) says
    nothing, and has no cookie.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is None and origin is not None:
        site = "same-origin" if urlsplit(origin).netloc == request.headers.get("host") else "cross-site"
    if site not in {None, "same-origin", "none"}:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "refused: sent by a page of another site")
