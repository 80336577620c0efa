from __future__ import annotations

import datetime as dt
import os
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_peach.catalogue.model import Requirement
from airflow_peach.execution.environments.store import EnvironmentBuildError, EnvironmentStore, Index
from airflow_peach.execution.environments.uv_process import Finished, UvFailedError, run_under_guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.execution.environments.conftest import Platform

    from airflow_peach.execution.guarded_command import GuardedCommand


def output_of(*argv: str | Path) -> str:
    # The scripts of an environment must work with nothing of ours around them.
    return subprocess.run(
        argv, check=True, capture_output=True, text=True, timeout=30, env={"PATH": os.environ["PATH"]}
    ).stdout.strip()


def packages(python: Path) -> set[str]:
    code = "import importlib.metadata as m\nfor d in m.distributions(): print(d.metadata['Name'] + '==' + d.version)"
    return set(output_of(python, "-c", code).splitlines())


def builds(said: list[str]) -> int:
    return sum(line.startswith("Building environment") for line in said)


def resolutions(said: list[str]) -> int:
    return sum(line.startswith("Resolving") for line in said)


def test_holds_what_was_asked_for_and_nothing_else(platform: Platform) -> None:
    environment = platform.ensure("hammer", "tool-box>=1")

    assert packages(environment.python) == {"hammer==1.0", "tool-box==1.0"}
    assert "--hash=sha256:" in environment.lock_path.read_text()
    assert platform.store().current("debr") == environment


def test_scripts_work_where_it_ended_up(platform: Platform) -> None:
    environment = platform.ensure("tool-box")

    assert output_of(environment.path / "bin" / "tool-box") == "2.0"
    mentioned = re.compile(rb"\.building-")
    scripts = [path for path in (environment.path / "bin").iterdir() if path.is_file()]
    assert [path.name for path in scripts if mentioned.search(path.read_bytes())] == []


def test_is_compiled_for_a_read_only_run(platform: Platform) -> None:
    environment = platform.ensure("tool-box")

    assert list(environment.path.glob("lib/python3*/site-packages/__pycache__/tool_box.*.pyc"))


def test_shares_no_file_with_other_environments_or_the_cache(platform: Platform) -> None:
    first = platform.ensure("tool-box")
    second = platform.ensure("tool-box", codops="sesr")

    assert first.path != second.path
    for environment in (first, second):
        files = [path for path in environment.path.rglob("*") if path.is_file() and not path.is_symlink()]
        assert [path for path in files if path.stat().st_nlink != 1] == []
    module = next(first.path.glob("lib/python3*/site-packages/tool_box.py"))
    module.write_text("VERSION = 'forged'\n")
    assert output_of(second.path / "bin" / "tool-box") == "2.0"


def test_nothing_is_done_again_when_nothing_changed(platform: Platform) -> None:
    first = platform.ensure("tool-box", "hammer")
    platform.said.clear()

    # The order of requirements, and who asks for them, are no change.
    assert platform.ensure("hammer", "tool-box") == first
    assert platform.said == []


def test_current_costs_little(platform: Platform) -> None:
    store = platform.store()
    platform.ensure("tool-box")
    began = time.perf_counter()
    for _ in range(100):
        assert store.current("debr") is not None

    assert (time.perf_counter() - began) / 100 < 0.01  # 0.0001 is usual


def test_a_changed_requirement_is_another_environment(platform: Platform) -> None:
    first = platform.ensure("tool-box==1.0")
    second = platform.ensure("tool-box==2.0")

    assert first.digest != second.digest
    assert platform.store().current("debr") == second
    platform.said.clear()
    assert platform.ensure("tool-box==1.0") == first
    assert builds(platform.said) == 0
    assert platform.store().current("debr") == first


def test_an_old_lock_is_resolved_again_and_the_same_answer_builds_nothing(platform: Platform) -> None:
    first = platform.ensure("tool-box")
    platform.said.clear()

    assert platform.ensure("tool-box", store=platform.store(max_age_seconds=0)) == first
    assert resolutions(platform.said) == 1
    assert builds(platform.said) == 0


def test_an_old_lock_finds_what_was_published_since(platform: Platform) -> None:
    first = platform.ensure("tool-box")
    lock = next((platform.home / "environments" / "debr" / "locks").iterdir())
    platform.publish("tool-box", "3.0")

    assert platform.ensure("tool-box") == first
    two_days_ago = dt.datetime.now(tz=dt.timezone.utc) - dt.timedelta(days=2)
    lock.write_text(re.sub(r"at \S+", f"at {two_days_ago.isoformat()}", lock.read_text(), count=1))
    second = platform.ensure("tool-box")
    assert packages(second.python) == {"tool-box==3.0"}


def test_what_cannot_be_resolved_names_who_asked_for_it(platform: Platform) -> None:
    good = platform.ensure("tool-box")

    with pytest.raises(EnvironmentBuildError) as caught:
        platform.ensure("hammer", "tool-box==9.9")

    message = str(caught.value)
    assert message.startswith("debr: its requirements cannot be resolved\n")
    assert "there is no version of tool-box==9.9" in message
    assert "requirement tool-box==9.9 asked for by recommender:peach.yaml:8" in message
    assert "hammer asked for" not in message
    assert platform.store().current("debr") == good


def test_requirements_that_contradict_each_other_name_all_who_asked(platform: Platform) -> None:
    with pytest.raises(EnvironmentBuildError) as caught:
        platform.ensure("tool-box==1.0", "Tool_Box==2.0")

    assert "requirement tool-box==1.0 asked for by recommender:peach.yaml:7" in str(caught.value)
    assert "requirement Tool_Box==2.0 asked for by recommender:peach.yaml:8" in str(caught.value)


def test_another_python_is_explained(platform: Platform) -> None:
    with pytest.raises(EnvironmentBuildError, match=r"requires Python >=4") as caught:
        platform.ensure("old-timer")

    assert "requirement old-timer asked for by recommender:peach.yaml:7" in str(caught.value)


def test_a_marker_that_does_not_apply_leaves_the_package_out(platform: Platform) -> None:
    environment = platform.ensure('tool-box; python_version < "3"')

    assert packages(environment.python) == set()


def test_no_requirements_need_no_index(platform: Platform) -> None:
    unreachable = Index("nowhere", "http://127.0.0.1:9/simple")

    environment = platform.ensure(store=platform.store(indexes=(unreachable,)))

    assert packages(environment.python) == set()
    assert output_of(environment.python, "-c", "print('fine')") == "fine"
    assert "Resolving" not in "\n".join(platform.said)


def test_a_file_that_changed_after_it_was_locked_is_refused(platform: Platform) -> None:
    platform.ensure("tool-box==2.0")
    lock = next((platform.home / "environments" / "debr" / "locks").iterdir())
    lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock.read_text()))

    with pytest.raises(EnvironmentBuildError, match=r"Hash mismatch for `tool-box==2\.0`") as caught:
        platform.ensure("tool-box==2.0")

    assert "its environment cannot be built" in str(caught.value)
    assert "requirement tool-box==2.0 asked for by" in str(caught.value)


def test_an_environment_whose_python_is_gone_is_built_again(platform: Platform) -> None:
    first = platform.ensure("tool-box")
    first.python.unlink()
    assert platform.store().current("debr") is None

    assert platform.ensure("tool-box") == first
    assert output_of(first.path / "bin" / "tool-box") == "2.0"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"digest": 7}', '{"digest": "../../etc"}'])
def test_a_broken_note_of_the_current_one_is_no_environment(platform: Platform, content: str) -> None:
    platform.ensure("tool-box")
    (platform.home / "environments" / "debr" / "current.json").write_text(content)

    assert platform.store().current("debr") is None


def test_the_time_limit_is_kept_and_explained(platform: Platform) -> None:
    with pytest.raises(EnvironmentBuildError, match=r"was not ready within 0\.001 s"):
        platform.store().ensure(
            "debr",
            [Requirement("tool-box", "recommender:peach.yaml:7")],
            with_kernel=False,
            emit=platform.said.append,
            time_limit_seconds=0.001,
        )


def test_a_uv_that_cannot_be_run_is_explained(platform: Platform) -> None:
    def broken(command: GuardedCommand, *, emit: Callable[[str], None]) -> Finished:
        del emit
        raise UvFailedError(f"{command.argv[0]} is not here")

    store = EnvironmentStore(platform.home, interpreter=Path(sys.executable), lock_max_age_seconds=1, run=broken)

    with pytest.raises(EnvironmentBuildError, match="is not here"):
        platform.ensure("tool-box", store=store)


def test_a_missing_uv_is_explained(platform: Platform) -> None:
    store = EnvironmentStore(
        platform.home,
        interpreter=Path(sys.executable),
        lock_max_age_seconds=1,
        uv=platform.home / "uv",
        run=run_under_guard,
    )

    with pytest.raises(EnvironmentBuildError, match="uv could not be run"):
        platform.ensure("tool-box", store=store)


def test_a_home_that_cannot_be_written_is_explained(platform: Platform) -> None:
    platform.home.write_text("a file")

    with pytest.raises(EnvironmentBuildError, match="check the disk and its permissions"):
        platform.ensure("tool-box")


def test_credentials_in_a_requirement_are_not_shown(platform: Platform) -> None:
    with pytest.raises(EnvironmentBuildError) as caught:
        platform.ensure("lib @ http://reader:s3cret@127.0.0.1:9/lib-1.0-py3-none-any.whl")

    assert "requirement lib @ http://***@127.0.0.1:9/lib-1.0-py3-none-any.whl asked for by" in str(caught.value)
    assert "s3cret" not in "\n".join([str(caught.value), *platform.said])


def test_the_error_can_be_pickled(platform: Platform) -> None:
    with pytest.raises(EnvironmentBuildError) as caught:
        platform.ensure("nobody-has-this")

    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own


def test_prune_removes_what_was_not_needed_for_long(platform: Platform) -> None:
    replaced, current = platform.ensure("tool-box==1.0"), platform.ensure("tool-box==2.0")
    abandoned = platform.ensure("hammer", codops="gone")
    store = platform.store()
    assert store.prune(["debr"], keep_days=1) == []
    long_ago = time.time() - 3 * 86_400
    for marker in platform.home.glob("environments/*/*/peach-environment.json"):
        os.utime(marker, (long_ago, long_ago))

    assert store.prune(["debr"], keep_days=2) == [replaced.path, abandoned.path]

    assert not replaced.path.exists()
    assert not abandoned.path.exists()
    assert store.current("debr") == current
    assert store.current("gone") is None


def test_the_kernel_is_added_unless_an_author_chose_one(platform: Platform) -> None:
    for version in ("5.0", "6.30"):
        platform.publish("ipykernel", version)

    def ensure(*texts: str) -> set[str]:
        asked = [Requirement(text, "recommender:peach.yaml:7") for text in texts]
        environment = platform.store().ensure(
            "debr", asked, with_kernel=True, emit=platform.said.append, time_limit_seconds=60
        )
        return packages(environment.python)

    assert ensure() == {"ipykernel==6.30"}
    assert ensure("IPyKernel==5.0") == {"ipykernel==5.0"}


def test_why_the_last_attempt_failed_is_kept_until_one_succeeds(platform: Platform) -> None:
    store = platform.store()
    assert store.last_failure("debr") is None
    with pytest.raises(EnvironmentBuildError) as caught:
        platform.ensure("no-such-tool==1")
    assert store.last_failure("debr") == str(caught.value)
    platform.ensure("tool-box==1.0")
    assert store.last_failure("debr") is None
