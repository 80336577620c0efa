"""What one git host knows us by: user and password, or token."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from airflow_peach.errors import PeachError

# Gives user and password of an Airflow connection; raises ``PeachError`` where there is none of this id.
Credentials = "Callable[[str], tuple[str, str]]"


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


_PORTS = {"http": 80, "https": 443, "ssh": 22}
