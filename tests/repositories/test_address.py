from __future__ import annotations

import pytest

from airflow_peach.repositories.address import AddressError, address_of


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://git.example.org/group/project.git", "group/project"),
        ("https://git.example.org:8443/group/sub/project/", "group/sub/project"),
        ("http://git.example.org/project", "project"),
        ("ssh://git@git.example.org:2222/group/project.git", "group/project"),
        ("git@git.example.org:group/project.git", "group/project"),
        ("git.example.org:project", "project"),
        ("file:///srv/git/project.git", "project"),
        ("/srv/git/project.git", "project"),
        ("/srv/git/project/", "project"),
        ("https://git.example.org/group/a%20b.git", "group/a b"),
    ],
)
def test_the_name_is_the_path(url: str, name: str) -> None:
    address = address_of(url)

    assert (address.name, address.url) == (name, url)


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:s3cret@git.example.org/group/project.git",
        "https://s3cret@git.example.org/group/project.git",
        "ssh://git:s3cret@git.example.org/group/project.git",
        "https://git.example.org/group/project.git?private_token=s3cret",
    ],
)
def test_credentials_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(AddressError, match="the URL holds credentials") as caught:
        address_of(url)

    assert "s3cret" not in str(caught.value)
    assert "git.example.org/group/project.git" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ext::sh -c 'touch /tmp/x'", "a git remote helper"),
        ("ftp://example.org/x.git", "'ftp' is not one of file, http, https, ssh"),
        ("relative/path", "neither a URL nor an absolute path"),
        ("--upload-pack=evil", "neither a URL nor an absolute path"),
        ("https://example.org/", "no name can be made of it"),
        ("https://example.org/a/../b.git", "no name can be made of it"),
        ("https://[bad/x.git", "not a URL"),
    ],
)
def test_what_is_no_address_is_said(url: str, message: str) -> None:
    with pytest.raises(AddressError, match=message):
        address_of(url)
