from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from airflow_peach.authoring.definitions import MissingFileError, TooLargeError, UnsafePathError
from airflow_peach.authoring.work_tree import WorkTreeFiles

if TYPE_CHECKING:
    from tests.authoring.conftest import Repository


def test_configuration_files_are_found_where_the_users_page_says(repository: Repository) -> None:
    for path in (
        "peach.yaml",
        "peach.conf/a.yaml",
        "peach.conf/b.yml",
        "peach.conf/team/c.yaml",
        "peach.conf/team/deep/no.yaml",
        "peach.conf/.ipynb_checkpoints/a-checkpoint.yaml",
        "peach.conf/no.txt",
        "other/no.yaml",
        "peach.yml",
    ):
        repository.write(path, "")
    assert WorkTreeFiles(repository.root).configuration_paths() == [
        "peach.conf/a.yaml",
        "peach.conf/b.yml",
        "peach.conf/team/c.yaml",
        "peach.yaml",
    ]


def test_a_linked_folder_is_not_entered(repository: Repository) -> None:
    repository.write("elsewhere/a.yaml", "")
    (repository.root / "peach.conf").symlink_to("elsewhere")
    assert WorkTreeFiles(repository.root).configuration_paths() == []


def read(repository: Repository, path: str, limit_bytes: int = 100) -> bytes:
    return WorkTreeFiles(repository.root).read(path, limit_bytes=limit_bytes)


def test_a_file_is_read_up_to_its_limit(repository: Repository) -> None:
    repository.write("a/b.py", "12345")
    assert read(repository, "a/b.py", 5) == b"12345"
    with pytest.raises(TooLargeError, match=r"^a/b.py: 5 bytes; at most 4 are read$"):
        read(repository, "a/b.py", 4)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/etc/passwd", "/etc/passwd: an absolute path; write it relative to the repository's root"),
        ("../x.py", "../x.py: leads out with '..'; write it relative to the repository's root"),
        ("a/../b.py", "a/../b.py: leads out with '..'; write it relative to the repository's root"),
        ("link.py", "link.py: is a symbolic link; links are not followed: name the file"),
        ("dangling.py", "dangling.py: is a symbolic link; links are not followed: name the file"),
        (
            "linked/b.py",
            "linked/b.py: goes through 'linked', which is a symbolic link; links are not followed: name the file",
        ),
        ("pipe.py", "pipe.py: not a regular file"),
    ],
)
def test_unsafe_paths_are_refused(repository: Repository, path: str, message: str) -> None:
    repository.write("a/b.py", "x")
    (repository.root / "link.py").symlink_to("a/b.py")
    (repository.root / "dangling.py").symlink_to("nowhere")
    (repository.root / "linked").symlink_to("a")
    os.mkfifo(repository.root / "pipe.py")
    with pytest.raises(UnsafePathError) as caught:
        read(repository, path)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("notebooks/relatd.py", "notebooks/relatd.py: no such file; did you mean 'notebooks/related.py'?"),
        ("related.py", "related.py: no such file; did you mean 'notebooks/related.py'?"),
        ("Notebooks/Related.py", "Notebooks/Related.py: no such file; did you mean 'notebooks/related.py'?"),
        ("notebooks", "notebooks: is a folder, not a file"),
        (
            "notebooks/related.py/x",
            "notebooks/related.py/x: no such file; did you mean 'notebooks/related.py'?",
        ),
        ("zzz.ipynb", "zzz.ipynb: no such file"),
    ],
)
def test_a_missing_file_names_a_near_one(repository: Repository, path: str, message: str) -> None:
    repository.write("notebooks/related.py", "x")
    repository.write(".git/zzz.ipynb", "x")
    with pytest.raises(MissingFileError) as caught:
        read(repository, path)
    assert str(caught.value) == message


def test_the_root_itself_may_be_a_link(repository: Repository) -> None:
    repository.write("real/a.py", "x")
    (repository.root / "root").symlink_to("real")
    assert WorkTreeFiles(repository.root / "root").read("a.py", limit_bytes=9) == b"x"
