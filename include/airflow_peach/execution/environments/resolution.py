"""Whether a repository's requirements can be had together: what ``peach validate --resolve`` asks the index."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement as Pep508
from packaging.utils import canonicalize_name

from airflow_peach.authoring.problems import Problem, did_you_mean
from airflow_peach.catalogue.model import Requirement
from airflow_peach.execution.environments.errors import requirements_named_in
from airflow_peach.execution.environments.requirement_lock import RequirementRefusedError
from airflow_peach.execution.environments.uv_process import UvFailedError, UvTimeoutError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_peach.authoring.definitions import RepositoryConfiguration, RequirementEntry
    from airflow_peach.execution.environments.platform_environments import PlatformEnvironments

# Often meant when a name is misspelt.
_WELL_KNOWN = (
    "beautifulsoup4", "boto3", "catboost", "dask", "duckdb", "elasticsearch", "fastapi", "gensim", "geopandas", "httpx",
    "ipykernel", "joblib", "keras", "lightgbm", "lxml", "matplotlib", "networkx", "nltk", "numpy", "openai",
    "opencv-python", "openpyxl", "orjson", "pandas", "papermill", "pillow", "plotly", "polars", "psycopg2-binary",
    "pyarrow", "pydantic", "pymongo", "python-dateutil", "pyyaml", "redis", "requests", "scikit-learn", "scipy",
    "seaborn", "sentence-transformers", "spacy", "sqlalchemy", "statsmodels", "tensorflow", "tensorflow-hub", "torch",
    "torchvision", "tqdm", "transformers", "umap-learn", "xgboost",
)  # fmt: skip


def unresolvable(
    configuration: RepositoryConfiguration, environments: PlatformEnvironments, *, time_limit_seconds: float
) -> list[Problem]:
    """Return a problem for each organisation whose requirements in this repository cannot be had together.

    Args:
        configuration: of the repository. What other repositories ask for is not known here.
        environments: say which indexes are asked, and for which interpreter.
        time_limit_seconds: for each organisation.
    """
    asked: dict[str, list[RequirementEntry]] = defaultdict(list)
    for file in configuration.files:
        asked[file.codops or ""] += file.requirements
    problems = []
    for codops, entries in asked.items():
        requirements = [Requirement(entry.text, str(entry.place)) for entry in entries]
        try:
            environments.check(requirements, time_limit_seconds=time_limit_seconds)
        except (UvFailedError, RequirementRefusedError) as error:
            problems.append(_problem(str(error), entries, requirements, codops))
        except UvTimeoutError:
            cause = f"the index did not answer within {time_limit_seconds:g} s"
            problems.append(Problem(replace(entries[0].place), "dependencies", cause, "try again", codops))
    return problems


def _problem(
    explanation: str, entries: Sequence[RequirementEntry], requirements: Sequence[Requirement], codops: str
) -> Problem:
    named = requirements_named_in(explanation, requirements)
    places = {str(entry.place): entry.place for entry in entries}
    said = " ".join(explanation.split()).removeprefix("error: ").rstrip(".")
    first = named[0]
    return Problem(
        places[first.asked_by], "dependencies", f"cannot be resolved: {said}", _remedy(said, named), codops=codops
    )


def _remedy(said: str, named: Sequence[Requirement]) -> str:
    if "Failed to fetch" in said or "error sending request" in said:
        return "the package index cannot be reached: check the connection, and try again"
    names = [canonicalize_name(Pep508(requirement.text).name) for requirement in named]
    for name in names:
        if f"{name} was not found" in said or f"no versions of {name}" in said:
            return did_you_mean(name, (known for known in _WELL_KNOWN if known != name)) or f"check the name '{name}'"
    if len(named) == 1:
        return f"ask for a version that is there, or for any: {names[0]}"
    return f"change what one of them asks for: {', '.join(requirement.text for requirement in named)}"
