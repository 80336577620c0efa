"""The chosen cell, its signature and undefined names, held against kernels: generated notebooks, and real ones.

In the suite these are the notebooks that installed packages ship, and ours. For more, name a folder of them, such as
unpacked source distributions, some ten of them a second::

    PEACH_TEST_NOTEBOOKS=FOLDER pytest -n0 -s --timeout 1200 tests/authoring/kernel
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parents[3]


def compared(wanted: Iterable[str], home: Path, *, timeout_seconds: float = 240) -> list[dict[str, Any]]:
    done = subprocess.run(
        [*without_the_world(home), sys.executable, "-m", "tests.authoring.kernel.compare"],
        input="\n".join(wanted),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
        timeout=timeout_seconds,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def without_the_world(home: Path) -> Sequence[str]:
    """Return what to put before a command so that it has no network and nothing to write to but its home."""
    argv = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", str(home), str(home),
            "--unshare-all", "--die-with-parent"]  # fmt: skip
    works = shutil.which("bwrap") and not subprocess.run([*argv, "true"], capture_output=True, check=False).returncode
    return argv if works else []


def totals(found: Iterable[dict[str, Any]]) -> Counter[str]:
    count: Counter[str] = Counter()
    for each in found:
        count["notebooks"] += 1
        for key, value in each.items():
            count[key] += value if isinstance(value, int) else len(value) if isinstance(value, list) else 1
    return count


def assert_nothing_is_wrong(found: Iterable[dict[str, Any]]) -> None:
    keys = ("crash", "wrong", "false")
    assert [{key: each.get(key) for key in ("notebook", *keys)} for each in found if any(map(each.get, keys))] == []


def test_every_shape_of_a_definition(tmp_path: Path) -> None:
    """What does not define the function hides none: not even a later value that nobody could call."""
    found = compared(["definitions=60"], tmp_path)

    assert_nothing_is_wrong(found)
    assert [each for each in found if any(name == "task" for name, *_ in each["shadowed"])] == []
    assert totals(found)["names"] > 200


def test_every_way_of_using_names(tmp_path: Path) -> None:
    found = compared(["uses=150"], tmp_path)

    assert_nothing_is_wrong(found)
    count = totals(found)
    assert count["confirmed"] > 0.9 * count["claims"] > 500


def test_notebooks_of_other_people(tmp_path: Path) -> None:
    given = os.environ.get("PEACH_TEST_NOTEBOOKS")
    places = [Path(given)] if given else [Path(sysconfig.get_path("purelib")), ROOT / "include" / "examples"]
    files = sorted(str(file.resolve()) for place in places for file in place.rglob("*.ipynb"))

    found = compared(files, tmp_path, timeout_seconds=1200)

    count = totals(found)
    print(dict(count))  # noqa: T201 - for who runs it by hand
    assert_nothing_is_wrong(found)
    assert count["notebooks"] == len(files) > 25
    assert count["refused"] < 0.1 * len(files)
    assert count["signatures"]
