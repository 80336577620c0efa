"""A task run by its author, and the same task in its loop: one log and one result; what only the author's way has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.both_ways import BothWays, comparable
from tests.team import Team, make_team, notebook, synced
from tests.terminal import in_a_terminal

from airflow_peach.catalogue.single import NoTaskError
from airflow_peach.execution.local_run import Finished, LocalRun, run_here
from airflow_peach.repositories.local import LocalRepository, NoCommitError
from airflow_peach.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path


# Small tasks that end in every way there is.
CORPUS = {
    "returns": "def task():\n    print('hello')\n    return {'a': [1, 2.5, 'x', None]}\n",
    "fails": "def task():\n    helper()\n\ndef helper():\n    raise ValueError('bad ' * 3)\n",
    "exits": "import sys\ndef task():\n    print('leaving')\n    sys.exit(3)\n",
    "exits with a text": "import sys\ndef task():\n    sys.exit('no data today')\n",
    "fails in the cell": "1 / 0\ndef task(): pass\n",
    "returns what is no data": "def task():\n    return {1, 2}\n",
    "returns too much": "def task():\n    return 'x' * 100_000\n",
    "awaits": "import asyncio\nasync def task():\n    await asyncio.sleep(0)\n    return 'awaited'\n",
    "a magic": "%time x = 1\ndef task():\n    return x\n",
    "an unknown magic": "%sql select 1\ndef task(): pass\n",
    "installs": "!pip install numpy\ndef task(): pass\n",
    "a shell": "def task():\n    lines = !echo one two\n    return lines\n",
    "kills itself": "import os, signal\ndef task():\n    os.kill(os.getpid(), signal.SIGKILL)\n",
    "a wrong byte": "import sys\ndef task():\n    sys.stdout.buffer.write(b'\\xff\\n')\n    sys.stdout.flush()\n",
    "is no function": "task = object()\n",
    "reads a file beside it": "def task():\n    return open('data.txt').read()\n",
    "imports a module beside it": "def task():\n    import beside\n    return beside.NAME\n",
    "reads standard input": "def task():\n    return input()\n",
    "a missing name": "def task():\n    return missing\n",
}


def world(tmp_path: Path, source: str) -> tuple[Team, Settings]:
    # One home for all: an environment takes a second to build.
    home = tmp_path.parent / "shared-home"
    files = {
        "peach.yaml": "codops: debr\ntasks:\n  first: {notebook: n.ipynb, method: task}\n",
        "n.ipynb": notebook(source),
        "data.txt": "data",
        "beside.py": "NAME = 'beside'",
    }
    return make_team(tmp_path / "source" / "work", files), load_settings(home=home, grace_seconds=0.5)


def here(team: Team, settings: Settings, **more: Any) -> tuple[list[str], Finished]:
    log: list[str] = []
    finished = run_here(LocalRun(team.path, "first", **more), settings, emit=log.append)
    begin = next((index for index, line in enumerate(log) if line.startswith("debr/first: ")), 0)
    return log[begin:], finished


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> BothWays:
    folder = tmp_path_factory.mktemp("corpus")
    names = [name.replace(" ", "_") for name in CORPUS]
    tasks = "".join(f"  {name}: {{notebook: {name}.ipynb, method: task}}\n" for name in names)
    files = {f"{name}.ipynb": notebook(source) for name, source in zip(names, CORPUS.values(), strict=True)}
    files |= {"peach.yaml": f"codops: debr\ntasks:\n{tasks}", "data.txt": "data", "beside.py": "NAME = 'beside'"}
    team = make_team(folder / "source" / "work", files)
    settings = load_settings(home=folder / "home", grace_seconds=0.5)
    return BothWays(team.path, settings, synced(settings, team.path.parent))


@pytest.mark.parametrize("name", CORPUS)
def test_the_loop_and_the_author_have_the_same_log_and_result(name: str, corpus: BothWays) -> None:
    log, finished = corpus.by_the_author(name.replace(" ", "_"))
    loop_log, loop_outcome = corpus.in_the_loop(name.replace(" ", "_"))

    assert comparable(log) == comparable(loop_log)
    assert finished.outcome == loop_outcome
    assert len(loop_log) > 1 or loop_outcome.status == "success"


def test_the_work_tree_and_a_commit(tmp_path: Path) -> None:
    team, settings = world(tmp_path, "def task():\n    return 'committed'\n")
    version = team.git("rev-parse", "HEAD")[:8]
    (team.path / "n.ipynb").write_text(notebook("def task():\n    return open('new.txt').read()\n"))
    (team.path / "new.txt").write_text("not yet committed")

    _, tree = here(team, settings)
    log, commit = here(team, settings, revision="HEAD")

    assert (tree.outcome.value, tree.record["version"]) == ("not yet committed", "work-tree")
    assert (commit.outcome.value, commit.record["version"]) == ("committed", version)
    assert log[0] == f"debr/first: work@{version}:n.ipynb task()"


def test_what_git_ignores_is_not_there(tmp_path: Path) -> None:
    team, settings = world(tmp_path, "def task():\n    return open('data.csv').read()\n")
    (team.path / ".gitignore").write_text("*.csv\n")
    (team.path / "data.csv").write_text("here only")

    _, finished = here(team, settings)

    assert finished.outcome.status == "failed"
    assert "FileNotFoundError" in finished.outcome.reason


def test_a_notebook_that_git_ignores(tmp_path: Path) -> None:
    team, settings = world(tmp_path, "def task(): pass\n")
    (team.path / ".gitignore").write_text("*.ipynb\n")
    team.git("rm", "--quiet", "--cached", "n.ipynb")

    with pytest.raises(NoTaskError, match=r"n\.ipynb: git ignores it, so no commit will have it"):
        here(team, settings)


def test_a_folder_without_git(tmp_path: Path) -> None:
    _, settings = world(tmp_path, "def task(): pass\n")
    folder = Team(tmp_path / "plain")
    folder.path.mkdir()
    (folder.path / "peach.yaml").write_text("codops: debr\ntasks:\n  first: {notebook: n.py, method: task}\n")
    (folder.path / "n.py").write_text("def task():\n    return 1\n")

    assert here(folder, settings)[1].outcome.value == 1
    with pytest.raises(NoCommitError, match="is no git repository"):
        here(folder, settings, revision="HEAD")


def test_a_linked_work_tree(tmp_path: Path) -> None:
    team, settings = world(tmp_path, "def task():\n    return 1\n")
    team.git("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "linked"))

    assert here(Team(tmp_path / "linked"), settings, revision="other")[1].outcome.value == 1


@pytest.mark.parametrize("revision", ["no-such-branch", "--all", "HEAD:n.ipynb", "HEAD~99"])
def test_no_such_commit(revision: str, tmp_path: Path) -> None:
    team, _ = world(tmp_path, "def task(): pass\n")

    with pytest.raises(NoCommitError):
        LocalRepository(team.path).commit(revision)


def test_the_directory_is_kept(tmp_path: Path) -> None:
    team, settings = world(tmp_path, "def task():\n    open('written.txt', 'w').write('here')\n")

    here(team, settings, kept=tmp_path / "kept")

    assert (tmp_path / "kept" / "checkout" / "written.txt").read_text() == "here"
    assert list((settings.home / "executions").iterdir()) == []


def test_arguments_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    team, settings = world(tmp_path, "import os\ndef task(a=1, b=2):\n    return [a, b, len(os.environ['TOKEN'])]\n")
    monkeypatch.setenv("TOKEN", "sesame")

    log, finished = here(team, settings, args={"b": 3}, passed=["TOKEN"])

    assert finished.outcome.value == [1, 3, 6]
    assert "sesame" not in "\n".join(log)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("frist", "work has no valid task 'frist'; did you mean 'first'?"),
        ("zzz", "work has no valid task 'zzz'; there are: first"),
    ],
)
def test_no_such_task(name: str, said: str, tmp_path: Path) -> None:
    team, settings = world(tmp_path, "def task(): pass\n")

    with pytest.raises(NoTaskError) as raised:
        run_here(LocalRun(team.path, name), settings, emit=lambda _: None)

    assert str(raised.value) == said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "plain: no configuration file; peach init writes a first one"),
        ("tasks: [", r"plain@work-tree:peach.yaml:1:\d+: not valid YAML"),
        (
            "codops: debr\ntasks:\n  first: {notebook: n.py}\n",
            "peach.yaml:3:3: tasks.first.method: this key is missing",
        ),
    ],
)
def test_why_there_is_no_task(content: str | None, said: str, tmp_path: Path) -> None:
    """Not only that: what is wrong with the configuration is said."""
    (tmp_path / "plain").mkdir()
    if content is not None:
        (tmp_path / "plain" / "peach.yaml").write_text(content)

    with pytest.raises(NoTaskError, match=said):
        run_here(LocalRun(tmp_path / "plain", "other"), load_settings(home=tmp_path / "home"), emit=lambda _: None)


def test_the_debugger_has_the_terminal(tmp_path: Path) -> None:
    """In a terminal of its own: what is typed reaches ``input()``, pdb after an error, and the prompt at the end."""
    team, settings = world(tmp_path, "def task():\n    word = input('say: ')\n    raise ValueError(word)\n")
    typed = "sesame\nprint('word is', word)\nq\n"

    code, shown = in_a_terminal({"": typed}, "run", "first", "--debug", "--home", str(settings.home), cwd=team.path)

    assert code == 1
    assert "say: " in shown
    assert "ValueError: sesame" in shown
    assert "word is sesame" in shown


def test_the_command(tmp_path: Path) -> None:
    team, settings = world(tmp_path, "def task(n=1):\n    print('log')\n    return n\n")

    def peach(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "airflow_peach", "run", "--home", str(settings.home), *arguments],
            cwd=team.path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    done = peach("debr.first", "--args", "{n: 5}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "log" in done.stdout.splitlines()
    assert "✔ debr/first work-tree  result: 5" in done.stdout.splitlines()

    done = peach("first", "--format", "json", "--args", "{m: 5}")
    assert done.returncode == 1
    data = json.loads(done.stdout)
    assert (data["status"], data["record"]["version"]) == ("failed", "work-tree")
    assert "unexpected argument 'm' of task()" in data["reason"]
    assert peach("first", "--args", "[1]").returncode == 2
    (team.path / "n.ipynb").write_text(notebook("import pandas\ndef task():\n    return pandas.DataFrame()"))
    done = peach("first")
    assert done.returncode == 1
    assert "  peach validate says: work:peach.yaml:3:11: tasks.first.notebook: 'pandas' is imported" in done.stdout
    assert peach("first", "--debug").returncode == 2
