"""The system's Chromium, driven by Playwright, on pages of a real Airflow; no other host can be reached."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, Request

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # The network is cut but for this machine. Not by a route of Playwright, which switches the browser's cache off.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
# How long anything that is waited for may take, in milliseconds: the machine may be busy with other tests.
PATIENCE_MS = 45_000
expect.set_options(timeout=PATIENCE_MS)


def chromium_path() -> str:
    """Return the browser's program; without one the test is skipped, and fails where CI promised one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = "no Chromium on PATH: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """Give a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Reader:
    """Somebody who is logged in and looks at pages.

    Attributes:
        root: the address of Airflow, with its sub-path, without a slash at the end.
        wrong: what should not have happened: errors in the console, failed answers, requests to other hosts.
    """

    context: BrowserContext
    root: str
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Open a page of Airflow in a new tab."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("console", lambda said: self.wrong.append(f"console: {said.text}") if said.type == "error" else None)
        page.goto(f"{self.root}/{path}")
        return page

    def ask(self, path: str) -> Any:
        """Return what Airflow's own API answers; fail when it does not."""
        answer = self.context.request.get(f"{self.root}/{path}")
        assert answer.ok, f"{path}: {answer.status} {answer.text()}"
        return answer.json()


@contextmanager
def logged_in(browser: Browser, root: str, token: str, **options: Any) -> Iterator[Reader]:
    """Give a reader with a session of Airflow; a request to any other host is noted, and fails."""
    own = urlsplit(root)
    context = browser.new_context(
        **({"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"} | options)
    )
    context.set_default_timeout(PATIENCE_MS)
    context.set_default_navigation_timeout(PATIENCE_MS)
    reader = Reader(context, root)

    def seen(request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme in {"http", "https", "ws", "wss"} and asked.netloc != own.netloc:
            reader.wrong.append(f"asked another host: {request.url}")

    context.on("request", seen)
    context.add_cookies([{"name": "_token", "value": token, "domain": str(own.hostname), "path": own.path or "/"}])
    try:
        yield reader
    finally:
        context.close()
