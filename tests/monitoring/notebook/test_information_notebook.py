"""The information notebook against a real API server of Airflow, below a sub-path, on rows Airflow wrote.

Its client, its widgets, the notebook itself executed without a browser, and in a real JupyterLab in Chromium.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
import uvicorn
from nbclient import NotebookClient
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.free_port import free_port
from tests.monitoring.conftest import HTML, PREFIX, SIMPLE, World, api_server

from airflow_peach.errors import PeachError
from airflow_peach.monitoring.notebook import initialize_tasks_info
from airflow_peach.monitoring.notebook.client import Client, LoginNeededError, RequestError
from airflow_peach.monitoring.notebook.panel import TasksPanel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = [pytest.mark.filterwarnings("ignore")]  # Airflow and its libraries warn of each other

NOTEBOOK = Path(__file__).parents[3] / "include" / "tasks_info.ipynb"
LOGIN = {"PEACH_USERNAME": "viewer", "PEACH_PASSWORD": "pass word"}


@dataclass(frozen=True)
class Server:
    """Airflow's API server. ``url`` has a sub-path."""

    url: str

    def token(self, expires_in_seconds: int) -> str:
        from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415 - it takes seconds to import
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415

        user = SimpleAuthManagerUser(username="viewer", role="viewer")
        return get_auth_manager().generate_jwt(user, expiration_time_in_seconds=expires_in_seconds)


@pytest.fixture(scope="module")
def server(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Served over HTTP, below a path as a reverse proxy may have it, with logs where the tests' Airflow looks."""
    passwords = tmp_path_factory.mktemp("server") / "passwords.json"
    passwords.write_text(json.dumps({"viewer": LOGIN["PEACH_PASSWORD"]}))
    logs = Path(os.environ["AIRFLOW_HOME"]) / "logs"
    for run, version in ((world.first, "first"), (world.second, "second")):
        log = logs / f"dag_id={PREFIX}alpha" / f"run_id={run}" / "task_id=good" / "attempt=1.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        entry = {"timestamp": "2031-05-01T12:00:01Z", "event": f"the {version} log {HTML}", "level": "info"}
        log.write_text(json.dumps(entry) + "\n")
    port = free_port()
    with api_server(
        SIMPLE,
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="viewer:viewer",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=str(passwords),
    ) as app:
        below = Starlette(routes=[Mount("/below", app=app)])
        uvicorn_server = uvicorn.Server(uvicorn.Config(below, host="127.0.0.1", port=port, log_level="error"))
        thread = threading.Thread(target=uvicorn_server.run)
        thread.start()
        try:
            while not uvicorn_server.started:
                assert thread.is_alive()
                time.sleep(0.05)
            yield Server(f"http://127.0.0.1:{port}/below")
        finally:
            uvicorn_server.should_exit = True
            thread.join(30)


class TestLogin:
    def test_user_and_password_are_enough(self, server: Server) -> None:
        assert Client(server.url, LOGIN).overview().organisations[0].codops == "alpha"

    def test_a_token_from_the_environment_is_enough(self, server: Server) -> None:
        client = Client(server.url, {"PEACH_TOKEN": server.token(600)})
        assert client.organisation("alpha").codops == "alpha"

    def test_without_either_it_asks(self, server: Server) -> None:
        with pytest.raises(LoginNeededError, match="log in to see the tasks"):
            Client(server.url, {}).overview()

    def test_a_wrong_password_is_said_and_is_in_no_message(self, server: Server) -> None:
        client = Client(server.url, {})
        with pytest.raises(LoginNeededError, match="this user and password were refused") as refused:
            client.log_in("viewer", "wrong-password")
        assert "wrong-password" not in str(refused.value)

    @pytest.mark.parametrize("old", ["expired", "nonsense"])
    def test_a_login_that_is_no_longer_good_is_renewed(self, server: Server, old: str) -> None:
        """Airflow says 401 "Token Expired" to the one and 403 "Invalid JWT token" to the other."""
        token = server.token(-100) if old == "expired" else old
        assert Client(server.url, {**LOGIN, "PEACH_TOKEN": token}).overview().organisations
        with pytest.raises(LoginNeededError, match="expired: log in again"):
            Client(server.url, {"PEACH_TOKEN": token}).overview()

    @pytest.mark.parametrize("url", ["ftp://x", "x", "", "https://user:secret@host", "file:///etc/passwd"])
    def test_an_address_that_is_none_is_refused(self, url: str) -> None:
        with pytest.raises(PeachError, match="expected the address of Airflow") as refused:
            Client(url, {})
        assert "secret" not in str(refused.value)

    def test_what_is_no_airflow_is_said(self, server: Server) -> None:
        with pytest.raises(RequestError, match="does not answer"):
            Client(f"http://127.0.0.1:{free_port()}", LOGIN).overview()
        with pytest.raises(RequestError, match="404"):
            Client(server.url, LOGIN).organisation("nobody")


@pytest.fixture
def panel(server: Server) -> TasksPanel:
    shown = TasksPanel(Client(server.url, LOGIN), organisation=None)
    shown.start()
    return shown


def text(widget: Any) -> str:
    """Return all HTML and captions below a widget."""
    children = getattr(widget, "children", ())
    own = getattr(widget, "value", "") if type(widget).__name__ == "HTML" else getattr(widget, "description", "")
    return "\n".join([str(own), *(text(child) for child in children)])


class TestPanel:
    def test_the_first_organisations_tasks_are_there(self, panel: TasksPanel) -> None:
        assert panel.organisations.options == ("alpha", "beta", "ended")
        assert panel.organisations.value == "alpha"
        assert list(panel.tasks)[:4] == ["good", "bad", "slow", "now"]
        rows = [text(row) for row in panel.task_table.children]
        assert any("RUNNING" in row and "now" in row for row in rows)
        assert any("PENDING" in row and "next" in row for row in rows)
        assert any("never run" in row and "fresh" in row for row in rows)
        assert any("(removed)" in row and "gone" in row for row in rows)
        assert any("(stale)" in row and "old" in row for row in rows)

    def test_loops_and_problems_are_said(self, panel: TasksPanel) -> None:
        assert "loop alpha: running, task 5 of 8 (now); the last took 50.0 s" in panel.note.value
        assert "mend it" in panel.note.value

    def test_another_organisation_has_other_tasks(self, panel: TasksPanel) -> None:
        panel.organisations.value = "beta"
        assert list(panel.tasks) == ["only", "meta"]

    def test_a_task_has_its_executions_graph_and_all_logs(self, panel: TasksPanel) -> None:
        panel.tasks["good"].click()
        assert len(panel.show_below) == len(panel.executions) == 2
        assert panel.graph.value.count("peach-dot") == 2
        assert "the first log" in panel.logs.value
        assert "the second log" in panel.logs.value

    def test_show_below_shows_the_log_of_one(self, panel: TasksPanel) -> None:
        panel.tasks["good"].click()
        panel.show_below[1].click()
        assert "the first log" in panel.logs.value
        assert "the second log" not in panel.logs.value
        panel.all_logs.click()
        assert "the second log" in panel.logs.value

    def test_a_failure_is_a_red_cross_with_its_reason(self, panel: TasksPanel) -> None:
        panel.tasks["slow"].click()
        assert panel.graph.value.count("peach-cross") == 2
        assert "timed out after 5 s" in text(panel.execution_table)

    def test_nothing_of_it_is_html_of_a_stranger(self, panel: TasksPanel) -> None:
        for task in ("good", "bad"):
            panel.tasks[task].click()
            assert HTML not in text(panel.widget)
        assert "&lt;script&gt;" in panel.note.value

    def test_refreshing_keeps_the_choice(self, panel: TasksPanel) -> None:
        panel.tasks["good"].click()
        panel.refresh.click()
        assert panel.organisations.value == "alpha"
        assert len(panel.executions) == 2

    def test_the_login_is_asked_for_and_the_password_is_not_kept(self, server: Server) -> None:
        panel = TasksPanel(Client(server.url, {}))
        panel.start()
        login, content = panel.widget.children[-2:]
        assert (login.layout.display, content.layout.display) == ("", "none")
        assert "log in to see the tasks" in panel.message.value
        panel.username.value, panel.password.value = "viewer", "wrong"
        panel.log_in.click()
        assert "refused" in panel.message.value
        panel.username.value, panel.password.value = LOGIN["PEACH_USERNAME"], LOGIN["PEACH_PASSWORD"]
        panel.log_in.click()
        assert panel.password.value == ""
        assert (login.layout.display, content.layout.display) == ("none", "")
        assert panel.organisations.value == "alpha"

    def test_what_does_not_answer_is_said_in_one_line(self) -> None:
        panel = TasksPanel(Client(f"http://127.0.0.1:{free_port()}", LOGIN))
        panel.start()
        assert "does not answer" in panel.message.value


def test_the_notebook_runs_without_a_browser(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**LOGIN, "PEACH_URL": server.url}.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    state = json.dumps(notebook.metadata.widgets)
    assert '"_options_labels": ["alpha", "beta", "ended"]' in state
    assert '"description": "good"' in state
    assert "PEACH" not in state
    assert LOGIN["PEACH_PASSWORD"] not in json.dumps(notebook)


def test_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow_peach.monitoring.notebook.panel", None)
    with pytest.raises(PeachError, match=r"pip install 'airflow-peach\[notebook\]'"):
        initialize_tasks_info()


def test_it_imports_no_airflow() -> None:
    code = (
        "import sys, airflow_peach.monitoring.notebook.panel;"
        "print([name for name in sys.modules if name.split('.')[0] in ('airflow', 'fastapi', 'sqlalchemy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def lab(server: Server, tmp_path: Path) -> Iterator[Page]:
    """The notebook, open in JupyterLab in Chromium."""
    from tests.jupyter_lab import opened_in_lab  # noqa: PLC0415 - only here

    with opened_in_lab(NOTEBOOK, tmp_path, PEACH_URL=server.url) as page:
        yield page


@pytest.mark.browser
def test_in_jupyterlab_a_person_sees_and_uses_it(lab: Page, server: Server) -> None:
    from playwright.sync_api import expect  # noqa: PLC0415 - only here
    from tests.jupyter_lab import run_all_cells  # noqa: PLC0415 - the same

    run_all_cells(lab)
    lab.get_by_label("User:").fill(LOGIN["PEACH_USERNAME"])
    lab.get_by_label("Password:").fill(LOGIN["PEACH_PASSWORD"])
    lab.get_by_role("button", name="Log in").click()
    dropdown = lab.get_by_label("Organisation:")
    expect(dropdown).to_be_visible()
    # The table follows the dropdown.
    dropdown.select_option("beta")
    expect(lab.get_by_role("button", name="only", exact=True)).to_be_visible()
    dropdown.select_option("alpha")
    expect(lab.get_by_role("button", name="fresh", exact=True)).to_be_visible()
    known = Client(server.url, LOGIN).organisation("alpha").tasks
    rows = lab.locator(".peach-tasks:not(.peach-head)")
    expect(rows).to_have_text([re.compile(rf"^{task.state or 'never run'}{task.status or ''}") for task in known])
    expect(rows).to_have_text([re.compile(f"{task.successes} / {task.failures}") for task in known])
    lab.get_by_role("button", name="good", exact=True).click()
    expect(lab.locator(".peach-dot")).to_have_count(2)
    log = lab.locator(".peach-log")
    expect(log).to_contain_text("the second log")
    expect(log).to_contain_text("the first log")
    # A stranger's HTML is text.
    expect(log).to_contain_text(HTML)
    lab.get_by_role("button", name="show below").nth(1).click()
    expect(log).not_to_contain_text("the second log")
    expect(log).to_contain_text("the first log")
