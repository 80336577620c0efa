"""What a task finds that looks for what is not its own: nothing. Each test is one way to look."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.team import notebook

from airflow_peach.execution.accounts import user_failure
from airflow_peach.execution.environments.store import Index
from airflow_peach.execution.full_notebook import DRIVER

from .isolation_world import SESAME, World
from .kernel_index import kernel_index

if TYPE_CHECKING:
    from collections.abc import Iterator

# Reads every file below some directories, and says in which it found the word.
SEARCH = f"""
import os

def search(*roots):
    found = []
    for root in roots:
        for parent, _, names in os.walk(root):
            for name in names:
                path = os.path.join(parent, name)
                try:
                    with open(path, "rb") as file:
                        if {SESAME[:9]!r}.encode() + {SESAME[9:]!r}.encode() in file.read(1 << 20):
                            found.append(path)
                except OSError:
                    pass
    return found
"""


def test_airflows_variables_are_not_inherited(any_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW_CONN_SESR", "AIRFLOW_VAR_PEACH_SESR", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SESAME)
    seen = any_world.see("import os\ndef task(): return dict(os.environ)")
    assert SESAME not in str(seen)
    assert not [name for name in seen if name.startswith(("AIRFLOW", "AWS"))]


def test_no_descriptor_leads_to_the_supervisor(any_world: World) -> None:
    ours, theirs = socket.socketpair()  # as the supervisor's is: inheritable, and with a low number
    os.set_inheritable(theirs.fileno(), True)
    saved = os.dup(0)
    os.dup2(theirs.fileno(), 0)
    try:
        seen = any_world.see(
            """
            import os
            def task():
                kinds = {}
                for name in os.listdir("/proc/self/fd"):
                    try:
                        kinds[name] = os.readlink(f"/proc/self/fd/{name}")
                    except OSError:
                        pass
                return kinds
            """
        )
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        ours.close()
        theirs.close()
    assert not [target for target in seen.values() if target.startswith("socket:")]
    assert seen["0"] == "/dev/null"
    # Its output, and the pipe for its news: none that anybody else reads or writes.
    assert {target.partition(":")[0] for number, target in seen.items() if number != "0"} <= {"pipe"}


def test_nothing_of_airflow_and_of_others_can_be_read(world: World) -> None:
    roots = [str(world.airflow), str(world.home), "/tmp", "/dev/shm", "/var/tmp", "/run", "/root", "/home"]  # noqa: S108
    known = [
        str(path)
        for path in world.airflow.rglob("*")
        if path.is_file() and "/executions/" not in str(path) and SESAME.encode() in path.read_bytes()
    ]
    assert len(known) > 9
    found = world.see(
        SEARCH
        + f"""
def task():
    found = search(*{roots!r})
    for path in {known!r}:
        try:
            open(path).close()
            found.append(path)
        except OSError:
            pass
    return found
"""
    )
    assert found == []


@pytest.fixture
def neighbour(world: World) -> Iterator[dict[str, Any]]:
    """An execution of ``sesr`` that is running: its pid outside, and its directory."""
    up = threading.Event()
    seen: dict[str, Any] = {}

    def on_line(line: str) -> None:
        if line.startswith("up "):
            seen["checkout"] = line.split()[1]
            up.set()

    code = """
        import os, sys, time
        def task():
            open(os.path.join(os.environ["HOME"], "secret"), "w").write(os.environ["TOKEN"])
            print("up", os.getcwd())
            while os.path.exists("job.py"):
                time.sleep(0.05)
    """
    run = threading.Thread(
        target=world.run, args=(code,), kwargs={"codops": "sesr", "variables": {"TOKEN": SESAME}, "on_line": on_line}
    )
    run.start()
    assert up.wait(60)
    yield seen
    Path(seen["checkout"], "job.py").unlink()
    run.join(60)


def test_a_running_neighbour_is_out_of_reach(world: World, neighbour: dict[str, Any]) -> None:
    checkout = neighbour["checkout"]
    seen = world.see(
        SEARCH
        + f"""
import glob
def task():
    found = search({checkout!r}, os.path.dirname({checkout!r}))
    for path in ({checkout!r}, {checkout + "/job.py"!r}, os.path.dirname({checkout!r}) + "/scratch/home/secret"):
        if os.path.exists(path):
            found.append(path)
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/mem"):
        if path.split("/")[2] not in (str(os.getpid()), "1"):
            try:
                open(path, "rb").read(10)
                found.append(path)
            except OSError:
                pass
    for pid in glob.glob("/proc/[0-9]*"):
        for name in ("root", "cwd", "exe", "fd", "map_files"):
            try:
                os.listdir(pid + "/" + name) if name != "exe" else open(pid + "/exe").close()
            except OSError:
                continue
            uids = [line for line in open(pid + "/status") if line.startswith("Uid:")]
            if os.stat(pid).st_uid != os.getuid() or {checkout!r} in os.readlink(pid + "/cwd"):
                found.append([pid, name, uids])
    return found
"""
    )
    assert seen == []


def test_no_other_process_can_be_seen(sandbox_world: World) -> None:
    secret = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", SESAME], env={"KEY": SESAME})
    try:
        seen = sandbox_world.see(
            """
            import glob
            def task():
                words = b""
                for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
                    words += open(path, "rb").read()
                return [len(glob.glob("/proc/[0-9]*")), words.replace(b"\\0", b" ").decode("utf-8", "replace")]
            """
        )
    finally:
        secret.kill()
        secret.wait()
    assert seen[0] == 2
    assert SESAME not in seen[1]


def test_nobody_else_can_be_signalled_or_traced(world: World) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        seen = world.see(
            f"""
            import ctypes, os, signal
            def task():
                reached = []
                own = os.getpid()
                libc = ctypes.CDLL(None, use_errno=True)
                others = {{*range(1, 300), os.getppid(), {bystander.pid}, {os.getpid()}, -{os.getpgid(0)}}}
                for pid in others - {{own}}:
                    first = pid == 1 and own < 300  # the sandbox's own first process; it ends all of it, and only that
                    try:
                        if not first:
                            os.kill(pid, signal.SIGCONT)
                            reached.append(["signal", pid, open(f"/proc/{{pid}}/cmdline").read()])
                    except OSError:
                        pass
                    if pid > 1 and libc.ptrace(16, pid, 0, 0) == 0:
                        reached.append(["ptrace", pid])
                return reached
            """
        )
    finally:
        bystander.kill()
        bystander.wait()
    assert seen == []


def test_the_guard_lives_on_when_it_is_attacked(world: World) -> None:
    result, lines = world.run(
        """
        import os, signal
        def task():
            for pid in (os.getppid(), os.getpgid(os.getppid()), os.getsid(0)):
                for number in (signal.SIGSTOP, signal.SIGKILL):
                    try:
                        if pid > 1 and pid != os.getpid():
                            os.kill(pid, number)
                            print("sent", pid, number)
                    except OSError:
                        pass
            return "here"
        """
    )
    assert (result.status, result.value, lines) == ("success", "here", [])


def test_its_own_environment_and_uvs_cache_cannot_be_written(world: World) -> None:
    environment = world.environment("debr").path
    targets = [
        environment / "new",
        environment / "bin" / "python",
        environment / "pyvenv.cfg",
        next(environment.glob("lib/python3*/site-packages")) / "sitecustomize.py",
        environment.parent / "current.json",
        environment.parent / "new",
        world.home / "environments" / "sesr" / "uv-cache" / "secret.txt",
        world.home / "environments" / "new",
        world.home / "executions" / "new",
        world.home / "new",
        world.airflow / "dags",
        Path(sys.modules["airflow_peach"].__path__[0], "execution", "launcher.py"),
        Path("/usr/new"),
        Path("/etc/new"),
    ]
    seen = world.see(
        f"""
        import os
        def task():
            written = []
            for path in {[str(path) for path in targets]!r}:
                for attempt in (lambda: open(path, "ab").close(), lambda: os.rename(path, path + "x"),
                                lambda: os.chmod(path, 0o777), lambda: os.unlink(path), lambda: os.mkdir(path)):
                    try:
                        attempt()
                        written.append(path)
                    except OSError:
                        pass
            return written
        """
    )
    assert seen == []


def test_nothing_of_a_task_is_unpickled_or_rendered(any_world: World, tmp_path: Path) -> None:
    mark = tmp_path / "unpickled"
    seen = any_world.see(
        f"""
        import json, os, pickle
        class Bomb:
            def __reduce__(self):
                return (open, ({str(mark)!r}, "w"))
        def task():
            forged = json.dumps({{"event": "returned", "value": "forged"}}).encode()
            # In our own name, on the descriptor of the news: pickles, templates, what Airflow's own format means.
            for number in range(3, 80):
                try:
                    os.write(number, pickle.dumps(Bomb()) + b"\\n" + forged + b"\\n")
                except OSError:
                    pass
            return {{"text": "{{{{ 7 * 7 }}}} {{{{ var.value.x }}}}", "pickle": pickle.dumps(Bomb()).hex()}}
        """
    )
    assert not mark.exists()
    assert seen["text"] == "{{ 7 * 7 }} {{ var.value.x }}"


def test_links_that_are_left_lead_the_platform_nowhere(world: World, tmp_path: Path) -> None:
    precious = world.airflow / "airflow.cfg"
    before = (precious.read_text(), precious.stat().st_mode, world.airflow.stat().st_mode)
    tried = world.see(
        f"""
        import os
        def task():
            done = []
            home, scratch = os.environ["HOME"], os.path.dirname(os.environ["HOME"])
            for place in (home, scratch, os.getcwd(), os.environ["TMPDIR"]):
                os.symlink({str(world.airflow)!r}, place + "/directory")
                os.symlink({str(precious)!r}, place + "/file")
                for source in ({str(precious)!r}, "/etc/passwd", "/etc/hostname"):
                    try:
                        os.link(source, place + "/hard-" + os.path.basename(source))
                        done.append([place, source])
                    except OSError:
                        pass
            # What is removed afterwards becomes a link; what is read afterwards is one.
            os.rename(home, scratch + "/old")
            os.symlink({str(world.airflow)!r}, home)
            os.symlink({str(precious)!r}, scratch + "/executed.ipynb")
            os.makedirs("closed/" + "d/" * 500)
            os.chmod("closed", 0)
            return done
        """,
        full_notebook=False,
        artefact=tmp_path / "kept.ipynb",
    )
    assert tried == []
    assert (precious.read_text(), precious.stat().st_mode, world.airflow.stat().st_mode) == before
    assert not (tmp_path / "kept.ipynb").exists()
    assert list((world.home / "executions").iterdir()) == []


@pytest.mark.parametrize("next_of", ["debr", "sesr"])
def test_nothing_is_left_for_the_next_execution(world: World, next_of: str) -> None:
    places = ["/tmp", "/var/tmp", "/dev/shm", "/run/lock"]  # noqa: S108 - the very question
    left = world.see(
        f"""
        import os
        def task():
            left = []
            own = [os.environ["HOME"], os.environ["TMPDIR"], os.getcwd(), os.environ["VIRTUAL_ENV"]]
            for place in [*{places!r}, *own]:
                try:
                    os.makedirs(place + "/peach-left/deep")
                    os.chmod(place + "/peach-left", 0o777)
                    open(place + "/peach-left.txt", "w").write("hello")
                    left.append(place)
                except OSError:
                    pass
            return left
        """
    )
    assert len(left) >= 4
    found = world.see(
        f"""
        import glob, os
        def task():
            places = [*{left!r}, os.environ["HOME"], os.environ["TMPDIR"], os.getcwd()]
            return [path for place in places for path in glob.glob(place + "/peach-left*")]
        """,
        codops=next_of,
    )
    assert found == []
    assert not [path for place in places for path in Path(place).glob("peach-left*")]


def test_a_socket_of_the_database_cannot_be_reached(sandbox_world: World) -> None:
    path = sandbox_world.root / ".s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o777)
        server.listen()
        seen = sandbox_world.see(
            f"""
            import os, socket
            def task():
                reached = [path for path in ("/run", "/var/run", "/var/lib") if os.path.exists(path)]
                try:
                    socket.socket(socket.AF_UNIX).connect({str(path)!r})
                    reached.append("socket")
                except OSError:
                    pass
                return reached
            """
        )
    assert seen == []


def test_the_network_is_open_with_the_machines_own_services(world: World) -> None:
    """No promise, but what the pages say: tasks need the network, and so reach what listens on this machine."""
    name = f"\0peach-{os.getpid()}-{world.level}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()
        seen = world.see(
            f"""
            import socket
            def task():
                socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), timeout=10).close()
                socket.socket(socket.AF_UNIX).connect({name!r})
                return "reached"
            """
        )
    assert seen == "reached"


def test_a_whole_notebook_runs_under_the_same_isolation(world: World, tmp_path: Path) -> None:
    if world.level == "user":
        failure = user_failure(60000, python=Path(sys.executable), launcher=DRIVER, home=world.home)
        if failure:
            pytest.skip(f"the platform's own Python runs papermill: {failure}")
    with kernel_index(tmp_path / "index") as address:
        world.store(Index("kernel", address)).ensure(
            "note", (), with_kernel=True, emit=world.said.append, time_limit_seconds=120
        )
    cells = (
        SEARCH,
        f"found = search({str(world.airflow)!r}, '/tmp')",
        """
        import os
        from IPython.display import HTML, display
        display(HTML("shown"))
        def task():
            with open(os.path.join(os.environ["HOME"], "own"), "w") as file: file.write("x")
            with open("beside", "w") as file: file.write("x")
            return os.getuid(), found, os.environ.get("AIRFLOW_HOME")
        """,
    )
    artefact = world.home / "artefacts" / "note" / "t" / "1.ipynb"
    seen = world.see(
        notebook(*cells), notebook="job.ipynb", codops="note", full_notebook=True, artefact=artefact, variables={}
    )
    account = world.confinement("note").account
    assert seen == [account.uid if account else os.getuid(), [], None]
    assert "shown" in artefact.read_text(encoding="utf-8")
    assert artefact.stat().st_uid == os.getuid()
