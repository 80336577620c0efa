"""What an execution sees of this machine: written as somebody would who looks for what is not theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.execution import sandbox
from airflow_peach.execution.request import Limits
from airflow_peach.execution.sandbox import interpreter_mounts

from .conftest import marked_processes, needs_bubblewrap, parent_of, wait_until

if TYPE_CHECKING:
    from .conftest import RunTask


def see(run_task: RunTask, body: str, **options: Any) -> Any:
    """Return what a sandboxed task returns that has ``body``, an expression, as its result."""
    result, lines = run_task(
        f"import os, glob, socket, subprocess\nfrom pathlib import Path\ndef task():\n    return {body}",
        isolation="bubblewrap",
        **options,
    )
    assert result.status == "success", lines
    return result.value


@needs_bubblewrap
def test_it_works_like_outside(run_task: RunTask) -> None:
    result, lines = run_task(
        "import os, ssl, json\ndef task(x):\n    print(os.getcwd() == os.path.dirname(os.path.abspath('a.ipynb')))\n"
        "    open('written', 'w').close()\n    return x",
        args={"x": 1},
        isolation="bubblewrap",
    )
    assert (result.status, result.value) == ("success", 1)
    assert lines == ["True"]


@needs_bubblewrap
def test_no_home_no_neighbours_no_platform(run_task: RunTask, tmp_path: Path) -> None:
    neighbour = tmp_path / "another-organisation"
    neighbour.mkdir()
    (neighbour / "secret").write_text("theirs")
    here = str(Path(__file__))
    home = str(Path.home())
    seen = see(
        run_task,
        f"[os.path.exists({str(neighbour)!r}), os.path.exists({here!r}), "
        f"[str(p) for p in Path({home!r}).rglob('*.cfg')] if os.path.isdir({home!r}) else [], "
        "os.path.exists('/etc/shadow'), os.path.exists('/var/lib'), os.path.exists('/run')]",
    )
    assert seen[0:2] == [False, False]
    assert not [path for path in seen[2] if "airflow" in path]
    assert seen[3:] == [False, False, False]


@needs_bubblewrap
def test_no_other_processes(run_task: RunTask) -> None:
    seen = see(
        run_task,
        "sorted(Path(p).read_bytes().split(b'\\0')[0].decode() for p in glob.glob('/proc/[0-9]*/cmdline'))",
    )
    assert [Path(program).name for program in seen] == ["python", "bwrap"]  # itself, and the sandbox's first process


@needs_bubblewrap
def test_no_environment_of_the_platform(run_task: RunTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "sesame")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "sesame")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    # Its own, and that of each process it can see.
    seen = see(
        run_task, "b'\\0'.join(Path(p).read_bytes() for p in glob.glob('/proc/*/environ')).decode().split('\\0')"
    )
    assert not [entry for entry in seen if "AIRFLOW" in entry or "AWS" in entry or "sesame" in entry]


@needs_bubblewrap
def test_nothing_but_its_own_can_be_written(run_task: RunTask, bare_environment: Path) -> None:
    targets = [
        str(bare_environment / "new"),
        str(next(bare_environment.glob("lib/python3*/site-packages")) / "sitecustomize.py"),
        str(bare_environment / "bin" / "python"),
        "/usr/new",
        "/new",
        "/etc/new",
        str(Path(sandbox.__file__).with_name("launcher.py")),
    ]
    if not sandbox.__file__.startswith("/tmp/"):  # noqa: S108 - a checkout there: the sandbox has a /tmp of its own
        targets.append(sandbox.__file__)
    body = f"""[attempt(path) for path in {targets!r}]

def attempt(path):
    try:
        open(path, "ab").close()
    except OSError as error:
        return type(error).__name__
    return "written"
"""
    assert "written" not in see(run_task, body)


@needs_bubblewrap
def test_no_privileges(run_task: RunTask) -> None:
    status = see(run_task, "Path('/proc/self/status').read_text()")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"


@needs_bubblewrap
def test_its_account_is_the_only_one(run_task: RunTask) -> None:
    assert see(run_task, "[e.pw_name for e in __import__('pwd').getpwall()]") == ["peach"]


@needs_bubblewrap
def test_home_and_temporary_files_are_its_own(run_task: RunTask) -> None:
    seen = see(
        run_task,
        "[os.environ['HOME'], os.path.expanduser('~'), __import__('tempfile').mkdtemp(), "
        "open('/tmp/direct', 'w').write('x'), os.path.exists(os.environ['TMPDIR'] + '/direct')]",
    )
    assert "scratch" in seen[0]
    assert seen[0] == seen[1]
    assert "scratch" in seen[2]
    assert seen[4] is True
    assert not Path("/tmp/direct").exists()  # noqa: S108 - the very question


@needs_bubblewrap
def test_shared_memory_and_semaphores_work(run_task: RunTask) -> None:
    result, lines = run_task(
        """
import multiprocessing
from multiprocessing import shared_memory
def square(n): return n * n
def task():
    block = shared_memory.SharedMemory(create=True, size=1000)
    block.close(); block.unlink()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(square, range(3))
""",
        isolation="bubblewrap",
    )
    assert result.value == [0, 1, 4], lines


@needs_bubblewrap
def test_signals_and_crashes_are_told_as_outside(run_task: RunTask) -> None:
    result, _ = run_task("import os\ndef task():\n    os.kill(os.getpid(), 11)", isolation="bubblewrap")
    assert (result.reason, result.exit_code) == ("killed by signal SIGSEGV", -11)
    result, _ = run_task("import sys\ndef task():\n    sys.exit(139)", isolation="bubblewrap")
    assert (result.reason, result.exit_code) == ("exit code 139", 139)


@needs_bubblewrap
def test_the_end_is_polite_inside_too(run_task: RunTask) -> None:
    result, lines = run_task(
        """
import signal, sys, time
def end(*_): print("cleaned up"); sys.exit(0)
def task():
    signal.signal(signal.SIGTERM, end)
    time.sleep(600)
""",
        isolation="bubblewrap",
        limits=Limits(2, grace_seconds=20),
    )
    assert lines == ["cleaned up", "timed out after 2 s"]
    assert result.run_seconds < 10


@needs_bubblewrap
def test_nothing_survives_the_kill_of_the_guard(run_task: RunTask, tmp_path: Path) -> None:
    mark = "a-mark-of-" + tmp_path.name

    def kill_the_guard(line: str) -> None:
        if line == "running":
            (guard,) = [pid for pid in marked_processes("execution/guard.py") if parent_of(pid) == os.getpid()]
            os.kill(guard, 9)

    result, _ = run_task(
        f"""
import os, subprocess, sys, time
def task():
    sleeper = "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.setsid(); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", sleeper, {mark!r}])
    time.sleep(0.2)
    print("running")
    time.sleep(600)
""",
        isolation="bubblewrap",
        on_line=kill_the_guard,
    )
    assert result.reason == "ended: the guard of this execution was killed"
    wait_until(lambda: not marked_processes(mark))


@needs_bubblewrap
def test_a_sandbox_that_cannot_be_set_up_is_told(run_task: RunTask, tmp_path: Path) -> None:
    result, lines = run_task("def task(): pass", isolation="bubblewrap", environment=_broken(tmp_path))
    assert result.reason == "not started: the sandbox could not be set up; the log says why"
    assert lines[0].startswith("bwrap: ")


def _broken(tmp_path: Path) -> Path:
    (tmp_path / "broken" / "bin").mkdir(parents=True)
    (tmp_path / "broken" / "bin" / "python").symlink_to("/nonexistent/python3")
    return tmp_path / "broken"


@needs_bubblewrap
@pytest.mark.parametrize("chain", ["through another directory", "through a linked directory", "direct"])
def test_interpreters_behind_links_work(tmp_path: Path, chain: str) -> None:
    base = Path(sys.base_prefix).resolve()
    program = base / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    environment = tmp_path / "environment"
    if chain == "through another directory":
        (tmp_path / "links").mkdir()
        (tmp_path / "links" / "python3").symlink_to(program)
        program = tmp_path / "links" / "python3"
    elif chain == "through a linked directory":
        (tmp_path / "current").symlink_to(base)
        program = tmp_path / "current" / "bin" / program.name
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(environment)], check=True, cwd=tmp_path
    )
    for name in ("python", "python3", program.name):
        (environment / "bin" / name).unlink(missing_ok=True)
    (environment / "bin" / "python").symlink_to(program)
    (environment / "pyvenv.cfg").write_text(f"home = {program.parent}\n")
    content = sandbox.Content(
        argv=(str(environment / "bin" / "python"), "-c", "import json, sys; print(sys.prefix)"),
        cwd=tmp_path,
        specification=b"",
        interpreters=(environment / "bin" / "python",),
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    argv = sandbox.wrap(content, writable=(scratch,), temporary=scratch, accounts=scratch / "accounts")
    argv = tuple("/" if earlier == "--chdir" else part for earlier, part in zip(("", *argv), argv, strict=False))
    ended = subprocess.run(argv, check=False, capture_output=True, text=True, env={})
    assert ended.stdout.strip() == str(environment), ended.stderr


def test_a_link_in_somebodys_home_does_not_open_the_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    link = home / "bin" / "python3"
    link.symlink_to(sys.executable)
    assert interpreter_mounts(link)[link] == ["--symlink", sys.executable, str(link)]
    assert home not in interpreter_mounts(link)


@needs_bubblewrap
@pytest.mark.parametrize("kind", ["cell", "notebook"])
def test_a_home_below_a_system_directory_is_hidden(
    run_task: RunTask,
    below_a_system_directory: Path,
    bare_environment: Path,
    kernel_environment: Path,
    kind: str,
) -> None:
    home = below_a_system_directory
    environment = home / "peach" / "environments" / "debr"
    shutil.copytree(kernel_environment if kind == "notebook" else bare_environment, environment, symlinks=True)
    seen = see(
        run_task,
        f"[sorted(os.listdir({str(home)!r})), os.listdir({str(home / 'peach' / 'environments')!r}), "
        f"os.access({str(home)!r}, os.W_OK), __import__('sys').prefix]",
        environment=environment,
        full_notebook=kind == "notebook",
        hidden=(home, home / "peach"),
    )
    assert seen == [["peach"], ["debr"], False, str(environment)]


@needs_bubblewrap
def test_an_environment_that_is_the_home_itself_does_not_open_it(tmp_path: Path) -> None:
    """``python -m venv ~/airflow``, and ``AIRFLOW_HOME`` left as it is by default."""
    home = tmp_path / "airflow"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    (home / "airflow.cfg").write_text("fernet_key = sesame")
    content = sandbox.Content(
        argv=(str(home / "bin" / "python"), "-c", f"import os; print(sorted(os.listdir({str(home)!r})))"),
        cwd=Path("/"),
        specification=b"",
        interpreters=(home / "bin" / "python",),
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    argv = sandbox.wrap(content, writable=(scratch,), hidden=(home,), temporary=scratch, accounts=scratch / "accounts")
    ended = subprocess.run(argv, check=False, capture_output=True, text=True, env={})
    assert ended.stderr == ""
    assert "'bin'" in ended.stdout
    assert "airflow.cfg" not in ended.stdout


@needs_bubblewrap
@pytest.mark.skipif(not Path("/bin/python3").exists(), reason="the system has no Python")
def test_the_systems_interpreter_does_not_open_the_system(run_task: RunTask, tmp_path: Path) -> None:
    assert Path("/") not in interpreter_mounts(Path("/bin/python3"))
    environment = tmp_path / "environment"
    subprocess.run(["/bin/python3", "-m", "venv", "--without-pip", "--symlinks", str(environment)], check=True)
    (environment / "bin" / "python").unlink()
    (environment / "bin" / "python").symlink_to("/bin/python3")
    (tmp_path / "secret").touch()
    seen = see(
        run_task,
        f"[os.path.exists(p) for p in ('/etc/shadow', '/var/lib', '/home', {str(tmp_path / 'secret')!r})]",
        environment=environment,
    )
    assert seen == [False] * 4
