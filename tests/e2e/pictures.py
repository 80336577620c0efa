"""The pictures of the documentation, taken of a demo that runs, with executions of every kind.

    python -m tests.e2e.pictures docs/images

Takes about four minutes. Each picture is to be looked at before it is committed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from tests.chromium import launched, logged_in
from tests.jupyter_lab import opened_in_lab, run_all_cells
from tests.team import make_team, notebook

from .conftest import Demo
from .tasks_world import token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page
    from tests.team import Team

NOTEBOOK = Path(__file__).parents[2] / "include" / "tasks_info.ipynb"
LOOPS = 4
PATIENCE_SECONDS = 400
TIME_LIMIT_SECONDS = 12

CODE = """
    import random
    import time

    def articles(seconds=1.0):
        print(f"asking for what was published since {time.strftime('%H:%M')}")
        time.sleep(random.uniform(0.3, 1) * seconds)
        print(random.randrange(20, 90), "articles")

    def train_model():
        for epoch in range(1, 5):
            time.sleep(random.uniform(0.1, 0.9))
            print(f"epoch {epoch}/4  loss {random.uniform(1, 2) / epoch:.3f}")
        print("\\033[32mweights saved\\033[0m")

    def user_profiles():
        print("reading profiles")
        time.sleep(random.uniform(0.2, 2))
        if time.time() % 60 > 25:
            raise ConnectionError("profiles.example.org refused the connection")
        print(random.randrange(9000, 9999), "profiles written")

    def embeddings(batches=10_000):
        for number in range(batches):
            print("batch", number, "of 10000")
            time.sleep(0.5)
"""
REPORT = notebook(
    "def report():\n    for day in ('Mon', 'Tue', 'Wed'):\n        print(day, 'articles', 42)",
    text="# Report of the week\n\nWhat was read most, by day.",
)
FIRST = """
    codops: debr
    tasks:
      articles_index: {notebook: news.py, method: articles}
      train_model: {notebook: news.py, method: train_model}
      user_profiles: {notebook: news.py, method: user_profiles}
      embeddings: {notebook: news.py, method: embeddings, args: {batches: 4}}
      weekly_report: {notebook: report.ipynb, method: report, full_notebook: true}
      related_publications: {notebook: news.py, method: articles}
      old_ranking: {notebook: news.py, method: articles}
      similar_items: {notebook: news.py, method: articles, args: {seconds: 3}}
      articles_fetch: {notebook: news.py, method: articles, args: {seconds: 10}, loop: metadata}
"""
# `related_publications` is stale now, `old_ranking` is removed, `similar_items` goes on. Behind it wait `embeddings`,
# which took too long, and `newsletter`, which never ran.
SECOND = """
    codops: debr
    tasks:
      articles_index: {notebook: news.py, method: articles}
      train_model: {notebook: news.py, method: train_model}
      user_profiles: {notebook: news.py, method: user_profiles}
      weekly_report: {notebook: report.ipynb, method: report, full_notebook: true}
      related_publications: {notebok: news.py, method: articles}
      similar_items: {notebook: news.py, method: embeddings}
      embeddings: {notebook: news.py, method: embeddings}
      newsletter: {notebook: news.py, method: articles}
      articles_fetch: {notebook: news.py, method: articles, args: {seconds: 10}, loop: metadata}
"""
OTHERS = {
    "sesr": """
    codops: sesr
    tasks:
      listening_report: {notebook: news.py, method: train_model}
      night_summary: {notebook: news.py, method: articles, args: {seconds: 8}}
      programmes_fetch: {notebook: news.py, method: articles, args: {seconds: 10}, loop: metadata}
""",
    "zzebu": """
    codops: zzebu
    tasks:
      related_publication_labse: {notebook: news.py, method: articles, args: {seconds: 20}}
""",
    "chsr": """
    codops: chsr
    tasks:
      top_stories: {notebook: news.py, method: articles, args: {seconds: 15}}
      trailers: {notebook: news.py, method: articles, args: {seconds: 15}}
""",
}
LOWEST = 680  # pixels; Airflow's navigation is so high
PATHS = {"overview": "plugin/tasks", "page": "plugin/tasks?org=debr&task=user_profiles"}
LOOKS = (("light", 1440), ("dark", 1440), ("light", 1024))


@contextmanager
def running_demo(folder: Path) -> Iterator[tuple[str, str]]:
    """Give the address and a token of a demo in which `similar_items` goes on, after executions of every kind."""
    source = folder / "source"
    files = {"peach.yaml": FIRST, "news.py": CODE, "report.ipynb": REPORT}
    debr = make_team(source / "recommender", files)
    for codops, content in OTHERS.items():
        make_team(source / f"{codops}-insights", {"peach.yaml": content, "news.py": CODE})
    demo = Demo(folder / "home", source)
    try:
        seen = 0
        for loop in range(LOOPS):
            ended = demo.wait_for(lambda one: one["task"] == "similar_items", seconds=PATIENCE_SECONDS, after=seen)
            seen = demo.seen.index(ended) + 1
            if loop == 0:
                # The demo goes by its platform file from the next sync on: from now on `embeddings` takes too long.
                limit(demo.home / "platform.yaml", TIME_LIMIT_SECONDS)
                debr.commit({"peach.yaml": FIRST.replace(", args: {batches: 4}", "")})
        root = f"http://127.0.0.1:{demo.port}"
        password = json.loads((demo.home / "airflow" / "passwords.json").read_text())["admin"]
        known = token(root, "admin", password)
        let_the_last_loop_begin(demo, debr, root, known)
        yield root, known
    finally:
        demo.stop()


def limit(platform_file: Path, seconds: int) -> None:
    """Give tasks of ``debr`` so long; it holds from the next sync on."""
    before = platform_file.read_text(encoding="utf-8").partition("organisations:")[0]
    platform_file.write_text(f"{before}organisations:\n  debr:\n    time_limit: {seconds}\n", encoding="utf-8")


def let_the_last_loop_begin(demo: Demo, debr: Team, root: str, known: str) -> None:
    """Change the tasks; wait until `similar_items` runs and has time."""
    debr.commit({"peach.yaml": SECOND})
    headers = {"Authorization": f"Bearer {known}"}
    httpx.patch(f"{root}/api/v2/dags/chsr", json={"is_paused": True}, headers=headers).raise_for_status()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        tasks = httpx.get(f"{root}/peach/api/organisations/debr", headers=headers).json()["tasks"]
        states = {task["name"]: (task["state"], task["removed"]) for task in tasks}
        if "newsletter" in states:
            # Runs that began before keep their limit, as all of their configuration.
            limit(demo.home / "platform.yaml", 900)
        waits = states.get("newsletter") == ("PENDING", False)
        if waits and states["similar_items"][0] == "RUNNING" and states["old_ranking"][1]:
            return
        time.sleep(0.5)
    raise SystemExit(f"similar_items does not run: {states}")


def take(browser: Browser, root: str, known: str, folder: Path) -> None:
    """Take the pictures."""
    for theme, width in LOOKS:
        options: dict[str, Any] = {"color_scheme": theme, "viewport": {"width": width, "height": 900}}
        with logged_in(browser, root, known, **options) as reader:
            for name, path in PATHS.items():
                page = reader.open(path)
                page.get_by_role("table").first.wait_for()
                if name == "page":
                    page.get_by_role("log").get_by_text("refused the connection").first.wait_for()
                fit(page, width)
                if name == "page":
                    point_at_a_failure(page)
                page.screenshot(path=folder / f"tasks-{name}-{theme}-{width}.png")


def take_notebook(root: str, known: str, place: Path, folder: Path) -> None:
    """Take the picture of the information notebook."""
    place.mkdir()
    with opened_in_lab(NOTEBOOK, place, PEACH_URL=root, PEACH_TOKEN=known) as page:
        run_all_cells(page)
        page.get_by_label("Organisation:").select_option("debr")
        page.get_by_role("button", name="user_profiles", exact=True).click()
        page.locator(".peach-log").get_by_text("refused the connection").first.wait_for()
        news = page.get_by_role("button", name="No", exact=True)
        news.click()
        news.wait_for(state="detached")
        page.screenshot(path=folder / "tasks-notebook.png")


def point_at_a_failure(page: Page) -> None:
    """Show what the graph says of one execution."""
    cross = page.locator("g.peach-mark-failed path").last
    place = cross.bounding_box()
    if place is None:
        raise SystemExit("the graph has no failure")
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.locator(".peach-tip").get_by_text("failed").wait_for()


def fit(page: Page, width: int) -> None:
    """Make the window as high as what is in it; some of it grows with the window."""
    for _ in range(3):
        height = page.locator(".peach-main").evaluate("(box) => box.scrollHeight")
        page.set_viewport_size({"width": width, "height": max(height + 60, LOWEST)})
        page.wait_for_timeout(500)


def main() -> None:
    """Start the demo, take the pictures."""
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as place, running_demo(Path(place)) as (root, known):
        with launched() as browser:
            take(browser, root, known, folder)
        take_notebook(root, known, Path(place) / "lab", folder)


if __name__ == "__main__":
    main()
