from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import click
import pytest

from airflow_peach import __version__
from airflow_peach.cli import main
from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Peach, Team


def test_help_names_every_command(peach: Peach) -> None:
    done = peach("--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Exit code 0: fine. 1: problems. 2: wrong usage. 3: a bug of airflow-peach." in done.stdout
    for name, summary in main.COMMANDS.items():
        assert f"  {name}" in done.stdout
        assert summary in done.stdout


def test_the_version(peach: Peach) -> None:
    assert peach("--version").stdout == f"peach, version {__version__}\n"


@pytest.mark.parametrize("name", main.COMMANDS)
def test_each_command_has_help_with_examples(peach: Peach, name: str) -> None:
    done = peach(name, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"  Examples:\n    peach {name}" in done.stdout
    assert "Exit code 0" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["valdate"],
        ["validate", "--formt", "json"],
        ["validate", "no-such-folder"],
        ["sync", "--source", "no-such-folder"],
        ["sync", "--watch", "--no-wait"],
        ["demo", "--port", "70000"],
        ["demo", "--loops", "0"],
    ],
)
def test_wrong_usage(peach: Peach, arguments: list[str]) -> None:
    done = peach(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: peach")
    assert "Error: " in done.stderr


def test_an_expected_error_is_one_line(peach: Peach) -> None:
    done = peach("status", env={"AIRFLOW__PEACH__SYNC_INTERVAL": "often"})

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "peach: [peach] sync_interval = often: expected a number\n"


@pytest.fixture
def command_that_raises(monkeypatch: pytest.MonkeyPatch) -> Exception:
    """`peach broken` raises this."""
    error = KeyError("a slip of ours")

    @click.command("broken")
    def command() -> None:
        raise error

    module = ModuleType("airflow_peach.cli.broken")
    vars(module)["command"] = command
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(main.COMMANDS, "broken", "Raises.")
    return error


@pytest.mark.usefixtures("command_that_raises")
def test_a_bug_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main.main(["broken"])

    assert exit_.value.code == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2:] == [
        "KeyError: 'a slip of ours'",
        "peach: this is a bug of airflow-peach; please report it with the lines above",
    ]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PeachError("where: what; what to do"), 1, "peach: where: what; what to do\n"),
        (click.UsageError("not so"), 2, "Error: not so\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_exit_codes(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def invoke(_: click.Context) -> None:
        raise error

    monkeypatch.setattr(main.peach, "invoke", invoke)
    with pytest.raises(SystemExit) as exit_:
        main.main(["validate"])

    assert exit_.value.code == code
    assert capsys.readouterr().err.lstrip("\n") == said


def test_a_terminal_that_lacks_a_character(peach: Peach, news: Team) -> None:
    news.task("debr", "train")

    done = peach("validate", news.path, env={"PYTHONIOENCODING": "latin-1"})

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("\\u2714 news:peach.yaml")


LIST_MODULES = """
import sys
from airflow_peach.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as exit_:
    assert exit_.code == 0, exit_.code
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported(peach: Peach, tmp_path: Path, *arguments: str) -> set[str]:
    script = tmp_path / "list_modules.py"
    script.write_text(LIST_MODULES)
    done = peach.python(script, *arguments)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["validate", "--help"], ["validate", "{news}"], ["status", "--home", "{news}/none"]],
    ids=" ".join,
)
def test_neither_airflow_nor_git_is_imported(peach: Peach, news: Team, tmp_path: Path, arguments: list[str]) -> None:
    news.task("debr", "train")

    modules = imported(peach, tmp_path, *(argument.format(news=news.path) for argument in arguments))

    assert "airflow_peach" in modules
    assert not modules & {"airflow", "git", "sqlalchemy", "papermill", "nbclient"}


def test_a_sync_imports_no_airflow(peach: Peach, news: Team, tmp_path: Path) -> None:
    news.task("debr", "train")
    news.commit()

    modules = imported(peach, tmp_path, "sync", "--home", str(tmp_path / "home"), "--source", str(news.path.parent))

    assert "git" in modules
    assert "airflow" not in modules
