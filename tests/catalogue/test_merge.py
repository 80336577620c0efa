from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from airflow_peach.authoring.definitions import (
    ConfigurationFile,
    RepositoryConfiguration,
    RequirementEntry,
    TaskEntry,
)
from airflow_peach.authoring.platform.file import Platform, PlatformOrganisation
from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.merge import TOMBSTONE_AGE, merge
from airflow_peach.catalogue.model import Catalogue, RepositoryStatus

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc)
VERSION = "abcdef12"


def entry(name: str, *, line: int, **fields: Any) -> TaskEntry:
    return TaskEntry(name, "n.ipynb", "task", Place("", VERSION, "", line, 3), **fields)


def file(
    *tasks: str | TaskEntry,
    codops: str | None = "debr",
    path: str = "peach.yaml",
    invalid: tuple[str, ...] = (),
    requirements: tuple[str, ...] = (),
    **fields: Any,
) -> ConfigurationFile:
    return ConfigurationFile(
        path=path,
        codops=codops,
        tasks=tuple(
            entry(task, line=10 * number) if isinstance(task, str) else task for number, task in enumerate(tasks, 1)
        ),
        invalid_tasks=invalid,
        requirements=tuple(
            RequirementEntry(text, Place("", VERSION, path, number)) for number, text in enumerate(requirements, 2)
        ),
        **fields,
    )


def unreadable(path: str = "peach.yaml", codops: str | None = None) -> ConfigurationFile:
    return ConfigurationFile(path=path, codops=codops, readable=False, requirements_valid=False)


def listed(files: ConfigurationFile | tuple[ConfigurationFile, ...]) -> tuple[ConfigurationFile, ...]:
    return files if isinstance(files, tuple) else (files,)


def placed(each: ConfigurationFile, repository: str) -> ConfigurationFile:
    """Return the file with the places of its tasks filled in."""
    tasks = (replace(task, place=replace(task.place, repository=repository, file=each.path)) for task in each.tasks)
    return replace(each, tasks=tuple(tasks))


class World:
    """Merges again and again, each time with what the repositories say now; None: one could not be read."""

    def __init__(self, platform: Platform | None = None) -> None:
        self.platform = platform or Platform()
        self.catalogue = Catalogue()
        self.now = NOW

    def merge(self, **repositories: ConfigurationFile | tuple[ConfigurationFile, ...] | None) -> Catalogue:
        configurations = [
            RepositoryConfiguration(name, VERSION, tuple(placed(each, name) for each in listed(files)))
            for name, files in repositories.items()
            if files is not None
        ]
        before = self.catalogue.repositories
        statuses = {name: before.get(name) or RepositoryStatus(name, f"/{name}") for name in repositories}
        self.catalogue = merge(configurations, statuses, self.catalogue, self.platform, self.now)
        return self.catalogue

    def tasks(self, codops: str = "debr") -> list[str]:
        """Names in the order of the loop, with their repository; stale ones with a `*`."""
        organisation = self.catalogue.organisations.get(codops)
        return [
            f"{task.repository}.{task.name}{'*' if task.stale else ''}"
            for task in (organisation.tasks if organisation else ())
        ]

    def requirements(self, codops: str = "debr") -> list[str]:
        return [f"{each.text} <- {each.asked_by}" for each in self.catalogue.organisations[codops].requirements]

    def problems(self, repository: str) -> list[str]:
        return [str(problem) for problem in self.catalogue.repositories[repository].problems]


@pytest.fixture
def world() -> World:
    return World()


def test_the_order_is_repository_file_position(world: World) -> None:
    world.merge(
        b=file("b1"),
        a=(file("z", "y", path="peach.yaml"), file("x", path="peach.conf/x.yaml")),
    )

    assert world.tasks() == ["a.x", "a.z", "a.y", "b.b1"]


def test_tasks_on_one_line_keep_their_order(world: World) -> None:
    world.merge(a=file(entry("z", line=3), entry("a", line=3)))

    assert world.tasks() == ["a.z", "a.a"]


def test_a_task_says_all_that_its_file_says(world: World) -> None:
    task = entry("t", line=4, full_notebook=True, loop="metadata", args={"day": dt.date(2020, 1, 1)})

    world.merge(a=file(task))

    (merged,) = world.catalogue.organisations["debr"].tasks
    assert (merged.codops, merged.name, merged.loop, merged.in_metadata_loop) == ("debr", "t", "metadata", True)
    assert (merged.repository, merged.file, merged.line) == ("a", "peach.yaml", 4)
    assert (merged.notebook, merged.method, merged.full_notebook) == ("n.ipynb", "task", True)
    assert merged.args == {"day": dt.date(2020, 1, 1)}


def test_without_a_loop_it_is_the_organisations_own(world: World) -> None:
    world.merge(a=file("t"))

    assert world.catalogue.organisations["debr"].tasks[0].loop == "debr"


class TestNothingGoodIsTakenDown:
    def test_an_invalid_task_keeps_its_last_valid_definition(self, world: World) -> None:
        world.merge(a=file("x", "y"))
        world.merge(a=file(entry("y", line=20), invalid=("x", "new")))

        assert world.tasks() == ["a.x*", "a.y"]

    def test_and_is_no_longer_stale_when_it_is_valid_again(self, world: World) -> None:
        world.merge(a=file("x"))
        world.merge(a=file(invalid=("x",)))
        world.merge(a=file("x"))

        assert world.tasks() == ["a.x"]

    def test_stale_stays_stale_for_ever(self, world: World) -> None:
        world.merge(a=file("x"))
        for _ in range(3):
            world.merge(a=file(invalid=("x",)))

        assert world.tasks() == ["a.x*"]

    @pytest.mark.parametrize("codops", [None, "debr"])
    def test_all_tasks_of_a_file_that_cannot_be_read_stay(self, world: World, codops: str | None) -> None:
        world.merge(a=(file("x", "y"), file("z", path="peach.conf/z.yaml")))
        world.merge(a=(unreadable(codops=codops), file("z", path="peach.conf/z.yaml")))

        assert world.tasks() == ["a.z", "a.x*", "a.y*"]

    def test_a_repository_that_could_not_be_read_keeps_all_it_had(self, world: World) -> None:
        problem = Problem(Place("a", VERSION), "", "bad", codops="debr")
        world.merge(a=file("x", requirements=("numpy",), problems=(problem,)), b=file("y"))
        before = world.catalogue

        assert world.merge(a=None, b=file("y")) == before

    def test_other_repositories_and_organisations_are_not_touched(self, world: World) -> None:
        world.merge(a=file("x"), b=file("y"), c=file("z", codops="sesr"))
        world.merge(a=unreadable(), b=file("y"), c=file("z", codops="sesr"))

        assert world.tasks() == ["a.x*", "b.y"]
        assert world.tasks("sesr") == ["c.z"]

    def test_a_task_that_moved_to_another_file_and_is_invalid_there_stays(self, world: World) -> None:
        world.merge(a=file("x"))
        world.merge(a=(file(), file(path="peach.conf/x.yaml", invalid=("x",))))

        assert world.tasks() == ["a.x*"]

    def test_a_valid_definition_elsewhere_in_the_repository_wins_over_a_stale_one(self, world: World) -> None:
        world.merge(a=file("x"))
        world.merge(a=(unreadable(), file("x", path="peach.conf/x.yaml")))

        assert world.tasks() == ["a.x"]


class TestDeletion:
    def test_only_a_deletion_deletes(self, world: World) -> None:
        world.merge(a=file("x", "y"), b=file("z"))
        world.merge(a=file("y"), b=file("z"))

        assert world.tasks() == ["a.y", "b.z"]

    def test_a_repository_that_is_gone_takes_its_tasks_along(self, world: World) -> None:
        world.merge(a=file("x"), b=file("z"))
        world.merge(b=file("z"))

        assert world.tasks() == ["b.z"]
        assert set(world.catalogue.repositories) == {"b"}

    def test_another_codops_moves_the_tasks(self, world: World) -> None:
        world.merge(a=file("x"))
        world.merge(a=file("x", codops="sesr"))

        assert world.tasks() == []
        assert world.tasks("sesr") == ["a.x"]

    def test_an_organisation_without_tasks_is_a_tombstone_for_a_day(self, world: World) -> None:
        world.merge(a=file("x", requirements=("numpy",)))
        world.merge(a=file())
        tombstone = world.catalogue.organisations["debr"]

        assert (tombstone.tasks, tombstone.requirements) == ((), ())
        assert tombstone.tombstone_until == NOW + TOMBSTONE_AGE
        world.now += TOMBSTONE_AGE - dt.timedelta(seconds=1)
        world.merge(a=file())
        assert world.catalogue.organisations["debr"].tombstone_until == NOW + TOMBSTONE_AGE
        world.now += dt.timedelta(seconds=1)
        world.merge(a=file())
        assert world.catalogue.organisations == {}

    def test_a_tombstone_of_the_future_stays_no_longer_than_a_day_either(self, world: World) -> None:
        world.merge(a=file("x"))
        world.now += dt.timedelta(days=3650)
        world.merge(a=file())
        world.now -= dt.timedelta(days=3650)
        world.merge(a=file())

        assert world.catalogue.organisations["debr"].tombstone_until == NOW + TOMBSTONE_AGE

    def test_a_tombstone_comes_to_life_again(self, world: World) -> None:
        world.merge(a=file("x"))
        world.merge()
        assert world.catalogue.organisations["debr"].tombstone_until is not None
        world.merge(a=file("x"))

        assert world.catalogue.organisations["debr"].tombstone_until is None
        assert world.tasks() == ["a.x"]

    def test_an_organisation_that_never_had_a_task_is_none(self, world: World) -> None:
        world.merge(a=file(requirements=("numpy",)))

        assert world.catalogue.organisations == {}


class TestClaims:
    def test_the_first_keeps_the_name_and_the_second_gets_a_problem_naming_both(self, world: World) -> None:
        world.merge(a=file("x"), b=file("x", "y"))

        assert world.tasks() == ["a.x", "b.y"]
        (problem,) = world.problems("b")
        assert "the name 'x' in debr is taken by a:peach.yaml:10; b cannot have it too" in problem
        assert "rename one of them" in problem
        assert world.problems("a") == []
        assert [str(each) for each in world.catalogue.organisations["debr"].problems] == [problem]

    def test_who_had_the_name_keeps_it_against_an_earlier_repository(self, world: World) -> None:
        world.merge(b=file("x"))
        world.merge(a=file("x"), b=file("x"))

        assert world.tasks() == ["b.x"]
        assert "taken by b:peach.yaml:10; a cannot have it too" in world.problems("a")[0]

    def test_also_while_its_own_definition_is_invalid_or_cannot_be_read(self, world: World) -> None:
        world.merge(b=file("x"))
        world.merge(a=file("x"), b=file(invalid=("x",)))
        assert world.tasks() == ["b.x*"]
        world.merge(a=file("x"), b=unreadable())
        assert world.tasks() == ["b.x*"]
        world.merge(a=file("x"), b=None)
        assert world.tasks() == ["b.x*"]

    def test_a_name_that_is_given_up_moves_at_once(self, world: World) -> None:
        world.merge(a=file("x"), b=file("x"))
        world.merge(a=file(), b=file("x"))

        assert world.tasks() == ["b.x"]
        assert world.problems("b") == []

    def test_one_name_in_two_organisations_is_no_clash(self, world: World) -> None:
        world.merge(a=file("x"), b=file("x", codops="sesr"))

        assert world.tasks() == ["a.x"]
        assert world.tasks("sesr") == ["b.x"]
        assert world.problems("b") == []


class TestAdmission:
    def test_a_repository_that_may_not_speak_for_an_organisation(self) -> None:
        world = World(Platform(organisations={"debr": PlatformOrganisation("debr", repositories=("debr_*",))}))
        world.merge(debr_a=file("x"), other=(file("y"), file("z", codops="sesr", path="peach.conf/z.yaml")))

        assert world.tasks() == ["debr_a.x"]
        assert world.tasks("sesr") == ["other.z"]
        (problem,) = world.problems("other")
        assert problem.startswith(f"other@{VERSION}:peach.yaml: codops: repository other may not speak for debr;")
        assert "ask the platform's operator" in problem

    def test_one_that_may_no_longer_loses_its_tasks_and_requirements_even_when_unread(self, world: World) -> None:
        world.merge(a=file("x", requirements=("numpy",)), b=file("y"))
        world.platform = Platform(organisations={"debr": PlatformOrganisation("debr", repositories=("b",))})
        world.merge(a=None, b=file("y"))

        assert world.tasks() == ["b.y"]
        assert world.requirements() == []

    @pytest.mark.parametrize("codops", ["metadata", "problems", "repositories"])
    def test_reserved_codops(self, world: World, codops: str) -> None:
        world.merge(a=file("x", codops=codops))

        assert world.catalogue.organisations == {}
        assert f"'{codops}' is reserved; use your organisation's own codops" in world.problems("a")[0]

    def test_the_terms_are_the_platform_files(self) -> None:
        terms = PlatformOrganisation("debr", queue="big", time_limit_seconds=60.0, memory_limit_bytes=5)
        world = World(Platform(organisations={"debr": terms}))
        world.merge(a=file("x"), b=file("x", codops="sesr"))

        merged = world.catalogue.organisations["debr"].terms
        assert (merged.queue, merged.pool, merged.time_limit_seconds, merged.memory_limit_bytes) == ("big", "", 60.0, 5)
        assert world.catalogue.organisations["sesr"].terms.queue == ""


class TestRequirements:
    def test_the_union_with_who_asked(self) -> None:
        platform = Platform(
            base_requirements=("requests",),
            organisations={"debr": PlatformOrganisation("debr", requirements=("redis", "requests"))},
        )
        world = World(platform)
        world.merge(
            b=file("y", requirements=("numpy", "orjson")),
            a=(file("x", requirements=("numpy",)), file(path="peach.conf/e.yaml", requirements=("pyarrow",))),
        )

        assert world.requirements() == [
            "requests <- platform file",
            "redis <- platform file",
            "pyarrow <- a:peach.conf/e.yaml:2",
            "numpy <- a:peach.yaml:2",
            "numpy <- b:peach.yaml:2",
            "orjson <- b:peach.yaml:3",
        ]

    def test_a_file_with_an_invalid_one_keeps_its_last_valid_ones(self, world: World) -> None:
        world.merge(a=file("x", requirements=("numpy", "orjson")), b=file("y", requirements=("pyarrow",)))
        for _ in range(2):
            world.merge(a=file("x", requirements=("numpy",), requirements_valid=False), b=file("y", requirements=()))
            assert world.requirements() == ["numpy <- a:peach.yaml:2", "orjson <- a:peach.yaml:3"]

    def test_a_new_file_with_an_invalid_one_gets_its_valid_ones(self, world: World) -> None:
        world.merge(a=file("x", requirements=("numpy",), requirements_valid=False))

        assert world.requirements() == ["numpy <- a:peach.yaml:2"]

    def test_a_file_that_cannot_be_read_keeps_its_own(self, world: World) -> None:
        world.merge(a=file("x", requirements=("numpy",)))
        world.merge(a=unreadable())

        assert world.requirements() == ["numpy <- a:peach.yaml:2"]
        assert world.tasks() == ["a.x*"]

    def test_a_repository_that_is_gone_takes_its_requirements_along(self, world: World) -> None:
        world.merge(a=file("x", requirements=("numpy",)), b=file("y"))
        world.merge(b=file("y"))

        assert world.requirements() == []


class TestProblems:
    def test_an_organisation_has_its_own_and_those_of_its_repositories_that_name_none(self, world: World) -> None:
        own = Problem(Place("a"), "", "own", codops="debr")
        unnamed = Problem(Place("a"), "", "unnamed")
        others = Problem(Place("a"), "", "other's", codops="sesr")
        elsewhere = Problem(Place("b"), "", "elsewhere")
        world.merge(a=file("x", problems=(own, unnamed, others)), b=file("y", codops="sesr", problems=(elsewhere,)))

        assert world.catalogue.organisations["debr"].problems == (own, unnamed)
        assert world.catalogue.organisations["sesr"].problems == (others, elsewhere)
        assert world.catalogue.repositories["a"].problems == (own, unnamed, others)

    def test_a_repository_knows_for_whom_it_speaks(self, world: World) -> None:
        world.merge(a=(file("x"), file("y", codops="sesr", path="peach.conf/y.yaml")), b=None)

        assert world.catalogue.repositories["a"].codops == ("debr", "sesr")
        assert world.catalogue.repositories["b"].codops == ()
        assert world.catalogue.organisations["sesr"].repositories == ("a",)
