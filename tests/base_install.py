"""The wheel, and environments in which nothing is but it and what it declares."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomllib
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def run(*argv: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        list(map(str, argv)), cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120
    )


def build_wheel(target: Path) -> Path:
    """Build the wheel into ``target``."""
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.iterdir()
    return built


def needed(requirements: list[str]) -> dict[str, Distribution]:
    """Return the installed distributions that these requirements need, theirs included, by name."""
    found: dict[str, Distribution] = {}
    looked_at: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in looked_at:
                looked_at.add((name, wanted))
                found[name] = distribution(name)
                waiting += [(Requirement(text), wanted) for text in found[name].requires or ()]
    return found


def link_dependencies(environment: Path, *more: str) -> Path:
    """Make what the base install needs importable in an environment of this Python, and nothing else of ours.

    Programs go where pip puts them.

    Args:
        environment: its folder.
        more: requirements beside those of the base install.

    Returns:
        Its folder of packages.
    """
    (site,) = environment.glob("lib/python*/site-packages")
    for each in needed([*PROJECT["dependencies"], *more]).values():
        for file in each.files or ():
            inside = file.parts[0] != ".."
            part = Path(file.parts[0]) if inside else Path(file)
            target = site / part
            if (inside or part.parent.name == "bin") and part.name != "__pycache__" and not target.exists():
                target.symlink_to(Path(str(each.locate_file(part))).resolve())
    return site
