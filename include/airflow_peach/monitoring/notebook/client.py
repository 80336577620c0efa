"""Asks the plugin's API and Airflow's, and keeps the login: it is renewed when it has expired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from airflow_peach.errors import PeachError
from airflow_peach.monitoring.api.answers import Answer, ExecutionsAnswer, OrganisationAnswer, Overview

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS = 30.0
# What an expired and an unusable token are answered with; any other 403 is a permission that is missing.
_LOG_IN_AGAIN = ((401, None), (403, "Invalid JWT token"))

_A = TypeVar("_A", bound=Answer)


class LoginNeededError(PeachError):
    """There is no login, or it is no longer good; the message says which."""


class RequestError(PeachError):
    """The request was answered with something else than what was asked for; the message says why."""


class Client:
    """One Airflow, one user.

    Credentials stay in this object, for as long as it lives, so that the login can be renewed; they are in no message
    and in no address.
    """

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        """Describe; nothing is asked yet.

        Args:
            url: of Airflow, below a sub-path too.
            environment: where ``PEACH_TOKEN``, ``PEACH_USERNAME`` and ``PEACH_PASSWORD`` may be.

        Raises:
            PeachError: ``url`` is no http or https URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
            raise PeachError("url: expected the address of Airflow, as in https://airflow.example.org, without a login")
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=f"{self.url}/", timeout=TIMEOUT_SECONDS)
        self._token = environment.get("PEACH_TOKEN", "")
        self._credentials: dict[str, str] | None = None
        if environment.get("PEACH_USERNAME") and environment.get("PEACH_PASSWORD"):
            self._credentials = {"username": environment["PEACH_USERNAME"], "password": environment["PEACH_PASSWORD"]}

    def log_in(self, username: str, password: str) -> None:
        """Log in, and from now on renew the login with these. Raises ``LoginNeededError`` when they are refused."""
        credentials = {"username": username, "password": password}
        self._token = self._new_token(credentials)
        self._credentials = credentials

    def overview(self) -> Overview:
        """Return all organisations; what each of these calls raises is ``LoginNeededError`` or ``RequestError``."""
        return self._answer("peach/api/organisations", Overview)

    def organisation(self, codops: str) -> OrganisationAnswer:
        """Return one organisation."""
        return self._answer(f"peach/api/organisations/{_segment(codops)}", OrganisationAnswer)

    def executions(
        self, codops: str, task: str, loop: str, *, limit: int, before: int | None = None
    ) -> ExecutionsAnswer:
        """Return a page of executions."""
        path = f"peach/api/organisations/{_segment(codops)}/tasks/{_segment(task)}/executions"
        wanted: dict[str, str | int] = {"loop": loop, "limit": limit}
        return self._answer(path, ExecutionsAnswer, wanted if before is None else {**wanted, "before": before})

    def log(self, log_url: str) -> list[Any]:
        """Return the entries of an execution's log, as Airflow's API gives them."""
        content = self._get(log_url, {"full_content": "true"}).get("content", [])
        return content if isinstance(content, list) else [content]

    def _answer(self, path: str, model: type[_A], parameters: Mapping[str, str | int] | None = None) -> _A:
        # A newer server may answer more than we know.
        return model.model_validate(self._get(path, parameters))

    def _get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        if not self._token:
            self._token = self._new_token(self._credentials)
        response = self._send(path, parameters)
        if _is_about_login(response):
            self._token = ""
            if self._credentials is None:
                raise LoginNeededError("your login has expired: log in again")
            self._token = self._new_token(self._credentials)
            response = self._send(path, parameters)
        return self._content(response)

    def _send(self, path: str, parameters: Mapping[str, str | int] | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        try:
            return self._http.get(path, params=parameters, headers=headers)
        except httpx.HTTPError as error:
            raise RequestError(f"{self.url} does not answer: {error}") from error

    def _content(self, response: httpx.Response) -> dict[str, Any]:
        if response.status_code != httpx.codes.OK:
            raise RequestError(f"{self.url} answered {response.status_code}: {_detail(response)}")
        try:
            content = response.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise RequestError(f"{self.url} answered something else than JSON: is it the address of Airflow?")
        return content

    def _new_token(self, credentials: Mapping[str, str] | None) -> str:
        try:
            if credentials is None:
                # An Airflow where everybody is admin gives one for the asking.
                response = self._http.get("auth/token")
            else:
                response = self._http.post("auth/token", json=dict(credentials))
        except httpx.HTTPError as error:
            raise RequestError(f"{self.url} does not answer: {error}") from error
        if response.status_code not in {httpx.codes.OK, httpx.codes.CREATED}:
            if credentials is None:
                raise LoginNeededError("log in to see the tasks")
            raise LoginNeededError("this user and password were refused")
        token = self._content_of_login(response)
        if not token:
            raise RequestError(f"{self.url} gave no token: is it the address of Airflow?")
        return token

    def _content_of_login(self, response: httpx.Response) -> str:
        try:
            content = response.json()
        except ValueError:
            return ""
        token = content.get("access_token") if isinstance(content, dict) else None
        return token if isinstance(token, str) else ""


def _segment(text: str) -> str:
    return quote(text, safe="")


def _is_about_login(response: httpx.Response) -> bool:
    return any(
        response.status_code == status and detail in {None, _detail(response)} for status, detail in _LOG_IN_AGAIN
    )


def _detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
    return detail if isinstance(detail, str) else response.reason_phrase
