from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.mirror import FetchError, Mirror
from airflow_peach.storage import locked

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 30


def lock_of(mirror: Mirror) -> Path:
    return mirror.path.parents[1] / "locks" / "mirrors" / mirror.path.stem


def damage(mirror: Mirror) -> None:
    """Make every object unreadable, as a full disk does."""
    for path in (mirror.path / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"")


def test_the_head_of_the_settings_branch(remote: Any, mirror: Mirror) -> None:
    assert mirror.head() is None
    commit = remote.commit({"a": "1"})
    remote.git("checkout", "-q", "-b", "feature")
    remote.commit({"a": "2"})

    head = mirror.fetch(LIMIT)

    assert (head.commit, head.branch, head.version) == (commit, "master", commit[:8])
    assert int(head.committed_at.timestamp()) == int(remote.git("log", "-1", "--format=%ct", commit))
    assert mirror.head() == head


def test_a_new_commit_is_fetched_alone(remote: Any, mirror: Mirror) -> None:
    for number in range(3):
        remote.commit({"a": str(number)})
    mirror.fetch(LIMIT)
    commit = remote.commit({"a": "new"})

    assert mirror.fetch(LIMIT).commit == commit
    assert mirror.git().rev_list("--count", commit) == "1"


def test_an_unchanged_remote_is_only_listed(remote: Any, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    head = mirror.fetch(LIMIT)
    # Without the lock nothing can be written: a fetch would wait for it.
    with locked(lock_of(mirror)):
        assert mirror.fetch(1) == head


def test_without_the_settings_branch_the_default_branch_is_followed(make_remote: Any, make_mirror: Any) -> None:
    remote = make_remote(branch="main")
    remote.commit({"a": "1"})
    mirror = make_mirror(remote)
    assert mirror.fetch(LIMIT).branch == "main"

    remote.git("branch", "--move", "main", "trunk")
    renamed = mirror.fetch(LIMIT)

    assert renamed.branch == "trunk"
    assert mirror.head() == renamed
    remote.git("checkout", "-q", "-b", "master")
    assert mirror.fetch(LIMIT).branch == "master"


def test_a_branch_renamed_below_its_own_name(make_remote: Any, make_mirror: Any) -> None:
    remote = make_remote(branch="release")
    remote.commit({"a": "1"})
    mirror = make_mirror(remote)
    mirror.fetch(LIMIT)

    remote.git("branch", "--move", "release", "release/1")

    assert mirror.fetch(LIMIT).branch == "release/1"


def test_a_bare_remote_whose_default_branch_was_never_pushed(make_remote: Any, tmp_path: Path) -> None:
    remote = make_remote(branch="main")
    commit = remote.commit({"a": "1"})
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "nobodys", str(bare)], check=True)
    remote.git("push", "-q", str(bare), "main")
    mirror = Mirror(tmp_path / "home", RepositoryAddress("bare", str(bare)), "master")

    assert (mirror.fetch(LIMIT).commit, mirror.fetch(LIMIT).branch) == (commit, "main")

    remote.git("push", "-q", str(bare), "main:second")
    with pytest.raises(FetchError, match=r"no branch 'master'.*push 'master', or make one .*\(main, second\)"):
        mirror.fetch(LIMIT)


def test_a_detached_head(make_remote: Any, make_mirror: Any) -> None:
    remote = make_remote(branch="main")
    commit = remote.commit({"a": "1"})
    remote.git("checkout", "-q", "--detach")
    remote.git("branch", "-q", "--delete", "main")

    assert make_mirror(remote).fetch(LIMIT).commit == commit


def test_a_force_push(remote: Any, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    remote.commit({"a": "2"})
    old = mirror.fetch(LIMIT)
    remote.git("reset", "-q", "--hard", "HEAD~1")
    commit = remote.commit({"b": "other history"})

    assert mirror.fetch(LIMIT).commit == commit
    # An execution that started a moment ago still finds its commit, whatever git tidies up.
    mirror.git().gc("--prune=now", "--quiet")
    assert mirror.git().cat_file("-t", old.commit) == "commit"


@pytest.mark.parametrize("date", ["99999999999999 +0000", "99999999999999999999999 +0000", "tomorrow", ""])
def test_a_commit_of_an_impossible_time_is_a_head(remote: Any, mirror: Mirror, date: str) -> None:
    tree = remote.git("write-tree")
    text = f"tree {tree}\nauthor a <a> 0 +0000\ncommitter a <a> {date}\n\nx\n"
    commit = remote.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", data=text.encode())
    remote.git("update-ref", "refs/heads/master", commit)

    head = mirror.fetch(LIMIT)

    assert (head.commit, head.committed_at.year) == (commit, 1970)


def test_a_shallow_remote(remote: Any, tmp_path: Path) -> None:
    remote.commit({"a": "1"})
    commit = remote.commit({"a": "2"})
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{remote.path}", str(shallow)], check=True)

    assert Mirror(tmp_path / "home", RepositoryAddress("s", str(shallow)), "master").fetch(LIMIT).commit == commit


@pytest.mark.parametrize("what", ["deleted", "emptied", "no repository"])
def test_what_is_wrong_with_the_remote_is_said_and_the_last_head_stays(remote: Any, mirror: Mirror, what: str) -> None:
    remote.commit({"a": "1"})
    head = mirror.fetch(LIMIT)
    shutil.rmtree(remote.path)
    if what == "emptied":
        subprocess.run(["git", "init", "-q", str(remote.path)], check=True)
    if what == "no repository":
        remote.path.mkdir()
    expected = "it is empty" if what == "emptied" else "does not appear to be a git repository"

    with pytest.raises(FetchError, match=f"^team: cannot be fetched from {remote.path}: .*{expected}"):
        mirror.fetch(LIMIT)

    assert mirror.head() == head


def test_a_deleted_branch(remote: Any, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    head = mirror.fetch(LIMIT)
    remote.git("checkout", "-q", "--detach")
    remote.git("branch", "-q", "-D", "master")
    remote.git("symbolic-ref", "HEAD", "refs/heads/none")

    with pytest.raises(FetchError, match="it is empty"):
        mirror.fetch(LIMIT)

    assert mirror.head() == head


def test_a_damaged_mirror_is_made_anew_and_kept_aside(remote: Any, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    mirror.fetch(LIMIT)
    damage(mirror)
    commit = remote.commit({"a": "2"})

    assert mirror.fetch(LIMIT).commit == commit
    assert mirror.git().fsck("--no-dangling") == ""
    assert mirror.path.with_suffix(".corrupt").is_dir()


@pytest.mark.parametrize("missing", ["HEAD", "objects", "refs", "config"])
def test_a_mirror_that_misses_a_part(remote: Any, mirror: Mirror, missing: str) -> None:
    remote.commit({"a": "1"})
    mirror.fetch(LIMIT)
    part = mirror.path / missing
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    commit = remote.commit({"a": "2"})

    assert mirror.fetch(LIMIT).commit == commit
    assert mirror.head() is not None


def test_damage_that_only_a_reader_saw_is_mended_by_the_next_fetch(remote: Any, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    head = mirror.fetch(LIMIT)

    error = mirror.report_corrupt("loose object is corrupt")

    assert "the next fetch makes it anew" in str(error)
    assert mirror.fetch(LIMIT) == head
    assert mirror.path.with_suffix(".corrupt").is_dir()


def test_a_damaged_mirror_of_a_dead_remote_stays(remote: Any, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    head = mirror.fetch(LIMIT)
    mirror.report_corrupt("x")
    remote.path.rename(remote.path.with_name("away"))

    with pytest.raises(FetchError):
        mirror.fetch(LIMIT)

    assert mirror.head() == head


def test_a_swap_that_was_killed_half_way_is_undone(remote: Any, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    head = mirror.fetch(LIMIT)
    mirror.path.rename(mirror.path.with_suffix(".corrupt"))
    remote.path.rename(remote.path.with_name("away"))

    with pytest.raises(FetchError):
        mirror.fetch(LIMIT)

    assert mirror.head() == head


def test_what_a_killed_git_left_is_cleared(remote: Any, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    mirror.fetch(LIMIT)
    for name in ("HEAD.lock", "shallow.lock", "refs/peach/head.lock", "packed-refs.lock", "config.lock"):
        (mirror.path / name).touch()
    half = mirror.path.with_name(f".{mirror.path.name}@abcdef")
    half.mkdir()
    others = mirror.path.with_name(f".{mirror.path.name}.x.git@abcdef")
    others.mkdir()
    commit = remote.commit({"a": "2"})

    assert mirror.fetch(LIMIT).commit == commit
    assert not half.exists()
    assert others.exists()
    assert not mirror.path.with_suffix(".corrupt").exists()


def test_a_fetch_leaves_the_clone_of_another_alone(make_remote: Any, make_mirror: Any) -> None:
    one, other = make_remote("a"), make_remote("a.git.x")
    one.commit()
    other.commit()
    made: list[Path] = []
    mirror = make_mirror(other)
    bring = mirror._update

    def while_the_first_is_fetched(path: Path, *arguments: Any) -> Any:
        make_mirror(one).fetch(LIMIT)
        made.append(path)
        return bring(path, *arguments)

    mirror._update = while_the_first_is_fetched
    assert mirror.fetch(LIMIT).commit
    assert made[0].name.startswith(".a.git.x.git")


def test_many_at_once(remote: Any, make_mirror: Any) -> None:
    for number in range(3):
        commit = remote.commit({"a": str(number)})
        with ThreadPoolExecutor(8) as threads:
            heads = list(threads.map(lambda _: make_mirror(remote).fetch(LIMIT).commit, range(8)))
        assert set(heads) == {commit}
    assert make_mirror(remote).git().fsck("--no-dangling") == ""


def test_somebody_elses_fetch_is_waited_for_only_so_long(remote: Any, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    with locked(lock_of(mirror)), pytest.raises(FetchError, match="held by another process"):
        mirror.fetch(0.5)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that accepts and says nothing, ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/team.git"


def test_a_remote_that_does_not_answer(silent_server: str, tmp_path: Path) -> None:
    mirror = Mirror(tmp_path, RepositoryAddress("team", silent_server), "master")
    started = time.monotonic()

    with pytest.raises(FetchError, match=r"team: cannot be fetched from http://127.*: no answer within 0\.5 s"):
        mirror.fetch(0.5)

    assert time.monotonic() - started < 10


def test_a_git_of_a_killed_fetch_holds_the_lock_until_it_is_gone(
    silent_server: str, remote: Any, mirror: Mirror
) -> None:
    """Two gits never write one mirror, and no lock of a living git is taken for a stale one."""
    script = (
        "import sys; from pathlib import Path; from airflow_peach.storage import locked\n"
        "from airflow_peach.repositories.git_environment import open_git\n"
        "with locked(Path(sys.argv[1])) as lock:\n"
        "    print('held', flush=True)\n"
        "    open_git(None, inherited=[lock]).ls_remote('--', sys.argv[2])\n"
    )
    remote.commit({"a": "1"})
    lock = lock_of(mirror)
    children: list[int] = []
    with subprocess.Popen(
        [sys.executable, "-c", script, str(lock), silent_server], stdout=subprocess.PIPE, text=True
    ) as fetching:
        try:
            assert fetching.stdout is not None
            fetching.stdout.readline()
            deadline = time.monotonic() + 20
            while not children and time.monotonic() < deadline:
                listed = Path(f"/proc/{fetching.pid}/task/{fetching.pid}/children").read_text()
                children = [int(pid) for pid in listed.split() if b"ls-remote" in cmdline(int(pid))]
                time.sleep(0.02)
            for pid in children:
                os.killpg(pid, signal.SIGSTOP)  # the machine is busy
            fetching.kill()
            fetching.wait()

            with pytest.raises(FetchError, match="held by another process"):
                mirror.fetch(1)
        finally:
            fetching.kill()
            for pid in children:
                os.killpg(pid, signal.SIGCONT)
    assert mirror.fetch(LIMIT)


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_names_become_files_that_differ(tmp_path: Path) -> None:
    names = ["a/b", "a%2Fb", "a b", ".hidden", "-x", "x" * 300, "x" * 301, "größe"]
    paths = {Mirror(tmp_path, RepositoryAddress(name, "/x"), "master").path for name in names}

    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {tmp_path / "mirrors"}
    assert not any(path.name.startswith(".") for path in paths)


def test_a_home_that_cannot_be_written(remote: Any, tmp_path: Path) -> None:
    remote.commit({"a": "1"})
    (tmp_path / "home").write_text("a file")
    mirror = Mirror(tmp_path / "home", RepositoryAddress("team", str(remote.path)), "master")

    with pytest.raises(FetchError, match=r"Not a directory|File exists"):
        mirror.fetch(LIMIT)


def test_no_descriptor_and_no_process_is_left(remote: Any, mirror: Mirror) -> None:
    remote.commit({"a": "1"})
    mirror.fetch(LIMIT)
    before = len(list(Path("/proc/self/fd").iterdir()))
    threads = threading.active_count()
    for number in range(5):
        remote.commit({"a": f"new {number}"})
        mirror.fetch(LIMIT)

    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert threading.active_count() <= threads  # one of another test may end meanwhile
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    assert not any(b"git" in cmdline(int(pid)) for pid in children.split())
