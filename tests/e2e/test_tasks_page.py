"""The Tasks page in a real Chromium: executions of every kind in a real Airflow, compared with Airflow's own API."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from tests.chromium import launched, logged_in

from .tasks_world import HOSTILE, LINES, SubPathServer, World, make_world, token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page
    from tests.chromium import Reader

pytestmark = [pytest.mark.airflow, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

NOTHING = "\N{EN DASH}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def world(browser: Browser, module_path: Path) -> Iterator[World]:  # noqa: ARG001 - without a browser no Airflow starts
    started: list[Any] = []
    try:
        yield make_world(module_path, started)
    finally:
        for each in started:
            each.stop()


@pytest.fixture(scope="module")
def session(world: World) -> str:
    return world.token()


@pytest.fixture(scope="module")
def administrator(browser: Browser, world: World, session: str) -> Iterator[Reader]:
    """One for all tests: what the browser keeps of Airflow's pages, it loads once."""
    with logged_in(browser, world.root, session) as reader:
        yield reader


@pytest.fixture
def reader(administrator: Reader) -> Iterator[Reader]:
    """The administrator, without a page yet; whatever goes wrong in the browser fails the test."""
    administrator.wrong.clear()
    yield administrator
    for page in administrator.context.pages:
        page.close()
    assert administrator.wrong == []


def row(page: Page, task: str) -> Locator:
    return page.locator(f'tr[data-task="{task}"]')


def cells(page: Page, task: str) -> list[str]:
    row(page, task).wait_for()
    return [text.strip() for text in row(page, task).locator("th, td").all_inner_texts()]


def executions(reader: Reader, dag: str, task: str) -> list[dict[str, Any]]:
    """What Airflow's own API knows of a task, newest first."""
    query = f"task_id={task}&order_by=-start_date&limit=100"
    found = reader.ask(f"api/v2/dags/{dag}/dagRuns/~/taskInstances?{query}")["task_instances"]
    return [each for each in found if each["task_id"] == task and each["start_date"]]


def clock(text: str) -> str:
    return dt.datetime.fromisoformat(text).astimezone(dt.timezone.utc).strftime("%H:%M:%S")


def seconds(shown: str) -> float:
    minutes = re.fullmatch(r"(\d+) min (\d+) s", shown)
    return int(minutes[1]) * 60 + int(minutes[2]) if minutes else float(shown.removesuffix(" s"))


def test_the_page_is_in_airflows_navigation_and_shows_all_organisations(reader: Reader) -> None:
    page = reader.open("")
    page.get_by_role("link", name="Tasks", exact=True).click()
    expect(page).to_have_url(re.compile("/plugin/tasks$"))
    table = page.get_by_role("table", name="Organisations")
    expect(table.locator("tbody tr")).to_have_count(3)
    assert table.locator("tbody th").all_inner_texts() == ["debr", "sesr", "zzebu"]
    debr = table.locator("tbody tr").first
    expect(debr).to_contain_text("fails")
    expect(debr).to_contain_text("1 stale")
    expect(debr).to_contain_text("slow")
    expect(debr.locator("svg")).to_have_attribute("aria-label", re.compile(r"last \d+ loops, \d+ with failed tasks"))
    expect(page.locator(".peach-facts")).to_contain_text("Metadata loop")
    expect(page.locator(".peach-facts")).to_contain_text("Isolation")
    debr.get_by_role("link", name="debr").click()
    expect(page).to_have_url(re.compile(r"\?org=debr$"))
    expect(page.get_by_label("Organisation", exact=True)).to_have_value("debr")


def test_the_dropdown_chooses_the_organisation(reader: Reader) -> None:
    page = reader.open("plugin/tasks")
    dropdown = page.get_by_label("Organisation", exact=True)
    expect(dropdown.locator("option")).to_have_count(4)
    dropdown.select_option("zzebu")
    expect(row(page, "report")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?org=zzebu$"))
    page.go_back()
    expect(page.get_by_role("table", name="Organisations")).to_be_visible()


def test_each_column_of_the_tasks_is_what_airflow_knows(reader: Reader, world: World) -> None:
    page = reader.open("plugin/tasks?org=debr")
    states = {"works": "FINISHED", "fails": "FINISHED", "slow": "RUNNING", "later": "PENDING"}
    for task, state in states.items():
        shown = cells(page, task)
        known = executions(reader, "debr", task)
        ended = [each for each in known if each["state"] in {"success", "failed"}]
        assert shown[1] == state, task
        assert shown[2].split()[0] == (ended[0]["state"] if ended else NOTHING), task
        assert shown[3] == (clock(known[0]["start_date"]) if known else NOTHING), task
        if state == "FINISHED":
            assert seconds(shown[4]) == pytest.approx(ended[0]["duration"], abs=0.06), task
        assert shown[5] == str(sum(each["state"] == "success" for each in ended)), task
        assert shown[6] == str(sum(each["state"] == "failed" for each in ended)), task
    assert cells(page, "works")[7] == world.versions[1]
    assert "never run" in cells(page, "later")[0]
    assert "stale" in cells(page, "spoiled")[0]
    assert "removed" in cells(page, "gone")[0]
    assert "metadata loop" in cells(page, "fetch")[0]
    start = row(page, "works").locator("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", str(start.get_attribute("title")))


def test_the_loop_its_position_and_length(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=debr")
    loops = page.get_by_role("region", name="Loops")
    expect(loops).to_contain_text("4 of 5")
    expect(loops).to_contain_text("slow")
    expect(loops.get_by_role("link", name="metadata loop")).to_be_visible()
    loops.get_by_role("link", name="this run").first.click()
    expect(page).to_have_url(re.compile("/dags/debr/runs/"))


def test_the_executions_of_a_task(reader: Reader, world: World) -> None:
    page = reader.open("plugin/tasks?org=debr&task=works")
    table = page.get_by_role("table", name="Executions of works")
    known = executions(reader, "debr", "works")
    expect(table.locator("tbody tr")).to_have_count(len(known))
    for line, execution in zip(table.locator("tbody tr").all(), known, strict=True):
        shown = [text.strip() for text in line.locator("td").all_inner_texts()]
        assert shown[0] in world.versions
        assert shown[1] == clock(execution["start_date"])
        assert shown[2].split()[0] == execution["state"]
        assert seconds(shown[3]) == pytest.approx(execution["duration"], abs=0.06)
        assert shown[4] == "show below"
    assert table.locator("tbody tr").last.locator("td").first.inner_text() == world.versions[0]
    assert table.locator("tbody tr").first.locator("td").first.inner_text() == world.versions[1]


def test_a_timed_out_execution_says_so(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=sesr&task=late")
    table = page.get_by_role("table", name="Executions of late")
    ended = table.locator("tbody tr", has_text="timed out").first
    expect(ended).to_be_visible()
    expect(ended.locator(".peach-reason-line")).to_have_text(re.compile("timed out after 3"))


def test_the_graph_has_a_blue_dot_for_a_success_and_a_red_cross_for_a_failure(reader: Reader, world: World) -> None:
    page = reader.open("plugin/tasks?org=debr&task=works")
    dots = page.locator("g.peach-mark-success circle")
    expect(dots).to_have_count(len(executions(reader, "debr", "works")))
    red, _, blue = colours(dots.first, "fill")
    assert blue > red + 100
    # They are drawn newest first, as the table has them.
    place = dots.first.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 3, place["y"] + 3)
    tip = page.locator(".peach-tip")
    newest = executions(reader, "debr", "works")[0]
    expect(tip).to_contain_text(world.versions[1])
    expect(tip).to_contain_text("success")
    expect(tip).to_contain_text(clock(newest["start_date"]))
    expect(tip).to_contain_text(f"{newest['duration']:.1f} s")
    page.mouse.click(place["x"] + 3, place["y"] + 3)
    expect(page).to_have_url(re.compile(r"&run=.*&try=1"))
    expect(page.locator("tr.peach-current[data-run]")).to_have_attribute("data-run", newest["dag_run_id"])

    page.goto(f"{reader.root}/plugin/tasks?org=debr&task=fails")
    crosses = page.locator("g.peach-mark-failed path")
    expect(crosses).to_have_count(len(executions(reader, "debr", "fails")))
    red, _, blue = colours(crosses.first, "stroke")
    assert red > blue + 100


def colours(mark: Locator, attribute: str) -> list[int]:
    drawn = mark.evaluate("(element, name) => getComputedStyle(element)[name]", attribute)
    return [int(number) for number in re.findall(r"\d+", drawn)[:3]]


def test_logs_of_all_executions_or_of_one(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=debr&task=works")
    log = page.get_by_role("log")
    number = len(executions(reader, "debr", "works"))
    expect(page.get_by_text(f"of all {number} executions")).to_be_visible()
    expect(log.locator(".peach-log-heading")).to_have_count(number)
    expect(log.get_by_text("the word is one")).to_have_count(number)
    page.get_by_role("button", name=re.compile("Show the log of")).last.click()
    expect(log.locator(".peach-log-heading")).to_have_count(0)
    expect(log.get_by_text("the word is one")).to_have_count(1)
    expect(log).to_be_in_viewport(ratio=0.9)
    expect(page).to_have_url(re.compile("&run="))
    page.reload()
    expect(log.get_by_text("the word is one")).to_have_count(1)
    page.get_by_role("button", name="Show all").click()
    expect(log.get_by_text("the word is one")).to_have_count(number)


def test_colours_search_and_airflows_own_lines(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=debr&task=works")
    page.get_by_role("button", name=re.compile("Show the log of")).first.click()
    log = page.get_by_role("log")
    expect(log.locator(".peach-ansi-red")).to_have_text("red")
    expect(log.locator(".peach-ansi-bold.peach-ansi-green")).to_have_text("green")
    assert colours(log.get_by_text("orange"), "color") == [255, 135, 0]
    expect(log.get_by_text("Pre Execute")).to_have_count(0)
    page.get_by_role("button", name=re.compile("Airflow's lines")).click()
    expect(log.get_by_text("Pre Execute")).to_have_count(1)
    page.get_by_label("Search the logs").fill("WORD is")
    expect(log.locator("mark")).to_have_text("word is")
    page.get_by_label("Search the logs").press("Enter")
    expect(page.get_by_role("region", name="Logs").get_by_text("1 of 1", exact=True)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert "red and green orange" in saved
    assert "\x1b" not in saved


def test_the_running_execution_is_followed(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=debr&task=slow")
    page.locator("tr[data-run]", has_text="running").get_by_role("button", name=re.compile("Show the log")).click()
    log = page.get_by_role("log")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    last = log.get_by_text(re.compile(r"^tick \d+$")).last
    expect(last).to_be_visible()
    seen = int(last.inner_text().split()[1])
    expect(log.get_by_text(f"tick {seen + 4}", exact=True)).to_be_in_viewport()


def test_a_hundred_thousand_lines_stay_smooth(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=zzebu&task=chatty")
    page.get_by_role("button", name=re.compile("Show the log of")).last.click()
    log = page.get_by_role("log")
    # Airflow's API takes its time for so many: a second for each 10,000, more on a busy machine.
    expect(log.get_by_text(f"line {LINES - 1}", exact=True)).to_be_visible(timeout=240_000)
    # How long each of 30 frames takes while the whole log passes by; in milliseconds, the median.
    frame = log.evaluate(
        """async (box) => {
            const taken = [];
            for (let step = 0; step <= 30; step += 1) {
                const before = performance.now();
                box.scrollTop = (box.scrollHeight - box.clientHeight) * step / 30;
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                taken.push(performance.now() - before);
            }
            return taken.sort((a, b) => a - b)[15];
        }"""
    )
    assert frame < 200
    assert log.locator(".peach-log-line").count() < 150
    page.get_by_label("Search the logs").fill(f"line {LINES // 2}")
    page.get_by_label("Search the logs").press("Enter")
    expect(log.locator("mark").first).to_be_in_viewport()


def test_an_executed_notebook_is_shown_in_a_frame_that_may_do_nothing(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=zzebu&task=report")
    page.get_by_role("button", name=re.compile("Show the executed notebook")).last.click()
    frame = page.locator("iframe.peach-artefact")
    assert frame.get_attribute("sandbox") == ""
    expect(frame.content_frame.get_by_text("Report of the week")).to_be_visible()
    expect(frame.content_frame.get_by_text("the report is made", exact=True)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(".ipynb")


def test_run_now_starts_a_run_with_this_task_alone(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=debr")
    page.get_by_role("button", name="Run works now").click()
    expect(row(page, "works")).to_contain_text("comes after the run in progress")
    runs = reader.ask("api/v2/dags/debr/dagRuns?order_by=-run_after&limit=5")["dag_runs"]
    (triggered,) = [run for run in runs if run["run_type"] == "manual"]
    assert triggered["conf"] == {"tasks": ["works"]}
    page.get_by_role("button", name="Run gone now").wait_for(state="detached")


def test_what_has_html_in_it_shows_as_text(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=debr&task=works")
    page.get_by_role("button", name=re.compile("Show the log of")).first.click()
    expect(page.get_by_role("log").get_by_text(HOSTILE)).to_be_visible()
    problems = page.get_by_role("region", name="Problems")
    expect(problems).to_contain_text(HOSTILE)
    expect(problems).to_contain_text("peach.yaml")
    expect(row(page, "fails")).to_contain_text(HOSTILE)
    page.goto(f"{reader.root}/plugin/tasks?org={HOSTILE}&task={HOSTILE}")
    expect(page.locator(".peach-notice")).to_contain_text(HOSTILE)
    assert page.evaluate("window.hostile") is None
    reader.wrong[:] = [wrong for wrong in reader.wrong if "404" not in wrong]


def test_keys_are_enough(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=debr")
    row(page, "works").get_by_role("link", name="works").focus()
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name=re.compile("Show the log of")).first
    button.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("&run="))
    page.get_by_role("log").focus()
    page.keyboard.press("Control+f")
    expect(page.get_by_label("Search the logs")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_finding_of_axe(browser: Browser, world: World, session: str, theme: Any) -> None:
    with logged_in(browser, world.root, session, color_scheme=theme) as reader:
        page = reader.open("plugin/tasks")
        page.get_by_role("table", name="Organisations").wait_for()
        assert findings(page) == {}
        page = reader.open("plugin/tasks?org=debr&task=fails")
        page.get_by_role("log").get_by_text("ValueError").first.wait_for()
        page.locator(".peach-graph svg").last.wait_for()
        assert findings(page) == {}


def findings(page: Page) -> dict[str, list[str]]:
    result = Axe().run(page, context=".peach-page")
    serious = [each for each in result.response["violations"] if each["impact"] in {"serious", "critical"}]
    return {each["id"]: [node["html"] + str(node["any"])[:300] for node in each["nodes"]] for each in serious}


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 1024)])
def test_it_fits_in_light_and_dark_and_1024_pixels(
    browser: Browser, world: World, session: str, theme: Any, width: int
) -> None:
    viewport = {"width": width, "height": 900}
    with logged_in(browser, world.root, session, color_scheme=theme, viewport=viewport) as reader:
        for name, path in {
            "overview": "plugin/tasks",
            "task": "plugin/tasks?org=debr&task=fails",
        }.items():
            page = reader.open(path)
            page.get_by_role("table").first.wait_for()
            if name == "task":
                page.get_by_role("log").get_by_text("ValueError").first.wait_for()
            # Nothing is cut off at the side, and the letters stand out from what is behind them.
            assert page.locator(".peach-page").evaluate("(box) => box.scrollWidth <= box.clientWidth")
            expect(page.locator("html")).to_have_class(re.compile(theme))
            wait_for_ground(page, dark=theme == "dark")
        assert reader.wrong == []


def wait_for_ground(page: Page, *, dark: bool) -> None:
    """Wait until what the page is written on is dark, or light: Airflow colours its pages a moment after they stand."""
    page.wait_for_function(
        """(dark) => {
            const ground = getComputedStyle(document.querySelector(".peach-page")).backgroundColor;
            const parts = ground.match(/[0-9.]+/g).slice(0, 3).map(Number);
            return (parts.reduce((sum, part) => sum + part, 0) < 300) === dark;
        }""",
        arg=dark,
    )


def test_below_a_sub_path_for_a_reader_who_may_not_trigger(browser: Browser, world: World) -> None:
    server = world.sub_path
    with logged_in(browser, server.root, token(server.root, "viewer", SubPathServer.PASSWORD)) as reader:
        page = reader.open("")
        page.get_by_role("link", name="Tasks", exact=True).click()
        page.get_by_role("link", name="debr", exact=True).click()
        expect(row(page, "works")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Run .* now"))).to_have_count(0)
        row(page, "works").click()
        expect(page.get_by_role("log").get_by_text("the word is one").first).to_be_visible()
        expect(page.locator(".peach-graph svg").last).to_be_visible()
        page.get_by_role("link", name="Task in Airflow").click()
        expect(page).to_have_url(f"{server.root}/dags/debr/tasks/works")
        assert reader.wrong == []


def test_who_may_read_nothing_gets_no_page(browser: Browser, world: World) -> None:
    server = world.sub_path
    with logged_in(browser, server.root, token(server.root, "nobody", SubPathServer.PASSWORD)) as reader:
        # Airflow lends the pages of plugins only to those who may see plugins: its own page says that there is none.
        page = reader.open("plugin/tasks")
        expect(page.get_by_text("Page Not Found")).to_be_visible()
        expect(page.get_by_role("link", name="Tasks", exact=True)).to_have_count(0)
        expect(page.locator(".peach-page")).to_have_count(0)


def test_an_unknown_organisation_or_task_is_told(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=nowhere")
    expect(page.get_by_role("alert")).to_contain_text("There is no organisation “nowhere”")
    page.get_by_role("button", name="All organisations").click()
    expect(page.get_by_role("table", name="Organisations")).to_be_visible()
    page.goto(f"{reader.root}/plugin/tasks?org=debr&task=nothing")
    expect(page.get_by_role("alert")).to_contain_text("debr has no task “nothing”")
    reader.wrong[:] = [wrong for wrong in reader.wrong if "404" not in wrong]


def test_a_server_that_is_gone_is_told_and_what_was_known_stays(reader: Reader) -> None:
    page = reader.open("plugin/tasks")
    expect(page.get_by_role("table", name="Organisations")).to_be_visible()
    reader.context.set_offline(True)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("Airflow does not answer.")).to_be_visible()
    expect(page.get_by_role("table", name="Organisations")).to_be_visible()
    reader.context.set_offline(False)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("Airflow does not answer.")).to_have_count(0)
    reader.wrong.clear()


def test_it_asks_again_by_itself_but_not_in_a_hidden_tab(reader: Reader) -> None:
    page = reader.open("plugin/tasks?org=debr")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/peach/api/" in request.url else None)
    with page.expect_request("**/peach/api/organisations/debr"):
        pass
    hide(page, hidden=True)
    page.wait_for_timeout(500)
    asked.clear()
    page.wait_for_timeout(4500)
    assert asked == []
    with page.expect_request("**/peach/api/organisations/debr"):
        hide(page, hidden=False)


def hide(page: Page, *, hidden: bool) -> None:
    """Do what the browser does when another tab comes to the front; a headless one has no front."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )
