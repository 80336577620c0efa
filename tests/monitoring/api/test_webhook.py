from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

import pytest
from tests.asgi import ask

from airflow_peach.catalogue.sync_request import last_request
from airflow_peach.monitoring.api import webhook

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fastapi import FastAPI
    from httpx import Response

SECRET = "s3cret of the webhook"  # noqa: S105 - of this test
PUSH = b'{"object_kind": "push"}'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW__PEACH__HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__PEACH__WEBHOOK_CONNECTION", "peach_webhook")
    monkeypatch.setattr(webhook, "connection_login", lambda _: ("", SECRET))
    monkeypatch.setattr(webhook, "_failures", webhook.Failures())
    webhook._known_secrets.clear()
    return tmp_path


def push(app: FastAPI, headers: Mapping[str, str], content: bytes = PUSH) -> Response:
    return ask(app, "POST", "/peach/api/sync", headers, content=content)


def signed(secret: str = SECRET, content: bytes = PUSH) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()}


@pytest.mark.parametrize("headers", [{"X-Gitlab-Token": SECRET}, signed()], ids=["gitlab", "github"])
def test_who_knows_the_secret_requests_a_sync(simple_app: FastAPI, home: Path, headers: dict[str, str]) -> None:
    assert push(simple_app, headers).status_code == 202
    first = last_request(home)
    assert first

    assert push(simple_app, headers).status_code == 202
    assert last_request(home) > first


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Gitlab-Token": ""},
        {"X-Gitlab-Token": SECRET[:-1]},
        {"X-Gitlab-Token": "another", **signed()},
        signed("another"),
        signed(content=b"another"),
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": signed()["X-Hub-Signature-256"].removeprefix("sha256=")},
    ],
)
def test_a_stranger_learns_and_does_nothing(simple_app: FastAPI, home: Path, headers: dict[str, str]) -> None:
    answer = push(simple_app, headers)

    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})
    assert not last_request(home)


def test_without_a_secret_nobody_is_listened_to(
    simple_app: FastAPI, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "connection_login", lambda _: ("", ""))
    assert push(simple_app, {"X-Gitlab-Token": ""}).status_code == 401

    monkeypatch.setenv("AIRFLOW__PEACH__WEBHOOK_CONNECTION", "")
    assert push(simple_app, {"X-Gitlab-Token": SECRET}).status_code == 401
    assert not last_request(home)


def test_who_guesses_is_not_listened_to_for_a_while(simple_app: FastAPI, home: Path) -> None:
    answers = [push(simple_app, {"X-Gitlab-Token": f"{number}"}).status_code for number in range(21)]

    assert answers == [401] * webhook.FAILURES_A_MINUTE + [429]
    assert push(simple_app, {"X-Gitlab-Token": SECRET}).status_code == 429
    assert not last_request(home)


def test_the_memory_of_failures_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_ADDRESSES", 10)
    failures = webhook.Failures()

    for number in range(1000):
        failures.add(f"{number}")

    assert len(failures._times) == 10
