"""Why an environment could not be built, and who asked for what it could not be built with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.requirements import Requirement as Pep508
from packaging.utils import canonicalize_name

from airflow_peach.errors import PeachError
from airflow_peach.execution.environments.package_indexes import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_peach.catalogue.model import Requirement

# What could be a package's name. Versions and words of uv's sentences are among them, and match nothing.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


class EnvironmentBuildError(PeachError):
    """An organisation's environment could not be built.

    The first line says whose and what failed; then comes uv's own explanation, and a line for each
    requirement that it names, with the place that asks for it.
    """


def build_error(
    codops: str, failure: str, explanation: str, requirements: Sequence[Requirement]
) -> EnvironmentBuildError:
    """Compose the message: ``failure`` is what could not be done, ``explanation`` is why, in uv's words."""
    lines = [f"{codops}: {failure}", explanation]
    lines += [
        f"requirement {hide_credentials(requirement.text)} asked for by {requirement.asked_by}"
        for requirement in requirements_named_in(explanation, requirements)
    ]
    return EnvironmentBuildError("\n".join(lines))


def requirements_named_in(explanation: str, requirements: Sequence[Requirement]) -> list[Requirement]:
    """Return the requirements whose packages ``explanation`` names; all when it names none."""
    words = {canonicalize_name(word) for word in _NAME.findall(explanation)}
    named = [requirement for requirement in requirements if canonicalize_name(Pep508(requirement.text).name) in words]
    return named or list(requirements)
