from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.authoring.definitions import MissingFileError, TooLargeError, UnsafePathError
from airflow_peach.repositories.checkout import CheckoutError
from airflow_peach.repositories.commit import CommitFiles, ListingLimitError, MissingCommitError
from airflow_peach.repositories.mirror import CorruptMirrorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_peach.repositories.mirror import Mirror

LIMIT = 30


@pytest.fixture
def files_of(mirror: Mirror) -> Callable[[], CommitFiles]:
    """The files of the remote's head, fetched."""

    def fetch() -> CommitFiles:
        return CommitFiles(mirror, mirror.fetch(LIMIT).commit)

    return fetch


def laid_out(folder: Path) -> dict[str, bytes | str]:
    """All paths under a folder with their content, or the target of the link."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


class TestReading:
    @pytest.mark.parametrize("leaf", ["file", "empty folder"])
    def test_a_billion_paths_of_shared_folders_are_not_read(
        self, remote: Any, mirror: Mirror, files_of: Any, leaf: str
    ) -> None:
        blob = remote.git("hash-object", "-w", "--stdin", data=b"x")
        tree = remote.git("mktree", data=f"100644 blob {blob}\tx\n".encode() if leaf == "file" else b"")
        for _ in range(9):
            tree = remote.git("mktree", data="".join(f"040000 tree {tree}\t{n}\n" for n in range(10)).encode())
        remote.git("update-ref", "HEAD", remote.git("commit-tree", "-m", "bomb", tree))
        files = files_of()

        begin = time.monotonic()
        with pytest.raises(ListingLimitError, match=r"^team: has more than 200,000 files and folders.*; keep data out"):
            files.configuration_paths()
        assert time.monotonic() - begin < 10
        assert not (mirror.path / "peach-suspect").exists()  # it is not to blame

    def test_only_configuration_paths_are_listed(self, remote: Any, files_of: Any) -> None:
        wanted = ["peach.conf/a.yaml", "peach.conf/b.yml", "peach.conf/sub/c.yaml", "peach.yaml"]
        others = ["peach.yml", "x/peach.yaml", "peach.conf/sub/sub/d.yaml", "peach.conf/a.json", "peach.conf.yaml"]
        remote.commit(dict.fromkeys(wanted + others, "x"))

        assert list(files_of().configuration_paths()) == wanted

    def test_the_content_is_the_blobs(self, remote: Any, files_of: Any) -> None:
        content = b"a\r\n\x00\xff" * 1000
        (remote.path / ".git" / "info" / "attributes").write_text("* -text -ident\n")
        remote.commit({"a/b.bin": content, ".gitattributes": "* text eol=lf ident\n"})

        assert files_of().read("a/b.bin", limit_bytes=10_000) == content
        assert files_of().read("./a//b.bin", limit_bytes=10_000) == content

    def test_the_commit_is_read_not_the_branch(self, remote: Any, mirror: Mirror, files_of: Any) -> None:
        remote.commit({"a": "old"})
        files = files_of()
        remote.commit({"a": "new"})
        mirror.fetch(LIMIT)

        assert files.read("a", limit_bytes=10) == b"old"

    def test_over_the_limit(self, remote: Any, files_of: Any) -> None:
        remote.commit({"a": "12345"})

        assert files_of().read("a", limit_bytes=5) == b"12345"
        with pytest.raises(TooLargeError, match=r"^a: 5 bytes; at most 4 are read$"):
            files_of().read("a", limit_bytes=4)

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("/etc/passwd", "^/etc/passwd: an absolute path"),
            ("../a", "leads out with '..'"),
            ("d/../../a", "leads out with '..'"),
            ("passwd", "^passwd: is a symbolic link; links are not followed: name the file$"),
            ("link/a", "^link/a: goes through 'link', which is a symbolic link"),
            ("module", "^module: is a submodule; submodules are not fetched$"),
            ("module/a", "^module/a: lies in 'module', which is a submodule"),
        ],
    )
    def test_what_leads_elsewhere_is_a_problem_not_a_file(
        self, remote: Any, files_of: Any, path: str, message: str
    ) -> None:
        remote.commit({"d/a": "a"})
        (remote.path / "passwd").symlink_to("/etc/passwd")
        (remote.path / "link").symlink_to("d")
        remote.commit()
        remote.git("update-index", "--add", "--cacheinfo", f"160000,{remote.git('rev-parse', 'HEAD')},module")
        remote.git("commit", "-q", "-m", "submodule")

        with pytest.raises(UnsafePathError, match=message):
            files_of().read(path, limit_bytes=10_000)

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("notebooks/trian.ipynb", "no such file in the repository; did you mean 'notebooks/train.ipynb'?"),
            ("train.ipynb", "no such file in the repository; did you mean 'notebooks/train.ipynb'?"),
            ("notebooks/Train.ipynb", "no such file in the repository; did you mean 'notebooks/train.ipynb'?"),
            ("quite/different.txt", "no such file in the repository"),
            ("notebooks", "is a folder, not a file"),
            ("", "no such file in the repository"),
        ],
    )
    def test_a_missing_file_names_the_nearest(self, remote: Any, files_of: Any, path: str, message: str) -> None:
        remote.commit({"notebooks/train.ipynb": "{}", "notebooks/other.ipynb": "{}", "README.md": "x"})

        with pytest.raises(MissingFileError) as caught:
            files_of().read(path, limit_bytes=10)

        assert str(caught.value) == f"{path}: {message}"

    @pytest.mark.parametrize("commit", ["HEAD", "--output=/tmp/x", "abc", "A" * 40])
    def test_a_commit_is_a_full_hash(self, mirror: Mirror, commit: str) -> None:
        with pytest.raises(MissingCommitError, match="is not the full hash of a commit"):
            CommitFiles(mirror, commit)

    def test_a_commit_that_is_gone(self, remote: Any, mirror: Mirror) -> None:
        remote.commit({"a": "1"})
        version = mirror.fetch(LIMIT).version

        with pytest.raises(MissingCommitError, match=rf"not in the mirror any more.* is at {version} now"):
            CommitFiles(mirror, "1" * 40).read("a", limit_bytes=10)

    def test_a_repository_that_was_never_fetched(self, mirror: Mirror) -> None:
        with pytest.raises(MissingCommitError, match="was never fetched; run `peach sync`"):
            CommitFiles(mirror, "1" * 40).configuration_paths()

    def test_a_damaged_mirror_is_mended_by_the_next_fetch(self, remote: Any, mirror: Mirror, files_of: Any) -> None:
        remote.commit({"a": "content"})
        files = files_of()
        blob = files.entries["a"].object_id
        path = mirror.path / "objects" / blob[:2] / blob[2:]
        path.chmod(0o600)
        path.write_bytes(b"")

        with pytest.raises(CorruptMirrorError, match=r"is damaged.*the next fetch makes it anew"):
            files.read("a", limit_bytes=10)
        assert files_of().read("a", limit_bytes=10) == b"content"


class TestCheckout:
    def test_the_files_of_the_commit_and_nothing_else(self, remote: Any, files_of: Any, tmp_path: Path) -> None:
        content = {
            "notebooks/a.ipynb": b"{}",
            "data/größe.csv": b"1,2",
            "run.sh": b"#!/bin/sh\n",
            "big.bin": os.urandom(500_000),
            "empty": b"",
            "line\nfeed": b"\n",
        }
        for name, data in content.items():
            remote.commit({name: data})
        (remote.path / "run.sh").chmod(0o755)
        remote.commit()

        report = files_of().checkout(tmp_path / "checkout")

        assert laid_out(tmp_path / "checkout") == content
        assert (report.files, report.size_bytes) == (6, sum(map(len, content.values())))
        assert report.notes == ()
        assert os.access(tmp_path / "checkout" / "run.sh", os.X_OK)
        assert not (tmp_path / "checkout" / "empty").stat().st_mode & 0o111

    def test_names_that_are_not_utf8(self, remote: Any, files_of: Any, tmp_path: Path) -> None:
        (remote.path / os.fsdecode(b"gr\xf6\xdfe")).write_bytes(b"x")
        remote.commit()

        files_of().checkout(tmp_path / "checkout")

        assert [os.fsencode(path.name) for path in (tmp_path / "checkout").iterdir()] == [b"gr\xf6\xdfe"]

    def test_attributes_have_no_say(self, remote: Any, files_of: Any, tmp_path: Path) -> None:
        attributes = (
            "a export-ignore\nb export-subst ident\nc text eol=crlf\nd filter=lfs\ne working-tree-encoding=UTF-16\n"
        )
        (remote.path / ".git" / "info" / "attributes").write_text("* -filter -working-tree-encoding -text\n")
        content = {
            "a": b"kept",
            "b": b"$Format:%H$ $Id$",
            "c": b"1\n2\n",
            "d": b"version https://git-lfs.github.com/spec/v1\n",
            "e": b"plain",
            ".gitattributes": attributes.encode(),
        }
        remote.commit(content)

        files_of().checkout(tmp_path / "checkout")

        assert laid_out(tmp_path / "checkout") == content

    def test_links_stay_links_only_inside(self, remote: Any, files_of: Any, tmp_path: Path) -> None:
        remote.commit({"d/file": "x", "d/e/file": "y"})
        inside = {"a": "d/file", "d/up": "../d/e", "d/e/upper": "../../d", "dangling": "nowhere"}
        outside = {
            "passwd": "/etc/passwd",
            "parent": "..",
            "d/out": "../../x",
            "through": "d/e/../../../x",
            "d/e/deep": "../../../x",
        }
        for name, target in (inside | outside).items():
            (remote.path / name).symlink_to(target)
        remote.commit()

        report = files_of().checkout(tmp_path / "checkout")

        assert laid_out(tmp_path / "checkout") == {"d/file": b"x", "d/e/file": b"y", **inside}
        assert len(report.notes) == len(outside)
        assert "passwd: left out: a symbolic link to '/etc/passwd', outside of the repository" in report.notes

    def test_what_git_would_never_make_is_left_out(self, remote: Any, files_of: Any, tmp_path: Path) -> None:
        blob = remote.git("hash-object", "-w", "--stdin", data=b"[core]\n")
        inner = remote.git("mktree", data=f"100644 blob {blob}\tconfig\n".encode())
        tree = remote.git(
            "mktree",
            data=(
                f"040000 tree {inner}\t.git\n040000 tree {inner}\t.GIT\n"
                f"040000 tree {inner}\t..\n100644 blob {blob}\tgood\n"
            ).encode(),
        )
        remote.git("update-ref", "HEAD", remote.git("commit-tree", "-m", "evil", tree))

        report = files_of().checkout(tmp_path / "in" / "checkout")

        assert laid_out(tmp_path / "in") == {"checkout/good": b"[core]\n"}
        assert len(report.notes) == 3

    def test_no_file_is_written_through_a_link(self, remote: Any, files_of: Any, tmp_path: Path) -> None:
        """A tree made by hand: `x` is a link out, and also a folder with a file."""
        (tmp_path / "victim").mkdir()
        link = remote.git("hash-object", "-w", "--stdin", data=str(tmp_path / "victim").encode())
        blob = remote.git("hash-object", "-w", "--stdin", data=b"evil")
        inner = remote.git("mktree", data=f"100644 blob {blob}\tfile\n".encode())
        tree = remote.git("mktree", data=f"120000 blob {link}\tx\n040000 tree {inner}\tx\n".encode())
        remote.git("update-ref", "HEAD", remote.git("commit-tree", "-m", "evil", tree))

        files_of().checkout(tmp_path / "checkout")

        assert laid_out(tmp_path / "checkout") == {"x/file": b"evil"}
        assert list((tmp_path / "victim").iterdir()) == []

    def test_submodules_are_left_out_with_a_note(self, remote: Any, files_of: Any, tmp_path: Path) -> None:
        remote.commit({"a": "x"})
        remote.git("update-index", "--add", "--cacheinfo", f"160000,{remote.git('rev-parse', 'HEAD')},lib")
        remote.git("commit", "-q", "-m", "submodule")

        report = files_of().checkout(tmp_path / "checkout")

        assert report.notes == ("lib: left out: a submodule; submodules are not fetched",)
        assert laid_out(tmp_path / "checkout") == {"a": b"x"}

    def test_no_more_is_laid_out_than_the_limit(self, remote: Any, files_of: Any, tmp_path: Path) -> None:
        remote.commit({"a": b"\0" * 1_000_000, "b": b"\0" * 1_000_000})
        files = files_of()

        with pytest.raises(CheckoutError, match=r"^team: its files have 2,000,000 bytes in all, and at most 1,999,999"):
            files.checkout(tmp_path / "checkout", limit_bytes=1_999_999)
        assert not (tmp_path / "checkout").exists()
        assert files.checkout(tmp_path / "checkout", limit_bytes=2_000_000).files == 2

    def test_an_empty_commit(self, remote: Any, files_of: Any, tmp_path: Path) -> None:
        remote.commit()

        assert files_of().checkout(tmp_path / "checkout").files == 0
        assert (tmp_path / "checkout").is_dir()

    def test_a_directory_that_is_not_empty_is_refused_and_left_alone(
        self, remote: Any, files_of: Any, tmp_path: Path
    ) -> None:
        remote.commit({"a": "x"})
        (tmp_path / "mine").write_text("mine")

        with pytest.raises(CheckoutError, match="is not empty"):
            files_of().checkout(tmp_path)

        assert (tmp_path / "mine").read_text() == "mine"
        assert not (tmp_path / "a").exists()

    def test_a_missing_blob_leaves_nothing_half_done(
        self, remote: Any, mirror: Mirror, files_of: Any, tmp_path: Path
    ) -> None:
        remote.commit({"a": "x", "b": "y"})
        files = files_of()
        blob = files.entries["b"].object_id
        (mirror.path / "objects" / blob[:2] / blob[2:]).unlink()

        with pytest.raises(CorruptMirrorError):
            files.checkout(tmp_path / "checkout")

        assert not (tmp_path / "checkout").exists()
        report = files_of().checkout(tmp_path / "checkout")
        assert report.files == 2

    def test_a_thousand_files(self, remote: Any, files_of: Any, tmp_path: Path) -> None:
        remote.commit({f"d{number % 30}/f{number}": f"{number}\n" for number in range(1000)})

        assert files_of().checkout(tmp_path / "checkout").files == 1000
        assert (tmp_path / "checkout" / "d9" / "f999").read_text() == "999\n"
