"""Remotes on their bad days, over real sockets: what was known stays, the others go on, and it mends itself.

What a remote on a disk does is in tests/repositories/test_mirror.py, a git host's own bad days (tokens, limits, half
a page) in tests/repositories/sources/.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from tests.git_host import Answer, Failure, GitHost, wait_until

from airflow_peach.catalogue.store import read_catalogue
from airflow_peach.catalogue.sync import SyncReport, sync
from airflow_peach.execution.head import fetch_head
from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.mirror import Mirror
from airflow_peach.settings import Settings, load_settings

from .faulty_link import Fault, FaultyLink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.git_host import Request, User

NOTEBOOK = "def task():\n    return 7\n"
# Enough for what works, however busy the machine; what does not takes all of it, at the same time.
TIMEOUT_SECONDS = 12.0


class PlainHost(GitHost):
    """A host that serves repositories to everybody, and has no API."""

    def api(self, request: Request) -> Answer:
        return Answer(404, {"path": request.path})

    def refusal(self, user: User | None, token: str) -> Answer | None:
        del user, token
        return None


@dataclass
class World:
    """A host, a link to it for each repository, and a platform that knows those links only."""

    host: PlainHost
    settings: Settings
    links: dict[str, FaultyLink]

    def configure(self, name: str, *tasks: str, data_bytes: int = 0) -> str:
        """Commit these tasks of the organisation `name`, and so many bytes that no compression makes fewer."""
        lines = [f"codops: {name}", "tasks:", *(f"  {task}: {{notebook: job.py, method: task}}" for task in tasks)]
        files = {"peach.yaml": "\n".join([*lines, ""]), "job.py": NOTEBOOK}
        data = random.Random(name).randbytes(data_bytes // 2).hex()  # noqa: S311 - any numbers do
        return self.host.repositories[name].commit({**files, "data.txt": data})

    def sync(self) -> SyncReport:
        return sync(self.settings)

    def tasks(self, name: str) -> list[str]:
        return [task.name for task in read_catalogue(self.settings.home).organisations[name].tasks]

    def mirror(self, name: str) -> Mirror:
        address = RepositoryAddress(name, read_catalogue(self.settings.home).repositories[name].url)
        return Mirror(self.settings.home, address, self.settings.branch)


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    with contextlib.ExitStack() as running:
        host = running.enter_context(PlainHost(tmp_path / "host"))

        def make(*names: str) -> World:
            links = {name: running.enter_context(FaultyLink(int(host.url.rpartition(":")[2]))) for name in names}
            urls = [f"http://127.0.0.1:{link.port}/{name}.git" for name, link in links.items()]
            platform = tmp_path / "platform.yaml"
            platform.write_text(f"sources: [{{git: [{', '.join(urls)}]}}]\n")
            for name in names:
                host.repository(name, visibility="public")
            settings = load_settings(
                home=tmp_path / "home", platform_file=platform, fetch_timeout_seconds=TIMEOUT_SECONDS
            )
            return World(host, settings, links)

        yield make


LINK_FAULTS = {
    "down": Fault(down=True),
    "silent": Fault(silent=True),
    "slow": Fault(bytes_per_second=200),
    "cut-at-once": Fault(cut_after_bytes=0),
    "cut-in-the-list": Fault(cut_after_bytes=300),
    "cut-in-the-pack": Fault(cut_after_bytes=200_000),
}
HOST_FAULTS = {
    "error-500": Failure("/error-500", status=500),
    "a-login-page": Failure("/a-login-page", status=200, body="<html>Log in</html>"),
    "forbidden": Failure("/forbidden", status=403),
    "gone": Failure("/gone", status=404),
    "hangs-in-the-fetch": Failure("/hangs-in-the-fetch.git/git-upload-pack", kind="hang", seconds=60),
}


def test_each_remote_has_its_bad_day_and_only_it(make_world: Callable[..., World]) -> None:
    """All at once: in one sync the good ones are brought up to date, and of the others nothing is lost."""
    faulty, good = [*LINK_FAULTS, *HOST_FAULTS], ["good-a", "good-b"]
    world = make_world(*faulty, *good)
    old = {name: world.configure(name, "x") for name in (*faulty, *good)}
    assert [status.error for status in world.sync().repositories] == [""] * 13
    new = {name: world.configure(name, "x", "y", data_bytes=600_000) for name in (*faulty, *good)}
    for name, fault in LINK_FAULTS.items():
        world.links[name].fault = fault
    world.host.failures += HOST_FAULTS.values()
    began = time.monotonic()

    report = world.sync()

    # All that take the whole of their time take it at once.
    assert time.monotonic() - began < 4 * TIMEOUT_SECONDS
    heads = {status.name: status.head for status in report.repositories}
    assert heads == {name: (new if name in good else old)[name] for name in heads}
    for status in report.repositories:
        assert bool(status.error) == (status.name in faulty)
        assert not status.error or status.error.startswith(f"{status.name}: cannot be fetched from http://127.0.0.1:")
        assert "\n" not in status.error
        assert world.tasks(status.name) == (["x"] if status.name in faulty else ["x", "y"])
    said: list[str] = []
    short = replace(world.settings, execution_fetch_timeout_seconds=0.5)
    assert fetch_head(short, "silent", said.append).commit == old["silent"]
    assert "running the last known commit" in said[0]

    for name in LINK_FAULTS:
        world.links[name].fault = Fault()
    world.host.failures.clear()
    report = world.sync()

    assert [status.error for status in report.repositories] == [""] * 13
    assert {status.name: status.head for status in report.repositories} == new
    for name in ("slow", "cut-in-the-pack", "hangs-in-the-fetch"):
        assert world.mirror(name).git().fsck("--no-dangling") == ""
        assert list(world.mirror(name).path.rglob("tmp_*")) == []
    assert list((world.settings.home / "mirrors").glob(".*@*")) == []


def test_a_silent_remote_delays_no_other(make_world: Callable[..., World]) -> None:
    """The others are in the catalogue while it is still waited for."""
    world = make_world("silent", "good")
    for tasks in (["x"], ["x", "y"]):
        for name in ("silent", "good"):
            world.configure(name, *tasks)
        if tasks == ["x"]:
            world.sync()
    world.links["silent"].fault = Fault(silent=True)
    patient = replace(world.settings, fetch_timeout_seconds=100.0)
    syncing = threading.Thread(target=sync, args=[patient])
    syncing.start()

    wait_until(lambda: world.tasks("good") == ["x", "y"], seconds=60)

    assert syncing.is_alive()
    assert world.tasks("silent") == ["x"]
    world.links["silent"].fault = Fault()
    syncing.join(120)
    world.sync()
    assert world.tasks("silent") == ["x", "y"]


def test_a_fetch_that_was_killed_half_way_leaves_no_half_pack(make_world: Callable[..., World]) -> None:
    world = make_world("team")
    world.configure("team", "x")
    world.sync()
    mirror = world.mirror("team")
    (mirror.path / "objects" / "pack").mkdir(exist_ok=True)
    left = mirror.path / "objects" / "pack" / "tmp_pack_abcdef"
    left.write_bytes(b"half")
    world.configure("team", "x", "y")

    world.sync()

    assert world.tasks("team") == ["x", "y"]
    assert not left.exists()


def test_the_life_of_a_repository(make_world: Callable[..., World]) -> None:
    """Rewritten, renamed, emptied, deleted and made again: the loop follows what is there, and keeps what was."""
    world = make_world("team")
    world.configure("team", "x")
    world.sync()
    repository = world.host.repositories["team"]

    def after_a_sync() -> tuple[list[str], str]:
        (status,) = world.sync().repositories
        return world.tasks("team"), status.error.rpartition("/team.git: ")[2]

    # A forced push of a history that has nothing to do with the one before.
    repository.git("update-ref", "-d", "refs/heads/master")
    head = world.configure("team", "rewritten")
    assert after_a_sync() == (["rewritten"], "")
    assert world.mirror("team").git().rev_list("--count", head) == "1"

    # Renamed, and the default branch with it.
    repository.git("branch", "--move", "master", "main")
    assert after_a_sync() == (["rewritten"], "")
    assert fetch_head(world.settings, "team", print).commit == head

    # Another default branch.
    repository.commit({"peach.yaml": "codops: team\ntasks:\n", "job.py": None, "data.txt": None}, branch="other")
    world.host.repositories["team"].commit(
        {"peach.yaml": "codops: team\ntasks: {z: {notebook: z.py, method: task}}\n", "z.py": NOTEBOOK}, branch="other"
    )
    repository.git("symbolic-ref", "HEAD", "refs/heads/other")
    assert after_a_sync() == (["z"], "")

    # Emptied of its branches: nobody deleted a task.
    for branch in ("main", "other"):
        repository.git("update-ref", "-d", f"refs/heads/{branch}")
    assert after_a_sync() == (["z"], "it is empty: nothing was pushed to it, or everything was removed")

    # Deleted, and made again with a history of its own.
    shutil.rmtree(repository.folder)
    del world.host.repositories["team"]
    tasks, error = after_a_sync()
    assert tasks == ["z"]
    assert error
    shutil.rmtree(repository.folder, ignore_errors=True)
    world.host.repository("team", visibility="public")
    head = world.configure("team", "again")
    assert after_a_sync() == (["again"], "")
    assert world.mirror("team").git().fsck("--no-dangling") == ""
    assert fetch_head(world.settings, "team", print).commit == head
