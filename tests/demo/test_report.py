"""The demo's lines, for a person and for a program, and the logs they name."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_peach.demo.report import Reporter
from airflow_peach.monitoring.queries.ended import Execution

START = dt.datetime(2026, 11, 22, 10, 11, 12, 500_000, tzinfo=dt.timezone.utc)
RECORD = {"version": "abc12345", "repository": "work", "notebook": "n.ipynb", "reason": "ok", "run_seconds": 2.0}
GOOD = Execution("debr", "train", "scheduled__2026-11-22T10:11:12+00:00", 1, "success", START, START, RECORD)
# As the issue lists them, in this order.
KEYS = (
    *("codops", "task", "loop", "status", "version", "repository", "notebook"),
    *("start", "duration", "reason", "log"),
)


def execution(**changes: Any) -> Execution:
    changes.setdefault("end", START + dt.timedelta(seconds=2.25))
    return dataclasses.replace(GOOD, **changes)


@dataclass
class Reported:
    """A reporter on files of its own."""

    path: Path
    output: io.StringIO = field(default_factory=io.StringIO)

    def reporter(self, *, as_json: bool) -> Reporter:
        return Reporter(
            self.output, as_json=as_json, airflow_logs=self.path / "airflow", text_logs=self.path / "text logs"
        )

    def json(self, ended: Execution) -> dict[str, Any]:
        self.reporter(as_json=True).execution(ended)
        *_, line = self.output.getvalue().splitlines()
        report: dict[str, Any] = json.loads(line)
        return report

    def text(self, ended: Execution) -> list[str]:
        self.reporter(as_json=False).execution(ended)
        return self.output.getvalue().splitlines()

    def airflow_wrote(self, ended: Execution, content: bytes) -> None:
        """Write a log where Airflow does."""
        folder = (
            self.path / "airflow" / f"dag_id={ended.dag_id}" / f"run_id={ended.run_id}" / f"task_id={ended.task_id}"
        )
        folder.mkdir(parents=True)
        (folder / f"attempt={ended.try_number}.log").write_bytes(content)


@pytest.fixture
def reported(tmp_path: Path) -> Reported:
    return Reported(tmp_path)


def test_a_program_gets_one_object_with_exactly_these_keys(reported: Reported) -> None:
    report = reported.json(execution())
    assert tuple(report) == KEYS
    log = report.pop("log")
    assert report == {
        "codops": "debr",
        "task": "train",
        "loop": "debr",
        "status": "success",
        "version": "abc12345",
        "repository": "work",
        "notebook": "n.ipynb",
        "start": "2026-11-22T10:11:12.500000+00:00",
        "duration": 2.25,
        "reason": "ok",
    }
    assert Path(log).is_absolute()
    assert Path(log).is_file()


def test_a_program_gets_one_line_for_each_and_nothing_else(reported: Reported) -> None:
    reporter = reported.reporter(as_json=True)
    reporter.say("for a person")
    reporter.problem("work@abc: a problem")
    reporter.execution(execution())
    reporter.execution(execution(status="failed", record=RECORD | {"reason": "line one\nline two ✘"}))
    lines = reported.output.getvalue().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["success", "failed"]


def test_the_start_is_utc_whatever_the_database_returns(reported: Reported) -> None:
    berlin = dt.timezone(dt.timedelta(hours=1))
    assert reported.json(execution(start=START.astimezone(berlin)))["start"] == "2026-11-22T10:11:12.500000+00:00"
    assert reported.json(execution(start=None))["start"] is None


def test_tasks_of_the_metadata_loop_belong_to_their_organisation(reported: Reported) -> None:
    report = reported.json(execution(dag_id="metadata", task_id="sesr.fetch.all"))
    assert (report["codops"], report["task"], report["loop"]) == ("sesr", "fetch.all", "metadata")
    assert Path(report["log"]).parent == reported.path / "text logs" / "metadata" / "sesr" / "fetch.all"


def test_the_environment_task_is_reported_by_its_own_name(reported: Reported) -> None:
    report = reported.json(execution(task_id="environment", record={"reason": "ok", "environment": "0" * 64}))
    assert (report["task"], report["version"], report["notebook"], report["reason"]) == ("environment", "", "", "ok")


@pytest.mark.parametrize(
    ("status", "reason"),
    [("success", "ok"), ("failed", "ended by Airflow before it could say why; see its log")],
)
def test_an_execution_without_a_record_is_reported_too(reported: Reported, status: str, reason: str) -> None:
    report = reported.json(execution(status=status, record={}))
    assert (report["reason"], report["version"]) == (reason, "")


def test_a_person_reads_a_success_at_a_glance(reported: Reported) -> None:
    (line,) = reported.text(execution())
    end = (START + dt.timedelta(seconds=2.25)).astimezone()
    assert line.startswith(f"{end:%H:%M:%S} ✔ debr/train ")
    assert line.endswith(" 2.2 s abc12345")


def test_a_person_reads_why_it_failed_and_where_the_log_is(reported: Reported) -> None:
    failure = execution(
        dag_id="metadata", task_id="debr.fetch", status="failed", record=RECORD | {"reason": "timed out after 300 s"}
    )
    line, log = reported.text(failure)
    assert " ✘ debr/fetch (metadata loop) " in line
    assert line.endswith("abc12345: timed out after 300 s")
    assert Path(log.removeprefix("           log: ")).is_file()


def test_a_person_is_told_what_a_program_is_not(reported: Reported) -> None:
    reporter = reported.reporter(as_json=False)
    reporter.say("Every loop completed 2 runs.")
    reporter.problem("work@abc: a problem")
    assert reported.output.getvalue().splitlines() == ["Every loop completed 2 runs.", "PROBLEM  work@abc: a problem"]


def test_the_log_is_text(reported: Reported) -> None:
    ended = execution()
    lines = [
        {"timestamp": "2026-11-22T10:11:13.1Z", "level": "info", "event": "rmse 0.5 é"},
        {"timestamp": "2026-11-22T10:11:14.1Z", "level": "warning", "event": "slow"},
    ]
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    reported.airflow_wrote(ended, content + b"cut \xff off")
    log = Path(reported.json(ended)["log"])
    assert log.read_text(encoding="utf-8") == "10:11:13 rmse 0.5 é\n10:11:14 WARNING slow\ncut \ufffd off\n"


def test_an_execution_without_any_log_has_one_that_says_so(reported: Reported) -> None:
    log = Path(reported.json(execution())["log"])
    assert log.read_text(encoding="utf-8") == "Airflow wrote no log: the execution was ended before it began\n"


def test_each_execution_has_a_log_of_its_own(reported: Reported) -> None:
    first = execution()
    second = execution(try_number=2)
    third = execution(end=first.end + dt.timedelta(milliseconds=1))
    fourth = execution(task_id="other")
    logs = {reported.json(ended)["log"] for ended in (first, second, third, fourth)}
    assert len(logs) == 4
    assert reported.json(first)["log"] in logs
