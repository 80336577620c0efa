"""A notebook in a real JupyterLab in Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import expect
from tests.chromium import PATIENCE_MS, launched
from tests.free_port import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer: {log.read_text(errors='replace')[-3000:]}")


@contextlib.contextmanager
def running(argv: list[str], url: str, folder: Path, **environment: str) -> Iterator[None]:
    """Run a server until the end, and all that it started."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, env=os.environ | environment, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(url, process, log)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait(30)


@contextlib.contextmanager
def opened_in_lab(notebook: Path, folder: Path, **environment: str) -> Iterator[Page]:
    """Open a copy of the notebook that is below ``folder``, as everything of this JupyterLab; nothing runs yet."""
    shutil.copy(notebook, folder)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port", str(port), "--ip=127.0.0.1"]
    options = ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder}", "--LabApp.extension_manager=readonly"]
    # It asks no other host for news.
    options += ["--LabApp.news_url=None"]
    options += ["--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate"]
    folders = {f"JUPYTER_{name}_DIR": str(folder / ".jupyter" / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    with running([*argv, *options], f"{url}/api/status", folder, **environment, **folders), launched() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1400})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{url}/lab/tree/{notebook.name}")
        yield page


def run_all_cells(page: Page) -> None:
    """Do what the menu does."""
    # It is named after what is in front, once it is: until the kernel is there, that is nothing.
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible()
    expect(page.get_by_title("Change kernel for")).to_contain_text("Idle")
    page.locator(".jp-Notebook .jp-CodeCell").first.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
