"""Requirements: PEP 508 and nothing else, so that what an organisation asks for is all in its files."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement

from airflow_peach.authoring.problems import ProblemError, foreign_character, quoted

LIMIT_CHARACTERS = 1000

_LOCAL_SCHEMES = {"", "file", "git+file"}
_SINGLE_EQUALS = re.compile(r"^([A-Za-z0-9._-]+(?:\[[^\]]*\])?)\s*(?:=|\s)\s*([0-9][^\s=,;]*)$")
_ADDRESS = re.compile(r"^[a-z+]+://")
_INDEX_OPTIONS = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host")


class RequirementError(ProblemError):
    """The text is not a requirement, or one we do not take."""


def normalise_requirement(text: str) -> str:
    """Return the requirement as ``packaging`` writes it; direct references are fine.

    Raises:
        RequirementError: an option of pip, a path, more than one line, with ``$`` or a backslash in it, or not
            PEP 508; the remedy says what to write.
    """
    text = text.strip()
    if not text:
        raise RequirementError("an empty requirement", "name a package, such as orjson==3.3.1")
    if len(text) > LIMIT_CHARACTERS:
        raise RequirementError(f"a requirement of {len(text)} characters is too long")
    if fault := unsafe_in_a_file(text):
        raise RequirementError(f"{quoted(text)} {fault}", "write it out, on one line, without it")
    if text.startswith("-"):
        raise RequirementError(f"{quoted(text)} is an option of pip, not a requirement", _instead(text))
    if text.startswith(("/", "./", "../", "~", ".\\")) or text == ".":
        raise RequirementError(
            f"{quoted(text)} is a path",
            "publish the package, or refer to its repository: name @ git+https://…",
        )
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        why = str(error).splitlines()[0]
        why = why[:1].lower() + why[1:] + foreign_character(text)
        raise RequirementError(f"{quoted(text)} is not a requirement (PEP 508): {why}", _correction(text)) from None
    if requirement.url is not None:
        _check_address(text, requirement.url)
    return str(requirement)


def unsafe_in_a_file(text: str) -> str:
    """Return why a line of a requirements file must not hold ``text``, or an empty string.

    There, an installer replaces ``${VARIABLE}`` by a variable of its own, and those hold the indexes' passwords;
    a new line begins another requirement, or an option; a backslash at the end takes the next line away. PEP 508
    itself allows all three in an address.
    """
    if not text.isprintable():
        return f"holds a line break or another character that cannot be printed{foreign_character(text)}"
    if "$" in text:
        return "holds a '$', which stands for a variable of the platform"
    return "holds a backslash" if "\\" in text else ""


def is_direct_reference(text: str) -> bool:
    """Whether a valid requirement names an address (``lib @ git+https://…``) and not an index's package."""
    return Requirement(text).url is not None


def _check_address(text: str, url: str) -> None:
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        raise RequirementError(f"{quoted(text)} has no valid address", "check what follows '@'") from None
    if scheme in _LOCAL_SCHEMES:
        # Besides, a file of the machine that builds the environment is not the author's to read.
        raise RequirementError(
            f"{quoted(text)} refers to a file, which is not there where the environment is built",
            "refer to an address: name @ git+https://…",
        )


def _instead(text: str) -> str:
    option = re.split(r"[\s=]", text, maxsplit=1)[0]
    if option in _INDEX_OPTIONS:
        return "package indexes are set in the platform's file: ask its operator"
    if option in {"-r", "--requirement", "-c", "--constraint"}:
        return "list its requirements here"
    if option in {"-e", "--editable"}:
        return "write name @ git+https://…"
    return "remove it"


def _correction(text: str) -> str:
    if text.startswith("pip "):
        return "leave out the command and list the packages only"
    single = _SINGLE_EQUALS.match(text)
    if single:
        return f"did you mean '{single[1]}=={single[2]}'?"
    if _ADDRESS.match(text):
        return f"write name @ {text}"
    if "#" in text:
        return "put the comment outside the quotes"
    return "write it as in orjson==3.3.1 or pyarrow>=10,<12"
