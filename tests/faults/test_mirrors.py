"""A mirror damaged in every way a disk, a kill or a person can: the next execution runs, and the mirror is whole.

What a fetch does about damage is in tests/repositories/test_mirror.py; here the remote has nothing new, so that
nothing is fetched, and the one who finds the damage is the execution itself.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.team import Team, make_team, synced

from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
from airflow_peach.execution.task_run import Outcome, TaskRun, run_task
from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.mirror import Mirror
from airflow_peach.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_peach.catalogue.model import Organisation


@dataclass
class World:
    """A platform with one repository whose mirror is packed."""

    settings: Settings
    team: Team
    organisation: Organisation

    @property
    def mirror(self) -> Mirror:
        return Mirror(self.settings.home, RepositoryAddress("team", str(self.team.path)), "master")

    def restore(self) -> None:
        """Bring the mirror back as it was, and the remote to the commit it knows."""
        path = self.mirror.path
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        shutil.copytree(path.with_name("saved"), path)
        self.team.git("reset", "--quiet", "--hard", str(self.mirror.git().rev_parse("refs/peach/head")))

    def run(self) -> tuple[Outcome, list[str]]:
        log: list[str] = []
        outcome = run_task(
            TaskRun(self.organisation, self.organisation.tasks[0], "debr", "manual-1", 60.0),
            self.settings,
            PlatformEnvironments(self.settings),
            emit=log.append,
            keep=lambda _: None,
        )
        return outcome, log


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("mirrors")
    files = {
        "peach.yaml": "codops: debr\ntasks: {first: {notebook: job.py, method: task}}\n",
        "job.py": "def task():\n    return open('data.txt').read()\n",
        "data.txt": "all is well",
    }
    team = make_team(root / "source" / "team", files)
    settings = load_settings(home=root / "home", isolation="none")
    made = World(settings, team, synced(settings, team.path.parent))
    made.mirror.git().repack("-a", "-d", "-q")
    shutil.copytree(made.mirror.path, made.mirror.path.with_name("saved"))
    return made


def files_of(folder: Path, pattern: str) -> list[Path]:
    found = [path for path in folder.glob(pattern) if path.is_file()]
    assert found
    for path in found:
        path.chmod(0o600)
    return found


def truncate_the_pack(mirror: Path) -> None:
    (pack,) = files_of(mirror, "objects/pack/*.pack")
    content = pack.read_bytes()
    pack.write_bytes(content[: len(content) // 2])


def empty_the_index_of_the_pack(mirror: Path) -> None:
    (index,) = files_of(mirror, "objects/pack/*.idx")
    index.write_bytes(b"")


def lose_all_objects(mirror: Path) -> None:
    for path in files_of(mirror, "objects/**/*"):
        path.unlink()


def lose_a_file_of_the_commit(mirror: Path) -> None:
    """Unpack all objects, and remove the one of `data.txt`: everything but a checkout still works."""
    git = Mirror(mirror.parents[1], RepositoryAddress("team", ""), "master").git()
    lost = str(git.rev_parse("refs/peach/head:data.txt"))
    (pack,) = files_of(mirror, "objects/pack/*.pack")
    content = pack.read_bytes()
    for path in files_of(mirror, "objects/pack/*"):
        path.unlink()
    with (mirror / "pack").open("wb+") as file:
        file.write(content)
        file.seek(0)
        git.unpack_objects("-q", istream=file)
    (mirror / "objects" / lost[:2] / lost[2:]).unlink()


def empty_the_refs(mirror: Path) -> None:
    shutil.rmtree(mirror / "refs")
    (mirror / "refs").mkdir()
    (mirror / "packed-refs").unlink(missing_ok=True)


def garbage(name: str) -> Callable[[Path], None]:
    def write(mirror: Path) -> None:
        path = mirror / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(b"\x00\xff garbage [ \n")

    write.__name__ = f"garbage in {name}"
    return write


def leave_locks(mirror: Path) -> None:
    for name in ("index.lock", "shallow.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "gc.pid.lock"):
        (mirror / name).touch()
    for name in ("refs/peach/head.lock", "refs/peach/previous.lock", "objects/info/commit-graphs/x.lock"):
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).touch()


def make_it_a_file(mirror: Path) -> None:
    shutil.rmtree(mirror)
    mirror.write_text("not a repository")


DAMAGES = [
    truncate_the_pack,
    empty_the_index_of_the_pack,
    lose_all_objects,
    lose_a_file_of_the_commit,
    empty_the_refs,
    garbage("HEAD"),
    garbage("config"),
    garbage("packed-refs"),
    garbage("refs/peach/head"),
    garbage("refs/peach/previous"),
    garbage("shallow"),
    leave_locks,
    make_it_a_file,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_an_execution_finds_a_damaged_mirror_and_runs(world: World, damage: Callable[[Path], None]) -> None:
    world.restore()
    damage(world.mirror.path)

    outcome, log = world.run()

    assert (outcome.status, outcome.value) == ("success", "all is well"), log
    # And what comes next finds nothing of it, with nobody's hand.
    version = world.team.commit({"new.txt": damage.__name__})[:8]
    assert world.mirror.fetch(30).version == version
    assert world.mirror.git().fsck("--no-dangling") == ""


def test_without_its_remote_a_damaged_mirror_fails_its_task_in_words_until_the_remote_is_back(world: World) -> None:
    world.restore()
    truncate_the_pack(world.mirror.path)
    away = world.team.path.rename(world.team.path.with_name("away"))

    outcome, log = world.run()

    assert outcome.status == "failed"
    assert "Traceback" not in "".join(log)
    away.rename(world.team.path)
    outcome, log = world.run()
    assert outcome.status == "success", log
