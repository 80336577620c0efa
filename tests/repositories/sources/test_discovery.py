from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.platform.file import DirectorySourceSettings, GitSourceSettings
from airflow_peach.repositories.sources.discovery import Discovery, combine
from airflow_peach.repositories.sources.opening import open_sources

if TYPE_CHECKING:
    from airflow_peach.authoring.platform.file import SourceSettings


def discover_all(*settings: SourceSettings) -> Discovery:
    return combine(source.discover(time.monotonic() + 10) for source in open_sources(settings, Path("unused")))


def test_a_refused_url_hides_no_other_and_stays_known() -> None:
    found = discover_all(
        GitSourceSettings(("https://x:s3cret@h.org/g/bad.git", "https://h.org/g/b", "https://h.org/g/a"))
    )

    assert [address.name for address in found.addresses] == ["g/a", "g/b"]
    assert found.unusable == {"g/bad"}
    assert "s3cret" not in str(found)


def test_names_are_unique_across_sources(make_remote: Any, tmp_path: Path) -> None:
    make_remote("x")

    found = discover_all(
        DirectorySourceSettings(tmp_path / "remotes"),
        GitSourceSettings(("https://h.org/x.git", "https://h.org/y.git")),
        DirectorySourceSettings(tmp_path / "none"),
    )

    assert [address.name for address in found.addresses] == ["x", "y"]
    assert found.addresses[0].source == str(tmp_path / "remotes")
    assert found.failed_sources == {str(tmp_path / "none")}
    clash = next(problem for problem in found.problems if problem.place.repository == "x")
    assert f"{tmp_path / 'remotes' / 'x'} and https://h.org/x.git are both called 'x'" in str(clash)


def test_the_same_url_twice_is_no_clash() -> None:
    found = discover_all(*[GitSourceSettings(("https://h.org/x", "https://h.org/x"))] * 2)

    assert len(found.addresses) == 1
    assert not found.problems
