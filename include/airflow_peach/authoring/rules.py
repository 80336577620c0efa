"""The rules for single values of a configuration file, as pydantic validators.

Each raises ``problem(cause, remedy)``, which ``validation.py`` turns into a placed problem.
"""

from __future__ import annotations

import json
import keyword
import posixpath
import re
import unicodedata
from typing import Any

from pydantic_core import PydanticCustomError

from airflow_peach.authoring.definitions import METADATA_LOOP, RESERVED_CODOPS
from airflow_peach.authoring.problems import foreign_character, quoted
from airflow_peach.authoring.requirements import RequirementError, normalise_requirement
from airflow_peach.values import encode

CODOPS_PATTERN = r"^[a-z][a-z0-9_-]{1,31}$"
TASK_NAME_PATTERN = r"^[A-Za-z0-9_.-]{1,100}$"
RESERVED_TASK_NAMES = ("dependencies", "environment")
ARGS_LIMIT_BYTES = 64 * 1024
NOTEBOOK_SUFFIXES = (".ipynb", ".py")
PATH_LIMIT_CHARACTERS = 1000
NAME_LIMIT_CHARACTERS = 200

PROBLEM_TYPE = "peach"


def problem(cause: str, remedy: str = "") -> PydanticCustomError:
    """Return the error a validator raises; it carries cause and remedy."""
    return PydanticCustomError(PROBLEM_TYPE, "{cause}", {"cause": cause, "remedy": remedy})


def codops(value: str) -> str:
    """Check an organisation's code."""
    if value == METADATA_LOOP:
        raise problem("'metadata' is the loop that all organisations share", "write your organisation's own code")
    if value in RESERVED_CODOPS:
        raise problem(f"'{value}' is reserved", "write your organisation's own code")
    if not re.fullmatch(CODOPS_PATTERN.strip("^$"), value):
        raise problem(
            f"{quoted(value)} is not a codops{foreign_character(value)}",
            "write 2 to 32 lower-case letters, digits, '_' and '-', a letter first, such as debr",
        )
    return value


def task_name(value: str) -> str:
    """Check a task's name: it becomes part of an Airflow task id."""
    if value in RESERVED_TASK_NAMES:
        raise problem(f"the name '{value}' is reserved", "give the task another name")
    if not re.fullmatch(TASK_NAME_PATTERN.strip("^$"), value) or not value.strip("."):
        raise problem(
            f"{quoted(value)} is not a task's name{foreign_character(value)}",
            "write at most 100 letters (A-Z, a-z), digits, '_', '-' and '.'",
        )
    return value


def notebook_path(value: str) -> str:
    """Check and normalise the path of a notebook, relative to the repository's root."""
    if not value.isprintable():
        raise problem(
            f"{quoted(value)} is not a path{foreign_character(value)}",
            "write it on one line, without characters that cannot be printed",
        )
    if len(value) > PATH_LIMIT_CHARACTERS:
        raise problem(f"a path of {len(value):,} characters, and {PATH_LIMIT_CHARACTERS:,} are read", "shorten it")
    if "\\" in value:
        raise problem(f"{quoted(value)} has a '\\' in it", "write the path with '/'")
    if value.startswith("/"):
        raise problem(f"{quoted(value)} is absolute", "write the path from the repository's root, without '/' first")
    if ".." in value.split("/"):
        raise problem(f"{quoted(value)} has '..' in it", "write the path from the repository's root")
    if not value.endswith(NOTEBOOK_SUFFIXES):
        raise problem(f"{quoted(value)} is not a notebook", "name a file that ends in .ipynb or .py")
    return posixpath.normpath(value)


def method_name(value: str) -> str:
    """Check the name of an entry function."""
    # As Python itself reads identifiers: https://docs.python.org/3/reference/lexical_analysis.html#identifiers
    name = unicodedata.normalize("NFKC", value)
    if len(name) > NAME_LIMIT_CHARACTERS:
        raise problem(f"a name of {len(name):,} characters, and {NAME_LIMIT_CHARACTERS} are read", "shorten it")
    if not name.isidentifier() or keyword.iskeyword(name):
        remedy = "write the name of a function of the notebook"
        if name.partition("(")[0].isidentifier() and name.endswith(")"):
            remedy += f", without parentheses: {name.partition('(')[0]}"
        raise problem(f"{quoted(value)} is not the name of a function", remedy)
    return name


def loop_name(value: str) -> str:
    """Check a task's loop."""
    if value != METADATA_LOOP:
        raise problem(
            f"{quoted(value)} is not a loop to choose{foreign_character(value)}",
            "write 'metadata', or leave 'loop' out for the organisation's own loop",
        )
    return value


def executor_name(value: str) -> str:
    """Check a task's executor."""
    if value != "python":
        raise problem(
            f"there is no executor {quoted(value)}{foreign_character(value)}", "write 'python', or leave 'executor' out"
        )
    return value


def argument_name(value: str) -> str:
    """Check the name of a keyword argument."""
    if not value.isidentifier() or len(value) > NAME_LIMIT_CHARACTERS:
        raise problem(
            f"{quoted(value)} is not the name of an argument",
            "write the name of a parameter of the entry function",
        )
    return value


def arguments(value: dict[str, Any]) -> dict[str, Any]:
    """Check the size of all arguments of a task as they are handed over."""
    try:
        size_bytes = len(json.dumps(encode(value), ensure_ascii=False).encode("utf-8", "surrogatepass"))
    except TypeError as error:
        raise problem(str(error), "write plain text, numbers, lists and mappings") from None
    if size_bytes > ARGS_LIMIT_BYTES:
        raise problem(
            f"args have {size_bytes:,} bytes, and {ARGS_LIMIT_BYTES:,} are passed",
            "keep data in a file beside the notebook",
        )
    return value


def requirement(value: str) -> str:
    """Check and normalise a requirement."""
    try:
        return normalise_requirement(value)
    except RequirementError as error:
        raise problem(error.cause, error.remedy) from None
