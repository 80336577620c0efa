"""What one git host knows us by: user and password, or token."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from airflow_peach.authoring.platform.definitions import HostSourceSettings

    # Gives user and password of an Airflow connection; raises ``PeachError`` where there is none of this id.
    Credentials: TypeAlias = Callable[[str], tuple[str, str]]

_PORTS = {"http": 80, "https": 443, "ssh": 22}


class LoginError(PeachError):
    """A login is named that is not there."""


@dataclass(frozen=True)
class Login:
    """User and password for one host, and for no other.

    Attributes:
        origin: scheme, host and port, as in ``https://git.example.org:8443``.
    """

    origin: str
    username: str
    password: str = field(repr=False)

    def is_for(self, url: str) -> bool:
        """Whether ``url`` is of this login's host."""
        return origin_of(url) == self.origin


def find_login(source: HostSourceSettings, username: str, credentials: Credentials | None) -> Login | None:
    """Return the login that the platform's file names for a source, None when it names none.

    Args:
        source: what the platform's file says.
        username: for where the connection has none; hosts that take a token ask for any.
        credentials: None where there are no connections.

    Raises:
        LoginError: there is no such variable, or no token in the connection.
        PeachError: ``credentials`` raised it.
    """
    origin = origin_of(source.url)
    if source.token_variable is not None:
        token = os.environ.get(source.token_variable, "").strip()
        if not token:
            raise LoginError(
                f"the environment variable {source.token_variable} has no token; set it where repositories are "
                "synced and where tasks run"
            )
        return Login(origin, username, token)
    if source.connection is None:
        return None
    if credentials is None:
        raise LoginError(f"the token is in the Airflow connection {source.connection}, and there is no Airflow here")
    user, token = credentials(source.connection)
    if not token:
        raise LoginError(f"the Airflow connection {source.connection} has no password; put the token there")
    return Login(origin, user or username, token)


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, the port only where it is not the scheme's; empty for what has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, _PORTS.get(parts.scheme)} else "")
