"""Reads ``docker-compose.yml`` as an engine does, as far as ours needs it.

Rules: https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md and 05-services.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?P<rest>:[-?]|\}))")
_DURATION = re.compile(r"(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?")


class MissingVariableError(Exception):
    """A variable that the file insists on (``${NAME:?message}``) is not set."""


@dataclass(frozen=True)
class Volume:
    """``source`` is the name of a volume, or a path of the host."""

    source: str
    target: PurePosixPath
    read_only: bool

    @property
    def is_path(self) -> bool:
        return self.source.startswith((".", "/"))


@dataclass(frozen=True)
class Service:
    name: str
    image: str
    built: bool
    user: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    volumes: tuple[Volume, ...]
    ports: tuple[str, ...]
    depends_on: Mapping[str, str]
    health_test: tuple[str, ...]
    health_timeout_seconds: float
    restart: str
    stop_grace_seconds: float
    security_options: tuple[str, ...]
    dropped_capabilities: tuple[str, ...]


def read_services(path: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """Return the services with variables substituted; raises ``MissingVariableError``."""
    content = interpolated(yaml.safe_load(path.read_text(encoding="utf-8")), variables)
    return {name: _service(name, one) for name, one in content["services"].items()}


def interpolated(content: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(content, dict):
        return {key: interpolated(value, variables) for key, value in content.items()}
    if isinstance(content, list):
        return [interpolated(value, variables) for value in content]
    return interpolate(content, variables) if isinstance(content, str) else content


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Substitute ``$$``, ``$NAME``, ``${NAME}``, ``${NAME:-word}`` and ``${NAME:?message}``; words may nest."""
    result = ""
    while found := _VARIABLE.search(text):
        result, text = result + text[: found.start()], text[found.end() :]
        if found["escaped"]:
            result += "$"
        elif found["plain"] or found["rest"] == "}":
            result += variables.get(found["plain"] or found["name"], "")
        else:
            end = _closing_brace(text)
            word, text = text[:end], text[end + 1 :]
            value = variables.get(found["name"], "")
            if not value and found["rest"] == ":?":
                raise MissingVariableError(f"{found['name']}: {word}")
            result += value or interpolate(word, variables)
    return result + text


def _closing_brace(text: str) -> int:
    depth = 0
    for position, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return position
    raise ValueError(f"no closing brace in {text!r}")


def _service(name: str, content: dict[str, Any]) -> Service:
    health = content.get("healthcheck", {})
    kind, *test = health.get("test", ["CMD"])
    if kind != "CMD":
        raise ValueError(f"{name}: a health check by {kind} is not understood here")
    return Service(
        name=name,
        image=content["image"],
        built="build" in content,
        user=content.get("user", ""),
        command=tuple(content.get("command", ())),
        environment=content.get("environment", {}),
        volumes=tuple(_volume(one) for one in content.get("volumes", ())),
        ports=tuple(content.get("ports", ())),
        depends_on={on: terms["condition"] for on, terms in content.get("depends_on", {}).items()},
        health_test=tuple(test),
        health_timeout_seconds=_seconds(health.get("timeout", "30s")),
        restart=content.get("restart", "no"),
        stop_grace_seconds=_seconds(content.get("stop_grace_period", "10s")),
        security_options=tuple(content.get("security_opt", ())),
        dropped_capabilities=tuple(content.get("cap_drop", ())),
    )


def _volume(text: str) -> Volume:
    source, target, *mode = text.split(":")
    return Volume(source, PurePosixPath(target), read_only=mode == ["ro"])


def _seconds(duration: str) -> float:
    found = _DURATION.fullmatch(duration)
    if found is None or not duration:
        raise ValueError(f"{duration!r} is no duration")
    return 60.0 * int(found["minutes"] or 0) + int(found["seconds"] or 0)
