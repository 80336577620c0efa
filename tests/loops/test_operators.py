"""The operators through Airflow's own task runner, with real repositories, environments and processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.sdk.exceptions import AirflowTaskTerminated
from tests.loop_run import BUNDLES, TRACEBACK, LoopRun, published_dag, run_loop
from tests.team import Team, make_team

from airflow_peach.catalogue.sync import sync
from airflow_peach.loops import operators
from airflow_peach.loops.operators import NotebookOperator, TaskFailedExit
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.usefixtures("airflow_database"),
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn of each other
    pytest.mark.timeout(300, method="thread"),  # SIGALRM is Airflow's here
]

CONFIGURATION = """
    codops: debr
    tasks:
      bad: {notebook: job.py, method: bad}
      slow: {notebook: job.py, method: slow}
      good: {notebook: job.py, method: good, args: {word: one}}
"""
CODE = """
    import time

    def good(word):
        print("the word is", word)
        return {"word": word}

    def bad():
        raise ValueError("by design")

    def slow():
        print("sleeping")
        time.sleep(600)
"""


@dataclass(frozen=True)
class Platform:
    """An Airflow with one organisation, ``debr``."""

    home: Path
    team: Team
    run: Callable[..., LoopRun]

    def commit(self, files: dict[str, str | None]) -> str:
        """Commit and sync."""
        version = self.team.commit(files)[:8]
        self.sync()
        return version

    def sync(self) -> None:
        sync(load_settings(), source=self.team.path.parent)


@pytest.fixture
def platform(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", BUNDLES)
    monkeypatch.setenv("AIRFLOW__PEACH__GRACE", "0.5")
    team = make_team(tmp_path / "source" / "work", {"peach.yaml": CONFIGURATION, "job.py": CODE})
    platform = Platform(home, team, lambda **options: run_loop("debr", **options))
    platform.sync()
    return platform


@pytest.fixture
def timer() -> Iterator[None]:
    """Leave the alarm as it was."""
    handler, (seconds, interval) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    signal.signal(signal.SIGALRM, lambda *_: None)
    yield
    signal.setitimer(signal.ITIMER_REAL, seconds, interval)
    signal.signal(signal.SIGALRM, handler)


def test_a_run_with_all_kinds_of_ends(platform: Platform) -> None:
    version = platform.team.git("rev-parse", "HEAD")[:8]
    run = platform.run(limits_seconds={"slow": 2})
    assert run.states == {"environment": "success", "bad": "failed", "slow": "failed", "good": "success"}
    # Airflow alone would call it a success: its last task is one.
    assert run.state == "failed"

    assert run.xcoms["good"]["return_value"] == {"word": "one"}
    good = run.xcoms["good"]["peach"]
    assert (good["version"], good["repository"], good["notebook"]) == (version, "work", "job.py")
    assert (good["reason"], good["exit_code"]) == ("ok", 0)
    assert good["environment"] == run.xcoms["environment"]["peach"]["environment"]
    assert run.xcoms["environment"]["peach"]["reason"] == "ok"
    assert "the word is one" in run.logs["good"]

    assert set(run.xcoms["bad"]) == {"peach"}
    assert run.xcoms["bad"]["peach"]["reason"] == "ValueError: by design (job.py, line 9)"
    assert own_words(run.logs["bad"])[-1] == "ValueError: by design (job.py, line 9)"
    assert '  File "job.py", line 9, in bad' in run.logs["bad"]
    assert TRACEBACK not in run.logs["bad"]

    assert own_words(run.logs["slow"])[-1] == "timed out after 2 s"
    assert run.xcoms["slow"]["peach"]["reason"] == "timed out after 2 s"
    assert TRACEBACK not in run.logs["slow"]


def own_words(log: list[str], end: str = "Task exited") -> list[str]:
    """A task's log without what Airflow adds after the task's own last word."""
    return log[: log.index(end)]


def test_a_triggered_run_runs_the_named_tasks_with_its_arguments(platform: Platform) -> None:
    run = platform.run(conf={"tasks": ["good"], "args": {"word": "given"}})
    assert run.states == {"environment": "success", "bad": "skipped", "slow": "skipped", "good": "success"}
    assert run.state == "success"
    assert run.xcoms["good"]["return_value"] == {"word": "given"}
    assert run.xcoms["bad"] == {}


def test_a_triggered_run_that_makes_no_sense_says_so_once(platform: Platform) -> None:
    run = platform.run(conf={"tasks": ["goood"], "arg": {}})
    assert run.states == {"environment": "failed", "bad": "skipped", "slow": "skipped", "good": "skipped"}
    assert run.state == "failed"
    message = (
        "this run's configuration cannot be used: conf.arg: unknown key; did you mean 'args'?; "
        "conf.tasks: no task 'goood' in this loop; did you mean 'good'?"
    )
    assert run.xcoms["environment"]["peach"]["reason"] == message
    assert own_words(run.logs["environment"])[-1] == message
    assert TRACEBACK not in run.logs["environment"]


def test_a_task_that_the_newest_commit_no_longer_has_is_skipped(platform: Platform) -> None:
    platform.team.commit({"peach.yaml": "codops: debr\ntasks: {}\n", "job.py": None})
    run = platform.run(conf={"tasks": ["good"]})
    assert run.states["good"] == "skipped"
    assert "is no longer defined in work@" in run.xcoms["good"]["peach"]["reason"]


UNKNOWN = CONFIGURATION + "    dependencies: [no-such-package-of-peach==1]\n"


def test_an_environment_that_cannot_be_built(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_NO_INDEX", "1")
    only_good = {"good": 30.0, "slow": 0.5}
    platform.commit({"peach.yaml": UNKNOWN})
    without = platform.run(limits_seconds=only_good)
    assert set(without.states.values()) == {"failed"}
    explanation = "\n".join(without.logs["environment"])
    assert "debr: its requirements cannot be resolved" in explanation
    assert "no-such-package-of-peach" in explanation
    assert "asked for by work:peach.yaml:7" in explanation
    assert TRACEBACK not in without.logs["environment"]
    for task in ("environment", "good"):
        assert without.xcoms[task]["peach"]["reason"].startswith("debr: its requirements cannot be resolved; ")
    assert "no-such-package-of-peach" in "\n".join(without.logs["good"])

    platform.commit({"peach.yaml": CONFIGURATION})
    assert platform.run(limits_seconds=only_good).states["environment"] == "success"
    platform.commit({"peach.yaml": UNKNOWN})
    with_last = platform.run(limits_seconds=only_good)
    assert (with_last.states["environment"], with_last.states["good"]) == ("failed", "success")
    assert [line for line in with_last.logs["good"] if "the last environment that could be built" in line]


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("AIRFLOW_VAR_PEACH_DEBR", "sesame", "Airflow variable or connection peach_debr: expected a JSON object"),
        ("AIRFLOW__PEACH__MEMORY_LIMIT", "lots", "[peach] memory_limit = lots: expected a number"),
    ],
)
def test_what_the_platforms_operator_has_to_mend_is_told_without_a_traceback(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    limits = {"slow": 2.0}
    dag = published_dag("debr")
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("tests.loop_run.published_dag", lambda _: dag)  # a DAG parse needs its settings, too
    run = platform.run(limits_seconds=limits, conf={"tasks": ["good"]} if "VAR" in variable else None)
    assert run.states["good"] == "failed"
    assert run.xcoms["good"]["peach"]["reason"].startswith(message)
    assert own_words(run.logs["good"])[-1].startswith(message)
    assert TRACEBACK not in run.logs["good"]
    assert "sesame" not in "\n".join(run.logs["good"])


def test_secrets_from_airflow_reach_the_task_masked(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_PEACH_DEBR", '{"TOKEN": "open-sesame"}')
    platform.commit({"job.py": "import os\ndef good(word): print('it is', os.environ['TOKEN'])\n"})
    run = platform.run(conf={"tasks": ["good"]})
    assert run.states["good"] == "success"
    assert "it is ***" in run.logs["good"]


def test_a_task_that_is_ended_from_outside_ends_with_all_it_started(platform: Platform) -> None:
    """What Airflow does when a task is marked failed, or its worker stops: SIGTERM to the task's process."""
    executions = platform.home / "executions"
    waits = "import time\ndef good(word):\n    print('up')\n    open('up', 'w').close()\n    time.sleep(600)\n"
    platform.commit({"job.py": waits})

    def end_it() -> None:
        deadline = time.monotonic() + 60
        while not any(executions.glob("*/checkout/up")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    killer = threading.Thread(target=end_it)
    killer.start()
    begin = time.monotonic()
    run = platform.run(conf={"tasks": ["good"]})
    killer.join()
    assert time.monotonic() - begin < 90
    assert run.states["good"] == "failed"
    assert own_words(run.logs["good"], "Task failed with exception")[-1] == "up"
    assert len(run.xcoms["good"]["peach"]["version"]) == 8
    assert list(executions.iterdir()) == []


def operator() -> NotebookOperator:
    found = published_dag("debr").get_task("good")
    assert isinstance(found, NotebookOperator)
    return found


def test_airflows_alarm_is_moved_behind_the_guard(platform: Platform, timer: None) -> None:
    del platform, timer
    task, settings = operator(), load_settings(grace_seconds=7.0)
    signal.setitimer(signal.ITIMER_REAL, 100.0)
    with task._guard_holds_the_limit(settings):
        seconds, _ = signal.getitimer(signal.ITIMER_REAL)
    later = 100 + 7 + operators.ALARM_MARGIN_SECONDS
    assert later - 1 < seconds <= later
    signal.setitimer(signal.ITIMER_REAL, 0)
    with task._guard_holds_the_limit(settings):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_on_kill_ends_only_what_runs(platform: Platform) -> None:
    task, settings = operator(), load_settings()
    task.on_kill()
    with pytest.raises(AirflowTaskTerminated, match="ended from outside"), task._guard_holds_the_limit(settings):
        task.on_kill()
    task.on_kill()
    assert platform.home.is_dir()


def test_a_failure_is_an_exit_with_its_reason() -> None:
    failure = TaskFailedExit("timed out after 2 s")
    assert (failure.code, str(failure)) == (1, "timed out after 2 s")


def test_nothing_of_a_repository_is_a_template(platform: Platform) -> None:
    platform.commit(
        {
            "peach.yaml": """
            codops: debr
            tasks:
              good: {notebook: job.py, method: good, args: {word: "{{ 7*7 }} {{ var.value.secret }} {% raw"}}
            """
        }
    )
    run = platform.run()
    assert run.xcoms["good"]["return_value"] == {"word": "{{ 7*7 }} {{ var.value.secret }} {% raw"}


def test_the_metadata_loop_runs_too(platform: Platform) -> None:
    task = "{notebook: job.py, method: good, loop: metadata, args: {word: x}}"
    platform.commit({"peach.yaml": f"codops: debr\ntasks:\n  good: {task}\n"})
    run = run_loop("metadata")
    assert run.states == {"debr.environment": "success", "debr.good": "success"}
    assert run.xcoms["debr.good"]["return_value"] == {"word": "x"}


LOOP_AFTER_A_START = """
import sys
import airflow_peach.plugin  # as every component has
from airflow_peach.loops import start_up

start_up.on_starting(object())
before = set(sys.modules)

from tests.loop_run import run_loop

print(sorted(run_loop("debr").states.items()))
ours = ("airflow_peach", "git", "IPython", "uv")
print([name for name in sys.modules if name not in before and name.split(".")[0] in ours])
"""


def test_what_a_task_needs_is_loaded_before_its_process_is_forked(platform: Platform) -> None:
    platform.commit({"peach.yaml": CONFIGURATION.replace("slow: {", "quick: {").replace("method: slow", "method: bad")})
    root = Path(__file__).parents[2]
    argv = [sys.executable, "-W", "ignore", "-c", LOOP_AFTER_A_START]
    said = subprocess.run(argv, cwd=root, capture_output=True, text=True, timeout=120, check=True).stdout
    states, loaded = said.splitlines()[-2:]
    assert "('good', 'success')" in states
    assert loaded == "[]"
