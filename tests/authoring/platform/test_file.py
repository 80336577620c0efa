from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from airflow_peach.authoring.platform.file import (
    DirectorySourceSettings,
    GitHubSourceSettings,
    GitLabSourceSettings,
    GitSourceSettings,
    IndexAddress,
    Platform,
    PlatformFileError,
    PlatformOrganisation,
    read_platform_file,
)

EXAMPLE = Path(__file__).parents[3] / "include" / "platform.example.yaml"

KINDS = "'directory: …' or 'git: …' or 'gitlab: …' or 'github: …'"


def read(folder: Path, text: str) -> Platform:
    file = folder / "platform.yaml"
    file.write_text(text)
    return read_platform_file(file)


def error(folder: Path, text: str) -> list[str]:
    with pytest.raises(PlatformFileError) as caught:
        read(folder, text)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes
    return str(caught.value).replace(f"{folder}/platform.yaml:", "").splitlines()


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert read_platform_file(None) == Platform()
    assert read(tmp_path, "# nothing yet\n") == Platform()
    assert read(tmp_path, "sources:\norganisations:\n") == Platform()
    assert Platform().direct_references
    assert Platform().organisation("debr") == PlatformOrganisation("debr")


def test_the_example_is_valid_and_says_what_it_says() -> None:
    platform = read_platform_file(EXAMPLE)
    assert platform.sources == (
        DirectorySourceSettings(Path("/srv/repositories")),
        GitSourceSettings(("https://git.example.org/algorithms/news.git", "git@git.example.org:algorithms/sport.git")),
        GitLabSourceSettings("https://gitlab.example.org", groups=("algorithms",), connection="gitlab", feedback=True),
        GitHubSourceSettings(
            "https://github.com",
            groups=("example",),
            prefix="github/",
            token_variable="GITHUB_TOKEN",  # noqa: S106 - a name
        ),
    )
    assert platform.indexes == (
        IndexAddress("https://pypi.example.org/simple"),
        IndexAddress("https://packages.example.org/simple", "package_index"),
    )
    assert platform.base_requirements == ("redis>=5",)
    assert platform.organisation("debr") == PlatformOrganisation(
        codops="debr",
        repositories=("algorithms/*", "news"),
        queue="gpu",
        pool="debr",
        memory_limit_bytes=8 * 1024**3,
        time_limit_seconds=1800,
        metadata_time_limit_seconds=120,
        requirements=("numpy>=2",),
    )
    assert platform.organisations["sesr"] == PlatformOrganisation("sesr")


def test_a_relative_directory_is_relative_to_the_file(tmp_path: Path) -> None:
    platform = read(tmp_path, "sources: [{directory: repositories}]")
    assert platform.sources == (DirectorySourceSettings(tmp_path / "repositories"),)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://GitLab.example.org:443/", "https://gitlab.example.org"),
        ("http://example.org:8080/gitlab", "http://example.org:8080/gitlab"),
        ("https://[::1]:80", "https://[::1]:80"),
    ],
)
def test_the_address_of_a_host_is_kept_as_git_writes_it(tmp_path: Path, written: str, kept: str) -> None:
    (source,) = read(tmp_path, f"sources: [{{gitlab: {{url: '{written}'}}}}]").sources
    assert isinstance(source, GitLabSourceSettings)
    assert source.url == kept


def test_who_may_speak_for_an_organisation() -> None:
    organisation = PlatformOrganisation("debr", repositories=("algorithms/*", "news"))
    assert organisation.admits("algorithms/news")
    assert organisation.admits("news")
    assert not organisation.admits("newspaper")
    assert not organisation.admits("other/news")
    assert PlatformOrganisation("debr").admits("anything")
    assert not PlatformOrganisation("debr", repositories=()).admits("anything")


def test_direct_references_can_be_forbidden(tmp_path: Path) -> None:
    assert not read(tmp_path, "direct_references: false").direct_references


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sourcs: []", "1:1: sourcs: unknown key; did you mean 'sources'?"),
        ("- a", "1:1: expected keys such as 'sources:', not a list"),
        (
            "sources: [{directory: a, git: [b]}]",
            f"1:11: sources[0]: a source has one kind, not 2; write {KINDS}",
        ),
        (
            "sources: [{}]",
            f"1:11: sources[0]: a source has one kind, not 0; write {KINDS}",
        ),
        (
            "sources: [{git: x}]",
            (
                "1:12: sources[0].git: expected a list, not the text 'x'; put each item on a line of its own "
                "that begins with '- '"
            ),
        ),
        (
            "sources: [{gitlab: {}}]",
            "1:12: sources[0].gitlab.url: this key is missing; add 'url: …'",
        ),
        (
            "sources: [{gitlab: {url: 'https://a:s3cret@example.org'}}]",
            (
                "1:21: sources[0].gitlab.url: the URL holds a login; put the token in an Airflow connection, and its "
                "id in 'connection', or in an environment variable, and its name in 'token_variable'"
            ),
        ),
        (
            "sources: [{gitlab: {url: git@example.org}}]",
            (
                "1:21: sources[0].gitlab.url: 'git@example.org' is not the address of a host; write "
                "https://git.example.org"
            ),
        ),
        (
            "sources: [{gitlab: {url: 'https://example.org', topc: x}}]",
            "1:49: sources[0].gitlab.topc: unknown key; did you mean 'topic'?",
        ),
        (
            "sources: [{gitlab: {url: 'https://example.org', groups: []}}]",
            ("1:49: sources[0].gitlab.groups: names no group; name one, or remove the key for all that can be read"),
        ),
        (
            "sources: [{gitlab: {url: 'https://example.org', groups: ['../x']}}]",
            (
                "1:58: sources[0].gitlab.groups[0]: '../x' is not the path of a group; write it as in algorithms or "
                "team/algorithms"
            ),
        ),
        (
            "sources: [{github: {token_variable: ghp_0123456789}}]",
            (
                "1:21: sources[0].github.token_variable: this is not the name of an environment variable; write the "
                "variable's name, never the token itself, which does not belong in a file"
            ),
        ),
        (
            "sources: [{github: {connection: a, token_variable: b}}]",
            ("1:12: sources[0].github: the token comes from one place; write 'connection: …' or 'token_variable: …'"),
        ),
        (
            "sources: [{github: {feedback: true}}]",
            "1:12: sources[0].github: feedback needs a token; add 'connection: …' or 'token_variable: …'",
        ),
        ("sources: [{directory: ' '}]", "1:12: sources[0].directory: ' ' is no name"),
        (
            "indexes: ['https://me:secret@example.org/simple']",
            "1:11: indexes[0].url: the URL holds a login; put it in an Airflow connection, and its id in 'connection'",
        ),
        (
            "indexes: [example.org]",
            "1:11: indexes[0].url: 'example.org' is not the address of a package index; write https://…/simple",
        ),
        (
            "indexes: [{url: 'https://example.org', connection: 'a b'}]",
            "1:40: indexes[0].connection: 'a b' is not the id of an Airflow connection",
        ),
        ("indexes: [{connection: a}]", "1:11: indexes[0].url: this key is missing; add 'url: …'"),
        (
            "base_requirements: [./lib]",
            (
                "1:21: base_requirements[0]: './lib' is a path; publish the package, or refer to its repository: "
                "name @ git+https://…"
            ),
        ),
        (
            "organisations:\n  debr: {que: x}",
            "2:10: organisations.debr.que: unknown key; did you mean 'queue'?",
        ),
        (
            "organisations:\n  Debr: {}",
            (
                "2:3: organisations.Debr: 'Debr' is not a codops; write 2 to 32 lower-case letters, digits, '_' and "
                "'-', a letter first, such as debr"
            ),
        ),
        (
            "organisations:\n  no: {}",
            "2:3: organisations.no: a key must be text, and YAML reads 'no' as true or false; put it in quotes: 'no'",
        ),
        (
            "organisations: {debr: {memory_limit: 8 Gi}}",
            "1:24: organisations.debr.memory_limit: '8 Gi' is not a size; write it as in 8 GiB or 500 MB",
        ),
        (
            "organisations: {debr: {memory_limit: 0}}",
            "1:24: organisations.debr.memory_limit: expected a size greater than 0; write it as in 8 GiB or 500 MB",
        ),
        (
            "organisations: {debr: {time_limit: soon}}",
            "1:24: organisations.debr.time_limit: 'soon' is not a duration; write seconds, or as in 30 min or 1.5 h",
        ),
        (
            "organisations: {debr: {time_limit: .nan}}",
            "1:24: organisations.debr.time_limit: 'nan' is not a duration; write seconds, or as in 30 min or 1.5 h",
        ),
        (
            "organisations: {debr: {time_limit: [1]}}",
            "1:24: organisations.debr.time_limit: expected a duration; write seconds, or as in 30 min or 1.5 h",
        ),
        ("a: [", "1:5: "),
    ],
)
def test_what_is_wrong_says_where_what_and_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    (line,) = error(tmp_path, text)
    assert line == message or (message.endswith(": ") and "not valid YAML" in line)


def test_all_problems_come_together(tmp_path: Path) -> None:
    text = "sourcs: []\norganisations:\n  debr: {que: x, poool: y}\n"
    assert [line.split(": ")[1] for line in error(tmp_path, text)] == [
        "sourcs",
        "organisations.debr.que",
        "organisations.debr.poool",
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlatformFileError, match="cannot be read: No such file or directory"):
        read_platform_file(tmp_path / "missing.yaml")
