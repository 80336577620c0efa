"""How soon the Tasks page can be used in a real Chromium, with many organisations in a real PostgreSQL.

    python benchmarks/tasks_page_browser.py [--keep FOLDER] [ORGANISATIONS] [TASKS_EACH] [TASK_INSTANCES]

Of the database that ``tasks_page.py`` makes, and may have kept. Serves Airflow's whole API server from this process
and opens the page as a reader does: by its address, first with nothing kept by the browser, then with all kept; and
from within Airflow, by clicks. Usable means that the rows are there and react; for one task also the dots of its graph.

On two quiet cores, which server and browser share, medians of five, 1,000,000 task instances:

============  =============  =====================  =========
view          by a click in  by its address, first  of it
              Airflow        visit / again          ours
============  =============  =====================  =========
overview      0.5 s          2.0 / 1.6 s            0.5-0.7 s
organisation  0.3 s          1.7 / 1.9 s            0.5-0.7 s
task          1.0 s          2.4 / 2.3 s            1.1 s
============  =============  =====================  =========

The rest of the time of an address goes to Airflow's own pages, which load before they ask for ours.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tasks_page import history
from tests.chromium import Reader, launched, logged_in
from tests.free_port import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 5
VIEWS = {
    "overview": ("plugin/tasks", 'tr:has-text("org099")'),
    "organisation": ("plugin/tasks?org=org001", 'tr[data-task="task20"]'),
    "task": ("plugin/tasks?org=org001&task=task3", "g.peach-mark-success circle"),
}


@contextmanager
def served(port: int) -> Iterator[str]:
    """Serve Airflow's API; give a token of an administrator."""
    import uvicorn  # noqa: PLC0415 - after Airflow's settings are in the environment
    from airflow.api_fastapi.app import create_app, get_auth_manager  # noqa: PLC0415
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415

    server = uvicorn.Server(uvicorn.Config(create_app(apps="core"), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise SystemExit("Airflow's API server did not start")
        time.sleep(0.1)
    yield get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="admin", role="admin"))
    server.should_exit = True
    thread.join()


def seconds_until_usable(reader: Reader, path: str, wanted: str) -> tuple[float, float]:
    """Open the page; return how long it took until the wanted element was in sight, and how long ours had for it."""
    page = reader.context.new_page()
    began = time.perf_counter()
    page.goto(f"{reader.root}/{path}", wait_until="commit")
    page.locator(wanted).first.wait_for()
    taken = time.perf_counter() - began
    # Until then Airflow's own pages were loading.
    entry = "performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/main.js'))"
    asked = page.evaluate(f"{entry}.startTime")
    page.close()
    return taken, taken - asked / 1000


def seconds_of_clicks(reader: Reader) -> list[float]:
    """Go from Airflow's home to the overview, an organisation, a task; return how long each took to be usable."""
    page = reader.context.new_page()
    page.goto(reader.root)
    page.wait_for_load_state("networkidle")
    clicked = (
        page.get_by_role("link", name="Tasks", exact=True),
        page.get_by_role("link", name="org001", exact=True),
        page.locator('tr[data-task="task3"]'),
    )
    taken = []
    for link, (_, wanted) in zip(clicked, VIEWS.values(), strict=True):
        link.first.wait_for()
        began = time.perf_counter()
        link.first.click()
        page.locator(wanted).first.wait_for()
        taken.append(time.perf_counter() - began)
    page.close()
    return taken


def medians(measured: list[tuple[float, float]]) -> str:
    """Return the medians of the whole and of our part."""
    whole, ours = (statistics.median(times) for times in zip(*measured, strict=True))
    return f"{whole:5.2f} s, of it ours {ours:5.2f} s"


def main() -> None:
    """Measure and print."""
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    with history(AIRFLOW__API__BASE_URL=root), served(port) as token, launched() as browser:
        for name, (path, wanted) in VIEWS.items():
            fresh = []
            for _ in range(RUNS):
                with logged_in(browser, root, token) as reader:
                    fresh.append(seconds_until_usable(reader, path, wanted))
            with logged_in(browser, root, token) as reader:
                kept = [seconds_until_usable(reader, path, wanted) for _ in range(RUNS + 1)][1:]
            print(f"  {name:<14}first visit {medians(fresh)}   again {medians(kept)}", flush=True)
        with logged_in(browser, root, token) as reader:
            clicks = [seconds_of_clicks(reader) for _ in range(RUNS)]
        for name, times in zip(VIEWS, zip(*clicks, strict=True), strict=True):
            print(f"  {name:<14}by a click {statistics.median(times):5.2f} s (at most {max(times):.2f})", flush=True)


if __name__ == "__main__":
    main()
