"""The page's modules that need no Airflow, in a real Chromium: times, colours, lines, search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from tests.chromium import launched

from airflow_peach.monitoring.page.files import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser

LOGGER = "airflow.task.operators.airflow_peach.loops.operators.NotebookOperator"
FRAME = {"filename": "f.py", "lineno": 3, "name": "g"}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """An empty page from whose host the modules come."""

    def from_disk(route: Route) -> None:
        name = urlsplit(route.request.url).path.lstrip("/")
        if name:
            route.fulfill(path=FOLDER / name, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    with launched() as browser:
        page = browser.new_context(timezone_id="Europe/Zurich").new_page()
        page.route("**/*", from_disk)
        page.goto("http://page.test/")
        yield page


@pytest.fixture
def call(page: Page) -> Callable[..., Any]:
    """Call a module's function in the browser."""

    def called(module: str, function: str, *arguments: Any) -> Any:
        return page.evaluate(
            "async ([module, name, values]) => (await import(`/${module}`))[name](...values)",
            [module, function, list(arguments)],
        )

    return called


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.84, "0.8 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (252, "4 min 12 s"),
        (3599.7, "1 h 00 min"),
        (3900, "1 h 05 min"),
        (86_399, "1 d 0 h"),
        (183_600, "2 d 3 h"),
        (-1, "0.0 s"),
    ],
)
def test_durations(call: Callable[..., Any], seconds: float, text: str) -> None:
    assert call("format.js", "duration", seconds) == text


def test_sizes_and_counts(call: Callable[..., Any]) -> None:
    assert [call("format.js", "size", size) for size in (0, 1023, 1536, 851_443_712)] == [
        *("0 B", "1023 B", "1.5 KiB", "812 MiB")
    ]
    assert call("format.js", "count", 1, "task") == "1 task"
    assert call("format.js", "count", 1200, "task") == "1,200 tasks"


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        ({"event": "a\nb", "logger": "task.stdout"}, [("a", False), ("b", False)]),
        (
            {"event": "x", "logger": LOGGER},
            [("x", False)],
        ),
        ({"event": "::group::Pre Execute", "logger": "task"}, [("── Pre Execute", True)]),
        ({"event": "::endgroup::", "logger": "task"}, []),
        ({"event": "::group::mine", "logger": "task.stdout"}, [("::group::mine", False)]),
        (
            {"event": "Task exited", "exit_code": 1, "logger": "task", "level": "error"},
            [("Task exited exit_code=1", False)],
        ),
        ({"event": None, "logger": "task"}, [("", True)]),
        ("no JSON at all", [("no JSON at all", False)]),
        (
            {
                "event": "it broke",
                "level": "error",
                "logger": "task",
                "error_detail": [{"exc_type": "ValueError", "exc_value": "bad", "frames": [FRAME]}],
            },
            [("it broke", False), ('  File "f.py", line 3, in g', False), ("ValueError: bad", False)],
        ),
    ],
)
def test_lines_of_events(call: Callable[..., Any], event: Any, lines: list[tuple[str, bool]]) -> None:
    assert [(line["text"], line["platform"]) for line in call("log_lines.js", "linesOf", [event])] == lines


@pytest.mark.parametrize(
    ("raw", "spans"),
    [
        ("\x1b[31mred\x1b[0m no", [("red", "peach-ansi-red", None), (" no", "", None)]),
        ("\x1b[1;92mhi", [("hi", "peach-ansi-bold peach-ansi-bright-green", None)]),
        ("\x1b[1mb\x1b[22m\x1b[4mu", [("b", "peach-ansi-bold", None), ("u", "peach-ansi-underline", None)]),
        ("\x1b[38;5;208mo", [("o", "", "rgb(255, 135, 0)")]),
        ("\x1b[38;5;9mo", [("o", "peach-ansi-bright-red", None)]),
        ("\x1b[38;5;244mo", [("o", "", "rgb(128, 128, 128)")]),
        ("\x1b[38;2;1;2;999mo", [("o", "", "rgb(1, 2, 255)")]),
        ("\x1b[48;2;1mo\x1b[31mr", [("o", "", None), ("r", "peach-ansi-red", None)]),
        ("\x1b[44mo\x1b[49mr", [("o", "peach-ansi-on-blue", None), ("r", "", None)]),
    ],
)
def test_colours(call: Callable[..., Any], raw: str, spans: list[tuple[str, str, str | None]]) -> None:
    read = call("ansi.js", "readAnsi", raw)
    assert [(span["text"], span["className"], span.get("colour")) for span in read["spans"]] == spans
    assert read["text"] == "".join(text for text, _, _ in spans)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\x1b[2K\x1b[1Gprogress", "progress"),
        ("\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x07 end", "link end"),
        ("\x1b]0;title\x07text", "text"),
        ("cut \x1b[", "cut ["),
        ("cut \x1b", "cut "),
        ("bell\x07 null\x00 tab\t.", "bell null tab\t."),
        ("\x9b31mred", "31mred"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_what_is_no_text_is_dropped(call: Callable[..., Any], raw: str, text: str) -> None:
    assert call("ansi.js", "readAnsi", raw) == {"text": text, "spans": None}


def test_search_marks_across_colours(call: Callable[..., Any]) -> None:
    line = {"text": "one two ONE", "spans": [{"text": "one t", "className": "a"}, {"text": "wo ONE", "className": ""}]}
    pieces = call("log_search.js", "piecesOf", line, "e tw")
    assert [(piece["text"], piece["className"], piece["match"]) for piece in pieces] == [
        ("on", "a", False),
        ("e t", "a", True),
        ("w", "", True),
        ("o ONE", "", False),
    ]
    assert [piece["text"] for piece in call("log_search.js", "piecesOf", line, "one") if piece["match"]] == [
        "one",
        "ONE",
    ]
    assert call("log_search.js", "matchesOf", [{"text": "a"}, {"text": "bA"}, {"text": "c"}], "A") == [0, 1]


def test_pages_of_executions_are_put_together(call: Callable[..., Any]) -> None:
    one, two, three = ({"run_id": run, "try_number": 1} for run in ("one", "two", "three"))
    assert call("executions.js", "merged", [three, two], [two, one]) == [three, two, one]


def test_times_are_in_the_readers_timezone(page: Page) -> None:
    evaluate = """async () => {
        const { clock, utc } = await import("/format.js");
        const now = new Date("2026-03-01T12:00:00Z");
        const of = (text) => clock(new Date(text), now);
        return [of("2026-03-01T08:05:09Z"), of("2026-02-27T08:05:09Z"), of("2025-02-27T08:05:09Z"), utc(now)];
    }"""
    assert page.evaluate(evaluate) == ["09:05:09", "27 Feb, 09:05", "27 Feb 2025, 09:05", "2026-03-01 12:00:00 UTC"]
    page.evaluate("localStorage.setItem('timezone', JSON.stringify('Asia/Tokyo'))")
    assert page.evaluate(evaluate)[0] == "17:05:09"
    page.evaluate("localStorage.setItem('timezone', 'Nowhere/Land')")
    assert page.evaluate(evaluate)[0] == "09:05:09"
