"""The widgets of the information notebook and what happens when they are used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from airflow_peach.errors import PeachError
from airflow_peach.monitoring.notebook import texts
from airflow_peach.monitoring.notebook.client import LoginNeededError
from airflow_peach.monitoring.notebook.graph import duration_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_peach.monitoring.api.answers import ExecutionAnswer, TaskAnswer
    from airflow_peach.monitoring.notebook.client import Client

SHOWN_EXECUTIONS = 50
# "All the logs available": of so many of the newest executions. Each is a request.
SHOWN_LOGS = 20
REQUESTS_AT_ONCE = 4


class TasksPanel:
    """All that is shown; ``widget`` is it.

    Attributes:
        organisations: the dropdown.
        tasks: a button for each task of the chosen organisation, by name.
        executions: those of the chosen task that are shown, newest first.
        show_below: a button for each of them.
        graph: their durations.
        logs: their logs, or those of one.
    """

    def __init__(self, client: Client, *, organisation: str | None = None) -> None:
        """Build the widgets; nothing is asked yet."""
        self._client = client
        self._first = organisation
        self._task: TaskAnswer | None = None
        self._before: int | None = None
        self._is_filling = False
        self.message = widgets.HTML()
        self.organisations = widgets.Dropdown(
            description="Organisation:", options=(), style={"description_width": "initial"}
        )
        self.refresh = widgets.Button(description="Refresh", icon="refresh")
        self.note = widgets.HTML()
        self.tasks: dict[str, Any] = {}
        self.task_table = widgets.VBox()
        self.executions: list[ExecutionAnswer] = []
        self.show_below: list[Any] = []
        self.execution_table = widgets.VBox()
        self.older = widgets.Button(description="Older executions")
        self.graph = widgets.HTML()
        self.all_logs = widgets.Button(description="All logs")
        self.logs = widgets.HTML()
        self.username = widgets.Text(description="User:")
        self.password = widgets.Password(description="Password:")
        self.log_in = widgets.Button(description="Log in", button_style="primary")
        self._login = widgets.VBox([self.username, self.password, self.log_in])
        self._details = widgets.VBox([self.execution_table, self.older, self.graph, self.all_logs, self.logs])
        self._content = widgets.VBox(
            [widgets.HBox([self.organisations, self.refresh]), self.note, self.task_table, self._details]
        )
        self.widget = widgets.VBox([widgets.HTML(texts.STYLE), self.message, self._login, self._content])
        self._connect()

    def start(self) -> None:
        """Show the organisations, or ask for a login."""
        self._guarded(self._show_organisations)

    def _connect(self) -> None:
        self.organisations.observe(self._chosen, names="value")
        self.refresh.on_click(lambda _: self._guarded(self._show_organisations))
        self.older.on_click(lambda _: self._guarded(self._show_older))
        self.all_logs.on_click(lambda _: self._guarded(lambda: self._show_logs(self.executions)))
        self.log_in.on_click(lambda _: self._guarded(self._use_login))

    def _chosen(self, _change: object) -> None:
        if not self._is_filling:
            self._guarded(self._show_tasks)

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do what was asked for; say what went wrong, and ask for a login when that is what is missing."""
        try:
            self.message.value = ""
            action()
        except LoginNeededError as error:
            self.message.value = texts.note(escape(str(error)))
            self._show(login=True)
        except PeachError as error:
            self.message.value = texts.error(error)
            # Without a first answer there is nothing else to show.
            self._show(login=not self.organisations.options and self._login.layout.display != "none")
        else:
            self._show(login=False)

    def _show(self, *, login: bool) -> None:
        self._login.layout.display = "" if login else "none"
        self._content.layout.display = "none" if login else ""
        self._details.layout.display = "" if self._task else "none"

    def _use_login(self) -> None:
        password, self.password.value = self.password.value, ""
        self._client.log_in(self.username.value, password)
        self._show_organisations()

    def _show_organisations(self) -> None:
        names = [one.codops for one in self._client.overview().organisations]
        chosen = self.organisations.value or self._first
        if tuple(names) != tuple(self.organisations.options):
            # Both change what is chosen; the tasks are shown once, below.
            self._is_filling = True
            try:
                self.organisations.options = names
                self.organisations.value = chosen if chosen in names else next(iter(names), None)
            finally:
                self._is_filling = False
        if names:
            self._show_tasks()
        else:
            self.note.value = texts.note("There is no organisation that you may read.")

    def _show_tasks(self) -> None:
        codops = self.organisations.value
        if codops is None:
            return
        answer = self._client.organisation(codops)
        self.note.value = texts.organisation_note(answer)
        self.tasks = {}
        rows = [_row("task", texts.head("tasks", texts.TASK_COLUMNS))]
        for task in answer.tasks:
            button = widgets.Button(description=task.name, tooltip=task.name, layout=_layout())
            button.on_click(lambda _, task=task: self._guarded(lambda: self._choose(task)))
            self.tasks[task.name] = button
            rows.append(_line(button, texts.task_row(task)))
        self.task_table.children = rows if answer.tasks else [widgets.HTML(texts.note("no tasks"))]
        # The same task again after a refresh; none after another organisation was chosen.
        known = [task for task in answer.tasks if self._task and _key(task) == _key(self._task)]
        self._task = None
        if known:
            self._choose(known[0])

    def _choose(self, task: TaskAnswer) -> None:
        self._task, self.executions, self._before = task, [], None
        self._read_executions()
        self._show_logs(self.executions)

    def _show_older(self) -> None:
        self._read_executions()

    def _read_executions(self) -> None:
        task = self._task
        if task is None:
            return
        page = self._client.executions(task.codops, task.name, task.loop, limit=SHOWN_EXECUTIONS, before=self._before)
        self.executions = [*self.executions, *page.executions]
        self._before = page.before
        self.older.layout.display = "" if page.before is not None else "none"
        self.show_below = [self._show_below_button(one) for one in self.executions]
        self.execution_table.children = [
            widgets.HTML(texts.note(f"<b>{escape(task.name)}</b>")),
            _row("", texts.head("executions", texts.EXECUTION_COLUMNS)),
            *(
                _line(button, texts.execution_row(one))
                for button, one in zip(self.show_below, self.executions, strict=True)
            ),
        ]
        self.graph.value = duration_graph(self.executions)

    def _show_below_button(self, execution: ExecutionAnswer) -> Any:  # noqa: ANN401 - a widget; ipywidgets has no types
        button = widgets.Button(description="show below", tooltip=execution.run_id, layout=_layout())
        button.on_click(lambda _: self._guarded(lambda: self._show_logs([execution])))
        return button

    def _show_logs(self, executions: Sequence[ExecutionAnswer]) -> None:
        wanted = executions[:SHOWN_LOGS]
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            logs = list(pool.map(self._log, wanted))
        parts = [(_title(one), log) for one, log in zip(wanted, logs, strict=True)]
        if len(executions) > len(wanted):
            parts.append((f"{len(executions) - len(wanted)} older ones: press their 'show below'", ""))
        self.logs.value = texts.log_frame(parts)

    def _log(self, execution: ExecutionAnswer) -> str:
        try:
            return texts.log_text(self._client.log(execution.log_url))
        except LoginNeededError:
            raise
        except PeachError as error:
            return f"[this log cannot be shown: {error}]"


def _key(task: TaskAnswer) -> tuple[str, str]:
    return task.dag_id, task.task_id


def _title(execution: ExecutionAnswer) -> str:
    version = execution.version or "no version"
    return f"{texts.moment(execution.start)}  {version}  {execution.status}"


def _row(first: str, html: str) -> Any:  # noqa: ANN401 - a widget; ipywidgets has no types
    return _line(widgets.HTML(texts.note(f"<b>{first}</b>"), layout=_layout()), html)


def _line(first: Any, html: str) -> Any:  # noqa: ANN401 - the same
    # What does not fit is cut off with an ellipsis, never by the window's edge.
    return widgets.HBox([first, widgets.HTML(html, layout=widgets.Layout(flex="1 1 auto", min_width="0"))])


def _layout() -> Any:  # noqa: ANN401 - the same
    return widgets.Layout(width="180px", min_width="180px")
