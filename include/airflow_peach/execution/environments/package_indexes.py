"""Package indexes: where uv may look for packages, and with which credentials.

Credentials travel in environment variables only, never on a command line, and are taken out of whatever uv
says about them.
"""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# What uv needs of the machine it runs on: programs, certificates, proxies, how patient to be with a network.
# fmt: off
_MACHINE_VARIABLES = frozenset((
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "NETRC", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "SSL_CLIENT_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy",
    "no_proxy", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_INSECURE_HOST", "UV_HTTP_TIMEOUT",
    "UV_HTTP_RETRIES", "UV_OFFLINE", "UV_CONCURRENT_DOWNLOADS", "UV_CONCURRENT_BUILDS",
    "UV_CONCURRENT_INSTALLS", "UV_KEYRING_PROVIDER", "UV_CREDENTIALS_DIR",
))
# fmt: on

# The machine's own choice of indexes (a mirror, say), in uv's words. Ignored where the platform file chooses.
# fmt: off
_INDEX_VARIABLES = frozenset((
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS",
    "UV_INDEX_STRATEGY", "UV_EXCLUDE_NEWER", "UV_CONFIG_FILE", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS",
))
# fmt: on
_LOCATION_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
_CREDENTIAL_VARIABLES = frozenset(("NETRC", "UV_CREDENTIALS_DIR", "UV_KEYRING_PROVIDER"))
_INDEX_CREDENTIAL = re.compile(r"UV_INDEX_\w+_(?:USERNAME|PASSWORD)")

# uv does not read pip's variables. Where a machine has only these, they mean the same.
_PIP_VARIABLES = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX"}

_USER_INFO = re.compile(r"(?<=://)(?!git@)[^/\s@'\"`]+@")
HIDDEN = "***"


class PackageIndexError(PeachError):
    """An index is described in a way that cannot work."""


@dataclass(frozen=True)
class Index:
    """A package index of the platform file.

    Attributes:
        name: letters, digits, ``-`` and ``_``; unique among the indexes.
        url: without credentials.
        kind: ``simple`` for an index as PEP 503 has it; ``flat`` for a folder or a page with the files.
    """

    name: str
    url: str
    kind: Literal["simple", "flat"] = "simple"
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise PackageIndexError(f"package index {self.name!r}: a name has only letters, digits, '-' and '_'")
        if re.search(r"[\s,]", self.url):
            raise PackageIndexError(f"package index {self.name}: write a space or comma in its URL as %20 or %2C")
        if _USER_INFO.search(self.url):
            raise PackageIndexError(
                f"package index {self.name}: credentials in its URL would be shown; give them apart"
            )


@dataclass(frozen=True)
class IndexAccess:
    """How uv is told of the indexes: variables and options for it, and what to hide in its answers.

    Attributes:
        variables: for uv's environment, credentials among them.
        options: for its command line; no secrets.
        secrets: texts that must not be shown.
        readable: files and directories of this machine that uv reads for it: local indexes, configuration.
        identity: a hash of where packages come from, without credentials.
    """

    variables: Mapping[str, str] = field(repr=False)
    options: tuple[str, ...]
    secrets: tuple[str, ...] = field(repr=False)
    readable: tuple[Path, ...]
    identity: str

    def hide(self, text: str) -> str:
        """Return ``text`` without credentials."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return hide_credentials(text)


def hide_credentials(text: str) -> str:
    """Return ``text`` without the user and password of any URL in it."""
    return _USER_INFO.sub(f"{HIDDEN}@", text)


def index_access(indexes: Sequence[Index], machine: Mapping[str, str]) -> IndexAccess:
    """Say how uv gets at ``indexes``, on a machine with the environment variables ``machine``.

    With indexes, these and no others are asked, the first one first; a package that the first has is taken
    from there, so that nobody can slip in a package of the same name through a later one. Without, the
    machine's own configuration counts: uv's variables and files, or pip's variables.
    """
    variables = {name: value for name, value in machine.items() if name in _MACHINE_VARIABLES}
    configuration: tuple[Path, ...] = ()
    if indexes:
        # What packages' own build code could read, and a connection gives instead.
        variables = {name: value for name, value in variables.items() if name not in _CREDENTIAL_VARIABLES}
        chosen = _platform_variables(indexes)
        options: tuple[str, ...] = () if "UV_DEFAULT_INDEX" in chosen else ("--no-index",)
        secrets = [secret for index in indexes for secret in _forms(index.password)]
    else:
        chosen = _machine_index_variables(machine)
        variables |= _where_configuration_is(machine)
        configuration = _configuration({**variables, **chosen})
        options = ()
        secrets = [secret for value in chosen.values() for secret in _passwords_in(value)]
        secrets += [value for name, value in chosen.items() if name.endswith("_PASSWORD")]
    public = sorted(
        (name, _USER_INFO.sub("", value)) for name, value in chosen.items() if not _INDEX_CREDENTIAL.fullmatch(name)
    )
    return IndexAccess(
        variables={**variables, **chosen},
        options=options,
        secrets=tuple(sorted(set(filter(None, secrets)), key=len, reverse=True)),
        readable=(*_local_indexes(chosen), *configuration),
        identity=hashlib.sha256(repr(public).encode()).hexdigest(),
    )


def _platform_variables(indexes: Sequence[Index]) -> dict[str, str]:
    simple = [index for index in indexes if index.kind == "simple"]
    flat = [index for index in indexes if index.kind == "flat"]
    chosen = {"UV_NO_CONFIG": "1"}
    if simple:
        chosen["UV_DEFAULT_INDEX"] = f"{simple[-1].name}={simple[-1].url}"
        chosen["UV_INDEX"] = " ".join(f"{index.name}={index.url}" for index in simple[:-1])
    if flat:
        chosen["UV_FIND_LINKS"] = ",".join(_with_credentials(index) for index in flat)
    for index in simple:
        prefix = f"UV_INDEX_{re.sub('[^A-Z0-9]', '_', index.name.upper())}"
        if index.username:
            chosen[f"{prefix}_USERNAME"] = index.username
        if index.password:
            chosen[f"{prefix}_PASSWORD"] = index.password
    return chosen


def _with_credentials(index: Index) -> str:
    # uv has no variables for the credentials of these; in the URL they are still in the environment only.
    if not (index.username or index.password):
        return index.url
    scheme, _, rest = index.url.partition("://")
    user_info = ":".join(urllib.parse.quote(part, safe="") for part in (index.username, index.password))
    return f"{scheme}://{user_info}@{rest}"


def _machine_index_variables(machine: Mapping[str, str]) -> dict[str, str]:
    chosen = {
        name: value for name, value in machine.items() if name in _INDEX_VARIABLES or _INDEX_CREDENTIAL.fullmatch(name)
    }
    if not any("INDEX" in name for name in chosen):
        chosen |= {uv: machine[pip] for pip, uv in _PIP_VARIABLES.items() if machine.get(pip)}
    return chosen


def _where_configuration_is(machine: Mapping[str, str]) -> dict[str, str]:
    """Name what uv would find below the home of who runs it: it gets another home."""
    home = Path(machine.get("HOME", "/"))
    places = {
        "XDG_CONFIG_HOME": home / ".config",
        "UV_CREDENTIALS_DIR": home / ".local" / "share" / "uv" / "credentials",
        "NETRC": home / ".netrc",
    }
    return {name: str(path) for name, path in places.items() if not machine.get(name) and path.exists()}


def _configuration(variables: Mapping[str, str]) -> tuple[Path, ...]:
    files = [variables[name] for name in ("NETRC", "UV_CREDENTIALS_DIR", "UV_CONFIG_FILE") if variables.get(name)]
    folders = [variables.get("XDG_CONFIG_HOME", ""), *variables.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"), "/etc"]
    return (*map(Path, files), *(Path(folder, "uv") for folder in folders if folder))


def _local_indexes(variables: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the directories among the indexes."""
    named = (variables.get(name, "") for name in _LOCATION_VARIABLES)
    locations = (re.sub(r"^[\w.-]+=", "", location) for text in named for location in re.split(r"[\s,]+", text))
    paths = (urllib.parse.unquote(location.removeprefix("file://")) for location in locations)
    return tuple(Path(path) for path in paths if path.startswith("/"))


def _passwords_in(text: str) -> Iterable[str]:
    for user_info in _USER_INFO.findall(text):
        _, _, password = user_info.removesuffix("@").partition(":")
        yield from _forms(urllib.parse.unquote(password))


def _forms(secret: str) -> tuple[str, ...]:
    """The secret as it is and as it stands in a URL."""
    return (secret, urllib.parse.quote(secret, safe="")) if secret else ()
